"""The still layer: the picture of all that does not move, kept in a pixmap and repaired where it went stale.

A pan shifts the pixels that stay in view and paints only the strips that come in.
"""

from PySide6.QtCore import QRect
from PySide6.QtGui import QPainter, QPixmap, QRegion

from editor.canvas.camera import Camera
from editor.canvas.geometry import Rect
from editor.canvas.picture import Picture, paint

MAX_SPOILED = 24
"""Above this many stale places the whole layer is painted anew."""


class StillLayer:
    """A pixmap with the picture. `pixmap` is up to date after `update`."""

    def __init__(self) -> None:
        self.pixmap = QPixmap()
        self._camera: Camera | None = None
        self._spoiled: list[Rect] = []

    def spoil(self) -> None:
        """All of it is stale."""
        self._camera = None

    def spoil_rect(self, rect: Rect) -> None:
        """This part of the scene is stale."""
        if len(self._spoiled) >= MAX_SPOILED:
            self.spoil()
        else:
            self._spoiled.append(rect)

    def update(self, picture: Picture) -> QRegion:
        """Bring the pixmap up to date; returns the device pixels that were painted."""
        stale = self._shift_to(picture.camera)
        self._spoiled.clear()
        if not stale.isEmpty():
            painter = QPainter(self.pixmap)
            for rect in _rects(stale):
                painter.setClipRect(rect)
                paint(painter, picture, rect)
            painter.end()
        return stale

    def _shift_to(self, camera: Camera) -> QRegion:
        """Move the kept pixels to where they belong now; returns what is stale afterwards."""
        width, height = camera.device_size
        whole = QRect(0, 0, width, height)
        old, self._camera = self._camera, camera
        if self.pixmap.size() != whole.size():
            self.pixmap = QPixmap(whole.size())
            old = None
        if old is None or old.scale != camera.scale:
            return QRegion(whole)
        dx, dy = old.left - camera.left, old.top - camera.top
        if abs(dx) >= width or abs(dy) >= height:
            return QRegion(whole)
        stale = QRegion()
        if dx or dy:
            self.pixmap.scroll(dx, dy, whole)
            stale = QRegion(whole).subtracted(QRegion(whole.translated(dx, dy)))
        for rect in self._spoiled:
            stale = stale.united(QRegion(device_rect(camera, rect)))
        return stale.intersected(QRegion(whole))


def _rects(region: QRegion) -> list[QRect]:
    rects: list[QRect] = list(region)  # type: ignore[call-overload]  # iterable, which the stubs do not say
    return rects


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
