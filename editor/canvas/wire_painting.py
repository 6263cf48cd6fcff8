"""Wires: curves computed at once for all that are painted, then drawn by pen."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QByteArray, QDataStream, QPointF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPen

from editor.canvas.camera import Camera
from editor.canvas.columns import Columns
from editor.canvas.geometry import Ends, Floats, Rows, backward_chains, forward_chains, goes_back
from editor.canvas.marks import DONE, Marks
from editor.canvas.style import Detail, Style, faded

MAX_THICK = 400
"""Above this many wires in view they are drawn as one batch of thin ones: a thick antialiased line costs 15 us."""
_ELEMENT = np.dtype([("kind", ">i4"), ("x", ">f8"), ("y", ">f8")])
_MOVE, _LINE, _CURVE, _CURVE_DATA = 0, 1, 2, 3


def chain_groups(ends: Ends) -> list[tuple[Rows, Floats]]:
    """The curves of these wires: pairs of row numbers and chains, one group for each length of chain."""
    back = goes_back(ends)
    ahead, behind = np.flatnonzero(~back), np.flatnonzero(back)
    groups = [(ahead, forward_chains(ends.only(ahead)))] if len(ahead) else []
    return [*groups, (behind, backward_chains(ends.only(behind)))] if len(behind) else groups


def paint_wires(painter: QPainter, columns: Columns, marks: Marks, camera: Camera, style: Style, edges: Rows) -> None:
    """Paint these wires: plain ones first, then those that fired, then those that are wrong or selected."""
    if not len(edges):
        return
    near_selected = marks.selected[columns.source[edges]] | marks.selected[columns.target[edges]]
    selected = marks.edge_selected[edges]
    wrong = marks.edge_errors[edges] & ~selected
    fired = marks.edge_fired[edges] & ~selected & ~wrong
    bright = near_selected & ~selected & ~wrong & ~fired
    plain = ~(selected | wrong | fired | bright)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    wide = style.wire_px
    for mask, pen in (
        (plain, style.pen(style.wire, wide)),
        (bright, style.pen(style.wire_hover, wide)),
        (fired, style.pen(style.status_color(DONE), wide)),
        (wrong, style.pen(style.error, wide, Qt.PenStyle.DashLine)),
    ):
        draw_wires(painter, columns.ends(edges[mask]), camera, pen, thin=mask.sum() > MAX_THICK)
    if selected.any():
        ends = columns.ends(edges[selected])
        if style.detail is Detail.FULL:
            draw_wires(painter, ends, camera, style.pen(faded(style.selection, 0.22), 8.0))
        draw_wires(painter, ends, camera, style.pen(style.selection, wide + 1.0))


def draw_wires(painter: QPainter, ends: Ends, camera: Camera, pen: QPen, thin: bool = False) -> None:
    """Stroke the curves of these wires with a pen."""
    if not len(ends.source_x):
        return
    if thin or pen.widthF() <= 1.0:
        pen.setWidthF(min(pen.widthF(), 1.0))  # the rasteriser has a fast way for lines up to one pixel
    painter.setPen(pen)
    for _, chains in chain_groups(ends):
        points = camera.device_points(chains)
        if pen.widthF() <= 1.0:
            painter.drawPath(batch_path(points))
        else:
            for wire in points.tolist():
                painter.drawPath(_path(wire))


def _path(points: list[list[float]]) -> QPainterPath:
    path = QPainterPath(QPointF(*points[0]))
    for index in range(1, len(points), 3):
        (ax, ay), (bx, by), (x, y) = points[index : index + 3]
        path.cubicTo(ax, ay, bx, by, x, y)
    return path


def batch_path(points: NDArray[np.float64]) -> QPainterPath:
    """One path of many chains `(n, 1 + 3 * k, 2)`, or of straight lines `(n, 2, 2)`, made without a call per point.

    Qt reads the bytes that it would write for such a path itself.
    """
    count, length = points.shape[:2]
    elements = np.empty((count, length), dtype=_ELEMENT)
    kinds = [_MOVE, _LINE] if length == 2 else [_MOVE, *[_CURVE, _CURVE_DATA, _CURVE_DATA] * ((length - 1) // 3)]
    elements["kind"] = kinds
    elements["x"], elements["y"] = points[..., 0], points[..., 1]
    start_and_fill_rule = np.array([0, 0], dtype=">i4")
    data = np.array([elements.size], dtype=">u4").tobytes() + elements.tobytes() + start_and_fill_rule.tobytes()
    path = QPainterPath()
    QDataStream(QByteArray(data)) >> path
    return path
