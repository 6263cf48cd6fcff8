"""The list of problems: where, what, and the remedy at one click."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from editor.panels.problems import ProblemsPanel
from editor.theme import Theme
from editor.workspace.workspace import Workspace
from engine import Block, Edge, Problem, Workflow, default_catalog, edits
from engine.problem import Fix


def cure(workflow: Workflow) -> Workflow:
    return edits.configure(workflow, "a", "input", "cured")


PROBLEMS = (
    Problem("empty", "error", "The prompt is empty; write one.", "a", field="input", fix=Fix("Write a prompt", cure)),
    Problem("loose", "warning", "Nothing follows.", edge_id="e"),
    Problem("note", "info", "<b>bold</b> is text here."),
)


@pytest.fixture
def workspace(qapp):
    blocks = {"a": Block("a", "agent", "Writer"), "b": Block("b", "code", "Code")}
    return Workspace(default_catalog(), Workflow(blocks=blocks, edges={"e": Edge("e", "a", "b")}))


@pytest.fixture
def panel(qtbot, workspace):
    panel = ProblemsPanel(workspace, Theme("light"))
    qtbot.addWidget(panel)
    panel.resize(420, 360)
    panel.show()
    return panel


def click(panel, row: int, place: QPoint | None = None) -> None:
    rect = panel.view.visualRect(panel.problems.index(row))
    spot = place or QPoint(rect.center().x(), rect.top() + 6)
    QTest.mouseClick(panel.view.viewport(), Qt.MouseButton.LeftButton, pos=spot)


def test_no_problems_is_good_news_in_words(panel):
    """Without problems the panel says so."""
    assert panel.empty.isVisible()
    assert panel.empty.title.text() == "No problems"


def test_the_count_is_told(panel, workspace, qtbot):
    """Errors and the rest are counted for the title."""
    with qtbot.waitSignal(panel.count_changed) as told:
        workspace.set_problems(PROBLEMS)

    assert told.args == [1, 2]


def test_rows_say_severity_place_and_sentence(panel, workspace):
    """Each row names how bad it is, where it is, and what would be right; for those who cannot see, too."""
    workspace.set_problems(PROBLEMS)

    spoken = [panel.problems.index(row).data(Qt.ItemDataRole.AccessibleTextRole) for row in range(3)]

    assert spoken == [
        "Error, Writer: The prompt is empty; write one.",
        "Warning, Writer → Code: Nothing follows.",
        "Note, Workflow: <b>bold</b> is text here.",
    ]


def test_a_click_asks_to_reveal_the_place(panel, workspace, qtbot):
    """A click names the block, or the edge, to be shown."""
    workspace.set_problems(PROBLEMS)

    with qtbot.waitSignal(panel.reveal_requested) as block:
        click(panel, 0)
    with qtbot.waitSignal(panel.reveal_requested) as edge:
        click(panel, 1)

    assert block.args == ["a", ""]
    assert edge.args == ["", "e"]


def test_the_fix_button_is_one_undo_step(panel, workspace, qtbot):
    """The button on the row does what it says, and undo takes it back."""
    workspace.set_problems(PROBLEMS)
    button = panel.view.fix_rect(panel.problems.index(0))

    with qtbot.assertNotEmitted(panel.reveal_requested):
        click(panel, 0, button.center())

    assert workspace.workflow.block("a").config["input"] == "cured"
    assert workspace.undo_label == "Write a prompt"


def test_enter_reveals_and_ctrl_enter_fixes(panel, workspace, qtbot):
    """The keyboard reaches both."""
    workspace.set_problems(PROBLEMS)
    panel.view.setCurrentIndex(panel.problems.index(0))

    with qtbot.waitSignal(panel.reveal_requested):
        QTest.keyClick(panel.view, Qt.Key.Key_Return)
    QTest.keyClick(panel.view, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)

    assert workspace.workflow.block("a").config["input"] == "cured"


def test_names_follow_a_rename(panel, workspace):
    """A block that is renamed is named so at once."""
    workspace.set_problems(PROBLEMS)
    block = workspace.workflow.block("a")

    workspace.edit("Rename", Workflow.with_blocks, [block.changed(name="Poet")])

    assert panel.problems.place(PROBLEMS[0]) == "Poet"


def test_rows_have_room_for_their_whole_sentence(panel, workspace):
    """A long sentence wraps and its row grows with it, also when the panel is narrow."""
    long = "This sentence goes on and on about what is wrong and what would be right. " * 3
    workspace.set_problems((Problem("long", "error", long, "a"), PROBLEMS[1]))
    panel.resize(280, 360)

    height = panel.view.visualRect(panel.problems.index(0)).height()

    assert height > 6 * panel.fontMetrics().lineSpacing()
    panel.grab()


def test_ten_thousand_problems_are_shown_at_once(panel, workspace):
    """A broken giant workflow does not block the panel."""
    many = tuple(Problem("x", "error", f"Wrong {number}", "a") for number in range(10_000))

    workspace.set_problems(many)

    assert panel.problems.rowCount() == 10_000
