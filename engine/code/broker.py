"""Web addresses that code calls: each request is looked at, made by the run's own client, and counted.

A worker has no network. What it wants is asked for on its socket, and made here, under the same rules about addresses,
sizes and time as a General API block. The worker is not believed: what it may not set for itself is refused, and so is
what would let one header become two.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from engine.code.fetching import MAX_BODY
from engine.code.messages import Call, WorkerMisbehaved
from engine.errors import BlockError, DeadlineExceeded
from engine.headers import CONTROL, FRAMING_HEADERS, HEADER_NAME

MAX_CALLS = 100
"""Web addresses that one block may call."""

_MAX_PAIRS = 64 << 10
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OWN_HEADERS = FRAMING_HEADERS | {"host", "keep-alive", "proxy-authorization", "proxy-connection"}


class HttpCalls(Protocol):
    """What makes the requests: `engine.run.http.HttpClient`."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Sequence[tuple[str, str]],
        headers: Sequence[tuple[str, str]],
        body: bytes | None,
        timeout_s: float,
    ) -> Any:
        """A reply with `status`, `headers` and `body`; raises `BlockError` when there is none."""


class Broker:
    """Answers the requests of one worker. `http` is None when its block may not call anything."""

    def __init__(self, http: HttpCalls | None) -> None:
        self._http = http
        self._left = MAX_CALLS

    async def answer(self, call: Call) -> tuple[bytes, bytes]:
        """The two frames of a reply: `{"status", "headers"}` or `{"error", "timeout"}` as JSON, then the body.

        Raises:
            WorkerMisbehaved: this worker may not ask, or not any more.
        """
        if self._http is None:
            raise WorkerMisbehaved("it asked for a web address, which its block may not")
        if not self._left:
            raise WorkerMisbehaved(f"it called more than {MAX_CALLS} web addresses", "calls")
        self._left -= 1
        problem = refusal(call)
        if problem:
            return _error(problem)
        try:
            reply = await self._http.request(
                call.method,
                call.url,
                params=call.params,
                headers=call.headers,
                body=call.body,
                timeout_s=call.timeout_s,
            )
        except BlockError as error:
            return _error(str(error) or "The request failed.", timeout=isinstance(error, DeadlineExceeded))
        return msgspec.json.encode({"status": reply.status, "headers": reply.headers}), reply.body


def refusal(call: Call) -> str:
    """Why this request is not made; "" when it is. The address itself is judged by the client, when it connects."""
    if call.method not in _METHODS:
        return f"The method {call.method[:20]!r} cannot be used; take one of {', '.join(sorted(_METHODS))}."
    if sum(len(name) + len(value) for name, value in (*call.params, *call.headers)) > _MAX_PAIRS:
        return f"The parameters and headers have more than {_MAX_PAIRS:,} characters; send less of them, or a body."
    if len(call.body or b"") > MAX_BODY:
        return f"The body has more than {MAX_BODY:,} bytes; send less of it."
    for name, value in call.headers:
        if not HEADER_NAME.fullmatch(name):
            return f"{name[:60]!r} is no name of a header."
        if name.lower() in _OWN_HEADERS:
            return f"The header {name} is set by the program itself; leave it out."
        if CONTROL.search(value):
            return f"The value of the header {name} has a line break or another control character; take it out."
    return ""


def _error(text: str, *, timeout: bool = False) -> tuple[bytes, bytes]:
    return msgspec.json.encode({"error": text, "timeout": timeout}), b""
