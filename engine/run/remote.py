"""RemoteRunner: runs saved workflows on a server, with the same events as a run here."""

from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from engine.blocks import Catalog, default_catalog
from engine.client import Execution, PlatformClient
from engine.document import JsonObject, Workflow
from engine.errors import NotAWorkflowServer, NotOnServer, RunError
from engine.events import AnyEvent, RunFinished
from engine.loopthread import LoopThread, Work
from engine.run.clock import Clock, SystemClock
from engine.run.following import Following, Link
from engine.run.local import RunHandle
from engine.run.translation import Translation, ended_at, event_of, started_at

OpenClient = Callable[[], PlatformClient]


class RemoteHandle(RunHandle):
    """One run on a server that is followed. `done` holds its last event, or the error for which it could not begin."""

    def __init__(self, work: Work[RunFinished], following: Following, ends_the_run: bool) -> None:
        super().__init__(work)
        self._following = following
        self._ends_the_run = ends_the_run

    @property
    def execution_id(self) -> str | None:
        """The server's id of the run; a platform server tells it at the end only."""
        return self._following.execution_id

    def cancel(self) -> None:
        """Stop following; a run that was started here is ended at the server too. Its last events still arrive."""
        self._following.ends_the_run = self._ends_the_run
        super().cancel()

    def leave(self) -> None:
        """Stop following; the run goes on at the server, if that does not mind."""
        super().cancel()


class RemoteRunner:
    """Runs of one saved workflow on its server. Its thread starts with the first of them.

    `open_client` makes a client for each run, on the runner's thread. `on_event` and `on_link` are called on that
    thread and must not wait. `on_link` hears whether the run is followed as it happens ("following"), is only waited
    for ("waiting"), or goes on out of sight ("lost").
    """

    def __init__(
        self,
        open_client: OpenClient,
        workflow_id: str,
        *,
        catalog: Catalog | None = None,
        clock: Clock | None = None,
        on_link: Callable[[Link], None] = lambda _link: None,
    ) -> None:
        self._open_client = open_client
        self._workflow_id = workflow_id
        self._catalog = catalog
        self._clock = clock or SystemClock()
        self._on_link = on_link
        self._thread = LoopThread("server runs")

    def start(
        self,
        workflow: Workflow,
        variables: JsonObject,
        on_event: Callable[[AnyEvent], None],
        until: str | None = None,
    ) -> RemoteHandle:
        """Run the workflow as it is saved, and return at once. `workflow` is that version, to tell its blocks by.

        Raises:
            RunError: the runner has been closed, or `until` was given.
        """
        if until is not None:
            raise RunError("A server runs whole workflows. Run here to stop at a block.")
        return self._follow(workflow, on_event, lambda following: following.run(variables), ends_the_run=True)

    def follow(self, workflow: Workflow, execution_id: str, on_event: Callable[[AnyEvent], None]) -> RemoteHandle:
        """Follow a run that somebody else started, such as a webhook's caller. Cancelling leaves it alone.

        Raises:
            RunError: the runner has been closed.
        """
        return self._follow(workflow, on_event, lambda following: following.follow(execution_id), ends_the_run=False)

    def close(self) -> None:
        """Stop following and end the thread. Runs on a server of ours go on."""
        self._thread.close()

    def _follow(
        self,
        workflow: Workflow,
        on_event: Callable[[AnyEvent], None],
        begin: Callable[[Following], Coroutine[Any, Any, RunFinished]],
        *,
        ends_the_run: bool,
    ) -> RemoteHandle:
        client = self._open_client()
        catalog = self._catalog or default_catalog()
        following = Following(
            client,
            self._workflow_id,
            lambda: Translation(workflow, catalog, on_event, self._clock.time),
            self._clock,
            self._on_link,
        )

        async def work() -> RunFinished:
            async with client:
                return await begin(following)

        return RemoteHandle(self._thread.start(work), following, ends_the_run)


async def past_run(
    client: PlatformClient, workflow: Workflow, workflow_id: str, execution: Execution, catalog: Catalog | None = None
) -> list[AnyEvent]:
    """A run of the past as events, to be shown like any other; of one that goes on, those that are known.

    `workflow` is the document that it is shown on; blocks that it does not have are told of all the same.

    Raises:
        ServerError: the run is not there, or the server cannot be asked.
    """
    with suppress(NotOnServer, NotAWorkflowServer):
        events = await _kept_events(client, workflow_id, execution.id)
        if events:
            return events
    logs = await client.block_logs(workflow_id, execution.id)
    events = []
    at = started_at(execution) or 0.0
    translation = Translation(workflow, catalog or default_catalog(), events.append, lambda: at)
    translation.begin(execution.id, execution.input if isinstance(execution.input, dict) else {})
    for log in sorted(logs, key=lambda item: item.execution_order):
        # Logs tell how long a block took and not when: as if one came after the other, as the platform runs them.
        began, at = at, at + (log.duration_ms or 0.0) / 1000
        translation.take_log(log, began, at)
    if execution.is_over:
        at = ended_at(execution) or at
        is_complete = execution.status == "completed"
        output = execution.output if is_complete else None
        translation.finish("completed" if is_complete else "failed", output=output, error=execution.error)
    return events


async def _kept_events(client: PlatformClient, workflow_id: str, execution_id: str) -> list[AnyEvent]:
    """The events that a server of ours keeps of a run."""
    events: list[AnyEvent] = []
    after, is_over = 0, False
    while not is_over:
        told, is_over = await client.execution_events(workflow_id, execution_id, after=after)
        events += [event for raw in told if (event := event_of(raw, client.clock_offset_s)) is not None]
        numbers = [raw["seq"] for raw in told if isinstance(raw.get("seq"), int)]
        is_over = is_over or not numbers
        after = max(numbers, default=after)
    return events
