"""Recording runs: before they start and when they end, many at once, since a busy server does little else.

Their statements are written out and go to the driver directly: they are the same for both databases, and building each
of them anew would cost more than executing it.
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from engine.store.dbtime import US, now_text, read_now
from engine.store.manyrows import execute_many, execute_one
from engine.store.schema import AGENT_RUNS, GRAPHS, IDEMPOTENCY_KEYS

KEY_LIFETIME_S = 24 * 3600
_K = IDEMPOTENCY_KEYS.c
Key = tuple[str, str, str]
"""An idempotency key: its scope, the key, and what the request was."""
# Whoever claims an armed window closes it, so it lets one run start; otherwise all that wait may.
_CLAIM = """
    UPDATE workflows SET
        execution_count = execution_count + CASE WHEN {mark} OR state = 'deployed' THEN {mark} ELSE 1 END,
        updated_at = CASE WHEN {mark} OR state = 'deployed' THEN updated_at ELSE {now} END,
        armed_until = CASE WHEN {mark} OR state = 'deployed' THEN armed_until ELSE NULL END,
        last_execution_at = {now}
    WHERE id = {mark} AND stamp = {mark} AND ({mark} OR state = 'deployed' OR armed_until > {now})
    RETURNING state, last_execution_at
"""
_STAMP = "SELECT stamp FROM workflows WHERE id = {mark}"
_INSERT = """
    INSERT INTO executions (
        id, workflow_id, version, revision, trigger, input, owner, created_at, started_at,
        status, output, error, error_code, error_count, skipped, completed_at
    ) VALUES {values}
"""
_CLOSE = """
    UPDATE executions
    SET status = v.column3, output = v.column4, error = v.column5, error_code = v.column6, error_count = v.column7,
        skipped = v.column8, completed_at = v.column9
    FROM (VALUES {values}) AS v
    WHERE executions.id = v.column1 AND executions.owner = v.column2 AND executions.status = 'running'
    RETURNING executions.id
"""
_ADD_EVENTS = "INSERT INTO run_events (execution_id, last_seq, events) VALUES {values}"
_RUNNING = ("running", "{}", None, None, 0, 0)


class Start(msgspec.Struct, frozen=True, gc=False):
    """A run to be recorded. `input` is JSON or None; `first_of_graph` says that no run of its graph is known yet."""

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
    key: Key | None = None


class Started(msgspec.Struct, frozen=True, gc=False):
    """What became of a `Start`: "started", "changed" (load the workflow again), "inactive" (neither deployed nor
    armed), "known" (`execution_id` is the run of the same key), or "mismatch" (the key came with something else).
    """

    how: Literal["started", "changed", "inactive", "known", "mismatch"]
    execution_id: str = ""


class AgentRun(msgspec.Struct, frozen=True, gc=False):
    """A model run inside an execution; `data` is JSON."""

    id: str
    run_id: str
    agent_id: str | None
    block_id: str
    status: str
    data: str


class Finish(msgspec.Struct, frozen=True, gc=False):
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


Whole = tuple[Start, Finish]
"""A run that has computed its result already and touched nothing else."""


def start(connection: Connection, rows: Sequence[Start]) -> list[Started]:
    """Record these runs as running, each only if it may start; takes the armed slot in the same transaction."""
    answers, now = _admit(connection, rows)
    started = [row for row, answer in zip(rows, answers, strict=True) if answer.how == "started"]
    execute_many(connection, _INSERT, [(*_beginning(row, now), *_RUNNING, None) for row in started])
    return answers


def finish(connection: Connection, rows: Sequence[Finish]) -> list[bool]:
    """Close these runs. False for one that somebody else has closed: the owner had been taken for dead."""
    now = read_now(connection)
    values = [(row.execution_id, row.owner, *_ending(row), now) for row in rows]
    closed = {execution_id for (execution_id,) in execute_many(connection, _CLOSE, values)}
    _keep(connection, [row for row in rows if row.execution_id in closed], now)
    return [row.execution_id in closed for row in rows]


def record(connection: Connection, rows: Sequence[Whole]) -> list[Started]:
    """Record runs from beginning to end, each only if it may start: `start` and `finish` in one."""
    answers, now = _admit(connection, [begun for begun, _ in rows])
    started = [row for row, answer in zip(rows, answers, strict=True) if answer.how == "started"]
    execute_many(connection, _INSERT, [(*_beginning(begun, now), *_ending(ended), now) for begun, ended in started])
    _keep(connection, [ended for _, ended in started], now)
    return answers


def add_events(connection: Connection, execution_id: str, last_seq: int, events: bytes) -> None:
    """Keep some more events of a run."""
    execute_many(connection, _ADD_EVENTS, [(execution_id, last_seq, events)])


def _beginning(row: Start, now: int) -> tuple[Any, ...]:
    run = (row.execution_id, row.workflow_id, row.version, row.revision, row.trigger, row.input, row.owner)
    return (*run, now, now)


def _ending(row: Finish) -> tuple[Any, ...]:
    return (row.status, row.output, row.error, row.error_code, row.error_count, row.skipped)


def _keep(connection: Connection, rows: Sequence[Finish], now: int) -> None:
    """Keep what these runs did."""
    execute_many(connection, _ADD_EVENTS, [(row.execution_id, row.last_seq, row.events) for row in rows if row.events])
    for row in rows:
        for run in row.agent_runs:
            record = {"id": run.id, "run_id": run.run_id, "agent_id": run.agent_id, "execution_id": row.execution_id}
            record |= {"block_id": run.block_id, "status": run.status, "data": run.data}
            connection.execute(insert(AGENT_RUNS).values(**record, created_at=now, completed_at=now))


def _admit(connection: Connection, rows: Sequence[Start]) -> tuple[list[Started], int]:
    """Which of these may start, with keys and graphs marked for those that do; and the time."""
    answers: dict[int, Started] = {}
    latest = 0
    for (workflow_id, stamp, claims_webhook, key), places in _alike(rows).items():
        known = _known_key(connection, key)
        if known is not None:
            answers |= dict.fromkeys(places, known)
            continue
        wanted = len(places) if key is None else 1
        count, refusal, now = _claim(connection, workflow_id, stamp, claims_webhook, wanted)
        latest = max(latest, now)
        for place in places[:count]:
            answers[place] = Started("started", rows[place].execution_id)
            _mark(connection, rows[place], now)
        for place in places[count:]:
            # The first of several with one key may have started just now, here or in another process.
            answers[place] = _known_key(connection, key) or Started(refusal)
    return [answers[place] for place in range(len(rows))], latest


def _alike(rows: Sequence[Start]) -> dict[tuple[str, int, bool, Key | None], list[int]]:
    """The places of runs that may start under the same condition."""
    groups: dict[tuple[str, int, bool, Key | None], list[int]] = {}
    for place, row in enumerate(rows):
        groups.setdefault((row.workflow_id, row.stamp, row.claims_webhook, row.key), []).append(place)
    return groups


def _claim(
    connection: Connection, workflow_id: str, stamp: int, claims_webhook: bool, wanted: int
) -> tuple[int, Literal["changed", "inactive"], int]:
    """How many of the wanted runs may start, which are counted; why the others may not; and the time."""
    is_free = not claims_webhook
    values = (is_free, wanted, is_free, is_free, workflow_id, stamp, is_free)
    claimed = execute_one(connection, _CLAIM, values, now=now_text(connection.dialect.name))
    if claimed is not None:
        state, now = claimed
        return wanted if is_free or state == "deployed" else 1, "inactive", now
    found = execute_one(connection, _STAMP, (workflow_id,))
    return 0, "inactive" if found == (stamp,) else "changed", 0


def _mark(connection: Connection, row: Start, now: int) -> None:
    if row.first_of_graph:
        is_graph = (GRAPHS.c.workflow_id == row.workflow_id) & (GRAPHS.c.revision == row.revision)
        connection.execute(update(GRAPHS).where(is_graph).values(used=1))
    if row.key:
        scope, key, fingerprint = row.key
        kept = {"scope": scope, "key": key, "fingerprint": fingerprint, "execution_id": row.execution_id}
        connection.execute(insert(IDEMPOTENCY_KEYS), {**kept, "created_at": now})


def _known_key(connection: Connection, wanted: Key | None) -> Started | None:
    """The earlier run of this key. A key that is too old is forgotten here, so that it can be used anew."""
    if wanted is None:
        return None
    scope, key, fingerprint = wanted
    is_it = (_K.scope == scope) & (_K.key == key)
    found = connection.execute(select(IDEMPOTENCY_KEYS).where(is_it)).one_or_none()
    if found is None:
        return None
    if found.created_at <= read_now(connection) - KEY_LIFETIME_S * US:
        connection.execute(delete(IDEMPOTENCY_KEYS).where(is_it))
        return None
    if found.fingerprint != fingerprint:
        return Started("mismatch")
    return Started("known", found.execution_id)
