"""A run that this process has under way: its events so far, and everybody who waits for more of them."""

import asyncio
import contextlib

from engine.document import Json
from engine.events import AnyEvent, RunFinished
from engine.server.runs.port import Batch, FinalStatus, FinishedRun

_Waiters = list["asyncio.Future[None]"]


class LiveRun:
    """One run. Followers come and go; the run does not notice."""

    def __init__(self, execution_id: str, revision: str) -> None:
        self.execution_id = execution_id
        self.recorded: list[AnyEvent] = []
        self.saved = 0
        """How many of the events are in the store."""
        self.task: asyncio.Task[FinishedRun] | None = None
        self.heir: asyncio.Task[None] | None = None
        """Asks the store for the end of a run that is not ours any more."""
        self.is_cancelled = False
        """Whether somebody asked for its end."""
        self._revision = revision
        self._end: FinishedRun | Exception | None = None
        self._followers: _Waiters = []
        self._waiters: _Waiters = []

    def emit(self, event: AnyEvent) -> None:
        """Take the next event."""
        self.recorded.append(event)
        if self._followers:
            _wake(self._followers)

    async def more(self, after: int, wait_s: float) -> Batch:
        """Its events numbered above `after`. The last one is told when the end is recorded, not before."""
        if not self._has_news(after):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    while not self._has_news(after):
                        await _turn(self._followers)
        if isinstance(self._end, Exception):
            raise self._end
        return Batch(self._told()[after:], self._end is not None)

    async def finished(self) -> FinishedRun:
        """How it ended, once that is recorded."""
        while self._end is None:
            await _turn(self._waiters)
        if isinstance(self._end, Exception):
            raise self._end
        return self._end

    def finished_as(
        self, status: FinalStatus, error: str | None = None, code: str | None = None, output: Json = None
    ) -> FinishedRun:
        """What to record as its end."""
        return FinishedRun(self.execution_id, status, output, error, code, self._revision, tuple(self.recorded))

    def close(self, end: FinishedRun | Exception) -> None:
        """The end is recorded, or could not be: tell everybody who waits."""
        self._end = end
        _wake(self._waiters)
        _wake(self._followers)

    def _has_news(self, after: int) -> bool:
        return self._end is not None or len(self._told()) > after

    def _told(self) -> list[AnyEvent]:
        """The events that may be told: an end that is not recorded yet may still turn out differently."""
        is_early = self._end is None and self.recorded and isinstance(self.recorded[-1], RunFinished)
        return self.recorded[:-1] if is_early else self.recorded


class EndedRun:
    """A run that was over when it was recorded."""

    def __init__(self, finished: FinishedRun) -> None:
        self.execution_id = finished.execution_id
        self._finished = finished

    async def more(self, after: int, wait_s: float) -> Batch:  # noqa: ARG002 - nothing more can come
        """Its events numbered above `after`."""
        return Batch(self._finished.events[after:], is_last=True)

    async def finished(self) -> FinishedRun:
        """How it ended."""
        return self._finished


async def _turn(waiters: _Waiters) -> None:
    """Wait to be woken. Everybody has a future of their own, so that one who leaves takes nobody along."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiters.append(future)
    await future


def _wake(waiters: _Waiters) -> None:
    woken, waiters[:] = waiters[:], []
    for future in woken:
        if not future.done():
            future.set_result(None)
