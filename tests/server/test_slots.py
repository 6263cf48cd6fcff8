"""Places for runs: never more at once than there are, turn by turn between workflows, and none is ever lost."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.server.runs.port import TooManyRuns
from engine.server.runs.slots import Slots


def test_workflows_take_turns() -> None:
    """One that is called a hundred times does not keep out another that is called once."""

    async def main() -> None:
        slots, order = Slots(1, 200), []
        await slots.take("first")

        async def run(line: str) -> None:
            await slots.take(line)
            order.append(line)
            slots.give_back()

        tasks = [asyncio.create_task(run(line)) for line in ["busy"] * 100 + ["rare"]]
        await asyncio.sleep(0)
        assert slots.waiting == 101
        slots.give_back()
        await asyncio.gather(*tasks)
        assert order[:2] == ["busy", "rare"]

    asyncio.run(main())


def test_the_queue_has_an_end() -> None:
    """Whoever comes when the queue is full is told so at once."""

    async def main() -> None:
        slots = Slots(1, 0)
        await slots.take("a")
        with pytest.raises(TooManyRuns):
            await slots.take("a")
        slots.give_back()
        await slots.take("b")

    asyncio.run(main())


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["run", "leave", "leave at the turn"])), max_size=30))
def test_places_are_neither_lost_nor_doubled(callers: list[tuple[str, str]]) -> None:
    """Whoever leaves the queue, also at the moment of their turn, takes no place along."""

    async def main() -> None:
        places = 2
        slots, running = Slots(places, 100), Counter[str]()

        async def run(line: str) -> None:
            await slots.take(line)
            running["now"] += 1
            running["most"] = max(running["most"], running["now"])
            await asyncio.sleep(0)
            running["now"] -= 1
            slots.give_back()

        holders = [asyncio.create_task(slots.take("x")) for _ in range(places)]
        await asyncio.gather(*holders)
        tasks = [asyncio.create_task(run(line)) for line, _ in callers]
        await asyncio.sleep(0)
        for task, (_, how) in zip(tasks, callers, strict=True):
            if how == "leave":
                task.cancel()
        slots.give_back()
        for task, (_, how) in zip(tasks, callers, strict=True):
            if how == "leave at the turn":
                task.cancel()
        slots.give_back()
        await asyncio.gather(*tasks, return_exceptions=True)

        assert running["most"] <= places
        assert slots.waiting == 0
        async with asyncio.timeout(5):
            await asyncio.gather(*(slots.take("y") for _ in range(places)))

    asyncio.run(main())
