"""Which names and pages a server listens to: the table of DNS rebinding and of requests from other sites."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.server.http.hosts import HostPolicy, is_foreign

LOCAL = HostPolicy.for_server("127.0.0.1", ["hooks.example.com"])
OPEN = HostPolicy.for_server("0.0.0.0", machine_name="Workhorse")


@pytest.mark.parametrize(
    "host",
    ["localhost", "LocalHost:8400", "localhost.", "127.0.0.1:8400", "127.8.9.1", "[::1]:8400", "hooks.example.com"],
)
def test_names_of_this_machine_and_those_allowed_are_taken(host: str) -> None:
    """At any port, since a port may be forwarded."""
    assert LOCAL.allows(host.encode())


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example.com",
        "localhost.evil.example.com",
        "evil.localhost",
        "127.0.0.1.evil.example.com",
        "127.0.0.1:8400:1",
        "127.0.0.1@evil.example.com",
        "localhost:port",
        "localhost/",
        "192.168.1.7",
        "0.0.0.0",
        "[::ffff:192.168.1.7]",
        "127.1",
        "0x7f000001",
        "１２７.0.0.1",
        "localhost, evil.example.com",
        "x.hooks.example.com",
    ],
)
def test_other_names_are_refused(host: str) -> None:
    """What a page would use whose name leads here, and what no client of ours writes."""
    assert not LOCAL.allows(host.encode())


def test_a_server_on_all_addresses_goes_by_addresses_and_its_own_name() -> None:
    """A page cannot rebind an address, only a name."""
    assert OPEN.allows(b"192.168.1.7:8400")
    assert OPEN.allows(b"[fd00::7]")
    assert OPEN.allows(b"workhorse.local")
    assert not OPEN.allows(b"evil.example.com")


@given(st.binary(max_size=30) | st.text(max_size=30).map(str.encode))
def test_no_host_header_makes_the_check_fail(header: bytes) -> None:
    """Whatever the bytes are, the answer is yes or no, and the same when asked again."""
    assert LOCAL.allows(header) == LOCAL.allows(header)


@pytest.mark.parametrize(
    ("origin", "fetch_site", "foreign"),
    [
        (None, None, False),  # a program
        (None, "none", False),  # typed into the address bar
        ("http://127.0.0.1:8400", "same-origin", False),  # the server's own page of its API
        ("HTTP://127.0.0.1:8400", None, False),
        ("https://evil.example.com", None, True),
        ("https://evil.example.com", "cross-site", True),
        (None, "cross-site", True),
        (None, "Same-Site", True),  # another port of localhost
        ("http://127.0.0.1:3000", "same-site", True),
        ("http://127.0.0.1:3000", None, True),
        ("https://127.0.0.1:8400", None, False),  # the same, behind a proxy with TLS
        ("http://127.0.0.1:8400.evil.example.com", None, True),
        ("null", None, True),  # a sandboxed frame, a file
        ("", None, True),
    ],
)
def test_a_request_of_another_sites_page_is_told_from_ones_own(
    origin: str | None, fetch_site: str | None, foreign: bool
) -> None:
    """Either header is enough, since no browser sends both with every request."""
    headers = (None if value is None else value.encode() for value in (origin, fetch_site))

    assert is_foreign(b"127.0.0.1:8400", *headers) == foreign
