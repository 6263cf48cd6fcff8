"""The canvas played with the mouse: what each gesture does to the document, and that giving up does nothing."""

from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from editor.canvas.camera import MAX_ZOOM, MIN_ZOOM
from editor.canvas.canvas import BLOCK_MIME
from editor.canvas.minimap import Minimap

ALT = Qt.KeyboardModifier.AltModifier
CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
MIDDLE = Qt.MouseButton.MiddleButton
EMPTY = (100.0, 200.0)


def heard(signal):
    """Everything that a signal says from now on, as tuples of its arguments."""
    found = []
    signal.connect(lambda *values: found.append(values))
    return found


def place(workspace, block_id):
    block = workspace.workflow.block(block_id)
    return block.x, block.y


def ends(workspace):
    return {(edge.source, edge.target) for edge in workspace.workflow.edges.values()}


def middle_of_wire(canvas, edge_id):
    wire = canvas.columns.ends(canvas.columns.edge_rows([edge_id]))
    return float(wire.source_x[0] + wire.target_x[0]) / 2, float(wire.source_y[0] + wire.target_y[0]) / 2


class TestSelecting:
    def test_a_click_selects_a_block_alone(self, hand, workspace):
        """A click on a card makes it the only thing selected."""
        workspace.select(["start"])

        hand.click("fetch")

        assert workspace.selection.blocks == {"fetch"}

    def test_shift_adds_and_takes_away(self, hand, workspace):
        """With Shift a click adds a block to the selection, and a second one takes it out."""
        hand.click("start").click("fetch", SHIFT)
        assert workspace.selection.blocks == {"start", "fetch"}

        hand.click("fetch", SHIFT)

        assert workspace.selection.blocks == {"start"}

    def test_a_click_on_one_of_many_selects_it_alone(self, hand, workspace):
        """Releasing without a drag on one of several selected blocks leaves that one."""
        workspace.select(["start", "fetch"])

        hand.click("fetch")

        assert workspace.selection.blocks == {"fetch"}

    def test_a_click_on_the_empty_canvas_selects_nothing(self, hand, workspace):
        """Clicking beside everything clears the selection; with Shift it stays."""
        hand.click("fetch").click(EMPTY, SHIFT)
        assert workspace.selection.blocks == {"fetch"}

        hand.click(EMPTY)

        assert not workspace.selection

    def test_a_click_selects_a_wire(self, hand, workspace, canvas):
        """A click on the middle of a long wire selects it."""
        hand.drag("out", (800, 205))
        workspace.select()

        hand.click(middle_of_wire(canvas, "second"))

        assert workspace.selection.edges == {"second"}

    def test_a_band_to_the_right_selects_what_it_touches(self, hand, workspace):
        """Drawn from left to right, a corner of a card is enough."""
        hand.drag((260, -40), (330, 20))

        assert workspace.selection.blocks == {"fetch"}

    def test_a_band_to_the_left_selects_what_lies_in_it_whole(self, hand, workspace, canvas):
        """Drawn from right to left, the whole card must lie in the rectangle."""
        bottom = canvas.columns.bounds().bottom

        hand.drag((600, 150), (260, -40))
        assert workspace.selection.blocks == {"fetch"}
        hand.drag((600, bottom + 16), (310, -40))

        assert not workspace.selection

    def test_escape_gives_the_band_up(self, hand, workspace):
        """What was selected before the band is selected again."""
        workspace.select(["out"])

        hand.press((260, -40)).move_to((330, 20)).key(Qt.Key.Key_Escape).release()

        assert workspace.selection.blocks == {"out"}


class TestMoving:
    def test_escape_puts_dragged_blocks_back(self, hand, workspace, canvas):
        """A drag given up with Escape leaves the document, the picture and the history as they were."""
        before = workspace.workflow

        hand.press("fetch").move(80, 40).key(Qt.Key.Key_Escape)
        assert canvas.picture().moving.size == 0
        hand.move(60, 60).release()

        assert workspace.workflow is before
        assert workspace.undo_label is None

    def test_a_drag_is_one_step_on_the_grid(self, hand, workspace):
        """However many moves the mouse makes, undo takes the drag back at once; places are multiples of 16."""
        before = workspace.workflow

        hand.press("lone").move(37, 25).move(50, 90).release()

        assert place(workspace, "lone") == (304 + 80, 256 + 112)
        assert workspace.undo_label == "Move “Lone”"
        workspace.undo()
        assert workspace.workflow is before
        assert workspace.undo_label is None

    def test_alt_held_while_dragging_suspends_the_grid(self, hand, workspace):
        """Alt pressed after the drag began puts the block where the hand is, to the pixel."""
        hand.press("lone").move(8, 8).hold(ALT).move(29, 17).release()

        assert place(workspace, "lone") == (304 + 37, 256 + 25)

    def test_without_snapping_alt_snaps(self, hand, workspace, canvas):
        """With the grid turned off, blocks go where the hand is and Alt brings the grid back for one drag."""
        canvas.set_snap(False)

        hand.drag("lone", (304 + 150 + 37, 256 + 45 + 25))
        assert place(workspace, "lone") == (341, 281)
        hand.press("lone").move(8, 8).hold(ALT).move(3, 3).release()

        assert place(workspace, "lone") == (352, 288)

    def test_all_selected_blocks_move_together(self, hand, workspace):
        """A drag on one selected block takes the others along and names how many."""
        workspace.select(["fetch", "out"])

        hand.press("fetch").move(0, 64).release()

        assert place(workspace, "fetch") == (304, 64)
        assert place(workspace, "out") == (608, 64)
        assert workspace.undo_label == "Move 2 blocks"

    def test_a_drag_that_comes_back_is_no_step(self, hand, workspace):
        """Dropped where it was, a block has not moved."""
        before = workspace.workflow

        hand.press("lone").move(60, 60).move(-60, -60).release()

        assert workspace.workflow is before
        assert workspace.undo_label is None

    def test_alt_drag_duplicates(self, hand, workspace):
        """Alt held at the press drags a copy: the block stays, a new one with a fresh id is selected."""
        before = set(workspace.workflow.blocks)

        hand.press("lone", keys=ALT).hold(Qt.KeyboardModifier.NoModifier).move(0, 80).release()

        (fresh,) = set(workspace.workflow.blocks) - before
        assert place(workspace, "lone") == (304, 256)
        assert place(workspace, fresh) == (304, 336)
        assert workspace.selection.blocks == {fresh}
        assert workspace.undo_label == "Duplicate block"

    def test_a_lost_focus_gives_the_drag_up(self, hand, workspace, canvas):
        """When another widget takes the keyboard the release may never come, so blocks go back."""
        before = workspace.workflow

        hand.press("lone").move(80, 40)
        canvas.clearFocus()
        hand.release()

        assert workspace.workflow is before

    def test_a_lone_block_dropped_on_a_wire_goes_into_it(self, hand, workspace, canvas):
        """A block without wires is spliced in: one step, the old wire keeps its id, followers make room."""
        result_before = place(workspace, "out")
        x, y = middle_of_wire(canvas, "second")

        # The card's middle on the wire.
        card = canvas.columns.card(canvas.columns.row_of["lone"])
        grip = hand.on("lone")
        hand.drag("lone", (x - card.width / 2 + grip[0] - card.left, y - card.height / 2 + grip[1] - card.top))

        assert ends(workspace) == {("start", "fetch"), ("fetch", "lone"), ("lone", "out")}
        assert workspace.workflow.edge("second").target == "lone"
        assert place(workspace, "out")[0] >= place(workspace, "lone")[0] + 240 > result_before[0]
        assert workspace.undo_label == "Put “Lone” into a wire"

    def test_alt_refuses_to_splice(self, hand, workspace, canvas):
        """With Alt held at the drop the block only lies over the wire."""
        x, y = middle_of_wire(canvas, "second")

        hand.press("lone").move(8, 8).hold(ALT).move_to((x, y)).release()

        assert ends(workspace) == {("start", "fetch"), ("fetch", "out")}

    def test_a_block_with_wires_is_never_spliced(self, hand, workspace):
        """Dragging a connected block over another wire only moves it."""
        hand.drag("out", (270, 30))

        assert ends(workspace) == {("start", "fetch"), ("fetch", "out")}
        assert workspace.undo_label == "Move “Result”"


class TestWiring:
    def test_a_wire_goes_from_port_to_port(self, hand, workspace):
        """Dragged from an output to an input, a wire joins them."""
        hand.drag(hand.output("start"), hand.input("lone"))

        assert ("start", "lone") in ends(workspace)
        assert workspace.undo_label == "Connect"

    def test_a_wire_can_be_drawn_backwards(self, hand, workspace):
        """Dragged from an input to an output, the wire still runs from the output to the input."""
        hand.drag(hand.input("lone"), hand.output("start"))

        assert ("start", "lone") in ends(workspace)

    def test_a_wire_dropped_on_a_body_takes_the_first_port_that_fits(self, hand, workspace):
        """Nobody has to hit a port: the card is enough."""
        hand.drag(hand.output("start"), "lone")

        assert ("start", "lone") in ends(workspace)

    @pytest.mark.parametrize("target", ["port", "body"])
    def test_a_wire_that_would_close_a_circle_is_refused_with_the_reason(self, hand, workspace, canvas, target):
        """The person is told why, and the document stays as it is."""
        hand.drag(hand.output("fetch"), hand.input("lone"))
        told, asked, before = heard(canvas.message), heard(canvas.quick_add_requested), workspace.workflow

        hand.drag(hand.output("lone"), hand.input("fetch") if target == "port" else "fetch")

        assert "circle" in told[0][0]
        assert workspace.workflow is before
        assert asked == []

    def test_a_second_wire_between_the_same_ports_is_refused(self, hand, workspace, canvas):
        """Two equal wires would mean nothing; the notice names both blocks."""
        told, before = heard(canvas.message), workspace.workflow

        hand.drag(hand.output("start"), hand.input("fetch"))

        assert "already" in told[0][0]
        assert workspace.workflow is before

    def test_a_wire_dropped_in_the_empty_asks_for_a_block(self, hand, workspace, canvas):
        """The request says from which output, and where."""
        asked, before = heard(canvas.quick_add_requested), workspace.workflow

        hand.drag(hand.output("fetch"), (700, 300))

        request = asked[0][0]
        assert request.source == ("fetch", "")
        assert request.target is None
        assert (request.x, request.y) == (700, 300)
        assert workspace.workflow is before

    def test_a_wire_from_an_input_asks_for_a_block_before(self, hand, canvas):
        """Drawn backwards into the empty, the block asked for is one that leads to this input."""
        asked = heard(canvas.quick_add_requested)

        hand.drag(hand.input("lone"), (100, 330))

        request = asked[0][0]
        assert request.target == ("lone", "")
        assert request.source is None

    def test_the_block_asked_for_is_wired(self, hand, workspace, canvas):
        """`commands.add` answers a request with a block whose wire is drawn, in one step."""
        asked = heard(canvas.quick_add_requested)
        hand.drag(hand.output("lone"), (640, 300))

        canvas.commands.add(asked[0][0], "code")

        (fresh,) = workspace.selection.blocks
        assert ("lone", fresh) in ends(workspace)
        workspace.undo()
        assert workspace.undo_label is None

    def test_an_end_put_on_another_port_keeps_the_wire(self, hand, workspace):
        """A wire taken near its end and dropped on another block keeps its id."""
        x, y = hand.input("out")

        hand.drag((x - 25, y), hand.input("lone"))

        edge = workspace.workflow.edge("second")
        assert (edge.source, edge.target) == ("fetch", "lone")
        assert len(workspace.workflow.edges) == 2
        assert workspace.undo_label == "Reconnect"

    def test_the_beginning_of_a_wire_can_be_put_elsewhere(self, hand, workspace):
        """Taken near where it leaves, a wire is given another source."""
        x, y = hand.output("fetch")

        hand.drag((x + 25, y), hand.output("lone"))

        edge = workspace.workflow.edge("second")
        assert (edge.source, edge.target) == ("lone", "out")

    def test_an_end_put_into_the_empty_disconnects(self, hand, workspace, canvas):
        """Pulled off and dropped where nothing is, the wire goes; no block is asked for."""
        asked = heard(canvas.quick_add_requested)
        x, y = hand.input("out")

        hand.drag((x - 25, y), (580, 320))

        assert ends(workspace) == {("start", "fetch")}
        assert workspace.undo_label == "Disconnect"
        assert asked == []

    def test_an_end_put_back_where_it_was_changes_nothing(self, hand, workspace):
        """Pulled off and plugged in again, the wire is the same."""
        x, y = hand.input("out")
        before = workspace.workflow

        hand.press((x - 25, y)).move(0, 150).move_to(hand.input("out")).release()

        assert workspace.workflow is before
        assert workspace.undo_label is None

    def test_escape_gives_a_wire_up(self, hand, workspace, canvas):
        """No wire, no question, no step."""
        asked, before = heard(canvas.quick_add_requested), workspace.workflow

        hand.press(hand.output("start")).move_to(hand.input("lone")).key(Qt.Key.Key_Escape).release()

        assert workspace.workflow is before
        assert asked == []


class TestLooking:
    def test_the_middle_button_drags_the_view(self, hand, workspace, canvas):
        """What was under the hand stays under it; nothing is selected or moved."""
        before, camera = workspace.workflow, canvas.camera

        hand.press("fetch", MIDDLE).move(50, -30).release()

        assert (canvas.camera.left, canvas.camera.top) == (camera.left - 50, camera.top + 30)
        assert canvas.zoom == camera.zoom
        assert workspace.workflow is before
        assert not workspace.selection

    def test_space_and_drag_moves_the_view(self, hand, canvas):
        """Space held turns the left button into the hand, and is no tap afterwards."""
        asked, camera = heard(canvas.quick_add_requested), canvas.camera

        hand.key_down(Qt.Key.Key_Space).press("fetch").move(50, -30).release().key_up(Qt.Key.Key_Space)

        assert (canvas.camera.left, canvas.camera.top) == (camera.left - 50, camera.top + 30)
        assert asked == []

    def test_space_tapped_asks_for_a_block(self, hand, canvas):
        """Without a drag, Space is the key for adding."""
        asked = heard(canvas.quick_add_requested)

        hand.key(Qt.Key.Key_Space)

        assert len(asked) == 1

    def test_ctrl_and_wheel_zoom_at_the_pointer(self, hand, canvas):
        """The scene point under the pointer stays there."""
        at = QPointF(*canvas.camera.to_view(400, 100))

        hand.wheel((400, 100), 240, CTRL)

        assert canvas.zoom > 1.2
        x, y = canvas.camera.to_scene(at.x(), at.y())
        assert abs(x - 400) <= 1
        assert abs(y - 100) <= 1

    @pytest.mark.parametrize(("delta", "limit"), [(600, MAX_ZOOM), (-600, MIN_ZOOM)])
    def test_zoom_ends_at_its_limits(self, hand, canvas, delta, limit):
        """However long the wheel is turned, the zoom stays between 5 % and 400 %."""
        for _ in range(40):
            hand.wheel((400, 100), delta, CTRL)

        assert canvas.zoom == limit

    def test_the_wheel_scrolls(self, hand, canvas):
        """Without keys the wheel goes up and down, with Shift sideways."""
        camera = canvas.camera

        hand.wheel((400, 100), -120)
        assert (canvas.camera.left, canvas.camera.top) == (camera.left, camera.top + 120)
        hand.wheel((400, 220), -120, SHIFT)

        assert (canvas.camera.left, canvas.camera.top) == (camera.left + 120, camera.top + 120)

    def test_fit_shows_all_and_then_goes_back(self, hand, canvas):
        """The key 1 shows the whole graph; pressed again it returns to where one was."""
        canvas.set_camera(canvas.camera.zoomed(3.0, 0, 0))
        near = canvas.camera

        hand.key("1")
        shown, bounds = canvas.camera.shown(), canvas.columns.bounds()
        assert shown.left <= bounds.left
        assert shown.right >= bounds.right
        assert canvas.zoom <= 1.0
        hand.key("1")

        assert canvas.camera == near

    def test_the_overview_jumps(self, qtbot, canvas, theme):
        """A click in the overview brings that part of the scene to the middle of the view."""
        minimap = Minimap(canvas, theme)
        minimap.show()
        canvas.set_camera(canvas.camera.panned(5_000, 5_000))

        QTest.mouseClick(minimap, Qt.MouseButton.LeftButton, pos=minimap.rect().center())

        bounds = canvas.columns.bounds()
        x, y = canvas.camera.to_scene(canvas.width() / 2, canvas.height() / 2)
        assert abs(x - (bounds.left + bounds.right) / 2) < 20
        assert abs(y - (bounds.top + bounds.bottom) / 2) < 20


class TestDropping:
    def send(self, canvas, data, at):
        copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        QApplication.sendEvent(canvas, QDragEnterEvent(at, copy, data, left, none))
        QApplication.sendEvent(canvas, QDragMoveEvent(at, copy, data, left, none))
        drop = QDropEvent(QPointF(at), copy, data, left, none, QEvent.Type.Drop)
        QApplication.sendEvent(canvas, drop)
        return drop

    def block_data(self, type_name):
        data = QMimeData()
        data.setData(BLOCK_MIME, type_name.encode())
        return data

    def test_a_type_from_the_palette_becomes_a_block(self, workspace, canvas):
        """Dropped beside everything, the block lies there on the grid, selected, without wires."""
        before = set(workspace.workflow.blocks)

        self.send(canvas, self.block_data("agent"), canvas.scene_to_view(750, 330))

        (fresh,) = set(workspace.workflow.blocks) - before
        assert workspace.workflow.block(fresh).type == "agent"
        assert workspace.selection.blocks == {fresh}
        assert [value % 16 for value in place(workspace, fresh)] == [0, 0]
        assert len(workspace.workflow.edges) == 2

    def test_a_type_dropped_on_a_wire_goes_into_it(self, workspace, canvas):
        """Adding and splicing are one step."""
        before = workspace.workflow
        x, y = middle_of_wire(canvas, "second")

        self.send(canvas, self.block_data("agent"), canvas.scene_to_view(x, y))

        (fresh,) = set(workspace.workflow.blocks) - set(before.blocks)
        assert ends(workspace) == {("start", "fetch"), ("fetch", fresh), (fresh, "out")}
        workspace.undo()
        assert workspace.workflow is before

    def test_a_drag_that_leaves_adds_nothing(self, workspace, canvas):
        """The ghost goes when the pointer does."""
        before, at = workspace.workflow, QPoint(400, 300)
        copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        data = self.block_data("agent")

        QApplication.sendEvent(canvas, QDragEnterEvent(at, copy, data, left, none))
        assert canvas.over_bounds() is not None
        QApplication.sendEvent(canvas, QDragLeaveEvent())

        assert canvas.over_bounds() is None
        assert workspace.workflow is before

    def test_an_unknown_type_is_not_taken(self, workspace, canvas):
        """A drop of a type that the catalog does not have adds nothing."""
        before = workspace.workflow

        self.send(canvas, self.block_data("no such type"), QPoint(400, 300))

        assert workspace.workflow is before

    def test_a_workflow_file_is_told(self, workspace, canvas):
        """The canvas opens nothing itself; whoever owns the window is told the path."""
        told, before = heard(canvas.file_dropped), workspace.workflow
        data = QMimeData()
        path = Path("somewhere") / "mine.workflow.json"
        data.setUrls([QUrl.fromLocalFile(str(path.absolute()))])

        drop = self.send(canvas, data, QPoint(300, 300))

        assert told == [(str(path.absolute()),)]
        assert drop.isAccepted()
        assert workspace.workflow is before
