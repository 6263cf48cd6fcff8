"""How routes take JSON: a body is read and checked before FastAPI sees it, so that what is wrong is told our way.

A resource module makes its router with `resource(tag)` and declares bodies as Pydantic models, as usual. A model with a
default for every field may be left out by the caller when the parameter has a default.
"""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from engine.document import Json
from engine.server.errors import ApiError, ErrorReply
from engine.server.http.json import BadJson, read_json_off_loop
from engine.server.ids import canonical_id as canonical_id
from engine.server.services import Services


def resource(tag: str, route_class: type[APIRoute] | None = None) -> APIRouter:
    """A router for the routes of one resource."""
    errors: dict[int | str, dict[str, Any]] = {
        "4XX": {"model": ErrorReply, "description": "The request cannot be served; `error` says why."},
        "5XX": {"model": ErrorReply, "description": "The server cannot serve it; `error` says why."},
    }
    return APIRouter(tags=[tag], route_class=route_class or JsonRoute, responses=errors)


class JsonRoute(APIRoute):
    """A route whose body is a JSON object, if it takes one."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def handle_json(request: Request) -> Response:
            checked = _JsonRequest(request.scope, request.receive)
            await checked.check_body()
            return await handle(checked)

        return handle_json


class _JsonRequest(Request):
    """A request whose body has been read and is a JSON object, or empty."""

    async def check_body(self) -> None:
        """Read the body.

        Raises:
            ApiError: it is no JSON object (400), or says that it is something else (415).
        """
        try:
            body = await self.body()
        except ClientDisconnect:
            raise ApiError(400, "The request ended before its body was complete.") from None
        if not body:
            self._json: Json = None
            return
        if not is_json(self.headers.get("content-type", "")):
            raise ApiError(415, "The body must be JSON, sent with Content-Type: application/json.")
        try:
            self._json = await read_json_off_loop(body)
        except BadJson as error:
            raise ApiError(400, f"The body is no JSON that can be read: {error}") from None
        if not isinstance(self._json, dict):
            raise ApiError(400, "The body must be a JSON object, in braces.")


def is_json(content_type: str) -> bool:
    """Whether a body with this content type is JSON: `application/json`, or another kind that ends in `+json`."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


# Asynchronous although it never waits: FastAPI takes other dependencies to a thread.
async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesOf = Annotated[Services, Depends(_services)]
"""Parameter type of a route that needs the server's services."""
