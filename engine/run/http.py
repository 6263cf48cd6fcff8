"""The HTTP client of a run: the one place where the engine calls out, so limits and rules are here.

One connection pool a run, made at the first request. Redirects are followed only on request, replies are read in pieces
and cut off at a size, and every way to fail has its own words.
"""

import asyncio
import contextlib
import ssl
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import SplitResult, urljoin, urlsplit

from engine.document import Json
from engine.errors import BlockError, DeadlineExceeded
from engine.headers import CONTROL, FRAMING_HEADERS, HEADER_NAME
from engine.run.addresses import AddressPolicy as AddressPolicy
from engine.run.bodies import decoded_body

MAX_REPLY_BYTES = 10 * 1024 * 1024
CONNECT_TIMEOUT_S = 5.0
MAX_CONNECTIONS = 64
MAX_URL_LENGTH = 16 * 1024
MAX_REDIRECTS = 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEEPS_METHOD = frozenset({307, 308})
_HARMLESS_HEADERS = frozenset({"accept", "accept-language", "user-agent"})

Pairs = Mapping[str, str] | Sequence[tuple[str, str]]
"""Names and values; a sequence may have a name several times."""


@dataclass(frozen=True)
class HttpReply:
    """A reply. Header names are in lower case; several of one name are joined with a comma and a space."""

    status: int
    headers: dict[str, str]
    body: bytes

    async def value(self) -> Json:
        """The JSON in it, else its text; "" for an empty body. A large one is read without holding others up."""
        return await decoded_body(self.body, self.headers.get("content-type", ""))


class HttpClient:
    """Requests over one pool of connections. Costs nothing before the first; `async with` closes what it opened."""

    def __init__(self, policy: AddressPolicy | None = None, *, max_reply_bytes: int = MAX_REPLY_BYTES) -> None:
        self._policy = policy or AddressPolicy.from_environment()
        self._max_reply_bytes = max_reply_bytes
        self._transport: Any = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._transport is not None:
            await self._transport.aclose()

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Pairs = (),
        headers: Pairs = (),
        body: bytes | None = None,
        timeout_s: float = 30.0,
        follow_redirects: bool = False,
    ) -> HttpReply:
        """The reply, whatever its status. `timeout_s` is for the whole exchange, redirects included.

        `params` join the query that the address has already and replace what has the same name there (W35). A redirect
        that is followed is checked like any other address; another server gets none of the headers that were given.

        Raises:
            DeadlineExceeded: it took longer than `timeout_s`.
            AddressRefused: the address may not be called.
            BlockError: no reply came; the text says what kept it.
        """
        _check_address(url)
        _check_headers(_pairs(headers))
        hop = _Hop(method, url, _pairs(params), _pairs(headers), body)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._follow(hop) if follow_redirects else await self._exchange(hop)
        except TimeoutError:
            text = f"{_host(url)} did not answer within {timeout_s * 1000:g} ms. Allow more time, or try again later."
            raise DeadlineExceeded(text) from None

    async def _follow(self, hop: "_Hop") -> HttpReply:
        for _ in range(MAX_REDIRECTS + 1):
            reply = await self._exchange(hop)
            following = _next_hop(hop, reply)
            if following is None:
                return reply
            hop = following
        text = f"{_host(hop.url)} redirects more than {MAX_REDIRECTS} times, which looks like a circle."
        raise BlockError(text, retryable=False)

    async def _exchange(self, hop: "_Hop") -> HttpReply:
        import httpx

        url = hop.url
        transport = self._open_transport()
        try:
            address = httpx.URL(url)
            if hop.params:
                address = address.copy_with(params=_merged(address.params, hop.params))
            timeout = {"timeout": httpx.Timeout(None, connect=CONNECT_TIMEOUT_S).as_dict()}
            headers = _all_headers(hop.headers, address)
            request = httpx.Request(hop.method, address, headers=headers, content=hop.body, extensions=timeout)
            # Not by an `httpx.AsyncClient`: it reads where every redirect leads, and fails where that is odd.
            reply = await transport.handle_async_request(request)
            try:
                return HttpReply(reply.status_code, _joined(reply.headers), await self._read(reply, url))
            finally:
                with contextlib.suppress(httpx.HTTPError):
                    await reply.aclose()
        except httpx.InvalidURL as error:
            raise _unreadable(url, error) from None
        except httpx.TimeoutException:
            raise DeadlineExceeded(f"{_host(url)} could not be reached within {CONNECT_TIMEOUT_S:g} s.") from None
        except httpx.HTTPError as error:
            raise BlockError(_in_words(error, url)) from None
        except (UnicodeError, ValueError, TypeError) as error:
            raise BlockError(f"The request cannot be sent: {error}.", retryable=False) from None

    async def _read(self, reply: Any, url: str) -> bytes:
        encoding = reply.headers.get("content-encoding", "identity").strip().lower()
        pieces, size = [], 0
        async for piece in reply.aiter_raw():
            if encoding not in ("", "identity"):
                text = f"{_host(url)} packed its reply as {encoding[:40]!r} although asked not to."
                raise BlockError(text, retryable=False)
            size += len(piece)
            if size > self._max_reply_bytes or _told_size(reply) > self._max_reply_bytes:
                limit = self._max_reply_bytes / 1e6
                text = f"The reply of {_host(url)} is larger than {limit:g} MB. Ask for less, page by page."
                raise BlockError(text, retryable=False)
            pieces.append(piece)
        return b"".join(pieces)

    def _open_transport(self) -> Any:
        if self._transport is None:
            import httpcore
            import httpx

            from engine.run.guard import GuardedBackend

            context = ssl.create_default_context()
            self._transport = httpx.AsyncHTTPTransport(verify=context, trust_env=False)
            # httpx has no parameter for the network backend; the pool that it wraps has.
            self._transport._pool = httpcore.AsyncConnectionPool(
                ssl_context=context, max_connections=MAX_CONNECTIONS, network_backend=GuardedBackend(self._policy)
            )
        return self._transport


class _Hop(NamedTuple):
    """One request of those that a redirect may make of one."""

    method: str
    url: str
    params: Sequence[tuple[str, str]]
    headers: Sequence[tuple[str, str]]
    body: bytes | None


def _next_hop(hop: _Hop, reply: HttpReply) -> _Hop | None:
    """The request that a redirect asks for; None when the reply is none.

    Raises:
        BlockError: it leads to no web address, or would hand data to another server.
    """
    location = reply.headers.get("location")
    if reply.status not in _REDIRECTS or not location:
        return None
    url = urljoin(hop.url, location)
    _check_address(url)
    method, body, headers = hop.method, hop.body, hop.headers
    if reply.status not in _KEEPS_METHOD and method not in ("GET", "HEAD"):
        method, body = "GET", None
        headers = [(key, value) for key, value in headers if key.lower() != "content-type"]
    if _origin(url) != _origin(hop.url):
        if body:
            text = f"{_host(hop.url)} redirects the data to {_host(url)}, another server. Call that address yourself."
            raise BlockError(text, retryable=False)
        headers = [(key, value) for key, value in headers if key.lower() in _HARMLESS_HEADERS]
    return _Hop(method, url, (), headers, body)


def _origin(url: str) -> tuple[str, bytes, int | None]:
    """Scheme, host and port as the library will take them: a second reading of an address may differ from the first."""
    import httpx

    try:
        address = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise _unreadable(url, error) from None
    return address.scheme, address.raw_host, address.port


def _told_size(reply: Any) -> int:
    told = reply.headers.get("content-length", "")
    return int(told) if told.isdecimal() and len(told) < 20 else 0


def _unreadable(url: str, error: Exception) -> BlockError:
    return BlockError(f"The address {url[:200]!r} cannot be read: {error}.", retryable=False)


def _all_headers(given: Sequence[tuple[str, str]], address: Any) -> list[tuple[bytes, bytes]]:
    """Our headers, those that were given, and the credentials that an address may hold."""
    # Packed replies are not asked for: a small one can hide a huge one.
    own = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "Blockloom"}
    if address.userinfo:
        pair = f"{address.username}:{address.password}".encode()
        own["Authorization"] = f"Basic {b64encode(pair).decode()}"
    names = {name.lower() for name, _ in given}
    merged = [*((name, value) for name, value in own.items() if name.lower() not in names), *given]
    return [_encoded_header(name, value) for name, value in merged]


def _encoded_header(name: str, value: str) -> tuple[bytes, bytes]:
    try:
        return name.encode("ascii"), value.encode()
    except UnicodeEncodeError:
        text = f"The header {name[:80]!r} holds characters that cannot be sent; its name takes plain letters only."
        raise BlockError(text, retryable=False) from None


def _pairs(pairs: Pairs) -> Sequence[tuple[str, str]]:
    return list(pairs.items()) if isinstance(pairs, Mapping) else pairs


def _merged(own: Any, params: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The parameters of an address and those given for it."""
    given = {key for key, _ in params}
    return [*((key, value) for key, value in own.multi_items() if key not in given), *params]


def _check_headers(headers: Sequence[tuple[str, str]]) -> None:
    """Refuse headers that no request may have, by their names: a value may be a secret.

    How the body is delimited is said by the client alone: two answers to that are how requests are smuggled.
    """
    for name, value in headers:
        if not HEADER_NAME.fullmatch(name):
            raise BlockError(f"{name[:60]!r} is no header name: letters, digits and hyphens only.", retryable=False)
        if name.lower() in FRAMING_HEADERS:
            raise BlockError(f"The header {name!r} is set by Blockloom itself; leave it out.", retryable=False)
        if CONTROL.search(value):
            text = f"The value of the header {name!r} holds a line break or another character that no header may have."
            raise BlockError(text, retryable=False)


def _check_address(url: str) -> None:
    """Refuse what is no web address, in better words than the library's."""
    if len(url) > MAX_URL_LENGTH:
        text = f"The address has {len(url):,} characters; at most {MAX_URL_LENGTH:,} can be sent."
        raise BlockError(text, retryable=False)
    if not url:
        raise BlockError("The address is empty; give one such as https://example.com/items.", retryable=False)
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise BlockError(f"The address cannot be read: {error}.", retryable=False) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not _has_good_port(parts):
        text = f"{url[:200]!r} is no web address; it must begin with https:// or http:// and name a server."
        raise BlockError(text, retryable=False)


def _has_good_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


def _joined(headers: Any) -> dict[str, str]:
    return {key.lower(): ", ".join(headers.get_list(key)) for key in headers}


def _host(url: str) -> str:
    with contextlib.suppress(ValueError):
        return urlsplit(url).hostname or url[:80]
    return url[:80]


def _in_words(error: Exception, url: str) -> str:
    """What kept the reply from coming, and what to look at. Never the whole address: it may hold a key."""
    host = _host(url)
    text = str(error).strip()
    causes = [text.lower(), *(str(cause).lower() for cause in (error.__cause__, error.__context__) if cause)]
    everything = " ".join(causes)
    if "certificate" in everything or "ssl" in everything:
        return f"The connection to {host} is not safe: {text or 'its certificate is not valid'}."
    if "is not known" in everything or "name or service" in everything or "getaddrinfo" in everything:
        return f"There is no host called {host}. Check the spelling, or whether this machine is online."
    if type(error).__name__ == "ConnectError":
        return f"{host} does not accept connections. Check the address and the port, or whether the service runs."
    if type(error).__name__ in ("ReadError", "RemoteProtocolError", "WriteError", "CloseError"):
        return f"The connection to {host} broke before the reply was complete: {text or type(error).__name__}."
    return f"The request to {host} failed: {text or type(error).__name__}."
