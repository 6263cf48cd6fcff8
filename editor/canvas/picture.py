"""The picture of a workflow: a pure function of columns, marks, camera and style, painted into any device.

The painter must work in device pixels with no transform. `paint` draws all that stands still; what moves is painted by
`overlay.py` with the functions of the same modules.
"""

from dataclasses import dataclass, replace

import numpy as np
from PySide6.QtCore import QRect
from PySide6.QtGui import QImage, QPainter, QPixmap

from editor.canvas.atlas import SHADOW, Atlas
from editor.canvas.camera import Camera
from editor.canvas.card_painting import paint_boxes, paint_cards
from editor.canvas.columns import Columns
from editor.canvas.far import FarView
from editor.canvas.geometry import GRID, Floats, Mask, Rect, Rows, overlapping
from editor.canvas.marks import Marks
from editor.canvas.style import Detail, Style
from editor.canvas.wire_painting import paint_wires


@dataclass(frozen=True)
class Picture:
    """All that is needed to paint. `moving` are rows that another layer paints, with the wires that touch them."""

    columns: Columns
    marks: Marks
    camera: Camera
    style: Style
    atlas: Atlas
    far: FarView
    moving: Rows

    def scene_rect(self, device: QRect, margin: float) -> Rect:
        """The scene rectangle of some device pixels, with a margin of scene units."""
        camera = self.camera
        left, top = (camera.left + device.left()) / camera.scale, (camera.top + device.top()) / camera.scale
        width, height = device.width() / camera.scale, device.height() / camera.scale
        return Rect(left, top, left + width, top + height).grown(margin)

    def shown_blocks(self, rect: Rect) -> Rows:
        """Rows of the still blocks in a scene rectangle, in drawing order."""
        mask = overlapping(self.columns.boxes(), rect)
        mask[self.moving] = False
        return np.flatnonzero(mask)

    def shown_edges(self, rect: Rect) -> Rows:
        """Rows of the still wires in a scene rectangle, in drawing order."""
        mask = overlapping(self.columns.edge_boxes, rect)
        mask[self.columns.edges_of(self.moving)] = False
        return np.flatnonzero(mask)


def paint(painter: QPainter, picture: Picture, device: QRect) -> None:
    """Paint everything that stands still in these device pixels."""
    painter.fillRect(device, picture.style.canvas)
    _paint_grid(painter, picture, device)
    rect = picture.scene_rect(device, SHADOW + 8.0 / min(picture.camera.zoom, 1.0))
    edges = picture.shown_edges(rect)
    blocks = picture.shown_blocks(rect)
    paint_graph(painter, picture, blocks, edges)


def paint_graph(painter: QPainter, picture: Picture, blocks: Rows, edges: Rows) -> None:
    """Paint these blocks and wires with the detail that the zoom allows."""
    columns, marks, camera, style, atlas = (
        picture.columns,
        picture.marks,
        picture.camera,
        picture.style,
        picture.atlas,
    )
    if style.detail is Detail.FAR:
        picture.far.paint(painter, columns, marks, camera, style, blocks, edges)
        return
    paint_wires(painter, columns, marks, camera, style, edges)
    if style.detail is Detail.BOX:
        paint_boxes(painter, columns, marks, camera, atlas, blocks)
    else:
        paint_cards(painter, columns, marks, camera, style, atlas, blocks)


def render(picture: Picture) -> QImage:
    """The picture as an image as large as its camera's view, at its pixel ratio."""
    width, height = picture.camera.device_size
    pixmap = QPixmap(width, height)
    painter = QPainter(pixmap)
    paint(painter, replace(picture, moving=np.empty(0, dtype=np.intp)), pixmap.rect())
    painter.end()
    image = pixmap.toImage()
    image.setDevicePixelRatio(picture.camera.ratio)
    return image


def _paint_grid(painter: QPainter, picture: Picture, device: QRect) -> None:
    """Dots on the grid, every fifth stronger; twice as far apart when small, none when tiny.

    A row of dots is painted once and laid down once per line: exact at any zoom, and a few dozen calls a frame.
    """
    camera, style = picture.camera, picture.style
    if camera.zoom < 0.25:
        return
    step = GRID * (1 if camera.zoom >= 0.5 else 2)
    first, last = _grid_lines(camera.left + device.left(), device.width(), step * camera.scale)
    columns = np.arange(first, last)
    x = np.rint(columns * step * camera.scale).astype(int) - camera.left - device.left()
    strong = _dot_row(style, device.width(), x, columns % 5 == 0)
    weak = _dot_row(style, device.width(), x, np.zeros(len(columns), dtype=np.bool_))
    first, last = _grid_lines(camera.top + device.top(), device.height(), step * camera.scale)
    for line in range(first, last):
        y = round(line * step * camera.scale) - camera.top
        painter.drawPixmap(device.left(), y, strong if line % 5 == 0 else weak)


def _grid_lines(start: int, length: int, spacing: float) -> tuple[int, int]:
    return int(start // spacing), int((start + length) // spacing) + 2


def _dot_row(style: Style, width: int, x: Floats, is_strong: Mask) -> QPixmap:
    size = max(1, round(1.25 * style.ratio))
    pixmap = QPixmap(max(1, width), size)
    pixmap.fill(style.canvas)
    painter = QPainter(pixmap)
    for place, strong in zip(x.tolist(), is_strong.tolist(), strict=True):
        painter.fillRect(place, 0, size, size, style.dot_strong if strong else style.dot)
    painter.end()
    return pixmap
