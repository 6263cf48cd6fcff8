"""The graph from far away: boxes in batches by colour and wires as hairlines, kept while nothing but the view moves.

The lists are in scaled scene coordinates without the view's origin, so that a pan only shifts the painter.
"""

import numpy as np
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen

from editor.canvas.camera import Camera
from editor.canvas.cards import WIDTH
from editor.canvas.columns import Columns
from editor.canvas.geometry import Floats, Rows
from editor.canvas.marks import FAILED, NONE, Marks
from editor.canvas.style import Style
from editor.canvas.wire_painting import batch_path

CACHED_SHARE = 0.3
"""When at least this share of all blocks is painted, rectangles are kept for all of them."""


class FarView:
    """Rectangles and hairlines of one version of the columns at one scale. Colours are looked up anew each time."""

    def __init__(self) -> None:
        self._version: object = None
        self._scale = 0.0
        self._rects: list[QRect] | None = None
        self._wires: QPainterPath | None = None

    def paint(
        self,
        painter: QPainter,
        columns: Columns,
        marks: Marks,
        camera: Camera,
        style: Style,
        blocks: Rows,
        edges: Rows,
    ) -> None:
        """Paint these rows."""
        self._follow(columns, style.scale)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.translate(-camera.left, -camera.top)
        painter.setPen(QPen(style.wire, 0))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(self._wires_of(columns, edges))
        painter.setPen(Qt.PenStyle.NoPen)
        for color, members in box_colors(columns, marks, style, blocks):
            painter.setBrush(color)
            painter.drawRects(self._rects_of(columns, members, len(blocks)))
        painter.translate(camera.left, camera.top)

    def _follow(self, columns: Columns, scale: float) -> None:
        if (columns.version, scale) != (self._version, self._scale):
            self._version, self._scale = columns.version, scale
            self._rects = self._wires = None

    def _rects_of(self, columns: Columns, rows: Rows, shown: int) -> list[QRect]:
        if shown < CACHED_SHARE * len(columns):
            return scaled_rects(columns, rows, self._scale)
        if self._rects is None:
            self._rects = scaled_rects(columns, np.arange(len(columns)), self._scale)
        rects = self._rects
        return [rects[row] for row in rows.tolist()]

    def _wires_of(self, columns: Columns, edges: Rows) -> QPainterPath:
        if len(edges) < len(columns.edge_ids):
            return _wires(columns, edges, self._scale)
        if self._wires is None:
            self._wires = _wires(columns, edges, self._scale)
        return self._wires


def box_colors(columns: Columns, marks: Marks, style: Style, rows: Rows) -> list[tuple[QColor, Rows]]:
    """Rows by the colour of their box: selected and finished ones stand out, others have their type's hue."""
    status, selected = marks.status[rows], marks.selected[rows]
    plain = (status == NONE) & ~selected
    hues = sorted({hue for _, hue in columns.looks})
    hue_of_look = np.array([hues.index(hue) for _, hue in columns.looks], dtype=np.intp)
    row_hue = hue_of_look[columns.look[rows]] if len(rows) else np.empty(0, dtype=np.intp)
    off = ~columns.enabled[rows]
    groups = [
        (QColor(style.theme.hue(hue).solid), rows[plain & ~off & (row_hue == index)]) for index, hue in enumerate(hues)
    ]
    groups.append((style.faint, rows[plain & off]))
    groups += [(style.status_color(code), rows[(status == code) & ~selected]) for code in range(NONE + 1, FAILED + 2)]
    groups.append((style.selection, rows[selected]))
    return [(color, members) for color, members in groups if len(members)]


def scaled_rects(columns: Columns, rows: Rows, scale: float) -> list[QRect]:
    """The cards of these rows in scaled scene coordinates, never thinner than two pixels."""
    x = np.rint(columns.x[rows] * scale).astype(int).tolist()
    y = np.rint(columns.y[rows] * scale).astype(int).tolist()
    height = np.maximum(np.rint(columns.height[rows] * scale), 2).astype(int).tolist()
    return list(map(QRect, x, y, [max(2, round(WIDTH * scale))] * len(x), height))


def _wires(columns: Columns, edges: Rows, scale: float) -> QPainterPath:
    ends = columns.ends(edges)
    lines: Floats = np.empty((len(edges), 2, 2), dtype=np.float64)
    lines[:, 0, 0], lines[:, 0, 1] = ends.source_x, ends.source_y
    lines[:, 1, 0], lines[:, 1, 1] = ends.target_x, ends.target_y
    return batch_path(np.rint(lines * scale))
