"""Runs in this process, with the engine's runner.

A run is recorded before it starts and closed when it ends, whatever ends it: its last block, its deadline, a cancel,
the end of the server, or a fault of ours. The task of a run belongs to this service and not to the request that asked
for it, so a caller who leaves changes nothing.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from structlog import get_logger

from engine.document import new_id
from engine.run.context import RunSettings
from engine.server.runs.ids import new_execution_id
from engine.server.runs.live import EndedRun, LiveRun
from engine.server.runs.play import played, stopped
from engine.server.runs.port import (
    FinishedRun,
    KeyUsedOtherwise,
    Run,
    RunOrder,
    RunRefused,
    WebhookNotActive,
    WorkflowChanged,
)
from engine.server.runs.record import as_json, bare_row, finish_row, unkept
from engine.server.runs.slots import Slots
from engine.server.runs.stored import StoredRun
from engine.store import Database, StoreUnavailable, executions, recording

MAX_PAUSE_S = 10.0
CLOSING_WAIT_S = 5.0
ObserveRun = Callable[[str, str, float], None]
"""Hears trigger, status and seconds of each run once it is closed."""


def _ignore(_trigger: str, _status: str, _seconds: float) -> None:
    return


class LocalRuns:
    """Runs of this process, and a way to those of others. `owner` is the process's id in the store."""

    def __init__(
        self,
        db: Database,
        owner: str,
        settings: RunSettings,
        places: int,
        max_waiting: int,
        observe: ObserveRun = _ignore,
    ) -> None:
        self._db = db
        self._observe = observe
        self._owner = owner
        self._settings = settings
        self._slots = Slots(places, max_waiting)
        self._live: dict[str, LiveRun] = {}
        self._under_way = 0
        """Runs from the moment they are about to be recorded to that when their end is."""
        self._is_closing = False
        self._all_ended = asyncio.Event()

    @property
    def live(self) -> list[LiveRun]:
        """The runs under way."""
        return list(self._live.values())

    @property
    def waiting(self) -> int:
        """How many runs wait for a place."""
        return self._slots.waiting

    async def start(self, order: RunOrder) -> Run:
        """Record the run and begin it."""
        if order.workflow.can_wait:
            await self._slots.take(order.workflow.id)
        try:
            started = self._submit(order)
        except BaseException:
            self._give_place_back(order)
            raise
        return await started

    def _submit(self, order: RunOrder) -> "asyncio.Future[Run]":
        """Have the run recorded; the future is told when it is.

        A run that only computes, and briefly, is computed first and recorded with its end: it touches nothing else,
        so nobody can tell, and if it may not start after all, its result is dropped.
        """
        if self._is_closing or self._db.is_busy:
            raise StoreUnavailable("The server is stopping, or has too much to do. Try again in a moment.")
        row = self._start_row(order)
        started: asyncio.Future[Run] = asyncio.get_running_loop().create_future()
        finished = None if order.workflow.can_wait else self._computed(order, row)
        if finished is None:
            self._db.submit(recording.start, row, partial(self._on_started, order, row, started))
        else:
            finished, end_row = self._end_of(order, finished, saved=0)
            whole = row, end_row
            self._db.submit(recording.record, whole, partial(self._on_recorded, order, finished, started))
        self._under_way += 1
        return started

    def _computed(self, order: RunOrder, row: recording.Start) -> FinishedRun | None:
        """How the run ends, if it gets there at once; None for one that gives way to others on the event loop."""
        work = played(order, LiveRun(row.execution_id, row.revision), self._settings)
        try:
            work.send(None)
        except StopIteration as end:
            finished: FinishedRun = end.value
            return finished
        work.close()
        return None

    async def find(self, execution_id: str) -> Run | None:
        """The run with this id, of whichever process."""
        if execution_id in self._live:
            return self._live[execution_id]
        found = await self._db.read(lambda connection: executions.find(connection, execution_id))
        return None if found is None else StoredRun(self._db, execution_id)

    async def cancel(self, execution_id: str) -> None:
        """Ask the run to end, here or in the process that has it."""
        if execution_id in self._live:
            self.cancel_here(execution_id)
        else:
            await self._db.write(lambda connection: executions.ask_to_cancel(connection, execution_id))

    def cancel_here(self, execution_id: str) -> None:
        """End a run of this process, if it is still under way."""
        live = self._live.get(execution_id)
        if live is not None and live.task is not None and not live.is_cancelled:
            live.is_cancelled = True
            live.task.cancel()

    async def drain(self, wait_s: float) -> None:
        """Take no more runs, give those under way this long, then end them. All are closed in the store afterwards."""
        self._is_closing = True
        if not await self._all_end_within(wait_s):
            for live in self.live:
                if live.task is not None:
                    live.task.cancel()
            await self._all_end_within(CLOSING_WAIT_S)

    async def _all_end_within(self, wait_s: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                while self._under_way:
                    self._all_ended.clear()
                    await self._all_ended.wait()
        return not self._under_way

    def _on_recorded(
        self,
        order: RunOrder,
        finished: FinishedRun,
        started: "asyncio.Future[Run]",
        answer: recording.Started | None,
        error: Exception | None,
    ) -> None:
        """The store has a whole run, or tells why it may not be."""
        self._has_ended()
        if error is not None or answer is None or answer.how != "started":
            self._refuse(started, answer, error)
            return
        order.workflow.is_used = True
        _settle(started, EndedRun(finished))
        self._tell(order, finished)

    def _on_started(
        self,
        order: RunOrder,
        row: recording.Start,
        started: "asyncio.Future[Run]",
        answer: recording.Started | None,
        error: Exception | None,
    ) -> None:
        """The store has the beginning of a run, or tells why it may not start. No cancel can come in between."""
        if error is not None or answer is None or answer.how != "started":
            self._give_place_back(order)
            self._has_ended()
            self._refuse(started, answer, error)
            return
        order.workflow.is_used = True
        live = self._live[row.execution_id] = LiveRun(row.execution_id, row.revision)
        live.task = asyncio.get_running_loop().create_task(played(order, live, self._settings), name="run")
        live.task.add_done_callback(partial(self._on_played, order, live))
        _settle(started, live)

    def _refuse(
        self, started: "asyncio.Future[Run]", answer: recording.Started | None, error: Exception | None
    ) -> None:
        if error is None and answer is not None and answer.how == "known":
            earlier = self._live.get(answer.execution_id)
            _settle(started, earlier or StoredRun(self._db, answer.execution_id))
        else:
            _settle(started, error or _refusal(answer))

    def _on_played(self, order: RunOrder, live: LiveRun, task: "asyncio.Task[FinishedRun]") -> None:
        # A callback and not the task's own last words: one that is cancelled before its first step never speaks.
        finished = stopped(live) if task.cancelled() else task.result()
        self._give_place_back(order)
        self._record_end(order, live, *self._end_of(order, finished, live.saved))

    def _record_end(
        self, order: RunOrder, live: LiveRun, finished: FinishedRun, row: recording.Finish, pause_s: float = 0.2
    ) -> None:
        """Record the end. While the store does not take it, whoever waits is told so, and it is tried again."""

        def on_done(is_ours: bool | None, error: Exception | None) -> None:
            if error is None:
                self._on_closed(order, live, finished, is_ours=bool(is_ours))
                return
            live.close(error)
            if self._is_closing:
                get_logger().error("the end of a run could not be recorded", execution_id=live.execution_id)
                self._forget(live)
                return
            if isinstance(error, StoreUnavailable):
                end = finished, row
            else:  # it is what the run did that the store refuses
                end = unkept(finished), bare_row(unkept(finished), self._owner)
            again = partial(self._record_end, order, live, *end, min(pause_s * 2, MAX_PAUSE_S))
            asyncio.get_running_loop().call_later(pause_s, again)

        self._db.submit(recording.finish, row, on_done)

    def _on_closed(self, order: RunOrder, live: LiveRun, finished: FinishedRun, *, is_ours: bool) -> None:
        if is_ours:
            live.close(finished)
            self._forget(live)
        else:  # deleted meanwhile, or closed by another server that took this one for dead
            live.heir = asyncio.get_running_loop().create_task(self._adopt(live))
        self._tell(order, finished)

    async def _adopt(self, live: LiveRun) -> None:
        """Tell what the store says of a run that is not ours any more."""
        try:
            live.close(await StoredRun(self._db, live.execution_id).finished())
        except StoreUnavailable as error:
            live.close(error)
        finally:
            self._forget(live)

    def _tell(self, order: RunOrder, finished: FinishedRun) -> None:
        self._observe(order.trigger, finished.status, finished.events[-1].at - finished.events[0].at)

    def _forget(self, live: LiveRun) -> None:
        del self._live[live.execution_id]
        self._has_ended()

    def _has_ended(self) -> None:
        self._under_way -= 1
        if not self._under_way:
            self._all_ended.set()

    def _give_place_back(self, order: RunOrder) -> None:
        if order.workflow.can_wait:
            self._slots.give_back()

    def _start_row(self, order: RunOrder) -> recording.Start:
        workflow, key = order.workflow, order.idempotency
        return recording.Start(
            execution_id=new_execution_id(),
            workflow_id=workflow.id,
            stamp=workflow.stamp,
            version=workflow.version,
            revision=workflow.revision,
            trigger=order.trigger,
            input=as_json(order.variables) if workflow.has_entry else None,
            owner=self._owner,
            claims_webhook=order.claims_webhook,
            first_of_graph=not workflow.is_used,
            key=None if key is None else (key.scope, key.key, key.fingerprint),
        )

    def _end_of(self, order: RunOrder, finished: FinishedRun, saved: int) -> tuple[FinishedRun, recording.Finish]:
        """How the run ended, and the row that says so. `saved` events are in the store already."""
        try:
            return finished, finish_row(finished, self._owner, finished.events[saved:], order.workflow.workflow)
        except Exception as error:  # noqa: BLE001 - the border: a run is closed, whatever is wrong with its records
            get_logger().error("a run cannot be kept", execution_id=finished.execution_id, exc_info=error)
            return unkept(finished), bare_row(unkept(finished), self._owner)


def _settle(started: "asyncio.Future[Run]", answer: Run | Exception) -> None:
    if started.done():
        return  # whoever asked has gone
    if isinstance(answer, Exception):
        started.set_exception(answer)
    else:
        started.set_result(answer)


def _refusal(answer: recording.Started | None) -> RunRefused:
    if answer is not None and answer.how == "inactive":
        return WebhookNotActive("Webhook is not active")
    if answer is not None and answer.how == "mismatch":
        return KeyUsedOtherwise("This Idempotency-Key came with a different request before. Use a new key.")
    return WorkflowChanged("The workflow has changed. Load it again.")


@asynccontextmanager
async def open_runs(
    db: Database,
    run: RunSettings,
    *,
    places: int,
    max_waiting: int,
    drain_s: float,
    keep_s: float | None = None,
    observe: ObserveRun = _ignore,
) -> AsyncIterator[LocalRuns]:
    """The runs of a new server process, registered in the store. Leaving lets them end, and signs off."""
    from engine.server.runs.housekeeping import Housekeeping

    owner = new_id()
    runs = LocalRuns(db, owner, run, places, max_waiting, observe)
    async with Housekeeping(db, owner, runs, keep_s):
        try:
            yield runs
        finally:
            await runs.drain(drain_s)
