"""A workflow compiled to numbered steps, so that running it is arithmetic.

A step's number is its place in the topological order of contract 5.1, so "earlier" is `<`. What may run next, and what
must not, is decided by `progress.py` for each run anew.

Blocks may run at the same time, and yet see what they would see one after another (contract 5.6): a step knows the
results of earlier steps only, a name means the first of its owners in the order, and a reference to a block that is not
upstream makes the step wait for it without counting as an edge.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from inspect import iscoroutinefunction
from typing import NamedTuple

from engine.blocks import Catalog
from engine.blocks._fields import declared_variables
from engine.blocks._spec import BlockContext, BlockType, Outcome, Port, RunFunction
from engine.codenames import looks_at_all
from engine.document import (
    DEFAULT_SOURCE_HANDLE,
    DEFAULT_TARGET_HANDLE,
    Block,
    Edge,
    JsonObject,
    Workflow,
)
from engine.errors import BlockError, CycleError
from engine.references import (
    MAPPINGS_KEY,
    Template,
    TextForm,
    find_all,
    input_mappings,
    strings_in,
    text_of,
    whole_references,
)

FINAL_TYPE = "response"
POLICY_KEYS = frozenset({"timeout", "retry"})
_DEFAULT_HANDLES = (DEFAULT_SOURCE_HANDLE, DEFAULT_TARGET_HANDLE)
_WORDS = re.compile(r"[^\W\d]\w*")
_QUOTED = re.compile(r"'([^'\n]*)'|\"([^\"\n]*)\"")


_Links = dict[int, list[tuple[int, str | None]]]
"""For a step, the (step, condition) of each edge on one side of it."""


class Fill(NamedTuple):
    """A config key to fill with what is found under `keys` in the result of the first of `steps` that has one."""

    config_key: str
    steps: tuple[int, ...]
    keys: tuple[str, ...]


@dataclass(slots=True, eq=False)
class Step:
    """One block of a plan. Filled while the plan is compiled, never changed afterwards.

    `followers` are the steps after this one, one for each outgoing edge that needs no route, `branches` the others as
    (step, condition); `dependents` are both, and the steps that wait for this one without an edge. `feeders` are (step,
    condition) per incoming edge, `sources` the steps among them in order. `meanings` maps each name that this block
    mentions to the earlier steps it can mean, the one with that id first. `fills` says how to resolve a config whose
    references are whole values; one with other references has a `template`. `unmet` are whole references that can mean
    nothing. A step that `sees_all` waits for all earlier ones. An `inline` step cannot wait and needs no task.

    A long run is as fast as memory is, so what a run reads here takes few objects, and empty ones are shared.
    """

    index: int
    block: Block
    block_type: BlockType | None
    run: RunFunction
    config: JsonObject
    inline: bool = False
    has_mappings: bool = False
    secret_keys: tuple[str, ...] = ()
    fills: tuple[Fill, ...] = ()
    unmet: tuple[str, ...] = ()
    template: Template | None = None
    source_ids: tuple[str, ...] = ()
    sources: tuple[int, ...] = ()
    followers: tuple[int, ...] = ()
    branches: tuple[tuple[int, str], ...] = ()
    dependents: tuple[int, ...] = ()
    feeders: tuple[tuple[int, str | None], ...] = ()
    meanings: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    sees_all: bool = False


class Plan:
    """A workflow ready to run: `steps` in topological order. Compile it once per document and run it often.

    `text_form` says how values that are no text read inside longer text.

    Raises:
        CycleError: the blocks form a cycle; nothing can run.

    Source: contract 5.1, 5.2.
    """

    def __init__(self, workflow: Workflow, catalog: Catalog, text_form: TextForm = text_of) -> None:
        self.workflow = workflow
        self._catalog = catalog
        self._text_form = text_form
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
        self.waits_for = [0] * len(self.steps)
        """For each step, how many edges and other steps it waits for."""
        self._connect()
        self._find_references()
        self.declared_variables = self._declared_variables()
        """Defaults that starter blocks declare for run variables; with several of them the later one wins."""
        self.roots = [index for index, count in enumerate(self.waits_for) if not count]
        self.finals = [step.index for step in self.steps if step.block.type == FINAL_TYPE]
        self.can_wait = not all(step.inline for step in self.steps)
        """Whether any block does more than compute."""

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
        """Steps whose results a block may see, in the order of the plan: its ancestors and those it mentions.

        Code that looks at all results sees all earlier ones, as it would if blocks ran one after another.
        """
        if self.steps[index].sees_all:
            return list(range(index))
        mentioned = {target for targets in self.steps[index].meanings.values() for target in targets}
        return sorted(self.ancestors(index) | mentioned)

    def up_to(self, block_id: str) -> set[int]:
        """What has to run for this block to get its inputs: itself, its ancestors, and what all of them refer to.

        Code that looks at all results gets those of this part only: nothing else is run for its sake.
        """
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
            if not step.block.enabled:
                continue
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
        steps, index_of = self.steps, self._index
        routes: dict[int, Mapping[str, str]] = {}
        outgoing: _Links = {}
        incoming: _Links = {}
        for edge in self.workflow.edges.values():
            source, target = index_of.get(edge.source), index_of.get(edge.target)
            if source is None or target is None:
                continue
            condition = edge.condition
            if condition is not None or edge.source_port:
                if source not in routes:
                    routes[source] = routes_of(self._catalog.outputs(steps[source].block))
                condition = effective_condition(edge, routes[source])
            outgoing.setdefault(source, []).append((target, condition))
            incoming.setdefault(target, []).append((source, condition))
            self.waits_for[target] += 1
        self._keep_links(outgoing, incoming)

    def _keep_links(self, outgoing: _Links, incoming: _Links) -> None:
        for index, links in outgoing.items():
            step = self.steps[index]
            step.followers = step.dependents = tuple([target for target, condition in links if condition is None])
            if len(step.followers) < len(links):
                step.branches = tuple([(target, condition) for target, condition in links if condition is not None])
                step.dependents = tuple([target for target, _ in links])
        for index, links in incoming.items():
            step = self.steps[index]
            step.feeders = tuple(links)
            step.sources = tuple(sorted({source for source, _ in links}))
            step.source_ids = tuple([self.block_ids[source] for source in step.sources])

    def _find_references(self) -> None:
        """Settle what the names in each config mean, and who waits for whom because of that."""
        waiters: dict[int, list[int]] = {}
        all_before = 0
        for step in self.steps:
            self._find_meanings(step)
            awaited = {target for targets in step.meanings.values() for target in targets}
            if step.sees_all:
                # The one before that sees all has waited for everything before itself.
                awaited |= set(range(all_before, step.index))
                all_before = step.index
            for target in awaited.difference(step.sources):
                waiters.setdefault(target, []).append(step.index)
                self.waits_for[step.index] += 1
        for index, waiting in waiters.items():
            self.steps[index].dependents += tuple(waiting)

    def _find_meanings(self, step: Step) -> None:
        block_type, index = step.block_type, step.index
        if block_type is None:
            return
        whole = whole_references(step.config, block_type.raw_fields)
        if whole is None:
            step.template = Template(step.config, block_type.raw_fields, self._text_form)
            names = step.template.names
        else:
            names = frozenset([reference.name for _, reference in whole])
        if step.has_mappings:
            names |= {mapping.source for mapping in input_mappings(step.block.config)}
        if block_type.raw_fields:
            names |= self._names_in_source(step)
            sources = (text for key in block_type.raw_fields for text in strings_in(step.block.config.get(key)))
            step.sees_all = any(map(looks_at_all, sources))
        if not names:
            return
        step.meanings = found = {name: targets for name in names if (targets := self.meaning(name, index))}
        step.fills = tuple(
            [Fill(key, found[item.name], _keys(item.path)) for key, item in whole or () if item.name in found]
        )
        if len(step.fills) < len(whole or ()):
            step.unmet = tuple([item.text for _, item in whole or () if item.name not in found])

    def _names_in_source(self, step: Step) -> set[str]:
        """Block names and ids that source text mentions: as a word, in quotes, or as a reference."""
        assert step.block_type is not None
        found: set[str] = set()
        for key in step.block_type.raw_fields:
            source = step.block.config.get(key)
            found.update(reference.name for reference in find_all(source) if reference.kind == "block")
            for text in strings_in(source):
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
    return Step(
        index,
        block,
        kind.block_type,
        kind.run,
        config,
        inline=not kind.can_wait and POLICY_KEYS.isdisjoint(config),
        has_mappings=has_mappings and kind.block_type is not None,
        secret_keys=kind.secret_keys,
    )


@lru_cache(maxsize=256)
def _keys(path: str) -> tuple[str, ...]:
    """The object keys of a reference's path; one tuple for all that have the same."""
    return tuple(path.split("."))


def _run_unknown(_ctx: BlockContext, _config: JsonObject) -> Outcome:
    raise BlockError("Nothing here knows how to run a block of this type.", retryable=False)


def routes_of(ports: Iterable[Port]) -> Mapping[str, str]:
    """The routes that a block with these ports can take, by the handles that stand for them; none where it does not
    choose."""
    routed = [(port, port.route) for port in ports if port.route is not None]
    older = {handle: route for port, route in reversed(routed) for handle in port.older_names}
    return older | {port.name: route for port, route in routed}


def effective_condition(edge: Edge, routes: Mapping[str, str]) -> str | None:
    """The route that this edge waits for; None lets everything through. Nothing stored is changed.

    A source with routes gives an edge without a condition the route of its handle (X21). A source without routes can
    never meet a condition, so one that only repeats the handle is a leftover of an editor and counts as none (W27,
    W28); any other, the empty text included, never fires.
    """
    if not routes:
        is_leftover = bool(edge.condition) and edge.condition in (edge.source_handle, *_DEFAULT_HANDLES)
        return None if is_leftover else edge.condition
    if edge.condition is not None:
        return edge.condition
    handle = edge.source_port
    return routes.get(handle, handle) if handle else None
