"""Agents: list, create, read, change, delete, and which knowledge bases they read.

Source: contract section 2.10.
"""

from typing import Any

import msgspec
from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, Row, select

from engine.document import JsonObject, new_id
from engine.server.errors import ApiError, invalid
from engine.server.paging import PageOf, read_page
from engine.server.reply import json_reply, raw
from engine.server.routing import ServicesOf, canonical_id, resource
from engine.store import agents as stored
from engine.store import records
from engine.store.agents import ASSIGNED
from engine.store.dbtime import to_iso, to_iso_or_none
from engine.store.schema import NAME_LENGTH

router = resource("agents")
DEFAULT_MODEL = "gpt-5.4-mini"
SORTS = ("created_at", "last_run_at", "name", "updated_at")
FIELDS = ("name", "model", "system_prompt", "settings")


class AgentFields(BaseModel):
    """What an agent is made of. Other fields are dropped."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={"examples": [{"name": "Editor", "model": "gpt-5.4-mini", "settings": {"temperature": 0.2}}]},
    )

    name: str | None = Field(None, description="Required for a new agent.")
    model: str | None = Field(None, description="`gpt-5.4-mini` when it is left out.")
    system_prompt: str | None = None
    settings: dict[str, Any] | None = Field(None, description="`temperature` and `max_tokens` are used by blocks.")


class NewAgent(BaseModel):
    """The new agent."""

    id: str
    name: str
    model: str
    system_prompt: str | None
    settings: dict[str, Any]


class Agent(NewAgent):
    """An agent."""

    created_at: str
    updated_at: str


class AgentRow(Agent):
    """An agent in a list."""

    session_count: int
    total_runs: int
    last_run_at: str | None


class AgentList(BaseModel):
    """A page of agents."""

    agents: list[AgentRow]
    total: int
    limit: int
    offset: int


class Message(BaseModel):
    """A sentence about what was done."""

    message: str


class Assignment(BaseModel):
    """A knowledge base that an agent shall read."""

    knowledge_base_id: str | None = None
    config: dict[str, Any] | None = None


@router.get("/api/agents", response_model=AgentList)
async def list_agents(services: ServicesOf, page: PageOf) -> Response:
    """Agents, newest first unless sorted by `name`, `updated_at` or `last_run_at`."""
    table = stored.listed().subquery()
    columns = table.c
    sorts = {name: columns[name] for name in SORTS}
    page.check(sorts)

    def read(connection: Connection) -> tuple[list[Any], int]:
        return read_page(connection, select(table), page, sorts=sorts, name=columns.name, row_id=columns.id)

    rows, total = await services.db.read(read)
    return json_reply(page.envelope("agents", [_listed(row) for row in rows], total))


@router.post("/api/agents", status_code=201, response_model=NewAgent)
async def create_agent(services: ServicesOf, body: AgentFields) -> Response:
    """Keep a new agent."""
    if not body.name:
        raise ApiError(400, "Name is required")
    model = body.model or DEFAULT_MODEL
    fields = _columns(
        {"name": body.name, "model": model, "system_prompt": body.system_prompt, "settings": body.settings}
    )
    agent_id = new_id()
    await services.db.write(lambda connection: stored.create(connection, agent_id, fields))
    return json_reply({"id": agent_id, **fields, "settings": raw(fields["settings"])}, 201)


@router.get("/api/agents/{agent_id}", response_model=Agent)
async def get_agent(services: ServicesOf, agent_id: str) -> Response:
    """One agent."""
    known_id = agent_id_of(agent_id)
    row = await services.db.read(lambda connection: stored.find(connection, known_id))
    return json_reply(_detail(_found(row)))


@router.patch("/api/agents/{agent_id}", response_model=Agent)
async def change_agent(services: ServicesOf, agent_id: str, body: AgentFields) -> Response:
    """Change name, model, system prompt or settings."""
    given = body.model_dump(exclude_unset=True)
    if not given:
        raise ApiError(400, "No data provided")
    fields = {key: value for key, value in given.items() if key in FIELDS}
    if not fields:
        raise ApiError(400, "No valid fields to update")
    for key in ("name", "model"):
        if key in fields and not fields[key]:
            raise invalid(f"{key} must be text that is not empty")
    known_id, columns = agent_id_of(agent_id), _columns(fields)
    row = await services.db.write(lambda connection: stored.change(connection, known_id, columns))
    return json_reply(_detail(_found(row)))


@router.delete("/api/agents/{agent_id}", response_model=Message)
async def delete_agent(services: ServicesOf, agent_id: str) -> Response:
    """Delete an agent with its sessions. One that does not exist is deleted already."""
    if known_id := canonical_id(agent_id):
        await services.db.write(lambda connection: stored.remove(connection, known_id))
    return json_reply({"message": "Agent deleted"})


@router.get("/api/agents/{agent_id}/knowledge-bases")
async def list_assigned(services: ServicesOf, agent_id: str) -> Response:
    """The knowledge bases that an agent reads."""
    known_id = agent_id_of(agent_id)

    def read(connection: Connection) -> list[JsonObject]:
        _found(stored.find(connection, known_id))
        rows = records.all_of(connection, ASSIGNED, known_id)
        return [{"id": row.id, **msgspec.json.decode(row.data)} for row in rows]

    return json_reply({"knowledge_bases": await services.db.read(read)})


@router.post("/api/agents/{agent_id}/knowledge-bases", status_code=201)
async def assign(services: ServicesOf, agent_id: str, body: Assignment) -> Response:
    """Let an agent read a knowledge base."""
    known_id = agent_id_of(agent_id)
    if not body.knowledge_base_id:
        raise ApiError(400, "knowledge_base_id is required")
    knowledge_base_id = canonical_id(body.knowledge_base_id)
    data = {"knowledge_base_id": knowledge_base_id, "config": body.config or {}}
    assignment_id = new_id()

    def write(connection: Connection) -> None:
        _found(stored.find(connection, known_id))
        if knowledge_base_id is None or records.find(connection, "knowledge_base", knowledge_base_id) is None:
            raise ApiError(404, "Knowledge base not found")
        assigned = (msgspec.json.decode(row.data) for row in records.all_of(connection, ASSIGNED, known_id))
        if any(row["knowledge_base_id"] == knowledge_base_id for row in assigned):
            raise ApiError(409, "The knowledge base is already assigned to this agent")
        records.add(connection, ASSIGNED, assignment_id, msgspec.json.encode(data).decode(), parent_id=known_id)

    await services.db.write(write)
    return json_reply({"id": assignment_id, **data}, 201)


@router.delete("/api/agents/{agent_id}/knowledge-bases/{assignment_id}")
async def unassign(services: ServicesOf, agent_id: str, assignment_id: str) -> Response:
    """Let an agent read a knowledge base no longer."""
    agent_id_of(agent_id)
    if known_id := canonical_id(assignment_id):
        await services.db.write(lambda connection: records.remove(connection, ASSIGNED, known_id))
    return json_reply({"deleted": True})


def agent_id_of(text: str) -> str:
    """The id in a path.

    Raises:
        ApiError: 404, since what is no UUID is nobody's id.
    """
    found = canonical_id(text)
    if found is None:
        raise agent_not_found()
    return found


def agent_not_found() -> ApiError:
    """There is no agent with this id."""
    return ApiError(404, "Agent not found")


def _found(row: Row[Any] | None) -> Row[Any]:
    if row is None:
        raise agent_not_found()
    return row


def _columns(given: JsonObject) -> JsonObject:
    """What was sent as it is stored."""
    for key in ("name", "model"):
        if key in given and len(given[key]) > NAME_LENGTH:
            raise invalid(f"{key} has {len(given[key])} characters; at most {NAME_LENGTH} can be stored")
    if "settings" in given:
        return {**given, "settings": msgspec.json.encode(given["settings"] or {}).decode()}
    return given


def _detail(row: Row[Any]) -> JsonObject:
    return {
        "id": row.id,
        "name": row.name,
        "model": row.model,
        "system_prompt": row.system_prompt,
        "settings": raw(row.settings),
        "created_at": to_iso(row.created_at),
        "updated_at": to_iso(row.updated_at),
    }


def _listed(row: Row[Any]) -> JsonObject:
    return {
        **_detail(row),
        "session_count": row.session_count,
        "total_runs": row.total_runs,
        "last_run_at": to_iso_or_none(row.last_run_at),
    }
