"""A graph to look at, not to edit: it is panned and zoomed, and some blocks have a coloured outline."""

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPen, QWheelEvent
from PySide6.QtWidgets import QWidget

from editor.canvas.camera import wheel_factor
from editor.canvas.geometry import Rect, overlapping
from editor.canvas.picture import Picture
from editor.canvas.view import View
from editor.theme import Theme
from editor.workspace.workspace import Workspace

OUTLINE_PX, STRONG_PX, GAP_PX = 2.0, 3.5, 5.0


class MarkedView(View):
    """Shows a workspace's graph. `marks` names a colour of the theme for each block that is outlined."""

    def __init__(self, workspace: Workspace, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(workspace, theme, parent)
        self.animated = False
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._marks: Mapping[str, str] = {}
        self._strong = ""
        self._dragged_from: QPointF | None = None

    def set_marks(self, marks: Mapping[str, str], strong: str = "") -> None:
        """Outline these blocks, one of them more strongly."""
        self._marks, self._strong = marks, strong
        self.update()

    def show_blocks(self, block_ids: Collection[str]) -> None:
        """Bring these blocks into the middle, as near as all of them fit."""
        bounds = self.columns.bounds(self.columns.rows(block_ids)) if block_ids else None
        if bounds is not None:
            self.set_camera(self.camera.fitted(bounds.grown(80)))

    def follow(self, other: View) -> None:
        """Look at the same place as another view, from the same distance."""
        theirs, mine = other.camera, self.camera
        self.set_camera(replace(theirs, width=mine.width, height=mine.height))

    def paint_over(self, painter: QPainter, picture: Picture) -> None:
        """Outline the marked blocks that are in view."""
        rows = self.columns.rows(self._marks)
        if not len(rows):
            return
        camera = picture.camera
        in_view = overlapping(self.columns.boxes()[rows], camera.shown(GAP_PX * 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for row in rows[np.flatnonzero(in_view)].tolist():
            block_id, card = self.columns.ids[row], self.columns.card(row)
            width = (STRONG_PX if block_id == self._strong else OUTLINE_PX) * camera.ratio
            painter.setPen(QPen(QColor(getattr(self.theme.colors, self._marks[block_id])), width))
            left, top = camera.device(card.left, card.top)
            gap = GAP_PX * camera.ratio
            box = QRectF(left, top, card.width * camera.scale, card.height * camera.scale).adjusted(
                -gap, -gap, gap, gap
            )
            painter.drawRoundedRect(box, 10 * camera.scale + gap, 10 * camera.scale + gap)

    def over_bounds(self) -> Rect | None:
        """The part of the scene that outlines may touch."""
        bounds = self.columns.bounds(self.columns.rows(self._marks)) if self._marks else None
        return bounds.grown(4 * GAP_PX / self.zoom) if bounds is not None else None

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll moves the view, with Ctrl it zooms at the pointer, as on the canvas."""
        delta = event.pixelDelta() if not event.pixelDelta().isNull() else event.angleDelta()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            place = event.position()
            zoom = self.zoom * wheel_factor(event.angleDelta().y() or event.pixelDelta().y() * 4)
            self.set_camera(self.camera.zoomed(zoom, place.x(), place.y()))
        else:
            self.set_camera(self.camera.panned(delta.x(), delta.y()))
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Any drag moves the view: there is nothing else to drag."""
        self._dragged_from = event.position()
        self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._dragged_from is not None:
            way = event.position() - self._dragged_from
            self._dragged_from = event.position()
            self.set_camera(self.camera.panned(way.x(), way.y()))

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:
        self._dragged_from = None
        self.unsetCursor()
