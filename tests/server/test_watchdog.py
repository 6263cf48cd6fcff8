"""The watchdog of the event loop: it tells who held everybody up, and keeps quiet otherwise."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from engine.server.watchdog import StallWatchdog


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


def compute_without_end_in_sight() -> None:
    time.sleep(0.4)


def test_a_loop_that_stands_still_is_told_with_what_it_did(logged: list[Any]) -> None:
    """Once while it stands, with the stack, and once when it goes on, with how long it was."""
    stalls: list[float] = []

    async def story() -> None:
        async with StallWatchdog(stalls.append, stall_s=0.1):
            await asyncio.sleep(0)
            compute_without_end_in_sight()
            await asyncio.sleep(0.06)

    asyncio.run(story())

    assert [entry["event"] for entry in logged] == ["event loop stands still", "event loop goes on"]
    assert "compute_without_end_in_sight" in logged[0]["stack"]
    assert [0.3 < stall < 2 for stall in stalls] == [True]


def test_a_loop_that_goes_on_is_not_mentioned(logged: list[Any]) -> None:
    """Waiting is no stall, and nothing stays behind afterwards."""

    async def story() -> None:
        async with StallWatchdog(stall_s=0.1):
            await asyncio.sleep(0.2)

    asyncio.run(story())

    assert logged == []
