"""The application: all resources behind one door."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi_offline import FastAPIOffline
from starlette.types import ASGIApp

from engine.server import (
    agent_runs,
    agents,
    copilot,
    database_tables,
    execute,
    executions,
    figures,
    health,
    knowledge,
    lifecycle,
    orchestrations,
    webhooks,
    workflow_graph,
    workflows,
)
from engine.server.auth import KeyGuard
from engine.server.errors import add_error_handlers
from engine.server.services import Services
from engine.server.version import program_version

RESOURCES = (
    health,
    figures,
    workflows,
    workflow_graph,
    lifecycle,
    execute,
    executions,
    webhooks,
    agents,
    agent_runs,
    orchestrations,
    copilot,
    knowledge,
    database_tables,
)
"""Modules with a `router`, in the order in which the documentation shows them."""


def create_app(services: Services) -> ASGIApp:
    """The whole API on these services, which the caller opens and closes."""
    # The pages of its documentation come from a package: they work offline, and nobody is told that they are read.
    app = FastAPIOffline(
        redoc_url=None,
        title="Blockloom",
        version=program_version(),
        summary="Workflows: store, run, deploy and trigger them.",
        redirect_slashes=False,
    )
    app.state.services = services
    for module in RESOURCES:
        app.include_router(module.router)
    add_error_handlers(app)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    guarded = KeyGuard(app, services.keys)
    services.own.connect(guarded)
    return webhooks.Webhooks(guarded, services)


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The description of the API. FastAPI's own error shape is left out of it, since no route answers with it."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        for operations in schema["paths"].values():
            for operation in operations.values():
                operation["responses"].pop("422", None)
        for name in ("HTTPValidationError", "ValidationError"):
            schema.get("components", {}).get("schemas", {}).pop(name, None)
        schema["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        schema["security"] = [{"key": []}]
        app.openapi_schema = schema
    return app.openapi_schema
