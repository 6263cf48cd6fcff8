"""SQLite: one thread writes, with one commit for all that came meanwhile; readers never wait for it.

One writing connection, because two that write or checkpoint at once can corrupt the file before SQLite 3.51.3, and one
server process for the same reason. `BEGIN IMMEDIATE` for everything that writes: a transaction that begins by reading
cannot be upgraded once another one has written, whatever the timeout. Nothing is answered before `fsync` is through.
"""

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Dialect, Engine, create_engine, event
from sqlalchemy.pool import QueuePool, StaticPool

from engine.store.database import Bulk, OnDone, StoreUnavailable, Work
from engine.store.manyrows import MAX_ROWS
from engine.store.sqlitewriter import Job, SqliteWriter, told_in_words

T = TypeVar("T")
OLDEST = (3, 35)
"""The first one that can return what a statement has changed."""
BUSY_TIMEOUT_S = 5.0
MAX_WAITING = 4_096
"""Writes that may wait. More than this is refused: an unbounded queue eats memory until it is too late anyway."""
READERS = 4
_BUSY_TEXT = "The database is busy with more than it can write. Try again in a moment."


class SqliteDatabase:
    """One SQLite file. Made by `open_database`, which has brought its tables up to date."""

    is_shared = False

    def __init__(self, writer: Engine, readers: Engine) -> None:
        self.dialect: Dialect = writer.dialect
        self._loop = asyncio.get_running_loop()
        self._readers = readers
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="sqlite-read")
        self._waiting = 0
        self._writer = writer
        self._thread = SqliteWriter(writer, self._on_done)

    async def read(self, work: Work[T]) -> T:
        """The result of work that only reads."""
        return await self._loop.run_in_executor(self._pool, self._read, work)

    async def write(self, work: Work[T]) -> T:
        """The result of work that writes, once it is committed."""
        if self.is_busy:
            raise StoreUnavailable(_BUSY_TEXT)
        future: asyncio.Future[T] = self._loop.create_future()
        self._put(Job(partial(_settle, future), work=work))
        return await future

    @property
    def is_busy(self) -> bool:
        """Whether too much waits to be written."""
        return self._waiting >= MAX_WAITING

    def submit(self, bulk: "Bulk[Any, Any]", row: Any, on_done: OnDone) -> None:
        """Write one row among all that come meanwhile."""
        self._put(Job(on_done, bulk=bulk, row=row))

    async def close(self) -> None:
        """Write what was accepted, then close."""
        await asyncio.to_thread(self._thread.close)
        self._pool.shutdown()
        self._readers.dispose()
        self._writer.dispose()

    def _put(self, job: Job) -> None:
        self._waiting += 1
        self._thread.put(job)

    def _read(self, work: Work[T]) -> T:
        with told_in_words(), self._readers.connect() as connection, connection.begin():
            return work(connection)

    def _on_done(self, jobs: list[Job]) -> None:
        self._loop.call_soon_threadsafe(self._deliver, jobs)

    def _deliver(self, batch: list[Job]) -> None:
        self._waiting -= len(batch)
        for job in batch:
            try:
                job.on_done(job.result, job.error)
            except Exception as error:  # noqa: BLE001 - one that fails must not keep the others from hearing
                self._loop.call_exception_handler({"message": "a store callback failed", "exception": error})


def _settle(future: "asyncio.Future[Any]", result: Any, error: Exception | None) -> None:
    if future.done():
        return  # whoever asked has gone; what they asked for is written all the same
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)


def open_engines(path: Path) -> tuple[Engine, Engine]:
    """The engine that writes and the one that reads. Both wait for other programs at most `BUSY_TIMEOUT_S`.

    Raises:
        StoreUnavailable: this Python has a SQLite that is too old.
    """
    if sqlite3.sqlite_version_info < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise StoreUnavailable(f"SQLite {wanted} or later is needed; this Python has {sqlite3.sqlite_version}.")
    arguments = {"timeout": BUSY_TIMEOUT_S, "check_same_thread": False, "isolation_level": None}
    arguments["cached_statements"] = 4 * MAX_ROWS
    url = f"sqlite:///{path}"
    writer = create_engine(url, connect_args=arguments, poolclass=StaticPool)
    readers = create_engine(url, connect_args=arguments, poolclass=QueuePool, pool_size=READERS, max_overflow=0)
    event.listen(writer, "connect", _set_up_writer)
    event.listen(readers, "connect", _set_up_reader)
    event.listen(writer, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    event.listen(readers, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return writer, readers


def _set_up_writer(driver: sqlite3.Connection, _record: object) -> None:
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "cache_size=-64000",
        "temp_store=MEMORY",  # there may be no other place that can be written than the data folder
    ):
        driver.execute(f"PRAGMA {pragma}")


def _set_up_reader(driver: sqlite3.Connection, _record: object) -> None:
    for pragma in ("query_only=ON", "wal_autocheckpoint=0"):
        driver.execute(f"PRAGMA {pragma}")
    # The built-in one knows ASCII only, and a search must find "Über" by "über".
    driver.create_function("lower", 1, _lower, deterministic=True)


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value
