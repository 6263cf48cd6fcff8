"""SQLite: one thread writes, with one commit for all that came meanwhile; readers never wait for it.

One writing connection, because two that write or checkpoint at once can corrupt the file before SQLite 3.51.3, and one
server process for the same reason. `BEGIN IMMEDIATE` for everything that writes: a transaction that begins by reading
cannot be upgraded once another one has written, whatever the timeout. Nothing is answered before `fsync` is through.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Dialect, Engine, create_engine, event, exc
from sqlalchemy.pool import QueuePool, StaticPool

from engine.store.database import Bulk, OnDone, StoreUnavailable, Work
from engine.store.manyrows import MAX_ROWS

T = TypeVar("T")
OLDEST = (3, 35)
"""The first one that can return what a statement has changed."""
BUSY_TIMEOUT_S = 5.0
MAX_WAITING = 4_096
"""Writes that may wait. More than this is refused: an unbounded queue eats memory until it is too late anyway."""
MAX_BATCH = 256
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
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._writer = writer
        self._thread = threading.Thread(target=self._serve, name="sqlite-write", daemon=True)
        self._thread.start()

    async def read(self, work: Work[T]) -> T:
        """The result of work that only reads."""
        return await self._loop.run_in_executor(self._pool, self._read, work)

    async def write(self, work: Work[T]) -> T:
        """The result of work that writes, once it is committed."""
        if self.is_busy:
            raise StoreUnavailable(_BUSY_TEXT)
        future: asyncio.Future[T] = self._loop.create_future()
        self._put(_Job(partial(_settle, future), work, None, None))
        return await future

    @property
    def is_busy(self) -> bool:
        """Whether too much waits to be written."""
        return self._waiting >= MAX_WAITING

    def submit(self, bulk: "Bulk[Any, Any]", row: Any, on_done: OnDone) -> None:
        """Write one row among all that come meanwhile."""
        self._put(_Job(on_done, None, bulk, row))

    async def close(self) -> None:
        """Write what was accepted, then close."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        self._pool.shutdown()
        self._readers.dispose()
        self._writer.dispose()

    def _put(self, job: "_Job") -> None:
        self._waiting += 1
        self._jobs.put(job)

    def _read(self, work: Work[T]) -> T:
        with told_in_words(), self._readers.connect() as connection, connection.begin():
            return work(connection)

    def _serve(self) -> None:
        connection = self._writer.connect()
        is_open = True
        while is_open:
            batch: list[_Job] = []
            with contextlib.suppress(queue.Empty):
                job = self._jobs.get()
                while job is not None:
                    batch.append(job)
                    if len(batch) == MAX_BATCH:
                        break
                    job = self._jobs.get_nowait()
                is_open = job is not None
            if batch:
                _write_batch(connection, batch)
                self._loop.call_soon_threadsafe(self._deliver, batch)
        connection.close()

    def _deliver(self, batch: "list[_Job]") -> None:
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


class _Job:
    """Something to be written, and what came of it. Either `work`, or a `row` for `bulk`."""

    __slots__ = ("bulk", "error", "on_done", "result", "row", "work")

    def __init__(self, on_done: OnDone, work: Work[Any] | None, bulk: "Bulk[Any, Any] | None", row: Any) -> None:
        self.on_done, self.work, self.bulk, self.row = on_done, work, bulk, row
        self.result: Any = None
        self.error: Exception | None = None

    def fail(self, error: Exception) -> None:
        """It came to nothing: what it seemed to come to before the commit does not count."""
        self.result, self.error = None, error


class _MustDoSingly(Exception):
    """One of several jobs failed after something was written, so the transaction has to be taken back."""


def _write_batch(connection: Connection, batch: list[_Job]) -> None:
    """Do all jobs in one transaction. If one of them fails after it has written, each gets one of its own instead."""
    try:
        with told_in_words(), connection.begin():
            _do_all(connection, batch)
    except _MustDoSingly:
        for job in batch:
            _write_alone(connection, job)
    except StoreUnavailable as error:
        for job in batch:
            job.fail(error)


def _do_all(connection: Connection, batch: list[_Job]) -> None:
    driver = connection.connection.dbapi_connection
    assert isinstance(driver, sqlite3.Connection)
    for jobs in _grouped(batch):
        before = driver.total_changes
        try:
            _do(connection, jobs)
        except (exc.OperationalError, sqlite3.OperationalError):
            raise
        except Exception as error:  # noqa: BLE001 - the border: whatever a job raises is told to who asked for it
            if len(jobs) > 1 or driver.total_changes != before:
                raise _MustDoSingly from None
            jobs[0].fail(error)


def _do(connection: Connection, jobs: list[_Job]) -> None:
    first = jobs[0]
    if first.work is not None:
        first.result = first.work(connection)
        return
    assert first.bulk is not None
    results = first.bulk(connection, [job.row for job in jobs])
    for job, result in zip(jobs, results, strict=True):
        job.result = result


def _write_alone(connection: Connection, job: _Job) -> None:
    job.error = None
    try:
        with told_in_words(), connection.begin():
            _do(connection, [job])
    except Exception as error:  # noqa: BLE001 - the border, as above
        job.fail(error)


def _grouped(batch: list[_Job]) -> list[list[_Job]]:
    """The jobs in the order they came, those for one bulk operation together."""
    groups: dict[Any, list[_Job]] = {}
    for job in batch:
        groups.setdefault(id(job) if job.bulk is None else job.bulk, []).append(job)
    return list(groups.values())


@contextlib.contextmanager
def told_in_words() -> Iterator[None]:
    """Turn what SQLite says about a file that it cannot use into `StoreUnavailable`."""
    try:
        yield
    except (exc.OperationalError, sqlite3.OperationalError) as error:
        text = str(error.orig if isinstance(error, exc.OperationalError) else error)
        raise StoreUnavailable(_WORDS.get(text, f"The database cannot be used: {text}.")) from error


_WORDS = {
    "database is locked": "The database is locked by another program. Try again in a moment.",
    "database or disk is full": "The disk is full, so nothing can be recorded. Free some space, then try again.",
    "attempt to write a readonly database": "The database is read-only, so nothing can be recorded. Check its folder.",
}


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
    ):
        driver.execute(f"PRAGMA {pragma}")


def _set_up_reader(driver: sqlite3.Connection, _record: object) -> None:
    for pragma in ("query_only=ON", "wal_autocheckpoint=0"):
        driver.execute(f"PRAGMA {pragma}")
    # The built-in one knows ASCII only, and a search must find "Über" by "über".
    driver.create_function("lower", 1, _lower, deterministic=True)


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value
