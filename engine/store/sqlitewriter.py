"""The thread that writes a SQLite file: one commit for all that came meanwhile."""

import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection, Engine, exc

from engine.store import arrivals, recording
from engine.store.database import Bulk, OnDone, StoreUnavailable, Work
from engine.store.manyrows import MAX_ROWS


class Job:
    """Something to be written, and what came of it. Either `work`, or a `row` for `bulk`."""

    __slots__ = ("bulk", "error", "on_done", "result", "row", "work")

    def __init__(
        self,
        on_done: OnDone,
        *,
        work: Work[Any] | None = None,
        bulk: "Bulk[Any, Any] | None" = None,
        row: Any = None,
    ) -> None:
        self.on_done, self.work, self.bulk, self.row = on_done, work, bulk, row
        self.result: Any = None
        self.error: Exception | None = None

    def fail(self, error: Exception) -> None:
        """It came to nothing: what it seemed to come to before the commit does not count."""
        self.result, self.error = None, error


class SqliteWriter:
    """Writes jobs in the order they come. `deliver` is called on the thread with those that are done."""

    def __init__(self, engine: Engine, deliver: Callable[[list[Job]], None]) -> None:
        self._deliver = deliver
        self._connection = engine.connect()
        arrivals.set_up(_driver(self._connection))
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="sqlite-write", daemon=True)
        self._thread.start()

    def put(self, job: Job) -> None:
        """Have this written."""
        self._jobs.put(job)

    def close(self) -> None:
        """Write what has come, then end. Waits for it."""
        self._jobs.put(None)
        self._thread.join()

    def _serve(self) -> None:
        is_open = True
        while is_open:
            batch: list[Job] = []
            with contextlib.suppress(queue.Empty):
                job = self._jobs.get()
                while job is not None:
                    batch.append(job)
                    if len(batch) == MAX_ROWS:
                        break
                    job = self._jobs.get_nowait()
                is_open = job is not None
            if batch:
                _write(self._connection, batch)
                self._deliver(batch)
        self._connection.close()


class _MustDoSingly(Exception):
    """One of several jobs failed after something was written, so the transaction has to be taken back."""


def _write(connection: Connection, batch: list[Job]) -> None:
    """Do all jobs: runs that nothing has to be asked about with one call, everything else in one transaction."""
    is_simple = all(job.bulk is recording.record and arrivals.is_simple(job.row) for job in batch)
    if not (is_simple and _try_at_once(_driver(connection), batch)):
        _write_together(connection, batch)


def _try_at_once(driver: sqlite3.Connection, batch: list[Job]) -> bool:
    """Record these runs, or fail them all. False when nothing was done, since one of them may not be recorded."""
    if driver.in_transaction:
        return False  # the call would not commit; the general way says what is wrong, and takes it back
    try:
        with told_in_words():
            arrivals.record_at_once(driver, [job.row for job in batch])
    except StoreUnavailable as error:
        for job in batch:
            job.fail(error)
        return True
    except Exception:  # noqa: BLE001 - whatever it is, the general way finds out whose it is and tells only them
        return False
    for job in batch:
        job.result = recording.Started("started", job.row[0].execution_id)
    return True


def _write_together(connection: Connection, batch: list[Job]) -> None:
    """Do all jobs in one transaction. If one of them fails after it has written, each gets one of its own instead."""
    try:
        with told_in_words(), connection.begin():
            _do_all(connection, batch)
    except _MustDoSingly:
        for job in batch:
            _write_alone(connection, job)
    except Exception as error:  # noqa: BLE001 - the border: the thread goes on, whatever the file has become
        for job in batch:
            job.fail(error)


def _do_all(connection: Connection, batch: list[Job]) -> None:
    driver = _driver(connection)
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


def _do(connection: Connection, jobs: list[Job]) -> None:
    first = jobs[0]
    if first.work is not None:
        first.result = first.work(connection)
        return
    assert first.bulk is not None
    results = first.bulk(connection, [job.row for job in jobs])
    for job, result in zip(jobs, results, strict=True):
        job.result = result


def _write_alone(connection: Connection, job: Job) -> None:
    job.error = None
    try:
        with told_in_words(), connection.begin():
            _do(connection, [job])
    except Exception as error:  # noqa: BLE001 - the border, as above
        job.fail(error)


def _grouped(batch: list[Job]) -> list[list[Job]]:
    """The jobs in the order they came, those for one bulk operation together."""
    groups: dict[Any, list[Job]] = {}
    for job in batch:
        groups.setdefault(id(job) if job.bulk is None else job.bulk, []).append(job)
    return list(groups.values())


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.dbapi_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


@contextlib.contextmanager
def told_in_words() -> Iterator[None]:
    """Turn what SQLite says about a file that it cannot use into `StoreUnavailable`."""
    try:
        yield
    except (exc.DatabaseError, sqlite3.DatabaseError) as error:
        cause = error.orig if isinstance(error, exc.DatabaseError) else error
        if type(cause) not in (sqlite3.OperationalError, sqlite3.DatabaseError):
            raise  # it is about a statement
        raise StoreUnavailable(_WORDS.get(str(cause), f"The database cannot be used: {cause}.")) from error


_DAMAGED = "The database file is damaged. Restore a backup of it."
_WORDS = {
    "database is locked": "The database is locked by another program. Try again in a moment.",
    "database or disk is full": "The disk is full, so nothing can be recorded. Free some space, then try again.",
    "attempt to write a readonly database": "The database is read-only, so nothing can be recorded. Check its folder.",
    "database disk image is malformed": _DAMAGED,
    "file is not a database": _DAMAGED,
}
