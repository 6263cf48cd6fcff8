"""Counting what happens within the last so many seconds, by the database's clock and for all processes together."""

from sqlalchemy import Connection, delete, func, insert, select, update

from engine.store.dbtime import US, read_now
from engine.store.schema import RATE_COUNTERS

_R = RATE_COUNTERS.c


def hit(connection: Connection, name: str, limit: int, window_s: int) -> int | None:
    """Count one more under this name: None when there were fewer than `limit` within the window before.

    Otherwise nothing is counted, and the result is the number of microseconds until one of them is old enough.
    """
    if connection.dialect.name == "postgresql":
        # Two that count at the same time must see each other; SQLite lets one write at a time anyway.
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(name))))
    now = read_now(connection)
    begin = now - window_s * US
    connection.execute(delete(RATE_COUNTERS).where(_R.name == name, _R.window_start <= begin))
    count, oldest = connection.execute(
        select(func.coalesce(func.sum(_R.hits), 0), func.min(_R.window_start)).where(_R.name == name)
    ).one()
    if count >= limit:
        return int(oldest) - begin
    is_now = (_R.name == name) & (_R.window_start == now)
    if connection.execute(update(RATE_COUNTERS).where(is_now).values(hits=_R.hits + 1)).rowcount == 0:
        connection.execute(insert(RATE_COUNTERS).values(name=name, window_start=now, hits=1))
    return None
