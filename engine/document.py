"""The workflow document: frozen blocks and edges, and the API's JSON both ways.

Nothing here is ever changed in place. An edit (`edits.py`) makes a new `Workflow` that shares every block it did not
touch, so "did it change?" is `is not`.

What we do not know survives. Every object keeps the JSON keys it was read with in `extra`, and those win over the known
fields when it is written again: a key of `extra` may be an unknown field, or a known one whose stored value has a shape
that we only tolerate (`"config": null`). Giving such a field a real value drops the kept one.
"""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Self

import msgspec

from engine.errors import FileError, UnknownBlock, UnknownEdge

Json = Any
"""A JSON value: None, bool, int, float, str, list or dict of such. Treated as frozen everywhere."""
JsonObject = dict[str, Any]

DEFAULT_SOURCE_HANDLE = "output"
DEFAULT_TARGET_HANDLE = "input"
_NO_EXTRA: JsonObject = {}
_EDGE_NAMESPACE = uuid.UUID("6f1f5c1e-2a53-5a0e-9d4e-3b1d6c1a7e10")


class Block(msgspec.Struct, frozen=True):
    """One block. `x` and `y` are scene units of its top left corner; `type` is kept as it was spelled, alias or not."""

    id: str
    type: str
    name: str = ""
    x: float = 0.0
    y: float = 0.0
    config: JsonObject = msgspec.field(default_factory=dict)
    enabled: bool = True
    extra: JsonObject = _NO_EXTRA

    @property
    def label(self) -> str:
        """The name, or the id where there is none: what people see and what references use."""
        return self.name or self.id

    def changed(self, **fields: Any) -> Self:
        """A copy with these fields; a kept foreign spelling of the same field goes."""
        stale = {"position" if key in ("x", "y") else key for key in fields} & self.extra.keys()
        if stale:
            fields["extra"] = {key: value for key, value in self.extra.items() if key not in stale}
        return msgspec.structs.replace(self, **fields)


class Edge(msgspec.Struct, frozen=True):
    """One directed link. A handle of None or of its default name is the block's only unnamed port."""

    id: str
    source: str
    target: str
    source_handle: str | None = None
    target_handle: str | None = None
    condition: str | None = None
    extra: JsonObject = _NO_EXTRA

    @property
    def source_port(self) -> str:
        """The name of the port that this edge leaves from; "" is the unnamed one."""
        return "" if self.source_handle in (None, DEFAULT_SOURCE_HANDLE) else str(self.source_handle)

    @property
    def target_port(self) -> str:
        """The name of the port that this edge arrives at; "" is the unnamed one."""
        return "" if self.target_handle in (None, DEFAULT_TARGET_HANDLE) else str(self.target_handle)

    def changed(self, **fields: Any) -> Self:
        """A copy with these fields; a kept foreign spelling of the same field goes."""
        api_names = {"source_handle": "sourceHandle", "target_handle": "targetHandle"}
        stale = {api_names.get(key, key) for key in fields} & self.extra.keys()
        if stale:
            fields["extra"] = {key: value for key, value in self.extra.items() if key not in stale}
        return msgspec.structs.replace(self, **fields)


class Workflow(msgspec.Struct, frozen=True):
    """A graph with its name. `blocks` and `edges` map ids to objects, in drawing order (the last is on top)."""

    name: str = ""
    description: str = ""
    variables: JsonObject = msgspec.field(default_factory=dict)
    blocks: Mapping[str, Block] = msgspec.field(default_factory=dict)
    edges: Mapping[str, Edge] = msgspec.field(default_factory=dict)
    extra: JsonObject = _NO_EXTRA

    def block(self, block_id: str) -> Block:
        """The block with this id; `UnknownBlock` when there is none."""
        try:
            return self.blocks[block_id]
        except KeyError:
            raise UnknownBlock(f"There is no block with the id {block_id!r} in this workflow.") from None

    def edge(self, edge_id: str) -> Edge:
        """The edge with this id; `UnknownEdge` when there is none."""
        try:
            return self.edges[edge_id]
        except KeyError:
            raise UnknownEdge(f"There is no edge with the id {edge_id!r} in this workflow.") from None

    def edges_from(self, block_id: str) -> list[Edge]:
        """Edges that leave this block, in order."""
        return [edge for edge in self.edges.values() if edge.source == block_id]

    def edges_to(self, block_id: str) -> list[Edge]:
        """Edges that arrive at this block, in order."""
        return [edge for edge in self.edges.values() if edge.target == block_id]

    def find_by_name(self, name: str) -> Block | None:
        """The first block that a reference by this name or id can mean."""
        found = self.blocks.get(name)
        return found or next((block for block in self.blocks.values() if block.name == name), None)

    def changed(self, **fields: Any) -> Self:
        """A copy with these fields; a kept foreign spelling of the same field goes."""
        stale = fields.keys() & self.extra.keys()
        if stale:
            fields["extra"] = {key: value for key, value in self.extra.items() if key not in stale}
        return msgspec.structs.replace(self, **fields)

    def with_blocks(self, blocks: Iterable[Block]) -> Self:
        """A copy in which these blocks replace those of the same id; new ones go on top."""
        return self.changed(blocks={**self.blocks, **{block.id: block for block in blocks}})

    def with_edges(self, edges: Iterable[Edge]) -> Self:
        """A copy in which these edges replace those of the same id; new ones are added at the end."""
        return self.changed(edges={**self.edges, **{edge.id: edge for edge in edges}})


def new_id() -> str:
    """A fresh block, edge or webhook id: a random UUID in lower case, as every platform server accepts."""
    return str(uuid.uuid4())


def edge_id_for(source: str, target: str, source_handle: str | None, target_handle: str | None, nth: int) -> str:
    """The id of an edge that came without one: the same text for the same edge, so a file read twice is the same."""
    key = "\x1f".join([source, target, source_handle or "", target_handle or "", str(nth)])
    return str(uuid.uuid5(_EDGE_NAMESPACE, key))


def workflow_from_api(data: Json) -> Workflow:
    """The workflow in an API object: the graph `{"blocks", "edges"}` alone, or with name, variables and the rest.

    Raises:
        FileError: the shape is wrong; `place` is the path of the value, such as `blocks[3].id`.

    Source: contract sections 2.4 and 2.5.
    """
    fields = _object(data, "")
    extra = {key: value for key, value in fields.items() if key not in _WORKFLOW_KEYS}
    blocks = _read_blocks(fields.get("blocks"))
    edges = _read_edges(fields.get("edges"))
    return Workflow(
        name=_text(fields, "name", "", extra),
        description=_text(fields, "description", "", extra),
        variables=_known(fields, "variables", dict, {}, extra),
        blocks=blocks,
        edges=edges,
        extra=extra,
    )


def workflow_to_api(workflow: Workflow) -> JsonObject:
    """The whole workflow as the API's JSON object, unknown fields included."""
    return {
        "name": workflow.name,
        "description": workflow.description,
        "variables": workflow.variables,
        "blocks": [block_to_api(block) for block in workflow.blocks.values()],
        "edges": [edge_to_api(edge) for edge in workflow.edges.values()],
        **workflow.extra,
    }


def block_to_api(block: Block) -> JsonObject:
    """One block as the API writes it."""
    return {
        "id": block.id,
        "type": block.type,
        "name": block.name,
        "position": {"x": json_number(block.x), "y": json_number(block.y)},
        "config": block.config,
        "enabled": block.enabled,
        **block.extra,
    }


def edge_to_api(edge: Edge) -> JsonObject:
    """One edge as the API writes it."""
    return {
        "id": edge.id,
        "source": edge.source,
        "target": edge.target,
        "sourceHandle": edge.source_handle,
        "targetHandle": edge.target_handle,
        "condition": edge.condition,
        **edge.extra,
    }


def block_from_api(data: Json, place: str = "block") -> Block:
    """One block from the API's JSON; `place` is where it stands, for the error text."""
    fields = _object(data, place)
    extra = {key: value for key, value in fields.items() if key not in _BLOCK_KEYS}
    x, y = _position(fields, extra)
    return Block(
        id=_required_text(fields, "id", place),
        type=_required_text(fields, "type", place),
        name=_text(fields, "name", "", extra),
        x=x,
        y=y,
        config=_known(fields, "config", dict, {}, extra),
        # The platform reads `null` as false (contract 2.5); the stored null is kept.
        enabled=_known(fields, "enabled", bool, "enabled" not in fields, extra),
        extra=extra,
    )


def edge_from_api(data: Json, place: str = "edge", nth: int = 0) -> Edge:
    """One edge from the API's JSON; one without an id gets the id that `edge_id_for` gives it."""
    fields = _object(data, place)
    extra = {key: value for key, value in fields.items() if key not in _EDGE_KEYS}
    source = _required_text(fields, "source", place)
    target = _required_text(fields, "target", place)
    source_handle = _handle(fields, "sourceHandle", DEFAULT_SOURCE_HANDLE, extra)
    target_handle = _handle(fields, "targetHandle", DEFAULT_TARGET_HANDLE, extra)
    given_id = fields.get("id")
    if given_id is not None and not isinstance(given_id, str):
        raise FileError(f"an edge id must be text, not {_kind(given_id)}", f"{place}.id")
    return Edge(
        id=given_id or edge_id_for(source, target, source_handle, target_handle, nth),
        source=source,
        target=target,
        source_handle=source_handle,
        target_handle=target_handle,
        condition=_handle(fields, "condition", None, extra),
        extra=extra,
    )


def json_number(value: float) -> int | float:
    """The shortest JSON spelling of a coordinate: 240 instead of 240.0, at most three decimals."""
    rounded = round(value, 3)
    return int(rounded) if rounded == int(rounded) else rounded


def has_duplicate_id(item: Block | Edge) -> bool:
    """Whether this block or edge was read with an id that an earlier one has already.

    It then lives under an id of its own while `extra["id"]` keeps what was stored: it is shown, kept and written back.
    """
    return "id" in item.extra


_WORKFLOW_KEYS = frozenset({"name", "description", "variables", "blocks", "edges"})
_BLOCK_KEYS = frozenset({"id", "type", "name", "position", "config", "enabled"})
_EDGE_KEYS = frozenset({"id", "source", "target", "sourceHandle", "targetHandle", "condition"})


def _read_blocks(data: Json) -> dict[str, Block]:
    blocks: dict[str, Block] = {}
    for index, item in enumerate(_list(data, "blocks")):
        block = block_from_api(item, f"blocks[{index}]")
        if block.id in blocks:
            own_id = _free_id(block.id, "", None, None, blocks)
            block = msgspec.structs.replace(block, id=own_id, extra={**block.extra, "id": block.id})
        blocks[block.id] = block
    return blocks


def _read_edges(data: Json) -> dict[str, Edge]:
    edges: dict[str, Edge] = {}
    for index, item in enumerate(_list(data, "edges")):
        edge = edge_from_api(item, f"edges[{index}]")
        if edge.id in edges:
            own_id = _free_id(edge.source, edge.target, edge.source_handle, edge.target_handle, edges)
            kept = {**edge.extra, "id": edge.id} if isinstance(item, dict) and item.get("id") else edge.extra
            edge = msgspec.structs.replace(edge, id=own_id, extra=kept)
        edges[edge.id] = edge
    return edges


def _free_id(
    source: str, target: str, source_handle: str | None, target_handle: str | None, taken: Mapping[str, object]
) -> str:
    """An id for one more of the same. It counts those before it and not lines, so that sorting a file keeps it."""
    nth = 1
    while (own_id := edge_id_for(source, target, source_handle, target_handle, nth)) in taken:
        nth += 1
    return own_id


def _object(value: Json, place: str) -> JsonObject:
    if not isinstance(value, dict):
        raise FileError(f"expected an object in braces, found {_kind(value)}", place)
    return value


def _list(value: Json, place: str) -> list[Json]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise FileError(f"expected a list in square brackets, found {_kind(value)}", place)
    return value


def _required_text(fields: JsonObject, key: str, place: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str) or not value:
        found = "is missing" if value is None else f"must be text that is not empty, not {_kind(value)}"
        raise FileError(f"{key!r} {found}", f"{place}.{key}" if value is not None else place)
    return value


def _known(fields: JsonObject, key: str, kind: type, default: Any, extra: JsonObject) -> Any:
    """The field's value when it has the right kind; else the default, with the stored value kept in `extra`."""
    if key not in fields:
        return default
    value = fields[key]
    if isinstance(value, kind):
        return value
    extra[key] = value
    return default


def _text(fields: JsonObject, key: str, default: str, extra: JsonObject) -> str:
    return str(_known(fields, key, str, default, extra))


def _handle(fields: JsonObject, key: str, default: str | None, extra: JsonObject) -> str | None:
    if key not in fields:
        return default
    value = fields[key]
    if value is None or isinstance(value, str):
        return value
    extra[key] = value
    return None


def _position(fields: JsonObject, extra: JsonObject) -> tuple[float, float]:
    stored = fields.get("position")
    if isinstance(stored, dict):
        x, y = stored.get("x"), stored.get("y")
        if _is_coordinate(x) and _is_coordinate(y) and len(stored) == 2:
            return float(x), float(y)  # type: ignore[arg-type]
    if "position" in fields:
        extra["position"] = stored
    if isinstance(stored, dict):
        x, y = stored.get("x"), stored.get("y")
        return (float(x) if _is_coordinate(x) else 0.0), (float(y) if _is_coordinate(y) else 0.0)  # type: ignore[arg-type]
    return 0.0, 0.0


def _is_coordinate(value: Json) -> bool:
    # By comparing alone, which is false for what is no number and cannot fail for an integer of any size.
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e9 < value < 1e9


def _kind(value: Json) -> str:
    """What a JSON value is, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    names = {str: "text", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return "empty text" if value == "" else names.get(type(value), type(value).__name__)
