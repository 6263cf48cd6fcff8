"""Health and index: what anybody may ask, without a key.

Source: contract 2.1, ruling X19. `extensions` names what this server can do beside the contract.
"""

from fastapi import APIRouter, Response
from pydantic import BaseModel

from engine.server.reply import json_reply
from engine.server.version import program_version

EXTENSIONS = ("revision", "events", "cancel", "validate", "idempotency", "deployment")
router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The server is up."""

    status: str
    service: str
    version: str
    extensions: list[str]


@router.get("/api/health", response_model=Health, openapi_extra={"security": []})
async def health() -> Response:
    """Whether the server is up, which version it is, and what it can do beside the contract."""
    return json_reply({"status": "ok", "service": "blockloom", "version": program_version(), "extensions": EXTENSIONS})


@router.get("/health", include_in_schema=False)
async def platform_health() -> Response:
    """As platform servers answer."""
    return json_reply({"status": "healthy", "service": "project-service"})


@router.get("/", include_in_schema=False)
async def index() -> Response:
    """What this is, and where its description is."""
    return json_reply(
        {"service": "blockloom", "version": program_version(), "endpoints": ["/api/workflows", "/openapi.json"]}
    )
