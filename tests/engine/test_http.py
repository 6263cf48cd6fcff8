"""The HTTP client against a small server on this machine, and the rule about addresses."""

import asyncio
import ipaddress
import socket
from typing import Any

import pytest

from engine.blocks import default_catalog
from engine.document import Block, Workflow
from engine.errors import BlockError, DeadlineExceeded
from engine.run.addresses import AddressPolicy, AddressRefused
from engine.run.context import Services
from engine.run.guard import GuardedBackend
from engine.run.http import HttpClient, HttpReply
from engine.run.runner import run
from tests.engine.local_server import LOCAL, Answer, Server, reply


def asked(
    answer: bytes | Answer,
    path: str = "/",
    method: str = "GET",
    *,
    max_reply_bytes: int = 10_000,
    policy: AddressPolicy = LOCAL,
    **options: Any,
) -> tuple[HttpReply, str]:
    """The client's reply and the request as the server saw it."""

    async def work() -> tuple[HttpReply, str]:
        async with Server(answer) as server, HttpClient(policy, max_reply_bytes=max_reply_bytes) as http:
            url = f"http://127.0.0.1:{server.port}{path}"
            found = await http.request(method, url, **options)
            return found, server.requests[0].decode("latin-1")

    return asyncio.run(work())


class TestRequests:
    def test_a_reply_comes_back_whole(self) -> None:
        """Status, body, and headers in lower case with repeated ones joined."""
        found, request = asked(reply(b"body", "X-One: a", "x-one: b", status="404 Not Found"))

        assert (found.status, found.body) == (404, b"body")
        assert found.headers == {"content-length": "4", "x-one": "a, b"}
        assert request.startswith("GET / HTTP/1.1\r\n")
        assert "accept-encoding: identity" in request.lower()

    def test_parameters_join_the_query_of_the_address(self) -> None:
        """Those of the same name replace it, a name may come several times (W35)."""
        _, request = asked(reply(b""), "/p?a=1&b=2", params=[("b", "x y"), ("c", "3"), ("c", "4")])

        assert request.startswith("GET /p?a=1&b=x+y&c=3&c=4 HTTP/1.1")

    def test_headers_and_body_are_sent(self) -> None:
        """An own header replaces ours of the same name."""
        _, request = asked(reply(b""), method="POST", headers=[("user-agent", "me"), ("A", "ä")], body=b"data")

        assert request.endswith("\r\n\r\ndata")
        assert request.lower().count("user-agent") == 1
        assert "user-agent: me" in request

    @pytest.mark.parametrize(
        ("header", "words"),
        [
            (("Transfer-Encoding", "chunked"), "is set by Blockloom itself"),
            (("Content-Length", "0"), "is set by Blockloom itself"),
            (("Authorization", "Bearer CANARY-9\n"), "holds a line break"),
            (("X-A\r\nX-B", "1"), "is no header name"),
            (("", "1"), "is no header name"),
        ],
    )
    def test_headers_that_no_request_may_have(self, header: tuple[str, str], words: str) -> None:
        """Refused by name, before anything is sent: a second framing smuggles requests, and a value may be a secret."""
        with pytest.raises(BlockError, match=words) as raised:
            asked(reply(b""), headers=[header])

        assert "CANARY" not in str(raised.value)

    def test_one_connection_serves_several_requests(self) -> None:
        """The pool lives as long as the run."""

        async def work() -> int:
            async with Server(reply(b"x")) as server, HttpClient(LOCAL) as http:
                for _ in range(3):
                    await http.request("GET", f"http://127.0.0.1:{server.port}/")
                return server.connections

        assert asyncio.run(work()) == 1

    def test_redirects_are_not_followed(self) -> None:
        """A redirect to itself is a reply like any other."""
        found, _ = asked(reply(b"", "Location: /", status="302 Found"))

        assert (found.status, found.headers["location"]) == (302, "/")

    def test_the_environment_has_no_say(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A proxy variable changes nothing."""
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")

        assert asked(reply(b"direct"))[0].body == b"direct"


class TestFailures:
    """Every way to fail has words of its own."""

    def test_a_reply_that_is_too_large(self) -> None:
        """It is cut off, whether its length is told or not."""
        with pytest.raises(BlockError, match=r"larger than 0\.01 MB"):
            asked(reply(b"x" * 10_001))

    def test_a_reply_without_an_end(self) -> None:
        """Reading stops at the limit."""

        async def endless(writer: asyncio.StreamWriter, _request: bytes) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                writer.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
                await writer.drain()

        with pytest.raises(BlockError, match="larger than"):
            asked(endless)

    def test_a_packed_reply(self) -> None:
        """What was not asked for is not unpacked: a small one can hide a huge one."""
        with pytest.raises(BlockError, match="packed its reply as 'gzip'"):
            asked(reply(b"\x1f\x8b", "Content-Encoding: gzip"))

    def test_a_server_that_never_answers(self) -> None:
        """The text says how many milliseconds it had."""

        async def silent(_writer: asyncio.StreamWriter, _request: bytes) -> None:
            await asyncio.Event().wait()

        with pytest.raises(DeadlineExceeded, match="within 30 ms"):
            asked(silent, timeout_s=0.03)

    def test_a_server_that_drips(self) -> None:
        """The time is for the whole reply, not for each piece of it."""

        async def drip(writer: asyncio.StreamWriter, _request: bytes) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n")
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.005)

        with pytest.raises(DeadlineExceeded, match="within 50 ms"):
            asked(drip, timeout_s=0.05)

    def test_a_server_that_breaks_off(self) -> None:
        """Part of a reply is no reply."""

        async def half(writer: asyncio.StreamWriter, _request: bytes) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            writer.close()

        with pytest.raises(BlockError, match="broke before the reply was complete"):
            asked(half)

    def test_a_server_that_does_not_speak_http(self) -> None:
        """Nonsense is told as such."""
        with pytest.raises(BlockError, match=r"127\.0\.0\.1"):
            asked(b"hello\r\n\r\n")

    def test_a_connection_that_is_not_safe(self) -> None:
        """https to a server that has no TLS."""

        async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(reply(b""))
            await reader.read(1)
            writer.close()

        async def work() -> None:
            server = await asyncio.start_server(plain, "127.0.0.1", 0)
            async with server, HttpClient(LOCAL) as http:
                await http.request("GET", f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")

        with pytest.raises(BlockError, match="not safe"):
            asyncio.run(work())

    def test_nobody_listens(self) -> None:
        """A closed port."""

        async def work() -> None:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
            async with HttpClient(LOCAL) as http:
                await http.request("GET", f"http://127.0.0.1:{port}/")

        with pytest.raises(BlockError, match="does not accept connections"):
            asyncio.run(work())

    def test_a_name_nobody_has(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The text asks to look at the spelling."""

        async def unknown(*_args: Any, **_options: Any) -> Any:
            raise socket.gaierror(-2, "Name or service not known")

        async def work() -> None:
            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
            async with HttpClient(LOCAL) as http:
                await http.request("GET", "http://no-such-host.example/")

        with pytest.raises(BlockError, match=r"no host called no-such-host\.example"):
            asyncio.run(work())

    @pytest.mark.parametrize(
        "url", ["", "nourl", "ftp://h/", "http://", "http://[::1", "//h", "http://h:port/", "http://h/" + "x" * 20_000]
    )
    def test_what_is_no_web_address(self, url: str) -> None:
        """Refused before anything is sent."""

        async def work() -> None:
            async with HttpClient(LOCAL) as http:
                await http.request("GET", url)

        with pytest.raises(BlockError) as caught:
            asyncio.run(work())

        assert len(str(caught.value)) < 400
        assert not caught.value.retryable

    @pytest.mark.parametrize(
        "options", [{"method": ""}, {"method": "B AD"}, {"headers": {"A\r\nB": "1"}}, {"headers": {"A": "1\r\nB: 2"}}]
    )
    def test_what_cannot_be_sent(self, options: Any) -> None:
        """A method or header that would break the protocol is an error, not a second header."""
        with pytest.raises(BlockError):
            asked(reply(b""), **options)


class TestAddresses:
    @pytest.mark.parametrize(
        "address",
        [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fc00::1",
            "fec0::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::7f00:1",
            "2002:7f00:1::",
            "2001::1",
        ],
    )
    def test_addresses_nearby_are_refused_until_allowed(self, address: str) -> None:
        """However the address is wrapped; the text says how to allow it."""
        ip = ipaddress.ip_address(address)

        refusal = AddressPolicy().refusal("box", ip)

        assert refusal is not None
        assert "BLOCKLOOM_ALLOW_PRIVATE_HOSTS=box" in refusal
        assert AddressPolicy(("box",)).refusal("box", ip) is None
        assert AddressPolicy(("*",)).refusal("box", ip) is None

    @pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "fd00:ec2::254", "::ffff:169.254.169.254"])
    def test_metadata_is_never_called(self, address: str) -> None:
        """No setting opens it."""
        assert AddressPolicy(("*", address, "box")).refusal("box", ipaddress.ip_address(address))

    @pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "2002:808:808::"])
    def test_public_addresses_are_free(self, address: str) -> None:
        """No setting is needed for them."""
        assert AddressPolicy().refusal("box", ipaddress.ip_address(address)) is None

    @pytest.mark.parametrize(
        ("text", "allowed"),
        [("1", ("*",)), ("", ()), ("0", ()), ("localhost, 10.0.0.0/8", ("localhost", "10.0.0.0/8")), ("true", ("*",))],
    )
    def test_the_environment_can_allow(self, text: str, allowed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """One word for all, or a list of hosts and networks, joined to the setting's."""
        monkeypatch.setenv("BLOCKLOOM_ALLOW_PRIVATE_HOSTS", text)

        assert AddressPolicy.from_environment(("mine",)).allowed == ("mine", *allowed)

    def test_networks_can_be_allowed(self) -> None:
        """A network covers its addresses and no others."""
        policy = AddressPolicy(("10.0.0.0/8",))

        assert policy.refusal("a", ipaddress.ip_address("10.9.9.9")) is None
        assert policy.refusal("a", ipaddress.ip_address("192.168.0.1"))

    def test_a_name_is_asked_once_and_its_address_connected_to(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A name that changes its mind between check and connection gains nothing; `Host` keeps the name."""
        answers = iter(["127.0.0.1", "10.0.0.1"])
        asked_for: list[str] = []

        async def changing(host: str, port: int, **_options: Any) -> Any:
            asked_for.append(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

        async def work() -> str:
            async with Server(reply(b"")) as server, HttpClient(AddressPolicy(("box.example",))) as http:
                loop, port = asyncio.get_running_loop(), server.port
                real = loop.getaddrinfo
                chosen = lambda host, *rest, **options: (  # noqa: E731
                    changing(host, *rest, **options) if host == "box.example" else real(host, *rest, **options)
                )
                monkeypatch.setattr(loop, "getaddrinfo", chosen)
                await http.request("GET", f"http://box.example:{port}/")
                return server.requests[0].decode()

        request = asyncio.run(work())

        assert asked_for == ["box.example"]
        assert "host: box.example:" in request.lower()

    def test_of_several_addresses_only_allowed_ones_are_tried(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A name that is public and private at once leads to the public address only; all refused is refused."""
        policy = AddressPolicy(("127.0.0.1/32",))

        async def both(_host: str, port: int, **_options: Any) -> Any:
            found = ["192.168.7.7", "127.0.0.1"]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

        async def work() -> list[Any]:
            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", both)
            return await GuardedBackend(policy)._allowed_addresses("both.example", 80)

        assert asyncio.run(work()) == [ipaddress.ip_address("127.0.0.1")]

    def test_local_sockets_are_never_opened(self) -> None:
        """A workflow has no business with them."""
        with pytest.raises(AddressRefused):
            asyncio.run(GuardedBackend(LOCAL).connect_unix_socket("/run/x.sock"))


def test_a_block_reaches_a_server_through_the_client() -> None:
    """The general API block and the client fit together."""

    async def work() -> Any:
        async with (
            Server(reply(b'{"ok": true}', "Content-Type: application/json")) as server,
            HttpClient(LOCAL) as http,
        ):
            config = {"url": f"http://127.0.0.1:{server.port}/x", "params": {"q": 1}, "body": {"a": 1}}
            workflow = Workflow(blocks={"x": Block("x", "general_api", config=config)})
            events: list[Any] = []
            await run(workflow, events.append, catalog=default_catalog(), services=Services(http=http))
            return events[2], server.requests[0]

    finished, request = asyncio.run(work())

    assert finished.error is None
    assert finished.result["output"] == {"ok": True}
    assert b"GET /x?q=1" in request
    assert request.endswith(b'{"a":1}')
