"""The border of the application: whom requests must be meant for, whose they must not be, and what every reply carries.

Stands in front of the key check, since what a foreign page sends is refused whatever key it brings. There are no CORS
headers anywhere, so that a browser lets no other site's page read a reply.
"""

from collections.abc import Callable, Iterable
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog import get_logger

from engine.server.http.bounds import WEBHOOK_PREFIX
from engine.server.http.hosts import HostPolicy, is_foreign
from engine.server.http.replies import NOT_STORED, PAGE_HEADERS, SAFETY_HEADERS, Header, error_body, error_headers

Observe = Callable[[Scope, int, float], None]
"""Hears the scope of each request, the status of its reply (0: the client left before one) and the seconds it took."""
EXECUTION_HEADER = b"x-execution-id"
GUARDED = ("/api/", "/metrics")
_MISDIRECTED = (
    "This server does not go by the name in the “Host” header. Its owner can allow it with --allow-host NAME."
)
_CRASHED = "Something went wrong inside the server. Its log says what."
_FOREIGN = "A page of another site sent this request; this server answers programs and its own pages only."


class Border:
    """The ASGI application, reached under the server's own names only and by nobody else's web page."""

    def __init__(self, app: ASGIApp, hosts: HostPolicy, observe: Observe = lambda _scope, _status, _seconds: None):
        self._app = app
        self._hosts = hosts
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # HEAD is how programs look whether a server is up: GET without the body, which the protocol leaves out.
        is_head = scope["method"] == "HEAD"
        asked = {**scope, "method": "GET"} if is_head else scope
        began, status, is_done = perf_counter(), 0, False

        async def send_safely(message: Message) -> None:
            nonlocal status, is_done
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": _with_safety(message.get("headers", ()), asked)}
            else:
                is_done = not message.get("more_body", False)
            await send(message)

        try:
            refusal = self._refusal(asked)
            if refusal is None:
                await self._app(asked, receive, send_safely)
            else:
                status, text = refusal
                await _send_error(send, status, text)
        except Exception:  # the border, where what nobody expected becomes a reply
            # A framework that has replied to it raises it again, for servers that know no better than to log it.
            if status == 0:
                get_logger().exception("request failed", path=scope["path"])
                status = 500
                await _send_error(send, status, _CRASHED)
            elif not is_done:
                raise
        finally:
            self._observe({**asked, "method": "HEAD"} if is_head else asked, status, perf_counter() - began)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        host, origin, fetch_site = b"", None, None
        for name, value in scope["headers"]:
            if name == b"host":
                host = value
            elif name == b"origin":
                origin = value
            elif name == b"sec-fetch-site":
                fetch_site = value
        if not self._hosts.allows(host):
            return 421, _MISDIRECTED
        if (origin is not None or fetch_site is not None) and _is_guarded(scope["path"]):
            return (403, _FOREIGN) if is_foreign(host, origin, fetch_site) else None
        return None


def _is_guarded(path: str) -> bool:
    """Webhooks take calls from anywhere: they have secrets of their own."""
    return path.startswith(GUARDED) and not path.startswith(WEBHOOK_PREFIX)


def _with_safety(given: Iterable[Header], scope: Scope) -> list[Header]:
    """The headers of a reply with those that every reply has. The run that it names is noted in the request's state."""
    headers = [*given, *SAFETY_HEADERS]
    is_cached = is_page = False
    for name, value in headers:
        if name == b"cache-control":
            is_cached = True
        elif name == b"content-type":
            is_page = value.startswith(b"text/html")
        elif name == EXECUTION_HEADER:
            scope.setdefault("state", {})["execution_id"] = value.decode("latin-1")
    if not is_cached:
        headers.append(NOT_STORED)
    if is_page:
        headers += PAGE_HEADERS
    return headers


async def _send_error(send: Send, status: int, text: str) -> None:
    body = error_body(text)
    await send({"type": "http.response.start", "status": status, "headers": error_headers(body)})
    await send({"type": "http.response.body", "body": body})
