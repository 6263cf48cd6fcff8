"""The panel of a webhook block: what it shows, hides and says, and the calls that are tried from it."""

from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit

from tests.editor.server_desk import HOOK, LEFT, SECRET, WEBHOOK_ID, OpenDesk, graph

# --- calling ------------------------------------------------------------------------------------------------------


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
