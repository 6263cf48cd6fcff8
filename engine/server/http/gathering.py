"""A transport that sends together what is written together.

uvicorn writes the head of a reply and then its body, and each write is a call to the system and a packet of its own.
Here everything that is written in one turn of the event loop goes out at its end in one piece, which for a small reply
is a quarter of all that it costs.
"""

import asyncio
from typing import Any

MAX_HELD = 64 * 1024
"""Bytes that are held at most. Beyond them they go out at once, so that whoever writes feels how the client reads."""


class GatheringTransport:
    """Stands in front of a connection's transport; what is not about writing goes straight through."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send this at the end of the turn, together with what else is written until then."""
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)
        self._size += len(data)
        if self._size > MAX_HELD:
            self._flush()

    def write_eof(self) -> None:
        """Send what is held, and then the end."""
        self._flush()
        self._transport.write_eof()

    def close(self) -> None:
        """Send what is held, then close."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once; what is held is lost."""
        self._held, self._size = [], 0
        self._transport.abort()

    def _flush(self) -> None:
        if self._held:
            held, self._held, self._size = self._held, [], 0
            if not self._transport.is_closing():
                self._transport.write(b"".join(held))
