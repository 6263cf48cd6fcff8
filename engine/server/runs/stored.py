"""A run as the store knows it: one that has ended, or that another process has under way."""

import asyncio
import time
from functools import partial

import msgspec
from sqlalchemy import Connection

from engine.events import AnyEvent, decode_events
from engine.server.runs.port import Batch, FinishedRun
from engine.store import Database, executions
from engine.store.database import Record

POLL_S = 0.3


class StoredRun:
    """One run, asked for in the store again and again until it has ended."""

    def __init__(self, db: Database, execution_id: str) -> None:
        self.execution_id = execution_id
        self._db = db

    async def more(self, after: int, wait_s: float) -> Batch:
        """Its events numbered above `after`, as they become known."""
        until = time.monotonic() + wait_s
        while True:
            row, events = await self._db.read(partial(self._read, after=after))
            is_over = row is None or row.status != "running"
            if events or is_over or time.monotonic() >= until:
                return Batch(events, is_over)
            await asyncio.sleep(POLL_S)

    async def finished(self) -> FinishedRun:
        """How it ended. A run that was deleted meanwhile counts as failed."""
        while True:
            row, events = await self._db.read(partial(self._read, after=0))
            if row is None:
                return FinishedRun(self.execution_id, "failed", None, "The execution was deleted.", None, "", ())
            if row.status != "running":
                return _finished(row, events)
            await asyncio.sleep(POLL_S)

    def _read(self, connection: Connection, after: int) -> tuple[Record | None, list[AnyEvent]]:
        row = executions.find(connection, self.execution_id)
        return row, stored_events(connection, self.execution_id, after)


def stored_events(connection: Connection, execution_id: str, after: int) -> list[AnyEvent]:
    """The events of a run that are kept and numbered above `after`, in order."""
    known: list[AnyEvent] = []
    for event in decode_events(executions.events_after(connection, execution_id, after).splitlines()):
        if event.seq > after:  # some may be there twice, when they were kept just as the run ended
            after = event.seq
            known.append(event)
    return known


def _finished(row: Record, events: list[AnyEvent]) -> FinishedRun:
    output = None if row.output is None or row.status == "failed" else msgspec.json.decode(row.output)
    return FinishedRun(row.id, row.status, output, row.error, row.error_code, row.revision, tuple(events))
