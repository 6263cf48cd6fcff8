"""Stand-ins: answers made up in this process for web services that a workflow calls, so that it can be tried out.

Nothing leaves the machine and no port is opened. An answer repeats what was sent and says that it is made up.
"""

from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

import msgspec

from engine.document import Json
from engine.run.http import HttpClient, HttpReply

NOTE = "This answer was made up on this machine. The real service was not called."
MOST_REPEATED = 100_000
"""Bytes of a request that an answer repeats."""


class StandInClient:
    """The HTTP client of a run in which some hosts, with their port where they have one, are stood in for."""

    def __init__(self, client: HttpClient, hosts: Collection[str]) -> None:
        self._client = client
        self._hosts = frozenset(host.lower() for host in hosts)

    async def request(self, method: str, url: str, *, body: bytes | None = None, **options: Any) -> HttpReply:
        """The made-up reply of a host that is stood in for, else what the client gets."""
        if _host(url) in self._hosts:
            return made_up(method, url, body)
        return await self._client.request(method, url, body=body, **options)


def made_up(method: str, url: str, body: bytes | None) -> HttpReply:
    """A reply with status 200: the object that was sent, with an id, as most services answer; else what was asked."""
    sent = _sent(body)
    answer = {"id": "stand-in", **sent} if isinstance(sent, dict) else {"method": method, "address": url, "sent": sent}
    content = msgspec.json.encode({**answer, "stand_in": NOTE})
    return HttpReply(200, {"content-type": "application/json", "content-length": str(len(content))}, content)


def _sent(body: bytes | None) -> Json:
    if not body:
        return None
    shown = body[:MOST_REPEATED]
    try:
        return msgspec.json.decode(shown)
    except (msgspec.DecodeError, RecursionError):
        return shown.decode("utf-8", "replace")


def _host(url: str) -> str:
    try:
        return urlsplit(url.strip()).netloc.lower()
    except ValueError:
        return ""
