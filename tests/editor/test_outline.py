"""The outline: every block in the order of the graph, to find and to hear."""

import random

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from editor.panels.outline import OutlinePanel, graph_order
from editor.theme import Theme
from editor.workspace.workspace import Workspace
from engine import Block, Edge, RunState, Workflow, default_catalog, edits
from engine.events import BlockFailed, BlockStarted, RunStarted


def workflow() -> Workflow:
    blocks = [
        Block("end", "response", "End", 0, 300),
        Block("b", "code", "Right", 200, 150),
        Block("a", "agent", "Left", 0, 150),
        Block("start", "starter", "Start", 0, 0),
    ]
    wires = [Edge("1", "start", "a"), Edge("2", "start", "b"), Edge("3", "a", "end"), Edge("4", "b", "end")]
    return Workflow(blocks={item.id: item for item in blocks}, edges={item.id: item for item in wires})


@pytest.fixture
def workspace(qapp):
    return Workspace(default_catalog(), workflow())


@pytest.fixture
def panel(qtbot, workspace):
    theme = Theme("light")
    panel = OutlinePanel(workspace, theme)
    panel.keep = theme
    qtbot.addWidget(panel)
    panel.resize(280, 400)
    panel.show()
    return panel


def names(panel) -> list[str]:
    return [panel.blocks.index(row).data() for row in range(panel.blocks.rowCount())]


def test_blocks_stand_in_the_order_of_the_graph(panel):
    """What comes before stands before; siblings from left to right."""
    assert names(panel) == ["Start", "Left", "Right", "End"]


@pytest.mark.parametrize("seed", range(20))
def test_the_order_holds_every_block_once_whatever_the_graph(seed):
    """Random graphs, cycles too: each block once, and along edges outside cycles."""
    rng = random.Random(seed)
    ids = [str(number) for number in range(30)]
    blocks = {name: Block(name, "code", name, rng.random(), rng.random()) for name in ids}
    pairs = [(rng.choice(ids), rng.choice(ids)) for _ in range(20)]
    edges = {str(number): Edge(str(number), *pair) for number, pair in enumerate(pairs)}

    order = graph_order(Workflow(blocks=blocks, edges=edges))
    forward = graph_order(
        Workflow(blocks=blocks, edges={key: item for key, item in edges.items() if int(item.source) < int(item.target)})
    )

    assert sorted(order) == sorted(ids)
    for edge in edges.values():
        if int(edge.source) < int(edge.target):
            assert forward.index(edge.source) < forward.index(edge.target), f"seed {seed}"


def test_a_click_asks_to_reveal_the_block(panel, qtbot):
    """Clicking a row names its block."""
    spot = panel.view.visualRect(panel.blocks.index(1)).center()

    with qtbot.waitSignal(panel.reveal_requested) as asked:
        QTest.mouseClick(panel.view.viewport(), Qt.MouseButton.LeftButton, pos=spot)

    assert asked.args == ["a"]


def test_letters_and_enter_find_a_block(panel, qtbot):
    """Typing a part of a name and Enter reveals the first block that fits."""
    QTest.keyClicks(panel.search, "rig")

    with qtbot.waitSignal(panel.reveal_requested) as asked:
        QTest.keyClick(panel.search, Qt.Key.Key_Return)

    assert names(panel) == ["Right"]
    assert asked.args == ["b"]


def test_a_type_can_be_searched(panel):
    """The type's name finds its blocks, too."""
    QTest.keyClicks(panel.search, "agent")

    assert names(panel) == ["Left"]


def test_the_row_follows_the_selection(panel, workspace):
    """The block selected on the canvas is the current row; no row for none."""
    workspace.select(["b"])
    row = panel.view.currentIndex().row()
    workspace.select([])

    assert row == 2
    assert not panel.view.currentIndex().isValid()


def test_edits_and_undo_are_followed(panel, workspace, qtbot):
    """A block that is removed goes from the list and comes back with undo."""
    workspace.edit("Remove", edits.remove, ["a"])
    qtbot.waitUntil(lambda: names(panel) == ["Start", "Right", "End"])

    workspace.undo()

    qtbot.waitUntil(lambda: names(panel) == ["Start", "Left", "Right", "End"])


def test_rows_say_name_type_and_status(panel, workspace):
    """For those who cannot see: name, type, status of the run, and whether the block is off."""
    run = RunState()
    run.fold(RunStarted(1, 0, run_id="r", blocks=("a",)))
    run.fold(BlockStarted(2, 0, block_id="a"))
    changed = run.fold(BlockFailed(3, 1, block_id="a", error="x"))
    workspace.edit("Off", edits.set_enabled, ["a"], False)
    workspace.set_run(run)
    workspace.tell_run_changed(changed)
    panel.refresh()

    spoken = panel.blocks.index(1).data(Qt.ItemDataRole.AccessibleTextRole)

    assert spoken == "Left, Agent, Failed, off"


def test_an_empty_workflow_and_an_empty_search_have_words(panel, workspace):
    """Nothing to list is said, in both cases."""
    QTest.keyClicks(panel.search, "zzz")
    searched = panel.empty.title.text()
    panel.search.clear()
    workspace.replace(Workflow())
    panel.refresh()

    assert searched == "No block found"
    assert panel.empty.title.text() == "No blocks yet"


def test_both_themes_paint_the_list(panel, workspace):
    """Light and dark paint without an error."""
    for choice in ("dark", "light"):
        panel.keep.choose(choice)
        assert not panel.grab().isNull()
