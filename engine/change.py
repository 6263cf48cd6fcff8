"""What differs between two workflows: the unit of repaint, undo and diff."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from engine.document import Block, Edge, Json, JsonObject, Workflow

_Item = TypeVar("_Item", Block, Edge)
_NOTHING: frozenset[str] = frozenset()


class Change(msgspec.Struct, frozen=True):
    """Ids of what differs. `blocks_changed` differ in more than their position, `blocks_moved` in their position.

    `order_changed` says that blocks or edges that stayed are drawn in another order; `meta` that name, description,
    variables or unknown fields of the workflow differ.
    """

    blocks_added: frozenset[str] = _NOTHING
    blocks_removed: frozenset[str] = _NOTHING
    blocks_moved: frozenset[str] = _NOTHING
    blocks_changed: frozenset[str] = _NOTHING
    edges_added: frozenset[str] = _NOTHING
    edges_removed: frozenset[str] = _NOTHING
    edges_changed: frozenset[str] = _NOTHING
    order_changed: bool = False
    meta: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether the two workflows are the same."""
        return self == _EMPTY


def difference(before: Workflow, after: Workflow) -> Change:
    """What one has to do to `before` to get `after`. Objects that both share cost next to nothing."""
    if before is after:
        return _EMPTY
    blocks_added, blocks_removed, touched = _compare(before.blocks, after.blocks, _block_differs)
    edges_added, edges_removed, edges_changed = _compare(before.edges, after.edges, _edge_differs)
    pairs = [(before.blocks[block_id], after.blocks[block_id]) for block_id in touched]
    return Change(
        blocks_added=blocks_added,
        blocks_removed=blocks_removed,
        blocks_moved=frozenset(new.id for old, new in pairs if _has_moved(old, new)),
        blocks_changed=frozenset(new.id for old, new in pairs if _has_other_content(old, new)),
        edges_added=edges_added,
        edges_removed=edges_removed,
        edges_changed=edges_changed,
        order_changed=_order_differs(before.blocks, after.blocks) or _order_differs(before.edges, after.edges),
        meta=_meta_differs(before, after),
    )


def same_json(left: Json, right: Json) -> bool:
    """Whether two JSON values are equal, with `1`, `1.0` and `true` held apart and the order of keys not looked at."""
    if left is right:
        return True
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same_json(item, right[key]) for key, item in left.items())
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same_json, left, right))
    return bool(left == right)


_EMPTY = Change()


def _compare(
    before: Mapping[str, _Item], after: Mapping[str, _Item], differs: Callable[[_Item, _Item], bool]
) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Ids that were added, removed, and that differ."""
    if before is after:
        return _NOTHING, _NOTHING, _NOTHING
    added, touched = [], []
    for item_id, item in after.items():
        old = before.get(item_id)
        if old is None:
            added.append(item_id)
        elif old is not item and differs(old, item):
            touched.append(item_id)
    removed = before.keys() - after.keys() if len(before) + len(added) != len(after) else _NOTHING
    return frozenset(added), frozenset(removed), frozenset(touched)


def _edge_differs(old: Edge, new: Edge) -> bool:
    return old != new or not same_json(old.extra, new.extra)


def _block_differs(old: Block, new: Block) -> bool:
    return _has_moved(old, new) or _has_other_content(old, new)


def _has_moved(old: Block, new: Block) -> bool:
    return old.x != new.x or old.y != new.y or old.extra.get("position") != new.extra.get("position")


def _has_other_content(old: Block, new: Block) -> bool:
    if (old.type, old.name, old.enabled) != (new.type, new.name, new.enabled):
        return True
    if old.config is not new.config and not same_json(old.config, new.config):
        return True
    return old.extra is not new.extra and not same_json(_without_position(old.extra), _without_position(new.extra))


def _without_position(extra: JsonObject) -> JsonObject:
    return {key: value for key, value in extra.items() if key != "position"} if "position" in extra else extra


def _order_differs(before: Mapping[str, _Item], after: Mapping[str, _Item]) -> bool:
    if before is after:
        return False
    stayed = [item_id for item_id in before if item_id in after]
    return stayed != [item_id for item_id in after if item_id in before]


def _meta_differs(before: Workflow, after: Workflow) -> bool:
    if (before.name, before.description) != (after.name, after.description):
        return True
    return not (same_json(before.variables, after.variables) and same_json(before.extra, after.extra))
