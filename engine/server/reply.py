"""Replies: JSON, encoded once. Text that is JSON already goes in as it is, with `raw`."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_ENCODER = msgspec.json.Encoder()


def json_reply(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A reply with this content as JSON."""
    return Response(_ENCODER.encode(content), status, headers, "application/json")


class PlainReply:
    """A 200 with this content as JSON, for the route that is called most: nothing is made that is not sent."""

    __slots__ = ("_body", "_headers")

    def __init__(self, content: Any, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self._body = _ENCODER.encode(content)
        length = (b"content-length", str(len(self._body)).encode())
        self._headers = [(b"content-type", b"application/json"), length, *headers]

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._body})


def raw(text: str | None) -> msgspec.Raw | None:
    """Stored JSON, to be written into a reply without being read; None is null."""
    return None if text is None else msgspec.Raw(text.encode())
