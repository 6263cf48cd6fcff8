"""Webhooks: how other programs start a workflow.

Plain ASGI in front of everything else: nothing of a framework is needed for one path, one header and one body, and this
is the route that is called most. What it knows of a workflow is kept; that it is still true is part of the transaction
that records the run, and nobody is refused before the store has been asked.

Source: contract section 2.9, rulings X6 and X8.
"""

from collections import OrderedDict
from functools import partial
from hmac import compare_digest
from typing import Any, NamedTuple
from urllib.parse import parse_qsl
from uuid import UUID

from fastapi import Body
from pydantic import BaseModel
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog import get_logger

from engine.document import Json
from engine.server.errors import EXECUTION_TIMEOUT, VALIDATION_ERROR, WORKFLOW_NOT_FOUND, ApiError, unavailable
from engine.server.execute import EXECUTION_ID, failure
from engine.server.http.json import read_json_leniently
from engine.server.reply import PlainReply
from engine.server.routing import is_json, resource
from engine.server.runs.loaded import LoadedWorkflow
from engine.server.runs.port import RunOrder, WebhookNotActive
from engine.server.services import Services
from engine.server.starting import idempotency_of, start_run
from engine.store import StoreUnavailable
from engine.store import workflows as stored

PREFIX = "/api/webhooks/"
MAX_KEPT = 1_024
BEARER = b"bearer "
_EXECUTION_ID = EXECUTION_ID.lower().encode()
FAILED_TEXT = "Workflow execution failed"
"""What callers read; why it failed is for the owner, and stands in the execution."""


router = resource("webhooks")


class WebhookReply(BaseModel):
    """The run that was started has completed."""

    execution_id: str
    status: str
    output: Any


@router.post("/api/webhooks/{webhook_id}", response_model=WebhookReply, openapi_extra={"security": []})
async def call_webhook(webhook_id: str, token: str = "", body: Any = Body(None)) -> Response:  # noqa: B008
    """Run the workflow that has this webhook, with the body as its variables, and answer when it has ended.

    The secret of the webhook proves that the caller may: `Authorization: Bearer SECRET`, or `?token=SECRET`.
    """
    raise NotImplementedError  # described here; `Webhooks` answers it before the framework sees it


class Call(NamedTuple):
    """What somebody sent. `token` is what is to prove that they may."""

    webhook_id: str
    token: bytes
    content_type: str
    idempotency_key: str | None
    body: bytes


class Webhooks:
    """Answers `POST /api/webhooks/{id}`, and passes everything else on."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services
        self._owners: OrderedDict[str, str] = OrderedDict()
        """Ids of workflows by webhook id, of the last ones that were called."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or not _is_webhook(scope["path"]):
            await self._app(scope, receive, send)
            return
        body = await _read_body(receive)
        if body is None:
            return  # the caller has gone before saying all; nothing has been touched
        try:
            reply: ASGIApp = await self._answer(_call(scope, body))
        except ApiError as error:
            reply = error.response()
        except StoreUnavailable as error:
            reply = unavailable(str(error)).response()
        except Exception as error:  # noqa: BLE001 - the border: no caller reads what broke inside
            get_logger().error("webhook failed", exc_info=error)
            reply = ApiError(500, FAILED_TEXT).response()
        await reply(scope, receive, send)

    async def _answer(self, call: Call) -> ASGIApp:
        admit = partial(self._admit, call)
        workflow = self._kept(call) or await admit()
        order = RunOrder(
            workflow,
            await _variables(call),
            "webhook",
            self._services.settings.webhook_timeout_s,
            claims_webhook=True,
            idempotency=idempotency_of(call.idempotency_key, f"webhook:{call.webhook_id}", call.body),
        )
        try:
            run, _ = await start_run(self._services, order, admit)
        except WebhookNotActive as error:
            raise ApiError(403, str(error)) from None
        finished = await run.finished()
        if finished.status == "failed":
            is_late = finished.error_code == EXECUTION_TIMEOUT
            text = (finished.error or "") if is_late else FAILED_TEXT
            raise failure(finished, text, {EXECUTION_ID: run.execution_id})
        content = {"execution_id": run.execution_id, "status": "completed", "output": finished.output}
        return PlainReply(content, [(_EXECUTION_ID, run.execution_id.encode())])

    def _kept(self, call: Call) -> LoadedWorkflow | None:
        """The workflow, if it is at hand and the caller has its secret as far as we know."""
        owner = self._owners.get(call.webhook_id)
        workflow = None if owner is None else self._services.workflows.kept(owner)
        return workflow if workflow is not None and _is_secret(workflow, call) else None

    async def _admit(self, call: Call) -> LoadedWorkflow:
        """The workflow, asked for in the store, for a caller who has its secret.

        Raises:
            ApiError: there is none, or the secret is wrong.
        """
        if not _is_uuid(call.webhook_id):
            raise ApiError(400, "Invalid webhook ID", VALIDATION_ERROR)
        db = self._services.db
        owner = await db.read(lambda connection: stored.workflow_of_webhook(connection, call.webhook_id))
        workflow = None if owner is None else await self._services.workflows.load(owner)
        if workflow is None or call.webhook_id not in workflow.secrets:
            raise ApiError(404, "Webhook not found", WORKFLOW_NOT_FOUND)
        if not _is_secret(workflow, call):
            raise await self._refusal(call.webhook_id)
        self._owners[call.webhook_id] = workflow.id
        if len(self._owners) > MAX_KEPT:
            self._owners.popitem(last=False)
        return workflow

    async def _refusal(self, webhook_id: str) -> ApiError:
        limit = self._services.secret_limit
        seconds = None if limit is None else await limit.wrong_secret(webhook_id)
        if seconds is None:
            return ApiError(401, "Unauthorized")
        return ApiError(429, "Too many calls with a wrong secret.", headers={"Retry-After": str(seconds)})


def _is_webhook(path: str) -> bool:
    return path.startswith(PREFIX) and len(path) > len(PREFIX) and "/" not in path[len(PREFIX) :]


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


async def _read_body(receive: Receive) -> bytes | None:
    """The whole body; None when the caller went away before its end."""
    pieces = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)


def _call(scope: Scope, body: bytes) -> Call:
    authorization, content_type, key = b"", b"", None
    for name, value in scope["headers"]:
        if name == b"authorization":
            authorization = value
        elif name == b"content-type":
            content_type = value
        elif name == b"idempotency-key":
            key = value.decode("latin-1")
    # Seven characters, the space included: a Bearer header shadows the query even when nothing follows (X6).
    if authorization[: len(BEARER)].lower() == BEARER:
        token = authorization[len(BEARER) :].strip()
    else:
        token = _token_in(scope["query_string"])
    return Call(scope["path"][len(PREFIX) :], token, content_type.decode("latin-1"), key, body)


def _token_in(query: bytes) -> bytes:
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    return next((value for name, value in pairs if name == "token"), "").encode("utf-8", "surrogatepass")


def _is_secret(workflow: LoadedWorkflow, call: Call) -> bool:
    """Whether the caller knows the secret. Compared as bytes: a text may hold what cannot be compared in equal time."""
    secret = workflow.secrets.get(call.webhook_id, "")
    return bool(secret) and compare_digest(secret.encode(), call.token)


async def _variables(call: Call) -> Json:
    """The body as variables: what is absent, no JSON, or empty in any way is an empty object."""
    if not call.body or not is_json(call.content_type):
        return {}
    return await read_json_leniently(call.body) or {}
