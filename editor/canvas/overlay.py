"""The lively layer: what moves or follows the cursor, painted over the still layer in every frame."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from editor.canvas.atlas import RADIUS, SHADOW
from editor.canvas.card_painting import corners, draw_centered, paint_preview
from editor.canvas.cards import WIDTH
from editor.canvas.far import FarView
from editor.canvas.geometry import Rect, Rows, overlapping, points_at, sample, wire_boxes
from editor.canvas.hits import NOTHING, Hit
from editor.canvas.layers import CarriedLayer
from editor.canvas.marks import RUNNING
from editor.canvas.motion import PULSE_S, Motion
from editor.canvas.picture import Picture, paint_graph
from editor.canvas.style import Detail, faded
from editor.canvas.wire_painting import chain_groups, draw_wires

TURN_S = 1.6
MAX_LIT_WIRES = 60
FEWEST_CARRIED = 16


@dataclass
class Lively:
    """What is alive at the moment. `pulses` are wire rows with the moment each began; `now` is in seconds."""

    motion: Motion | None = None
    hover: Hit = NOTHING
    parted_edge: str = ""
    carried: CarriedLayer = field(default_factory=CarriedLayer)
    now: float = 0.0
    pulses: dict[int, float] = field(default_factory=dict)


def paint_lively(painter: QPainter, picture: Picture, lively: Lively) -> None:
    """Paint hover, moving blocks, running blocks and pulses, in device pixels."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if lively.motion is not None:
        if is_carried(lively.motion):
            lively.carried.paint(painter, picture, lively.motion)
        else:
            _paint_motion(painter, picture, lively.motion)
    else:
        _paint_hover(painter, picture, lively.hover)
    _paint_parted(painter, picture, lively.parted_edge)
    _paint_running(painter, picture, lively.now)
    _paint_pulses(painter, picture, lively)


def lively_bounds(picture: Picture, lively: Lively) -> Rect | None:
    """The part of the scene that `paint_lively` may touch, None when it paints nothing."""
    return united(_bounds(picture, lively))


def is_carried(motion: Motion) -> bool:
    """Whether so many blocks move as one that they are kept as a layer."""
    return len(motion.rows) >= FEWEST_CARRIED and isinstance(motion.dx, float)


def united(rects: Iterator[Rect] | list[Rect]) -> Rect | None:
    """The rectangle around all these, None for none."""
    corners_of_all = list(rects)
    if not corners_of_all:
        return None
    left, top, right, bottom = zip(*corners_of_all, strict=True)
    return Rect(min(left), min(top), max(right), max(bottom))


def _bounds(picture: Picture, lively: Lively) -> Iterator[Rect]:
    columns = picture.columns
    if lively.motion is not None:
        yield from _motion_bounds(picture, lively.motion)
    elif lively.hover.block_id in columns.row_of:
        row = columns.row_of[lively.hover.block_id]
        yield columns.card(row).grown(SHADOW + 8)
        yield from _edge_rects(picture, _lit_edges(picture, row))
    elif lively.hover.edge_id in columns.edge_row_of:
        yield from _edge_rects(picture, columns.edge_rows([lively.hover.edge_id]))
    if lively.parted_edge in columns.edge_row_of:
        yield from _edge_rects(picture, columns.edge_rows([lively.parted_edge]))
    for row in _running_rows(picture).tolist():
        yield columns.card(row).grown(SHADOW + 32)
    if lively.pulses:
        yield from _edge_rects(picture, np.array(list(lively.pulses), dtype=np.intp))


def _motion_bounds(picture: Picture, motion: Motion) -> Iterator[Rect]:
    if is_carried(motion):
        yield picture.camera.shown()
        return
    shown = motion.displaced(picture.columns)
    around = shown.bounds(motion.rows)
    if around is not None:
        yield around.grown(SHADOW + 8)
    edges = motion.edges(picture.columns)
    if len(edges):
        boxes = wire_boxes(shown.ends(edges))
        low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
        yield Rect(*low.tolist(), *high.tolist()).grown(8)


def _edge_rects(picture: Picture, edges: Rows) -> Iterator[Rect]:
    for left, top, right, bottom in picture.columns.edge_boxes[edges].tolist():
        yield Rect(left, top, right, bottom).grown(8 / min(picture.camera.zoom, 1.0))


def _paint_motion(painter: QPainter, picture: Picture, motion: Motion) -> None:
    rect = picture.scene_rect(_whole(picture), SHADOW + 8)
    shown = motion.displaced(picture.columns)
    edges = motion.edges(picture.columns)
    edges = edges[overlapping(wire_boxes(shown.ends(edges)), rect)] if len(edges) else edges
    rows = motion.rows[overlapping(shown.boxes()[motion.rows], rect)]
    moved = replace(picture, columns=shown, far=FarView(), moving=np.empty(0, dtype=np.intp))
    paint_graph(painter, moved, rows, edges)


def _paint_hover(painter: QPainter, picture: Picture, hover: Hit) -> None:
    columns, style = picture.columns, picture.style
    if style.detail is Detail.FAR:
        return
    row = columns.row_of.get(hover.block_id)
    if row is not None:
        _light_wires(painter, picture, _lit_edges(picture, row))
        x, y = corners(columns, picture.camera, np.array([row], dtype=np.intp))[0].tolist()
        if not picture.marks.selected[row]:
            ring = picture.atlas.ring(columns.faces[row].height, style.wire_hover, 1.0)
            painter.drawPixmap(x - picture.atlas.margin, y - picture.atlas.margin, ring)
        if hover.kind == "port" and hover.side is not None:
            px, py = columns.anchor(row, hover.side, hover.port)
            dx, dy = (px - float(columns.x[row])) * style.scale, (py - float(columns.y[row])) * style.scale
            draw_centered(painter, picture.atlas.port(style.selection, True, grown=True), x + dx, y + dy)
    elif hover.edge_id in columns.edge_row_of:
        _light_wires(painter, picture, columns.edge_rows([hover.edge_id]), wide=True)


def _lit_edges(picture: Picture, row: int) -> Rows:
    """The wires of a hovered block that light up; those of a hub with very many stay as they are."""
    edges = picture.columns.edges_of(np.array([row], dtype=np.intp))
    return edges if len(edges) <= MAX_LIT_WIRES else edges[:0]


def _light_wires(painter: QPainter, picture: Picture, edges: Rows, wide: bool = False) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    edges = edges[~picture.marks.edge_selected[edges]]
    width = picture.style.wire_px + (1.0 if wide else 0.0)
    ends = picture.columns.ends(edges)
    draw_wires(painter, ends, picture.camera, picture.style.pen(picture.style.wire_hover, width))


def _paint_parted(painter: QPainter, picture: Picture, edge_id: str) -> None:
    """The wire that a dropped block will go into: dashed, in the accent colour."""
    edges = picture.columns.edge_rows([edge_id] if edge_id else [])
    style = picture.style
    painter.setBrush(Qt.BrushStyle.NoBrush)
    ends = picture.columns.ends(edges)
    draw_wires(painter, ends, picture.camera, style.pen(style.canvas, 4.0))
    draw_wires(painter, ends, picture.camera, style.pen(style.selection, 3.0, Qt.PenStyle.DashLine))


def _running_rows(picture: Picture) -> Rows:
    return np.flatnonzero(picture.marks.status == RUNNING)


def _paint_running(painter: QPainter, picture: Picture, now: float) -> None:
    running = _running_rows(picture)
    if not len(running) or picture.style.detail is Detail.FAR:
        return
    rect = picture.scene_rect(_whole(picture), 40)
    running = running[overlapping(picture.columns.boxes()[running], rect)]
    places = corners(picture.columns, picture.camera, running).tolist()
    for row, (x, y) in zip(running.tolist(), places, strict=True):
        face = picture.columns.faces[row]
        scale = picture.style.scale
        _paint_turning_ring(painter, picture, QRectF(x, y, WIDTH * scale, face.height * scale), now)
        if row in picture.marks.previews:
            paint_preview(painter, picture.style, face, picture.marks.previews[row], x, y)


def _paint_turning_ring(painter: QPainter, picture: Picture, card: QRectF, now: float) -> None:
    style = picture.style
    width = 2.0 * style.ratio
    color = style.status_color(RUNNING)
    radius = RADIUS * style.scale + width / 2
    frame = card.adjusted(-width / 2, -width / 2, width / 2, width / 2)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(faded(color, 0.3), width))
    painter.drawRoundedRect(frame, radius, radius)
    around = 2 * (frame.width() + frame.height()) - (8 - 2 * np.pi) * radius
    pen = QPen(color, width)
    pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    pen.setDashPattern([0.28 * around / width, 0.72 * around / width])
    pen.setDashOffset(-(now % TURN_S) / TURN_S * around / width)
    painter.setPen(pen)
    painter.drawRoundedRect(frame, radius, radius)


def _paint_pulses(painter: QPainter, picture: Picture, lively: Lively) -> None:
    """A dot runs along each wire that has just passed something on."""
    if not lively.pulses or picture.style.detail is Detail.FAR:
        return
    rows = np.array(list(lively.pulses), dtype=np.intp)
    parts = [(lively.now - began) / PULSE_S for began in lively.pulses.values()]
    dot = picture.atlas.port(picture.style.selection, True, grown=True)
    for index, chains in chain_groups(picture.columns.ends(rows)):
        lines = picture.camera.device_points(sample(chains, 16))
        for place, line in zip(index.tolist(), lines, strict=True):
            x, y = points_at(line[None], min(max(parts[place], 0.0), 1.0))[0].tolist()
            draw_centered(painter, dot, x, y)


def _whole(picture: Picture) -> QRect:
    width, height = picture.camera.device_size
    return QRect(0, 0, width, height)
