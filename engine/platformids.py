"""Block ids that a platform server takes, and a workflow rewritten to have such ids.

A platform server keeps ids as UUIDs: other text it refuses, and another spelling of a UUID it changes, so that
references by id would lead nowhere.

Source: contract 2.5 and X2.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Collection

from engine.blocks import Catalog
from engine.codenames import identifier_of
from engine.document import Block, Json, JsonObject, Workflow, has_duplicate_id, new_id
from engine.references import MAPPINGS_KEY, can_be_referenced
from engine.renaming import rename_all


def unfit_ids(workflow: Workflow) -> frozenset[str]:
    """Ids of blocks that a platform server would refuse or change: all but UUIDs of their own in lower case."""
    return frozenset(
        block_id for block_id, block in workflow.blocks.items() if not _is_fit(block_id) or has_duplicate_id(block)
    )


def rewrite_ids(workflow: Workflow, catalog: Catalog, mint: Callable[[], str] = new_id) -> Workflow:
    """The workflow with ids that a platform server takes; edges, input mappings and references by id follow.

    A UUID in another spelling keeps its number, other ids get a fresh one. References say the block's name, where that
    means this block and no other, else the new id.
    """
    unfit = unfit_ids(workflow)
    if not unfit:
        return workflow
    ids = _new_ids(workflow, unfit, mint)
    words = words_for(workflow)
    pairs = [(old, words[old] or new) for old, new in ids.items() if words[old] != old]
    # Code knows a block by a variable as well, so both spellings must lead to the pair.
    renames = {word: (old, new) for old, new in pairs for word in (old, identifier_of(old)) if word}
    blocks = [_rewritten(block, ids, renames, catalog, workflow) for block in workflow.blocks.values()]
    edges = [
        edge.changed(source=ids.get(edge.source, edge.source), target=ids.get(edge.target, edge.target))
        for edge in workflow.edges.values()
    ]
    return workflow.changed(blocks={block.id: block for block in blocks}, edges={edge.id: edge for edge in edges})


def words_for(workflow: Workflow) -> dict[str, str]:
    """For each block id what a reference should say to mean that block on any server; "" where nothing can.

    The name where it can be written and belongs to this block alone, else the id where a server keeps that.
    """
    names = Counter(block.name for block in workflow.blocks.values())
    words = {}
    for block_id, block in workflow.blocks.items():
        is_own = names[block.name] == 1 and (block.name not in workflow.blocks or block.name == block_id)
        words[block_id] = block.name if is_own and can_be_referenced(block.name) else block_id * _is_fit(block_id)
    return words


def canonical_id(block_id: str) -> str:
    """The id as a platform server gives it back: a UUID in its one spelling, any other text as it is."""
    try:
        return str(uuid.UUID(block_id))
    except ValueError:
        return block_id


def _new_ids(workflow: Workflow, unfit: Collection[str], mint: Callable[[], str]) -> dict[str, str]:
    """The new id of each block that needs one, by its old one."""
    ids: dict[str, str] = {}
    taken = set(workflow.blocks)
    for block_id in workflow.blocks:
        if block_id in unfit:
            spelled = canonical_id(block_id)
            ids[block_id] = spelled if _is_fit(spelled) and spelled not in taken else mint()
            taken.add(ids[block_id])
    return ids


def _is_fit(block_id: str) -> bool:
    try:
        return str(uuid.UUID(block_id)) == block_id
    except ValueError:
        return False


def _rewritten(
    block: Block, ids: dict[str, str], renames: dict[str, tuple[str, str]], catalog: Catalog, workflow: Workflow
) -> Block:
    block_type = catalog.find(block.type)
    config = _with_sources(block.config, ids)
    config = rename_all(config, renames, block_type.raw_fields if block_type else frozenset(), workflow.variables)
    renamed = block.changed(id=ids[block.id]) if block.id in ids else block
    return renamed if config is block.config else renamed.changed(config=config)


def _with_sources(config: JsonObject, ids: dict[str, str]) -> JsonObject:
    """The config with the new ids in its input mappings, which name blocks by id where they can."""
    rows: Json = config.get(MAPPINGS_KEY)
    if not isinstance(rows, list) or not any(isinstance(row, dict) and row.get("sourceId") in ids for row in rows):
        return config
    mapped = [
        {**row, "sourceId": ids.get(row["sourceId"], row["sourceId"])}
        if isinstance(row, dict) and "sourceId" in row
        else row
        for row in rows
    ]
    return {**config, MAPPINGS_KEY: mapped}
