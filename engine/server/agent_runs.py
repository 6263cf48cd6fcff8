"""Asking an agent outside of any workflow: sessions, one answer at a time, and the record of every model that ran.

Source: contract sections 2.10 and 2.13.
"""

import time
from typing import Any

import msgspec
from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, Row

from engine.document import JsonObject, new_id
from engine.errors import ModelError
from engine.llm.port import ModelRequest, Turn
from engine.llm.settings import number_setting
from engine.server.agents import agent_id_of, agent_not_found
from engine.server.errors import ApiError
from engine.server.paging import PageOf, read_page, whole_number
from engine.server.reply import json_reply
from engine.server.routing import ServicesOf, canonical_id, resource
from engine.server.services import Services
from engine.store import agents, records
from engine.store.agents import SESSION
from engine.store.dbtime import to_iso, to_iso_or_none

router = resource("agent runs")
MESSAGE = "message"
MAX_HISTORY = 40
"""Earlier messages of a session that the model is told."""
MAX_MESSAGES = 200
_CONTEXTS = ("knowledge_bases", "context_handler_id", "context_override", "context_items")


class Question(BaseModel):
    """What an agent is asked."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [{"message": "Hello"}]})

    message: str | None = None
    session_id: str | None = Field(None, description="The conversation that this goes on with; a new one without.")
    knowledge_bases: list[Any] | None = None
    context_handler_id: str | None = None
    context_override: str | None = Field(None, description="Text that the model is given to answer from.")
    context_items: list[Any] | None = None


class NewSession(BaseModel):
    """A conversation to begin."""

    initial_messages: list[dict[str, Any]] | None = None
    user_id: str | None = None


@router.post("/api/agents/{agent_id}/run")
async def run_agent(services: ServicesOf, agent_id: str, body: Question) -> Response:
    """Ask an agent and wait for its answer. A model that cannot answer is a run that failed, and says why."""
    message = (body.message or "").strip()
    if not message:
        raise ApiError(400, "message is required")
    _check_context(body)
    agent = await services.db.read(lambda connection: agents.find(connection, agent_id_of(agent_id)))
    if agent is None:
        raise agent_not_found()
    session_id, turns = await _conversation(services, agent.id, body.session_id)
    run_id = f"run_{new_id().replace('-', '')[:12]}"
    record = await _answered(services, agent, message, turns, body.context_override or "")
    await services.db.write(lambda connection: _keep(connection, agent.id, session_id, run_id, message, record))
    return json_reply(
        {
            "run_id": run_id,
            "session_id": session_id,
            "context_handler_id": body.context_handler_id,
            "content": record["content"],
            "error": record["error"],
            "usage": record["usage"],
            "retrieved_items": [],
            "status": "failed" if record["error"] else "completed",
            "is_new_session": not body.session_id,
        }
    )


@router.get("/api/agents/runs/{run_id}")
async def get_run(services: ServicesOf, run_id: str) -> Response:
    """What one run of a model was asked and answered, whether a workflow or a route started it."""
    # No database can hold this character, so no run has it.
    row = None if "\0" in run_id else await services.db.read(lambda connection: agents.find_run(connection, run_id))
    if row is None:
        raise ApiError(404, "Run not found")
    return json_reply(_run(row))


@router.get("/api/agents/{agent_id}/sessions")
async def list_sessions(services: ServicesOf, agent_id: str, page: PageOf) -> Response:
    """Conversations with an agent, newest first."""
    known_id = agent_id_of(agent_id)
    query = records.listed(SESSION, known_id)
    columns = query.selected_columns
    sorts = {"created_at": columns["created_at"], "updated_at": columns["updated_at"]}
    page.check(sorts)

    def read(connection: Connection) -> tuple[list[Any], int]:
        if agents.find(connection, known_id) is None:
            raise agent_not_found()
        return read_page(connection, query, page, sorts=sorts, name=columns["name"], row_id=columns["id"])

    rows, total = await services.db.read(read)
    return json_reply(page.envelope("sessions", [_session(row) for row in rows], total))


@router.post("/api/agents/{agent_id}/sessions", status_code=201)
async def create_session(services: ServicesOf, agent_id: str, body: NewSession) -> Response:
    """Begin a conversation, with what was said before if anything was."""
    known_id, session_id = agent_id_of(agent_id), new_id()
    said = [(str(item.get("role") or "user"), str(item.get("content") or "")) for item in body.initial_messages or ()]

    def write(connection: Connection) -> None:
        if agents.find(connection, known_id) is None:
            raise agent_not_found()
        data = msgspec.json.encode({"user_id": body.user_id}).decode()
        records.add(connection, SESSION, session_id, data, parent_id=known_id)
        _say(connection, session_id, said[:MAX_MESSAGES])

    await services.db.write(write)
    return json_reply({"session_id": session_id}, 201)


@router.delete("/api/agents/{agent_id}/sessions/{session_id}")
async def delete_agent_session(services: ServicesOf, agent_id: str, session_id: str) -> Response:
    """End a conversation and forget it."""
    known_id, owner_id = canonical_id(session_id) or "", agent_id_of(agent_id)

    def write(connection: Connection) -> bool:
        row = records.find(connection, SESSION, known_id)
        return row is not None and row.parent_id == owner_id and records.remove(connection, SESSION, known_id)

    if not await services.db.write(write):
        raise ApiError(404, "Session not found")
    return json_reply({"success": True, "message": "Session deleted"})


@router.get("/api/sessions/{session_id}")
async def get_session(services: ServicesOf, session_id: str) -> Response:
    """One conversation."""
    known_id = canonical_id(session_id) or ""
    row = await services.db.read(lambda connection: records.find(connection, SESSION, known_id))
    return json_reply(_session(_found(row)))


@router.get("/api/sessions/{session_id}/messages")
async def list_messages(services: ServicesOf, session_id: str, limit: str = "") -> Response:
    """What was said, oldest first; `limit` from 1 to 200."""
    known_id = canonical_id(session_id) or ""
    most = whole_number(limit, MAX_MESSAGES, 1, MAX_MESSAGES)

    def read(connection: Connection) -> list[JsonObject]:
        _found(records.find(connection, SESSION, known_id))
        rows = records.all_of(connection, MESSAGE, known_id, most)
        return [{"id": row.id, **msgspec.json.decode(row.data), "created_at": to_iso(row.created_at)} for row in rows]

    return json_reply({"messages": await services.db.read(read)})


@router.delete("/api/sessions/{session_id}")
async def delete_session(services: ServicesOf, session_id: str) -> Response:
    """End a conversation and forget it."""
    known_id = canonical_id(session_id) or ""
    if not await services.db.write(lambda connection: records.remove(connection, SESSION, known_id)):
        raise ApiError(404, "Session not found")
    return json_reply({"success": True, "message": "Session deleted"})


def _check_context(body: Question) -> None:
    if "runtime_knowledge_bases" in (body.model_extra or {}):
        raise ApiError(400, "runtime_knowledge_bases can be given to a streamed run only")
    if sum(getattr(body, name) is not None for name in _CONTEXTS) > 1:
        raise ApiError(400, f"Give only one of {', '.join(_CONTEXTS)}")


async def _conversation(services: Services, agent_id: str, session_id: str | None) -> tuple[str, tuple[Turn, ...]]:
    """The session to go on with, or a new one, and what was said in it."""
    if not session_id:
        new = new_id()
        await services.db.write(lambda connection: records.add(connection, SESSION, new, "{}", parent_id=agent_id))
        return new, ()
    known_id = canonical_id(session_id) or ""

    def read(connection: Connection) -> tuple[Turn, ...]:
        row = records.find(connection, SESSION, known_id)
        if row is None or row.parent_id != agent_id:
            raise ApiError(404, "Session not found")
        said = [msgspec.json.decode(item.data) for item in records.all_of(connection, MESSAGE, known_id)]
        return tuple(Turn(item["role"], item["content"]) for item in said[-MAX_HISTORY:])

    return known_id, await services.db.read(read)


async def _answered(
    services: Services, agent: Row[Any], message: str, turns: tuple[Turn, ...], context: str
) -> JsonObject:
    """What the model answered, or why it did not, as `agent_runs.data` keeps it."""
    from engine.llm.models import Models

    settings = msgspec.json.decode(agent.settings)
    system_prompt = (
        f"{agent.system_prompt or ''}\n\nContext:\n{context}".strip() if context else agent.system_prompt or ""
    )
    max_tokens = number_setting(settings, "max_tokens")
    request = ModelRequest(
        agent.model,
        message,
        system_prompt,
        number_setting(settings, "temperature"),
        None if max_tokens is None else int(max_tokens),
        history=turns,
    )
    began = time.time()
    record: JsonObject = {"model": agent.model, "system_prompt": system_prompt, "prompt": message, "started_at": began}
    try:
        answer = await Models(services.settings.run.models).complete(request)
    except ModelError as error:
        record |= {"content": None, "usage": None, "error": str(error)}
    else:
        record |= {"content": answer.text, "usage": answer.usage, "error": None, "model": answer.model}
    return {**record, "duration_ms": round((time.time() - began) * 1000, 2)}


def _keep(
    connection: Connection, agent_id: str, session_id: str, run_id: str, message: str, record: JsonObject
) -> None:
    agents.add_run(
        connection,
        {
            "id": new_id(),
            "run_id": run_id,
            "agent_id": agent_id,
            "session_id": session_id,
            "status": "failed" if record["error"] else "completed",
            "data": msgspec.json.encode(record).decode(),
        },
    )
    answer = [] if record["content"] is None else [("assistant", str(record["content"]))]
    _say(connection, session_id, [("user", message), *answer])


def _say(connection: Connection, session_id: str, said: list[tuple[str, str]]) -> None:
    for role, content in said:
        data = msgspec.json.encode({"role": role, "content": content}).decode()
        records.add(connection, MESSAGE, new_id(), data, parent_id=session_id)


def _found(row: Row[Any] | None) -> Row[Any]:
    if row is None:
        raise ApiError(404, "Session not found")
    return row


def _session(row: Row[Any]) -> JsonObject:
    data = msgspec.json.decode(row.data)
    dates = {"created_at": to_iso(row.created_at), "updated_at": to_iso(row.updated_at)}
    return {"id": row.id, "agent_id": row.parent_id, "user_id": data.get("user_id"), **dates}


def _run(row: Row[Any]) -> JsonObject:
    """A run as contract 2.10 has it. What only other kinds of agents have, such as tool calls, is empty."""
    data = msgspec.json.decode(row.data)
    system = [{"role": "system", "content": data["system_prompt"]}] if data.get("system_prompt") else []
    answer = [] if data.get("content") is None else [{"role": "assistant", "content": data["content"]}]
    return {
        "id": row.id,
        "run_id": row.run_id,
        "session_id": row.session_id,
        "parent_orchestration_run_id": None,
        "parent_workflow_execution_id": row.execution_id,
        "status": row.status,
        "model": data.get("model"),
        "input_messages": [*system, {"role": "user", "content": data.get("prompt")}],
        "output_messages": answer,
        "content": data.get("content"),
        "usage": data.get("usage"),
        "retrieved_context": None,
        "error": data.get("error"),
        "started_at": to_iso(int(data["started_at"] * 1_000_000)) if data.get("started_at") else None,
        "completed_at": to_iso_or_none(row.completed_at),
        "steps": [],
        "events": [],
        "tool_calls": [],
        "reasoning_steps": [],
        "created_at": to_iso(row.created_at),
    }
