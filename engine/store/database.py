"""What the server asks of a database, whichever it is: read, write, and write many of a kind at once.

The work is a function that gets a SQLAlchemy connection and runs in a thread, in a transaction of its own. It may run
more than once, when the database takes back what it did, so it changes nothing but the database. Its result is handed
over after the commit: what has been answered is on disk.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Dialect
from sqlalchemy import Row as _SqlRow

from engine.errors import BlockloomError

T = TypeVar("T")
Row = TypeVar("Row")
Record = _SqlRow[*tuple[Any, ...]]
"""A row that was read, with a field for each column."""
Work = Callable[[Connection], T]
Bulk = Callable[[Connection, Sequence[Row]], Sequence[T]]
"""Writes many rows of one kind and answers with one result for each, in order."""
OnDone = Callable[[Any, Exception | None], None]


class StoreUnavailable(BlockloomError):
    """The database did not take part: locked, full, read-only, gone, or too much waits for it. Nothing was written."""


class Database(Protocol):
    """An open database. Belongs to the event loop that it was opened on."""

    dialect: Dialect
    is_shared: bool
    """Whether other processes write it, so that what was read before may be out of date."""

    async def read(self, work: Work[T]) -> T:
        """The result of work that only reads, on one consistent state.

        Raises:
            StoreUnavailable: the database could not be asked.
        """

    async def write(self, work: Work[T]) -> T:
        """The result of work that writes, once it is committed. If it raises, nothing of it stays.

        Raises:
            StoreUnavailable: the database could not take it; nothing was written.
        """

    @property
    def is_busy(self) -> bool:
        """Whether so much waits to be written that nothing new should be begun."""

    def submit(self, bulk: "Bulk[Any, Any]", row: Any, on_done: OnDone) -> None:
        """Write one row among many: rows that come meanwhile for the same `bulk` are written by one call.

        `on_done` is called on the event loop after the commit, with the row's result, or with what went wrong. Nobody
        waits here, so nobody can be cancelled: what was submitted is written, and its sender hears of it.
        """

    async def close(self) -> None:
        """Let everything that was accepted be written, then close."""
