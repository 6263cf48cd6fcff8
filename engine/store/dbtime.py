"""Instants in the store: microseconds since the epoch, by the database's clock.

One clock decides whether an armed window is open and a lease has run out, whatever the clocks of the machines that ask
say. SQLite before 3.42 answers NULL to the obvious spellings, so the expression stands here once, and is tried when a
database is opened.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Connection, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement

US = 1_000_000
"""Microseconds in a second."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOW = {
    # 2440587.5 is the epoch as a Julian day; the value has milliseconds, which a float holds exactly enough.
    "sqlite": "CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER) * 1000",
    "postgresql": "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
}
_LONG_AGO = 1_577_836_800 * US  # 2020


class now_us(FunctionElement[int]):  # noqa: N801 - reads as the SQL function that it is
    """SQL: the database's time now. Moves within a transaction, too."""

    type = BigInteger()
    inherit_cache = True


@compiles(now_us)
def _compiled(_element: now_us, compiler: Any, **_options: Any) -> str:
    return _NOW[compiler.dialect.name]


def now_text(dialect: str) -> str:
    """The database's time now, as the text of an expression."""
    return _NOW[dialect]


def read_now(connection: Connection) -> int:
    """The database's time now."""
    return connection.execute(select(now_us())).scalar_one()


def check_clock(connection: Connection) -> None:
    """Make sure that this database can tell the time.

    Raises:
        RuntimeError: it cannot; nothing that depends on time would work.
    """
    now = connection.execute(select(now_us())).scalar()
    if not isinstance(now, int) or now < _LONG_AGO:
        raise RuntimeError(f"The database cannot tell the time: it answered {now!r} where microseconds are due.")


def to_iso(instant: int) -> str:
    """As the API writes it: ISO 8601 with microseconds and offset (contract 2.1)."""
    return to_datetime(instant).isoformat(timespec="microseconds")


def to_iso_or_none(instant: int | None) -> str | None:
    """As `to_iso`; None stays None."""
    return None if instant is None else to_iso(instant)


def to_datetime(instant: int) -> datetime:
    """The same instant, aware, in UTC."""
    return _EPOCH + timedelta(microseconds=instant)


def from_datetime(moment: datetime) -> int:
    """The same instant in microseconds. `moment` must be aware."""
    return (moment - _EPOCH) // timedelta(microseconds=1)
