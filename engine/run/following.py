"""One run on a server, from the order to its last event, whatever the network does in between.

Our server numbers its events and keeps them, so a run there is followed by asking for what comes after the last one. Of
a platform server there is a stream that cannot be taken up again; when it ends too early, stalls or never begins, the
record of the run says how it went. Looking at the record is safe at any time, ordering a run twice is not.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import cached_property
from typing import Any, Literal

import msgspec

from engine.client import Execution, PlatformClient
from engine.client.platform import RunStream
from engine.client.records import BlockLog
from engine.client.transport import RUN_TIMEOUT_S
from engine.document import JsonObject, new_id
from engine.errors import ServerError, ServerFault, ServerUnreachable, TooManyRequests
from engine.events import AnyEvent, RunFinished
from engine.run.clock import Clock
from engine.run.frames import read_frames
from engine.run.translation import Translation, event_of, started_at

Link = Literal["following", "waiting", "lost"]
"""What is known of a run while it goes on: all as it happens, nothing until it ends, or nothing although it goes on."""

EVENT_WAIT_S = 20.0
ROW_PAUSES_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""A platform server writes the record after the last frame (contract 2.7)."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 10.0
PATIENCE_S = 900.0
"""How long a run is looked for after the connection was lost; servers end runs after 600 s."""
MAX_LOOKS = 4
MAX_ORDERS = 3
CANCEL_WAIT_S = 5.0
KNOWN_RUNS = 20
_FOR_A_WHILE = (ServerUnreachable, ServerFault, TooManyRequests)
_NO_STREAMS = (404, 405, 406, 501)
_WORKFLOW_MISSING = "WORKFLOW_NOT_FOUND"
_LOST = "The connection to the server was lost, and it does not tell how the run went on. Its history may, later."
_LEFT = "The run is not followed any more. It may go on at the server."
_CUT_SHORT = "The connection was lost, and the server ended the run before all blocks had run."


class Following:
    """Orders or finds a run and tells it to a `Translation`, which `translate` makes. Used once."""

    def __init__(
        self,
        client: PlatformClient,
        workflow_id: str,
        translate: Callable[[], Translation],
        clock: Clock,
        tell_link: Callable[[Link], None],
    ) -> None:
        self.execution_id: str | None = None
        """The server's id of the run, once it is known."""
        self.ends_the_run = False
        """Whether being cancelled shall end the run too, and not only that it is followed."""
        self._client = client
        self._workflow_id = workflow_id
        self._translate = translate
        self._clock = clock
        self._tell_link = tell_link
        self._link: Link | None = None
        self._extensions: frozenset[str] = frozenset()
        self._known: frozenset[str] = frozenset()

    @cached_property
    def _translation(self) -> Translation:
        # Made where the run is followed: whoever starts one shall not wait for its plan.
        return self._translate()

    async def run(self, variables: JsonObject) -> RunFinished:
        """Run the saved workflow; returns the last event.

        Raises:
            ServerError: the run could not begin; no event was told.
        """
        return await self._to_the_end(self._order(variables))

    async def follow(self, execution_id: str) -> RunFinished:
        """Follow a run that goes on already, or has ended; returns the last event. Errors as in `run`."""
        self.execution_id = execution_id
        return await self._to_the_end(self._join())

    async def _to_the_end(self, work: Coroutine[Any, Any, RunFinished]) -> RunFinished:
        """What `work` returns. However it ends: what was begun gets a last event."""
        try:
            return await work
        except ServerError as error:
            if not self._translation.is_begun:
                raise
            return self._translation.finish("failed", error=str(error))
        except asyncio.CancelledError:
            try:
                if self.ends_the_run:
                    await self._cancel_there()
            finally:
                self._take_leave()
            raise

    def _take_leave(self) -> None:
        """Say how the run ended for us, if it began and nobody said it yet."""
        if not self._translation.is_begun or self._translation.state.is_finished:
            return
        if self.ends_the_run:
            self._translation.finish("cancelled", why="The run was cancelled.")
        else:
            self._translation.finish("cancelled", error=_LEFT, why=_LEFT)

    # --- ordering ---------------------------------------------------------------------------------------------------

    async def _order(self, variables: JsonObject) -> RunFinished:
        self._extensions = await self._client.extensions()
        if "events" not in self._extensions:
            listed = await self._client.executions(self._workflow_id, limit=KNOWN_RUNS)
            self._known = frozenset(row.id for row in listed)
        try:
            await self._open_stream(variables)
        except ServerUnreachable as error:
            if not self._translation.is_begun and not error.may_have_arrived:
                raise
            return await self._after_loss(error, variables)
        except ServerError as error:
            if error.status not in _NO_STREAMS or error.code == _WORKFLOW_MISSING:
                raise
            return await self._wait_for(variables)
        return await self._after_stream()

    async def _open_stream(self, variables: JsonObject) -> None:
        """Order the run and read its stream to the end; of our server only the id of the run is read.

        With a key for it the order is given again when nobody knows whether it arrived.
        """
        key = new_id() if "idempotency" in self._extensions else None
        for left in reversed(range(MAX_ORDERS if key else 1)):
            try:
                async with self._opened_stream(variables, key) as stream:
                    self.execution_id = stream.execution_id
                    if not self._has_events:
                        self._begin(variables, "following")
                        await read_frames(stream.frames, self._take_frame, self._is_over, self._clock)
                return
            except ServerUnreachable:
                if not left or self._translation.is_begun:
                    raise
                await self._clock.sleep(FIRST_PAUSE_S)

    @asynccontextmanager
    async def _opened_stream(self, variables: JsonObject, key: str | None) -> AsyncIterator[RunStream]:
        """The stream, once the server has begun to answer: until then the run may stand in a queue."""
        async with AsyncExitStack() as stack:
            try:
                async with self._clock.timeout(RUN_TIMEOUT_S):
                    opening = self._client.execute_stream(self._workflow_id, variables, idempotency_key=key)
                    stream = await stack.enter_async_context(opening)
            except TimeoutError:
                text = f"The server did not begin to answer within {RUN_TIMEOUT_S:g} s."
                raise ServerUnreachable(text, may_have_arrived=True) from None
            yield stream

    async def _wait_for(self, variables: JsonObject) -> RunFinished:
        """Run without a stream: nothing is known of the run until it has ended."""
        self._begin(variables, "waiting")
        try:
            reply = await self._client.execute(self._workflow_id, variables)
        except ServerUnreachable as error:
            if not error.may_have_arrived:
                raise
            return await self._after_loss(error, variables)
        except ServerFault as error:
            if error.execution_id is None and error.status not in (502, 504):
                raise
            # The run failed, or something on the way lost patience with it.
            self.execution_id = error.execution_id
            return await self._after_loss(error, variables)
        self.execution_id = reply.execution_id
        for log in reply.block_logs:
            with suppress(msgspec.ValidationError):
                self._translation.take_log(msgspec.convert(log, BlockLog))
        return self._translation.finish("completed", output=reply.output)

    async def _join(self) -> RunFinished:
        assert self.execution_id is not None
        self._extensions = await self._client.extensions()
        if self._has_events:
            return await self._follow_events()
        row = await self._client.execution(self._workflow_id, self.execution_id)
        self._translation.begin(row.id, row.input if isinstance(row.input, dict) else {}, started_at(row))
        if not row.is_over:
            self._tell("waiting")
        found = await self._look_for_end()
        return await self._finish_by(found) if found else self._give_up()

    # --- our server: numbered events ------------------------------------------------------------------------------

    @property
    def _has_events(self) -> bool:
        return self.execution_id is not None and "events" in self._extensions

    async def _follow_events(self) -> RunFinished:
        """Ask for what comes after the last event until there is nothing more; lost connections only take time."""
        assert self.execution_id is not None
        after, pause_s = 0, FIRST_PAUSE_S
        until = self._clock.monotonic() + PATIENCE_S
        while self._clock.monotonic() < until:
            try:
                told, is_over = await self._client.execution_events(
                    self._workflow_id, self.execution_id, after=after, wait_s=EVENT_WAIT_S
                )
            except _FOR_A_WHILE as error:
                self._tell("lost")
                await self._clock.sleep(getattr(error, "retry_after_s", None) or pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
                continue
            self._tell("following")
            until, pause_s = self._clock.monotonic() + PATIENCE_S, FIRST_PAUSE_S
            for raw in told:
                after = max(after, raw["seq"]) if isinstance(raw.get("seq"), int) else after
                if isinstance(event := self._pass_on(raw), RunFinished):
                    return event
            if is_over:
                return await self._finish_by(await self._client.execution(self._workflow_id, self.execution_id))
        return self._give_up()

    def _pass_on(self, raw: JsonObject) -> AnyEvent | None:
        event = event_of(raw, self._client.clock_offset_s)
        if event is not None:
            self._translation.pass_on(event)
        return event

    async def _cancel_there(self) -> None:
        """End the run at the server, and hear its last words. A platform server ends it when we go."""
        if self.execution_id is None or "cancel" not in self._extensions:
            return
        with suppress(ServerError, TimeoutError):
            async with self._clock.timeout(CANCEL_WAIT_S):
                await self._client.cancel_execution(self._workflow_id, self.execution_id)
                last = self._translation.state.last_seq
                told, _ = await self._client.execution_events(self._workflow_id, self.execution_id, after=last)
                for raw in told:
                    self._pass_on(raw)

    # --- a stream -------------------------------------------------------------------------------------------------

    def _begin(self, variables: JsonObject, link: Link) -> None:
        self._translation.begin(self.execution_id or new_id(), variables)
        self._tell(link)

    def _take_frame(self, frame: JsonObject) -> bool:
        """Tell what a frame says; returns whether more may come."""
        self._translation.take_frame(frame)
        return not self._translation.is_done and self._translation.error is None

    async def _is_over(self) -> bool:
        with suppress(ServerError):
            self.execution_id = self.execution_id or await self._find_ours({})
            if self.execution_id is not None:
                return (await self._client.execution(self._workflow_id, self.execution_id)).is_over
        return False

    async def _after_stream(self) -> RunFinished:
        translation = self._translation
        if self._has_events:
            return await self._follow_events()
        if translation.error is not None:
            return translation.finish("failed", error=translation.error, why=translation.error)
        self.execution_id = translation.execution_id or self.execution_id
        if not translation.is_done:
            return await self._after_loss(ServerUnreachable(_LOST, may_have_arrived=True), {})
        for pause_s in ROW_PAUSES_S:
            with suppress(ServerError):
                row = await self._client.execution(self._workflow_id, self.execution_id or "")
                if row.is_over:
                    return await self._finish_by(row)
            await self._clock.sleep(pause_s)
        return translation.finish("completed", output=translation.likely_output)

    # --- the record -----------------------------------------------------------------------------------------------

    async def _after_loss(self, error: ServerError, variables: JsonObject) -> RunFinished:
        """How the run went on without us, as its record says once it has ended.

        Raises:
            ServerError: the given one, when the server has no record of the run and nothing was told of it.
        """
        self._tell("lost")
        row = await self._look_for_end(variables)
        if row is not None:
            if not self._translation.is_begun:
                self._translation.begin(row.id, variables, started_at(row))
            return await self._finish_by(row)
        if not self._translation.is_begun:
            raise error
        return self._give_up()

    async def _look_for_end(self, variables: JsonObject | None = None) -> Execution | None:
        """The record of the run once it is over; None when there is none, or the server stays away."""
        pause_s, looks = FIRST_PAUSE_S, 0
        until = self._clock.monotonic() + PATIENCE_S
        while self._clock.monotonic() < until:
            with suppress(*_FOR_A_WHILE):
                self.execution_id = self.execution_id or await self._find_ours(variables or {})
                if self.execution_id is None:
                    looks += 1
                    if looks == MAX_LOOKS:
                        return None
                else:
                    row = await self._client.execution(self._workflow_id, self.execution_id)
                    if row.is_over:
                        return row
            await self._clock.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        return None

    async def _find_ours(self, variables: JsonObject) -> str | None:
        """The id of the run that was not there before we ordered ours; of several one that was given the same."""
        listed = await self._client.executions(self._workflow_id, limit=KNOWN_RUNS)
        new = [row for row in reversed(listed) if row.id not in self._known]
        alike = [row for row in new if isinstance(row.input, dict) and variables.items() <= row.input.items()]
        return next((row.id for row in alike or new), None)

    async def _finish_by(self, row: Execution) -> RunFinished:
        """The end as the record has it, with what the logs know and nobody told."""
        translation = self._translation
        if not translation.is_begun:
            translation.begin(row.id, row.input if isinstance(row.input, dict) else {}, started_at(row))
        translation.tell_skips()
        if translation.has_gaps:
            with suppress(ServerError):
                for log in await self._client.block_logs(self._workflow_id, row.id):
                    translation.take_log(log)
            translation.tell_skips()
        if row.status != "completed":
            return translation.finish("failed", error=row.error, why=row.error or "")
        if self._link == "lost" and translation.has_gaps:
            return translation.finish("failed", output=row.output, error=_CUT_SHORT, why=_CUT_SHORT)
        return translation.finish("completed", output=row.output)

    def _give_up(self) -> RunFinished:
        return self._translation.finish("failed", error=_LOST, why=_LOST)

    def _tell(self, link: Link) -> None:
        if link != self._link:
            self._link = link
            self._tell_link(link)
