"""A window with all that it has for a workflow on a server, against a server in memory; and hands for it."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMainWindow, QMessageBox, QPushButton

from editor.notices import NoticeBar
from editor.on_server import OnServer
from editor.panels.inspector import InspectorPanel
from editor.panels.run_form import RunForm
from editor.run_flow import RunFlow
from editor.theme import Theme
from editor.workspace.problem_watcher import ProblemWatcher
from editor.workspace.runs import Runs
from editor.workspace.settings import Settings
from editor.workspace.workspace import SERVER
from engine import LocalRunner, Workflow
from tests.editor.running_server import RunningServer
from tests.editor.server_fixtures import Bench

HOOK, STEP, ANSWER, BROKEN = (str(uuid.UUID(int=number)) for number in (1, 2, 3, 4))
WEBHOOK_ID, SECRET = str(uuid.UUID(int=9)), "s3cret-that-stays-hidden"
LEFT = Qt.MouseButton.LeftButton


def graph() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Hook > Step > Answer."""
    configs = {
        HOOK: ("webhook", "Hook", {"webhook_id": WEBHOOK_ID, "webhook_secret": SECRET}),
        STEP: ("code", "Step", {"code": "output = 'hello'"}),
        ANSWER: ("response", "Answer", {"output": "<Step.output> <Hook.output.name>"}),
    }
    blocks = [
        {"id": block_id, "type": kind, "name": name, "position": {"x": 300 * at, "y": 0}, "config": config}
        for at, (block_id, (kind, name, config)) in enumerate(configs.items())
    ]
    return blocks, [{"source": HOOK, "target": STEP}, {"source": STEP, "target": ANSWER}]


class Desk(Bench):
    """A window with all that it has for a workflow on a server, and a person's hands for it."""

    def __init__(self, qtbot: Any, loop: Any, folder: Path, server: RunningServer) -> None:
        super().__init__(qtbot, loop, folder, server, Workflow(name="Orders"))
        self.running = server
        self.window = QMainWindow()
        theme = Theme("light")
        self.notices = NoticeBar(theme, self.window)
        self.runs = Runs(self.workspace, LocalRunner(), self.window)
        watcher = ProblemWatcher(self.workspace, self.tasks, self.window)
        self.run_flow = RunFlow(self.window, self.workspace, self.runs, watcher, theme, self.notices, self.tasks)
        settings = Settings(folder / "settings.json")
        self.on_server = OnServer(
            self.window,
            self.workspace,
            self.link,
            self,
            settings,
            self.runs,
            self.run_flow,
            watcher,
            theme,
            self.notices,
            self.tasks,
        )
        self.deployment = self.on_server.deployment
        self.panel = self.on_server.webhook_panel
        self.inspector = InspectorPanel(self.workspace, theme)
        self.inspector.put_in_place_of_form("webhook", self.panel)
        self.window.setCentralWidget(self.inspector)
        self.window.resize(400, 1200)
        self.window.show()
        qtbot.waitExposed(self.window)

    # --- the saver, as flows know it ----------------------------------------------------------------------------

    def save_to_server(self) -> None:
        self.saver.save()

    async def save_and_wait(self) -> bool:
        if self.workspace.is_saved_in(SERVER):
            return True
        self.saver.save()
        return await self.saver.wait() and self.workspace.is_saved_in(SERVER)

    # --- hands --------------------------------------------------------------------------------------------------

    def open_stored(self) -> str:
        """A workflow that the server has is opened, and its webhook block is selected."""
        workflow_id = self.running.add("Orders", *graph())
        self.open(workflow_id)
        self.run(self.link.learn_extensions())
        self.wait(lambda: self.deployment.state.kind != "unknown")
        self.workspace.select([HOOK])
        return workflow_id

    def idle(self) -> None:
        """Wait until no flow is at work."""
        keys = ("deploy", "test-call", "server-run", "past-run", "compare", "run-history", "look-at-server")
        self.wait(lambda: not any(self.tasks.is_busy(key) for key in keys) and not self.runs.is_active)

    def click(self, button: QPushButton) -> None:
        QTest.mouseClick(button, LEFT)

    def dialog(self, kind: type[Any]) -> Any:
        """The open dialog of this class, once it is there."""

        def found() -> list[Any]:
            return [item for item in QApplication.topLevelWidgets() if isinstance(item, kind) and item.isVisible()]

        self.wait(found)
        return found()[-1]

    def answer(self, key: str) -> str:
        """Press a button of the open question; returns what was asked."""
        box = self.dialog(QMessageBox)
        words = f"{box.text()} {box.informativeText()}"
        button = box.findChild(QPushButton, f"option-{key}")
        assert button is not None
        self.click(button)
        self.wait(lambda: not shiboken6.isValid(box) or not box.isVisible())
        return words

    def give_values(self) -> None:
        """Answer the form that asks for what a caller would send."""
        form = self.dialog(RunForm)
        form.fields[0].set_text("Ada")
        self.click(form.run_button)

    def look(self) -> None:
        """The server is asked anew."""
        self.deployment.look_now()
        self.wait(
            lambda: self.deployment.next_look_in_s() not in (None, 0.0) and not self.tasks.is_busy("look-at-server")
        )

    def close(self) -> None:
        self.server.release()
        self.link.detach()
        self.runs.close()
        self.run(self.on_server.close())
        super().close()
        self.window.close()
        self.window.deleteLater()


OpenDesk = Callable[..., Desk]
