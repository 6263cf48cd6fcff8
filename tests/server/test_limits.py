"""Rate limits: how many runs a caller may start in any minute, and how many wrong secrets a webhook takes."""

import asyncio
from pathlib import Path

import pytest

from engine.server.limits import LimitUnusable, MemoryWindow, RunLimit, SecretLimit, SharedWindow, read_limit, run_limit
from engine.store import open_database, rates
from engine.store.dbtime import US
from engine.store.schema import RATE_COUNTERS


def test_the_limit_holds_for_each_caller_and_says_when_to_come_back() -> None:
    """Twenty in a minute, with the words of the contract."""

    async def story() -> list[int | None]:
        limit = RunLimit(MemoryWindow(20))
        assert limit.text == "Rate limit exceeded. Max 20 executions per minute."
        answers = [await limit.retry_after("one") for _ in range(22)]
        assert await limit.retry_after("another") is None
        return answers

    answers = asyncio.run(story())

    assert answers[:20] == [None] * 20
    assert all(answer is not None and 58 <= answer <= 60 for answer in answers[20:])


def test_processes_share_the_limit_where_they_share_the_database(database: Path | str) -> None:
    """Whoever counts, there are twenty in all, also when all count at the same moment."""

    async def story() -> tuple[int, float | None]:
        first, second = await open_database(database), None
        try:
            windows = [SharedWindow(first, 20)]
            if first.is_shared:
                second = await open_database(database)
                windows.append(SharedWindow(second, 20))
            hits = await asyncio.gather(*(windows[number % len(windows)].hit("runs:one") for number in range(60)))
            assert await windows[0].hit("runs:another") is None
            return hits.count(None), max(hit for hit in hits if hit is not None)
        finally:
            await first.close()
            if second is not None:
                await second.close()

    counted, wait_s = asyncio.run(story())

    assert counted == 20
    assert wait_s is not None
    assert 50 < wait_s <= 60


def test_hits_leave_the_window_one_by_one(database: Path | str) -> None:
    """The window slides: after each old hit there is room for one, and what is too old leaves the table."""

    async def story() -> None:
        db = await open_database(database)
        try:
            assert [await hit(db) for _ in range(3)] == [None, None, None]
            assert await hit(db) is not None
            await db.write(lambda connection: connection.execute(age).rowcount)
            assert [await hit(db) is None for _ in range(4)] == [True, True, True, False]
        finally:
            await db.close()

    async def hit(db: object) -> int | None:
        return await db.write(lambda connection: rates.hit(connection, "a", 3, 60))  # type: ignore[attr-defined]

    age = RATE_COUNTERS.update().values(window_start=RATE_COUNTERS.c.window_start - 60 * US)
    asyncio.run(story())


def test_wrong_secrets_are_counted_for_each_webhook() -> None:
    """After many wrong ones the answer is to stay away; another webhook is not touched."""

    async def story() -> None:
        limit = SecretLimit(3)
        assert [await limit.wrong_secret("one") for _ in range(3)] == [None] * 3
        assert await limit.wrong_secret("one")
        assert await limit.wrong_secret("another") is None

    asyncio.run(story())


def test_the_setting_is_a_number_or_off(tmp_path: Path) -> None:
    """`off` means no limit at all."""
    assert read_limit("off") is None
    assert read_limit(" 7 ") == 7
    for text in ("0", "-1", "many", "", "1.5"):
        with pytest.raises(LimitUnusable, match="whole number"):
            read_limit(text)

    async def story() -> None:
        db = await open_database(tmp_path)
        assert run_limit(db, None) is None
        limit = run_limit(db, 7)
        assert limit is not None
        assert "Max 7 " in limit.text
        await db.close()

    asyncio.run(story())
