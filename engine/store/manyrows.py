"""Statements for what is written thousands of times a second: over many rows at once, straight to the driver.

`VALUES (..), (..), ..` for all rows instead of one statement for each is less to say to the database, and while SQLite
works on it, Python goes on in another thread. There are not many lengths, and the driver keeps what it has prepared.
Inside the transaction of the connection, like anything else.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Connection

MAX_ROWS = 128
Values = tuple[Any, ...]


def execute_many(connection: Connection, statement: str, rows: Sequence[Values]) -> list[Values]:
    """Execute a statement that has `{values}` in it, for all rows; returns what it gives back, if it does."""
    returned: list[Values] = []
    mark = _mark(connection)
    cursor = connection.connection.cursor()
    try:
        for piece in _pieces(rows):
            text = _statement(statement, mark, len(piece[0]), len(piece))
            cursor.execute(text, tuple(chain.from_iterable(piece)))
            if cursor.description is not None:
                returned.extend(cursor.fetchall())
    finally:
        cursor.close()
    return returned


def execute_one(connection: Connection, statement: str, values: Values, **texts: str) -> Values | None:
    """Execute a statement that has `{mark}` in it for each value; returns the row that it gives back, if it does."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(_filled(statement, _mark(connection), tuple(texts.items())), values)
        row = cursor.fetchone()
        return None if row is None else tuple(row)
    finally:
        cursor.close()


def _mark(connection: Connection) -> str:
    return "?" if connection.dialect.paramstyle == "qmark" else "%s"


def _pieces(rows: Sequence[Values]) -> Iterator[Sequence[Values]]:
    return (rows[start : start + MAX_ROWS] for start in range(0, len(rows), MAX_ROWS))


@lru_cache(maxsize=4 * MAX_ROWS)
def _statement(statement: str, mark: str, columns: int, rows: int) -> str:
    row = f"({', '.join([mark] * columns)})"
    return statement.format(values=", ".join([row] * rows))


@lru_cache(maxsize=64)
def _filled(statement: str, mark: str, texts: tuple[tuple[str, str], ...]) -> str:
    return statement.format(mark=mark, **dict(texts))
