"""The document changes under the hand, things are out of view, names have twins: nothing breaks and nothing lies."""

from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit

from editor.canvas.commands import QuickAddRequest
from engine import Block, Edge, Workflow, edits

CONTROL = Qt.KeyboardModifier.ControlModifier
ALT = Qt.KeyboardModifier.AltModifier


def heard(signal: Any) -> list[Any]:
    """What a signal tells from now on."""
    found: list[Any] = []
    signal.connect(lambda *values: found.append(values[0]))
    return found


def rename_in_place(canvas: Any, workspace: Any, block_id: str, name: str) -> None:
    workspace.select([block_id])
    canvas.rename_selected()
    field = canvas.findChild(QLineEdit)
    QTest.keyClicks(field, name)
    QTest.keyClick(field, Qt.Key.Key_Return)


def overlapping_cards(canvas: Any) -> set[tuple[str, str]]:
    cards = {block_id: canvas.columns.card(row) for block_id, row in canvas.columns.row_of.items()}
    return {
        (first, second)
        for first, a in cards.items()
        for second, b in cards.items()
        if first < second and a.left < b.right and b.left < a.right and a.top < b.bottom and b.top < a.bottom
    }


class TestTheDocumentChangesDuringAGesture:
    """Undo by key, another window's file, a reload: the block under the hand may go."""

    @pytest.mark.parametrize("keys", [Qt.KeyboardModifier.NoModifier, ALT])
    def test_a_dragged_block_is_undone(self, canvas: Any, hand: Any, workspace: Any, keys: Any) -> None:
        """The drag ends by itself and the rest of it does nothing."""
        workspace.edit("Add", edits.add_blocks, [Block("x", "code", "X", 0, 300)])
        hand.press("x", keys=keys).move(40, 40)

        workspace.undo()
        canvas.repaint()
        hand.move(10, 10).release()
        canvas.repaint()

        assert "x" not in workspace.workflow.blocks
        assert workspace.redo_label == "Add"

    def test_a_wire_is_drawn_from_a_block_that_is_undone(self, canvas: Any, hand: Any, workspace: Any) -> None:
        """The wire vanishes with its block."""
        workspace.edit("Add", edits.add_blocks, [Block("x", "code", "X", 0, 300)])
        hand.press(hand.output("x")).move(40, 40)

        workspace.undo()
        canvas.repaint()
        hand.move(10, 10).move_to("fetch").release()

        assert all(edge.source != "x" for edge in workspace.workflow.edges.values())

    def test_another_document_is_opened(self, canvas: Any, hand: Any, workspace: Any) -> None:
        """Nothing of the old one is put into the new one."""
        hand.press("lone").move(10, 10)

        workspace.replace(Workflow())
        canvas.repaint()
        hand.move(10, 10).release()
        hand.key(Qt.Key.Key_Right).key("1")

        assert workspace.workflow == Workflow()


class TestQuickAdd:
    """A request may be old by the time it is answered."""

    @pytest.mark.parametrize("request_", [{"beside": "gone"}, {"source": ("gone", "")}])
    def test_the_block_to_follow_is_gone(self, canvas: Any, workspace: Any, request_: Any) -> None:
        """The answer is refused or adds the block alone; nothing breaks."""
        canvas.commands.add(QuickAddRequest(0, 0, QPoint(), **request_), "code")

        assert all("gone" not in (edge.source, edge.target) for edge in workspace.workflow.edges.values())

    @pytest.mark.parametrize(
        ("x", "y", "ends", "kind"),
        [(250, 310, {"source": ("start", "")}, "code"), (290, 130, {"target": ("lone", "")}, "agent")],
    )
    def test_a_new_block_covers_no_other(self, canvas: Any, x: int, y: int, ends: Any, kind: str) -> None:
        """Dropped where a card lies, it goes to the next free place."""
        canvas.commands.add(QuickAddRequest(x, y, QPoint(), **ends), kind)

        assert overlapping_cards(canvas) == set()

    def test_a_selected_block_out_of_view_is_followed_in_view(self, canvas: Any, hand: Any, workspace: Any) -> None:
        """The question appears over the canvas."""
        asked = heard(canvas.quick_add_requested)
        workspace.select(["fetch"])
        canvas.set_camera(canvas.camera.panned(5000, 0))

        hand.key(Qt.Key.Key_Tab)

        assert canvas.rect().contains(canvas.mapFromGlobal(asked[0].global_pos))


class TestRenaming:
    """The field belongs to its title, and what it says of references is true."""

    def test_out_of_view_it_comes_into_view(self, canvas: Any, workspace: Any) -> None:
        """F2 never opens a field that cannot be seen."""
        workspace.select(["fetch"])
        canvas.set_camera(canvas.camera.panned(5000, 0))

        canvas.rename_selected()

        assert canvas.rect().intersects(canvas.findChild(QLineEdit).geometry())

    def test_it_goes_with_its_block(self, canvas: Any, workspace: Any) -> None:
        """Undoing the block closes the field."""
        workspace.edit("Add", edits.add_blocks, [Block("x", "code", "X", 0, 400)])
        workspace.select(["x"])
        canvas.rename_selected()

        workspace.undo()

        assert not canvas.findChild(QLineEdit).isVisible()

    def test_it_stays_with_the_title(self, canvas: Any, hand: Any, workspace: Any) -> None:
        """Scrolling takes the field along."""
        workspace.select(["fetch"])
        canvas.rename_selected()
        before = canvas.findChild(QLineEdit).geometry()

        hand.wheel((100, 200), -120)

        assert canvas.findChild(QLineEdit).geometry() != before

    def test_references_by_id_are_counted(self, canvas: Any, workspace: Any) -> None:
        """A block without a name is referred to by its id; naming it rewrites that, and says so."""
        reader = Block("z", "response", "Z", 400, 400, {"output": "<nn.output>"})
        workspace.edit("Add", edits.add_blocks, [Block("nn", "code", "", 0, 400), reader])
        told = heard(canvas.message)

        rename_in_place(canvas, workspace, "nn", "New")

        assert "1 reference" in told[0]

    def test_references_to_a_twin_are_not_counted(self, canvas: Any, workspace: Any) -> None:
        """Of two blocks of one name the first is meant; renaming the other rewrites nothing."""
        workspace.edit("Add", edits.add_blocks, [Block("nn", "code", "Fetch", 0, 400)])
        told = heard(canvas.message)

        rename_in_place(canvas, workspace, "nn", "New")

        assert told == ["Renamed"]

    def test_a_taken_name_is_refused_in_words(self, canvas: Any, workspace: Any) -> None:
        """Two blocks never get one name by hand."""
        told = heard(canvas.message)

        rename_in_place(canvas, workspace, "lone", "Fetch")

        assert told[0].startswith("Not renamed.")
        assert workspace.workflow.block("lone").name != "Fetch"


class TestConnecting:
    """A refusal names the real reason."""

    def test_a_circle(self, canvas: Any, workspace: Any) -> None:
        """From a block with named ports, too."""
        blocks = [Block("q", "condition", "Q", 0, 400), Block("z", "code", "Z", 400, 400)]
        workspace.edit("Add", edits.add_blocks, blocks, [Edge("e", "z", "q")])
        told = heard(canvas.message)
        workspace.select(["q", "z"])

        canvas.commands.connect_selected()

        assert "circle" in told[0]

    def test_wires_that_are_there_already(self, canvas: Any, workspace: Any) -> None:
        """When every output leads there already, that is what it says."""
        condition = Block("q", "condition", "Q", 0, 400, {"branches": [{"expression": "1"}]})
        wires = [Edge("e", "q", "z", "if", None, "if"), Edge("e2", "q", "z", "else", None, "else")]
        workspace.edit("Add", edits.add_blocks, [condition, Block("z", "code", "Z", 400, 400)], wires)
        told = heard(canvas.message)
        workspace.select(["q", "z"])

        canvas.commands.connect_selected()

        assert "already" in told[0]


def test_nudging_other_blocks_is_another_step(canvas: Any, hand: Any, workspace: Any) -> None:
    """Held keys are one step only for the same blocks."""
    workspace.edit("Add", edits.add_blocks, [Block(name, "code", name, 0, 400) for name in "abcde"])
    workspace.select("abcd")
    hand.key(Qt.Key.Key_Right, CONTROL)
    workspace.select("abce")
    hand.key(Qt.Key.Key_Right, CONTROL)

    workspace.undo()

    assert workspace.workflow.block("d").x == 16
