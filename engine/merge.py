"""Three-way merge of workflows: two versions that grew out of one become one, and nothing vanishes unseen.

Blocks are merged field by field and their configs key by key; an edge is one value. What only one side changed is in
the result. What both changed to different ends is a conflict: for the time being the result has mine, and a block or
edge that one side deleted and the other changed stays, until `resolve` is told otherwise.

The order of blocks and edges is no matter of conflict: it follows the side that changed it, mine where both did.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeVar

import msgspec

from engine.change import difference, same_json
from engine.document import (
    Block,
    Edge,
    Json,
    JsonObject,
    Workflow,
    block_from_api,
    block_to_api,
    edge_to_api,
    workflow_from_api,
    workflow_to_api,
)
from engine.edgeidentity import with_edge_ids_of
from engine.errors import EditError
from engine.mergewords import Words
from engine.threeway import ABSENT as ABSENT
from engine.threeway import Findings, Path, Side, merge_values

Kind = Literal["workflow", "block", "edge"]
POSITION: Final[Path] = ("position",)
"""The path of a block's place, which is one value: half of a move helps nobody."""

_Item = TypeVar("_Item", Block, Edge)


class Place(NamedTuple):
    """What a difference is about: `path` are the keys within the API's object, `()` for all of a block or edge."""

    kind: Kind
    item_id: str = ""
    path: Path = ()


@dataclass(frozen=True)
class Conflict:
    """Both sides changed the same to different ends. The values are JSON as the API has it, or `ABSENT`.

    `text` says it in a sentence without the values: they may be long, or secret.
    """

    place: Place
    base: Json
    mine: Json
    theirs: Json
    text: str


@dataclass(frozen=True)
class Takeover:
    """A change of the other side that is in the result. The values are JSON as the API has it, or `ABSENT`."""

    place: Place
    before: Json
    after: Json
    text: str


@dataclass(frozen=True)
class Merge:
    """What became of two versions. `base`, `mine` and `theirs` are what was merged; a merge is resolved from them."""

    workflow: Workflow
    conflicts: tuple[Conflict, ...]
    from_theirs: tuple[Takeover, ...]
    base: Workflow
    mine: Workflow
    theirs: Workflow


def merge(base: Workflow, mine: Workflow, theirs: Workflow) -> Merge:
    """Both versions in one. Edges are the same when they have the same id, or else when they connect the same."""
    return _Merger(base, mine, theirs, {}).merged()


def resolve(merged: Merge, choices: Mapping[Place, Side]) -> Workflow:
    """The merged workflow with these conflicts decided; the others stay as they are.

    A block that goes takes its edges with it.

    Raises:
        EditError: there is no conflict at one of these places.
    """
    for place in choices.keys() - {conflict.place for conflict in merged.conflicts}:
        raise EditError(f"There is nothing to decide at {place.kind} {place.item_id!r} {'.'.join(place.path)}.")
    return _Merger(merged.base, merged.mine, merged.theirs, choices).merged().workflow


class _Merger:
    """One merge on its way. `_rescued` are blocks that one side deleted and that stay all the same."""

    def __init__(self, base: Workflow, mine: Workflow, theirs: Workflow, choices: Mapping[Place, Side]) -> None:
        self._base = base
        self._mine = with_edge_ids_of(base, mine)
        self._theirs = with_edge_ids_of(self._mine, with_edge_ids_of(base, theirs))
        self._joined = _newly_joined(base, self._mine), _newly_joined(base, self._theirs)
        self._choices = choices
        self._words = Words(self._base, self._theirs, self._mine)
        self._conflicts: list[Conflict] = []
        self._takeovers: list[Takeover] = []
        self._rescued: set[str] = set()

    def merged(self) -> Merge:
        fields = self._merge_fields(Place("workflow"), *map(_workflow_fields, self._versions))
        blocks = self._merge_blocks()
        edges = self._merge_edges(blocks)
        workflow = workflow_from_api(fields)
        workflow = msgspec.structs.replace(workflow, blocks=blocks, edges=edges)
        if difference(self._mine, workflow).is_empty:
            workflow = self._mine  # so that "is it saved?" stays a question of identity
        return Merge(workflow, tuple(self._conflicts), tuple(self._takeovers), *self._versions)

    @property
    def _versions(self) -> tuple[Workflow, Workflow, Workflow]:
        return self._base, self._mine, self._theirs

    def _merge_blocks(self) -> dict[str, Block]:
        base, mine, theirs = (version.blocks for version in self._versions)
        kept = {}
        for block_id in _in_order(base, mine, theirs):
            place = Place("block", block_id)
            block = self._merge_block(place, base.get(block_id), mine.get(block_id), theirs.get(block_id))
            if block is not None:
                kept[block_id] = block
        return kept

    def _merge_block(self, place: Place, base: Block | None, mine: Block | None, theirs: Block | None) -> Block | None:
        """The block, None when it goes. Who connects a block that the other side deletes has changed it."""
        if mine and theirs:
            return self._merge_both(place, base, mine, theirs)
        if base is None:
            return mine or self._take_over(place, base, theirs)
        kept, newly_joined = (mine, self._joined[0]) if mine else (theirs, self._joined[1])
        if kept is None:
            return None
        if kept.id not in newly_joined and _is_same(base, kept):
            return None if theirs else self._take_over(place, base, theirs)
        self._clash(place, *map(_whole, (base, mine, theirs)))
        deleting: Side = "theirs" if mine else "mine"
        if self._choices.get(place) == deleting:
            return None
        self._rescued.add(place.item_id)
        return kept

    def _merge_both(self, place: Place, base: Block | None, mine: Block, theirs: Block) -> Block:
        if _is_same(mine, theirs) or (base and _is_same(base, theirs)):
            return mine
        versions = (ABSENT if block is None else _block_fields(block) for block in (base, mine, theirs))
        fields = self._merge_fields(place, *versions)
        return _block_of(place.item_id, fields)

    def _merge_fields(self, place: Place, base: Json, mine: Json, theirs: Json) -> JsonObject:
        """The fields of one thing after the merge, with what was found on the way told."""
        found = Findings()
        choices = {chosen.path: side for chosen, side in self._choices.items() if chosen[:2] == place[:2]}
        merged: JsonObject = merge_values(base, mine, theirs, found, choices=choices, units=(POSITION,))
        for clash in found.clashes:
            self._clash(place._replace(path=clash.path), clash.base, clash.mine, clash.theirs)
        for gain in found.gains:
            self._tell_takeover(place._replace(path=gain.path), gain.before, gain.after)
        return merged

    def _merge_edges(self, blocks: Mapping[str, Block]) -> dict[str, Edge]:
        base, mine, theirs = (version.edges for version in self._versions)
        kept = {}
        for edge_id in _in_order(base, mine, theirs):
            edge = self._merge_edge(edge_id, base.get(edge_id), mine.get(edge_id), theirs.get(edge_id), blocks)
            if edge is not None and not self._lost_ends(edge, blocks):
                kept[edge_id] = edge
        return kept

    def _merge_edge(
        self, edge_id: str, base: Edge | None, mine: Edge | None, theirs: Edge | None, blocks: Mapping[str, Block]
    ) -> Edge | None:
        place = Place("edge", edge_id)
        if _is_same(mine, theirs):
            return mine
        if _is_same(base, theirs):
            return mine or self._rescued_edge(theirs, self._mine)
        if _is_same(base, mine):
            return self._edge_of_theirs(place, mine, theirs, blocks)
        self._clash(place, *map(_whole, (base, mine, theirs)))
        if place in self._choices:
            return mine if self._choices[place] == "mine" else theirs
        return mine or theirs

    def _edge_of_theirs(
        self, place: Place, mine: Edge | None, theirs: Edge | None, blocks: Mapping[str, Block]
    ) -> Edge | None:
        """What became of an edge that only they changed. One that went with its block is told with the block."""
        if theirs is None and mine is not None:
            rescued = self._rescued_edge(mine, self._theirs)
            if rescued or self._lost_ends(mine, blocks):
                return rescued
        return self._take_over(place, mine, theirs)

    def _rescued_edge(self, edge: Edge | None, deleter: Workflow) -> Edge | None:
        """The edge, when it went only because a block went that stays now."""
        if edge is None:
            return None
        is_rescued = any(end in self._rescued and end not in deleter.blocks for end in (edge.source, edge.target))
        return edge if is_rescued else None

    def _lost_ends(self, edge: Edge, blocks: Mapping[str, Block]) -> bool:
        """Whether an end of the edge went. An edge that had no such end in a version is that version's own affair."""
        gone = [end for end in (edge.source, edge.target) if end not in blocks]
        if not gone:
            return False
        owners = [version for version in (self._mine, self._theirs) if _is_same(version.edges.get(edge.id), edge)]
        return any(all(end in version.blocks for version in owners) for end in gone)

    def _take_over(self, place: Place, before: _Item | None, after: _Item | None) -> _Item | None:
        self._tell_takeover(place, _whole(before), _whole(after))
        return after

    def _tell_takeover(self, place: Place, before: Json, after: Json) -> None:
        text = self._words.takeover(*place, before is ABSENT, after is ABSENT)
        self._takeovers.append(Takeover(place, before, after, text))

    def _clash(self, place: Place, base: Json, mine: Json, theirs: Json) -> None:
        text = self._words.conflict(*place, mine is ABSENT, theirs is ABSENT)
        self._conflicts.append(Conflict(place, base, mine, theirs, text))


def _workflow_fields(workflow: Workflow) -> JsonObject:
    fields = workflow_to_api(msgspec.structs.replace(workflow, blocks={}, edges={}))
    return {key: value for key, value in fields.items() if key not in ("blocks", "edges")}


def _block_fields(block: Block) -> JsonObject:
    """The block as the API has it, but with its place to the last digit, and with no id unless it shares that."""
    fields = block_to_api(block)
    if "position" not in block.extra:
        fields["position"] = {"x": float(block.x), "y": float(block.y)}
    if "id" not in block.extra:
        del fields["id"]
    return fields


def _block_of(block_id: str, fields: JsonObject) -> Block:
    block = block_from_api({"id": block_id, **fields})
    if block.id == block_id:
        return block
    return msgspec.structs.replace(block, id=block_id, extra={**block.extra, "id": block.id})


def _whole(item: Block | Edge | None) -> Json:
    if item is None:
        return ABSENT
    return block_to_api(item) if isinstance(item, Block) else edge_to_api(item)


def _is_same(one: Block | Edge | None, other: Block | Edge | None) -> bool:
    if one is other:
        return True
    if one is None or other is None or one != other:
        return False
    if not same_json(one.extra, other.extra):
        return False
    return not isinstance(one, Block) or not isinstance(other, Block) or same_json(one.config, other.config)


def _newly_joined(base: Workflow, version: Workflow) -> set[str]:
    """Ids of blocks at an edge that this version added or changed."""
    changed = (edge for edge_id, edge in version.edges.items() if not _is_same(base.edges.get(edge_id), edge))
    return {end for edge in changed for end in (edge.source, edge.target)}


def _in_order(base: Iterable[str], mine: Iterable[str], theirs: Iterable[str]) -> Iterator[str]:
    """All ids, in the order of the side that changed it; what only the other side has comes last, on top."""
    old, my, their = list(base), list(mine), list(theirs)
    theirs_leads = my == old or (their != old and not _is_rearranged(old, my))
    first, second = (their, my) if theirs_leads else (my, their)
    return iter(dict.fromkeys([*first, *second]))


def _is_rearranged(old: list[str], new: list[str]) -> bool:
    before, now = set(old), set(new)
    return [item for item in old if item in now] != [item for item in new if item in before]
