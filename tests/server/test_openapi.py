"""The description of the API at `/openapi.json`: complete, in the contract's shapes, and true."""

import asyncio
from pathlib import Path
from typing import Any

from engine.server.app import RESOURCES
from tests.server.support import Api, Play, serving


async def described(api: Api) -> dict[str, Any]:
    reply = await api.get("/openapi.json")
    assert reply.status_code == 200
    schema: dict[str, Any] = reply.json()
    return schema


def test_every_route_is_described(tmp_path: Path) -> None:
    """Each operation has words of its own, the contract's error shape, and no error shape of the framework."""

    async def main() -> None:
        async with serving(tmp_path) as api:
            schema = await described(api)
        operations = [
            (f"{method} {path}", operation)
            for path, item in schema["paths"].items()
            for method, operation in item.items()
        ]
        assert len(operations) > 25
        for name, operation in operations:
            assert operation.get("description"), name
            assert "422" not in operation["responses"], name
            assert operation["tags"], name
        text = str(schema)
        assert "HTTPValidationError" not in text
        assert schema["security"] == [{"key": []}]
        assert schema["paths"]["/api/webhooks/{webhook_id}"]["post"]["security"] == []
        own = {route.path for module in RESOURCES for route in module.router.routes if route.include_in_schema}
        assert own == set(schema["paths"])

    asyncio.run(main())


def test_bodies_have_examples(tmp_path: Path) -> None:
    """Whoever reads the description sees what to send."""

    async def main() -> None:
        async with serving(tmp_path) as api:
            schema = await described(api)
        for name in ("NewWorkflow", "WorkflowChanges", "GraphBody", "RunRequest"):
            assert schema["components"]["schemas"][name]["examples"], name

    asyncio.run(main())


def test_extensions_can_be_discovered(play: Play) -> None:
    """Clients see in one place what this server has beside the contract."""

    async def story(api: Api) -> None:
        health = (await api.get("/api/health")).json()
        assert (health["status"], health["service"]) == ("ok", "blockloom")
        assert set(health["extensions"]) >= {*("revision", "events", "cancel", "validate", "idempotency", "deployment")}

    play(story)
