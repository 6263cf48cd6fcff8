"""Every error as the contract writes it: JSON with `error`, and `error_code` where clients decide by it. Never a page.

Source: contract section 2.1.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from structlog import get_logger

from engine.server.reply import json_reply
from engine.store import StoreUnavailable

VALIDATION_ERROR = "VALIDATION_ERROR"
WORKFLOW_NOT_FOUND = "WORKFLOW_NOT_FOUND"
EXECUTION_FAILED = "EXECUTION_FAILED"
EXECUTION_TIMEOUT = "EXECUTION_TIMEOUT"
EXECUTION_CANCELLED = "EXECUTION_CANCELLED"
EXECUTION_INTERRUPTED = "EXECUTION_INTERRUPTED"
REVISION_CONFLICT = "REVISION_CONFLICT"
RETRY_AFTER_S = 2


class ErrorReply(BaseModel):
    """What every request that fails gets. Codes: VALIDATION_ERROR, WORKFLOW_NOT_FOUND, EXECUTION_FAILED and others."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [{"error": "Workflow not found"}]})

    error: str
    error_code: str | None = None
    execution_id: str | None = None


class ApiError(Exception):
    """Ends a request with this status and text. `more` are further fields of the reply."""

    def __init__(
        self,
        status: int,
        text: str,
        code: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(text)
        self.status, self.text, self.code = status, text, code
        self.headers, self.more = dict(headers or {}), more

    def response(self) -> Response:
        """The reply that says it."""
        code = {"error_code": self.code} if self.code else {}
        return json_reply({"error": self.text, **code, **self.more}, self.status, self.headers)


def invalid(text: str) -> ApiError:
    """What was sent cannot be accepted; the text says which part, and what would be right."""
    return ApiError(400, text, VALIDATION_ERROR)


def workflow_not_found() -> ApiError:
    """There is no workflow with this id."""
    return ApiError(404, "Workflow not found", WORKFLOW_NOT_FOUND)


def unavailable(text: str) -> ApiError:
    """The server is too busy or cannot record anything; the same request may succeed in a moment."""
    return ApiError(503, text, headers={"Retry-After": str(RETRY_AFTER_S)})


def add_error_handlers(app: FastAPI) -> None:
    """Let every kind of failure end in a reply of the contract's shape."""
    app.add_exception_handler(ApiError, _on_api_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(StoreUnavailable, _on_store_unavailable)
    app.add_exception_handler(Exception, _on_crash)


async def _on_api_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error.response()


async def _on_http_exception(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    text = HTTPStatus(error.status_code).phrase.capitalize()
    return ApiError(error.status_code, text, headers=error.headers).response()


async def _on_validation_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(step) for step in first["loc"] if step not in ("body", "query", "path"))
    if not place and first["type"] == "missing":
        return invalid("A JSON object is required as the body.").response()
    return invalid(f"{place}: {first['msg']}" if place else str(first["msg"])).response()


async def _on_store_unavailable(_request: Request, error: Exception) -> Response:
    return unavailable(str(error)).response()


async def _on_crash(request: Request, error: Exception) -> Response:
    get_logger().error("request failed", path=request.url.path, exc_info=error)
    return ApiError(500, "Something went wrong inside the server. Its log says what.").response()
