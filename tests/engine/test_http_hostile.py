"""Replies that are meant to do harm: each ends in words, in time, and with little memory."""

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import Iterator

import pytest

from engine.errors import BlockError
from engine.run.http import HttpClient, HttpReply
from tests.engine.local_server import LOCAL, Answer, Server, reply

LIMIT = 100_000


def endless(piece: bytes, head: bytes = b"") -> Answer:
    """A server that goes on with this piece for ever."""

    async def answer(writer: asyncio.StreamWriter, _request: bytes) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n" + head)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)

    return answer


BOMB = gzip.compress(b"\0" * 50_000_000)
HOSTILE: dict[str, tuple[bytes | Answer, str]] = {
    "gzip bomb": (reply(BOMB, "Content-Encoding: gzip"), "packed its reply"),
    "gzip bomb, odd spelling": (reply(BOMB, "Content-Encoding:  GZip , identity"), "packed its reply"),
    "deflate bomb": (reply(zlib.compress(b"\0" * 5_000_000), "Content-Encoding: deflate"), "packed its reply"),
    "br": (reply(b"x", "Content-Encoding: br"), "packed its reply"),
    "body without an end": (endless(b"x" * 4096, b"\r\n"), "larger than"),
    "chunks without an end": (
        endless(b"400\r\n" + b"x" * 1024 + b"\r\n", b"Transfer-Encoding: chunked\r\n\r\n"),
        "larger",
    ),
    "told size": (endless(b"x", b"Content-Length: 99999999999\r\n\r\n"), "larger than"),
    "chunk of a terabyte": (endless(b"x" * 4096, b"Transfer-Encoding: chunked\r\n\r\nffffffffff\r\n"), "larger than"),
    "headers without an end": (endless(b"X-A: " + b"a" * 4096 + b"\r\n"), r"127\.0\.0\.1"),
    "many headers": (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 100_000 + b"\r\n", r"127\.0\.0\.1"),
    "one long header": (endless(b"a" * 65536, b"X-A: "), r"127\.0\.0\.1"),
    "two lengths": (reply(b"abc", "Content-Length: 9"), r"127\.0\.0\.1"),
    "negative length": (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", r"127\.0\.0\.1"),
    "no http": (b"SSH-2.0-OpenSSH\r\n\r\n", r"127\.0\.0\.1"),
    "switching": (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", r"127\.0\.0\.1"),
    "continue without an end": (endless(b"HTTP/1.1 100 Continue\r\n\r\n", b"\r\n"), r"127\.0\.0\.1"),
    "drip": (endless(b"", b"Content-Length: 5\r\n\r\n"), "did not answer within"),
}


async def fetched(answer: bytes | Answer) -> HttpReply:
    async with Server(answer) as server, HttpClient(LOCAL, max_reply_bytes=LIMIT) as http:
        return await http.request("GET", f"http://127.0.0.1:{server.port}/", timeout_s=0.5)


@pytest.fixture
def memory() -> Iterator[None]:
    """Fails a test that takes more than a few times the limit of a reply."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8_000_000


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.usefixtures("memory")
def test_a_hostile_reply_ends_in_words(name: str) -> None:
    """Within the time of the request, and without being kept or unpacked."""
    answer, words = HOSTILE[name]

    with pytest.raises(BlockError, match=words) as caught:
        asyncio.run(fetched(answer))

    assert len(str(caught.value)) < 300


def test_a_head_may_tell_of_a_packed_body() -> None:
    """Without a body there is nothing to unpack, so there is nothing to refuse."""

    async def work() -> HttpReply:
        async with Server(reply(b"", "Content-Encoding: gzip")) as server, HttpClient(LOCAL) as http:
            return await http.request("HEAD", f"http://127.0.0.1:{server.port}/")

    assert asyncio.run(work()).headers["content-encoding"] == "gzip"
