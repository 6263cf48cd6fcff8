"""A workflow compiled to numbered steps, so that running it is arithmetic.

A step's number is its place in the topological order of contract 5.1, so "earlier" is `<`. What may run next, and what
must not, is decided by `progress.py` for each run anew.

Blocks may run at the same time, and yet see what they would see one after another (contract 5.6): a step knows the
results of earlier steps only, a name means the first of its owners in the order, and a reference to a block that is not
upstream makes the step wait for it without counting as an edge.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from inspect import iscoroutinefunction

from engine.blocks import Catalog
from engine.blocks._fields import declared_variables
from engine.blocks._spec import BlockContext, BlockType, Outcome, RunFunction
from engine.document import (
    DEFAULT_SOURCE_HANDLE,
    DEFAULT_TARGET_HANDLE,
    Block,
    Edge,
    Json,
    JsonObject,
    Workflow,
)
from engine.errors import BlockError, CycleError
from engine.references import MAPPINGS_KEY, Template, find_all, input_mappings

FINAL_TYPE = "response"
POLICY_KEYS = frozenset({"timeout", "retry"})
LEGACY_ROUTES = {"true": "if", "false": "else"}
_DEFAULT_HANDLES = (DEFAULT_SOURCE_HANDLE, DEFAULT_TARGET_HANDLE)
_WORDS = re.compile(r"[^\W\d]\w*")
_QUOTED = re.compile(r"'([^'\n]*)'|\"([^\"\n]*)\"")


@dataclass(slots=True, eq=False)
class Step:
    """One block of a plan. Filled while the plan is compiled, never changed afterwards.

    `followers` are (step, condition) per outgoing edge, `waiters` the steps that wait for this one without an edge;
    `feeders` are (step, condition) per incoming edge, `sources` the steps among them in order. `meanings` maps each
    name that this block mentions to the earlier steps it can mean, the one with that id first. `template` is None for a
    config without references. An `inline` step cannot wait and needs no task.
    """

    index: int
    block: Block
    block_type: BlockType | None
    run: RunFunction
    inline: bool = False
    template: Template | None = None
    config: JsonObject = field(default_factory=dict)
    has_mappings: bool = False
    secret_keys: tuple[str, ...] = ()
    followers: list[tuple[int, str | None]] = field(default_factory=list)
    waiters: list[int] = field(default_factory=list)
    feeders: list[tuple[int, str | None]] = field(default_factory=list)
    sources: tuple[int, ...] = ()
    source_ids: tuple[str, ...] = ()
    meanings: dict[str, tuple[int, ...]] = field(default_factory=dict)
    waits_for: int = 0


class Plan:
    """A workflow ready to run: `steps` in topological order. Compile it once per document and run it often.

    Raises:
        CycleError: the blocks form a cycle; nothing can run.

    Source: contract 5.1, 5.2.
    """

    def __init__(self, workflow: Workflow, catalog: Catalog) -> None:
        self.workflow = workflow
        self.block_ids = tuple(_topological_order(workflow))
        blocks = workflow.blocks
        kinds = {name: _Kind(catalog.find(name)) for name in {block.type for block in blocks.values()}}
        self.steps = [
            _step(index, blocks[block_id], kinds[blocks[block_id].type])
            for index, block_id in enumerate(self.block_ids)
        ]
        self._index = {block_id: index for index, block_id in enumerate(self.block_ids)}
        self._by_name: dict[str, list[int]] = {}
        for step in self.steps:
            self._by_name.setdefault(step.block.name, []).append(step.index)
        self._connect()
        for step in self.steps:
            self._find_meanings(step)
        self.declared_variables = self._declared_variables()
        """Defaults that starter blocks declare for run variables; with several of them the later one wins."""
        self.waits_for = [step.waits_for for step in self.steps]
        self.roots = [step.index for step in self.steps if not step.waits_for]
        self.finals = [step.index for step in self.steps if step.block.type == FINAL_TYPE]

    def index_of(self, block_id: str) -> int:
        """The place of this block in the order; KeyError when the plan does not have it."""
        return self._index[block_id]

    def ancestors(self, index: int) -> set[int]:
        """All steps from which edges lead here, directly or not."""
        found: set[int] = set()
        open_steps = [index]
        while open_steps:
            sources = {source for source, _ in self.steps[open_steps.pop()].feeders} - found
            found |= sources
            open_steps.extend(sources)
        return found

    def visible(self, index: int) -> list[int]:
        """Steps whose results a block may see: its ancestors and those it mentions, in the order of the plan."""
        mentioned = {target for targets in self.steps[index].meanings.values() for target in targets}
        return sorted(self.ancestors(index) | mentioned)

    def up_to(self, block_id: str) -> set[int]:
        """What has to run for this block to get its inputs: itself, its ancestors, and what all of them refer to."""
        needed: set[int] = set()
        open_steps = [self._index[block_id]]
        while open_steps:
            index = open_steps.pop()
            if index in needed:
                continue
            needed.add(index)
            step = self.steps[index]
            open_steps.extend(source for source, _ in step.feeders)
            open_steps.extend(target for targets in step.meanings.values() for target in targets)
        return needed

    def _declared_variables(self) -> JsonObject:
        defaults: JsonObject = {}
        for step in self.steps:
            for item in step.block_type.fields if step.block_type else ():
                if item.kind == "variables":
                    defaults.update(declared_variables(step.block.config.get(item.key)))
        return defaults

    def meaning(self, name: str, before: int) -> tuple[int, ...]:
        """Earlier steps that this name can mean: the one with this id, then those with this name in their order."""
        own = self._index.get(name)
        named = tuple(index for index in self._by_name.get(name, ()) if index < before and index != own)
        return (own, *named) if own is not None and own < before else named

    def _connect(self) -> None:
        index_of = self._index
        routes: dict[int, frozenset[str]] = {}
        for edge in self.workflow.edges.values():
            source, target = index_of.get(edge.source), index_of.get(edge.target)
            if source is None or target is None:
                continue
            if source not in routes:
                routes[source] = _routes(self.steps[source])
            condition = _effective_condition(edge, routes[source])
            self.steps[source].followers.append((target, condition))
            self.steps[target].feeders.append((source, condition))
            self.steps[target].waits_for += 1
        for step in self.steps:
            if step.feeders:
                step.sources = tuple(sorted({source for source, _ in step.feeders}))
                step.source_ids = tuple([self.block_ids[source] for source in step.sources])

    def _find_meanings(self, step: Step) -> None:
        names = self._mentioned_names(step)
        found = {name: targets for name in names if (targets := self.meaning(name, step.index))}
        if not found:
            return
        step.meanings = found
        awaited = {target for targets in found.values() for target in targets}
        for target in awaited.difference(step.sources):
            self.steps[target].waiters.append(step.index)
            step.waits_for += 1

    def _mentioned_names(self, step: Step) -> Collection[str]:
        names = step.template.names if step.template is not None else frozenset[str]()
        if step.has_mappings:
            names |= {mapping.source for mapping in input_mappings(step.block.config)}
        if step.block_type and step.block_type.raw_fields:
            names |= self._names_in_source(step)
        return names

    def _names_in_source(self, step: Step) -> set[str]:
        """Block names and ids that source text mentions: as a word, in quotes, or as a reference."""
        assert step.block_type is not None
        found: set[str] = set()
        for key in step.block_type.raw_fields:
            source = step.block.config.get(key)
            found.update(reference.name for reference in find_all(source) if reference.kind == "block")
            for text in _texts(source):
                found.update(single or double for single, double in _QUOTED.findall(text))
                found.update(self._spelled_as_word(set(_WORDS.findall(text))))
        return found

    def _spelled_as_word(self, words: set[str]) -> Iterator[str]:
        yield from words
        for word in words:
            if "_" in word:
                yield from self._hyphenated.get(word, ())

    @cached_property
    def _hyphenated(self) -> dict[str, list[str]]:
        """Names and ids with a hyphen, by what they are called in code: with an underscore (contract 3.8)."""
        names: dict[str, list[str]] = {}
        for name in (*self._by_name, *self._index):
            if "-" in name:
                names.setdefault(name.replace("-", "_"), []).append(name)
        return names


def _topological_order(workflow: Workflow) -> list[str]:
    """Kahn's order; ties as the lists have them (contract 5.1)."""
    blocks = workflow.blocks
    followers: dict[str, list[str]] = {block_id: [] for block_id in blocks}
    waits_for = dict.fromkeys(blocks, 0)
    for edge in workflow.edges.values():
        if edge.source in blocks and edge.target in blocks:
            followers[edge.source].append(edge.target)
            waits_for[edge.target] += 1
    order = [block_id for block_id in blocks if not waits_for[block_id]]
    for block_id in order:  # grows while it is walked: it is the queue as well
        for target in followers[block_id]:
            waits_for[target] -= 1
            if not waits_for[target]:
                order.append(target)
    if len(order) < len(blocks):
        raise _cycle(workflow, set(blocks) - set(order))
    return order


def _cycle(workflow: Workflow, stuck: set[str]) -> CycleError:
    """The error that names one cycle. Every stuck block has a stuck predecessor, so walking back must meet itself."""
    before = {edge.target: edge.source for edge in workflow.edges.values() if {edge.source, edge.target} <= stuck}
    walked: dict[str, None] = {}
    block_id = next(block_id for block_id in workflow.blocks if block_id in stuck)
    while block_id not in walked:
        walked[block_id] = None
        block_id = before[block_id]
    ids = list(walked)
    path = (block_id, *reversed(ids[ids.index(block_id) :]))
    names = " → ".join(f"“{workflow.blocks[item].label}”" for item in path)
    return CycleError(f"{names} form a circle, so none of them can start. Remove one of these connections.", path)


class _Kind:
    """What steps of one block type have in common, worked out once."""

    def __init__(self, block_type: BlockType | None) -> None:
        self.block_type = block_type
        self.run = block_type.run if block_type else _run_unknown
        self.can_wait = iscoroutinefunction(self.run)
        self.raw_fields = block_type.raw_fields if block_type else frozenset()
        fields = block_type.fields if block_type else ()
        self.secret_keys = tuple(item.key for item in fields if item.kind == "secret")


def _step(index: int, block: Block, kind: _Kind) -> Step:
    config = block.config
    has_mappings = MAPPINGS_KEY in config
    if has_mappings:
        config = {key: value for key, value in config.items() if key != MAPPINGS_KEY}
    template = Template(config, kind.raw_fields) if kind.block_type else None
    return Step(
        index,
        block,
        kind.block_type,
        run=kind.run,
        inline=not kind.can_wait and POLICY_KEYS.isdisjoint(config),
        template=None if template is None or template.is_constant else template,
        config=config,
        has_mappings=has_mappings and kind.block_type is not None,
        secret_keys=kind.secret_keys,
    )


def _run_unknown(_ctx: BlockContext, _config: JsonObject) -> Outcome:
    raise BlockError("Nothing here knows how to run a block of this type.", retryable=False)


def _routes(step: Step) -> frozenset[str]:
    """The routes that a block can take; none for a block that does not choose."""
    ports = step.block_type.outputs(step.block.config) if step.block_type else ()
    return frozenset(port.route for port in ports if port.route is not None)


def _effective_condition(edge: Edge, routes: frozenset[str]) -> str | None:
    """The route that this edge waits for; None lets everything through. Nothing stored is changed.

    A source with routes gives an edge without a condition the route of its handle (X21; older files call the two
    branches `true` and `false`). A source without routes can never meet a condition, so one that only repeats the
    handle is a leftover of an editor and counts as none (W27, W28); any other, the empty text included, never fires.
    """
    if not routes:
        is_leftover = bool(edge.condition) and edge.condition in (edge.source_handle, *_DEFAULT_HANDLES)
        return None if is_leftover else edge.condition
    if edge.condition is not None:
        return edge.condition
    handle = edge.source_port
    return LEGACY_ROUTES.get(handle, handle) if handle and handle not in routes else handle or None


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
