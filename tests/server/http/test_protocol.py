"""The bounded protocol on a real socket: what is too long, too slow or malformed, and what arrives untouched."""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server.http.conftest import SMALL, Served

HEAD = b"POST /a HTTP/1.1\r\nHost: localhost\r\n"
GET = b"GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    ("value", "arrives"),
    [(b"Bearer ", "Bearer "), (b"Bearer", "Bearer"), (b"Bearer \t ", "Bearer \t "), (b"Bearer key", "Bearer key")],
)
def test_spaces_at_the_end_of_a_header_arrive(shared: Served, value: bytes, arrives: str) -> None:
    """`Authorization: Bearer ` with its space means that there is no token (contract 2.9); most servers cut it off."""
    reply = shared.exchange(HEAD + b"Authorization: " + value + b"\r\nContent-Length: 0\r\n\r\n")

    assert reply.status == 200
    assert f'"authorization":"{arrives}"'.encode().replace(b"\t", b"\\t") in reply.body


MALFORMED = {
    "doubled length": HEAD + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "two lengths": HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "list of lengths": HEAD + b"Content-Length: 3, 3\r\n\r\nabc",
    "negative length": HEAD + b"Content-Length: -3\r\n\r\nabc",
    "length with sign": HEAD + b"Content-Length: +3\r\n\r\nabc",
    "length beyond all numbers": HEAD + b"Content-Length: 99999999999999999999\r\n\r\n",
    "length and chunks": HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "doubled chunks": HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "another encoding": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "no encoding": HEAD + b"Transfer-Encoding: identity\r\n\r\nabc",
    "compressed chunks": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": b"POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "length of chunk with prefix": HEAD + b"Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
    "chunk beyond all numbers": HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nabc",
    "chunk longer than said": HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
    "folded header": HEAD + b"X: a\r\n b\r\n\r\n",
    "space before colon": HEAD + b"Content-Length : 3\r\n\r\nabc",
    "line feeds only": b"POST /a HTTP/1.1\nHost: localhost\n\n",
    "carriage return in value": HEAD + b"X: a\rContent-Length: 3\r\n\r\nabc",
    "NUL in value": HEAD + b"X: a\x00b\r\n\r\n",
    "NUL in name": HEAD + b"X\x00: a\r\n\r\n",
    "no name": HEAD + b": a\r\n\r\n",
    "no host": b"GET /a HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /a HTTP/1.1\r\nHost: localhost\r\nHost: evil.example.com\r\n\r\n",
    "absolute URL": b"GET http://evil.example.com/a HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "tunnel": b"CONNECT localhost:22 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "bytes in URL": b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "unknown method": b"HACK /a HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "method in lower case": b"get /a HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "unknown version": b"GET /a HTTP/9.9\r\nHost: localhost\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "upgrade with body": HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n\r\nabc",
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_what_two_servers_could_read_differently_is_refused(shared: Served, data: bytes) -> None:
    """One reply, in JSON, and the end of the connection: nothing that follows may be taken for another request."""
    before = len(shared.seen)
    wire = shared.wire().send(data)

    reply = wire.reply()

    assert reply.status == 400
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["connection"] == "close"
    assert reply.error
    assert wire.ends()
    assert set(shared.seen[before:]) <= {"disconnect"}


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b"GET /" + b"a" * 2_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414, "longer than 1 KB"),
        (b"GET /" + b"a" * 5_000, 414, "longer than 1 KB"),
        (HEAD + b"X: " + b"a" * 5_000 + b"\r\n\r\n", 431, "longer than 4 KB"),
        (HEAD + b"X: " + b"a" * 5_000, 431, "longer than 4 KB"),
        (HEAD + b"X: 1\r\n" * 1_000, 431, "longer than 4 KB"),
        (HEAD + b"Content-Length: 100001\r\n\r\n", 413, "longer than 97.6"),
        (HEAD + b"Expect: 100-continue\r\nContent-Length: 100001\r\n\r\n", 413, "longer than"),
        (
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%s\r\n" % (100_001, b"x" * 100_001),
            413,
            "longer than",
        ),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"a" * 400_000, 431, "longer than 4 KB"),
        (b"POST /api/webhooks/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\n\r\n", 413, "longer than 1000"),
        (
            b"POST /api/%77ebhooks/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\n\r\n",
            413,
            "longer than 1000",
        ),
    ],
)
def test_what_is_too_long_is_refused_with_the_bound(shared: Served, data: bytes, status: int, words: str) -> None:
    """The caller is told how much would do; nothing waits for a header, URL or body that never ends."""
    reply = shared.exchange(data)

    assert (reply.status, reply.headers["connection"]) == (status, "close")
    assert words in reply.error
    assert shared.refused[-1][0] == status


def test_what_is_just_short_enough_is_answered(shared: Served) -> None:
    """The bounds are bounds, not something near them; chunks and escapes in the path included."""
    assert shared.exchange(HEAD + b"Content-Length: 100000\r\n\r\n" + b"x" * 100_000).body.startswith(
        b'{"length":100000'
    )
    chunk = b"%x\r\n%s\r\n" % (50_000, b"x" * 50_000)
    chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk + chunk + b"0\r\nAuthorization: late\r\n\r\n"
    assert shared.exchange(chunked).body == b'{"length":100000,"authorization":null}'
    assert shared.exchange(b"GET /" + b"a" * 900 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 200


def test_a_body_that_is_announced_too_long_never_reaches_the_application(shared: Served) -> None:
    """It is refused by its head; not even the beginning is passed on."""
    before = len(shared.seen)

    reply = shared.exchange(HEAD + b"Content-Length: 100000000\r\n\r\n" + b"x" * 3_000_000)

    assert reply.status == 413
    assert len(shared.seen) == before


def test_a_body_that_turns_out_too_long_or_late_is_a_disconnect(serve: Callable[..., Any]) -> None:
    """The application gets no half body that it could take for a whole one."""
    with serve(SMALL) as served:
        piece = b"%x\r\n%s\r\n" % (60_000, b"x" * 60_000)

        too_long = served.exchange(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + piece + piece)
        too_late = served.exchange(HEAD + b"Content-Length: 10\r\n\r\nabc")

    assert (too_long.status, too_late.status) == (413, 408)
    assert served.seen == ["disconnect", "disconnect"]


@pytest.mark.parametrize("data", [b"GET /a", HEAD + b"X: a", HEAD + b"Content-Length: 99\r\n\r\nabc"])
def test_a_request_that_does_not_arrive_in_time_is_ended(shared: Served, data: bytes) -> None:
    """However slowly it trickles: the time is for the whole request."""
    wire, began = shared.wire().send(data), time.monotonic()
    wire.socket.settimeout(0.05)
    reply = None
    while reply is None:
        wire.send(b"b")
        try:
            reply = wire.reply()
        except TimeoutError:
            assert time.monotonic() - began < 5

    assert reply.status == 408
    assert "0.4 seconds" in reply.error


@pytest.mark.parametrize("data", [b"", b"\r\n", GET])
def test_a_connection_that_says_nothing_is_closed(shared: Served, data: bytes) -> None:
    """Also after a request, and when it only sends empty lines."""
    wire = shared.wire().send(data)
    if data == GET:
        assert wire.reply().status == 200

    assert wire.ends()


def test_who_waits_for_a_reply_is_not_idle(shared: Served) -> None:
    """However long the answer takes; afterwards the connection is as good as new."""
    wire, idle = shared.wire().send(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n"), shared.wire()
    assert idle.ends()

    shared.go_on.set()

    assert wire.reply().status == 200
    assert wire.send(GET).reply().status == 200


@pytest.mark.parametrize("stalled_s", [0.1, 0.6])
def test_a_client_that_does_not_read_is_let_go(serve: Callable[..., Any], stalled_s: float) -> None:
    """A reply that nobody takes must not hold memory for ever, whichever time runs out first."""
    with serve(replace(SMALL, stalled_s=stalled_s)) as served:
        wire = served.wire().send(b"GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wire.socket.recv(10)

        deadline = time.monotonic() + 5
        while served.server.server_state.connections and time.monotonic() < deadline:
            time.sleep(0.02)

        assert not served.server.server_state.connections


def test_requests_on_one_connection_are_answered_in_order(shared: Served) -> None:
    """Sent one after another or all at once; a refusal comes after the replies that are due, or as the end of all."""
    wire = shared.wire().send(GET).send(HEAD + b"Content-Length: 3\r\n\r\nabc" + GET)

    assert [wire.reply().status for _ in range(3)] == [200, 200, 200]
    wire.send(GET + b"nonsense\r\n\r\n")
    assert wire.reply().status == 200
    assert wire.ends()


def test_a_reply_does_not_give_the_next_request_more_time(serve: Callable[..., Any]) -> None:
    """Its time runs from its first byte, whatever is answered meanwhile."""
    with serve(replace(SMALL, idle_s=60)) as served:
        wire = served.wire().send(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\nGET /half HT")
        served.go_on.set()

        assert [wire.reply().status for _ in range(2)] == [200, 408]


def test_many_requests_at_once_on_one_connection_are_bounded(serve: Callable[..., Any]) -> None:
    """Each that waits costs memory, and sending costs the client nothing."""
    with serve(SMALL) as served:
        wire = served.wire().send(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n" + GET * 500)
        deadline = time.monotonic() + 5
        while not served.refused and time.monotonic() < deadline:
            time.sleep(0.01)
        served.go_on.set()

        assert wire.reply().status == 200
        assert wire.ends()
        assert served.refused[0][0] == 503


def test_a_wish_for_another_protocol_is_answered_in_this_one(shared: Served) -> None:
    """`curl --http2` asks for an upgrade with its first request."""
    upgrade = b"GET /a HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    wire = shared.wire().send(upgrade)

    assert wire.reply().status == 200
    assert wire.ends()


def test_a_client_that_goes_on_sending_still_gets_the_reply(shared: Served) -> None:
    """Closing at once would reset the connection, and the reply be lost with it."""
    wire = shared.wire().send(HEAD + b"Content-Length: 90000000\r\n\r\n")
    for _ in range(20):
        wire.send(b"x" * 1_000)

    assert wire.reply().status == 413


def test_a_server_ends_while_clients_are_stuck(serve: Callable[..., Any]) -> None:
    """Half a head, half a body and silence hold nothing up; who is being answered gets the reply."""
    with serve(replace(SMALL, receive_s=60, idle_s=60), drain_s=2) as served:
        stuck = [served.wire().send(data) for data in (b"", b"GET /a HT", HEAD, HEAD + b"Content-Length: 9\r\n\r\nab")]
        waiting = served.wire().send(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while not any(entry[1] == "/wait" for entry in served.seen):
            time.sleep(0.01)
        served.server.end()

        assert all(wire.ends() for wire in stuck)
        served.go_on.set()
        assert waiting.reply().status == 200


def test_a_request_that_does_not_end_is_cut_off(serve: Callable[..., Any]) -> None:
    """Stopping has a deadline, whatever a request waits for."""
    with serve(SMALL, drain_s=0.1) as served:
        waiting = served.wire().send(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while not served.seen:
            time.sleep(0.01)
        served.server.end()

        reply = waiting.reply()
        assert reply.status == 503
        assert "stopping" in reply.error
        assert waiting.ends()


TRAIN = GET + HEAD + b"Content-Length: 3\r\n\r\nabc" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"


@given(st.sets(st.integers(1, len(TRAIN) - 1), max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_requests_arrive_alike_however_the_network_cuts_them(shared: Served, cuts: set[int]) -> None:
    """Where one packet ends and the next begins means nothing."""
    wire = shared.wire()
    wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    for begin, end in pairwise([0, *sorted(cuts), len(TRAIN)]):
        wire.send(TRAIN[begin:end])

    assert [wire.reply().body[:11] for _ in range(3)] == [b'{"length":0', b'{"length":3', b'{"length":3']


@given(st.lists(st.sampled_from([*MALFORMED.values(), TRAIN, HEAD, GET]) | st.binary(max_size=40), max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_sent_the_connection_ends_and_the_server_goes_on(shared: Served, pieces: list[bytes]) -> None:
    """Requests, nonsense and halves in any order: each reply is one of ours, and then it is over."""
    wire = shared.wire().send(b"".join(pieces))
    with suppress(OSError):
        wire.socket.shutdown(socket.SHUT_WR)

    while (reply := wire.reply()).status:
        assert reply.status in (200, 400, 408, 413, 414, 431, 503)

    assert shared.exchange(GET).status == 200
