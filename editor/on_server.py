"""What the window has for a workflow on a server beyond saving it: state chip, deploying, webhooks, runs there.

Made once by the window, which gives it what it needs and takes its panels, its actions and its chip.
"""

from collections.abc import Callable, Mapping

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtWidgets import QSizePolicy, QToolBar, QWidget

from editor.aio import Tasks, in_thread
from editor.deploy_flow import DeployFlow, SavesToServer
from editor.menus import ActionSet
from editor.notices import NoticeBar
from editor.panels.compare.panel import ComparePanel
from editor.panels.deploy.chip import StateChip
from editor.panels.history.panel import HistoryPanel
from editor.panels.inspector import InspectorPanel
from editor.panels.runs import RunPanel
from editor.panels.webhook.panel import WebhookPanel
from editor.run_flow import RunFlow
from editor.server_run_flow import ServerRunFlow
from editor.theme import Theme
from editor.webhook_flow import WebhookFlow
from editor.workspace.deployment import Deployment
from editor.workspace.problem_watcher import ProblemWatcher
from editor.workspace.runs import Runs
from editor.workspace.server_link import ServerLink
from editor.workspace.server_runs import ServerRuns
from editor.workspace.settings import Settings
from editor.workspace.webhook_calls import WebhookCalls
from editor.workspace.workspace import Workspace

CHIP_MENU = (
    *("arm", "deploy", "undeploy", "-", "show_webhook", "show_history", "-", "run_on_server", "compare_runs", "-"),
    *("save_server", "connections"),
)


class OnServer(QObject):
    """Deployment, webhooks and server runs of one window.

    Signals:
        panel_wanted(str): bring this panel to the front: "history", "compare", "runs" or "inspector".
        block_wanted(str): select this block and bring it into view.
        problem_found(Problem): the person wants to see this error.
        message(str): something to say for a moment.
        states_changed(): `states` may be others.
    """

    panel_wanted = Signal(str)
    block_wanted = Signal(str)
    problem_found = Signal(object)
    message = Signal(str)
    states_changed = Signal()

    def __init__(
        self,
        window: QWidget,
        workspace: Workspace,
        link: ServerLink,
        saver: SavesToServer,
        settings: Settings,
        runs: Runs,
        run_flow: RunFlow,
        problem_watcher: ProblemWatcher,
        theme: Theme,
        notices: NoticeBar,
        tasks: Tasks,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._workspace = workspace
        self._saver = saver
        self._runs = runs
        self._run_flow = run_flow
        self.deployment = Deployment(link, settings, tasks, self)
        self.calls = WebhookCalls(link, self)
        self.server_runs = ServerRuns(link, self.deployment, workspace.catalog, tasks, self)
        self.chip = StateChip(self.deployment, theme, window)
        self.webhook_panel = WebhookPanel(workspace, link, self.deployment, self.calls, theme, window)
        self.history_panel = HistoryPanel(link, self.deployment, self.server_runs, theme, window)
        self.compare_panel = ComparePanel(theme, window)
        self.deploy_flow = DeployFlow(
            window, workspace, link, self.deployment, saver, problem_watcher, theme, notices, tasks
        )
        self.webhook_flow = WebhookFlow(
            window, workspace, self.deployment, self.calls, self.deploy_flow, notices, tasks
        )
        self.run_flow = ServerRunFlow(
            window,
            workspace,
            link,
            self.deployment,
            runs,
            self.server_runs,
            run_flow,
            self.deploy_flow,
            saver,
            self.compare_panel,
            notices,
            tasks,
        )
        self._connect()

    def panels(self) -> Mapping[str, QWidget]:
        """Panels to dock, by name."""
        return {"history": self.history_panel, "compare": self.compare_panel}

    def handlers(self) -> dict[str, Callable[[], None]]:
        """What each action does, by its id."""
        return {
            "arm": self.deploy_flow.arm,
            "deploy": self.deploy_flow.deploy,
            "undeploy": self.deploy_flow.undeploy,
            "show_webhook": self.deploy_flow.show_webhook,
            "run_on_server": self.run_flow.run,
            "compare_runs": self._compare,
        }

    def states(self) -> Mapping[str, bool]:
        """What holds now, for actions that need it."""
        return {"live": self.deployment.state.kind == "live"}

    def attach(self, actions: ActionSet, toolbar: QToolBar, inspector: InspectorPanel, run_panel: RunPanel) -> None:
        """Take the place in toolbar, inspector and run panel."""
        self._actions = actions
        space = QWidget(toolbar)
        space.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        toolbar.addWidget(space)
        toolbar.addWidget(self.chip)
        inspector.put_in_place_of_form("webhook", self.webhook_panel)
        self._run_panel = run_panel
        self._workspace.run_replaced.connect(self._on_run_replaced)

    async def close(self) -> None:
        """The window goes: ask the server nothing more, and follow no run."""
        self.deployment.stop()
        await in_thread(self.server_runs.close)

    # --- inside -------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        panel, deploy = self.webhook_panel, self.deploy_flow
        panel.save_requested.connect(self._saver.save_to_server)
        panel.arm_requested.connect(deploy.arm)
        panel.deploy_requested.connect(deploy.deploy)
        panel.undeploy_requested.connect(deploy.undeploy)
        panel.call_requested.connect(self.webhook_flow.send_call)
        panel.mint_requested.connect(self.webhook_flow.mint)
        panel.run_chosen.connect(self.run_flow.show_run)
        panel.message.connect(self.message)
        deploy.problem_found.connect(self.problem_found)
        deploy.webhook_wanted.connect(self._on_webhook_wanted)
        self.history_panel.run_chosen.connect(self.run_flow.show_run)
        self.history_panel.compare_requested.connect(self.run_flow.compare)
        self.history_panel.run_requested.connect(self.run_flow.run)
        self.compare_panel.compare_requested.connect(self._compare)
        self.compare_panel.block_chosen.connect(self._on_block_chosen)
        self.compare_panel.copy_all_requested.connect(self._run_flow.copy_value)
        self.compare_panel.save_requested.connect(self._run_flow.save_value)
        self.run_flow.shown.connect(self._on_run_shown)
        self.run_flow.compared.connect(self._on_compared)
        self.chip.menu_requested.connect(self._on_menu_requested)
        self.deployment.state_changed.connect(self.states_changed)

    def _compare(self) -> None:
        self.run_flow.compare()

    def _on_webhook_wanted(self, block_id: str) -> None:
        self.block_wanted.emit(block_id)
        self.panel_wanted.emit("inspector")

    def _on_block_chosen(self, block_id: str) -> None:
        if block_id in self._workspace.workflow.blocks:
            self.block_wanted.emit(block_id)

    def _on_run_replaced(self) -> None:
        self._run_panel.show_origin(self._runs.origin)

    def _on_run_shown(self) -> None:
        self.panel_wanted.emit("runs")

    def _on_compared(self) -> None:
        self.panel_wanted.emit("compare")

    def _on_menu_requested(self, place: QPoint) -> None:
        menu = self._actions.context_menu(CHIP_MENU, self._window)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(place)
