"""Agents, and the runs of their models, inside the transaction of the caller."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, or_, select, update

from engine.store.dbtime import now_us, read_now
from engine.store.schema import AGENT_RUNS, AGENTS, RECORDS

SESSION = "session"
ASSIGNED = "agent_knowledge_base"
"""Kinds of records that belong to an agent."""
_A, _R = AGENTS.c, AGENT_RUNS.c


def listed() -> Select[Any]:
    """All agents with `session_count`, `total_runs` and `last_run_at`."""
    runs = (
        select(_R.agent_id, func.count().label("total_runs"), func.max(_R.created_at).label("last_run_at"))
        .where(_R.agent_id.is_not(None))
        .group_by(_R.agent_id)
        .subquery()
    )
    sessions = (
        select(RECORDS.c.parent_id, func.count().label("session_count"))
        .where(RECORDS.c.kind == SESSION)
        .group_by(RECORDS.c.parent_id)
        .subquery()
    )
    return (
        select(
            AGENTS,
            func.coalesce(runs.c.total_runs, 0).label("total_runs"),
            runs.c.last_run_at,
            func.coalesce(sessions.c.session_count, 0).label("session_count"),
        )
        .outerjoin(runs, runs.c.agent_id == _A.id)
        .outerjoin(sessions, sessions.c.parent_id == _A.id)
    )


def find(connection: Connection, agent_id: str) -> Row[Any] | None:
    """The row of an agent, None when there is none."""
    return connection.execute(select(AGENTS).where(_A.id == agent_id)).one_or_none()


def create(connection: Connection, agent_id: str, fields: Mapping[str, Any]) -> None:
    """Add an agent: `name`, `model`, `system_prompt` and `settings` (JSON)."""
    now = read_now(connection)
    connection.execute(insert(AGENTS), {**fields, "id": agent_id, "created_at": now, "updated_at": now})


def change(connection: Connection, agent_id: str, fields: Mapping[str, Any]) -> Row[Any] | None:
    """Set these columns and return the row; None when there is no such agent."""
    values = {**fields, "updated_at": now_us()}
    connection.execute(update(AGENTS).where(_A.id == agent_id).values(values))
    return find(connection, agent_id)


def remove(connection: Connection, agent_id: str) -> None:
    """Remove an agent with what is assigned to it and its sessions, if there is one."""
    sessions = select(RECORDS.c.id).where(RECORDS.c.kind == SESSION, RECORDS.c.parent_id == agent_id)
    connection.execute(delete(RECORDS).where(RECORDS.c.parent_id.in_(sessions.scalar_subquery())))
    connection.execute(delete(RECORDS).where(RECORDS.c.parent_id == agent_id))
    connection.execute(delete(AGENTS).where(_A.id == agent_id))


def add_run(connection: Connection, fields: Mapping[str, Any]) -> None:
    """Record a finished run of an agent's model: the columns of `agent_runs` but for the instants."""
    now = read_now(connection)
    connection.execute(insert(AGENT_RUNS), {**fields, "created_at": now, "completed_at": now})


def find_run(connection: Connection, run_id: str) -> Row[Any] | None:
    """The run with this id, of either spelling (W24); None when there is none."""
    query = select(AGENT_RUNS).where(or_(_R.run_id == run_id, _R.id == run_id))
    return connection.execute(query).first()
