"""Arming, deploying and undeploying, played in a window against a server in memory."""

from typing import Any

import pytest

from editor.panels.deploy.review_dialog import DeployDialog
from editor.workspace.workspace import SERVER
from engine import Block, Edge, edits
from tests.editor.server_desk import BROKEN, HOOK, SECRET, STEP, WEBHOOK_ID, Desk, OpenDesk


def sent(desk: Desk, ending: str, method: str = "POST") -> int:
    return len(desk.server.sent(method, ending))


# --- arming ---------------------------------------------------------------------------------------------


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


def test_the_review_of_a_live_workflow_compares_with_what_callers_get(open_desk: OpenDesk) -> None:
    """On a server the saved graph is what runs, so what was saved since the deploy is live already."""
    desk = open_desk()
    desk.open_stored()
    desk.on_server.deploy_flow.deploy()
    desk.click(desk.dialog(DeployDialog).deploy_button)
    desk.idle()
    desk.workspace.edit("Change", edits.configure, STEP, "code", "output = 'changed'")

    desk.saver.save()
    desk.idle()
    desk.on_server.deploy_flow.deploy()
    plan = desk.dialog(DeployDialog)._plan
    desk.click(desk.dialog(DeployDialog).cancel_button)

    assert (plan.version, plan.changes.is_empty) == (2, True)


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


def test_a_server_that_is_gone_in_a_deploy_is_not_said_to_have_said_anything(open_desk: OpenDesk) -> None:
    """Neither the call nor the look after it is answered."""
    desk = open_desk()
    desk.open_stored()
    desk.on_server.deploy_flow.deploy()
    dialog = desk.dialog(DeployDialog)
    fault = desk.server.fail("refused", times=99)

    desk.click(dialog.deploy_button)
    desk.wait(lambda: desk.notices.text.startswith("Not deployed."))
    desk.idle()

    assert desk.notices.text.endswith("What is so there now is not known.")
    assert desk.deployment.text == "Unreachable"
    fault.times = 0
