"""Workflows: list, create, read, rename, delete.

Source: contract section 2.4.
"""

from typing import Any

import msgspec
from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, Connection, func, select

from engine.document import Json, JsonObject, new_id
from engine.server.errors import ApiError, invalid, workflow_not_found
from engine.server.graphs import empty_graph
from engine.server.paging import PageOf, read_page
from engine.server.reply import json_reply, raw
from engine.server.routing import ServicesOf, canonical_id, resource
from engine.server.schedules import next_runs
from engine.store import executions
from engine.store import workflows as stored
from engine.store.database import Record
from engine.store.dbtime import to_iso, to_iso_or_none
from engine.store.schema import WORKFLOWS

router = resource("workflows")
MAX_NAME, MAX_COLOR = 255, 50
SORTS: dict[str, ColumnElement[Any]] = {
    **{name: WORKFLOWS.c[name] for name in ("created_at", "updated_at", "last_execution_at")},
    "name": func.lower(WORKFLOWS.c.name),
}


class NewWorkflow(BaseModel):
    """A workflow to be created. `variables` are defaults for every run."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Document Summarizer", "variables": {"n": 3}}]})

    name: str | None = Field(None, description="Required, and not empty.")
    description: str | None = None
    variables: dict[str, Any] | None = None
    color: str | None = None


class CreatedWorkflow(BaseModel):
    """The new workflow."""

    id: str
    name: str


class WorkflowChanges(BaseModel):
    """What to change; at least one of these. Other fields are ignored."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Summarizer"}]})

    name: str | None = None
    description: str | None = None
    color: str | None = None
    variables: dict[str, Any] | None = None


class WorkflowRow(BaseModel):
    """A workflow in a list."""

    id: str
    name: str
    description: str | None
    variables: dict[str, Any]
    version: int
    color: str | None
    created_at: str
    updated_at: str
    state: str
    schedule_config: dict[str, Any] | None
    execution_count: int
    last_execution_at: str | None


class WorkflowList(BaseModel):
    """A page of workflows. `total` counts all that fit the search."""

    workflows: list[WorkflowRow]
    total: int
    limit: int
    offset: int


class WorkflowDetail(BaseModel):
    """A workflow with its graph. From `revision` on, fields beside the contract."""

    id: str
    name: str
    description: str | None
    variables: dict[str, Any]
    version: int
    color: str | None
    created_at: str
    updated_at: str
    state: str
    schedule_config: dict[str, Any] | None
    blocks: list[dict[str, Any]]
    edges: list[dict[str, Any]]
    revision: str = Field(description="A hash of the graph, for `If-Match`.")
    armed_until: str | None = Field(description="Until when one webhook call is accepted.")
    deployed_at: str | None
    deployed_version: int | None
    next_runs: list[str] = Field(description="When the schedule runs next; at most five.")


class Done(BaseModel):
    """It is done."""

    ok: bool


@router.get("/api/workflows", response_model=WorkflowList)
async def list_workflows(services: ServicesOf, page: PageOf) -> Response:
    """Workflows, newest first unless sorted otherwise: by `name`, `updated_at` or `last_execution_at`."""
    page.check(SORTS)

    def read(connection: Connection) -> tuple[list[Any], int]:
        columns = WORKFLOWS.c
        return read_page(connection, select(WORKFLOWS), page, sorts=SORTS, name=columns.name, row_id=columns.id)

    rows, total = await services.db.read(read)
    return json_reply(page.envelope("workflows", [_listed(row) for row in rows], total))


@router.post("/api/workflows", status_code=201, response_model=CreatedWorkflow)
async def create_workflow(services: ServicesOf, body: NewWorkflow) -> Response:
    """Create a workflow with an empty graph."""
    if not body.name:
        raise ApiError(400, "Name is required")
    workflow_id, fields = new_id(), _columns({"variables": {}, **body.model_dump(exclude_unset=True)})
    await services.db.write(lambda connection: stored.create(connection, workflow_id, fields, empty_graph()))
    return json_reply({"id": workflow_id, "name": body.name}, 201)


@router.get("/api/workflows/{workflow_id}", response_model=WorkflowDetail)
async def get_workflow(services: ServicesOf, workflow_id: str) -> Response:
    """A workflow with its graph, as it was saved."""
    known_id = workflow_id_of(workflow_id)

    def read(connection: Connection) -> tuple[Record | None, int | None]:
        return stored.find_with_graph(connection, known_id), stored.armed_until(connection, known_id)

    row, armed_until = await services.db.read(read)
    if row is None:
        raise workflow_not_found()
    return json_reply(_detail(row, armed_until), headers={"ETag": f'"{row.revision}"'})


@router.patch("/api/workflows/{workflow_id}", response_model=Done)
async def change_workflow(services: ServicesOf, workflow_id: str, body: WorkflowChanges) -> Response:
    """Change name, description, colour or variables."""
    given = body.model_dump(exclude_unset=True)
    if not given:
        raise ApiError(400, "No fields to update")
    known_id, fields = workflow_id_of(workflow_id), _columns(given)
    if not await services.db.write(lambda connection: stored.change(connection, known_id, fields)):
        raise workflow_not_found()
    return json_reply({"ok": True})


@router.delete("/api/workflows/{workflow_id}", status_code=204, response_class=Response)
async def delete_workflow(services: ServicesOf, workflow_id: str) -> Response:
    """Delete a workflow with its graph and all its executions, those under way too. One that does not exist is
    deleted already.
    """
    if known_id := canonical_id(workflow_id):
        for execution_id in await services.db.read(lambda connection: executions.under_way(connection, known_id)):
            await services.runs.cancel(execution_id)
        await services.db.write(lambda connection: stored.remove(connection, known_id))
    return Response(status_code=204)


def workflow_id_of(text: str) -> str:
    """The id in a path.

    Raises:
        ApiError: 404, since what is no UUID is nobody's id.
    """
    found = canonical_id(text)
    if found is None:
        raise workflow_not_found()
    return found


def _columns(given: JsonObject) -> JsonObject:
    """What was sent as it is stored."""
    if "name" in given and not given["name"]:
        raise invalid("name must be text that is not empty")
    for key, longest in (("name", MAX_NAME), ("color", MAX_COLOR)):
        if given.get(key) and len(given[key]) > longest:
            raise invalid(f"{key} has {len(given[key])} characters; at most {longest} can be stored")
    if "variables" in given:
        return {**given, "variables": msgspec.json.encode(given["variables"] or {}).decode()}
    return given


def _basics(row: Record) -> JsonObject:
    return {
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "variables": raw(row.variables),
        "version": row.version,
        "color": row.color,
        "created_at": to_iso(row.created_at),
        "updated_at": to_iso(row.updated_at),
        "state": row.state,
        "schedule_config": raw(row.schedule_config),
    }


def _listed(row: Record) -> JsonObject:
    last = to_iso_or_none(row.last_execution_at)
    return {**_basics(row), "execution_count": row.execution_count, "last_execution_at": last}


def _detail(row: Record, armed_until: int | None) -> JsonObject:
    runs: Json = next_runs(row)
    return {
        **_basics(row),
        "blocks": raw(row.blocks),
        "edges": raw(row.edges),
        "revision": row.revision,
        "armed_until": to_iso_or_none(armed_until),
        "deployed_at": to_iso_or_none(row.deployed_at),
        "deployed_version": row.deployed_version,
        "next_runs": runs,
    }
