"""Arming, deploying, calling and running on a server, played in a window against a server in memory."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QMainWindow, QMessageBox, QPushButton

from editor.notices import NoticeBar
from editor.on_server import OnServer
from editor.panels.deploy.review_dialog import DeployDialog
from editor.panels.inspector import InspectorPanel
from editor.run_flow import RunFlow
from editor.theme import Theme
from editor.workspace.problem_watcher import ProblemWatcher
from editor.workspace.runs import Runs
from editor.workspace.settings import Settings
from editor.workspace.workspace import SERVER
from engine import Block, Edge, LocalRunner, Workflow, edits
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
        qtbot.addWidget(self.window)
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


OpenDesk = Callable[..., Desk]


@pytest.fixture
def open_desk(qtbot: Any, loop: Any, tmp_path: Path) -> Iterator[OpenDesk]:
    """Makes desks; all are closed when the test ends."""
    desks: list[Desk] = []

    def make(**server: Any) -> Desk:
        desks.append(Desk(qtbot, loop, tmp_path, RunningServer(**server)))
        return desks[-1]

    yield make
    for desk in desks:
        desk.close()


def sent(desk: Desk, ending: str, method: str = "POST") -> int:
    return len(desk.server.sent(method, ending))


# --- arming and calling ---------------------------------------------------------------------------------------------


def test_arming_asks_once_and_saves_first(open_desk: OpenDesk) -> None:
    """The question names server and workflow; the second time one click is enough."""
    desk = open_desk()
    desk.open_stored()
    desk.workspace.edit("Change", edits.configure, STEP, "code", "output = 'changed'")

    desk.click(desk.panel.first_button)
    asked = desk.answer("arm")
    desk.idle()

    assert "“Orders” on Fake" in asked
    assert desk.deployment.state.kind == "armed"
    assert desk.workspace.is_saved_in(SERVER)
    methods = [(seen.method, seen.path.rsplit("/", 1)[-1]) for seen in desk.server.requests if seen.method != "GET"]
    assert methods == [("PUT", "graph"), ("POST", "arm")]
    desk.click(desk.panel.first_button)
    desk.idle()
    assert sent(desk, "/arm") == 2


def test_a_refused_question_changes_nothing(open_desk: OpenDesk) -> None:
    """Cancel is cancel."""
    desk = open_desk()
    desk.open_stored()

    desk.click(desk.panel.first_button)
    desk.answer("cancel")
    desk.idle()

    assert sent(desk, "/arm") == 0
    assert desk.deployment.state.kind == "off"


def test_the_one_call_appears_on_the_canvas_and_the_chip_falls_back(open_desk: OpenDesk) -> None:
    """Somebody calls; the run is shown block by block, the list has it, and the state is Off again."""
    desk = open_desk()
    desk.open_stored()
    desk.on_server.deploy_flow._asked.add(desk.link.place)
    desk.on_server.deploy_flow.arm()
    desk.idle()

    assert desk.running.call_webhook(WEBHOOK_ID, SECRET, {"name": "Ada"})[0] == 200
    desk.look()
    desk.wait(lambda: desk.workspace.run is not None and desk.workspace.run.is_finished)
    desk.idle()

    assert {run.status for run in desk.workspace.run.blocks.values()} == {"done"}
    assert desk.workspace.run.variables["name"] == "Ada"
    assert desk.runs.origin == "on Fake, v1"
    assert desk.deployment.text == "Off"
    assert "came" in desk.notices.text
    assert desk.panel.received.rows.rowCount() == 1


def test_a_test_call_arms_first_where_the_workflow_is_off(open_desk: OpenDesk) -> None:
    """One click: a question, then armed, then called with the edited body; the reply is shown."""
    desk = open_desk()
    desk.open_stored()
    form = desk.panel.form
    assert form.body == {"name": ""}  # what the blocks read from a caller
    assert form.button.text() == "Arm and Send Test Call"
    form.edit.selectAll()
    QTest.keyClicks(form.edit, '{"name": "Ada"')  # the bracket closes itself
    form.show_body({"name": "Ada"})

    desk.click(form.button)
    desk.answer("arm")
    desk.idle()

    assert desk.running.runs[desk.link.workflow_id][0]["input"] == {"name": "Ada"}
    assert form.outcome.text() == "The call began a run."
    assert form.reply.toPlainText() == "hello"
    (call,) = desk.on_server.calls.of(WEBHOOK_ID)
    assert call.has_worked


def test_a_call_of_the_past_is_edited_and_sent_again(open_desk: OpenDesk) -> None:
    """Choosing one puts its body back."""
    desk = open_desk()
    workflow_id = desk.open_stored()
    desk.server.workflows[workflow_id]["state"] = "deployed"
    desk.look()
    form = desk.panel.form
    for name in ("Ada", "Grace"):
        form.show_body({"name": name})
        desk.click(form.button)
        desk.idle()

    first = form.calls.rows.index(1)
    QTest.mouseClick(form.calls.viewport(), LEFT, pos=form.calls.visualRect(first).center())
    assert form.body == {"name": "Ada"}
    desk.click(form.button)
    desk.idle()

    inputs = [run["input"]["name"] for run in desk.running.runs[workflow_id]]
    assert inputs == ["Ada", "Grace", "Ada"]


def test_what_is_no_json_is_not_sent(open_desk: OpenDesk) -> None:
    """The mistake is named with its line, and the button waits."""
    desk = open_desk()
    desk.open_stored()
    form = desk.panel.form

    form.edit.selectAll()
    form.edit.insertPlainText('{"name": }')

    assert "Line 1" in form.problem.text()
    assert not form.button.isEnabled()
    form.edit.selectAll()
    form.edit.insertPlainText("[1]")
    assert "object in braces" in form.problem.text()


def test_a_call_says_what_to_do_when_it_is_refused(open_desk: OpenDesk) -> None:
    """403, 401, 404, a server that is down, and a reply that is no JSON: each in words."""
    desk = open_desk()
    workflow_id = desk.open_stored()
    desk.server.workflows[workflow_id]["state"] = "deployed"
    desk.look()
    words = []
    for kind in (403, 401, 404, "refused", "html"):
        desk.server.fail(kind, "POST", "/api/webhooks")
        desk.click(desk.panel.form.button)
        desk.idle()
        words.append(desk.panel.form.outcome.text())

    assert "is off" in words[0]
    assert "secret" in words[1]
    assert "does not know this address" in words[2]
    assert "Nothing answers" in words[3]
    assert "status 500" in words[4]


def test_an_address_of_another_workflow_is_found_out(open_desk: OpenDesk) -> None:
    """A platform server takes any call for any workflow that has the address: the run is not one of ours."""
    desk = open_desk(own=False)
    other = desk.running.add("Other", graph()[0], state="deployed")
    desk.open_stored()
    desk.server.workflows[desk.link.workflow_id]["state"] = "deployed"
    desk.look()
    desk.server.workflows = {other: desk.server.workflows.pop(other), **desk.server.workflows}

    desk.click(desk.panel.form.button)
    desk.idle()

    assert "another workflow" in desk.panel.form.outcome.text()


# --- the panel ------------------------------------------------------------------------------------------------------


def test_the_secret_is_hidden_until_it_is_asked_for(open_desk: OpenDesk) -> None:
    """Neither field nor snippet show it; what is copied has it; another block hides it again."""
    desk = open_desk()
    desk.open_stored()
    credentials = desk.panel.credentials

    for number in range(credentials.kinds.count()):
        credentials.kinds.setCurrentIndex(number)
        assert SECRET not in credentials.shown_snippet
        desk.click(credentials.copy_snippet)
        assert SECRET in QGuiApplication.clipboard().text()
    assert credentials.secret.echoMode() == QLineEdit.EchoMode.Password
    credentials.reveal.setChecked(True)
    assert SECRET in credentials.shown_snippet
    desk.click(credentials.copy_secret)
    assert QGuiApplication.clipboard().text() == SECRET
    desk.click(credentials.copy_address)
    assert QGuiApplication.clipboard().text() == f"http://127.0.0.1:8400/api/webhooks/{WEBHOOK_ID}"

    desk.on_server.webhook_flow.mint(HOOK)

    assert not credentials.reveal.isChecked()


def test_minting_is_one_step_whose_consequence_is_said(open_desk: OpenDesk) -> None:
    """A new address and secret, told what it means, and taken back with one undo."""
    desk = open_desk()
    desk.open_stored()
    before = desk.workspace.workflow

    desk.click(desk.panel.mint_button)

    config = desk.workspace.workflow.block(HOOK).config
    assert config["webhook_id"] != WEBHOOK_ID
    assert config["webhook_secret"] != SECRET
    assert "refused once this is saved" in desk.notices.text
    assert "does not know this address and secret yet" in desk.panel._advice._shown[0]
    desk.click(desk.notices._button)
    assert desk.workspace.workflow is before


def test_without_a_server_the_panel_says_what_to_do_next(open_desk: OpenDesk) -> None:
    """There is a secret and a snippet to look at, and a button that saves."""
    desk = open_desk()
    workflow_id = desk.open_stored()
    stored = desk.workspace.workflow
    desk.link.detach()
    desk.workspace.replace(stored)
    desk.workspace.select([HOOK])

    assert desk.panel.state.text() == "Not on a server"
    assert desk.panel.first_button.text() == "Save to Server…"
    assert not desk.panel.form.button.isEnabled()
    assert WEBHOOK_ID in desk.panel.credentials.shown_snippet
    desk.on_server.deploy_flow.deploy()
    desk.idle()
    assert "Save it to a server first" in desk.notices.text
    assert desk.notices._button.text() == "Save to Server…"
    assert workflow_id


# --- deploying ------------------------------------------------------------------------------------------------------


def test_a_deploy_shows_what_changes_and_goes_live(open_desk: OpenDesk) -> None:
    """The review lists the changed field; one button saves and deploys; the chip says which version is live."""
    desk = open_desk()
    desk.open_stored()
    desk.on_server.deploy_flow.deploy()
    desk.click(desk.dialog(DeployDialog).deploy_button)
    desk.idle()
    assert desk.deployment.text == "Live v1"
    desk.workspace.edit("Change", edits.configure, STEP, "code", "output = 'changed'")

    desk.on_server.deploy_flow.deploy()
    dialog: DeployDialog = desk.dialog(DeployDialog)
    plan = dialog._plan
    assert (plan.server, plan.workflow, plan.is_live, plan.version) == ("Fake", "Orders", True, 1)
    assert plan.changes.summary == "1 block changed"
    assert plan.changes.items[0].fields[0].label == "Code"
    assert dialog.deploy_button.text() == "Deploy “Orders” on Fake"
    assert sent(desk, "/graph", "PUT") == 0  # nothing has left the document yet
    desk.click(dialog.deploy_button)
    desk.idle()

    assert desk.deployment.text == "Live v2"
    assert "is live on Fake" in desk.notices.text


def test_errors_keep_a_workflow_from_being_deployed(open_desk: OpenDesk) -> None:
    """The button waits, and the first error can be looked at."""
    desk = open_desk()
    desk.open_stored()
    desk.workspace.edit("Break", edits.add_blocks, [Block(BROKEN, "general_api", "Call")], [Edge("e", HOOK, BROKEN)])
    found: list[Any] = []
    desk.on_server.problem_found.connect(found.append)

    desk.on_server.deploy_flow.deploy()
    dialog = desk.dialog(DeployDialog)

    assert not dialog.deploy_button.isEnabled()
    desk.click(dialog.show_button)
    desk.idle()
    assert [problem.block_id for problem in found] == [BROKEN]
    assert sent(desk, "/deploy") == 0


def test_undeploying_asks_once(open_desk: OpenDesk) -> None:
    """The question names both, and the state read back is shown."""
    desk = open_desk()
    workflow_id = desk.open_stored()
    desk.server.workflows[workflow_id]["state"] = "deployed"
    desk.look()

    desk.click(desk.panel.first_button)
    asked = desk.answer("undeploy")
    desk.idle()

    assert "“Orders” on Fake" in asked
    assert desk.deployment.text == "Off"


@pytest.mark.parametrize("kind", [401, 403, 404, 429, "html", "refused", "cut"])
def test_a_deploy_that_fails_says_why_and_what_is_so_now(open_desk: OpenDesk, kind: Any) -> None:
    """No traceback, no half truth: the words of the failure, and the state that the server tells."""
    desk = open_desk()
    desk.open_stored()
    desk.server.fail(kind, "POST", "/deploy", body={"error": "words of the server"} if isinstance(kind, int) else None)

    desk.on_server.deploy_flow.deploy()
    desk.click(desk.dialog(DeployDialog).deploy_button)
    desk.idle()

    if kind == "cut":  # it was done, and only the reply was lost
        assert desk.deployment.text == "Live v1"
        assert "says that the workflow is live" in desk.notices.text
    else:
        assert desk.notices.text.startswith("Not deployed.")
        assert desk.notices.text.endswith("The server says: Off.")
        assert "Traceback" not in desk.notices.text
    assert sent(desk, "/deploy") == 1
