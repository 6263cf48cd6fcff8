"""Executions: find them, list them, read what they did, ask them to end. `recording` writes them."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, select, update

from engine.store import recording
from engine.store.database import Record
from engine.store.dbtime import now_us
from engine.store.schema import EXECUTIONS, RUN_EVENTS

_E = EXECUTIONS.c


def add_events(connection: Connection, execution_id: str, owner: str, last_seq: int, events: bytes) -> bool:
    """Keep some more events of a run that goes on; False when it is not this owner's any more."""
    is_ours = (_E.id == execution_id) & (_E.owner == owner) & (_E.status == "running")
    if connection.execute(select(_E.number).where(is_ours).with_for_update()).first() is None:
        return False
    recording.add_events(connection, execution_id, last_seq, events)
    return True


def under_way(connection: Connection, workflow_id: str) -> list[str]:
    """Ids of the runs of a workflow that have not ended."""
    query = select(_E.id).where(_E.workflow_id == workflow_id, _E.status == "running")
    return list(connection.execute(query).scalars())


def find(connection: Connection, execution_id: str, workflow_id: str | None = None) -> Record | None:
    """The row of a run, None when there is none, or none of this workflow."""
    query = select(EXECUTIONS).where(_E.id == execution_id)
    if workflow_id is not None:
        query = query.where(_E.workflow_id == workflow_id)
    return connection.execute(query).one_or_none()


def events_after(connection: Connection, execution_id: str, seq: int) -> bytes:
    """The kept events numbered above `seq` as JSON lines, with a few before them."""
    query = select(RUN_EVENTS.c.events).where(RUN_EVENTS.c.execution_id == execution_id, RUN_EVENTS.c.last_seq > seq)
    return b"".join(connection.execute(query.order_by(RUN_EVENTS.c.last_seq)).scalars())


def last_seq(connection: Connection, execution_id: str) -> int:
    """The number of the last event that is kept; 0 when there is none."""
    query = select(func.max(RUN_EVENTS.c.last_seq)).where(RUN_EVENTS.c.execution_id == execution_id)
    return connection.execute(query).scalar_one() or 0


def ask_to_cancel(connection: Connection, execution_id: str) -> None:
    """Leave word for the process that has this run."""
    is_running = (_E.id == execution_id) & (_E.status == "running")
    connection.execute(update(EXECUTIONS).where(is_running).values(cancel_requested_at=now_us()))


def cancels_wanted(connection: Connection, owner: str) -> list[str]:
    """Runs of this process that somebody wants to end."""
    is_wanted = (_E.owner == owner) & (_E.status == "running") & _E.cancel_requested_at.is_not(None)
    return list(connection.execute(select(_E.id).where(is_wanted)).scalars())


@dataclass(frozen=True)
class History:
    """Which runs of a workflow are asked for; `since` is an instant."""

    workflow_id: str
    limit: int
    offset: int = 0
    status: str | None = None
    since: int | None = None


def history(connection: Connection, asked: History) -> list[Record]:
    """These runs, newest first."""
    query = select(EXECUTIONS).where(*_fits(asked)).order_by(_E.number.desc())
    return list(connection.execute(query.limit(asked.limit).offset(asked.offset)))


def count(connection: Connection, asked: History) -> int:
    """How many runs fit, on all pages together."""
    return connection.execute(select(func.count()).select_from(EXECUTIONS).where(*_fits(asked))).scalar_one()


def _fits(asked: History) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [_E.workflow_id == asked.workflow_id]
    if asked.status is not None:
        conditions.append(_E.status == asked.status)
    if asked.since is not None:
        conditions.append(_E.created_at >= asked.since)
    return conditions
