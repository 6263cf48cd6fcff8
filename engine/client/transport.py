"""One HTTP exchange with a workflow server, and what its answer means.

Replies are read in pieces and cut off at a size; whatever keeps one from coming has its own words. A key is sent in
both headers that servers look at (contract 2.1) and never told in a message.
"""

import asyncio
import email.utils
import html
import json
import re
import ssl
import time
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from engine.client.connection import Connection
from engine.document import Json, JsonObject
from engine.errors import (
    AccessDenied,
    NotAWorkflowServer,
    NotOnServer,
    RefusedByServer,
    RevisionMoved,
    ServerError,
    ServerFault,
    ServerUnreachable,
    TooManyRequests,
)

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 30.0
RUN_TIMEOUT_S = 310.0
"""Longer than the 300 s that a server allows a run, so that its own words about that arrive."""
MAX_REPLY_BYTES = 64 * 1024 * 1024
MAX_RETRY_AFTER_S = 120.0
MAX_SHOWN_TEXT = 500
_LARGE = 256 * 1024
_MARKUP = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Reply:
    """A reply, whatever its status. Header names are in lower case; `received_at` is seconds since the epoch."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    received_at: float = 0.0

    @property
    def is_success(self) -> bool:
        """Whether the server did what it was asked."""
        return 200 <= self.status < 300

    def json(self) -> Json:
        """The JSON value in it; None for an empty body.

        Raises:
            ValueError: it is no JSON.
        """
        if not self.body:
            return None
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # The contract's servers write NaN and lone surrogates now and then, which only the tolerant reader takes.
            return json.loads(self.body)

    def value(self) -> Json:
        """The JSON value in it, else its text; "" for an empty body."""
        try:
            return self.json() if self.body else ""
        except (ValueError, RecursionError):
            return self.body.decode("utf-8", "replace")

    @property
    def clock_offset_s(self) -> float | None:
        """How far the server's clock is ahead of ours, to the second; None when it does not tell its time."""
        with suppress(ValueError, TypeError):
            told = email.utils.parsedate_to_datetime(self.headers["date"]) if "date" in self.headers else None
            return None if told is None else told.timestamp() - self.received_at
        return None


class Transport:
    """The connections to one server. Costs nothing before the first request; `close` ends what it opened.

    `transport` replaces the network: an `httpx.AsyncBaseTransport` of a test, or of a server in this process.
    """

    def __init__(
        self, connection: Connection, transport: Any = None, *, read_timeout_s: float = READ_TIMEOUT_S
    ) -> None:
        self.connection = connection
        self._transport = transport
        self._read_timeout_s = read_timeout_s
        self._client: Any = None

    async def close(self) -> None:
        """End all connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def exchange(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Json] | None = None,
        body: Json = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
        authenticated: bool = True,
    ) -> Reply:
        """The whole reply, whatever its status. `body` is sent as JSON unless None; `timeout_s` is for everything.

        Raises:
            ServerUnreachable: no whole reply came.
        """
        limit_s = timeout_s if timeout_s is not None else self._read_timeout_s
        try:
            async with asyncio.timeout(limit_s):
                async with self.opened(
                    method, path, params=params, body=body, headers=headers, authenticated=authenticated
                ) as reply:
                    content = await self.content(reply)
        except TimeoutError:
            text = f"{self.connection.host} did not answer within {limit_s:g} s. It may be busy: try again."
            raise ServerUnreachable(text, may_have_arrived=method != "GET") from None
        return Reply(reply.status_code, _lower(reply.headers), content, time.time())

    @asynccontextmanager
    async def opened(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Json] | None = None,
        body: Json = None,
        headers: Mapping[str, str] | None = None,
        authenticated: bool = True,
    ) -> AsyncIterator[Any]:
        """The `httpx.Response` with its body still to come.

        Raises:
            ServerUnreachable: no reply came, or it broke off while the caller read it.
        """
        import httpx

        client = await self._opened_client()
        content = None if body is None else await _encoded(body)
        sent = self._headers(content is not None, headers, authenticated=authenticated)
        url = f"{self.connection.url}{path}"
        try:
            request = client.build_request(method, url, params=_query(params), content=content, headers=sent)
            reply = await client.send(request, stream=True)
            try:
                yield reply
            finally:
                with suppress(httpx.HTTPError):
                    await reply.aclose()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _unreachable(error, self.connection, method) from None

    async def content(self, reply: Any) -> bytes:
        """The body of an opened reply.

        Raises:
            ServerUnreachable: it is too large.
        """
        pieces, size = [], 0
        async for piece in reply.aiter_bytes():
            size += len(piece)
            if size > MAX_REPLY_BYTES:
                raise ServerUnreachable(
                    f"The reply of {self.connection.host} is larger than {MAX_REPLY_BYTES >> 20} MB and was not read."
                )
            pieces.append(piece)
        return b"".join(pieces)

    def _headers(self, has_body: bool, more: Mapping[str, str] | None, *, authenticated: bool) -> dict[str, str]:
        # Packed replies are not asked for: a small one can hide a huge one.
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "Blockloom"}
        if has_body:
            headers["Content-Type"] = "application/json"
        key = self.connection.key
        if not (key.isascii() and key.isprintable()):
            text = (
                "The API key holds a line break or a letter that no key has. Copy it again, without what is around it."
            )
            raise AccessDenied(text)
        # An empty Bearer header would be worse than none (X6).
        if key and authenticated:
            headers |= {"apikey": key, "Authorization": f"Bearer {key}"}
        return {**headers, **(more or {})}

    async def _opened_client(self) -> Any:
        if self._client is None:
            # Reading the certificates takes long enough to be noticed.
            self._client = await asyncio.to_thread(self._make_client)
        return self._client

    def _make_client(self) -> Any:
        import httpx

        return httpx.AsyncClient(
            transport=self._transport,
            timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S),
            follow_redirects=False,
            verify=ssl.create_default_context() if self.connection.url.startswith("https:") else False,
            # The proxy of the environment, which cannot reach this machine.
            trust_env=not self.connection.is_on_this_machine,
        )


def raise_for(reply: Reply, connection: Connection) -> None:
    """Raise the error that this reply means; nothing for a success.

    Raises:
        ServerError: one of its kinds, with the server's own words in it.
    """
    if reply.is_success:
        return
    status, told = reply.status, _told(reply)
    code = str(told.get("error_code") or told.get("code") or "")
    said = words_of(reply, told)
    name = f"“{connection.name}”" if connection.name else connection.host
    if 300 <= status < 400:
        raise NotAWorkflowServer(
            f"{connection.host} sends requests elsewhere (status {status}). Give its real address.",
            status=status,
        )
    if status == 401:
        text = f"{name} does not accept the key. Enter the server's API key in the connection."
        raise AccessDenied(text, status=status, code=code)
    if status == 403:
        raise AccessDenied(f"{name} does not allow this{_quoted(said)}", status=status, code=code)
    if status in (404, 405) and not told:
        raise NotAWorkflowServer(
            f"{connection.host} answers, but not as a workflow server does (status {status}). Check the address.",
            status=status,
        )
    if status == 404:
        raise NotOnServer(f"{name} does not have it{_quoted(said)}", status=status, code=code)
    if status in (409, 412):
        revision = told.get("revision")
        text = f"On {name} this has been changed since{_quoted(said)}"
        raise RevisionMoved(text, status=status, code=code, revision=revision if isinstance(revision, str) else None)
    if status == 429:
        wait_s = retry_after_s(reply)
        when = f"in {wait_s:.0f} s" if wait_s else "in a minute"
        raise TooManyRequests(
            f"{name} asks for a pause; try again {when}{_quoted(said)}", status=status, code=code, retry_after_s=wait_s
        )
    if status >= 500:
        run = told.get("execution_id")
        text = f"{name} failed with status {status}{_quoted(said)}"
        raise ServerFault(text, status=status, code=code, execution_id=run if isinstance(run, str) else None)
    raise RefusedByServer(f"{name} refused this (status {status}){_quoted(said)}", status=status, code=code)


def words_of(reply: Reply, told: JsonObject | None = None) -> str:
    """The server's own sentence in an error reply: `message`, else `error`, else its page as plain text; cut short.

    Source: contract 2.1 "errors".
    """
    told = _told(reply) if told is None else told
    for key in ("message", "error"):
        if isinstance(told.get(key), str) and told[key].strip():
            return _shortened(told[key])
    if told:
        return ""
    return _shortened(html.unescape(_MARKUP.sub(" ", reply.body[:50_000].decode("utf-8", "replace"))))


def retry_after_s(reply: Reply) -> float | None:
    """Seconds in a `Retry-After` header, a number or a date, at most 120; None when there is none."""
    text = reply.headers.get("retry-after", "").strip()
    with suppress(ValueError):
        return min(max(float(text), 0.0), MAX_RETRY_AFTER_S)
    with suppress(ValueError, TypeError):
        due = email.utils.parsedate_to_datetime(text)
        due = due if due.tzinfo else due.replace(tzinfo=UTC)
        return min(max((due - datetime.now(UTC)).total_seconds(), 0.0), MAX_RETRY_AFTER_S)
    return None


async def decoded(reply: Reply) -> Json:
    """The JSON in a reply; a large one is read on another thread.

    Raises:
        ValueError: it is no JSON.
    """
    return await asyncio.to_thread(reply.json) if len(reply.body) > _LARGE else reply.json()


async def _encoded(body: Json) -> bytes:
    # Only the size of the result tells whether it was worth a thread; a graph is large by its number of blocks.
    is_large = isinstance(body, dict) and len(body.get("blocks", ())) > 200
    return await asyncio.to_thread(msgspec.json.encode, body) if is_large else msgspec.json.encode(body)


def _query(params: Mapping[str, Json] | None) -> dict[str, str] | None:
    given = {key: value for key, value in (params or {}).items() if value is not None}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in given.items()} or None


def _lower(headers: Any) -> dict[str, str]:
    return {key.lower(): ", ".join(headers.get_list(key)) for key in headers}


def _told(reply: Reply) -> JsonObject:
    """The JSON object of an error reply, empty when it is none."""
    try:
        value = reply.json()
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _shortened(text: str) -> str:
    folded = " ".join(text.split())
    return folded if len(folded) <= MAX_SHOWN_TEXT else f"{folded[: MAX_SHOWN_TEXT - 1]}…"


def _quoted(said: str) -> str:
    return f": {said}" if said else "."


def _unreachable(error: Exception, connection: Connection, method: str) -> ServerError:
    """What kept the reply from coming, and what to look at."""
    host, proxy = connection.host, _proxy_of(connection)
    kind, text = type(error).__name__, " ".join(str(error).split())[:200]
    everything = " ".join(str(part).lower() for part in (error, error.__cause__, error.__context__) if part)
    may_have_arrived = method != "GET" and kind not in ("ConnectError", "ConnectTimeout", "ProxyError")
    if kind in ("InvalidURL", "UnsupportedProtocol", "LocalProtocolError"):
        return ServerUnreachable(f"The address of the server cannot be called: {text}.")
    if kind == "ProxyError":
        return ServerUnreachable(f"The proxy on the way to {host} refuses: {text}. Check HTTPS_PROXY and NO_PROXY.")
    if "certificate" in everything or "ssl" in everything or "tls" in everything:
        return ServerUnreachable(f"The connection to {host} is not safe: {text or 'its certificate is not valid'}.")
    if kind in ("ConnectError", "ConnectTimeout") and proxy:
        return ServerUnreachable(
            f"Nothing answers at {proxy}, the proxy on the way to {host}. Check HTTPS_PROXY and NO_PROXY."
        )
    if kind == "ConnectTimeout":
        return ServerUnreachable(f"{host} did not answer within {CONNECT_TIMEOUT_S:g} s. Is this machine online?")
    if "name or service" in everything or "getaddrinfo" in everything or "not known" in everything:
        return ServerUnreachable(
            f"There is no host called {host}. Check the address, or whether this machine is online."
        )
    if kind == "ConnectError":
        return ServerUnreachable(
            f"Nothing answers at {host}. Check the address and the port, and that the server runs."
        )
    return ServerUnreachable(
        f"The connection to {host} broke before the reply was complete.", may_have_arrived=may_have_arrived
    )


def _proxy_of(connection: Connection) -> str:
    """Host and port of the proxy that the environment names for this server, "" for none."""
    parts = urlsplit(connection.url)
    if connection.is_on_this_machine or urllib.request.proxy_bypass(parts.hostname or ""):
        return ""
    proxies = urllib.request.getproxies()
    url = proxies.get(parts.scheme) or proxies.get("all", "")
    return urlsplit(url if "://" in url else f"//{url}").netloc.rpartition("@")[2]
