"""Error replies that are given before the application is asked: JSON, in the contract's shape, and nothing to cache."""

from collections.abc import Iterable
from http import HTTPStatus

import msgspec

from engine.document import JsonObject

Header = tuple[bytes, bytes]
# Replies are data for the caller alone: no browser may take them for another type, or show them to another site's page.
SAFETY_HEADERS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
PAGE_HEADERS: tuple[Header, ...] = ((b"x-frame-options", b"DENY"), (b"referrer-policy", b"no-referrer"))
"""For the few replies that are pages."""
NOT_STORED: Header = (b"cache-control", b"no-store")


def error_body(text: str, **more: str) -> bytes:
    """The JSON of an error, such as `{"error": "..."}`."""
    content: JsonObject = {"error": text, **more}
    return msgspec.json.encode(content)


def error_headers(body: bytes) -> list[Header]:
    """The headers that go with it."""
    length = str(len(body)).encode()
    return [(b"content-type", b"application/json"), (b"content-length", length), NOT_STORED, *SAFETY_HEADERS]


def raw_error(status: int, text: str, headers: Iterable[Header] = ()) -> bytes:
    """A whole HTTP/1.1 reply that ends its connection, for a request that never became one."""
    body = error_body(text)
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()]
    lines += [name + b": " + value for name, value in (*headers, *error_headers(body), (b"connection", b"close"))]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
