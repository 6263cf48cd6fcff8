"""The runs of the open workflow on its server: the history page by page, and runs that are read or followed.

What is read, is read on the network thread; a run that is followed has a thread of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from editor.aio import Tasks, in_thread
from editor.workspace.deployment import Deployment
from editor.workspace.server_link import ServerLink
from engine import (
    AnyEvent,
    BlockloomError,
    Catalog,
    Execution,
    JsonObject,
    PlatformClient,
    RemoteHandle,
    RemoteRunner,
    RunState,
    Workflow,
    past_run,
    replay,
)

PAGE = 50
PLATFORM_PAGE = 100
"""A platform server tells so many runs at most, and has no further pages (contract 2.8)."""


@dataclass(frozen=True)
class PastRun:
    """A run of the past, ready to be shown."""

    execution: Execution
    state: RunState
    events: list[AnyEvent]


class ServerRuns(QObject):
    """The history of the open workflow on its server, newest first.

    Signals:
        changed(): `rows`, `has_more`, `is_loading` or `trouble` may be others.
        came(list): runs (`Execution`) that began since the last look, and not from here, the newest first.
        link_changed(str): how the run that is followed is heard of: "following", "waiting" or "lost".
    """

    changed = Signal()
    came = Signal(object)
    link_changed = Signal(str)

    def __init__(
        self,
        link: ServerLink,
        deployment: Deployment,
        catalog: Catalog,
        tasks: Tasks,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._link = link
        self._deployment = deployment
        self._catalog = catalog
        self._tasks = tasks
        self._rows: dict[str, Execution] = {}
        self._known: set[str] | None = None
        self._own: set[str] = set()
        self._runners: list[RemoteRunner] = []
        self.has_more = False
        self.is_loading = False
        self.trouble = ""
        deployment.runs_told.connect(self._on_runs_told)
        link.place_changed.connect(self._on_place_changed)

    @property
    def rows(self) -> Sequence[Execution]:
        """The runs that are known, newest first."""
        return tuple(self._rows.values())

    def row(self, execution_id: str) -> Execution | None:
        """The run with this id, None when it is not in the list."""
        return self._rows.get(execution_id)

    def refresh(self) -> None:
        """Read the first page anew."""
        if self._link.is_placed:
            self._tasks.restart("run-history", self._load, 0)

    def load_more(self) -> None:
        """Read the next page."""
        if self.has_more and not self.is_loading:
            self._tasks.start("run-history", self._load, len(self._rows))

    async def read(self, execution_id: str, workflow: Workflow) -> PastRun:
        """A run of the past as it is shown on this workflow.

        Raises:
            ServerError: it cannot be had.
        """
        workflow_id, catalog = self._link.workflow_id, self._catalog

        async def read(client: PlatformClient) -> PastRun:
            execution = await client.execution(workflow_id, execution_id)
            events = await past_run(client, workflow, workflow_id, execution, catalog)
            return PastRun(execution, replay(events), events)

        return await self._link.call(read)

    # --- runs that are followed ---------------------------------------------------------------------------------

    async def runner(self) -> RemoteRunner:
        """Runs the open workflow on its server; it belongs to the caller until it is handed to `release`."""
        connection = self._link.connection
        if connection is None:
            raise ValueError("a workflow that is on no server cannot be run there")
        open_client = await self._link.connections.opener(connection)
        runner = RemoteRunner(open_client, self._link.workflow_id, catalog=self._catalog, on_link=self._on_link())
        self._runners.append(runner)
        self._deployment.expect_run(True)
        return runner

    def release(self, runner: RemoteRunner, handle: RemoteHandle | None = None) -> None:
        """The runner is not needed any more; the run that it began is one of ours."""
        if handle is not None and handle.execution_id:
            self._know(handle.execution_id)
        if runner in self._runners:
            self._runners.remove(runner)
            self._deployment.expect_run(False)
            self._tasks.start(f"close-runner-{id(runner)}", in_thread, runner.close)

    def close(self) -> None:
        """End what is followed; waits, so not on the UI thread."""
        while self._runners:
            self._runners.pop().close()

    def _on_link(self) -> Callable[[str], None]:
        """What a runner calls on its own thread."""
        import asyncio

        loop = asyncio.get_running_loop()

        def told(link: str) -> None:
            loop.call_soon_threadsafe(self.link_changed.emit, link)

        return told

    def _know(self, execution_id: str) -> None:
        self._own.add(execution_id)
        self._deployment.know_run(execution_id)

    # --- the list -----------------------------------------------------------------------------------------------

    async def _load(self, offset: int) -> None:
        place = self._link.place
        pages = "events" in self._link.extensions
        limit = PAGE if pages else PLATFORM_PAGE
        self._tell(is_loading=True)
        try:
            found = await self._link.call(
                PlatformClient.executions, self._link.workflow_id, limit=limit, offset=offset if pages else 0
            )
        except BlockloomError as error:
            if place == self._link.place:
                self._tell(is_loading=False, trouble=str(error))
            return
        if place == self._link.place:
            if offset == 0:
                self._rows.clear()
            self._rows |= {run.id: run for run in found}
            self.has_more = pages and len(found) == limit
            self._tell(is_loading=False)

    def _on_runs_told(self, runs: list[Execution]) -> None:
        """The newest runs, told while the state was asked for: new ones go on top, known ones may have ended."""
        ids = {run.id for run in runs}
        known, self._known = self._known, ids | (self._known or set())
        self._rows = {run.id: run for run in runs} | {key: run for key, run in self._rows.items() if key not in ids}
        self.changed.emit()
        fresh = [run for run in runs if known is not None and run.id not in known and run.id not in self._own]
        if fresh:
            self.came.emit(fresh)

    def _on_place_changed(self) -> None:
        self._tasks.cancel("run-history")
        self._rows.clear()
        self._known, self._own = None, set()
        self.has_more = False
        self._tell(is_loading=False)

    def _tell(self, *, is_loading: bool, trouble: str = "") -> None:
        self.is_loading, self.trouble = is_loading, trouble
        self.changed.emit()


class Beside:
    """A run that is followed beside the one on the canvas: folded where its events arrive, and looked at in the end."""

    def __init__(self) -> None:
        self.state = RunState()

    def take(self, event: AnyEvent) -> None:
        """Called for each event, on the runner's thread."""
        self.state.fold(event)


def variables_of(execution: Execution) -> JsonObject:
    """What a run was started with."""
    return execution.input if isinstance(execution.input, dict) else {}
