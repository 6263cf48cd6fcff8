"""Executions: recorded before they start, closed when they end, whatever happens in between.

`start` and `finish` take many rows at once (`Database.write_row`), since a busy server does little else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, case, delete, func, insert, null, or_, select, update

from engine.store.database import Record
from engine.store.dbtime import US, now_us, read_now
from engine.store.schema import AGENT_RUNS, EXECUTIONS, GRAPHS, IDEMPOTENCY_KEYS, RUN_EVENTS, WORKFLOWS
from engine.store.workflows import DEPLOYED

KEY_LIFETIME_S = 24 * 3600
_E, _W, _K = EXECUTIONS.c, WORKFLOWS.c, IDEMPOTENCY_KEYS.c


@dataclass(frozen=True)
class Start:
    """A run to be recorded. `input` is JSON or None, `key` the idempotency key as (scope, key, fingerprint).

    `first_of_graph` says that no run is known to refer to this revision yet.
    """

    execution_id: str
    workflow_id: str
    stamp: int
    version: int
    revision: str
    trigger: str
    input: str | None
    owner: str
    claims_webhook: bool = False
    first_of_graph: bool = False
    key: tuple[str, str, str] | None = None


@dataclass(frozen=True)
class Started:
    """What became of a `Start`: "started", "changed" (load the workflow again), "inactive" (neither deployed nor
    armed), "known" (`execution_id` is the run of the same key), or "mismatch" (the key came with something else).
    """

    how: Literal["started", "changed", "inactive", "known", "mismatch"]
    execution_id: str = ""


@dataclass(frozen=True)
class AgentRun:
    """A model run inside an execution; `data` is JSON."""

    id: str
    run_id: str
    agent_id: str | None
    block_id: str
    status: str
    data: str


@dataclass(frozen=True)
class Finish:
    """How a run ended. `output` is JSON or None, `events` are the last JSON lines, up to event `last_seq`."""

    execution_id: str
    owner: str
    status: str
    output: str | None
    error: str | None
    error_code: str | None
    error_count: int
    skipped: int
    events: bytes
    last_seq: int
    agent_runs: tuple[AgentRun, ...] = ()


def start(connection: Connection, rows: Sequence[Start]) -> list[Started]:
    """Record these runs as running, each only if it may start; takes the armed slot in the same transaction."""
    now = read_now(connection)
    return [_start(connection, row, now) for row in rows]


def _start(connection: Connection, row: Start, now: int) -> Started:
    if row.key and (known := _known_key(connection, row.key, now)):
        return known
    if not _claim(connection, row, now):
        stamp = connection.execute(select(_W.stamp).where(_W.id == row.workflow_id)).scalar_one_or_none()
        return Started("inactive" if stamp == row.stamp else "changed")
    values = {
        "id": row.execution_id,
        "workflow_id": row.workflow_id,
        "version": row.version,
        "revision": row.revision,
        "trigger": row.trigger,
        "status": "running",
        "input": row.input,
        "output": "{}",
        "owner": row.owner,
        "created_at": now,
        "started_at": now,
    }
    connection.execute(insert(EXECUTIONS), values)
    if row.first_of_graph:
        is_graph = (GRAPHS.c.workflow_id == row.workflow_id) & (GRAPHS.c.revision == row.revision)
        connection.execute(update(GRAPHS).where(is_graph).values(used=1))
    if row.key:
        scope, key, fingerprint = row.key
        record = {"scope": scope, "key": key, "fingerprint": fingerprint, "execution_id": row.execution_id}
        connection.execute(insert(IDEMPOTENCY_KEYS), {**record, "created_at": now})
    return Started("started", row.execution_id)


def _known_key(connection: Connection, wanted: tuple[str, str, str], now: int) -> Started | None:
    """The earlier run of this key. A key that is too old is forgotten here, so that it can be used anew."""
    scope, key, fingerprint = wanted
    is_it = (_K.scope == scope) & (_K.key == key)
    found = connection.execute(select(IDEMPOTENCY_KEYS).where(is_it)).one_or_none()
    if found is None:
        return None
    if found.created_at <= now - KEY_LIFETIME_S * US:
        connection.execute(delete(IDEMPOTENCY_KEYS).where(is_it))
        return None
    if found.fingerprint != fingerprint:
        return Started("mismatch")
    return Started("known", found.execution_id)


def _claim(connection: Connection, row: Start, now: int) -> bool:
    """Count the run, if the workflow is what was loaded and may run; whoever claims an armed window closes it."""
    query = update(WORKFLOWS).where(_W.id == row.workflow_id, _W.stamp == row.stamp)
    values: dict[str, Any] = {"execution_count": _W.execution_count + 1, "last_execution_at": now}
    if row.claims_webhook:
        is_deployed = _W.state == DEPLOYED
        query = query.where(or_(is_deployed, _W.armed_until > now_us()))
        values["updated_at"] = case((is_deployed, _W.updated_at), else_=now)
        values["armed_until"] = case((is_deployed, _W.armed_until), else_=null())
    return connection.execute(query.values(values)).rowcount == 1


def finish(connection: Connection, rows: Sequence[Finish]) -> list[bool]:
    """Close these runs. False for one that somebody else has closed: the owner had been taken for dead."""
    return [_finish(connection, row) for row in rows]


def _finish(connection: Connection, row: Finish) -> bool:
    values = {
        "status": row.status,
        "output": row.output,
        "error": row.error,
        "error_code": row.error_code,
        "error_count": row.error_count,
        "skipped": row.skipped,
        "completed_at": now_us(),
    }
    is_ours = (_E.id == row.execution_id) & (_E.owner == row.owner) & (_E.status == "running")
    if connection.execute(update(EXECUTIONS).where(is_ours).values(values)).rowcount == 0:
        return False
    _add_events(connection, row.execution_id, row.last_seq, row.events)
    for run in row.agent_runs:
        record = {"id": run.id, "run_id": run.run_id, "agent_id": run.agent_id, "execution_id": row.execution_id}
        record |= {"block_id": run.block_id, "status": run.status, "data": run.data}
        connection.execute(insert(AGENT_RUNS).values(**record, created_at=now_us(), completed_at=now_us()))
    return True


def add_events(connection: Connection, execution_id: str, owner: str, last_seq: int, events: bytes) -> bool:
    """Keep some more events of a run that goes on; False when it is not this owner's any more."""
    is_ours = (_E.id == execution_id) & (_E.owner == owner) & (_E.status == "running")
    if connection.execute(select(_E.number).where(is_ours).with_for_update()).first() is None:
        return False
    _add_events(connection, execution_id, last_seq, events)
    return True


def _add_events(connection: Connection, execution_id: str, last_seq: int, events: bytes) -> None:
    if events:
        row = {"execution_id": execution_id, "last_seq": last_seq, "events": events}
        connection.execute(insert(RUN_EVENTS), row)


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
