"""Deploy, undeploy, arm: who may call a workflow's webhook, and whether its schedule runs.

Source: contract sections 1 and 2.6.
"""

from datetime import datetime
from typing import Any

import msgspec
from fastapi import Response
from pydantic import BaseModel
from sqlalchemy import Connection

from engine.document import JsonObject
from engine.schedule import next_fires
from engine.server.errors import ApiError
from engine.server.reply import json_reply
from engine.server.routing import ServicesOf, canonical_id, resource
from engine.server.schedules import schedule_of
from engine.server.services import Services
from engine.store import workflows as stored
from engine.store.dbtime import from_datetime, read_now, to_datetime, to_iso

router = resource("lifecycle")
ATTEMPTS = 5


class StateReply(BaseModel):
    """The state that the workflow is in now."""

    ok: bool
    state: str


class Armed(BaseModel):
    """Until when one webhook call is accepted."""

    ok: bool
    armed_until: str


@router.post("/api/workflows/{workflow_id}/deploy", response_model=StateReply)
async def deploy(services: ServicesOf, workflow_id: str) -> Response:
    """Let the webhook take any number of calls, and begin the schedule of the starter block."""
    known_id = _known(workflow_id)
    for _ in range(ATTEMPTS):
        if await _deploy(services, known_id):
            return json_reply({"ok": True, "state": stored.DEPLOYED})
    raise ApiError(409, "The workflow is being changed all the time. Try again.")


@router.post("/api/workflows/{workflow_id}/undeploy", response_model=StateReply)
async def undeploy(services: ServicesOf, workflow_id: str) -> Response:
    """Close the webhook, take back an armed call, and end the schedule."""
    known_id = _known(workflow_id)
    try:
        await services.db.write(lambda connection: stored.undeploy(connection, known_id))
    except stored.NoSuchWorkflow:
        raise _not_found() from None
    return json_reply({"ok": True, "state": stored.INTERNAL})


@router.post("/api/workflows/{workflow_id}/arm", response_model=Armed)
async def arm(services: ServicesOf, workflow_id: str) -> Response:
    """Let the webhook take one call within ten minutes. Asking again begins the ten minutes anew."""
    known_id = _known(workflow_id)
    try:
        until = await services.db.write(lambda connection: stored.arm(connection, known_id))
    except stored.NoSuchWorkflow:
        raise _not_found() from None
    return json_reply({"ok": True, "armed_until": to_iso(until)})


async def _deploy(services: Services, workflow_id: str) -> bool:
    workflow = await services.workflows.load(workflow_id)
    if workflow is None:
        raise _not_found()
    schedule = schedule_of(workflow.workflow, services.catalog)

    def write(connection: Connection) -> bool:
        next_at = _first_fire(connection, workflow_id, schedule)
        text = None if schedule is None else msgspec.json.encode(schedule).decode()
        return stored.deploy(connection, workflow_id, workflow.stamp, text, next_at)

    try:
        return await services.db.write(write)
    except stored.NoSuchWorkflow:
        raise _not_found() from None


def _first_fire(connection: Connection, workflow_id: str, schedule: JsonObject | None) -> int | None:
    """When the schedule runs next. Its last run is kept when a workflow is deployed again (contract 1)."""
    row = stored.find(connection, workflow_id)
    if schedule is None or row is None:
        return None
    last: Any = row.schedule_last_run_at
    last_run: datetime | None = None if last is None else to_datetime(last)
    fires = next_fires(schedule, to_datetime(read_now(connection)), 1, last_run)
    return from_datetime(fires[0]) if fires else None


def _known(workflow_id: str) -> str:
    found = canonical_id(workflow_id)
    if found is None:
        raise _not_found()
    return found


def _not_found() -> ApiError:
    """These routes tell it without a code (contract 2.6)."""
    return ApiError(404, "Workflow not found")
