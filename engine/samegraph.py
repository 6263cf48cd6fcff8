"""Whether two graphs are the same, when one of them has been on a platform server and come back.

Such a server changes nothing that means anything, and a good deal that does not: positions become single-precision
numbers, ids get the one spelling of a UUID, edges get new ids, keys another order, and fields it does not know are
gone. Without this a look at what was just saved would show changes that nobody made.

Source: contract 2.1, 2.4, 2.5.
"""

import hashlib
import json
import struct
from collections.abc import Collection
from typing import TypeVar

import msgspec

from engine.change import same_json
from engine.document import Block, Edge, Json, JsonObject, Workflow, block_to_api, edge_to_api, json_number
from engine.edgeidentity import with_edge_ids_of
from engine.platformids import canonical_id

_Item = TypeVar("_Item", Block, Edge, Workflow)


def from_platform(fresh: Workflow, base: Workflow) -> Workflow:
    """What a platform server has, in the words of `base`: what was sent to it, or last read from it.

    The result differs from `base` only where somebody changed something, so it can be merged and compared. Fields that
    such a server does not keep are those of `base`. (A server that keeps them needs none of this.)
    """
    spelled = {canonical_id(block_id): block_id for block_id in base.blocks}
    read = {spelled.get(block.id, block.id): block for block in fresh.blocks.values()}
    blocks = {
        block_id: _block(block_id, read[block_id], base.blocks.get(block_id)) for block_id in _order(base.blocks, read)
    }
    ends = [
        edge.changed(source=spelled.get(edge.source, edge.source), target=spelled.get(edge.target, edge.target))
        for edge in fresh.edges.values()
    ]
    named = with_edge_ids_of(base, fresh.changed(blocks=blocks, edges={edge.id: edge for edge in ends})).edges
    edges = {edge_id: _with_kept(named[edge_id], base.edges.get(edge_id)) for edge_id in _order(base.edges, named)}
    told = fresh.changed(blocks=blocks, edges=edges, variables=_respelled(fresh.variables, base.variables))
    return _with_kept(told, base)


def same_graph(one: Workflow, other: Workflow) -> bool:
    """Whether a platform server could not tell these graphs apart; names and variables are not looked at."""
    return content_hash(one) == content_hash(other)


def content_hash(workflow: Workflow) -> str:
    """A digest of blocks and edges that is the same before and after a stay on a platform server, in hexadecimal.

    Fields that such a server does not know count: give it what `from_platform` made of the server's reply.
    """
    blocks = sorted((_plain_block(block) for block in workflow.blocks.values()), key=lambda item: str(item["id"]))
    edges = sorted(_text(_plain_edge(edge)) for edge in workflow.edges.values())
    return hashlib.sha256(_text([blocks, edges]).encode()).hexdigest()


_FIELDS: dict[str, tuple[str, ...]] = {
    "name": ("name",),
    "description": ("description",),
    "variables": ("variables",),
    "config": ("config",),
    "enabled": ("enabled",),
    "position": ("x", "y"),
    "sourceHandle": ("source_handle",),
    "targetHandle": ("target_handle",),
    "condition": ("condition",),
}


def _order(base: Collection[str], fresh: Collection[str]) -> list[str]:
    """The ids in `fresh`, known ones as `base` has them: a platform server lists them in no certain order."""
    return [*(item_id for item_id in base if item_id in fresh), *(item_id for item_id in fresh if item_id not in base)]


def _block(block_id: str, fresh: Block, base: Block | None) -> Block:
    named = fresh if fresh.id == block_id else fresh.changed(id=block_id)
    if base is None:
        return named
    if (_single(named.x), _single(named.y)) == (_single(base.x), _single(base.y)):
        named = named.changed(x=base.x, y=base.y)
    config = _respelled(named.config, base.config)
    return _with_kept(named if config is named.config else named.changed(config=config), base)


def _with_kept(item: _Item, base: _Item | None) -> _Item:
    """The item with what the server does not keep: unknown fields, and odd values of fields that mean the same."""
    if base is None:
        return item
    kept = {
        key: value
        for key, value in base.extra.items()
        if key not in item.extra and key != "id" and _means_the_same(item, base, key)
    }
    return msgspec.structs.replace(item, extra={**item.extra, **kept}) if kept else item


def _means_the_same(item: _Item, base: _Item, key: str) -> bool:
    return all(getattr(item, name) == getattr(base, name) for name in _FIELDS.get(key, ()))


def _respelled(fresh: Json, base: Json) -> Json:
    """The value with numbers as `base` writes them; `base` itself where nothing else differs."""
    if same_json(fresh, base):
        return base
    if isinstance(fresh, dict) and isinstance(base, dict):
        spelled = {key: _respelled(value, base.get(key)) for key, value in fresh.items()}
        return base if same_json(spelled, base) else spelled
    if isinstance(fresh, list) and isinstance(base, list) and len(fresh) == len(base):
        return [_respelled(*pair) for pair in zip(fresh, base, strict=True)]
    if type(fresh) in (int, float) and type(base) in (int, float) and fresh == base:
        return base
    return fresh


def _plain_block(block: Block) -> JsonObject:
    fields = block_to_api(block)
    fields["id"] = canonical_id(fields["id"])
    if "position" not in block.extra:
        fields["position"] = [_single(block.x), _single(block.y)]
    plain: JsonObject = _plain(fields)
    return plain


def _plain_edge(edge: Edge) -> Json:
    fields = edge_to_api(edge)
    ends = {end: canonical_id(fields[end]) for end in ("source", "target")}
    return _plain({key: value for key, value in fields.items() if key != "id"} | ends)


def _plain(value: Json) -> Json:
    """The value with whole numbers as integers, however they were written."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _single(value: float) -> float:
    """A coordinate as a single-precision number, from its spelling in the API."""
    single: float = struct.unpack("f", struct.pack("f", json_number(value)))[0]
    return single


def _text(value: Json) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
