"""Forgetting what is old: executions beyond their age, with what they did, and keys that nobody can repeat any more.

A piece at a time, so that writers behind it do not wait for long.
"""

from collections import Counter

from sqlalchemy import Connection, delete, exists, select, update

from engine.store.dbtime import US, read_now
from engine.store.recording import KEY_LIFETIME_S
from engine.store.schema import EXECUTIONS, GRAPHS, IDEMPOTENCY_KEYS, WORKFLOWS

PIECE = 500
_E, _G, _W = EXECUTIONS.c, GRAPHS.c, WORKFLOWS.c


def forget_executions(connection: Connection, older_than_s: float) -> int:
    """Delete some of the runs that ended longer ago than this, the oldest first; returns how many."""
    before = read_now(connection) - int(older_than_s * US)
    # By number, which is the order of their beginning: no index on the end is needed, and history is not read through.
    oldest = select(_E.id, _E.workflow_id, _E.status, _E.completed_at).order_by(_E.number).limit(PIECE)
    gone = [row for row in connection.execute(oldest) if row.status != "running" and row.completed_at < before]
    if not gone:
        return 0
    connection.execute(delete(EXECUTIONS).where(_E.id.in_([row.id for row in gone])))
    for workflow_id, count in sorted(Counter(row.workflow_id for row in gone).items()):
        fewer = update(WORKFLOWS).where(_W.id == workflow_id).values(execution_count=_W.execution_count - count)
        connection.execute(fewer)
        _forget_graphs(connection, workflow_id)
    return len(gone)


def forget_keys(connection: Connection) -> None:
    """Delete idempotency keys whose time is over."""
    before = read_now(connection) - KEY_LIFETIME_S * US
    connection.execute(delete(IDEMPOTENCY_KEYS).where(IDEMPOTENCY_KEYS.c.created_at < before))


def _forget_graphs(connection: Connection, workflow_id: str) -> None:
    """Delete graphs that were used, and that neither a run nor the workflow refers to any more."""
    current = select(_W.revision).where(_W.id == workflow_id)
    deployed = select(_W.deployed_revision).where(_W.id == workflow_id, _W.deployed_revision.is_not(None))
    has_run = exists().where(_E.workflow_id == workflow_id, _E.revision == _G.revision)
    is_past = _G.revision.not_in(current) & _G.revision.not_in(deployed)
    connection.execute(delete(GRAPHS).where(_G.workflow_id == workflow_id, is_past, ~has_run))
