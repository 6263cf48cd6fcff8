"""Layers: parts of the picture kept as pixmaps and repaired where they went stale.

One holds all that stands still, another one many blocks that are carried together. A pan or a drag shifts the pixels
that stay in view and paints only the strips that come in.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QPainter, QPixmap, QRegion

from editor.canvas.atlas import SHADOW
from editor.canvas.camera import Camera
from editor.canvas.columns import Columns
from editor.canvas.far import FarView
from editor.canvas.geometry import Rect, Rows, overlapping, wire_boxes
from editor.canvas.motion import Motion
from editor.canvas.picture import Picture, paint, paint_graph
from editor.canvas.wire_painting import paint_wires

SPARE = 128
"""Device pixels by which a layer is larger than the view, on every side."""
MAX_SPOILED = 24
"""Above this many stale places the whole layer is painted anew."""


Paint = Callable[[QPainter, Picture, QRect], None]


class Layer:
    """A pixmap with what `paint` paints, a little larger than the view, so that small pans find it ready."""

    def __init__(self, paint_part: Paint = paint, *, is_opaque: bool = True) -> None:
        self._paint = paint_part
        self._is_opaque = is_opaque
        self._pixmap = QPixmap()
        self._camera: Camera | None = None
        """Where the pixmap lies: its `left` and `top` are those of the pixmap's corner."""
        self._ready = QRegion()
        self._spoiled: list[Rect] = []

    def spoil(self) -> None:
        """All of it is stale."""
        self._ready = QRegion()

    def spoil_rect(self, rect: Rect) -> None:
        """This part of the scene is stale."""
        if len(self._spoiled) >= MAX_SPOILED:
            self.spoil()
        else:
            self._spoiled.append(rect)

    def draw(self, painter: QPainter, picture: Picture, device: QRect) -> None:
        """Bring the layer up to date with the picture and lay down this part of the view."""
        view = self._place(picture.camera)
        assert self._camera is not None
        self._repair(replace(picture, camera=self._camera), view)
        painter.drawPixmap(device, self._pixmap, device.translated(view.topLeft()))

    def _place(self, camera: Camera) -> QRect:
        """Lay the pixmap where it covers the view, keeping its pixels if it can; returns the view in the pixmap."""
        width, height = camera.device_size
        whole = QRect(0, 0, width + 2 * SPARE, height + 2 * SPARE)
        here = replace(camera, left=camera.left - SPARE, top=camera.top - SPARE)
        old = self._camera
        if old is None or old.scale != camera.scale or self._pixmap.size() != whole.size():
            self._start_over(whole, here)
            return QRect(SPARE, SPARE, width, height)
        view = QRect(camera.left - old.left, camera.top - old.top, width, height)
        if whole.contains(view):
            return view
        dx, dy = old.left - here.left, old.top - here.top
        if abs(dx) < whole.width() and abs(dy) < whole.height():
            self._pixmap.scroll(dx, dy, whole)
            self._ready = self._ready.translated(dx, dy).intersected(whole)
        else:
            self._ready = QRegion()
        self._camera = here
        return QRect(SPARE, SPARE, width, height)

    def _start_over(self, whole: QRect, camera: Camera) -> None:
        self._camera, self._ready = camera, QRegion()
        if self._pixmap.size() != whole.size():
            self._pixmap = QPixmap(whole.size())
            if not self._is_opaque:
                self._pixmap.fill(Qt.GlobalColor.transparent)  # gives it an alpha channel

    def _repair(self, picture: Picture, view: QRect) -> None:
        """Paint what is stale in view. A strip that came in is painted wider than needed: more of it will follow."""
        missing = QRegion(view).subtracted(self._ready)
        if not self._ready.isEmpty():
            for rect in _rects(missing):
                missing += rect.adjusted(-SPARE, -SPARE, SPARE, SPARE)
            missing = missing.intersected(self._pixmap.rect()).subtracted(self._ready)
        for spoiled in self._spoiled:
            stale = device_rect(picture.camera, spoiled)
            self._ready -= stale
            missing += stale.intersected(view)
        self._spoiled.clear()
        if missing.isEmpty():
            return
        painter = QPainter(self._pixmap)
        for rect in _rects(missing):
            self._paint_rect(painter, picture, rect)
        painter.end()
        self._ready += missing

    def _paint_rect(self, painter: QPainter, picture: Picture, rect: QRect) -> None:
        painter.setClipRect(rect)
        if not self._is_opaque:
            painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Source)
            painter.fillRect(rect, Qt.GlobalColor.transparent)
            painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceOver)
        self._paint(painter, picture, rect)


def _rects(region: QRegion) -> list[QRect]:
    rects: list[QRect] = list(region)  # type: ignore[call-overload]  # iterable, which the stubs do not say
    return rects


class CarriedLayer:
    """Many blocks dragged at once: painted as a layer of their own, which then only shifts."""

    def __init__(self) -> None:
        self._layer = Layer(_paint_carried, is_opaque=False)
        self._of: tuple[object, Rows] | None = None
        self._cut: Rows = np.empty(0, dtype=np.intp)

    def spoil(self) -> None:
        """The blocks look different now."""
        self._layer.spoil()

    def paint(self, painter: QPainter, picture: Picture, motion: Motion) -> None:
        """Paint the blocks where the motion has them, with all their wires, in device pixels."""
        columns, camera = picture.columns, picture.camera
        if self._of is None or self._of[0] is not columns.version or self._of[1] is not motion.rows:
            self._of = (columns.version, motion.rows)
            self._cut = np.setdiff1d(motion.edges(columns), _inner_edges(columns, motion.rows))
            self._layer.spoil()
        self._paint_cut_wires(painter, picture, motion)
        dx, dy = round(float(motion.dx) * camera.scale), round(float(motion.dy) * camera.scale)
        carried = replace(camera, left=camera.left - dx, top=camera.top - dy)
        bounds = columns.bounds(motion.rows)
        if bounds is not None:
            around = device_rect(carried, bounds.grown(SHADOW + 8)).intersected(QRect(0, 0, *camera.device_size))
            self._layer.draw(painter, replace(picture, camera=carried, moving=motion.rows), around)

    def _paint_cut_wires(self, painter: QPainter, picture: Picture, motion: Motion) -> None:
        """Wires of which only one end is carried take a new shape in every frame."""
        if not len(self._cut):
            return
        shown = motion.displaced(picture.columns)
        near = overlapping(wire_boxes(shown.ends(self._cut)), picture.camera.shown(8))
        paint_wires(painter, shown, picture.marks, picture.camera, picture.style, self._cut[near])


def _paint_carried(painter: QPainter, picture: Picture, device: QRect) -> None:
    """Paint only the moving blocks of a picture and the wires between them."""
    columns, rows = picture.columns, picture.moving
    rect = picture.scene_rect(device, SHADOW + 8.0 / min(picture.camera.zoom, 1.0))
    edges = _inner_edges(columns, rows)
    rows = rows[overlapping(columns.boxes()[rows], rect)]
    edges = edges[overlapping(columns.edge_boxes[edges], rect)]
    paint_graph(painter, replace(picture, far=FarView()), rows, edges)


def _inner_edges(columns: Columns, rows: Rows) -> Rows:
    """The wires that begin and end among these blocks."""
    return Motion(rows, 0.0, 0.0, as_copies=True).edges(columns)


def device_rect(camera: Camera, rect: Rect) -> QRect:
    """The device pixels that a scene rectangle touches."""
    left, top = camera.device(rect.left, rect.top)
    right, bottom = camera.device(rect.right, rect.bottom)
    return QRect(left - 1, top - 1, right - left + 3, bottom - top + 3)


def view_rect(camera: Camera, rect: Rect, margin_px: int = 2) -> QRect:
    """The logical pixels of the view that a scene rectangle touches, with a margin."""
    left, top = camera.to_view(rect.left, rect.top)
    right, bottom = camera.to_view(rect.right, rect.bottom)
    x, y = int(left) - 1 - margin_px, int(top) - 1 - margin_px
    return QRect(x, y, int(right - left) + 3 + 2 * margin_px, int(bottom - top) + 3 + 2 * margin_px)
