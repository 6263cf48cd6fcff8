"""Records whose fields only their own route knows, inside the transaction of the caller.

`kind` says what a record is, `parent_id` whose it is ("" for nobody's), `data` is its JSON.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, insert, select, update

from engine.store.dbtime import now_us, read_now
from engine.store.schema import RECORDS

_R = RECORDS.c


def listed(kind: str, parent_id: str | None = None) -> Select[Any]:
    """The records of a kind, of one parent or of all."""
    query = select(RECORDS).where(_R.kind == kind)
    return query if parent_id is None else query.where(_R.parent_id == parent_id)


def all_of(connection: Connection, kind: str, parent_id: str, limit: int | None = None) -> Sequence[Row[Any]]:
    """The records of one parent, oldest first."""
    return connection.execute(listed(kind, parent_id).order_by(_R.number).limit(limit)).all()


def find(connection: Connection, kind: str, record_id: str) -> Row[Any] | None:
    """The record of this kind and id, None when there is none."""
    return connection.execute(listed(kind).where(_R.id == record_id)).first()


def add(connection: Connection, kind: str, record_id: str, data: str, *, parent_id: str = "", name: str = "") -> None:
    """Add a record."""
    now = read_now(connection)
    row = {"kind": kind, "id": record_id, "parent_id": parent_id, "name": name, "data": data}
    connection.execute(insert(RECORDS), {**row, "created_at": now, "updated_at": now})


def change(connection: Connection, kind: str, record_id: str, data: str, name: str | None = None) -> bool:
    """Replace the data of a record, and its name unless None; tells whether there was one."""
    values: dict[str, Any] = {"data": data, "updated_at": now_us()}
    if name is not None:
        values["name"] = name
    is_it = (_R.kind == kind) & (_R.id == record_id)
    return connection.execute(update(RECORDS).where(is_it).values(values)).rowcount == 1


def remove(connection: Connection, kind: str, record_id: str) -> bool:
    """Remove a record and what belongs to it; tells whether there was one."""
    connection.execute(delete(RECORDS).where(_R.parent_id == record_id))
    return connection.execute(delete(RECORDS).where(_R.kind == kind, _R.id == record_id)).rowcount == 1
