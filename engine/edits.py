"""Pure edits: each function takes a Workflow and returns another one.

Nothing here knows about block types, Qt, undo or the network. What an edit does not touch is shared with the workflow
it came from, and an edit that changes nothing returns that workflow itself. Ids that are not in the workflow raise
`UnknownBlock` or `UnknownEdge`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from engine import renaming
from engine.change import same_json
from engine.document import Block, Edge, Json, JsonObject, Workflow, new_id
from engine.errors import EditError
from engine.fragment import Fragment as Fragment
from engine.fragment import copy_fragment as copy_fragment
from engine.fragment import fragment_from_json as fragment_from_json
from engine.fragment import fragment_to_json as fragment_to_json
from engine.references import MAPPINGS_KEY

ABSENT: Final[Any] = object()
"""Stands for "no such key" where a config value is given."""

RawFields = Callable[[str], frozenset[str]]
"""The config keys of a block type that hold source text; an unknown type has none."""


def add_blocks(workflow: Workflow, blocks: Iterable[Block], edges: Iterable[Edge] = ()) -> Workflow:
    """The workflow with these blocks on top and these edges added; an id that is taken is an `EditError`."""
    new_blocks, new_edges = list(blocks), list(edges)
    _refuse_taken("block", [block.id for block in new_blocks], workflow.blocks)
    _refuse_taken("edge", [edge.id for edge in new_edges], workflow.edges)
    grown = workflow.with_blocks(new_blocks) if new_blocks else workflow
    for edge in new_edges:
        _require_ends(grown, edge)
    return grown.with_edges(new_edges) if new_edges else grown


def remove(workflow: Workflow, block_ids: Collection[str], edge_ids: Collection[str] = ()) -> Workflow:
    """The workflow without these blocks and edges, their other edges, and input mappings that came by them."""
    gone = {workflow.block(block_id).id for block_id in block_ids}
    cut = {workflow.edge(edge_id).id for edge_id in edge_ids}
    if not gone and not cut:
        return workflow
    edges = {
        edge.id: edge
        for edge in workflow.edges.values()
        if not (edge.id in cut or edge.source in gone or edge.target in gone)
    }
    blocks = {block_id: block for block_id, block in workflow.blocks.items() if block_id not in gone}
    blocks |= {block.id: block for block in _unmapped(workflow, blocks, edges)}
    return workflow.changed(blocks=blocks, edges=edges)


def move_blocks(workflow: Workflow, block_ids: Collection[str], dx: float, dy: float) -> Workflow:
    """The workflow with these blocks shifted by (dx, dy) scene units."""
    places = {}
    for block_id in block_ids:
        block = workflow.block(block_id)
        places[block_id] = (block.x + dx, block.y + dy)
    return place_blocks(workflow, places)


def place_blocks(workflow: Workflow, places: Mapping[str, tuple[float, float]]) -> Workflow:
    """The workflow with the top left corners of these blocks at these scene positions."""
    moved = []
    for block_id, (x, y) in places.items():
        block = workflow.block(block_id)
        if (block.x, block.y) != (x, y):
            moved.append(block.changed(x=float(x), y=float(y)))
    return workflow.with_blocks(moved) if moved else workflow


def add_edge(workflow: Workflow, edge: Edge) -> Workflow:
    """The workflow with one more edge; both ends must exist and the id must be free."""
    return add_blocks(workflow, (), (edge,))


def replace_edge(workflow: Workflow, edge_id: str, edge: Edge) -> Workflow:
    """The workflow with another edge in the place of this one; its id may differ."""
    if workflow.edge(edge_id) == edge:
        return workflow
    _require_ends(workflow, edge)
    if edge.id != edge_id:
        _refuse_taken("edge", [edge.id], workflow.edges)
    edges = [edge if old.id == edge_id else old for old in workflow.edges.values()]
    return workflow.changed(edges={item.id: item for item in edges})


def configure(workflow: Workflow, block_id: str, key: str, value: Json) -> Workflow:
    """The workflow with one config value of a block set; `ABSENT` takes the key away."""
    block = workflow.block(block_id)
    if value is ABSENT:
        return set_config(workflow, block_id, {name: item for name, item in block.config.items() if name != key})
    if key in block.config and same_json(block.config[key], value):
        return workflow
    return set_config(workflow, block_id, {**block.config, key: value})


def set_config(workflow: Workflow, block_id: str, config: JsonObject) -> Workflow:
    """The workflow with the whole config of a block replaced."""
    block = workflow.block(block_id)
    if same_json(block.config, config):
        return workflow
    return workflow.with_blocks([block.changed(config=config)])


def set_enabled(workflow: Workflow, block_ids: Collection[str], enabled: bool) -> Workflow:
    """The workflow with these blocks switched on or off."""
    blocks = [workflow.block(block_id) for block_id in block_ids]
    changed = [block.changed(enabled=enabled) for block in blocks if block.enabled is not enabled]
    return workflow.with_blocks(changed) if changed else workflow


def rename_block(workflow: Workflow, block_id: str, name: str, raw_fields: RawFields) -> Workflow:
    """The workflow with a block renamed, and every reference to it in configs, code, conditions and mappings with it.

    References follow under the name that is certain to mean this block: the new one, or the block's id where the new
    one is empty, taken, or holds a character that references cannot have.
    """
    block = workflow.block(block_id)
    if block.name == name:
        return workflow
    old, new = renaming.handle(workflow, block, block.name), renaming.handle(workflow, block, name)
    renamed = workflow.with_blocks([block.changed(name=name)])
    return renaming.rename_references(renamed, old, new, raw_fields) if old and new and old != new else renamed


def count_references(workflow: Workflow, name: str, raw_fields: RawFields) -> int:
    """How many places of the workflow refer to a block by this name or id: what a rename would rewrite."""
    return renaming.count_references(workflow, name, raw_fields)


def set_name(workflow: Workflow, name: str) -> Workflow:
    """The workflow under another name."""
    return workflow if workflow.name == name else workflow.changed(name=name)


def set_description(workflow: Workflow, description: str) -> Workflow:
    """The workflow with another description."""
    return workflow if workflow.description == description else workflow.changed(description=description)


def set_variables(workflow: Workflow, variables: JsonObject) -> Workflow:
    """The workflow with other variables: defaults for every run."""
    return workflow if same_json(workflow.variables, variables) else workflow.changed(variables=variables)


def bring_to_front(workflow: Workflow, block_ids: Collection[str]) -> Workflow:
    """The workflow with these blocks drawn above all others, their own order kept."""
    wanted = {workflow.block(block_id).id for block_id in block_ids}
    order = [item for item in workflow.blocks if item not in wanted] + [
        item for item in workflow.blocks if item in wanted
    ]
    if order == list(workflow.blocks):
        return workflow
    return workflow.changed(blocks={item: workflow.blocks[item] for item in order})


def paste(
    workflow: Workflow,
    fragment: Fragment,
    dx: float,
    dy: float,
    *,
    ids: Mapping[str, str],
    remint: Callable[[Block], Block],
    raw_fields: RawFields,
) -> Workflow:
    """The workflow with a fragment's blocks on top, shifted by (dx, dy): new ids, free names, references following.

    `ids` gives the new id of each block by its old one; a block it leaves out gets a fresh one. `remint` renews what
    must be unique in the world, such as webhook ids.
    """
    if not fragment.blocks:
        return workflow
    new_ids = {block.id: ids.get(block.id) or new_id() for block in fragment.blocks}
    copied = renaming.with_new_identity(fragment, new_ids, _names_in(workflow), raw_fields)
    blocks = [remint(block.changed(x=block.x + dx, y=block.y + dy)) for block in copied.blocks]
    return add_blocks(workflow, blocks, copied.edges)


def _names_in(workflow: Workflow) -> set[str]:
    return {name for block in workflow.blocks.values() for name in (block.id, block.name)}


def _refuse_taken(kind: str, new_ids: list[str], taken: Mapping[str, object]) -> None:
    seen: set[str] = set()
    for item_id in new_ids:
        if item_id in taken or item_id in seen:
            raise EditError(f"There is already one {kind} with the id {item_id!r}; a new one needs an id of its own.")
        seen.add(item_id)


def _require_ends(workflow: Workflow, edge: Edge) -> None:
    workflow.block(edge.source)
    workflow.block(edge.target)


def _unmapped(workflow: Workflow, blocks: Mapping[str, Block], edges: Mapping[str, Edge]) -> Iterator[Block]:
    """Blocks that stay, without the input mappings whose source or whose edge does not."""
    kept_names = {name for block in blocks.values() for name in (block.id, block.name)}
    gone = {name for block in workflow.blocks.values() for name in (block.id, block.name)} - kept_names
    still_joined = {(edge.source, edge.target) for edge in edges.values()}
    parted: dict[str, set[str]] = {}
    for edge in workflow.edges.values():
        if edge.source in blocks and (edge.source, edge.target) not in still_joined:
            parted.setdefault(edge.target, set()).update((edge.source, blocks[edge.source].name))
    for block in blocks.values():
        if MAPPINGS_KEY in block.config:
            yield _without_mappings(block, gone | parted.get(block.id, set()))


def _without_mappings(block: Block, sources: Collection[str]) -> Block:
    """The block without the input mappings from these sources; the key goes with the last of them."""
    rows = block.config.get(MAPPINGS_KEY)
    if not isinstance(rows, list):
        return block
    kept = [row for row in rows if not (isinstance(row, dict) and _is_one_of(row.get("sourceId"), sources))]
    if len(kept) == len(rows):
        return block
    config = {key: value for key, value in block.config.items() if key != MAPPINGS_KEY}
    return block.changed(config={**config, MAPPINGS_KEY: kept} if kept else config)


def _is_one_of(value: Json, names: Collection[str]) -> bool:
    return isinstance(value, str) and value in names
