"""Run a workflow: wait for the result, or follow it while it runs.

Source: contract section 2.7, rulings X12 and X16. Beside it: `X-Execution-Id` in the reply, and `Idempotency-Key`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial
from typing import Annotated, Any

from fastapi import Header, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from engine.document import Json
from engine.events import RunFinished
from engine.run.executionlog import FollowedRun
from engine.server.errors import EXECUTION_FAILED, EXECUTION_TIMEOUT, ApiError, workflow_not_found
from engine.server.executionlog import ExecutionLog
from engine.server.reply import json_reply
from engine.server.routing import JsonRoute, ServicesOf, resource
from engine.server.runs.loaded import LoadedWorkflow, stored_document
from engine.server.runs.port import FinishedRun, Run, RunOrder, follow
from engine.server.services import Services
from engine.server.sse import DESCRIPTION, HEADERS, MEDIA_TYPE, FrameWriter, frame, last_frame
from engine.server.starting import idempotency_of, start_run
from engine.server.workflows import workflow_id_of
from engine.store import StoreUnavailable

EXECUTION_ID = "X-Execution-Id"
MANY_EVENTS = 2_000
"""With more of them the reply is put together in a thread, so that others need not wait for it."""
ONE_CALLER = "service"
"""All callers with a key of this server share one budget (contract 2.7)."""


class LimitedRoute(JsonRoute):
    """A route whose calls are counted, before anything else is looked at."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_within_limit(request: Request) -> Response:
            services: Services = request.app.state.services
            limit = services.run_limit
            if limit is not None and (seconds := await limit.retry_after(ONE_CALLER)) is not None:
                raise ApiError(429, limit.text, headers={"Retry-After": str(seconds)})
            return await handle(request)

        return handle_within_limit


router = resource("executions", LimitedRoute)


class RunRequest(BaseModel):
    """What to run with. `input` is the older name of `variables`, read only when that is absent."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"variables": {"text": "A long text."}}]})

    variables: Any = Field(default=None, description="An object; overlays the workflow's own variables.")
    input: Any = None


class BlockLog(BaseModel):
    """What one block did. `config` is as it was saved, `input` holds results by the id of the block they came from."""

    block_id: str
    block_type: str
    block_name: str
    status: str
    duration_ms: float
    config: dict[str, Any]
    output: dict[str, Any]
    input: dict[str, Any] | None
    agent_run_id: str | None


class RunReply(BaseModel):
    """A run that has completed. Blocks that failed are in `block_logs`, with the status `error`."""

    execution_id: str
    status: str
    output: Any
    block_outputs: dict[str, Any]
    block_logs: list[BlockLog]


_NOTHING = RunRequest()
_KeyHeader = Annotated[
    str | None, Header(alias="Idempotency-Key", description="The same key and body within 24 h run once only.")
]


@router.post("/api/workflows/{workflow_id}/execute", response_model=RunReply)
async def execute(
    services: ServicesOf,
    request: Request,
    workflow_id: str,
    body: RunRequest = _NOTHING,
    idempotency_key: _KeyHeader = None,
) -> Response:
    """Run the workflow as it is saved, and answer when it has ended."""
    timeout_s = services.settings.execute_timeout_s
    run, workflow = await _start(services, request, workflow_id, body, timeout_s, idempotency_key)
    finished = await run.finished()
    headers = {EXECUTION_ID: run.execution_id}
    if finished.status == "failed":
        raise failure(finished, finished.error or "", headers)
    return json_reply(await _sync_reply(services, workflow, finished), headers=headers)


@router.post(
    "/api/workflows/{workflow_id}/execute/stream",
    response_class=StreamingResponse,
    responses={200: DESCRIPTION},
)
async def execute_stream(
    services: ServicesOf,
    request: Request,
    workflow_id: str,
    body: RunRequest = _NOTHING,
    idempotency_key: _KeyHeader = None,
) -> Response:
    """Run the workflow as it is saved, and tell what happens while it runs. A caller who leaves does not end it."""
    timeout_s = services.settings.stream_timeout_s
    run, _ = await _start(services, request, workflow_id, body, timeout_s, idempotency_key)
    return StreamingResponse(_frames(run), media_type=MEDIA_TYPE, headers={**HEADERS, EXECUTION_ID: run.execution_id})


def failure(finished: FinishedRun, text: str, headers: dict[str, str]) -> ApiError:
    """The error of a run that failed: 504 when it took too long, else 500."""
    is_late = finished.error_code == EXECUTION_TIMEOUT
    code = EXECUTION_TIMEOUT if is_late else EXECUTION_FAILED
    return ApiError(504 if is_late else 500, text, code, headers=headers, execution_id=finished.execution_id)


async def _start(
    services: Services, request: Request, workflow_id: str, body: RunRequest, timeout_s: float, key: str | None
) -> tuple[Run, LoadedWorkflow]:
    known_id = workflow_id_of(workflow_id)
    load = partial(_load, services, known_id)
    workflow = services.workflows.kept(known_id) or await load()
    idempotency = idempotency_of(key, f"workflow:{known_id}", await request.body())
    order = RunOrder(workflow, _variables(body), "manual", timeout_s, idempotency=idempotency)
    return await start_run(services, order, load)


async def _load(services: Services, workflow_id: str) -> LoadedWorkflow:
    workflow = await services.workflows.load(workflow_id)
    if workflow is None:
        raise workflow_not_found()
    return workflow


def _variables(body: RunRequest) -> Json:
    given = body.variables if "variables" in body.model_fields_set else body.input
    return {} if given is None else given


async def _sync_reply(services: Services, workflow: LoadedWorkflow, finished: FinishedRun) -> Json:
    ran = workflow.workflow
    if finished.revision != workflow.revision:  # an earlier run with the same key, of an earlier graph
        ran = await stored_document(services.db, workflow.id, finished.revision)

    def reply() -> Json:
        log = ExecutionLog(finished.execution_id, FollowedRun(finished.events), ran, services.catalog)
        return log.sync_reply(finished)

    return await asyncio.to_thread(reply) if len(finished.events) > MANY_EVENTS else reply()


async def _frames(run: Run) -> AsyncIterator[bytes]:
    writer = FrameWriter()
    try:
        async for event in follow(run):
            text = writer.frame_of(event)
            if text is not None:
                yield text
            if isinstance(event, RunFinished):
                break
        yield last_frame(await run.finished())
    except StoreUnavailable as error:
        yield frame({"type": "error", "error": str(error)})
