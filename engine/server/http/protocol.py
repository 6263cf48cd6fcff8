"""uvicorn's HTTP protocol with bounds: how much a client may send, and how long it may take.

uvicorn reads headers and bodies without end, and waits for them for ever; with some thousand half-open connections it
cannot even be stopped. Here a request that is too long, too slow or malformed gets a short JSON reply, and its
connection ends. A body that is announced too long is refused before any of it is read and before the application is
asked; one that turns out too long or late is a disconnect for the application, so nothing is done with half of it.

httptools is the parser because it keeps spaces at the end of a header's value: `Authorization: Bearer ` with no token
means something else than `Authorization: Bearer` (contract 2.9). It also refuses doubled lengths, folded headers and
other ways to make two servers read one request differently.
"""

import asyncio
import math
from collections.abc import Callable
from typing import Any, ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from engine.server.http.bounds import Bounds, size_in_words
from engine.server.http.gathering import GatheringTransport
from engine.server.http.replies import raw_error

Refused = Callable[[int, str, str], None]
_NEVER = math.inf
_STOPPING = "The server is stopping and could not wait. What this request began is recorded."
_BAD_REQUEST = "The request is not valid HTTP/1.1."


class _Refusal(Exception):
    """Raised inside the parser's callbacks: this request gets this status and text, and its connection ends."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


class _Dropped(list[tuple[bytes, bytes]]):
    """Stays empty, whatever is added to it."""

    def append(self, _header: tuple[bytes, bytes]) -> None:
        """Keep nothing."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. `bounded` makes the class that a server uses."""

    bounds: ClassVar[Bounds] = Bounds()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._refusal: _Refusal | None = None
        self._receive_by = _NEVER
        self._stalled_since = _NEVER
        self._watch: asyncio.TimerHandle | None = None
        self._unparsed = 0
        self._body_left = 0
        self._is_in_head = False
        self._has_sent = False
        self._receiving: RequestResponseCycle | None = None
        self._discard_left: int | None = None

    @staticmethod
    def tell_refused(status: int, text: str, client: str) -> None:
        """Hears status, text and client address of each refusal."""

    # What the transport calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the client a while to say something."""
        super().connection_made(transport)
        self.transport = GatheringTransport(transport, self.loop)  # type: ignore[assignment]
        self._receive_by = self.loop.time() + self.bounds.idle_s
        # One timer for the whole connection, that is set again when it rings: requests come too often for one each.
        self._watch = self.loop.call_at(self._receive_by, self._check_time)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, or throw it away after a refusal."""
        if self._discard_left is not None:
            self._discard(len(data))
            return
        self._has_sent = True
        was_in_head, body_left = self._is_in_head, self._body_left
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # answered as if it had not asked; `on_headers_complete` sees to it that the connection ends then
        except httptools.HttpParserError:
            self._refuse(self._refusal or _Refusal(400, _BAD_REQUEST))
            return
        if self._is_in_head or self._receiving is not None:
            if self._body_left != body_left:
                self._unparsed = 0
            else:
                begins = self._is_in_head and not was_in_head
                self._unparsed = len(data) + (0 if begins else self._unparsed)
                self._check_unparsed()
        elif self._receive_by == _NEVER and self._is_idle():
            # Empty lines before a request begin no message; they must not keep a connection for ever.
            self._expect_within(self.bounds.idle_s)

    def pause_writing(self) -> None:
        """The client does not read its reply."""
        self._stalled_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """It reads again."""
        self._stalled_since = _NEVER
        super().resume_writing()

    def shutdown(self) -> None:
        """End the connection, after the reply that is being made. Who is still sending a request is not waited for."""
        if self._receiving is not None or self._discard_left is not None:
            self._disconnect(self._receiving)
            self.transport.abort()
        else:
            super().shutdown()

    def cut_off(self) -> None:
        """End the connection now. Who was waiting for a reply is told why there is none."""
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete and not cycle.response_started and not self.pipeline:
            self._disconnect(cycle)
            self.transport.write(raw_error(503, _STOPPING, self.server_state.default_headers))
        self.transport.close()

    # What the parser calls

    def on_message_begin(self) -> None:
        """The first byte of a request: its time runs."""
        super().on_message_begin()
        self._is_in_head = True
        self._expect_within(self.bounds.receive_s)

    def on_headers_complete(self) -> None:
        """Refuse by what the head says, or begin to answer."""
        self._is_in_head = False
        self._unparsed = 0
        try:
            self._body_left = self._body_limit()
        except _Refusal as refusal:
            self._refusal = refusal
            raise
        super().on_headers_complete()
        self._receiving = self.cycle
        # The application has the headers now: those that may follow the body must not get among them.
        self.headers = _Dropped()
        if self.parser.should_upgrade():
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Pass a piece of the body on, while it is not too long."""
        self._body_left -= len(body)
        if self._body_left < 0:
            self._refusal = self._too_long(self.bounds.body_of(self.url))
            raise self._refusal
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is here as a whole."""
        self._receive_by = _NEVER
        self._receiving = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request, unless what came after this one was refused."""
        if self._discard_left is not None:
            self.transport.close()
        elif self.pipeline:
            super().on_response_complete()
        else:
            self._wait_for_another()

    # Bounds

    def _body_limit(self) -> int:
        """How long the body may be, by the path.

        Raises:
            _Refusal: the head is one that no request of ours has.
        """
        size, hosts, announced, encoding = len(self.url), 0, 0, None
        for name, value in self.headers:
            size += len(name) + len(value) + 4
            if name == b"host":
                hosts += 1
            elif name == b"content-length":
                announced = int(value)
            elif name == b"transfer-encoding":
                encoding = value.strip().lower()
        if size > self.bounds.head:
            raise self._url_too_long() if len(self.url) > self.bounds.url else self._head_too_long()
        self._check_form(hosts, encoding, announced)
        limit = self.bounds.body_of(self.url)
        if announced > limit:
            raise self._too_long(limit)
        return limit

    def _check_form(self, hosts: int, encoding: bytes | None, announced: int) -> None:
        """Refuse what is valid HTTP and not for us, or what two servers could read differently."""
        is_current = self.parser.get_http_version() == "1.1"
        if len(self.url) > self.bounds.url:
            raise self._url_too_long()
        # The authority and the absolute form are for proxies, which this is not.
        if not self.url.startswith(b"/") and self.url != b"*":
            raise _Refusal(400, "The request must name a path that begins with a slash.")
        if hosts > 1 or (is_current and hosts == 0):
            raise _Refusal(400, "The request must have one “Host” header.")
        if encoding is not None and (encoding != b"chunked" or not is_current):
            raise _Refusal(400, "“Transfer-Encoding” may only be “chunked”, and in HTTP/1.1.")
        if self.parser.should_upgrade() and (encoding or announced):
            # The parser would take the body for the other protocol.
            raise _Refusal(400, "This server speaks HTTP/1.1 only; send the request without “Upgrade”.")
        if len(self.pipeline) >= self.bounds.pipelined:
            raise _Refusal(503, "Too many requests wait on this connection; send the next one after a reply.")

    def _check_unparsed(self) -> None:
        """Refuse a head, or what follows a body, before it has ended: the parser would collect it without end."""
        if len(self.url) > self.bounds.url:
            self._refuse(self._url_too_long())
        elif self._unparsed > self.bounds.head:
            self._refuse(self._head_too_long())

    def _url_too_long(self) -> _Refusal:
        return _Refusal(414, f"The URL is longer than {size_in_words(self.bounds.url)}.")

    def _head_too_long(self) -> _Refusal:
        return _Refusal(431, f"The headers are longer than {size_in_words(self.bounds.head)} in all.")

    def _too_long(self, limit: int) -> _Refusal:
        return _Refusal(
            413, f"The request body is longer than {size_in_words(limit)}, the most this server takes here."
        )

    # Time

    def _wait_for_another(self) -> None:
        """What uvicorn's `on_response_complete` does after the last reply that is due, without a timer for each."""
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self.flow.resume_reading()
            if self._receiving is None and not self._is_in_head:
                self._expect_within(self.bounds.idle_s)

    def _expect_within(self, seconds: float) -> None:
        """Give the client this long for what it sends now, or to begin."""
        self._receive_by = self.loop.time() + seconds
        if self._watch is not None and self._watch.when() > self._receive_by:
            self._watch.cancel()
            self._watch = self.loop.call_at(self._receive_by, self._check_time)

    def _check_time(self) -> None:
        now, bounds = self.loop.time(), self.bounds
        if now - self._stalled_since >= bounds.stalled_s:
            self.transport.abort()
            return
        if now >= self._receive_by:
            if not self.flow.read_paused:
                self._time_out()
                return
            # The client waits for us here, not we for it.
            self._receive_by = now + bounds.receive_s
        due = min(self._receive_by, self._stalled_since + bounds.stalled_s, now + bounds.receive_s)
        self._watch = self.loop.call_at(due, self._check_time)

    def _time_out(self) -> None:
        if self._has_sent and (self._is_in_head or self._receiving is not None):
            text = f"The request did not arrive within {self.bounds.receive_s:g} seconds."
            self._refuse(_Refusal(408, text))
        else:
            # Closing waits until the client has read its reply, which it may never do.
            self.transport.close()
            self._watch = self.loop.call_later(self.bounds.stalled_s, self.transport.abort)

    # Refusing

    def _is_idle(self) -> bool:
        return self._receiving is None and (self.cycle is None or self.cycle.response_complete)

    def _refuse(self, refusal: _Refusal) -> None:
        """Reply, and end the connection once the client has had a chance to read the reply."""
        receiving, self._receiving = self._receiving, None
        self._receive_by = _NEVER
        self._discard_left = self.bounds.body
        self.tell_refused(refusal.status, refusal.text, self.client[0] if self.client else "")
        earlier = self.cycle if receiving is None else None
        is_answering_another = bool(self.pipeline) or (earlier is not None and not earlier.response_complete)
        if is_answering_another:
            # No reply may come between: the connection ends after those that are due.
            self._disconnect(receiving)
            self.pipeline.clear()
            return
        if receiving is not None and receiving.response_started:
            self._disconnect(receiving)
            self.transport.close()
            return
        self._disconnect(receiving)
        self.transport.write(raw_error(refusal.status, refusal.text, self.server_state.default_headers))
        self._linger()

    def _disconnect(self, cycle: RequestResponseCycle | None) -> None:
        """For the application, the client of this request is gone."""
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()

    def _linger(self) -> None:
        """Close the sending side, and for a short while read what still comes.

        Closing with unread data makes the system reset the connection, and the client may lose the reply.
        """
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
        if self._watch is not None:
            self._watch.cancel()
        self._watch = self.loop.call_later(self.bounds.linger_s, self.transport.abort)

    def _discard(self, size: int) -> None:
        assert self._discard_left is not None
        self._discard_left -= size
        if self._discard_left < 0:
            self.transport.abort()


def bounded(bounds: Bounds, tell_refused: Refused | None = None) -> type[BoundedProtocol]:
    """The protocol class with these bounds. `tell_refused` hears status, text and client address of each refusal."""
    own: dict[str, Any] = {"bounds": bounds}
    if tell_refused is not None:
        own["tell_refused"] = staticmethod(tell_refused)
    return type("ServerProtocol", (BoundedProtocol,), own)
