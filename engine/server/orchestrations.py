"""Orchestrations: list, create, read, change, delete, and the agents in them.

Source: contract section 2.11.
"""

from typing import Annotated, Any

import msgspec
from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, Row, select

from engine.directory.port import STRATEGIES
from engine.document import JsonObject, new_id
from engine.server.errors import ApiError, invalid
from engine.server.paging import PageOf, read_page
from engine.server.reply import json_reply, raw
from engine.server.routing import ServicesOf, canonical_id, resource
from engine.store import agents
from engine.store import orchestrations as stored
from engine.store.dbtime import to_iso
from engine.store.schema import ID_LENGTH, NAME_LENGTH

router = resource("orchestrations")
SORTS = ("created_at", "name", "updated_at")
ENTITY_TYPE = "agent"
MAX_POSITION = 2**31 - 1


class OrchestrationFields(BaseModel):
    """What an orchestration is made of. Other fields are dropped."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Team", "strategy": "sequential"}]})

    name: str | None = Field(None, description="Required for a new orchestration.")
    description: str | None = None
    strategy: str | None = Field(None, description="`supervisor`, `sequential` or `parallel`.")
    orchestrator_config: dict[str, Any] | None = Field(None, description="The supervisor's `model`, `system_prompt`.")
    settings: dict[str, Any] | None = None


class NewOrchestration(BaseModel):
    """The new orchestration."""

    id: str
    name: str
    description: str
    strategy: str
    orchestrator_config: dict[str, Any]
    settings: dict[str, Any]


class EntityFields(BaseModel):
    """An agent's place in an orchestration."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"entity_ref_id": "0d5f…", "role_description": "Writes"}]}
    )

    entity_type: str | None = Field(None, description="`agent`.")
    entity_ref_id: str | None = Field(None, description="The agent's id.")
    role_description: str | None = None
    config: dict[str, Any] | None = None
    position: int | None = Field(None, ge=0, le=MAX_POSITION, description="Counts from 0; at the end when left out.")


class Entity(BaseModel):
    """An agent in an orchestration."""

    id: str
    entity_type: str
    entity_ref_id: str
    role_description: str
    config: dict[str, Any]
    position: int


class Orchestration(NewOrchestration):
    """An orchestration with its agents."""

    created_at: str
    updated_at: str
    entities: list[Entity]


@router.get("/api/orchestrations")
async def list_orchestrations(
    services: ServicesOf,
    page: PageOf,
    limit: Annotated[str | None, Query(include_in_schema=False)] = None,
    offset: Annotated[str | None, Query(include_in_schema=False)] = None,
) -> Response:
    """Orchestrations. Without `limit` and `offset` all of them, and nothing but them."""
    table = stored.listed().subquery()
    columns = table.c
    sorts = {name: columns[name] for name in SORTS}
    page.check(sorts)
    is_whole = limit is None and offset is None

    def read(connection: Connection) -> tuple[list[Any], int]:
        return read_page(
            connection, select(table), page, sorts=sorts, name=columns.name, row_id=columns.id, whole=is_whole
        )

    rows, total = await services.db.read(read)
    listed = [_listed(row) for row in rows]
    return json_reply({"orchestrations": listed} if is_whole else page.envelope("orchestrations", listed, total))


@router.post("/api/orchestrations", status_code=201, response_model=NewOrchestration)
async def create_orchestration(services: ServicesOf, body: OrchestrationFields) -> Response:
    """Keep a new orchestration, without agents yet."""
    if not body.name:
        raise ApiError(400, "name is required")
    given = body.model_dump(exclude_none=True)
    empty: JsonObject = {"description": "", "strategy": "supervisor", "orchestrator_config": {}, "settings": {}}
    fields = _columns({**empty, **given})
    orchestration_id = new_id()
    await services.db.write(lambda connection: stored.create(connection, orchestration_id, fields))
    return json_reply({"id": orchestration_id, **_shown(fields)}, 201)


@router.get("/api/orchestrations/{orchestration_id}", response_model=Orchestration)
async def get_orchestration(services: ServicesOf, orchestration_id: str) -> Response:
    """One orchestration with its agents."""
    known_id = _id_of(orchestration_id)

    def read(connection: Connection) -> JsonObject:
        row = _found(stored.find(connection, known_id))
        return {**_detail(row), "entities": [_entity(item) for item in stored.entities(connection, known_id)]}

    return json_reply(await services.db.read(read))


@router.put("/api/orchestrations/{orchestration_id}")
async def change_orchestration(services: ServicesOf, orchestration_id: str, body: OrchestrationFields) -> Response:
    """Change some of its fields."""
    known_id = _id_of(orchestration_id)
    given = body.model_dump(exclude_unset=True)
    if "name" in given and not given["name"]:
        raise ApiError(400, "name is required")
    fields = _columns({key: value for key, value in given.items() if value is not None})
    row = await services.db.write(lambda connection: stored.change(connection, known_id, fields))
    return json_reply(_detail(_found(row)))


@router.delete("/api/orchestrations/{orchestration_id}")
async def delete_orchestration(services: ServicesOf, orchestration_id: str) -> Response:
    """Delete an orchestration; its agents stay."""
    known_id = _id_of(orchestration_id)
    if not await services.db.write(lambda connection: stored.remove(connection, known_id)):
        raise _not_found()
    return json_reply({"deleted": True})


@router.get("/api/orchestrations/{orchestration_id}/entities")
async def list_entities(services: ServicesOf, orchestration_id: str) -> Response:
    """The agents in it, in their order."""
    known_id = _id_of(orchestration_id)

    def read(connection: Connection) -> list[JsonObject]:
        _found(stored.find(connection, known_id))
        return [_entity(item) for item in stored.entities(connection, known_id)]

    return json_reply({"entities": await services.db.read(read)})


@router.post("/api/orchestrations/{orchestration_id}/entities", status_code=201)
async def add_entity(services: ServicesOf, orchestration_id: str, body: EntityFields) -> Response:
    """Give it one more agent."""
    known_id, entity_id = _id_of(orchestration_id), new_id()
    if not body.entity_ref_id:
        raise ApiError(400, "entity_ref_id is required")
    given = body.model_dump(exclude_none=True)
    given["entity_ref_id"] = canonical_id(body.entity_ref_id) or ""
    fields = _entity_columns({"entity_type": ENTITY_TYPE, "role_description": "", "config": {}, **given})

    def write(connection: Connection) -> None:
        _found(stored.find(connection, known_id))
        if agents.find(connection, fields["entity_ref_id"]) is None:
            raise ApiError(404, "Agent not found")
        stored.add_entity(connection, known_id, entity_id, fields)

    await services.db.write(write)
    shown = {key: fields[key] for key in ("entity_type", "entity_ref_id", "role_description")}
    return json_reply({"id": entity_id, **shown}, 201)


@router.put("/api/orchestrations/{orchestration_id}/entities/{entity_id}")
async def change_entity(services: ServicesOf, orchestration_id: str, entity_id: str, body: EntityFields) -> Response:
    """Change an agent's role, configuration or place."""
    known_id, known_entity = _id_of(orchestration_id), canonical_id(entity_id) or ""
    fields = _entity_columns(body.model_dump(exclude_none=True))
    if not await services.db.write(lambda connection: stored.change_entity(connection, known_id, known_entity, fields)):
        raise ApiError(404, "Entity not found")
    return json_reply({"ok": True})


@router.delete("/api/orchestrations/{orchestration_id}/entities/{entity_id}")
async def remove_entity(services: ServicesOf, orchestration_id: str, entity_id: str) -> Response:
    """Take an agent out; the agent itself stays."""
    known_id, known_entity = _id_of(orchestration_id), canonical_id(entity_id) or ""
    if not await services.db.write(lambda connection: stored.remove_entity(connection, known_id, known_entity)):
        raise ApiError(404, "Entity not found")
    return json_reply({"deleted": True})


def _id_of(text: str) -> str:
    found = canonical_id(text)
    if found is None:
        raise _not_found()
    return found


def _not_found() -> ApiError:
    return ApiError(404, "Orchestration not found")


def _found(row: Row[Any] | None) -> Row[Any]:
    if row is None:
        raise _not_found()
    return row


def _columns(given: JsonObject) -> JsonObject:
    """What was sent as it is stored."""
    if len(given.get("name", "")) > NAME_LENGTH:
        raise invalid(f"name has {len(given['name'])} characters; at most {NAME_LENGTH} can be stored")
    if given.get("strategy", STRATEGIES[0]) not in STRATEGIES:
        raise invalid(f"strategy must be one of {', '.join(STRATEGIES)}")
    return {key: _encoded(value) if isinstance(value, dict) else value for key, value in given.items()}


def _entity_columns(given: JsonObject) -> JsonObject:
    if given.get("entity_type", ENTITY_TYPE) != ENTITY_TYPE:
        raise invalid(f"entity_type must be {ENTITY_TYPE!r}")
    if len(given.get("entity_ref_id", "")) > ID_LENGTH:
        raise invalid("entity_ref_id must be an agent's id")
    return {key: _encoded(value) if isinstance(value, dict) else value for key, value in given.items()}


def _encoded(value: JsonObject) -> str:
    return msgspec.json.encode(value).decode()


def _shown(fields: JsonObject) -> JsonObject:
    stored_as_json = ("orchestrator_config", "settings")
    return {key: raw(value) if key in stored_as_json else value for key, value in fields.items()}


def _basics(row: Row[Any]) -> JsonObject:
    return {"id": row.id, "name": row.name, "description": row.description, "strategy": row.strategy}


def _detail(row: Row[Any]) -> JsonObject:
    return {
        **_basics(row),
        "orchestrator_config": raw(row.orchestrator_config),
        "settings": raw(row.settings),
        "created_at": to_iso(row.created_at),
        "updated_at": to_iso(row.updated_at),
    }


def _listed(row: Row[Any]) -> JsonObject:
    """A row of the list. Sessions and runs of orchestrations by themselves are not kept here, so there are none."""
    return {
        **_basics(row),
        "settings": raw(row.settings),
        "created_at": to_iso(row.created_at),
        "updated_at": to_iso(row.updated_at),
        "entity_count": row.entity_count,
        "session_count": 0,
        "last_run_at": None,
    }


def _entity(row: Row[Any]) -> JsonObject:
    return {
        "id": row.id,
        "entity_type": row.entity_type,
        "entity_ref_id": row.entity_ref_id,
        "role_description": row.role_description,
        "config": raw(row.config),
        "position": row.position,
    }
