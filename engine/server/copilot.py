"""The copilot's sessions and settings. No copilot is part of this server, and its chat says so.

Source: contract section 2.12.
"""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from fastapi import Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import Connection
from starlette.responses import StreamingResponse

from engine.document import new_id
from engine.server.errors import ApiError, workflow_not_found
from engine.server.reply import json_reply, raw
from engine.server.routing import ServicesOf, canonical_id, resource
from engine.store import copilot as stored
from engine.store import records
from engine.store.dbtime import to_iso

router = resource("copilot")
DEFAULT_MODEL = "claude-opus-4-6"
MODELS = (DEFAULT_MODEL, "claude-sonnet-4-6", "gpt-5.4")
NO_COPILOT = "No copilot is configured on this server. Build the workflow by hand, or use a server that has one."
_SETTING, _MODEL = "setting", "copilot_model"


class NewSession(BaseModel):
    """The workflow that the conversation is about."""

    workflow_id: str | None = None


class Snapshot(BaseModel):
    """The graph as it was before a suggestion was applied."""

    pre_snapshot: dict[str, Any] | None = None


class ChatTurn(BaseModel):
    """What the person says, and what the graph looks like."""

    message: str | None = None
    workflow_state: dict[str, Any] | None = Field(None, description="`nodes` and `edges` as they are on screen.")


class ModelChoice(BaseModel):
    """The model that shall be asked."""

    model: str | None = None


@router.post("/api/copilot/sessions", status_code=201)
async def create_session(services: ServicesOf, body: NewSession) -> Response:
    """Begin a conversation about a workflow."""
    if not body.workflow_id:
        raise ApiError(400, "workflow_id is required")
    workflow_id, session_id = canonical_id(body.workflow_id), new_id()
    if workflow_id is None or not await services.db.write(
        lambda connection: stored.create_session(connection, session_id, workflow_id)
    ):
        raise workflow_not_found()
    return json_reply({"id": session_id, "workflow_id": workflow_id}, 201)


@router.get("/api/copilot/sessions")
async def latest_session(services: ServicesOf, workflow_id: Annotated[str, Query()] = "") -> Response:
    """The newest conversation about a workflow, null when there is none."""
    if not workflow_id:
        raise ApiError(400, "workflow_id query param required")
    known_id = canonical_id(workflow_id) or ""
    row = await services.db.read(lambda connection: stored.latest_session(connection, known_id))
    if row is None:
        return json_reply({"session": None})
    session = {"id": row.id, "workflow_id": row.workflow_id, "created_at": to_iso(row.created_at)}
    return json_reply({"session": {**session, "updated_at": to_iso(row.updated_at)}})


@router.delete("/api/copilot/sessions/{session_id}", status_code=204, response_class=Response)
async def delete_session(services: ServicesOf, session_id: str) -> Response:
    """End a conversation. One that does not exist is over already."""
    if known_id := canonical_id(session_id):
        await services.db.write(lambda connection: stored.remove_session(connection, known_id))
    return Response(status_code=204)


@router.get("/api/copilot/sessions/{session_id}/messages")
async def list_messages(services: ServicesOf, session_id: str) -> Response:
    """What was said, oldest first."""
    known_id = canonical_id(session_id) or ""
    rows = await services.db.read(lambda connection: stored.messages(connection, known_id))
    listed = [
        {
            "id": row.id,
            "session_id": row.session_id,
            "role": row.role,
            "content": row.content,
            "workflow_diff": raw(row.workflow_diff),
            "pre_snapshot": raw(row.pre_snapshot),
            "created_at": to_iso(row.created_at),
        }
        for row in rows
    ]
    return json_reply({"messages": listed})


@router.post("/api/copilot/sessions/{session_id}/messages/{message_id}/snapshot")
async def keep_snapshot(services: ServicesOf, session_id: str, message_id: str, body: Snapshot) -> Response:
    """Keep the graph from before a suggestion, so that it can be undone (X9)."""
    if not body.pre_snapshot:
        raise ApiError(400, "pre_snapshot is required")
    known_session, known_message = canonical_id(session_id), canonical_id(message_id)
    data = msgspec.json.encode(body.pre_snapshot).decode()
    if known_session and known_message:
        await services.db.write(lambda connection: stored.keep_snapshot(connection, known_session, known_message, data))
    return json_reply({"ok": True})


@router.post("/api/copilot/sessions/{session_id}/chat", response_class=StreamingResponse)
async def chat(services: ServicesOf, session_id: str, body: ChatTurn) -> Response:
    """One turn of the conversation, as server-sent events; its only event here says that there is no copilot."""
    message = (body.message or "").strip()
    if not message:
        raise ApiError(400, "message is required")
    known_id = canonical_id(session_id)
    turn = ((new_id(), "user", message), (new_id(), "assistant", NO_COPILOT))
    if known_id is None or not await services.db.write(
        lambda connection: stored.add_messages(connection, known_id, turn)
    ):
        raise ApiError(404, "Session not found")
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingResponse(_refusal(), media_type="text/event-stream", headers=headers)


@router.get("/api/copilot/settings/model")
async def get_model(services: ServicesOf) -> Response:
    """Which model would be asked."""

    def read(connection: Connection) -> str:
        row = records.find(connection, _SETTING, _MODEL)
        return DEFAULT_MODEL if row is None else str(msgspec.json.decode(row.data))

    model = await services.db.read(read)
    options = [{"label": name, "value": name} for name in MODELS]
    return json_reply({"model": model, "default": DEFAULT_MODEL, "options": options})


@router.put("/api/copilot/settings/model")
async def set_model(services: ServicesOf, body: ModelChoice) -> Response:
    """Choose the model that would be asked."""
    if not body.model:
        raise ApiError(400, "model is required")
    if body.model not in MODELS:
        raise ApiError(400, f"Value must be one of: {', '.join(MODELS)}")
    data = msgspec.json.encode(body.model).decode()

    def write(connection: Connection) -> None:
        if not records.change(connection, _SETTING, _MODEL, data):
            records.add(connection, _SETTING, _MODEL, data)

    await services.db.write(write)
    return json_reply({"ok": True, "model": body.model})


async def _refusal() -> AsyncIterator[bytes]:
    yield b"data: " + msgspec.json.encode({"event": "error", "error": NO_COPILOT}) + b"\n\n"
