"""Who may call: everything below `/api/` needs a key of this server, but for webhooks, which have secrets of their own.

Decided in front of all routes, so that a new route is closed by default and nothing is read, counted or looked up for
somebody without a key.

Source: contract 2.2, ruling X1.
"""

from collections.abc import Sequence
from typing import Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from engine.server.errors import ApiError

PROTECTED = "/api/"
PROTECTED_PATHS = ("/metrics",)
OPEN_PATHS = ("/api/health",)
OPEN_PREFIXES = ("/api/webhooks/",)


class Key(Protocol):
    """A key that this server accepts; holds no more than is needed to recognise it."""

    def matches(self, token: str | bytes) -> bool:
        """Whether the token is this key, in a time that does not depend on where they differ."""


class KeyGuard:
    """The ASGI application with every protected path closed to those who bring no key."""

    def __init__(self, app: ASGIApp, keys: Sequence[Key]) -> None:
        self._app = app
        self._keys = tuple(keys)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and needs_key(scope["path"]):
            try:
                self._check(scope)
            except ApiError as refusal:
                await refusal.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        words = given.split()
        if len(words) != 2 or words[0].lower() != b"bearer":
            raise _unauthorized("Authorization header required")
        if not any(key.matches(words[1]) for key in self._keys):
            raise _unauthorized("Invalid token: it is not a key of this server")


def needs_key(path: str) -> bool:
    """Whether this path is closed to callers without a key."""
    if not path.startswith(PROTECTED):
        return path in PROTECTED_PATHS
    return path not in OPEN_PATHS and not path.startswith(OPEN_PREFIXES)


def _unauthorized(text: str) -> ApiError:
    return ApiError(401, text, headers={"WWW-Authenticate": "Bearer"})
