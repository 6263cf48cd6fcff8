"""A run as the store knows it: one that has ended, or that another process has under way."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import msgspec
from sqlalchemy import Connection

from engine.events import AnyEvent, decode_events
from engine.server.runs.port import FinishedRun
from engine.store import Database, executions
from engine.store.database import Record

POLL_S = 0.3


class StoredRun:
    """One run, asked for in the store again and again until it has ended."""

    def __init__(self, db: Database, execution_id: str) -> None:
        self.execution_id = execution_id
        self._db = db

    async def events(self, after: int = 0) -> AsyncIterator[AnyEvent]:
        """Its events numbered above `after`, as they become known."""
        while True:
            row, events = await self._db.read(partial(self._read, after=after))
            for event in events:
                after = event.seq
                yield event
            if row is None or row.status != "running":
                return
            await asyncio.sleep(POLL_S)

    async def finished(self) -> FinishedRun:
        """How it ended. A run that was deleted meanwhile counts as failed."""
        while True:
            row, events = await self._db.read(partial(self._read, after=0))
            if row is None:
                return FinishedRun(self.execution_id, "failed", None, "The execution was deleted.", None, ())
            if row.status != "running":
                output = None if row.output is None or row.status == "failed" else msgspec.json.decode(row.output)
                return FinishedRun(self.execution_id, row.status, output, row.error, row.error_code, tuple(events))
            await asyncio.sleep(POLL_S)

    def _read(self, connection: Connection, after: int) -> tuple[Record | None, list[AnyEvent]]:
        row = executions.find(connection, self.execution_id)
        lines = executions.events_after(connection, self.execution_id, after).splitlines()
        known: list[AnyEvent] = []
        for event in decode_events(lines):
            if event.seq > after:  # some may be there twice, when they were kept just as the run ended
                after = event.seq
                known.append(event)
        return row, known
