"""Orchestrations and the agents in them, inside the transaction of the caller."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update

from engine.store.dbtime import now_us, read_now
from engine.store.schema import ORCHESTRATION_ENTITIES, ORCHESTRATIONS

_O, _E = ORCHESTRATIONS.c, ORCHESTRATION_ENTITIES.c


def listed() -> Select[Any]:
    """All orchestrations with `entity_count`."""
    counted = select(_E.orchestration_id, func.count().label("entity_count")).group_by(_E.orchestration_id).subquery()
    return select(ORCHESTRATIONS, func.coalesce(counted.c.entity_count, 0).label("entity_count")).outerjoin(
        counted, counted.c.orchestration_id == _O.id
    )


def find(connection: Connection, orchestration_id: str) -> Row[Any] | None:
    """The row of an orchestration, None when there is none."""
    return connection.execute(select(ORCHESTRATIONS).where(_O.id == orchestration_id)).one_or_none()


def create(connection: Connection, orchestration_id: str, fields: Mapping[str, Any]) -> None:
    """Add an orchestration without agents; JSON columns as text."""
    now = read_now(connection)
    row = {**fields, "id": orchestration_id, "created_at": now, "updated_at": now}
    connection.execute(insert(ORCHESTRATIONS), row)


def change(connection: Connection, orchestration_id: str, fields: Mapping[str, Any]) -> Row[Any] | None:
    """Set these columns and return the row; None when there is no such orchestration."""
    values = {**fields, "updated_at": now_us()}
    connection.execute(update(ORCHESTRATIONS).where(_O.id == orchestration_id).values(values))
    return find(connection, orchestration_id)


def remove(connection: Connection, orchestration_id: str) -> bool:
    """Remove an orchestration; tells whether there was one."""
    return connection.execute(delete(ORCHESTRATIONS).where(_O.id == orchestration_id)).rowcount == 1


def entities(connection: Connection, orchestration_id: str) -> Sequence[Row[Any]]:
    """The agents of an orchestration, in their order."""
    query = select(ORCHESTRATION_ENTITIES).where(_E.orchestration_id == orchestration_id)
    return connection.execute(query.order_by(_E.position, _E.id)).all()


def add_entity(connection: Connection, orchestration_id: str, entity_id: str, fields: Mapping[str, Any]) -> None:
    """Give an orchestration one more agent, at the end unless `position` says where."""
    last = select(func.max(_E.position)).where(_E.orchestration_id == orchestration_id)
    position = fields.get("position")
    if position is None:
        highest = connection.execute(last).scalar()
        position = 0 if highest is None else highest + 1
    row = {**fields, "position": position, "id": entity_id, "orchestration_id": orchestration_id}
    connection.execute(insert(ORCHESTRATION_ENTITIES), row)


def change_entity(connection: Connection, orchestration_id: str, entity_id: str, fields: Mapping[str, Any]) -> bool:
    """Set these columns; tells whether this orchestration has such an entity."""
    is_it = (_E.id == entity_id) & (_E.orchestration_id == orchestration_id)
    if not fields:
        return connection.execute(select(_E.id).where(is_it)).first() is not None
    return connection.execute(update(ORCHESTRATION_ENTITIES).where(is_it).values(fields)).rowcount == 1


def remove_entity(connection: Connection, orchestration_id: str, entity_id: str) -> bool:
    """Take an agent out; tells whether it was in."""
    is_it = (_E.id == entity_id) & (_E.orchestration_id == orchestration_id)
    return connection.execute(delete(ORCHESTRATION_ENTITIES).where(is_it)).rowcount == 1
