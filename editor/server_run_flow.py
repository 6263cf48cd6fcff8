"""What happens around runs on a server: running there, runs of the past, calls that come, comparing with a run here."""

import asyncio
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from editor.aio import Tasks, in_thread
from editor.deploy_flow import DeployFlow, SavesToServer
from editor.notices import NoticeBar
from editor.panels.compare.panel import ComparePanel, Comparison
from editor.run_flow import RunFlow
from editor.workspace.deployment import Deployment
from editor.workspace.runs import Runs
from editor.workspace.server_link import ServerLink
from editor.workspace.server_runs import Beside, ServerRuns, variables_of
from editor.workspace.workspace import SERVER, Workspace
from engine import (
    AnyEvent,
    BlockloomError,
    Execution,
    JsonObject,
    RemoteHandle,
    RemoteRunner,
    RunState,
    ServerError,
    differences,
)

_OnEvent = Callable[[AnyEvent], None]
_Start = Callable[[_OnEvent], RemoteHandle]
_LOST = "The connection to {server} was lost. The run goes on there; its end is looked for."
_WAITING = "{server} tells only how a run ended, so its blocks are shown then."


class ServerRunFlow(QObject):
    """Leads through runs on the document's server. Public methods start a task and return at once.

    Signals:
        shown(): there is a run to look at.
        compared(): a comparison is under way, or there is one to look at.
    """

    shown = Signal()
    compared = Signal()

    def __init__(
        self,
        window: QWidget,
        workspace: Workspace,
        link: ServerLink,
        deployment: Deployment,
        runs: Runs,
        server_runs: ServerRuns,
        run_flow: RunFlow,
        deploy_flow: DeployFlow,
        saver: SavesToServer,
        compare_panel: ComparePanel,
        notices: NoticeBar,
        tasks: Tasks,
    ) -> None:
        super().__init__(window)
        self._workspace = workspace
        self._link = link
        self._runs = runs
        self._server_runs = server_runs
        self._run_flow = run_flow
        self._deploy_flow = deploy_flow
        self._saver = saver
        self._compare_panel = compare_panel
        self._notices = notices
        self._tasks = tasks
        self._followed: tuple[RemoteRunner, RemoteHandle] | None = None
        self._told = ""
        runs.finished.connect(self._on_finished)
        server_runs.link_changed.connect(self._on_link_changed)
        deployment.call_came.connect(self._on_call_came)

    def run(self) -> None:
        """Save the workflow and run it on its server, after asking for its input."""
        self._tasks.start("server-run", self._ask_and_run)

    def show_run(self, execution_id: str) -> None:
        """Show a run of the history on the canvas; one that goes on is followed."""
        self._tasks.restart("past-run", self._show_run, execution_id)

    def compare(self, execution_id: str = "") -> None:
        """Run with the same input here and on the server, or here with that of a run of the past, and compare."""
        self._tasks.start("compare", self._compare, execution_id)

    # --- running there ------------------------------------------------------------------------------------------

    async def _ask_and_run(self) -> None:
        if not self._deploy_flow.is_placed("run"):
            return
        place = self._link.place
        values = await self._run_flow.ask_values()
        if values is None or not await self._saver.save_and_wait() or place != self._link.place:
            return
        self._notices.dismiss()
        runner = await self._server_runs.runner()
        workflow = self._workspace.workflow
        await self._follow(runner, lambda on_event: runner.start(workflow, values, on_event), self._origin(None))

    async def _follow(self, runner: RemoteRunner, start: _Start, origin: str) -> None:
        """Show the run that `start` begins or takes up; its runner is ended with it."""

        def begin(on_event: _OnEvent) -> RemoteHandle:
            handle = start(on_event)
            self._followed = (runner, handle)
            return handle

        if self._runs.begin(begin, origin):
            self.shown.emit()
        else:
            self._server_runs.release(runner)

    def _on_finished(self, state: RunState) -> None:
        followed, self._followed = self._followed, None
        if followed is None:
            return
        self._server_runs.release(*followed)
        self._server_runs.refresh()
        if self._told and self._notices.text == self._told and state.status == "completed":
            self._notices.dismiss()
        self._told = ""

    def _on_link_changed(self, link: str) -> None:
        server = self._link.connection.name if self._link.connection else "The server"
        words = {"lost": _LOST, "waiting": _WAITING}.get(link, "").format(server=server)
        if words:
            self._told = words
            self._notices.show_notice(words, "warning" if link == "lost" else "info")
        elif self._told and self._notices.text == self._told:
            self._notices.dismiss()

    # --- runs of the past, and of others ------------------------------------------------------------------------

    async def _show_run(self, execution_id: str) -> None:
        if self._runs.is_active:
            words = "A run is going on. Wait for its end or stop it, and then look at another one."
            self._notices.show_notice(words, "info")
            return
        row = self._server_runs.row(execution_id)
        if row is not None and not row.is_over:
            await self._take_up(row)
            return
        place, workflow = self._link.place, self._workspace.workflow
        try:
            past = await self._server_runs.read(execution_id, workflow)
        except BlockloomError as error:
            self._notices.show_notice(f"This run cannot be shown. {error}", "error")
            return
        if place != self._link.place or self._runs.is_active:
            return
        self._runs.show(past.state, past.events, self._origin(past.execution))
        self._tell_age(past.execution, past.state)
        self.shown.emit()

    async def _take_up(self, row: Execution) -> None:
        """Follow a run that somebody else began and that goes on."""
        runner = await self._server_runs.runner()
        workflow = self._workspace.workflow
        origin = self._origin(row)
        await self._follow(runner, lambda on_event: runner.follow(workflow, row.id, on_event), origin)

    def _on_call_came(self, run: Execution) -> None:
        """The one call of an armed workflow: what it began is what the person waits to see."""
        if not self._runs.is_active and self._link.is_placed:
            self._tasks.restart("past-run", self._take_up, run)

    def _tell_age(self, execution: Execution, state: RunState) -> None:
        """Say that a run is not one of what is on the canvas, where that is known."""
        if self._is_older(execution):
            words = f"This run used v{execution.version}, which is older than what is on the canvas."
            self._notices.show_notice(words, "info")
        elif state.blocks.keys() - self._workspace.workflow.blocks.keys():
            self._notices.show_notice("Some blocks of this run are not on the canvas any more.", "info")

    def _is_older(self, execution: Execution) -> bool:
        stored = self._link.stored
        if execution.version is None or stored is None:
            return False
        return execution.version < stored.version or not self._workspace.is_saved_in(SERVER)

    def _origin(self, execution: Execution | None) -> str:
        """Where a run ran, and which version; None for one that begins now."""
        server = self._link.connection.name if self._link.connection else "the server"
        stored = self._link.stored
        version = execution.version if execution else stored.version if stored else None
        words = f"on {server}" + (f", v{version}" if version is not None else "")
        return f"{words}, older than the canvas" if execution and self._is_older(execution) else words

    # --- comparing ----------------------------------------------------------------------------------------------

    async def _compare(self, execution_id: str) -> None:
        if not self._deploy_flow.is_placed("compared"):
            return
        place = self._link.place
        try:
            pair = await (self._run_both() if not execution_id else self._run_like(execution_id))
        except ServerError as error:
            self._compare_panel.show_nothing(f"The run on the server failed to begin. {error}")
            return
        if pair is None or place != self._link.place or place is None:
            self._compare_panel.show_nothing()
            return
        here, there = pair
        found = await in_thread(differences, here, there)
        self._compare_panel.show_comparison(Comparison(here, there, found, place.name))
        self.compared.emit()

    async def _run_both(self) -> tuple[RunState, RunState] | None:
        values = await self._run_flow.ask_values()
        if values is None or not await self._saver.save_and_wait():
            return None
        self._wait_visibly("The workflow runs here and on the server.")
        runner, beside = await self._server_runs.runner(), Beside()
        handle = runner.start(self._workspace.workflow, values, beside.take)
        try:
            here = await self._run_flow.run_with(values)
            if here is None:
                handle.cancel()
                return None
            await asyncio.wrap_future(handle.done)
        finally:
            self._server_runs.release(runner, handle)
        return here, beside.state

    async def _run_like(self, execution_id: str) -> tuple[RunState, RunState] | None:
        self._wait_visibly("The workflow runs here with the input of the run on the server.")
        past = await self._server_runs.read(execution_id, self._workspace.workflow)
        values: JsonObject = variables_of(past.execution)
        here = await self._run_flow.run_with(values)
        return (here, past.state) if here is not None else None

    def _wait_visibly(self, words: str) -> None:
        self._compare_panel.show_waiting(words)
        self.compared.emit()
