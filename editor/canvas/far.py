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
from editor.canvas.style import Style, faded
from editor.canvas.wire_painting import batch_path

CACHED_SHARE = 0.3
"""When at least this share of all blocks is painted, everything is painted from the cache."""


class FarView:
    """Boxes and hairlines of one version of the columns and marks, for one scale at a time."""

    def __init__(self) -> None:
        self._key: object = None
        self._boxes: list[tuple[QColor, list[QRect]]] = []
        self._wires = QPainterPath()

    def clear(self) -> None:
        """Forget what was kept: columns, marks or theme changed."""
        self._key = None

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
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.translate(-camera.left, -camera.top)
        if len(blocks) >= CACHED_SHARE * len(columns):
            key = (camera.scale, len(blocks), len(edges), style)
            if self._key != key:
                self._key = key
                self._boxes, self._wires = _boxes(columns, marks, style, blocks), _wires(columns, style, edges)
            boxes, wires = self._boxes, self._wires
        else:
            boxes, wires = _boxes(columns, marks, style, blocks), _wires(columns, style, edges)
        painter.setPen(QPen(faded(style.wire, 1.0), 0))
        painter.drawPath(wires)
        painter.setPen(Qt.PenStyle.NoPen)
        for color, rects in boxes:
            painter.setBrush(color)
            painter.drawRects(rects)
        painter.translate(camera.left, camera.top)


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


def _boxes(columns: Columns, marks: Marks, style: Style, rows: Rows) -> list[tuple[QColor, list[QRect]]]:
    return [
        (color, scaled_rects(columns, members, style.scale))
        for color, members in box_colors(columns, marks, style, rows)
    ]


def scaled_rects(columns: Columns, rows: Rows, scale: float) -> list[QRect]:
    """The cards of these rows in scaled scene coordinates, never thinner than two pixels."""
    x = np.rint(columns.x[rows] * scale).astype(int).tolist()
    y = np.rint(columns.y[rows] * scale).astype(int).tolist()
    height = np.maximum(np.rint(columns.height[rows] * scale), 2).astype(int).tolist()
    return list(map(QRect, x, y, [max(2, round(WIDTH * scale))] * len(x), height))


def _wires(columns: Columns, style: Style, edges: Rows) -> QPainterPath:
    ends = columns.ends(edges)
    lines: Floats = np.empty((len(edges), 2, 2), dtype=np.float64)
    lines[:, 0, 0], lines[:, 0, 1] = ends.source_x, ends.source_y
    lines[:, 1, 0], lines[:, 1, 1] = ends.target_x, ends.target_y
    return batch_path(np.rint(lines * style.scale))
