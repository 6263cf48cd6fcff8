"""The rubber band: selects what it touches; drawn from right to left, only what lies in it whole."""

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from editor.canvas.geometry import Rect
from editor.canvas.gestures.base import Gesture, Pointer, Stage
from editor.canvas.hits import blocks_in
from editor.canvas.picture import Picture
from editor.canvas.style import faded


class Band(Gesture):
    """Select blocks with a rectangle. Shift adds them to what was selected, Ctrl toggles them."""

    def __init__(self, stage: Stage, start: Pointer) -> None:
        self._stage = stage
        self._start = start
        self._before = stage.workspace.selection
        self._rect: Rect | None = None
        self._whole = False

    def move(self, pointer: Pointer) -> None:
        if self._rect is None and not pointer.is_drag_from(self._start):
            return
        start = self._start
        self._rect = Rect(
            min(start.x, pointer.x), min(start.y, pointer.y), max(start.x, pointer.x), max(start.y, pointer.y)
        )
        self._whole = pointer.x < start.x
        columns = self._stage.columns
        found = {columns.ids[row] for row in blocks_in(columns, self._rect, self._whole).tolist()}
        if pointer.holds(Qt.KeyboardModifier.ControlModifier):
            self._stage.workspace.select(self._before.blocks ^ found, self._before.edges)
        elif pointer.holds(Qt.KeyboardModifier.ShiftModifier):
            self._stage.workspace.select(self._before.blocks | found, self._before.edges)
        else:
            self._stage.workspace.select(found)

    def finish(self, pointer: Pointer) -> None:
        self.move(pointer)
        keeps = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
        if self._rect is None and not pointer.keys & keeps:
            self._stage.workspace.select()

    def cancel(self) -> None:
        self._stage.workspace.select(self._before.blocks, self._before.edges)

    def bounds(self) -> Rect | None:
        return self._rect

    def paint(self, painter: QPainter, picture: Picture) -> None:
        if self._rect is None:
            return
        left, top = picture.camera.device(self._rect.left, self._rect.top)
        right, bottom = picture.camera.device(self._rect.right, self._rect.bottom)
        line = Qt.PenStyle.DashLine if self._whole else Qt.PenStyle.SolidLine
        painter.setPen(QPen(picture.style.selection, picture.style.ratio, line))
        painter.setBrush(faded(picture.style.selection, 0.1))
        painter.drawRect(QRectF(left + 0.5, top + 0.5, right - left, bottom - top))


class WireClick(Band):
    """A press on the middle of a wire: a click selects it, a drag draws a rubber band as on the empty canvas."""

    def __init__(self, stage: Stage, start: Pointer, edge_id: str) -> None:
        super().__init__(stage, start)
        self._edge_id = edge_id

    def finish(self, pointer: Pointer) -> None:
        if pointer.is_drag_from(self._start):
            super().finish(pointer)
            return
        selected = self._stage.workspace.selection
        if pointer.holds(Qt.KeyboardModifier.ShiftModifier) or pointer.holds(Qt.KeyboardModifier.ControlModifier):
            self._stage.workspace.select(selected.blocks, selected.edges ^ {self._edge_id})
        else:
            self._stage.workspace.select((), [self._edge_id])
