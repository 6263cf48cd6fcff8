"""A real server with small bounds in a thread of its own, and a plain socket to talk to it byte by byte."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from engine.server.http.bounds import Bounds
from engine.server.http.graceful import GracefulServer
from engine.server.http.protocol import bounded

SMALL = Bounds(head=4096, url=1024, body=100_000, webhook_body=1_000, receive_s=0.4, idle_s=0.3, linger_s=0.3)


class Reply(NamedTuple):
    """What came back on a socket: status 0 when the connection ended without a reply."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> str:
        return str(json.loads(self.body)["error"])


class Wire:
    """One connection to the server."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._rest = b""

    def send(self, data: bytes) -> "Wire":
        with suppress(OSError):  # refused and closed meanwhile, which is what the reply is about
            self.socket.sendall(data)
        return self

    def reply(self) -> Reply:
        """The next reply, read to its end by its length."""
        head, separator, self._rest = self._until(b"\r\n\r\n")
        if not separator:
            return Reply(0, {}, head)
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        length = int(headers.get("content-length", 0))
        while len(self._rest) < length and (piece := self.socket.recv(65536)):
            self._rest += piece
        body, self._rest = self._rest[:length], self._rest[length:]
        return Reply(int(lines[0].split()[1]), headers, body)

    def ends(self) -> bool:
        """Whether the server ends the connection, with nothing more to say."""
        try:
            return self._rest == b"" and self.socket.recv(1) == b""
        except ConnectionError:
            return True

    def _until(self, end: bytes) -> tuple[bytes, bytes, bytes]:
        while end not in self._rest:
            try:
                piece = self.socket.recv(65536)
            except ConnectionError:
                piece = b""
            if not piece:
                return self._rest, b"", b""
            self._rest += piece
        return self._rest.partition(end)


class Served(NamedTuple):
    """A running server: what its application saw, and how to reach it."""

    port: int
    server: GracefulServer
    seen: list[Any]
    refused: list[tuple[int, str, str]]
    go_on: threading.Event
    """Set to let requests for /wait be answered."""
    wires: list[Wire]

    def wire(self) -> Wire:
        """A new connection, closed after the test."""
        self.wires.append(Wire(self.port))
        return self.wires[-1]

    def exchange(self, data: bytes) -> Reply:
        """The reply to this, on a new connection."""
        return self.wire().send(data).reply()

    def hang_up(self) -> None:
        while self.wires:
            self.wires.pop().socket.close()


def _application(seen: list[Any], go_on: threading.Event) -> Starlette:
    async def answer(request: Request) -> Response:
        try:
            body = await request.body()
        except ClientDisconnect:
            seen.append("disconnect")
            raise
        seen.append((request.method, request.url.path, dict(request.headers), body))
        if request.url.path == "/wait":
            await asyncio.to_thread(go_on.wait, 10)
        if request.url.path == "/flood":
            return Response(b"x" * 50_000_000)
        return JSONResponse({"length": len(body), "authorization": request.headers.get("authorization")})

    methods = ["GET", "POST", "PUT", "DELETE", "PATCH"]
    return Starlette(routes=[Route("/{path:path}", answer, methods=methods)])


@contextmanager
def serving(bounds: Bounds, drain_s: float = 0.3) -> Iterator[Served]:
    seen: list[Any] = []
    refused: list[tuple[int, str, str]] = []
    go_on = threading.Event()
    protocol = bounded(bounds, lambda *told: refused.append(told))
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    config = uvicorn.Config(
        _application(seen, go_on),
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
    )
    started = threading.Event()
    server = GracefulServer(config, drain_s, started.set)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
    thread.start()
    assert started.wait(10)
    served = Served(listener.getsockname()[1], server, seen, refused, go_on, [])
    try:
        yield served
    finally:
        served.hang_up()
        go_on.set()
        server.end()
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def small_server() -> Iterator[Served]:
    with serving(SMALL) as served:
        yield served


@pytest.fixture
def shared(small_server: Served) -> Iterator[Served]:
    """One server with small bounds, for all tests that only look at replies."""
    yield small_server
    small_server.hang_up()


@pytest.fixture
def serve() -> Callable[..., Any]:
    """Starts a server of one's own: `with serve(bounds) as served`."""
    return serving
