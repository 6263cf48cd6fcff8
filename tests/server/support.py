"""The application under test: with a client and without a socket."""

import contextlib
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx

from engine.server.app import create_app
from engine.server.services import ServerSettings, Services, open_services

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
