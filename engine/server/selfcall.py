"""How runs of this server call it themselves: Platform API blocks reach it as its owner, without a network (W11)."""

import hmac
import secrets
from dataclasses import replace

import httpx

from engine.client.connection import Connection
from engine.run.context import RunSettings
from engine.server.directory import StoreDirectory
from engine.store import Database

NAME, URL = "this server", "http://server.internal"


class SelfCall(httpx.AsyncBaseTransport):
    """A way into the application that only this process has, with a key that never leaves it."""

    def __init__(self) -> None:
        self._key = secrets.token_urlsafe(32)
        self._inner: httpx.AsyncBaseTransport | None = None

    def connect(self, app: object) -> None:
        """From now on, calls arrive at this ASGI application."""
        self._inner = httpx.ASGITransport(app)  # type: ignore[arg-type]

    def matches(self, token: str | bytes) -> bool:
        """Whether the token is our key."""
        return hmac.compare_digest(token.encode() if isinstance(token, str) else token, self._key.encode())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The application's reply."""
        if self._inner is None:
            raise httpx.ConnectError("the server does not take calls yet", request=request)
        return await self._inner.handle_async_request(request)

    def settings_for(self, db: Database, settings: RunSettings) -> RunSettings:
        """What runs of this server work with: its own agents, and itself as the connected server."""
        own = Connection(NAME, URL, self._key)
        return replace(settings, directory=StoreDirectory(db), platform=own, platform_transport=self)
