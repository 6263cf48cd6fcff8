"""How often: runs started by one caller, and wrong secrets tried on one webhook, within any minute.

Source: contract 2.7 and W17. The limit on runs is shared by all processes where the database is, and says when to come
back. Calls with the right secret are not limited.
"""

import math
import time
from typing import Protocol

from engine.errors import BlockloomError
from engine.store import Database, rates
from engine.store.dbtime import US

WINDOW_S = 60
RUNS = 20
WRONG_SECRETS = 60
"""Generous: a sender with an old secret is told so, and nobody guesses 122 bits with one try a second."""
OFF = "off"


class LimitUnusable(BlockloomError):
    """A limit that is neither a number nor off."""


class Window(Protocol):
    """Counts hits under a name within a sliding window."""

    async def hit(self, name: str) -> float | None:
        """None when the hit was counted, else the seconds after which one may be again."""


class MemoryWindow:
    """Hits of this process alone; forgotten when it ends."""

    def __init__(self, limit: int) -> None:
        from limits import RateLimitItemPerSecond
        from limits.aio.storage import MemoryStorage
        from limits.aio.strategies import MovingWindowRateLimiter

        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._item = RateLimitItemPerSecond(limit, WINDOW_S)

    async def hit(self, name: str) -> float | None:
        """None when the hit was counted, else the seconds after which one may be again."""
        if await self._limiter.hit(self._item, name):
            return None
        stats = await self._limiter.get_window_stats(self._item, name)
        return stats.reset_time - time.time()


class SharedWindow:
    """Hits of all processes on one database, which also tells the time."""

    def __init__(self, db: Database, limit: int) -> None:
        self._db = db
        self._limit = limit

    async def hit(self, name: str) -> float | None:
        """None when the hit was counted, else the seconds after which one may be again."""
        left = await self._db.write(lambda connection: rates.hit(connection, name, self._limit, WINDOW_S))
        return None if left is None else left / US


class RunLimit:
    """So many runs in any minute for each caller, on both routes together."""

    def __init__(self, window: Window, limit: int = RUNS) -> None:
        self._window = window
        self.text = f"Rate limit exceeded. Max {limit} executions per minute."

    async def retry_after(self, caller: str) -> int | None:
        """None when the run was counted and may start, else the whole seconds after which to try again."""
        return _whole(await self._window.hit(f"runs:{caller}"))


class SecretLimit:
    """So many wrong secrets in any minute for each webhook.

    In memory also where the database is shared: a refused guess must cost the server less than it costs the guesser.
    """

    def __init__(self, limit: int = WRONG_SECRETS) -> None:
        self._window = MemoryWindow(limit)

    async def wrong_secret(self, webhook_id: str) -> int | None:
        """To be asked after a wrong secret only: None to refuse it as wrong, else the seconds to stay away."""
        return _whole(await self._window.hit(f"secret:{webhook_id}"))


def run_limit(db: Database, limit: int | None) -> RunLimit | None:
    """The limit of a server on this database; None when there is none."""
    if limit is None:
        return None
    return RunLimit(SharedWindow(db, limit) if db.is_shared else MemoryWindow(limit), limit)


def read_limit(text: str) -> int | None:
    """The number in `--rate-limit`, None for `off`.

    Raises:
        LimitUnusable: it is neither.
    """
    if text.strip().lower() == OFF:
        return None
    try:
        limit = int(text)
    except ValueError:
        limit = 0
    if limit < 1:
        raise LimitUnusable(f"The rate limit must be a whole number of runs a minute, or {OFF}, not “{text}”.")
    return limit


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else max(1, math.ceil(seconds))
