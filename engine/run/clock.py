"""Time as a run sees it: the machine's clock, or one that a test turns by hand."""

import asyncio
import heapq
from collections.abc import Coroutine
from time import monotonic as steady_time
from time import time as wall_time
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """Wall time, steady time, and the two ways to wait on it. All in seconds."""

    def time(self) -> float:
        """Seconds since the epoch, for people."""

    def monotonic(self) -> float:
        """Seconds that never go back, for durations."""

    async def sleep(self, seconds: float) -> None:
        """Wait this long."""

    def timeout(self, seconds: float | None) -> asyncio.Timeout:
        """A context that cancels its body after this long and raises `TimeoutError`; None never does."""


class SystemClock:
    """The machine's clock."""

    time = staticmethod(wall_time)
    monotonic = staticmethod(steady_time)

    async def sleep(self, seconds: float) -> None:
        """Wait this long."""
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float | None) -> asyncio.Timeout:
        """A context that cancels its body after this long."""
        return asyncio.timeout(seconds)


class FakeClock:
    """A clock that stands still until somebody moves it. Sleepers wake in the order of their hour, then of call."""

    EPOCH = 1_750_000_000.0
    SETTLE_PASSES = 12
    """Turns of the event loop after which everything that can go on without time has gone on."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self._alarms: list[tuple[float, int, asyncio.Future[None] | asyncio.Timeout]] = []
        self._calls = 0

    def time(self) -> float:
        """A fixed date plus what has elapsed."""
        return self.EPOCH + self.elapsed

    def monotonic(self) -> float:
        """What has elapsed."""
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has been moved this far."""
        alarm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._set_alarm(seconds, alarm)
        await alarm

    def timeout(self, seconds: float | None) -> asyncio.Timeout:
        """A context that is cancelled once the clock has been moved this far."""
        timeout = asyncio.timeout(None)
        if seconds is not None:
            self._set_alarm(seconds, timeout)
        return timeout

    def advance(self, seconds: float) -> None:
        """Move the clock; what is due on the way is woken in order."""
        goal = self.elapsed + seconds
        while self._alarms and self._alarms[0][0] <= goal:
            self.elapsed, _, alarm = heapq.heappop(self._alarms)
            _ring(alarm)
        self.elapsed = goal

    async def drive(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, with the clock jumping to the next alarm whenever nothing else goes on.

        Raises:
            RuntimeError: the work waits for something that is no alarm of this clock.
        """
        task = asyncio.ensure_future(work)
        while not task.done():
            await self.settle()
            if task.done():
                break
            if not self._alarms:
                task.cancel()
                raise RuntimeError("the work waits for something that this clock does not know")
            self.advance(self._alarms[0][0] - self.elapsed)
        return task.result()

    async def settle(self) -> None:
        """Let everything go on that needs no time."""
        for _ in range(self.SETTLE_PASSES):
            await asyncio.sleep(0)

    def _set_alarm(self, seconds: float, alarm: asyncio.Future[None] | asyncio.Timeout) -> None:
        self._calls += 1
        heapq.heappush(self._alarms, (self.elapsed + seconds, self._calls, alarm))


def _ring(alarm: asyncio.Future[None] | asyncio.Timeout) -> None:
    if isinstance(alarm, asyncio.Future):
        if not alarm.done():
            alarm.set_result(None)
        return
    try:
        alarm.reschedule(0)
    except RuntimeError:
        return  # its body has ended: nothing is left to stop
