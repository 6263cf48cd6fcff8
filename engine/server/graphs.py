"""A graph as it is sent: checked in the contract's order, defaults filled in, everything else kept word for word.

Source: contract section 2.5.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from engine.blocks import Catalog
from engine.document import DEFAULT_SOURCE_HANDLE, DEFAULT_TARGET_HANDLE, Json, JsonObject, edge_id_for
from engine.server.errors import invalid
from engine.store.workflows import Graph

MAX_ID = MAX_NAME = MAX_CONDITION = 255
MAX_TYPE = MAX_HANDLE = 50
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_IN_ORDER = msgspec.json.Encoder(order="deterministic")
_AS_GIVEN = msgspec.json.Encoder()


def graph_of(blocks: list[Json], edges: list[Json], catalog: Catalog) -> tuple[Graph, int, int]:
    """The graph to store, and how many blocks and edges it has.

    Raises:
        engine.server.errors.ApiError: 400, for the first thing that is wrong.
    """
    _check_presence(blocks, ("id", "type"), "Each block must have 'id' and 'type'")
    _check_presence(edges, ("source", "target"), "Each edge must have 'source' and 'target'")
    for block in blocks:
        if not isinstance(block["type"], str) or block["type"] not in catalog:
            raise invalid(f"Unknown block type: {block['type']}"[:MAX_NAME])
    known = {block_id for block in blocks if isinstance(block_id := _stored_id(block["id"]), str)}
    for edge in edges:
        if not all(isinstance(end, str) and _stored_id(end) in known for end in (edge["source"], edge["target"])):
            raise invalid("Edge references a block not in this graph")
    own_blocks = [_block(block) for block in blocks]
    _check_unique([block["id"] for block in own_blocks], "block")
    own_edges = _with_ids([_edge(edge) for edge in edges])
    return _as_graph(own_blocks, own_edges, catalog), len(own_blocks), len(own_edges)


def empty_graph() -> Graph:
    """The graph of a workflow that has none yet."""
    return Graph(_revision([], []), "[]", "[]")


def _as_graph(blocks: list[JsonObject], edges: list[JsonObject], catalog: Catalog) -> Graph:
    webhook_ids = sorted(set(_webhook_ids(blocks, catalog)))
    texts = (_AS_GIVEN.encode(blocks).decode(), _AS_GIVEN.encode(edges).decode())
    return Graph(_revision(blocks, edges), *texts, webhook_ids)


def _revision(blocks: list[JsonObject], edges: list[JsonObject]) -> str:
    """A hash of the content: the order of keys makes no difference, anything else does."""
    return hashlib.sha256(_IN_ORDER.encode([blocks, edges])).hexdigest()


def _webhook_ids(blocks: list[JsonObject], catalog: Catalog) -> Iterator[str]:
    for block in blocks:
        block_type, config = catalog.find(block["type"]), block["config"]
        webhook_id = config.get("webhook_id") if isinstance(config, dict) else None
        is_webhook = block_type is not None and block_type.trigger == "webhook"
        # A longer text cannot be anybody's address: what is in the URL has to be a UUID.
        if is_webhook and isinstance(webhook_id, str) and 0 < len(webhook_id) <= MAX_ID:
            yield webhook_id


def _check_presence(items: list[Json], keys: tuple[str, str], text: str) -> None:
    for item in items:
        if not isinstance(item, dict) or not all(item.get(key) for key in keys):
            raise invalid(text)


def _check_unique(ids: list[str], what: str) -> None:
    seen: set[str] = set()
    for item_id in ids:
        if item_id in seen:
            raise invalid(f"The {what} id {item_id!r} is there twice; every {what} needs one of its own.")
        seen.add(item_id)


def _block(given: JsonObject) -> JsonObject:
    block_id = _stored_id(given["id"])
    where = f"Block {block_id!r}" if isinstance(block_id, str) else "A block"
    _check_text(block_id, f"{where}: id", MAX_ID)
    _check_text(given["type"], f"{where}: type", MAX_TYPE)
    return {
        **given,
        "id": block_id,
        "type": given["type"],
        "name": _text_or(given.get("name"), "", f"{where}: name", MAX_NAME),
        "position": _position(given.get("position"), where),
        "config": _of_kind(given.get("config", {}), dict, f"{where}: config must be an object or null"),
        "enabled": _of_kind(given.get("enabled", True), bool, f"{where}: enabled must be true, false or null"),
    }


def _edge(given: JsonObject) -> JsonObject:
    source, target = _stored_id(given["source"]), _stored_id(given["target"])
    where = f"Edge {source!r} to {target!r}"
    return {
        **given,
        "id": _stored_id(_text_or(given.get("id"), "", f"{where}: id", MAX_ID)),
        "source": source,
        "target": target,
        "sourceHandle": _handle(given, "sourceHandle", DEFAULT_SOURCE_HANDLE, where, MAX_HANDLE),
        "targetHandle": _handle(given, "targetHandle", DEFAULT_TARGET_HANDLE, where, MAX_HANDLE),
        "condition": _handle(given, "condition", None, where, MAX_CONDITION),
    }


def _with_ids(edges: list[JsonObject]) -> list[JsonObject]:
    """The edges, each with an id. One that came without gets the same whenever the same graph is saved."""
    taken = {edge["id"] for edge in edges if edge["id"]}
    _check_unique([edge["id"] for edge in edges if edge["id"]], "edge")
    for edge in edges:
        if not edge["id"]:
            edge["id"] = _free_id(edge, taken.__contains__)
            taken.add(edge["id"])
    return edges


def _free_id(edge: JsonObject, is_taken: Callable[[str], bool]) -> str:
    nth = 0
    ends = edge["source"], edge["target"], edge["sourceHandle"], edge["targetHandle"]
    while is_taken(edge_id := edge_id_for(*ends, nth)):
        nth += 1
    return edge_id


def _stored_id(value: Json) -> Any:
    """An id as it is stored: a UUID in lower case, anything else as it came (contract 2.5)."""
    return value.lower() if isinstance(value, str) and _UUID.fullmatch(value) else value


def _position(value: Json, where: str) -> JsonObject:
    given = _of_kind({} if value is None else value, dict, f"{where}: position must be an object with x and y")
    position = {"x": 0, "y": 0, **given}
    for axis in ("x", "y"):
        if isinstance(position[axis], bool) or not isinstance(position[axis], int | float):
            raise invalid(f"{where}: position.{axis} must be a number")
    return position


def _handle(given: JsonObject, key: str, default: str | None, where: str, longest: int) -> str | None:
    value = given.get(key, default)
    if value is not None:
        _check_text(value, f"{where}: {key}", longest)
    return value


def _text_or(value: Json, default: str, what: str, longest: int) -> str:
    if value is None:
        return default
    _check_text(value, what, longest)
    return value  # type: ignore[no-any-return]


def _check_text(value: Json, what: str, longest: int) -> None:
    if not isinstance(value, str):
        raise invalid(f"{what} must be text")
    if len(value) > longest:
        raise invalid(f"{what} has {len(value)} characters; at most {longest} can be stored")


def _of_kind(value: Json, kind: type, text: str) -> Any:
    if value is not None and not isinstance(value, kind):
        raise invalid(text)
    return value
