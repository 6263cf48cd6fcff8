"""What lies under a point: ports, blocks and wires, found in the columns."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from editor.canvas.cards import HEADER, Side
from editor.canvas.columns import Columns
from editor.canvas.geometry import (
    Floats,
    Rect,
    Rows,
    distances_to_polylines,
    inside,
    overlapping,
    sample,
)
from editor.canvas.style import Detail, detail_at
from editor.canvas.wire_painting import chain_groups

PORT_PX, PORT_INSIDE_PX, WIRE_PX, END_PX = 24.0, 9.0, 7.0, 64.0
SPLICE_PX = 16.0
HitKind = Literal["port", "block", "edge", "empty"]


@dataclass(frozen=True)
class Hit:
    """What lies under a point. A wire hit near one of its ends says which in `side`: "out" where it leaves."""

    kind: HitKind = "empty"
    block_id: str = ""
    port: str = ""
    side: Side | None = None
    edge_id: str = ""


NOTHING = Hit()


def hit(columns: Columns, x: float, y: float, zoom: float) -> Hit:
    """The topmost thing at a scene point: a port in reach, else a block, else a wire."""
    row = block_at(columns, x, y)
    if detail_at(zoom) >= Detail.TITLE:
        port = _port_in_reach(columns, x, y, zoom, row)
        if port is not None:
            return port
    if row is not None:
        return Hit("block", columns.ids[row])
    return _wire_at(columns, x, y, zoom)


def block_at(columns: Columns, x: float, y: float) -> int | None:
    """The row of the topmost block at a scene point."""
    found = np.flatnonzero(overlapping(columns.boxes(), Rect(x, y, x, y)))
    return int(found[-1]) if len(found) else None


def blocks_in(columns: Columns, rect: Rect, whole: bool) -> Rows:
    """Rows of the blocks that lie in the rectangle whole, or that touch it."""
    return np.flatnonzero((inside if whole else overlapping)(columns.boxes(), rect))


def ports_within(columns: Columns, x: float, y: float, reach: float) -> list[int]:
    """Rows of the ports at most `reach` scene units from a point, nearest first."""
    distances = np.hypot(*(columns.port_places() - (x, y)).T)
    near = np.flatnonzero(distances <= reach)
    return [int(port) for port in near[np.argsort(distances[near], kind="stable")]]


def port_hit(columns: Columns, port_row: int) -> Hit:
    """The hit that a port's row stands for."""
    side: Side = "out" if columns.port_is_out[port_row] else "in"
    return Hit("port", columns.ids[columns.port_block[port_row]], columns.port_name(port_row), side)


def edge_near(columns: Columns, points: Floats, reach: float, ignored: Rows | None = None) -> int | None:
    """The row of the wire nearest to any of these scene points `(n, 2)` and at most `reach` from it."""
    if not len(columns.edge_ids) or not len(points):
        return None
    low, high = points.min(axis=0), points.max(axis=0)
    mask = overlapping(columns.edge_boxes, Rect(*low.tolist(), *high.tolist()).grown(reach))
    if ignored is not None:
        mask[ignored] = False
    candidates = np.flatnonzero(mask)
    best, best_distance = None, reach
    for index, line in _lines(columns, candidates):
        distances = np.min([distances_to_polylines(line, px, py) for px, py in points.tolist()], axis=0)
        nearest = int(distances.argmin())
        if distances[nearest] <= best_distance:
            best, best_distance = int(candidates[index[nearest]]), float(distances[nearest])
    return best


def splice_points(card: Rect, offsets: list[tuple[float, float]]) -> Floats:
    """The points of a card that catch a wire: its ports, its middle, and the middle of its header.

    A tall card that is held by its header lies with its middle far below a wire that it covers.
    """
    across = (card.left + card.right) / 2
    middles = [(across, (card.top + card.bottom) / 2), (across, card.top + HEADER / 2)]
    return np.array([*middles, *[(card.left + dx, card.top + dy) for dx, dy in offsets]], dtype=np.float64)


def _lines(columns: Columns, edges: Rows) -> list[tuple[Rows, Floats]]:
    if not len(edges):
        return []
    return [
        (index, sample(chains, 24 if chains.shape[1] == 4 else 4))
        for index, chains in chain_groups(columns.ends(edges))
    ]


def _port_in_reach(columns: Columns, x: float, y: float, zoom: float, row: int | None) -> Hit | None:
    """A port is caught generously from outside, little from inside its own card, and never through another card."""
    reach = min(PORT_PX / zoom, PORT_PX) if row is None else min(PORT_INSIDE_PX / zoom, PORT_INSIDE_PX)
    for port in ports_within(columns, x, y, reach):
        if row is None or columns.port_block[port] == row:
            return port_hit(columns, port)
    return None


def _wire_at(columns: Columns, x: float, y: float, zoom: float) -> Hit:
    edge = edge_near(columns, np.array([[x, y]], dtype=np.float64), WIRE_PX / zoom)
    if edge is None:
        return NOTHING
    ends = columns.ends(np.array([edge], dtype=np.intp))
    to_source = float(np.hypot(ends.source_x[0] - x, ends.source_y[0] - y))
    to_target = float(np.hypot(ends.target_x[0] - x, ends.target_y[0] - y))
    side: Side | None = None
    if min(to_source, to_target) * zoom <= END_PX:
        side = "out" if to_source < to_target else "in"
    return Hit("edge", edge_id=columns.edge_ids[edge], side=side)
