"""A run that this process has under way: its events so far, and everybody who waits for more of them."""

import asyncio
import contextlib

from engine.document import Json
from engine.events import AnyEvent, RunFinished
from engine.server.runs.port import Batch, FinalStatus, FinishedRun


class LiveRun:
    """One run. Followers come and go; the run does not notice."""

    def __init__(self, execution_id: str, revision: str) -> None:
        self.execution_id = execution_id
        self._revision = revision
        self.recorded: list[AnyEvent] = []
        self.saved = 0
        """How many of the events are in the store."""
        self.is_cancelled = False
        """Whether somebody asked for its end."""
        self.end: asyncio.Future[FinishedRun] = asyncio.get_running_loop().create_future()
        self._news: asyncio.Event | None = None

    def emit(self, event: AnyEvent) -> None:
        """Take the next event."""
        self.recorded.append(event)
        if self._news is not None:
            self._news.set()

    async def more(self, after: int, wait_s: float) -> Batch:
        """Its events numbered above `after`. The last one is told when the end is recorded, not before."""
        if not self._has_news(after):
            self._news = self._news or asyncio.Event()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    while not self._has_news(after):
                        self._news.clear()
                        await self._news.wait()
        if self.end.done():
            self.end.result()  # raises what kept the end from being recorded
        return Batch(self._told()[after:], self.end.done())

    async def finished(self) -> FinishedRun:
        """How it ended, once that is recorded."""
        return await asyncio.shield(self.end)

    def finished_as(
        self, status: FinalStatus, error: str | None = None, code: str | None = None, output: Json = None
    ) -> FinishedRun:
        """What to record as its end."""
        return FinishedRun(self.execution_id, status, output, error, code, self._revision, tuple(self.recorded))

    def close(self, run: FinishedRun) -> None:
        """The end is recorded: tell everybody who waits."""
        if not self.end.done():
            self.end.set_result(run)
        self._wake()

    def fail(self, error: Exception) -> None:
        """The end could not be recorded: nobody may be told that it was."""
        if not self.end.done():
            self.end.set_exception(error)
            self.end.exception()  # told to whoever asks; nobody has to
        self._wake()

    def _has_news(self, after: int) -> bool:
        return self.end.done() or len(self._told()) > after

    def _told(self) -> list[AnyEvent]:
        """The events that may be told: an end that is not recorded yet may still turn out differently."""
        is_early = not self.end.done() and self.recorded and isinstance(self.recorded[-1], RunFinished)
        return self.recorded[:-1] if is_early else self.recorded

    def _wake(self) -> None:
        if self._news is not None:
            self._news.set()
