"""A graph to look at, not to edit: it is panned and zoomed, and some blocks have a coloured outline."""

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPen, QWheelEvent
from PySide6.QtWidgets import QWidget

from editor.canvas.camera import Camera, wheel_factor
from editor.canvas.geometry import Rect, overlapping
from editor.canvas.picture import Picture
from editor.canvas.style import Detail
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
        shown = rows[np.flatnonzero(in_view)].tolist()
        painter.setBrush(Qt.BrushStyle.NoBrush)
        is_far = picture.style.detail is Detail.FAR
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, not is_far)
        for color, boxes in self._boxes_by_color(camera, shown).items():
            painter.setPen(QPen(QColor(getattr(self.theme.colors, color)), OUTLINE_PX * camera.ratio))
            if is_far:
                painter.drawRects(boxes)  # there may be ten thousand, and corners are not to be seen
            for box in () if is_far else boxes:
                self._draw(painter, camera, box)
        self._paint_strong(painter, camera)

    def _boxes_by_color(self, camera: Camera, rows: list[int]) -> dict[str, list[QRectF]]:
        boxes: dict[str, list[QRectF]] = {}
        for row in rows:
            boxes.setdefault(self._marks[self.columns.ids[row]], []).append(self._box(camera, row))
        return boxes

    def _paint_strong(self, painter: QPainter, camera: Camera) -> None:
        row, color = self.columns.row_of.get(self._strong), self._marks.get(self._strong)
        if row is not None and color is not None:
            painter.setPen(QPen(QColor(getattr(self.theme.colors, color)), STRONG_PX * camera.ratio))
            self._draw(painter, camera, self._box(camera, row))

    def _box(self, camera: Camera, row: int) -> QRectF:
        card, gap = self.columns.card(row), GAP_PX * camera.ratio
        left, top = camera.device(card.left, card.top)
        return QRectF(left, top, card.width * camera.scale, card.height * camera.scale).adjusted(-gap, -gap, gap, gap)

    def _draw(self, painter: QPainter, camera: Camera, box: QRectF) -> None:
        radius = 10 * camera.scale + GAP_PX * camera.ratio
        painter.drawRoundedRect(box, radius, radius)

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
