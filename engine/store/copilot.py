"""Conversations about workflows, inside the transaction of the caller."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from engine.store.dbtime import now_us, read_now
from engine.store.schema import COPILOT_MESSAGES, COPILOT_SESSIONS, WORKFLOWS

_S, _M = COPILOT_SESSIONS.c, COPILOT_MESSAGES.c


def create_session(connection: Connection, session_id: str, workflow_id: str) -> bool:
    """Begin a conversation about a workflow; tells whether there is such a workflow."""
    if connection.execute(select(WORKFLOWS.c.id).where(WORKFLOWS.c.id == workflow_id)).first() is None:
        return False
    now = read_now(connection)
    row = {"id": session_id, "workflow_id": workflow_id, "created_at": now, "updated_at": now}
    connection.execute(insert(COPILOT_SESSIONS), row)
    return True


def latest_session(connection: Connection, workflow_id: str) -> Row[Any] | None:
    """The newest conversation about a workflow, None when there is none."""
    query = select(COPILOT_SESSIONS).where(_S.workflow_id == workflow_id)
    return connection.execute(query.order_by(_S.number.desc()).limit(1)).first()


def remove_session(connection: Connection, session_id: str) -> None:
    """End a conversation and forget what was said, if there is one."""
    connection.execute(delete(COPILOT_SESSIONS).where(_S.id == session_id))


def messages(connection: Connection, session_id: str) -> Sequence[Row[Any]]:
    """What was said, oldest first."""
    query = select(COPILOT_MESSAGES).where(_M.session_id == session_id)
    return connection.execute(query.order_by(_M.number)).all()


def add_messages(connection: Connection, session_id: str, said: Sequence[tuple[str, str, str]]) -> bool:
    """Keep what was said as (message id, role, content); tells whether there is such a conversation."""
    if connection.execute(select(_S.id).where(_S.id == session_id)).first() is None:
        return False
    now = read_now(connection)
    rows = [
        {"id": message_id, "session_id": session_id, "role": role, "content": content, "created_at": now}
        for message_id, role, content in said
    ]
    connection.execute(insert(COPILOT_MESSAGES), rows)
    connection.execute(update(COPILOT_SESSIONS).where(_S.id == session_id).values(updated_at=now_us()))
    return True


def keep_snapshot(connection: Connection, session_id: str, message_id: str, snapshot: str) -> None:
    """Keep a graph (JSON) with a message, if there is such a one."""
    is_it = (_M.id == message_id) & (_M.session_id == session_id)
    connection.execute(update(COPILOT_MESSAGES).where(is_it).values(pre_snapshot=snapshot))
