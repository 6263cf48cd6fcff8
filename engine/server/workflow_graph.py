"""The graph of a workflow: replace it, check it, and read the one that was deployed.

Source: contract section 2.5. Beside it: `If-Match` with a revision saves only what nobody else has changed meanwhile.
"""

import asyncio
from typing import Annotated, Any

import msgspec
from fastapi import Header, Response
from pydantic import BaseModel, ConfigDict, Field

from engine.check import problems
from engine.document import JsonObject, Workflow, workflow_from_api
from engine.errors import FileError
from engine.problem import problem_report
from engine.server.errors import REVISION_CONFLICT, ApiError, ErrorReply, invalid, workflow_not_found
from engine.server.graphs import graph_of
from engine.server.reply import json_reply, raw
from engine.server.routing import ServicesOf, resource
from engine.server.workflows import workflow_id_of
from engine.store import workflows as stored
from engine.store.dbtime import to_iso

router = resource("graph")
ANY_REVISION = "*"
_GUIDE: dict[str, Any] = {
    "blocks": [
        {"id": "start", "type": "starter", "config": {}},
        {"id": "summarize", "type": "agent", "config": {"message": "Summarize: {{variables.text}}"}},
        {"id": "out", "type": "response", "config": {}},
    ],
    "edges": [{"source": "start", "target": "summarize"}, {"source": "summarize", "target": "out"}],
}


class GraphBody(BaseModel):
    """A whole graph. A block needs `id` and `type`, an edge `source` and `target`; fields we do not know are kept."""

    model_config = ConfigDict(json_schema_extra={"examples": [_GUIDE]})

    blocks: list[Any] = Field([], description="`id type name position config enabled` each.")
    edges: list[Any] = Field([], description="`id source target sourceHandle targetHandle condition` each.")


class Saved(BaseModel):
    """How much was saved. With `If-Match` also the new revision and version; the `ETag` has the revision always."""

    ok: bool
    blocks: int
    edges: int
    revision: str | None = None
    version: int | None = None


class ReportedProblem(BaseModel):
    """One thing to look at. `field` is a config key of the block; without block and edge it concerns the whole."""

    severity: str
    code: str
    block_id: str | None
    block_name: str | None
    edge_id: str | None
    field: str | None
    message: str


class Report(BaseModel):
    """What is wrong with a workflow. Errors keep it from running as it is meant."""

    problems: list[ReportedProblem]
    errors: int
    warnings: int


class DeployedGraph(BaseModel):
    """The graph as it was when it was deployed last."""

    version: int
    revision: str
    deployed_at: str
    blocks: list[dict[str, Any]]
    edges: list[dict[str, Any]]


@router.put(
    "/api/workflows/{workflow_id}/graph",
    response_model=Saved,
    response_model_exclude_none=True,
    responses={412: {"model": ErrorReply, "description": "The graph has another revision, which the reply names."}},
)
async def save_graph(
    services: ServicesOf,
    workflow_id: str,
    body: GraphBody,
    if_match: Annotated[str | None, Header(description="The revision that is expected, in quotes, or `*`.")] = None,
) -> Response:
    """Replace blocks and edges, all or nothing. The version grows by one."""
    known_id = workflow_id_of(workflow_id)
    if not await services.db.read(lambda connection: stored.find(connection, known_id)):
        raise workflow_not_found()
    graph, blocks, edges = await asyncio.to_thread(graph_of, body.blocks, body.edges, services.catalog)
    expected = _revision_in(if_match)
    try:
        version = await services.db.write(lambda c: stored.save_graph(c, known_id, graph, expected))
    except stored.NoSuchWorkflow:
        raise workflow_not_found() from None
    except stored.WebhookTaken as error:
        raise invalid(str(error)) from None
    except stored.RevisionMoved as error:
        etag = {"ETag": f'"{error.revision}"'}
        raise ApiError(412, str(error), REVISION_CONFLICT, headers=etag, revision=error.revision) from None
    reply: JsonObject = {"ok": True, "blocks": blocks, "edges": edges}
    if if_match is not None:  # others get the contract's fields, and nothing else
        reply |= {"revision": graph.revision, "version": version}
    return json_reply(reply, headers={"ETag": f'"{graph.revision}"', "X-Workflow-Version": str(version)})


@router.post("/api/workflows/{workflow_id}/validate", response_model=Report)
async def validate(services: ServicesOf, workflow_id: str, body: GraphBody | None = None) -> Response:
    """What is wrong with the workflow, or with the graph in the body if it were saved. Nothing is saved."""
    known_id = workflow_id_of(workflow_id)
    row = await services.db.read(lambda connection: stored.find_with_graph(connection, known_id))
    if row is None:
        raise workflow_not_found()

    def check() -> JsonObject:
        workflow = _document(row, body)
        return problem_report(workflow, problems(workflow, services.catalog))

    return json_reply(await asyncio.to_thread(check))


@router.get("/api/workflows/{workflow_id}/deployment", response_model=DeployedGraph)
async def get_deployment(services: ServicesOf, workflow_id: str) -> Response:
    """The graph as it was when it was deployed last; 404 when it never was."""
    known_id = workflow_id_of(workflow_id)
    found = await services.db.read(lambda connection: stored.deployment(connection, known_id))
    if found is None:
        raise ApiError(404, "This workflow has not been deployed.")
    return json_reply(
        {
            "version": found.version,
            "revision": found.revision,
            "deployed_at": to_iso(found.deployed_at),
            "blocks": raw(found.blocks),
            "edges": raw(found.edges),
        }
    )


def _revision_in(if_match: str | None) -> str | None:
    """The revision that a header asks for; None when any will do."""
    if if_match is None or if_match.strip() == ANY_REVISION:
        return None
    return if_match.strip().removeprefix("W/").strip('"')


def _document(row: Any, body: GraphBody | None) -> Workflow:
    if body is None:
        graph = {"blocks": msgspec.json.decode(row.blocks), "edges": msgspec.json.decode(row.edges)}
    else:
        graph = body.model_dump()
    try:
        return workflow_from_api({**graph, "name": row.name, "variables": msgspec.json.decode(row.variables)})
    except FileError as error:
        raise invalid(str(error)) from None
