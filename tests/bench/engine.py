"""What the engine itself costs per block, events on and a reference in every block.

    python tests/bench/engine.py [--json] [--rounds 15]

Pass-through blocks forward `<Before.output>`. Each figure is the best of some rounds, so that other work on the machine
counts little, and stands next to `limit`: an asyncio coroutine that does nothing per block but await a function that is
ready and write to a dict. The graph is compiled beforehand; that time is given on its own. The gaps are the longest
times that the event loop, and a thread beside it, had to wait while values of 50 MB went through a run; replies are of
10 MB, which is what a run takes. Nested rows have no target: what is long there is Python's own garbage collection. A
target that was missed is named at the end.
"""

import argparse
import asyncio
import gc
import json
import random
import sys
import time
from collections import deque
from collections.abc import Callable, Coroutine
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from engine.blocks import Catalog, default_catalog
from engine.blocks._spec import BlockContext, BlockType, Outcome
from engine.document import Block, Edge, JsonObject, Workflow
from engine.events import AnyEvent, RunFinished
from engine.run.context import Services
from engine.run.http import HttpClient
from engine.run.plan import Plan
from engine.run.runner import run_plan
from tests.engine.heartbeat import Heartbeat
from tests.engine.local_server import LOCAL, Server, reply

MAX_US_PER_BLOCK = 4.0
MAX_WAIT_RATIO = 1.5
WAIT_S = 0.05
MAX_GAP_MS = 100.0
UNTARGETED = "gap_reply_of_nested_rows"
MB = 1_000_000
SEED = 7


def workflow_of(links: list[list[int]], block_type: str = "split") -> Workflow:
    """Block i follows the blocks `links[i]` and forwards the output of the first of them."""
    blocks, edges = {}, {}
    for index, sources in enumerate(links):
        value = f"<b{sources[0]}.output>" if sources else "hello"
        blocks[f"b{index}"] = Block(f"b{index}", block_type, f"Block {index}", config={"input": value, "branches": 2})
        for source in sources:
            edge_id = f"e{len(edges)}"
            edges[edge_id] = Edge(edge_id, f"b{source}", f"b{index}")
    return Workflow(blocks=blocks, edges=edges)


def chain(count: int) -> Workflow:
    """One block after another."""
    return workflow_of([[index - 1] if index else [] for index in range(count)])


def fan_out(count: int) -> Workflow:
    """One block, then all others."""
    return workflow_of([[0] if index else [] for index in range(count)])


def random_graph(count: int, edges_per_block: float = 1.5) -> Workflow:
    """Blocks that follow one or two of those near before them."""
    pick = random.Random(SEED)
    links: list[list[int]] = [[]]
    for index in range(1, count):
        wanted = 1 + (pick.random() < edges_per_block - 1)
        near = range(max(0, index - 50), index)
        links.append(pick.sample(near, min(wanted, len(near))))
    return workflow_of(links)


async def wait_a_little(_ctx: BlockContext, _config: JsonObject) -> Outcome:
    """The slow block."""
    await asyncio.sleep(WAIT_S)
    return Outcome({"output": None})


def waiting_catalog() -> Catalog:
    """The usual blocks and one that waits."""
    slow = BlockType("wait", "Wait", "Waits.", "Logic", "clock", "grey", run=wait_a_little)
    return Catalog([*default_catalog(), slow])


def seconds_of(work: Callable[[], Coroutine[Any, Any, Any]], rounds: int) -> float:
    """The best of some rounds."""
    best = float("inf")
    for _ in range(rounds):
        gc.collect()
        began = time.perf_counter()
        asyncio.run(work())
        best = min(best, time.perf_counter() - began)
    return best


async def bare_loop(count: int) -> None:
    """The least that asyncio code can do for a block."""

    async def ready(value: int) -> int:
        return value

    results: dict[int, int] = {}
    for index in range(count):
        results[index] = await ready(index)


async def run_once(plan: Plan, repeat: int = 1) -> None:
    """Run a plan. The follower takes every event and keeps the last ones: what it does with them is its own cost."""
    for _ in range(repeat):
        events: deque[AnyEvent] = deque(maxlen=100)
        await run_plan(plan, events.append, run_id="bench")
        assert isinstance(events[-1], RunFinished)
        assert events[-1].status == "completed"
        assert events[-1].seq == 2 * len(plan.steps) + 2


def measured(rounds: int) -> dict[str, Any]:
    """All figures; times of an empty event loop are taken off."""
    empty = seconds_of(lambda: bare_loop(0), rounds)
    limit_us = (seconds_of(lambda: bare_loop(100_000), rounds) - empty) / 100_000 * 1e6
    figures: dict[str, Any] = {"limit_us_per_block": round(limit_us, 4)}
    graphs = {
        "chain_10": (chain(10), 200),
        "chain_1000": (chain(1000), 5),
        "chain_10000": (chain(10_000), 1),
        "fanout_1000": (fan_out(1000), 5),
        "random_10000": (random_graph(10_000), 1),
    }
    catalog = default_catalog()
    for name, (workflow, repeat) in graphs.items():
        began = time.perf_counter()
        plan = Plan(workflow, catalog)
        compiled_us = (time.perf_counter() - began) / len(workflow.blocks) * 1e6
        took = seconds_of(lambda plan=plan, repeat=repeat: run_once(plan, repeat), rounds) - empty
        us = took / repeat / len(workflow.blocks) * 1e6
        figures[name] = {
            "us_per_block": round(us, 3),
            "ratio": round(us / limit_us, 1),
            "compile_us_per_block": round(compiled_us, 3),
        }
    figures["wait_1_ms"] = round(wait_seconds(1, rounds) * 1000, 2)
    figures["wait_100_ms"] = round(wait_seconds(100, rounds) * 1000, 2)
    return figures | gaps(rounds)


def wait_seconds(branches: int, rounds: int) -> float:
    """How long so many branches take that each wait a little; with as many slots."""
    workflow = workflow_of([[] for _ in range(branches)], "wait")
    plan = Plan(workflow, waiting_catalog())

    async def work() -> None:
        await run_plan(plan, lambda _event: None, slots=branches)

    return seconds_of(work, rounds)


def gaps(rounds: int) -> dict[str, dict[str, float]]:
    """The longest waits during runs with large values, the best of some rounds; milliseconds."""
    text = "line of some text, ä; " * (50 * MB // 23)
    rows = [{"id": number, "name": f"row {number}", "value": number * 0.5} for number in range(170_000)]
    nested = [{"id": number, "name": f"row {number}", "tags": ["a", "b"]} for number in range(170_000)]
    fetch = Block("a", "general_api", "A", config={"url": "{{variables.url}}"})
    send = fetch.changed(config={"url": "{{variables.url}}", "method": "POST", "body": {"text": "{{variables.v}}"}})
    passing = [
        Block("s", "starter", "S"),
        Block("c", "condition", "C", config={"branches": [{"expression": "<S.output.v> == 'no'"}]}),
        Block("r", "response", "R", config={"output": {"whole": "<S.output.v>", "text": "begin <S.output.v> end"}}),
    ]
    runs: dict[str, tuple[list[Block], bytes]] = {
        "gap_text_through_pure_blocks": (passing, b""),
        "gap_reply_of_text": ([fetch], json.dumps({"v": text}, ensure_ascii=False).encode()),
        "gap_reply_of_rows": ([fetch], json.dumps({"v": rows}).encode()),
        UNTARGETED: ([fetch], json.dumps({"v": nested}).encode()),
        "gap_body_of_text": ([send], b""),
    }
    return {
        name: min((gap(blocks, text, body) for _ in range(min(rounds, 5))), key=lambda found: found["loop_ms"])
        for name, (blocks, body) in runs.items()
    }


def gap(blocks: list[Block], text: str, body: bytes) -> dict[str, float]:
    """The longest waits during one run of these blocks one after another."""
    edges = {block.id: Edge(block.id, before.id, block.id) for before, block in pairwise(blocks)}
    plan = Plan(Workflow(blocks={block.id: block for block in blocks}, edges=edges), default_catalog())

    async def work() -> Heartbeat:
        async with Server(reply(body)) as server, HttpClient(LOCAL, max_reply_bytes=200 * MB) as http:
            variables = {"v": text, "url": f"http://127.0.0.1:{server.port}/"}
            services, beat = Services(http=http), Heartbeat()
            await beat.during(run_plan(plan, lambda _event: None, services=services, variables=variables))
            return beat

    beat = asyncio.run(work())
    return {"loop_ms": round(beat.loop_gap_s * 1000, 1), "thread_ms": round(beat.thread_gap_s * 1000, 1)}


def misses(figures: dict[str, Any]) -> list[str]:
    """The targets that were not met, in words."""
    found = [
        f"{name}: {figure['us_per_block']} us a block, at most {MAX_US_PER_BLOCK} are wanted"
        for name, figure in figures.items()
        if isinstance(figure, dict) and figure.get("us_per_block", 0.0) > MAX_US_PER_BLOCK
    ]
    found += [
        f"{name}: the loop waited {figure['loop_ms']} ms, at most {MAX_GAP_MS:g} are wanted"
        for name, figure in figures.items()
        if isinstance(figure, dict) and figure.get("loop_ms", 0.0) > MAX_GAP_MS and name != UNTARGETED
    ]
    if figures["wait_100_ms"] > MAX_WAIT_RATIO * figures["wait_1_ms"]:
        found.append(f"100 waiting branches: {figures['wait_100_ms']} ms, one takes {figures['wait_1_ms']} ms")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    figures = measured(options.rounds)
    if options.json:
        print(json.dumps(figures))
    else:
        for name, figure in figures.items():
            print(f"{name:20} {figure}")
    failures = misses(figures)
    for failure in failures:
        print(failure, file=sys.stderr)


if __name__ == "__main__":
    main()
