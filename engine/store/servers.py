"""Server processes that share a database: who is alive, and whose runs were left behind."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select, update

from engine.store.database import Record
from engine.store.dbtime import US, now_us, read_now
from engine.store.schema import EXECUTIONS, SERVERS

MAX_AT_ONCE = 200
_S = SERVERS.c


def renew(connection: Connection, server_id: str, lease_s: float) -> None:
    """Say that this process lives, for so many seconds by the database's clock."""
    now = read_now(connection)
    until = now + int(lease_s * US)
    if connection.execute(update(SERVERS).where(_S.id == server_id).values(lease_until=until)).rowcount == 0:
        connection.execute(insert(SERVERS), {"id": server_id, "started_at": now, "lease_until": until})
    connection.execute(delete(SERVERS).where(_S.lease_until <= now))


def leave(connection: Connection, server_id: str) -> None:
    """This process has ended."""
    connection.execute(delete(SERVERS).where(_S.id == server_id))


def orphans(connection: Connection, only_owner: str | None) -> Sequence[Record]:
    """`id` and `owner` of some runs whose process is gone; where there can be one process only, of all but its own."""
    query = select(EXECUTIONS.c.id, EXECUTIONS.c.owner).where(EXECUTIONS.c.status == "running")
    if only_owner is not None:
        query = query.where(EXECUTIONS.c.owner != only_owner)
    else:
        alive = select(_S.id).where(_S.lease_until > now_us())
        query = query.where(EXECUTIONS.c.owner.not_in(alive))
    return connection.execute(query.limit(MAX_AT_ONCE)).all()
