"""Runs on a server as people see them: begun, followed, stopped, listed, opened and compared, and what goes wrong."""

import uuid
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from editor.workspace.workspace import SERVER
from engine import Workflow, edits
from tests.editor.server_desk import ANSWER, HOOK, STEP, Desk, OpenDesk

LEFT = Qt.MouseButton.LeftButton


def statuses(desk: Desk) -> dict[str, str]:
    run = desk.workspace.run
    return {block_id: item.status for block_id, item in run.blocks.items()} if run else {}


def run_there(desk: Desk) -> None:
    """Run on the server, and wait for the end."""
    before = desk.workspace.run
    desk.on_server.run_flow.run()
    desk.give_values()
    desk.wait(lambda: desk.workspace.run is not before and desk.workspace.run.is_finished)
    desk.idle()


def start_there(desk: Desk) -> None:
    """Run on the server, and wait until the run stands still after its first block."""
    desk.running.stream = "stalls"
    desk.on_server.run_flow.run()
    desk.give_values()
    desk.wait(lambda: statuses(desk).get(HOOK) == "done")


# --- running --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("own", [True, False])
def test_a_run_there_is_shown_like_one_here(open_desk: OpenDesk, own: bool) -> None:
    """What is on screen is saved first; every block gets its badge; the panel says where it ran."""
    desk = open_desk(own=own)
    desk.open_stored()
    desk.workspace.edit("Change", edits.configure, STEP, "code", "output = 'changed'")

    run_there(desk)

    assert desk.workspace.is_saved_in(SERVER)
    posted = [seen.path.rsplit("/", 2)[-1] for seen in desk.server.requests if seen.method in ("PUT", "POST")]
    assert posted == ["graph", "stream"]
    assert statuses(desk) == {HOOK: "done", STEP: "done", ANSWER: "done"}
    assert desk.workspace.run.output == "hello"
    assert desk.runs.origin == "on Fake, v2"
    assert desk.on_server.server_runs.rows[0].status == "completed"


def test_a_workflow_on_no_server_says_what_to_do(open_desk: OpenDesk) -> None:
    """Running there needs a place there."""
    desk = open_desk()

    desk.on_server.run_flow.run()
    desk.idle()

    assert "Save it to a server first" in desk.notices.text


def test_a_server_that_does_not_stream_is_waited_for(open_desk: OpenDesk) -> None:
    """Blocks are shown once the run has ended, and that is said."""
    desk = open_desk(own=False)
    desk.open_stored()
    desk.server.fail(405, "POST", "/execute/stream", times=9)

    run_there(desk)

    assert len(desk.server.sent("POST", "/execute")) == 1
    assert set(statuses(desk).values()) == {"done"}


@pytest.mark.parametrize("stream", ["cut", "garbage"])
def test_a_stream_that_breaks_or_talks_nonsense_costs_nothing(open_desk: OpenDesk, stream: str) -> None:
    """The record of the run says the rest; the run is not ordered twice."""
    desk = open_desk(own=False)
    desk.open_stored()
    desk.running.stream = stream

    run_there(desk)

    assert set(statuses(desk).values()) == {"done"}
    assert len(desk.server.sent("POST", "/execute/stream")) == 1


@pytest.mark.parametrize("own", [True, False])
def test_a_run_there_can_be_stopped(open_desk: OpenDesk, own: bool) -> None:
    """Where the server can it ends there too; the window is free at once in any case."""
    desk = open_desk(own=own)
    desk.open_stored()
    start_there(desk)

    desk.runs.stop()
    desk.wait(lambda: not desk.runs.is_active)

    assert len(desk.server.sent("POST", "/cancel")) == (1 if own else 0)
    assert desk.workspace.run.is_finished
    assert statuses(desk)[HOOK] == "done"
    desk.server.release()


def test_a_run_there_goes_on_when_another_document_is_opened(open_desk: OpenDesk) -> None:
    """It is not followed any more, and nobody ended it."""
    desk = open_desk()
    workflow_id = desk.open_stored()
    start_there(desk)

    desk.workspace.replace(Workflow(name="Another"))
    desk.wait(lambda: not desk.runs.is_active)

    assert not desk.server.sent("POST", "/cancel")
    assert desk.running.runs[workflow_id][0]["status"] == "running"


@pytest.mark.parametrize("kind", [401, 403, 404, 429, "html", "refused"])
def test_a_run_that_cannot_begin_says_why(open_desk: OpenDesk, kind: Any) -> None:
    """The words of the server or of the network, and the editor is ready for the next try."""
    desk = open_desk()
    desk.open_stored()
    body = {"error": "words of the server", "error_code": "WORKFLOW_NOT_FOUND"} if isinstance(kind, int) else None
    desk.server.fail(kind, "POST", "/execute/stream", times=9, body=body)

    desk.on_server.run_flow.run()
    desk.give_values()
    desk.wait(lambda: "The run failed" in desk.notices.text)
    desk.idle()

    words = {401: "does not accept the key", "html": "Internal Server Error", "refused": "Nothing answers"}
    assert words.get(kind, "words of the server") in desk.notices.text
    assert "Traceback" not in desk.notices.text
    assert not desk.runs.is_active


def test_a_failed_save_runs_nothing(open_desk: OpenDesk) -> None:
    """An older version is never run in the place of what is on screen."""
    desk = open_desk()
    desk.open_stored()
    desk.workspace.edit("Change", edits.configure, STEP, "code", "output = 'changed'")
    desk.server.fail(403, "PUT", "/graph", body={"error": "no"})

    desk.on_server.run_flow.run()
    desk.give_values()
    desk.wait(lambda: desk.link.save_state.kind == "failed")
    desk.idle()

    assert not desk.server.sent("POST", "/execute/stream")
    assert desk.workspace.run is None


# --- the history ----------------------------------------------------------------------------------------------------


def shown_history(desk: Desk) -> Any:
    """The history panel, as somebody looks at it."""
    panel = desk.on_server.history_panel
    panel.resize(600, 300)
    panel.show()
    desk.wait(lambda: desk.on_server.server_runs.rows or desk.on_server.server_runs.trouble)
    desk.idle()
    return panel


@pytest.mark.parametrize(("own", "first"), [(True, 50), (False, 100)])
def test_the_history_is_read_page_by_page(open_desk: OpenDesk, own: bool, first: int) -> None:
    """Ours tells page after page; a platform server its newest hundred, and then there is no more."""
    desk = open_desk(own=own)
    workflow_id = desk.open_stored()
    for number in range(120):
        desk.running.run_of(workflow_id, {"name": str(number)}, "webhook")
    panel = shown_history(desk)
    assert panel.view.rows.rowCount() == first
    assert panel.view.rows.rows[0].detail.endswith('{ "name": "119" }')

    while desk.on_server.server_runs.has_more:
        panel.view.verticalScrollBar().setValue(panel.view.verticalScrollBar().maximum())
        desk.idle()

    assert panel.view.rows.rowCount() == (120 if own else 100)
    panel.hide()


def test_calls_show_up_in_the_list_as_they_come(open_desk: OpenDesk) -> None:
    """While it is live each call is a new row at the top; what is selected stays selected, the canvas is left alone."""
    desk = open_desk()
    workflow_id = desk.open_stored()
    desk.server.workflows[workflow_id]["state"] = "deployed"
    old = desk.running.run_of(workflow_id, {"name": "old"}, "webhook")
    panel = shown_history(desk)
    panel.select(old["id"])

    desk.running.run_of(workflow_id, {"name": "new"}, "webhook")
    desk.look()

    assert panel.view.rows.rowCount() == 2
    assert "new" in panel.view.rows.rows[0].detail
    assert panel.view.current_key == old["id"]
    assert desk.workspace.run is None
    panel.hide()


@pytest.mark.parametrize("own", [True, False])
def test_a_run_of_the_past_is_opened_on_the_canvas(open_desk: OpenDesk, own: bool) -> None:
    """By a click on its row: badges, values and where it ran; an older version is told, where the server knows it."""
    desk = open_desk(own=own)
    workflow_id = desk.open_stored()
    desk.running.run_of(workflow_id, {"name": "Ada"}, "webhook")
    desk.server.edit(workflow_id, STEP, code="output = 'newer'")
    desk.look()
    panel = shown_history(desk)

    first = panel.view.rows.index(0)
    QTest.mouseClick(panel.view.viewport(), LEFT, pos=panel.view.visualRect(first).center())
    desk.wait(lambda: desk.workspace.run is not None)
    desk.idle()

    assert set(statuses(desk).values()) == {"done"}
    assert desk.workspace.run.variables["name"] == "Ada"
    if own:
        assert desk.runs.origin == "on Fake, v1, older than the canvas"
        assert "used v1, which is older" in desk.notices.text
    else:
        assert desk.runs.origin == "on Fake"
    panel.hide()


def test_a_run_that_is_gone_is_said_to_be_gone(open_desk: OpenDesk) -> None:
    """Deleted elsewhere between the list and the click."""
    desk = open_desk()
    workflow_id = desk.open_stored()
    desk.running.run_of(workflow_id, {})
    panel = shown_history(desk)
    desk.running.runs[workflow_id].clear()

    desk.on_server.run_flow.show_run(panel.view.rows.rows[0].key)
    desk.idle()

    assert "This run cannot be shown" in desk.notices.text
    panel.hide()


def test_the_history_says_why_it_cannot_be_read(open_desk: OpenDesk) -> None:
    """And what is known already stays to be looked at."""
    desk = open_desk()
    workflow_id = desk.open_stored()
    desk.running.run_of(workflow_id, {})
    panel = shown_history(desk)
    fault = desk.server.fail("refused", times=99)

    panel.refresh_button.click()
    desk.wait(lambda: panel.trouble.text() != "")

    assert "Nothing answers" in panel.trouble.text()
    assert panel.view.rows.rowCount() == 1
    fault.times = 0
    panel.hide()


# --- comparing ------------------------------------------------------------------------------------------------------


def compared(desk: Desk) -> Any:
    """The comparison that was asked for."""
    desk.wait(lambda: desk.on_server.compare_panel.comparison is not None)
    desk.idle()
    return desk.on_server.compare_panel.comparison


def test_the_same_in_both_places_is_said_to_be_the_same(open_desk: OpenDesk) -> None:
    """One input through both; blocks that came to the same have a tick."""
    desk = open_desk()
    desk.open_stored()
    desk.workspace.edit("Simplify", edits.remove, [ANSWER])
    desk.running.output = "hello"
    desk.workspace.edit("No hook", edits.remove, [HOOK])

    desk.on_server.run_flow.compare()
    comparison = compared(desk)

    assert [item.text for item in comparison.differences if item.block_id == STEP] == []
    rows = {row.key: row.side for row in desk.on_server.compare_panel.view.rows.rows}
    assert rows[STEP] == "same"


def test_what_differs_is_listed_block_by_block(open_desk: OpenDesk) -> None:
    """The values stand side by side, those that differ first; the run here is on the canvas."""
    desk = open_desk()
    desk.open_stored()
    desk.running.output = "goodbye"

    desk.on_server.run_flow.compare()
    desk.give_values()
    comparison = compared(desk)

    panel = desk.on_server.compare_panel
    assert any(
        item.text == "“Step”: output is “hello” here and “goodbye” on the server." for item in comparison.differences
    )
    assert "difference" in panel.title.text()
    panel.view.select("")
    panel._on_chosen(STEP)
    assert "hello" in panel.here.text.toPlainText()
    assert "goodbye" in panel.there.text.toPlainText()
    assert desk.runs.origin == ""
    assert desk.workspace.run is comparison.local


def test_a_run_of_the_past_is_compared_with_one_here(open_desk: OpenDesk) -> None:
    """It runs here with the same input; nothing runs on the server."""
    desk = open_desk()
    workflow_id = desk.open_stored()
    row = desk.running.run_of(workflow_id, {"name": "Ada"}, "webhook")

    desk.on_server.run_flow.compare(row["id"])
    comparison = compared(desk)

    assert comparison.local.variables == {"name": "Ada"}
    assert not desk.server.sent("POST", "/execute/stream")


def test_a_comparison_that_comes_to_nothing_says_why(open_desk: OpenDesk) -> None:
    """The server is away: no half comparison is shown."""
    desk = open_desk()
    desk.open_stored()
    desk.server.fail("refused", "POST", times=99)

    desk.on_server.run_flow.compare()
    desk.give_values()
    desk.wait(lambda: "failed" in desk.on_server.compare_panel.empty.text.text())
    desk.idle()

    assert "Nothing answers" in desk.on_server.compare_panel.empty.text.text()
    assert desk.on_server.compare_panel.comparison is None
    assert uuid.UUID(desk.link.workflow_id)
