"""The history of a workflow: its executions, their logs and events, and a way to end one.

Source: contract section 2.8. Beside it (W9, W14, W37): one execution, its events, cancelling, and further parameters of
the list, which others do not see.
"""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from engine.document import JsonObject
from engine.run.executionlog import FollowedRun
from engine.server.errors import ApiError, invalid
from engine.server.executionlog import ExecutionLog
from engine.server.paging import offset_of, whole_number
from engine.server.reply import json_reply, raw
from engine.server.routing import ServicesOf, canonical_id, resource
from engine.server.runs.loaded import stored_document
from engine.server.runs.port import FinishedRun, Run
from engine.server.runs.stored import StoredRun, stored_events
from engine.server.services import Services
from engine.store import executions as stored
from engine.store.database import Record
from engine.store.dbtime import from_datetime, to_iso, to_iso_or_none

router = resource("executions")
DEFAULT_LIMIT, MAX_LIMIT = 20, 100
STATUSES = ("pending", "running", "completed", "failed")
MAX_WAIT_S = 30
MAX_EVENTS = 1_000
CLOSING_WAIT_S = 2.0


class ExecutionRow(BaseModel):
    """A run. `output` is `{}` until it has completed. From `trigger` on, told only when `detail` is asked for."""

    id: str
    status: str
    input: Any
    output: Any
    error: str | None
    started_at: str | None
    completed_at: str | None
    created_at: str
    trigger: str | None = None
    version: int | None = None
    revision: str | None = None
    error_code: str | None = None
    error_count: int | None = Field(None, description="How many blocks failed.")
    skipped: int | None = Field(None, description="How many blocks did not run.")


class ExecutionList(BaseModel):
    """Runs, newest first. `total` only with `detail`."""

    executions: list[ExecutionRow]
    total: int | None = None


class ExecutionDetail(ExecutionRow):
    """A run with what each block gave."""

    block_outputs: dict[str, Any]


class StoredBlockLog(BaseModel):
    """What one block did. `error` is always null: the message is in `output.error`."""

    block_id: str
    block_type: str
    block_name: str
    status: str
    duration_ms: float
    input: dict[str, Any] | None
    output: dict[str, Any]
    error: str | None
    config_snapshot: dict[str, Any]
    execution_order: int
    agent_run_id: str | None


class Logs(BaseModel):
    """Blocks in the order in which they ended."""

    block_logs: list[StoredBlockLog]


class Events(BaseModel):
    """Some events of a run. `finished` says that nothing comes after them."""

    events: list[dict[str, Any]]
    finished: bool


class Cancelled(BaseModel):
    """The status that the run has now."""

    ok: bool
    status: str


@router.get("/api/workflows/{workflow_id}/executions", response_model=ExecutionList, response_model_exclude_none=True)
async def list_executions(
    services: ServicesOf,
    workflow_id: str,
    limit: Annotated[str, Query(description="How many, 1 to 100; 20 unless given.")] = "",
    offset: Annotated[str, Query(description="How many of the newest to leave out.")] = "",
    status: Annotated[str, Query(description="Only those with this status.")] = "",
    since: Annotated[str, Query(description="Only those created at or after this instant, ISO 8601.")] = "",
    detail: Annotated[str, Query(description="`true` adds further fields and the total.")] = "",
) -> Response:
    """Runs of a workflow, newest first. A workflow that does not exist has none."""
    known_id = canonical_id(workflow_id) or ""
    asked = stored.History(
        workflow_id=known_id,
        limit=whole_number(limit, DEFAULT_LIMIT, 1, MAX_LIMIT),
        offset=offset_of(offset),
        status=_status(status),
        since=_instant(since),
    )
    is_detailed = detail.lower() in ("true", "1")

    def read(connection: Connection) -> tuple[list[Record], int]:
        return stored.history(connection, asked), stored.count(connection, asked) if is_detailed else 0

    rows, total = await services.db.read(read)
    if is_detailed:
        return json_reply({"executions": [_detailed_row(row) for row in rows], "total": total})
    return json_reply({"executions": [_row(row) for row in rows]})


@router.get("/api/workflows/{workflow_id}/executions/{execution_id}", response_model=ExecutionDetail)
async def get_execution(services: ServicesOf, workflow_id: str, execution_id: str) -> Response:
    """One run, with what each of its blocks gave so far."""
    row = await _find(services, workflow_id, execution_id)
    run = await services.db.read(lambda connection: FollowedRun(stored_events(connection, row.id, 0)))
    return json_reply({**_detailed_row(row), "block_outputs": run.block_outputs()})


@router.get("/api/workflows/{workflow_id}/executions/{execution_id}/logs", response_model=Logs)
async def get_logs(services: ServicesOf, workflow_id: str, execution_id: str) -> Response:
    """What each block of a run did, in the order in which they ended."""
    row = await _find(services, workflow_id, execution_id)
    workflow = await stored_document(services.db, row.workflow_id, row.revision)

    def read(connection: Connection) -> list[JsonObject]:
        run = FollowedRun(stored_events(connection, row.id, 0))
        return ExecutionLog(row.id, run, workflow, services.catalog).block_logs()

    return json_reply({"block_logs": await services.db.read(read)})


@router.get("/api/workflows/{workflow_id}/executions/{execution_id}/events", response_model=Events)
async def get_events(
    services: ServicesOf,
    workflow_id: str,
    execution_id: str,
    after: Annotated[str, Query(description="Only events numbered above this.")] = "",
    wait_s: Annotated[str, Query(description="How long to wait for one, at most 30 s.")] = "",
) -> Response:
    """What happened in a run, also while it runs. Asking again with the last `seq` neither skips nor repeats any."""
    row = await _find(services, workflow_id, execution_id)
    run = await services.runs.find(row.id) or StoredRun(services.db, row.id)
    batch = await run.more(offset_of(after), whole_number(wait_s, 0, 0, MAX_WAIT_S))
    events = batch.events[:MAX_EVENTS]
    is_all = len(events) == len(batch.events)
    return json_reply({"events": events, "finished": batch.is_last and is_all})


@router.post("/api/workflows/{workflow_id}/executions/{execution_id}/cancel", response_model=Cancelled)
async def cancel(services: ServicesOf, workflow_id: str, execution_id: str) -> Response:
    """End a run. It closes as failed; one that has ended already stays as it is."""
    row = await _find(services, workflow_id, execution_id)
    if row.status != "running":
        return json_reply({"ok": True, "status": row.status})
    run = await services.runs.find(row.id) or StoredRun(services.db, row.id)
    await services.runs.cancel(row.id)
    ended = await _ended_within(run, CLOSING_WAIT_S)
    return json_reply({"ok": True, "status": "running" if ended is None else ended.status})


async def _ended_within(run: Run, wait_s: float) -> FinishedRun | None:
    try:
        async with asyncio.timeout(wait_s):
            return await run.finished()
    except TimeoutError:
        return None


async def _find(services: Services, workflow_id: str, execution_id: str) -> Record:
    known_id, wanted = canonical_id(workflow_id), canonical_id(execution_id)
    row = None
    if known_id and wanted:
        row = await services.db.read(lambda connection: stored.find(connection, wanted, known_id))
    if row is None:
        raise ApiError(404, "Execution not found")
    return row


def _status(text: str) -> str | None:
    if text and text not in STATUSES:
        raise invalid(f"Invalid status '{text[:50]}'. Allowed: {', '.join(STATUSES)}")
    return text or None


def _instant(text: str) -> int | None:
    if not text:
        return None
    try:
        # A plus sign that was not escaped arrives as a space.
        moment = datetime.fromisoformat(text.replace(" ", "+"))
        return from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise invalid("since must be an instant such as 2027-03-01T09:00:00+00:00") from None


def _row(row: Record) -> JsonObject:
    return {
        "id": row.id,
        "status": row.status,
        "input": raw(row.input),
        "output": raw(row.output),
        "error": row.error,
        "started_at": to_iso_or_none(row.started_at),
        "completed_at": to_iso_or_none(row.completed_at),
        "created_at": to_iso(row.created_at),
    }


def _detailed_row(row: Record) -> JsonObject:
    return {
        **_row(row),
        "trigger": row.trigger,
        "version": row.version,
        "revision": row.revision,
        "error_code": row.error_code,
        "error_count": row.error_count,
        "skipped": row.skipped,
    }
