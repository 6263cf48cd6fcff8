"""Redirects, followed on wish only: each hop is checked anew, and other servers get nothing that is private."""

import asyncio
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest

from engine.errors import BlockError
from engine.run.addresses import AddressPolicy
from engine.run.http import MAX_REDIRECTS, HttpClient, HttpReply
from tests.engine.local_server import LOCAL, Server, reply

SECRETS = [("Authorization", "Bearer k"), ("Cookie", "c=1"), ("X-Api-Key", "k"), ("Accept", "text/plain")]
Ports = tuple[int, int]


def led(
    location: Callable[[Ports], str], *, status: str = "302 Found", only_first: bool = False, **request: Any
) -> tuple[HttpReply, list[str], list[str]]:
    """A request to a server that redirects to `location(ports)`; the other server, and the way back, answer plainly.

    With `only_first` the first server is the only one on this machine that may be called.
    """

    async def work() -> tuple[HttpReply, list[str], list[str]]:
        async with Server(first) as one, Server(reply(b"other")) as two:
            ports[:] = [one.port, two.port]
            options = {"method": "GET", "follow_redirects": True, "timeout_s": 5.0, **request}
            policy = AddressPolicy((f"127.0.0.1:{one.port}",)) if only_first else LOCAL
            async with HttpClient(policy) as http:
                found = await http.request(options.pop("method"), f"http://127.0.0.1:{one.port}/start", **options)
            return found, *([item.decode() for item in server.requests] for server in (one, two))

    async def first(writer: asyncio.StreamWriter, request: bytes) -> None:
        is_start = request.split()[1] == b"/start"
        target = location((ports[0], ports[1]))
        writer.write(
            reply(b"", f"Location: {target}", "Set-Cookie: s=1", status=status) if is_start else reply(b"here")
        )

    ports: list[int] = []
    return asyncio.run(work())


def test_a_redirect_is_a_reply_unless_asked_for() -> None:
    """Contract 3.9: redirects are not followed."""
    found, one, _ = led(lambda _ports: "/next", follow_redirects=False)

    assert (found.status, len(one)) == (302, 1)


@pytest.mark.parametrize("target", ["javascript:alert", "http://[::1", "http://h:port/", "\u00e4", "//", "http:"])
def test_an_odd_redirect_is_a_reply_as_well(target: str) -> None:
    """Where it leads is nobody's business until somebody goes there."""
    found, _, _ = led(lambda _ports: target, follow_redirects=False)

    assert found.status == 302


def test_the_same_server_gets_the_same_headers_and_no_cookies_of_its_own() -> None:
    """A relative address stays where it is; what a server sets is not kept."""
    found, one, _ = led(lambda _ports: "next?q=1", headers=SECRETS)

    assert found.body == b"here"
    assert one[1].startswith("GET /next?q=1 HTTP/1.1")
    assert "authorization: bearer k" in one[1].lower()
    assert "s=1" not in one[1]


def test_another_server_gets_no_credentials() -> None:
    """Another port is another server; only headers without secrets go along."""
    found, _, two = led(lambda ports: f"http://127.0.0.1:{ports[1]}/x", headers=SECRETS)

    assert found.body == b"other"
    assert "accept: text/plain" in two[0].lower()
    for word in ("authorization", "cookie", "x-api-key", "bearer"):
        assert word not in two[0].lower()


@pytest.mark.parametrize(
    ("status", "method", "expected"),
    [
        ("301 Moved", "POST", "GET"),
        ("302 Found", "POST", "GET"),
        ("303 See Other", "PUT", "GET"),
        ("303 See Other", "HEAD", "HEAD"),
        ("307 Temporary", "POST", "POST"),
        ("308 Permanent", "PUT", "PUT"),
    ],
)
def test_methods_change_as_browsers_change_them(status: str, method: str, expected: str) -> None:
    """307 and 308 repeat the request with its body, the others fetch what was made."""
    body = None if method == "HEAD" else b"data"
    _, one, _ = led(lambda _ports: "/next", status=status, method=method, body=body)

    assert one[1].startswith(f"{expected} /next")
    assert one[1].endswith("data") is (expected in ("POST", "PUT"))


def test_data_is_not_handed_to_another_server() -> None:
    """A 307 elsewhere would give the body to somebody nobody named."""
    with pytest.raises(BlockError, match="redirects the data"):
        led(lambda ports: f"http://127.0.0.1:{ports[1]}/x", status="307 Temporary", method="POST", body=b"private")


@pytest.mark.parametrize("target", ["file:///etc/passwd", "gopher://127.0.0.1/", "javascript:alert(1)", "data:,x"])
def test_a_redirect_to_no_web_address_fails(target: str) -> None:
    """Only http and https lead anywhere."""
    with pytest.raises(BlockError, match="no web address"):
        led(lambda _ports: target)


@pytest.mark.parametrize("host", ["localhost", "[::1]", "10.0.0.1", "169.254.169.254", "0x7f.1", "2130706433"])
def test_each_hop_is_checked_anew(host: str) -> None:
    """An allowed server cannot send a request on to one that is not."""
    with pytest.raises(BlockError, match=r"private network|infrastructure"):
        led(lambda ports: f"http://{host}:{ports[1]}/", only_first=True)


def test_a_circle_ends() -> None:
    """After ten hops it is called one."""
    seen: list[int] = []

    def again(_ports: Ports) -> str:
        seen.append(1)
        return "/start"

    with pytest.raises(BlockError, match="looks like a circle"):
        led(again)
    assert len(seen) == MAX_REDIRECTS + 1


@pytest.mark.parametrize("odd", ["//127.0.0.1\\@{}/", "http://127.0.0.1\\@{}/", "\\\\{}/", "http:\\\\{}/", "///{}/"])
def test_odd_spellings_of_another_server_get_no_credentials(odd: str) -> None:
    """However an address is read: the request fails, stays where it is, or goes out without secrets."""
    try:
        _, _, two = led(lambda ports: odd.format(f"127.0.0.1:{ports[1]}"), headers=SECRETS, timeout_s=1.0)
    except BlockError:
        return
    assert all("bearer" not in request.lower() for request in two)


def test_credentials_in_an_address_are_sent_as_such() -> None:
    """`https://name:password@host` is basic authentication, unless a header says otherwise."""

    async def work() -> list[str]:
        async with Server(reply(b"")) as server, HttpClient(LOCAL) as http:
            address = f"http://me:p%40ss@127.0.0.1:{server.port}/"
            await http.request("GET", address)
            await http.request("GET", address, headers=[("authorization", "Bearer k")])
            return [request.decode().lower() for request in server.requests]

    first, second = asyncio.run(work())

    assert f"authorization: basic {b64encode(b'me:p@ss').decode().lower()}" in first
    assert "authorization: bearer k" in second
    assert "basic" not in second
