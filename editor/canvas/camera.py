"""What part of the scene is shown, and how large: conversions between scene, view and device coordinates. No Qt here.

View coordinates are the widget's logical pixels; device coordinates are physical pixels of the painted image. A scene
point lies at `round(scene * scale) - origin` with a whole-numbered origin, so a pan moves every pixel exactly.
"""

from dataclasses import dataclass, replace

import numpy as np

from editor.canvas.geometry import Floats, Rect

MIN_ZOOM, MAX_ZOOM = 0.05, 4.0
KEY_STEPS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0)
FIT_PADDING = 0.1


@dataclass(frozen=True)
class Camera:
    """A view of the scene. `zoom` is logical pixels per scene unit, `ratio` device pixels per logical pixel.

    `left` and `top` are the device coordinates of the view's corner, `width` and `height` its size in logical pixels.
    """

    zoom: float = 1.0
    ratio: float = 1.0
    left: int = 0
    top: int = 0
    width: int = 1
    height: int = 1

    @property
    def scale(self) -> float:
        """Device pixels per scene unit."""
        return self.zoom * self.ratio

    @property
    def device_size(self) -> tuple[int, int]:
        """Width and height of the view in device pixels."""
        return round(self.width * self.ratio), round(self.height * self.ratio)

    def to_scene(self, view_x: float, view_y: float) -> tuple[float, float]:
        """The scene point under a point of the view."""
        return (view_x * self.ratio + self.left) / self.scale, (view_y * self.ratio + self.top) / self.scale

    def to_view(self, scene_x: float, scene_y: float) -> tuple[float, float]:
        """Where in the view a scene point is."""
        x, y = self.device(scene_x, scene_y)
        return x / self.ratio, y / self.ratio

    def device(self, scene_x: float, scene_y: float) -> tuple[int, int]:
        """The device pixel of a scene point."""
        return round(scene_x * self.scale) - self.left, round(scene_y * self.scale) - self.top

    def device_points(self, points: Floats) -> Floats:
        """Scene points `(..., 2)` in device coordinates, not rounded."""
        return points * self.scale - np.array([self.left, self.top], dtype=np.float64)

    def shown(self, margin_px: float = 0.0) -> Rect:
        """The part of the scene in view, with a margin of logical pixels around it."""
        left, top = self.to_scene(-margin_px, -margin_px)
        right, bottom = self.to_scene(self.width + margin_px, self.height + margin_px)
        return Rect(left, top, right, bottom)

    def panned(self, dx_px: float, dy_px: float) -> "Camera":
        """The camera with what is shown moved by this many logical pixels."""
        return replace(self, left=self.left - round(dx_px * self.ratio), top=self.top - round(dy_px * self.ratio))

    def zoomed(self, zoom: float, view_x: float, view_y: float) -> "Camera":
        """The camera at another zoom, with the scene point under this point of the view staying there."""
        x, y = self.to_scene(view_x, view_y)
        closer = replace(self, zoom=min(max(zoom, MIN_ZOOM), MAX_ZOOM))
        return closer.with_point_at(x, y, view_x, view_y)

    def with_point_at(self, scene_x: float, scene_y: float, view_x: float, view_y: float) -> "Camera":
        """The camera moved so that this scene point lies under this point of the view."""
        left = round(scene_x * self.scale - view_x * self.ratio)
        return replace(self, left=left, top=round(scene_y * self.scale - view_y * self.ratio))

    def centered(self, scene_x: float, scene_y: float) -> "Camera":
        """The camera with this scene point in the middle."""
        return self.with_point_at(scene_x, scene_y, self.width / 2, self.height / 2)

    def fitted(self, rect: Rect, max_zoom: float = 1.0) -> "Camera":
        """The camera that shows all of the rectangle with a margin, never larger than `max_zoom`."""
        room = 1 - 2 * FIT_PADDING
        wanted = min(self.width * room / max(rect.width, 1.0), self.height * room / max(rect.height, 1.0), max_zoom)
        near = replace(self, zoom=min(max(wanted, MIN_ZOOM), MAX_ZOOM))
        return near.centered((rect.left + rect.right) / 2, (rect.top + rect.bottom) / 2)

    def resized(self, width: int, height: int, ratio: float) -> "Camera":
        """The camera of a view of another size, or on another screen, with the same scene point in its corner."""
        x, y = self.left / self.scale, self.top / self.scale
        other = replace(self, width=max(width, 1), height=max(height, 1), ratio=ratio)
        return replace(other, left=round(x * other.scale), top=round(y * other.scale))


def next_step(zoom: float, direction: int) -> float:
    """The next of the zoom steps in this direction (+1 closer, -1 farther), by key."""
    if direction > 0:
        return next((step for step in KEY_STEPS if step > zoom * 1.001), MAX_ZOOM)
    return next((step for step in reversed(KEY_STEPS) if step < zoom * 0.999), MIN_ZOOM)


def wheel_factor(delta: float) -> float:
    """How much a wheel movement (eighths of a degree) zooms; one event never more than half as much again."""
    return float(min(max(2.0 ** (delta / 500.0), 2 / 3), 1.5))
