"""References that follow a block to its new name or id: in configs, code, conditions and input mappings."""

from collections.abc import Callable, Collection, Mapping

from engine.codenames import identifier_of, rename_in_code, rename_in_expression, words_in
from engine.document import Block, Edge, Json, JsonObject, Workflow, new_id
from engine.fragment import Fragment
from engine.references import MAPPINGS_KEY, can_be_referenced, find_all, input_mappings, rename_in, strings_in

CONDITION_FIELDS = frozenset({"expression", "branches", "cases"})
"""Raw fields that hold conditions (contract 3.4); every other raw field holds code."""

MAX_NAME_LENGTH = 255


def handle(workflow: Workflow, block: Block, name: str) -> str | None:
    """What references must say to mean this block, if it is called `name`: the name, else the id, else nothing can."""
    if can_be_referenced(name) and not _belongs_to_another(workflow, block, name):
        return name
    return block.id if can_be_referenced(block.id) else None


def rename_references(workflow: Workflow, old: str, new: str, raw_fields: Callable[[str], frozenset[str]]) -> Workflow:
    """The workflow with every reference to `old` made one to `new`; block names stay as they are."""
    changed = []
    for block in workflow.blocks.values():
        config, count = rename_in_config(block.config, old, new, raw_fields(block.type), workflow.variables)
        if count:
            changed.append(block.changed(config=config))
    return workflow.with_blocks(changed) if changed else workflow


def count_references(workflow: Workflow, name: str, raw_fields: Callable[[str], frozenset[str]]) -> int:
    """How many places refer to `name`."""
    blocks = workflow.blocks.values()
    return sum(rename_in_config(b.config, name, name, raw_fields(b.type), workflow.variables)[1] for b in blocks)


def rename_in_config(
    config: JsonObject, old: str, new: str, raw: frozenset[str], variables: Collection[str] = ()
) -> tuple[JsonObject, int]:
    """One config with references to `old` made references to `new`, and how many there were."""
    result: JsonObject = {}
    total = 0
    for key, value in config.items():
        if key == MAPPINGS_KEY:
            result[key], count = _rename_mappings(value, old, new)
        elif key not in raw:
            result[key], count = rename_in(value, old, new)
        elif key not in CONDITION_FIELDS:
            result[key], count = _map_texts(value, lambda text: rename_in_code(text, old, new))
        else:
            # A run variable of the same name shadows the block, so a bare name means the variable (contract 4.4).
            rename = rename_in if old in variables else rename_in_expression
            result[key], count = _map_texts(value, lambda text, rename=rename: rename(text, old, new))  # type: ignore[misc]
        total += count
    return (result, total) if total else (config, 0)


def with_new_identity(
    fragment: Fragment,
    ids: Mapping[str, str],
    taken: Collection[str],
    raw_fields: Callable[[str], frozenset[str]],
) -> Fragment:
    """The fragment with other ids, names that are free, and references among its blocks following both."""
    names = _free_names(fragment, set(taken))
    renames = _renames(fragment, ids, names)
    blocks = []
    for block in fragment.blocks:
        config = rename_all(block.config, renames, raw_fields(block.type))
        copied = block.changed(id=ids[block.id])
        copied = copied if names[block.id] == block.name else copied.changed(name=names[block.id])
        blocks.append(copied if config is block.config else copied.changed(config=config))
    return Fragment(tuple(blocks), tuple(_copied_edge(edge, ids) for edge in fragment.edges))


def free_name(wanted: str, taken: Collection[str]) -> str:
    """The wanted name, or the first of `wanted 2`, `wanted 3` ... that is free. A number at its end counts on."""
    if wanted not in taken:
        return wanted
    stem, _, tail = wanted.rpartition(" ")
    stem, number = (stem, int(tail)) if stem and tail.isdecimal() and len(tail) < 6 else (wanted, 1)
    while True:
        number += 1
        end = f" {number}"
        candidate = stem[: MAX_NAME_LENGTH - len(end)] + end
        if candidate not in taken:
            return candidate


def _belongs_to_another(workflow: Workflow, block: Block, name: str) -> bool:
    """Whether a reference by this name may mean another block. Which of two twins is meant nobody can say."""
    if name in workflow.blocks:
        return name != block.id
    return any(other.name == name for other in workflow.blocks.values() if other.id != block.id)


def _rename_mappings(value: Json, old: str, new: str) -> tuple[Json, int]:
    if not isinstance(value, list):
        return value, 0
    hits = [isinstance(row, dict) and row.get("sourceId") == old for row in value]
    if not any(hits):
        return value, 0
    return [{**row, "sourceId": new} if hit else row for row, hit in zip(value, hits, strict=True)], sum(hits)


def _map_texts(value: Json, rename: Callable[[str], tuple[Json, int]]) -> tuple[Json, int]:
    """The value with `rename` done to every text in it, and how many places that changed."""
    if isinstance(value, str):
        return rename(value)
    if isinstance(value, dict):
        renamed = {key: _map_texts(item, rename) for key, item in value.items()}
        count = sum(times for _, times in renamed.values())
        return ({key: item for key, (item, _) in renamed.items()}, count) if count else (value, 0)
    if isinstance(value, list):
        items = [_map_texts(item, rename) for item in value]
        count = sum(times for _, times in items)
        return ([item for item, _ in items], count) if count else (value, 0)
    return value, 0


def _free_names(fragment: Fragment, taken: set[str]) -> dict[str, str]:
    """A free name for each block by its id. A changed one is also none of the fragment's own names and ids, so that
    one rename never produces what the next one looks for."""
    own = {name for block in fragment.blocks for name in (block.id, block.name)}
    names = {}
    for block in fragment.blocks:
        is_free = not block.name or block.name not in taken
        names[block.id] = block.name if is_free else free_name(block.name, taken | own)
        taken.add(names[block.id])
    return names


def rename_all(
    config: JsonObject,
    renames: Mapping[str, tuple[str, str]],
    raw: frozenset[str],
    variables: Collection[str] = (),
) -> JsonObject:
    """The config after all renames that can concern it, the config itself when none does.

    `renames` has the old and new word under each word by which a config may mention the old one.
    """
    for old, new in sorted({renames[mention] for mention in _mentions(config, raw) & renames.keys()}):
        config, _ = rename_in_config(config, old, new, raw, variables)
    return config


def _mentions(config: JsonObject, raw: frozenset[str]) -> set[str]:
    """Everything in a config that may be the name or id of a block."""
    found = {item.name for item in find_all(config) if item.kind == "block"}
    found |= {mapping.source for mapping in input_mappings(config)}
    for key in raw & config.keys():
        for text in strings_in(config[key]):
            found |= words_in(text)
    return found


def _renames(fragment: Fragment, ids: Mapping[str, str], names: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Old and new word for a block, under each word a config may use for it. An id that is also a name is a name."""
    pairs = [(block.id, ids[block.id]) for block in fragment.blocks]
    pairs += [(block.name, names[block.id]) for block in reversed(fragment.blocks) if block.name]
    by_old = dict(pairs)
    changed = [(old, new) for old, new in by_old.items() if old != new]
    return {word: pair for pair in changed for word in (pair[0], identifier_of(pair[0])) if word}


def _copied_edge(edge: Edge, ids: Mapping[str, str]) -> Edge:
    return edge.changed(id=new_id(), source=ids[edge.source], target=ids[edge.target])
