"""The application under test: with a client and without a socket."""

import asyncio
import contextlib
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

from engine.document import JsonObject
from engine.server.app import create_app
from engine.server.services import ServerSettings, Services, open_services

T = TypeVar("T")
KEY = "test-key-of-this-server"
HEADERS = {"Authorization": f"Bearer {KEY}", "apikey": KEY}


class OneKey:
    """A key of the server under test."""

    def matches(self, token: str | bytes) -> bool:
        """Whether the token is `KEY`."""
        data = token.encode() if isinstance(token, str) else token
        return hmac.compare_digest(hashlib.sha256(data).digest(), hashlib.sha256(KEY.encode()).digest())


class Api(httpx.AsyncClient):
    """A client of one application, with the key; `services` are what the application works with."""

    services: Services


@contextlib.asynccontextmanager
async def serving(where: Path | str, settings: ServerSettings | None = None, **options: Any) -> AsyncIterator[Api]:
    """An application on this database, and a client that calls it without a socket."""
    async with open_services(where, [OneKey()], settings or ServerSettings(), **options) as services:
        transport = httpx.ASGITransport(create_app(services))
        async with Api(transport=transport, base_url="http://server", headers=HEADERS) as api:
            api.services = services
            yield api


Story = Callable[[Api], Coroutine[Any, Any, None]]
Play = Callable[[Story], None]


@dataclass(frozen=True)
class Live:
    """An open application and the event loop it lives on."""

    runner: asyncio.Runner
    api: Api

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of this work, on the loop of the application."""
        return self.runner.run(work)


async def new_workflow(api: Api, blocks: Iterable[Any] = (), edges: Iterable[Any] = (), **fields: Any) -> str:
    """The id of a new workflow with this graph; `fields` go into its creation."""
    created = await api.post("/api/workflows", json={"name": "A workflow", **fields})
    assert created.status_code == 201, created.text
    workflow_id: str = created.json()["id"]
    await save_graph(api, workflow_id, blocks, edges)
    return workflow_id


async def save_graph(api: Api, workflow_id: str, blocks: Iterable[Any] = (), edges: Iterable[Any] = ()) -> JsonObject:
    """The reply of saving this graph."""
    graph = {"blocks": list(blocks), "edges": list(edges)}
    saved = await api.put(f"/api/workflows/{workflow_id}/graph", json=graph)
    assert saved.status_code == 200, saved.text
    reply: JsonObject = saved.json()
    return reply


def block(block_id: str, kind: str, **config: Any) -> JsonObject:
    """A block as it is sent, named like its id."""
    return {"id": block_id, "type": kind, "name": block_id, "config": config}


def wires(*pairs: str) -> list[JsonObject]:
    """Edges as they are sent, from texts such as `a>b`."""
    ends = (pair.split(">") for pair in pairs)
    return [{"source": source, "target": target} for source, target in ends]
