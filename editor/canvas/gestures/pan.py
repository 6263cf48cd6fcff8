"""Panning: the scene follows the hand."""

from PySide6.QtCore import Qt

from editor.canvas.gestures.base import Gesture, Pointer, Stage


class Pan(Gesture):
    """Drag the view itself."""

    cursor = Qt.CursorShape.ClosedHandCursor
    follows_edges = False

    def __init__(self, stage: Stage, start: Pointer) -> None:
        self._stage = stage
        self._start = start
        self._camera = stage.camera
        self.has_moved = False

    def move(self, pointer: Pointer) -> None:
        dx, dy = pointer.view_x - self._start.view_x, pointer.view_y - self._start.view_y
        self.has_moved |= pointer.is_drag_from(self._start)
        self._stage.set_camera(self._camera.panned(dx, dy))

    def finish(self, pointer: Pointer) -> None:
        self.move(pointer)

    def cancel(self) -> None:
        self._stage.set_camera(self._camera)
