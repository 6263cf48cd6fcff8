"""The support example: run with one click without any service, understood at every step, and not stopped by a loop."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton

from editor.panels.forms.code_edit import CodeEdit
from engine.directory import Library
from tests.flows.test_never_freeze import measured

EXAMPLE = "Sort letters with agents"
DEADLINE_MS = 1_500

pytestmark = pytest.mark.slow


def open_example(player: Any) -> None:
    """Choose the example in the File menu, and wait for what is offered."""
    entry = next(item for item in player.window.actions_by_id.examples.actions() if item.text() == EXAMPLE)
    entry.trigger()
    player.settled()
    player.wait(lambda: "Stand-ins" in player.window.notices.text)


def press_notice(player: Any) -> None:
    """Press the button of the notice over the canvas."""
    button = player.window.notices.findChild(QPushButton)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def wait_for_run(player: Any, before: Any = None) -> Any:
    """The run that follows `before`, once it has ended and the panel shows its end."""
    player.wait(lambda: player.window.workspace.run is not before and not player.window.runs.is_active)
    player.wait(lambda: not player.window.run_panel._due.isActive())
    return player.window.workspace.run


def run_again(player: Any) -> Any:
    before = player.window.workspace.run
    player.action("run")
    return wait_for_run(player, before)


def statuses(player: Any) -> dict[str, str]:
    found = player.window.workspace.run.blocks
    return {block.label: found[block.id].status for block in player.window.workspace.workflow.blocks.values()}


def click_row(player: Any, name: str, number: int = 0) -> None:
    """Click on a block in the run panel, or on one of its delegations."""
    panel = player.window.run_panel
    index = panel.timeline.index(panel.timeline.row_of(player.block(name).id, number))
    panel.view.scrollTo(index)
    QTest.mouseClick(panel.view.viewport(), Qt.MouseButton.LeftButton, pos=panel.view.visualRect(index).center())


def shown_in(player: Any, name: str, tab: str = "", number: int = 0) -> str:
    """What the run panel says of a block in this tab, or in the one that it opens with."""
    click_row(player, name, number)
    panel = player.window.run_panel
    if tab:
        tabs = [panel.tabs.tabText(place) for place in range(panel.tabs.count())]
        panel.tabs.setCurrentIndex(tabs.index(tab))
    text: str = panel.value.text.toPlainText()
    return text


def set_variables(player: Any, **values: Any) -> None:
    """Type other values into the workflow's own form, where the webhook's caller would have sent them."""
    window = player.window
    window.workspace.select([])
    editor = window.inspector.workflow_page.rows["variables"].editor.edit
    editor.setPlainText(json.dumps({**window.workspace.workflow.variables, **values}))
    assert window.workspace.workflow.variables.items() >= values.items()


def test_the_support_example_tells_its_whole_story(open_window: Callable[..., Any]) -> None:
    """One click runs it; which way it went and why can be read, and so can every value on the way."""
    player = open_window(trusts=False)
    window = player.window
    open_example(player)
    player.picture("example")
    assert not window.setup.trust.is_restricted

    press_notice(player)
    run = wait_for_run(player)

    assert run.status == "completed"
    assert not run.failed_blocks
    assert statuses(player) == {
        "Ticket": "done",
        "Kind of ticket": "done",
        "Answer": "skipped",
        "Open case": "skipped",
        "Ask the team": "done",
        "Draft": "done",
        "Both at once": "done",
        "Look closer": "done",
        "In one sentence": "done",
        "Reply": "done",
    }
    assert run.output.startswith("Dear Ada,\n\nThe lamp that I bought in your shop in May flickers")
    assert "<" not in run.output, "every reference in the reply has found its value"
    player.picture("after the run")

    # Which branch was taken, and why.
    decision = shown_in(player, "Kind of ticket")
    assert decision == (
        'if  <Ticket.output.topic> == "question"\n    <Ticket.output.topic> = "repair"\n    → false\n\n'
        'else if  <Ticket.output.topic> == "order" and <Ticket.output.priority> >= 3\n'
        '    <Ticket.output.topic> = "repair"\n    <Ticket.output.priority> = 2\n    → false\n\n'
        "else\n    → taken: none of them was true"
    )
    player.picture("decision")
    click_row(player, "Open case")
    assert window.run_panel.nothing.text.text() == "Not taken: “Kind of ticket” went to “else”."

    # Every value on the way, and who of the team said what.
    assert '"priority": 2' in shown_in(player, "Ticket")
    assert "The lamp that I bought" in shown_in(player, "Ask the team", "Config")
    assert shown_in(player, "Ask the team", "Task", number=1).startswith("What shall we do about this letter?")
    assert shown_in(player, "Ask the team", "Answer", number=1).count(".") >= 3
    assert shown_in(player, "Ask the team", "Answer", number=2).count(".") == 1
    player.picture("delegation")
    assert json.loads(shown_in(player, "Look closer"))["numbers"] == ["20417"]

    # What the click has set up is seen, and only this document has it.
    assert "api.example.com" in window.setup.stand_ins.mark.text()
    assert window.setup.stand_ins.mark.isVisible()
    assert {agent.name for agent in Library().read().agents.values()} == {"Fact finder", "Short writer", "Help desk"}
    window.workspace.select([player.block("Answer").id])
    assert window.inspector.form.rows["agent_id"].editor.box.currentText() == "Help desk"
    face = window.canvas.columns.faces[window.canvas.columns.row_of[player.block("Ask the team").id]]
    assert face.kind == "Support team · Orchestration"


def test_the_other_ways_of_the_support_example(open_window: Callable[..., Any]) -> None:
    """Another letter asks the agent or opens a case, at a service that is stood in for and says so."""
    player = open_window(trusts=False)
    open_example(player)
    press_notice(player)
    wait_for_run(player)

    set_variables(player, topic="order", priority=5)
    assert "We opened case stand-in." in run_again(player).output
    case = json.loads(shown_in(player, "Open case"))
    assert (case["customer"], case["priority"]) == ("Ada", 5)
    assert "made up on this machine" in case["stand_in"]
    assert "→ true: this path was taken" in shown_in(player, "Kind of ticket", "Decision")

    set_variables(player, topic="question")
    run_again(player)
    assert statuses(player)["Answer"] == "done"
    assert "not asked: the path was decided before" in shown_in(player, "Kind of ticket", "Decision")

    # With the stand-ins off the real address is called, which is not there: the reply says so and goes on.
    player.window.setup.stand_ins.mark.click()
    assert not player.window.setup.stand_ins.mark.isVisible()
    set_variables(player, topic="order")
    assert "We could not open a case." in run_again(player).output


def test_an_endless_loop_ends_at_its_deadline(open_window: Callable[..., Any]) -> None:
    """The block fails in words, everything else goes on, and the window answers all the time."""
    player = open_window(trusts=False)
    window = player.window
    open_example(player)
    press_notice(player)
    wait_for_run(player)

    player.activate()
    player.click_block("Look closer")
    QTest.keyClick(window.canvas, Qt.Key.Key_Return)
    player.wait(lambda: isinstance(QApplication.focusWidget(), CodeEdit))
    editor = QApplication.focusWidget()
    QTest.keyClick(editor, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    for line in ("while True:", "pass"):
        QTest.keyClicks(editor, line)
        QTest.keyClick(editor, Qt.Key.Key_Return)
    assert player.block("Look closer").config["code"].startswith("while True:\n    pass")
    form = window.inspector.form
    form.more.set_open(True)
    QTest.keyClicks(form.rows["timeout"].editor.edit, str(DEADLINE_MS))
    assert player.block("Look closer").config["timeout"] == DEADLINE_MS
    player.picture("endless loop")

    with measured("run with an endless loop"):
        run = run_again(player)

    assert run.status == "completed"
    assert statuses(player)["Look closer"] == "failed"
    assert [name for name, status in statuses(player).items() if status == "failed"] == ["Look closer"]
    assert run.blocks[player.block("Look closer").id].duration_ms < DEADLINE_MS + 1_000
    assert "Dear Ada" in run.output
    assert shown_in(player, "Look closer") == f"It took longer than the {DEADLINE_MS} ms it may take."
    assert "Look closer failed" in window.notices.text
    player.picture("after the deadline")


def test_stand_ins_are_an_action_of_the_open_document(open_window: Callable[..., Any]) -> None:
    """They are switched on and off in the menu, and another document calls its real services."""
    player = open_window(trusts=False)
    window = player.window
    open_example(player)
    action = window.actions_by_id["stand_ins"]
    assert not action.isChecked()

    player.action("stand_ins")
    player.wait(lambda: window.setup.stand_ins.hosts == ("api.example.com",))
    assert action.isChecked()
    player.action("stand_ins")
    assert window.setup.stand_ins.hosts == ()
    player.action("stand_ins")
    player.wait(lambda: window.setup.stand_ins.hosts)
    player.action("new")
    player.settled()

    assert window.setup.stand_ins.hosts == ()
    assert not action.isChecked()
    assert not window.setup.stand_ins.mark.isVisible()


def test_a_library_that_cannot_be_written_is_told(open_window: Callable[..., Any]) -> None:
    """Nothing runs half prepared, and the damaged file is left as it was."""
    path = Library().path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{")
    player = open_window(trusts=False)
    open_example(player)

    press_notice(player)

    player.wait(lambda: "library of agents is damaged" in player.window.notices.text)
    assert not player.window.actions_by_id["stand_ins"].isChecked()
    assert player.window.workspace.run is None
    assert path.read_text() == "{"
