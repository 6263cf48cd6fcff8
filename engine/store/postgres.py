"""PostgreSQL: a pool of connections, for any number of server processes on one database.

Every write is a transaction of its own; the database does the group commit. What it takes back because others wrote at
the same time is done again.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import psycopg
from sqlalchemy import Dialect, Engine, create_engine, exc

from engine.store.database import Bulk, OnDone, StoreUnavailable, Work

T = TypeVar("T")
CONNECTIONS = 8
CONNECT_TIMEOUT_S = 5
MAX_WAITING = 4_096
ATTEMPTS = 5
_TAKEN_BACK = ("40001", "40P01", "23505")
"""States of PostgreSQL: serialization failure, deadlock, and a key that somebody else added at the same moment. The
work is done again, and then sees what the other one wrote."""


class PostgresDatabase:
    """One PostgreSQL database. Made by `open_database`, which has brought its tables up to date."""

    is_shared = True

    def __init__(self, engine: Engine) -> None:
        self.dialect: Dialect = engine.dialect
        self._engine = engine
        self._loop = asyncio.get_running_loop()
        self._pool = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="postgres")
        self._waiting = 0

    async def read(self, work: Work[T]) -> T:
        """The result of work that only reads."""
        return await self._run(lambda: self._attempt(work))

    async def write(self, work: Work[T]) -> T:
        """The result of work that writes, once it is committed."""
        return await self._run(lambda: self._attempt(work))

    @property
    def is_busy(self) -> bool:
        """Whether too much waits for a connection."""
        return self._waiting >= MAX_WAITING

    def submit(self, bulk: "Bulk[Any, Any]", row: Any, on_done: OnDone) -> None:
        """Write one row."""

        def written(future: "asyncio.Future[Any]") -> None:
            self._waiting -= 1
            error = future.exception()
            if error is None or isinstance(error, Exception):
                on_done(None if error else future.result(), error)

        self._waiting += 1
        work = partial(self._attempt, lambda connection: bulk(connection, [row])[0])
        self._loop.run_in_executor(self._pool, work).add_done_callback(written)

    async def close(self) -> None:
        """Write what was accepted, then close."""
        await asyncio.to_thread(self._pool.shutdown)
        self._engine.dispose()

    async def _run(self, work: Callable[[], T]) -> T:
        if self.is_busy:
            raise StoreUnavailable("The database is busy with more than it can take. Try again in a moment.")
        self._waiting += 1
        try:
            return await self._loop.run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1

    def _attempt(self, work: Work[T]) -> T:
        attempt = 1
        while True:
            try:
                with told_in_words(), self._engine.begin() as connection:
                    return work(connection)
            except (exc.DBAPIError, psycopg.Error) as error:
                if attempt == ATTEMPTS or _cause(error).sqlstate not in _TAKEN_BACK:
                    raise
            attempt += 1


@contextlib.contextmanager
def told_in_words() -> Iterator[None]:
    """Turn the loss of the database into `StoreUnavailable`; what it says about a statement passes."""
    try:
        yield
    except (exc.DBAPIError, psycopg.Error) as error:
        cause = _cause(error)
        if cause.sqlstate in _TAKEN_BACK or not isinstance(cause, psycopg.OperationalError):
            raise
        words = str(cause).strip().splitlines() or ["it does not answer"]
        raise StoreUnavailable(f"The database cannot be used: {words[0]}.") from error


def _cause(error: exc.DBAPIError | psycopg.Error) -> psycopg.Error:
    """What the driver said. Statements that go to it directly are not wrapped."""
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    return cause if isinstance(cause, psycopg.Error) else psycopg.Error(str(cause))


def open_engine(url: str) -> Engine:
    """The engine for this URL. A connection that the server has closed meanwhile is replaced before it is used."""
    return create_engine(
        url,
        pool_size=CONNECTIONS,
        max_overflow=0,
        pool_pre_ping=True,
        isolation_level="READ COMMITTED",
        connect_args={"connect_timeout": CONNECT_TIMEOUT_S},
    )
