"""Plans in which nothing waits: they need no task, end at once while they are short, and let others in when not."""

import asyncio

from engine.blocks import Catalog, default_catalog
from engine.blocks._spec import BlockContext, BlockType, Outcome
from engine.document import JsonObject
from engine.events import AnyEvent, RunFinished
from engine.run.clock import SystemClock
from engine.run.plan import Plan
from engine.run.runner import run_plan
from tests.engine.strategies import graph


def test_a_short_one_ends_without_an_event_loop() -> None:
    """The first step of the coroutine is the whole run: whoever has many small runs needs no task for each."""
    plan = Plan(graph({"start": "starter", "out": "response"}, "start>out"), default_catalog())
    events: list[AnyEvent] = []

    work = run_plan(plan, events.append, variables={"a": 1})
    try:
        work.send(None)
    except StopIteration as end:
        finished = end.value

    assert not plan.can_wait
    assert (finished.status, finished.output) == ("completed", {"a": 1})
    assert finished is events[-1]


class Slow(SystemClock):
    """A clock by which every look at it takes a second."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:  # type: ignore[override]
        self.now += 1
        return self.now


def many(count: int) -> Plan:
    def run(_ctx: BlockContext, _config: JsonObject) -> Outcome:
        return Outcome({"output": None})

    catalog = Catalog([BlockType("step", "Step", "Computes.", "Logic", "box", "grey", run=run)])
    return Plan(graph({f"b{number}": "step" for number in range(count)}), catalog)


def test_a_long_one_lets_others_in() -> None:
    """Between blocks that take long the event loop gets a turn, so other requests are answered."""

    async def main() -> int:
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(others())
        await run_plan(many(20), lambda _event: None, clock=Slow(), deadline_s=None)
        task.cancel()
        return turns

    assert asyncio.run(main()) >= 10


def test_it_has_a_deadline_too() -> None:
    """A run that computes for too long is ended, and every block that did not run is accounted for."""
    events: list[AnyEvent] = []

    finished = asyncio.run(run_plan(many(20), events.append, clock=Slow(), deadline_s=15))

    assert isinstance(events[-1], RunFinished)
    assert finished.status == "failed"
    assert "15 s" in str(finished.error)
    kinds = [type(event).__name__ for event in events]
    assert kinds.count("BlockFinished") + kinds.count("BlockSkipped") == 20
