"""A small HTTP server on this machine for tests: it answers what it is told, and keeps what it was asked."""

import asyncio
import json
import re
import socket
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, urlsplit

from engine.run.addresses import AddressPolicy

LOCAL = AddressPolicy(("127.0.0.1", "localhost", "::1"))
Answer = Callable[[asyncio.StreamWriter, bytes], Awaitable[None]]


def reply(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Server:
    """Answers each request with the given bytes, or lets a function do it; keeps the requests it got."""

    def __init__(self, answer: bytes | Answer, listening: socket.socket | None = None) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._answer = answer
        self._listening = listening

    async def __aenter__(self) -> "Server":
        place = {"sock": self._listening} if self._listening else {"host": "127.0.0.1", "port": 0}
        self._server = await asyncio.start_server(self._accept, **place)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._server.close()
        await self._server.wait_closed()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.append(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                told = re.search(rb"(?i)content-length: *(\d+)", head)
                request = head + await reader.readexactly(int(told[1]) if told else 0)
                self.requests.append(request)
                if isinstance(self._answer, bytes):
                    writer.write(self._answer)
                else:
                    await self._answer(writer, request)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def echo(writer: asyncio.StreamWriter, request: bytes) -> None:
    """The routes that contract cases ask for: /echo, /status/<code>, /text and /redirect."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    url = urlsplit(target)
    if url.path == "/text":
        writer.write(reply(b"plain text", "Content-Type: text/plain"))
    elif url.path == "/redirect":
        writer.write(reply(b"", "Location: /echo", status="302 Found"))
    elif url.path.startswith("/status/"):
        writer.write(reply(b"{}", "Content-Type: application/json", status=f"{url.path[8:]} Told"))
    else:
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        told = {"method": method, "path": url.path, "query": parse_qs(url.query), "headers": headers}
        told |= {"body": body.decode(), "body_json": json.loads(body) if body else None}
        writer.write(reply(json.dumps(told).encode(), "Content-Type: application/json"))
