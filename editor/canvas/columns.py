"""The document as columns: numpy arrays of places, sizes and ends that painting and hit tests read.

They hold exactly what the document says; nothing here knows of selection, runs or the view. Rows of blocks and edges
are in drawing order. An edge whose block is missing has no row: there is nowhere to draw it.
"""

from collections.abc import Iterable, Mapping
from copy import copy

import numpy as np
from numpy.typing import NDArray

from editor.canvas.cards import WIDTH, Face, NameOf, Side, anchors, asks, face_of, nobody_knows, port_index
from editor.canvas.geometry import Ends, Floats, Rect, Rows, wire_boxes
from engine import Block, Catalog, Change, Edge, Workflow

_EMPTY_ENDS = np.empty((0, 2), dtype=np.float64)


class Columns:
    """Arrays by row. `ids[row]` and `faces[row]` describe a block, `edge_ids[row]` an edge.

    Blocks: `x`, `y`, `height` (scene units; every card is `WIDTH` wide), `look` (row in `looks`, pairs of icon and
    hue), `enabled`. Ports: `port_block`, `port_offset` (n, 2), `port_is_out`, `port_number` (place among its side's
    ports). Edges: `source`, `target` (block rows), `source_offset`, `target_offset` (n, 2), `edge_labels`.
    """

    def __init__(self, workflow: Workflow, catalog: Catalog) -> None:
        self._catalog = catalog
        self._known: dict[str, tuple[Block, Face]] = {}
        self._name_of: NameOf = nobody_knows
        self.looks: list[tuple[str, str]] = []
        self.version = object()
        """Another object whenever anything here changed."""
        self._boxes: Floats | None = None
        self._port_places: Floats | None = None
        self._bounds: Rect | None = None
        self._build(workflow)

    def update(self, workflow: Workflow, change: Change) -> None:
        """Follow the document to this version; `change` says what differs from the version held."""
        self._forget()
        if change.order_changed or change.blocks_added or change.blocks_removed:
            self._build(workflow)
            return
        ports_changed = self._update_blocks(workflow, change.blocks_changed)
        self._move(workflow, change.blocks_moved)
        if ports_changed:
            self._build_ports()
        if ports_changed or change.edges_added or change.edges_removed or change.edges_changed:
            self._build_edges(workflow.edges)
        elif change.blocks_moved:
            self._refresh_boxes()

    def use_names(self, workflow: Workflow, name_of: NameOf) -> None:
        """Show stored agents and orchestrations by these names, which may have changed."""
        self._name_of = name_of
        self._forget()
        asking = [
            block.id for block in workflow.blocks.values() if block.id in self.row_of and asks(block, self._catalog)
        ]
        self._update_blocks(workflow, asking)  # a name moves no port

    def for_another(self, workflow: Workflow) -> "Columns":
        """Columns of another document, with the names of these. May be built on any thread, for `take_over`."""
        other = Columns(Workflow(), self._catalog)
        other._name_of = self._name_of
        other._build(workflow)
        return other

    def take_over(self, other: "Columns") -> None:
        """Hold what `other` holds, which was built for nobody else."""
        vars(self).update(vars(other))
        self._forget()

    # --- questions ------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, block_ids: Iterable[str]) -> Rows:
        """The rows of these blocks, in drawing order; ids without a row are passed over."""
        found = sorted(self.row_of[block_id] for block_id in block_ids if block_id in self.row_of)
        return np.array(found, dtype=np.intp)

    def edge_rows(self, edge_ids: Iterable[str]) -> Rows:
        """The rows of these edges, in drawing order."""
        found = sorted(self.edge_row_of[edge_id] for edge_id in edge_ids if edge_id in self.edge_row_of)
        return np.array(found, dtype=np.intp)

    def boxes(self) -> Floats:
        """The rectangles of all cards, `(n, 4)`: left, top, right, bottom."""
        if self._boxes is None:
            self._boxes = np.stack([self.x, self.y, self.x + WIDTH, self.y + self.height], axis=1)
        return self._boxes

    def bounds(self, rows: Rows | None = None) -> Rect | None:
        """The rectangle around these blocks, or around all; None when there are none."""
        if rows is not None:
            return _around(self.boxes()[rows])
        if self._bounds is None:
            self._bounds = _around(self.boxes())
        return self._bounds

    def card(self, row: int) -> Rect:
        """The rectangle of one card."""
        x, y = float(self.x[row]), float(self.y[row])
        return Rect(x, y, x + WIDTH, y + float(self.height[row]))

    def size(self, block: Block) -> tuple[float, float]:
        """Width and height of a block's card, also of a block that is not in the document yet."""
        held = self._known.get(block.id)
        face = held[1] if held and held[0].config is block.config else self._face_of(block)
        return WIDTH, face.height

    def anchor(self, row: int, side: Side, port: str) -> tuple[float, float]:
        """Where a wire attaches to this port. A port that the block does not have is met at the title's level."""
        dx, dy = self._offset(self.faces[row], side, port)
        return float(self.x[row]) + dx, float(self.y[row]) + dy

    def ends(self, edge_rows: Rows | slice) -> Ends:
        """Where these wires begin and end."""
        x, y = self.x, self.y
        source, target = self.source[edge_rows], self.target[edge_rows]
        source_top, target_top = y[source], y[target]
        return Ends(
            x[source] + self.source_offset[edge_rows, 0],
            source_top + self.source_offset[edge_rows, 1],
            x[target] + self.target_offset[edge_rows, 0],
            target_top + self.target_offset[edge_rows, 1],
            source_top,
            source_top + self.height[source],
            target_top,
            target_top + self.height[target],
        )

    def displaced(self, x: Floats, y: Floats) -> "Columns":
        """The same columns with the cards at other places: what a drag shows while the document stays as it is."""
        other = copy(self)
        other.x, other.y = x, y
        other._forget()
        return other

    def edges_of(self, rows: Rows) -> Rows:
        """The rows of the edges that touch one of these blocks."""
        if not len(rows) or not len(self.source):
            return np.empty(0, dtype=np.intp)
        touched = np.zeros(len(self), dtype=np.bool_)
        touched[rows] = True
        return np.flatnonzero(touched[self.source] | touched[self.target])

    def port_places(self) -> Floats:
        """The places of all ports, `(n, 2)`."""
        if self._port_places is None:
            self._port_places = np.stack([self.x, self.y], axis=1)[self.port_block] + self.port_offset
        return self._port_places

    def port_name(self, port_row: int) -> str:
        """The name of a port by its row."""
        side: Side = "out" if self.port_is_out[port_row] else "in"
        return str(self.faces[self.port_block[port_row]].ports(side)[self.port_number[port_row]].name)

    def _forget(self) -> None:
        """Places are about to change: `version` is another object from now on."""
        self.version = object()
        self._boxes = self._port_places = self._bounds = None

    # --- building ---------------------------------------------------------------------------------------------------

    def _build(self, workflow: Workflow) -> None:
        blocks = list(workflow.blocks.values())
        known = self._known
        self._known = {}
        for block in blocks:
            old = known.get(block.id)
            self._known[block.id] = old if old and old[0] is block else (block, self._face_of(block))
        self.ids = [block.id for block in blocks]
        self.row_of = {block_id: row for row, block_id in enumerate(self.ids)}
        self.faces = [face for _, face in self._known.values()]
        self.x = np.array([block.x for block in blocks], dtype=np.float64)
        self.y = np.array([block.y for block in blocks], dtype=np.float64)
        self.height = np.array([face.height for face in self.faces], dtype=np.float64)
        self.enabled = np.array([face.enabled for face in self.faces], dtype=np.bool_)
        self.looks = []
        self._look_rows: dict[tuple[str, str], int] = {}
        self.look = np.array([self._look_of(face) for face in self.faces], dtype=np.int16)
        self._build_ports()
        self._build_edges(workflow.edges)

    def _face_of(self, block: Block) -> Face:
        return face_of(block, self._catalog, self._name_of)

    def _look_of(self, face: Face) -> int:
        look = (face.icon, face.hue)
        if look not in self._look_rows:
            self._look_rows[look] = len(self.looks)
            self.looks.append(look)
        return self._look_rows[look]

    def _update_blocks(self, workflow: Workflow, block_ids: Iterable[str]) -> bool:
        """Take in these blocks' new contents; whether ports may sit elsewhere now."""
        ports_changed = False
        for block_id in block_ids:
            block, row = workflow.blocks[block_id], self.row_of[block_id]
            old, new = self.faces[row], self._face_of(block)
            self._known[block_id] = (block, new)
            self.faces[row] = new
            self.look[row] = self._look_of(new)
            self.enabled[row] = new.enabled
            self.height[row] = new.height
            ports_changed |= (old.inputs, old.outputs, old.height) != (new.inputs, new.outputs, new.height)
        return ports_changed

    def _move(self, workflow: Workflow, block_ids: Iterable[str]) -> None:
        for block_id in block_ids:
            block, row = workflow.blocks[block_id], self.row_of[block_id]
            self._known[block_id] = (block, self.faces[row])
            self.x[row], self.y[row] = block.x, block.y

    def _build_ports(self) -> None:
        blocks: list[int] = []
        offsets: list[tuple[float, float]] = []
        is_out: list[bool] = []
        numbers: list[int] = []
        for row, face in enumerate(self.faces):
            for side in ("in", "out"):
                places = _anchors(face, side)
                blocks += [row] * len(places)
                offsets += places
                is_out += [side == "out"] * len(places)
                numbers += range(len(places))
        self.port_block = np.array(blocks, dtype=np.intp)
        self.port_offset = np.array(offsets, dtype=np.float64).reshape(-1, 2)
        self.port_is_out = np.array(is_out, dtype=np.bool_)
        self.port_number = np.array(numbers, dtype=np.intp)

    def _build_edges(self, edges: Mapping[str, Edge]) -> None:
        shown = [edge for edge in edges.values() if edge.source in self.row_of and edge.target in self.row_of]
        self.edge_ids = [edge.id for edge in shown]
        self.edge_row_of = {edge_id: row for row, edge_id in enumerate(self.edge_ids)}
        self.source = np.array([self.row_of[edge.source] for edge in shown], dtype=np.intp)
        self.target = np.array([self.row_of[edge.target] for edge in shown], dtype=np.intp)
        sources = [self.faces[row] for row in self.source.tolist()]
        targets = [self.faces[row] for row in self.target.tolist()]
        pairs = list(zip(shown, sources, targets, strict=True))
        self.source_offset = _pairs([self._offset(face, "out", edge.source_port) for edge, face, _ in pairs])
        self.target_offset = _pairs([self._offset(face, "in", edge.target_port) for edge, _, face in pairs])
        self.edge_labels = [_label(edge, face) for edge, face, _ in pairs]
        self._refresh_boxes()

    def _offset(self, face: Face, side: Side, port: str) -> tuple[float, float]:
        places = _anchors(face, side)
        index = port_index(face.ports(side), port)
        if index is not None:
            return places[index]
        return places[0] if len(places) == 1 else (0.0 if side == "in" else WIDTH, 30.0)

    def _refresh_boxes(self) -> None:
        self.edge_boxes: NDArray[np.float64] = (
            wire_boxes(self.ends(slice(None))) if self.edge_ids else np.empty((0, 4), dtype=np.float64)
        )


def _around(boxes: Floats) -> Rect | None:
    if not len(boxes):
        return None
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    return Rect(float(low[0]), float(low[1]), float(high[0]), float(high[1]))


def _anchors(face: Face, side: str) -> list[tuple[float, float]]:
    return anchors(face, "in" if side == "in" else "out")


def _pairs(values: list[tuple[float, float]]) -> Floats:
    return np.array(values, dtype=np.float64) if values else _EMPTY_ENDS.copy()


def _label(edge: Edge, source: Face) -> str:
    """What stands beside a wire's start: the label of the port it leaves from, where the block has several."""
    if len(source.outputs) < 2:
        return ""
    index = port_index(source.outputs, edge.source_port)
    port = source.outputs[index] if index is not None else None
    return (port.label or port.name) if port else (edge.source_port or "?")
