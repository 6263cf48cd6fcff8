"""The canvas: the painted surface, played with mouse and keys.

A press begins a gesture (`gestures/`), which sees each move and ends in one edit or in none. Keys and commands act at
once (`commands.py`). Nothing here decides what is allowed; the engine's `wiring` does.
"""

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QWheelEvent,
)
from PySide6.QtWidgets import QToolTip, QWidget

from editor.canvas.camera import wheel_factor
from editor.canvas.cards import HEADER
from editor.canvas.commands import Commands, QuickAddRequest
from editor.canvas.geometry import GRID, Rect, pan_speed, snapped
from editor.canvas.gestures.band import Band, WireClick
from editor.canvas.gestures.base import Gesture, Pointer
from editor.canvas.gestures.drop import Ghost
from editor.canvas.gestures.move import Move
from editor.canvas.gestures.pan import Pan
from editor.canvas.gestures.wire import Wire
from editor.canvas.hits import Hit
from editor.canvas.picture import Picture
from editor.canvas.style import Detail, detail_at
from editor.canvas.title_editor import TitleEditor
from editor.canvas.view import View
from editor.canvas.walking import step_from
from editor.file_drops import workflow_file
from editor.theme import Theme
from editor.workspace.workspace import Workspace

BLOCK_MIME = "application/x-blockloom-block-type"
AUTOPAN_DELAY_S = 0.15
FRAME_S = 1 / 60
_ARROWS = {
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Down: (0, 1),
    Qt.Key.Key_Up: (0, -1),
}


class Canvas(View):
    """The graph, editable.

    Signals:
        quick_add_requested(QuickAddRequest): the person wants a block here; `commands.add` adds the one chosen.
        open_requested(str): edit this block's settings.
        context_menu_requested(QPoint, str): a menu is wanted at this global place, on a "block", an "edge" or "empty".
        message(str): a short notice, such as why a wire was refused.
        file_dropped(str): a workflow file was dropped.
    """

    quick_add_requested = Signal(object)
    open_requested = Signal(str)
    context_menu_requested = Signal(QPoint, str)
    message = Signal(str)
    file_dropped = Signal(str)

    def __init__(self, workspace: Workspace, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(workspace, theme, parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAcceptDrops(True)
        self.setAccessibleName("Canvas")
        self.setAccessibleDescription("The workflow as blocks and wires. The Outline panel lists the same blocks.")
        self.commands = Commands(self)
        self.commands.told.connect(self.message)
        self._title_editor = TitleEditor(self)
        self._title_editor.told.connect(self.message)
        self._gesture: Gesture | None = None
        self._ghost: Ghost | None = None
        self._pointer: Pointer | None = None
        self._snaps = True
        self._space_held = False
        self._space_panned = False
        self._last_walked: frozenset[str] = frozenset()
        self._edge_since: float | None = None
        workspace.workflow_changed.connect(self._on_document_changed)

    # --- commands ---------------------------------------------------------------------------------------------------

    def set_snap(self, on: bool) -> None:
        """Whether blocks are placed on the grid; Alt does the opposite for one drag."""
        self._snaps = on

    def rename_selected(self) -> None:
        """Edit the selected block's name where it stands."""
        block_id = self.workspace.selection.only_block
        if block_id and block_id in self.columns.row_of:
            self._title_editor.open(block_id)

    def request_quick_add(self) -> None:
        """Ask for a block to add: after the selected one, into the selected wire, or at the pointer."""
        self._ask_for_block("")

    # --- what gestures need (see gestures.base.Stage) -----------------------------------------------------------

    def snap(self, x: float, y: float, pointer: Pointer) -> tuple[float, float]:
        """The place on the grid, unless snapping is off or suspended."""
        return (snapped(x), snapped(y)) if self._snaps is not pointer.alt else (round(x), round(y))

    def say(self, text: str) -> None:
        """Tell the person something short."""
        self.message.emit(text)

    def ask_block(self, pointer: Pointer, source: tuple[str, str] | None, target: tuple[str, str] | None) -> None:
        """Offer blocks to add here, wired to this output or input."""
        self.quick_add_requested.emit(QuickAddRequest(pointer.x, pointer.y, pointer.screen, source, target))

    # --- mouse --------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin the gesture that fits what is under the pointer."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        if self._gesture is not None:
            return
        pointer = self._pointer_at(event.position(), event.globalPosition(), event.modifiers())
        button = event.button()
        if button == Qt.MouseButton.MiddleButton or (button == Qt.MouseButton.LeftButton and self._space_held):
            self._begin(Pan(self, pointer), pointer)
        elif button == Qt.MouseButton.LeftButton:
            self._begin(self._gesture_at(pointer), pointer)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with the gesture, or light up what is under the pointer."""
        self._pointer = self._pointer_at(event.position(), event.globalPosition(), event.modifiers())
        if self._gesture is None:
            self._hover(self._pointer)
            return
        self._gesture.move(self._pointer)
        self._watch_edges()
        self._show_cursor(self._gesture.cursor)
        self.refresh_lively()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the gesture where the button was released."""
        if self._gesture is None or event.button() not in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            return
        pointer = self._pointer_at(event.position(), event.globalPosition(), event.modifiers())
        gesture, self._gesture = self._gesture, None
        if isinstance(gesture, Pan) and self._space_held and gesture.has_moved:
            self._space_panned = True
        gesture.finish(pointer)
        self._after_gesture(pointer)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """A title is renamed, a block opened, and on the empty canvas a block added."""
        if event.button() != Qt.MouseButton.LeftButton:
            return
        pointer = self._pointer_at(event.position(), event.globalPosition(), event.modifiers())
        under = self.hit(pointer.x, pointer.y)
        if under.kind == "block":
            row = self.columns.row_of[under.block_id]
            on_title = (
                pointer.y < self.columns.card(row).top + HEADER / 2 and pointer.x > self.columns.card(row).left + 52
            )
            if on_title and detail_at(self.zoom) >= Detail.TITLE:
                self._title_editor.open(under.block_id)
            else:
                self.open_requested.emit(under.block_id)
        elif under.kind == "empty":
            self.quick_add_requested.emit(QuickAddRequest(pointer.x, pointer.y, pointer.screen))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll moves the view, with Ctrl it zooms at the pointer, with Shift it goes sideways."""
        keys, place = event.modifiers(), event.position()
        delta = event.pixelDelta() if not event.pixelDelta().isNull() else event.angleDelta()
        if keys & Qt.KeyboardModifier.ControlModifier:
            factor = wheel_factor(event.angleDelta().y() or event.pixelDelta().y() * 4)
            self.set_camera(self.camera.zoomed(self.zoom * factor, place.x(), place.y()))
        elif keys & Qt.KeyboardModifier.ShiftModifier and not delta.x():
            self.set_camera(self.camera.panned(delta.y(), 0))
        else:
            self.set_camera(self.camera.panned(delta.x(), delta.y()))
        event.accept()
        if self._gesture is None:
            self._hover(self._pointer_at(place, event.globalPosition(), keys))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Select what is under the pointer, then ask for a menu."""
        if self._gesture is not None:
            return
        x, y = self.camera.to_scene(event.pos().x(), event.pos().y())
        under = self.hit(x, y)
        workspace = self.workspace
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            kind = "block" if workspace.selection.blocks else "edge" if workspace.selection.edges else "empty"
            self.context_menu_requested.emit(event.globalPos(), kind)
            return
        if under.kind in ("block", "port") and under.block_id not in workspace.selection.blocks:
            workspace.select([under.block_id])
        elif under.kind == "edge" and under.edge_id not in workspace.selection.edges:
            workspace.select((), [under.edge_id])
        kind = "block" if under.kind == "port" else under.kind
        self.context_menu_requested.emit(event.globalPos(), kind)

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing is under the pointer any more."""
        super().leaveEvent(event)
        self._pointer = None
        self.set_hover(Hit())

    def focusNextPrevChild(self, _next: bool) -> bool:
        """Tab adds a block while the canvas has the focus; Ctrl+F6 goes to the next panel."""
        return False

    # --- keys ---------------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keys of the canvas that are no entries of a menu."""
        key, keys = Qt.Key(event.key()), event.modifiers()
        if key == Qt.Key.Key_Escape:
            self._escape()
        elif key == Qt.Key.Key_Space and not keys:
            self._press_space(event)
        elif key in _ARROWS:
            self._press_arrow(_ARROWS[key], keys)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self.workspace.selection.only_block:
                self.open_requested.emit(self.workspace.selection.only_block)
        elif key == Qt.Key.Key_Tab:
            self._ask_for_block("")
        elif not self._press_letter(event):
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Space that was only tapped asks for a block."""
        if event.key() != Qt.Key.Key_Space or event.isAutoRepeat() or not self._space_held:
            super().keyReleaseEvent(event)
            return
        self._space_held = False
        self._show_cursor(None)
        if not self._space_panned and self._gesture is None:
            self._ask_for_block("")

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """A gesture does not outlive the focus: the release may never come."""
        super().focusOutEvent(event)
        self._space_held = False
        popup = event.reason() == Qt.FocusReason.PopupFocusReason
        if self._gesture is not None and not popup:
            self._cancel_gesture()

    # --- dropping -----------------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """A block type of the palette, or a workflow file."""
        if event.mimeData().hasFormat(BLOCK_MIME):
            name = bytes(event.mimeData().data(BLOCK_MIME).data()).decode("utf-8", "replace")
            if name in self.workspace.catalog:
                names = (block.name for block in self.workspace.workflow.blocks.values())
                self._ghost = Ghost(self, self.workspace.catalog.new_block(name, names))
                self._move_ghost(event)
        elif workflow_file(event.mimeData()):
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """The ghost follows the pointer."""
        if self._ghost is not None:
            self._move_ghost(event)
        elif workflow_file(event.mimeData()):
            event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """The pointer went elsewhere: nothing was dropped."""
        super().dragLeaveEvent(event)
        self._drop_ghost()

    def dropEvent(self, event: QDropEvent) -> None:
        """Add the block, or open the file."""
        if self._ghost is not None:
            self._move_ghost(event)
            block, edge_id = self._ghost.block, self._ghost.edge_id
            self._drop_ghost()
            self.setFocus(Qt.FocusReason.OtherFocusReason)
            self.commands.put(block, edge_id)
        elif path := workflow_file(event.mimeData()):
            event.acceptProposedAction()
            self.file_dropped.emit(path)

    # --- over the picture ---------------------------------------------------------------------------------------

    def paint_over(self, painter: QPainter, picture: Picture) -> None:
        """Whatever the gesture or the ghost shows."""
        if self._gesture is not None:
            self._gesture.paint(painter, picture)
        if self._ghost is not None:
            self._ghost.paint(painter, picture)

    def over_bounds(self) -> Rect | None:
        """Where `paint_over` paints."""
        if self._ghost is not None:
            return self._ghost.bounds()
        return self._gesture.bounds() if self._gesture is not None else None

    def tick(self, now: float) -> None:
        """While something is held near the view's edge, the view moves along."""
        speed_x, speed_y = self._edge_speed()
        if not (speed_x or speed_y) or self._gesture is None or self._pointer is None:
            self._edge_since = None
            return
        self._edge_since = now if self._edge_since is None else self._edge_since
        if now - self._edge_since < AUTOPAN_DELAY_S:
            return
        self.set_camera(self.camera.panned(speed_x * FRAME_S, speed_y * FRAME_S))
        pointer = self._pointer
        x, y = self.camera.to_scene(pointer.view_x, pointer.view_y)
        self._pointer = Pointer(pointer.view_x, pointer.view_y, x, y, pointer.screen, pointer.keys)
        self._gesture.move(self._pointer)
        self.refresh_lively()

    def _is_lively(self) -> bool:
        return super()._is_lively() or any(self._edge_speed())

    # --- inside -------------------------------------------------------------------------------------------------

    def _pointer_at(self, place: QPointF, screen: QPointF, keys: Qt.KeyboardModifier) -> Pointer:
        x, y = self.camera.to_scene(place.x(), place.y())
        return Pointer(place.x(), place.y(), x, y, screen.toPoint(), keys)

    def _gesture_at(self, pointer: Pointer) -> Gesture:
        under = self.hit(pointer.x, pointer.y)
        if under.kind == "port" and under.side is not None:
            return Wire(self, pointer, under.block_id, under.port, under.side)
        if under.kind == "block":
            return Move(self, pointer, under.block_id)
        if under.kind == "edge":
            return self._edge_gesture(pointer, under)
        return Band(self, pointer)

    def _edge_gesture(self, pointer: Pointer, under: Hit) -> Gesture:
        """Near an end of a wire that end is taken; elsewhere the wire is selected by a band that stays a click."""
        edge = self.workspace.workflow.edge(under.edge_id)
        if under.side == "in":
            return Wire(self, pointer, edge.source, edge.source_port, "out", edge.id)
        if under.side == "out":
            return Wire(self, pointer, edge.target, edge.target_port, "in", edge.id)
        return WireClick(self, pointer, edge.id)

    def _begin(self, gesture: Gesture, pointer: Pointer) -> None:
        self._gesture, self._pointer = gesture, pointer
        QToolTip.hideText()
        self.set_hover(Hit())
        self._show_cursor(gesture.cursor if isinstance(gesture, Pan) else None)

    def _after_gesture(self, pointer: Pointer) -> None:
        self._edge_since = None
        self._show_cursor(None)
        self.refresh_lively()
        self._hover(pointer)

    def _cancel_gesture(self) -> None:
        gesture, self._gesture = self._gesture, None
        if gesture is not None:
            gesture.cancel()
            self._edge_since = None
            self._show_cursor(None)
            self.refresh_lively()

    def _on_document_changed(self) -> None:
        """What is under the hand may be gone: a gesture ends by itself before it edits, so this change is another's."""
        self._cancel_gesture()
        self._drop_ghost()

    def _hover(self, pointer: Pointer) -> None:
        under = self.hit(pointer.x, pointer.y)
        self.set_hover(under)
        cursor = {"port": Qt.CursorShape.CrossCursor, "edge": Qt.CursorShape.PointingHandCursor}.get(under.kind)
        self._show_cursor(cursor)

    def _show_cursor(self, shape: Qt.CursorShape | None) -> None:
        if self._space_held and self._gesture is None:
            shape = Qt.CursorShape.OpenHandCursor
        self.setCursor(shape if shape is not None else Qt.CursorShape.ArrowCursor)

    def _watch_edges(self) -> None:
        if any(self._edge_speed()):
            self._clock.run(True)

    def _edge_speed(self) -> tuple[float, float]:
        """Pixels per second that the view should move, by how near its edge something is held."""
        pointer = self._pointer
        if self._gesture is None or pointer is None or not self._gesture.follows_edges:
            return 0.0, 0.0
        x, y, width, height = pointer.view_x, pointer.view_y, self.width(), self.height()
        return pan_speed(x) - pan_speed(width - x), pan_speed(y) - pan_speed(height - y)

    def _escape(self) -> None:
        if self._gesture is not None:
            self._cancel_gesture()
        elif self._ghost is not None:
            self._drop_ghost()
        else:
            self.workspace.select()

    def _press_space(self, event: QKeyEvent) -> None:
        if not event.isAutoRepeat():
            self._space_held, self._space_panned = True, False
            self._show_cursor(None)

    def _press_arrow(self, direction: tuple[int, int], keys: Qt.KeyboardModifier) -> None:
        if keys & Qt.KeyboardModifier.ControlModifier:
            self.commands.nudge(direction[0] * GRID, direction[1] * GRID)
            return
        selected = self.workspace.selection.blocks
        start = self.workspace.selection.only_block or next(iter(self._last_walked & selected), None)
        if start is None:
            found = next(iter(selected), None) or (self.columns.ids[0] if len(self.columns) else None)
        else:
            found = step_from(self.workspace.workflow, self.columns, start, direction)
        if found is None:
            return
        self._last_walked = frozenset([found])
        extend = bool(keys & Qt.KeyboardModifier.ShiftModifier)
        self.workspace.select(selected | {found} if extend else [found])
        self.reveal(self.columns.card(self.columns.row_of[found]))

    def _press_letter(self, event: QKeyEvent) -> bool:
        """Letters open quick-add while nothing is selected; 1 fits and 0 shows the actual size."""
        text, keys = event.text(), event.modifiers() & ~Qt.KeyboardModifier.ShiftModifier
        if keys & ~Qt.KeyboardModifier.KeypadModifier or not text:
            return False
        if text == "1":
            self.fit()
        elif text == "0":
            self.zoom_100()
        elif text.isalpha() and not self.workspace.selection:
            self._ask_for_block(text)
        else:
            return False
        return True

    def _ask_for_block(self, text: str) -> None:
        selected = self.workspace.selection
        inside = self.mapFromGlobal(self.cursor().pos())
        place = QPointF(inside if self.rect().contains(inside) else self.rect().center())
        beside = selected.only_block or ""
        edge_id = next(iter(selected.edges)) if len(selected.edges) == 1 and not selected.blocks else ""
        if beside:
            card = self.columns.card(self.columns.row_of[beside])
            self.reveal(card)
            place = QPointF(*self.camera.to_view(card.right + 24, card.top))
        x, y = self.camera.to_scene(place.x(), place.y())
        within = QPointF(min(max(place.x(), 0), self.width() - 1), min(max(place.y(), 0), self.height() - 1))
        where = self.mapToGlobal(within.toPoint())
        self.quick_add_requested.emit(QuickAddRequest(x, y, where, edge_id=edge_id, text=text, beside=beside))

    def _move_ghost(self, event: QDropEvent) -> None:
        assert self._ghost is not None
        place = event.position()
        screen = QPointF(self.mapToGlobal(place.toPoint()))
        self._ghost.move(self._pointer_at(place, screen, event.modifiers()))
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        self.refresh_lively()

    def _drop_ghost(self) -> None:
        self._ghost = None
        self.part_edge("")
        self.refresh_lively()
