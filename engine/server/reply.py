"""Replies: JSON, encoded once. Text that is JSON already goes in as it is, with `raw`."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

_ENCODER = msgspec.json.Encoder()


def json_reply(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A reply with this content as JSON."""
    return Response(_ENCODER.encode(content), status, headers, "application/json")


def raw(text: str | None) -> msgspec.Raw | None:
    """Stored JSON, to be written into a reply without being read; None is null."""
    return None if text is None else msgspec.Raw(text.encode())
