"""Blocks at the same time come to what they would come to one after another (contract 5.6)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.blocks import Catalog
from engine.blocks._spec import BlockContext, BlockType, Outcome, Port
from engine.document import Block, Edge, Json, JsonObject, Workflow
from engine.errors import BlockError
from engine.events import BlockSkipped
from engine.run.clock import FakeClock
from engine.run.runner import run
from engine.runstate import replay

MAX_BLOCKS = 9
ROUTES = ("if", "else")
NAMES = ("N0", "N1", "N2", "N3")


@dataclass
class Oracle:
    """The contract, word for word: one block after another, in Kahn's order."""

    workflow: Workflow
    results: dict[str, JsonObject] = field(default_factory=dict)
    named: dict[str, JsonObject] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    skipped: dict[str, tuple[str, str | None]] = field(default_factory=dict)

    def run(self) -> "Oracle":
        for block_id in self.order():
            self.visit(self.workflow.blocks[block_id])
        return self

    def order(self) -> list[str]:
        edges = list(self.workflow.edges.values())
        missing = {block_id: sum(edge.target == block_id for edge in edges) for block_id in self.workflow.blocks}
        queue = [block_id for block_id, count in missing.items() if not count]
        for block_id in queue:
            for edge in edges:
                if edge.source == block_id:
                    missing[edge.target] -= 1
                    if not missing[edge.target]:
                        queue.append(edge.target)
        return queue

    def visit(self, block: Block) -> None:
        incoming = self.workflow.edges_to(block.id)
        if not block.enabled:
            self.skipped[block.id] = ("disabled", block.id)
        elif incoming and not any(self.is_live(edge) for edge in incoming):
            self.skipped[block.id] = self.why(incoming)
        elif block.config["fails"]:
            self.failed.add(block.id)
        else:
            self.finish(block)

    def is_live(self, edge: Edge) -> bool:
        result = self.results.get(edge.source)
        return result is not None and edge.condition in (None, result.get("route"))

    def why(self, incoming: list[Edge]) -> tuple[str, str | None]:
        for edge in incoming:
            if edge.source in self.failed:
                return "upstream-failed", edge.source
        for edge in incoming:
            if edge.source in self.results:
                return "not-taken", edge.source
        return "upstream-skipped", self.skipped[incoming[0].source][1]

    def finish(self, block: Block) -> None:
        result: JsonObject = {"output": [block.id, self.resolved(block.config["input"])]}
        if block.type == "choose":
            result["route"] = block.config["route"]
        self.results[block.id] = result
        self.named.setdefault(block.name, result)

    def resolved(self, text: str) -> Json:
        """The value of a whole-string reference, or the text where it leads nowhere."""
        name = text[1:].partition(".")[0]
        result = self.results.get(name) or self.named.get(name)
        return result["output"] if result else text


def catalog_of(clock: FakeClock, delays: Callable[[str], float]) -> Catalog:
    """Blocks that wait for a while of their own; `now` is a block that never waits."""

    def work(ctx: BlockContext, config: JsonObject) -> Outcome:
        if config["fails"]:
            raise BlockError("it was told to")
        result: JsonObject = {"output": [ctx.block_id, config["input"]]}
        return Outcome({**result, "route": config["route"]} if "route" in config else result)

    async def work_later(ctx: BlockContext, config: JsonObject) -> Outcome:
        await clock.sleep(delays(ctx.block_id))
        return work(ctx, config)

    def made(name: str, function: Callable[..., Any], *routes: str) -> BlockType:
        ports = tuple(Port(route, route, route) for route in routes) or (Port(),)
        return BlockType(name, name, "", "Logic", "code", "grey", run=function, outputs=lambda _config: ports)

    return Catalog([made("now", work), made("later", work_later), made("choose", work_later, *ROUTES)])


@st.composite
def workflows(draw: st.DrawFn) -> Workflow:
    """Graphs without cycles, with choices, failures, disabled blocks, shared names and references to anywhere."""
    count = draw(st.integers(1, MAX_BLOCKS))
    shuffled = draw(st.permutations(range(count)))
    ids = [f"b{number}" for number in range(count)]
    blocks = {}
    for block_id in ids:
        kind = draw(st.sampled_from(["now", "later", "later", "choose"]))
        target = draw(st.sampled_from([*ids, *NAMES]))
        config = {"input": f"<{target}.output>", "fails": draw(st.sampled_from([False, False, False, True]))}
        if kind == "choose":
            config["route"] = draw(st.sampled_from(ROUTES))
        enabled = draw(st.sampled_from([True, True, True, False]))
        blocks[block_id] = Block(block_id, kind, draw(st.sampled_from(NAMES)), enabled=enabled, config=config)
    edges = {}
    for number in range(draw(st.integers(0, 2 * count))):
        one, two = draw(st.integers(0, count - 1)), draw(st.integers(0, count - 1))
        if one == two:
            continue
        # The shuffle decides what may follow what, so list order and direction are independent.
        source, target = (ids[index] for index in sorted((one, two), key=shuffled.index))
        route = draw(st.sampled_from([None, *ROUTES])) if blocks[source].type == "choose" else None
        edges[f"e{number}"] = Edge(f"e{number}", source, target, None, None, route)
    return Workflow(blocks=blocks, edges=edges)


@given(workflows(), st.lists(st.integers(0, 3), min_size=MAX_BLOCKS, max_size=MAX_BLOCKS), st.sampled_from([1, 2, 64]))
@settings(max_examples=300, deadline=None)
def test_any_graph_comes_to_the_same_as_one_block_after_another(
    workflow: Workflow, delays: list[int], slots: int
) -> None:
    """Results, statuses and reasons are those of the sequential rules, whatever takes how long and however many run."""
    expected = Oracle(workflow).run()
    clock = FakeClock()
    catalog = catalog_of(clock, lambda block_id: float(delays[int(block_id[1:])]))
    events: list[Any] = []

    asyncio.run(clock.drive(run(workflow, events.append, catalog=catalog, clock=clock, slots=slots)))

    state = replay(events)
    skips = {event.block_id: (event.reason, event.because_of) for event in events if isinstance(event, BlockSkipped)}
    assert list(state.blocks) == expected.order()
    assert {key: run.result for key, run in state.blocks.items() if run.status == "done"} == expected.results
    assert {key for key, run in state.blocks.items() if run.status == "failed"} == expected.failed
    assert skips == expected.skipped
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
