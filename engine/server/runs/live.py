"""A run that this process has under way: its events so far, and everybody who waits for more of them."""

import asyncio
from collections.abc import AsyncIterator

from engine.events import AnyEvent, RunFinished
from engine.server.runs.port import FinishedRun


class LiveRun:
    """One run. Followers come and go; the run does not notice."""

    def __init__(self, execution_id: str) -> None:
        self.execution_id = execution_id
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

    async def events(self, after: int = 0) -> AsyncIterator[AnyEvent]:
        """Its events numbered above `after`, as they happen. The last one is told when the end is recorded."""
        sent = after
        while True:
            while sent < len(self.recorded):
                event = self.recorded[sent]
                if isinstance(event, RunFinished):
                    await self.finished()
                sent += 1
                yield event
                if isinstance(event, RunFinished):
                    return
            if self.end.done() and sent >= len(self.recorded):
                return
            self._news = self._news or asyncio.Event()
            self._news.clear()
            await self._news.wait()

    async def finished(self) -> FinishedRun:
        """How it ended, once that is recorded."""
        return await asyncio.shield(self.end)

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

    def _wake(self) -> None:
        if self._news is not None:
            self._news.set()
