"""What a server process does beside its runs: keep its lease, keep events, hear of cancels, clear up after the dead.

Source: reliability 3.3 (crash mid-run, second recovery at the same time, rolling restart); W14.
"""

import asyncio
import time
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sqlalchemy import Connection
from structlog import get_logger

from engine.events import RunFinished, encode_event
from engine.server.errors import EXECUTION_INTERRUPTED
from engine.server.runs.record import as_lines
from engine.store import Database, StoreUnavailable, executions, recording, retention, servers

if TYPE_CHECKING:
    from engine.server.runs.local import LocalRuns

TICK_S = 0.5
LEASE_S = 20.0
RENEW_EVERY_S = 5.0
INTERRUPTED_TEXT = "The server stopped while this was running."


class Housekeeping:
    """One task, from the registration of the process to its end. Runs that ended `keep_s` seconds ago are deleted."""

    def __init__(self, db: Database, owner: str, runs: "LocalRuns", keep_s: float | None = None) -> None:
        self._keep_s = keep_s
        self._db = db
        self._owner = owner
        self._runs = runs
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Register, and close what others left open."""
        await self._renew()
        await self._close_orphans()
        self._task = asyncio.create_task(self._work(), name="housekeeping")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        try:
            await self._db.write(lambda connection: servers.leave(connection, self._owner))
        except StoreUnavailable as failure:
            get_logger().warning("could not sign off", reason=str(failure))

    async def _work(self) -> None:
        renewed = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            try:
                await self._keep_events()
                if self._db.is_shared and self._runs.live:
                    await self._hear_cancels()
                if time.monotonic() - renewed >= RENEW_EVERY_S:
                    renewed = time.monotonic()
                    await self._renew()
                    await self._close_orphans()
                    await self._forget()
            except StoreUnavailable as error:
                get_logger().warning("housekeeping was put off", reason=str(error))
            except Exception as error:  # noqa: BLE001 - the border: one failure must not be the end of the lease
                get_logger().error("housekeeping failed", exc_info=error)

    async def _renew(self) -> None:
        await self._db.write(lambda connection: servers.renew(connection, self._owner, LEASE_S))

    async def _keep_events(self) -> None:
        """Write what has happened in long runs, so that others can follow them and a crash loses little."""
        for live in self._runs.live:
            unsaved = live.recorded[live.saved :]
            if not unsaved or isinstance(unsaved[-1], RunFinished):
                continue
            last, lines = unsaved[-1].seq, as_lines(unsaved)
            add = partial(executions.add_events, execution_id=live.execution_id, owner=self._owner)
            await self._db.write(partial(add, last_seq=last, events=lines))
            live.saved += len(unsaved)

    async def _hear_cancels(self) -> None:
        wanted = await self._db.read(lambda connection: executions.cancels_wanted(connection, self._owner))
        for execution_id in wanted:
            self._runs.cancel_here(execution_id)

    async def _forget(self) -> None:
        """Delete what is older than it is to be kept, in pieces."""
        await self._db.write(retention.forget_keys)
        if self._keep_s is not None:
            forget = partial(retention.forget_executions, older_than_s=self._keep_s)
            while await self._db.write(forget) == retention.PIECE:
                continue

    async def _close_orphans(self) -> None:
        """Close runs whose process is gone. Where only one process may write, that is everybody else."""

        def close(connection: Connection) -> int:
            alone = None if self._db.is_shared else self._owner
            orphans = servers.orphans(connection, alone)
            for orphan in orphans:
                seq = executions.last_seq(connection, orphan.id) + 1
                end = RunFinished(seq, time.time(), status="failed", error=INTERRUPTED_TEXT)
                line = encode_event(end) + b"\n"
                row = recording.Finish(
                    orphan.id, orphan.owner, "failed", "{}", INTERRUPTED_TEXT, EXECUTION_INTERRUPTED, 0, 0, line, seq
                )
                recording.finish(connection, [row])
            return len(orphans)

        closed = await self._db.write(close)
        if closed:
            get_logger().warning("closed runs that a stopped server left open", count=closed)
