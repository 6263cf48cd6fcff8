"""Geometry of the canvas: wires, boxes, snapping, distances and walks, as numpy on plain arrays. No Qt here.

Lengths are scene units unless a name says otherwise; y grows downwards and the flow goes to the right. A wire is a
chain of cubic Bezier curves: an array `(n, 1 + 3 * k, 2)` of points, the first of which is where the wire leaves.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Mask = NDArray[np.bool_]

GRID = 16.0
MIN_KNEE, MAX_KNEE = 24.0, 160.0
LOOP_SIDE, LOOP_BELOW, LOOP_RADIUS = 36.0, 36.0, 16.0
"""A backward wire leaves this far to the side, passes this far below the lower block, and turns with this radius."""
LEAST_AHEAD = 16.0
_CORNER = 0.5523  # the control point distance that makes a cubic look like a quarter circle
_LOOP_TURNS = 4


class Ends(NamedTuple):
    """Where wires begin and end, one entry per wire, and the vertical extent of the blocks at both ends."""

    source_x: Floats
    source_y: Floats
    target_x: Floats
    target_y: Floats
    source_top: Floats
    source_bottom: Floats
    target_top: Floats
    target_bottom: Floats

    def only(self, which: Rows | Mask) -> "Ends":
        """The ends of these wires."""
        return Ends(*(column[which] for column in self))


class Rect(NamedTuple):
    """A rectangle by its edges."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Its extent along x."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Its extent along y."""
        return self.bottom - self.top

    def grown(self, by: float) -> "Rect":
        """The rectangle with this much more on every side."""
        return Rect(self.left - by, self.top - by, self.right + by, self.bottom + by)


def goes_back(ends: Ends) -> Mask:
    """Which wires run against the flow, so that a plain curve would cross their own blocks."""
    return ends.target_x - ends.source_x < LEAST_AHEAD


def forward_chains(ends: Ends) -> Floats:
    """Wires along the flow: one cubic each, with a knee that stays soft when the wire is short and steep."""
    ahead, across = ends.target_x - ends.source_x, np.abs(ends.target_y - ends.source_y)
    knee = np.clip(np.maximum(0.5 * ahead, 0.25 * (ahead + across)), MIN_KNEE, MAX_KNEE)
    x = np.stack([ends.source_x, ends.source_x + knee, ends.target_x - knee, ends.target_x], axis=1)
    y = np.stack([ends.source_y, ends.source_y, ends.target_y, ends.target_y], axis=1)
    return np.stack([x, y], axis=2)


def backward_chains(ends: Ends) -> Floats:
    """Wires against the flow: out to the side, along a level that is free of both blocks, and back in from the left."""
    right, left = ends.source_x + LOOP_SIDE, ends.target_x - LOOP_SIDE
    level = loop_levels(ends)
    x = np.stack([ends.source_x, right, right, left, left, ends.target_x], axis=1)
    y = np.stack([ends.source_y, ends.source_y, level, level, ends.target_y, ends.target_y], axis=1)
    return _rounded(np.stack([x, y], axis=2), LOOP_RADIUS)


def loop_levels(ends: Ends) -> Floats:
    """The y at which backward wires run: between the two blocks where there is room, else below the lower one."""
    below = np.maximum(ends.source_bottom, ends.target_bottom) + LOOP_BELOW
    room_below_source = ends.target_top - ends.source_bottom
    room_below_target = ends.source_top - ends.target_bottom
    level = np.where(room_below_source >= 2 * LOOP_RADIUS, ends.source_bottom + room_below_source / 2, below)
    return np.where(room_below_target >= 2 * LOOP_RADIUS, ends.target_bottom + room_below_target / 2, level)


def _rounded(corners: Floats, radius: float) -> Floats:
    """A chain along straight lines through these points `(n, m, 2)`, each inner one rounded off."""
    before, at, after = corners[:, :-2], corners[:, 1:-1], corners[:, 2:]
    length_in, length_out = _lengths(at - before), _lengths(after - at)
    reach = np.minimum(radius, np.minimum(length_in, length_out) / 2)
    start = at - (at - before) * (reach / np.maximum(length_in, 1e-9))[..., None]
    end = at + (after - at) * (reach / np.maximum(length_out, 1e-9))[..., None]
    pieces, here = [corners[:, :1]], corners[:, 0]
    for turn in range(at.shape[1]):
        pieces.append(_straight(here, start[:, turn]))
        bend = at[:, turn]
        pieces.append(
            np.stack([_towards(start[:, turn], bend), _towards(end[:, turn], bend), end[:, turn]], axis=1),
        )
        here = end[:, turn]
    pieces.append(_straight(here, corners[:, -1]))
    return np.concatenate(pieces, axis=1)


def _straight(start: Floats, end: Floats) -> Floats:
    return np.stack([start + (end - start) / 3, start + (end - start) * 2 / 3, end], axis=1)


def _towards(point: Floats, corner: Floats) -> Floats:
    return point + (corner - point) * _CORNER


def _lengths(vectors: Floats) -> Floats:
    return np.asarray(np.hypot(vectors[..., 0], vectors[..., 1]), dtype=np.float64)


def wire_boxes(ends: Ends) -> Floats:
    """The rectangles `(n, 4)` (left, top, right, bottom) that hold the wires whole."""
    low_y, high_y = np.minimum(ends.source_y, ends.target_y), np.maximum(ends.source_y, ends.target_y)
    left, right = np.minimum(ends.source_x, ends.target_x), np.maximum(ends.source_x, ends.target_x)
    back, level = goes_back(ends), loop_levels(ends)
    bulge = np.where(back, LOOP_SIDE, np.clip(0.5 * (ends.source_x - ends.target_x) + MAX_KNEE, 0, MAX_KNEE))
    top = np.where(back, np.minimum(low_y, level), low_y)
    bottom = np.where(back, np.maximum(high_y, level), high_y)
    return np.stack([left - bulge, top, right + bulge, bottom], axis=1)


def sample(chains: Floats, per_curve: int) -> Floats:
    """Points along the wires `(n, k * per_curve + 1, 2)`, evenly spaced in each curve's parameter."""
    count, curves = chains.shape[0], (chains.shape[1] - 1) // 3
    t = np.linspace(0, 1, per_curve, endpoint=False)
    weights = np.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], axis=1)
    controls = np.stack([chains[:, 3 * i : 3 * i + 4] for i in range(curves)], axis=1)
    points = np.einsum("tp,ncpd->nctd", weights, controls).reshape(count, curves * per_curve, 2)
    return np.concatenate([points, chains[:, -1:]], axis=1)


def distances_to_polylines(lines: Floats, x: float, y: float) -> Floats:
    """How far the point is from each polyline of `(n, m, 2)`."""
    start, step = lines[:, :-1], lines[:, 1:] - lines[:, :-1]
    square = np.maximum((step * step).sum(axis=2), 1e-12)
    t = np.clip((((x, y) - start) * step).sum(axis=2) / square, 0, 1)
    nearest = start + step * t[..., None]
    return np.asarray(_lengths(nearest - (x, y)).min(axis=1), dtype=np.float64)


def points_at(lines: Floats, part: float) -> Floats:
    """The points `(n, 2)` at this part (0 to 1) of each polyline's length."""
    lengths = _lengths(lines[:, 1:] - lines[:, :-1])
    upto = np.concatenate([np.zeros((len(lines), 1)), np.cumsum(lengths, axis=1)], axis=1)
    wanted = upto[:, -1:] * part
    index = np.clip((upto <= wanted).sum(axis=1) - 1, 0, lengths.shape[1] - 1)
    row = np.arange(len(lines))
    along = (wanted[:, 0] - upto[row, index]) / np.maximum(lengths[row, index], 1e-9)
    return np.asarray(lines[row, index] + (lines[row, index + 1] - lines[row, index]) * along[:, None])


def overlapping(boxes: Floats, rect: Rect) -> Mask:
    """Which boxes `(n, 4)` touch the rectangle."""
    return np.asarray(
        (boxes[:, 0] <= rect.right)
        & (boxes[:, 2] >= rect.left)
        & (boxes[:, 1] <= rect.bottom)
        & (boxes[:, 3] >= rect.top),
    )


def inside(boxes: Floats, rect: Rect) -> Mask:
    """Which boxes `(n, 4)` lie in the rectangle whole."""
    return np.asarray(
        (boxes[:, 0] >= rect.left)
        & (boxes[:, 2] <= rect.right)
        & (boxes[:, 1] >= rect.top)
        & (boxes[:, 3] <= rect.bottom),
    )


def snapped(value: float, grid: float = GRID) -> float:
    """The nearest multiple of the grid; halves go up, so that steps in one direction are even."""
    return float(np.floor(value / grid + 0.5) * grid)


def pan_speed(distance_px: float, margin_px: float = 32.0, top_speed: float = 900.0) -> float:
    """Pixels per second that the view moves while something is held this far inside its edge: a quadratic ramp."""
    depth = min(max((margin_px - distance_px) / margin_px, 0.0), 1.0)
    return top_speed * depth * depth


def nearest_in_direction(x: Floats, y: Floats, from_row: int, direction: tuple[int, int]) -> int | None:
    """The row that an arrow key should reach from this one when no wire leads there.

    Only what lies within 60 degrees of the direction counts; what is off the axis counts as twice as far.
    """
    dx, dy = x - x[from_row], y - y[from_row]
    along = dx * direction[0] + dy * direction[1]
    across = np.abs(dx * direction[1]) + np.abs(dy * direction[0])
    reachable = (along > 0) & (across <= along * 1.75)
    reachable[from_row] = False
    if not reachable.any():
        return None
    cost = np.where(reachable, along + 2 * across, np.inf)
    return int(cost.argmin())
