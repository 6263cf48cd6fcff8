"""However this machine is spelled, a run does not reach it until somebody allows it, host by host and port by port."""

import asyncio
import ipaddress
import socket
from typing import Any

import pytest

from engine.errors import BlockError
from engine.run.addresses import AddressPolicy
from engine.run.http import HttpClient, HttpReply
from tests.engine.local_server import Server, reply

NUMBERS = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.8.8.8",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0x7f.0.0.1",
    "0x7f.0x0.0x0.0x1",
    "017700000001",
    "0177.1",
    "0177.0.0.1",
    "0177.0000.0000.0001",
    "127.0.0.1.",
    "0",
    "0.0.0.0",
    "0x0",
    "00",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[::ffff:0:7f00:1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[::1%25lo]",
]
NAMES = [
    "localhost",
    "LOCALHOST",
    "localhost.",
    "LocalHost",
    "ip6-localhost",
    "sub.localhost",
    "user:pw@127.0.0.1",
    "example.com@127.0.0.1",
    "example.com%40127.0.0.1",
    "%31%32%37.0.0.1",
    "127。0。0。1",
    "127．0．0．1",
    "１２７.0.0.1",
    "①②⑦.⓪.⓪.①",
    "ｌocalhost",
    "loca\u00adlhost",
    socket.gethostname(),
]
RESOLVED = ["localtest.example", "lvh.example", "127.0.0.1.nip.example", "spoofed.example", "box.internal.example"]
SPELLINGS = [*NUMBERS, *NAMES, *RESOLVED]


async def asked(hosts: list[str], policy: AddressPolicy) -> tuple[int, list[str]]:
    """How many requests a server on all addresses of this machine gets by these spellings, and what kept the others."""
    loop = asyncio.get_running_loop()
    real = loop.getaddrinfo

    async def resolve(name: str, port: int, **options: Any) -> Any:
        return await real("127.0.0.1" if name in RESOLVED else name, port, **options)

    loop.getaddrinfo = resolve  # type: ignore[assignment,method-assign]
    everywhere = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    async with Server(reply(b"reached"), everywhere) as server, HttpClient(policy) as http:
        requests = [http.request("GET", f"http://{host}:{server.port}/", timeout_s=1) for host in hosts]
        answers = await asyncio.gather(*requests, return_exceptions=True)
        assert all(isinstance(answer, HttpReply | BlockError) for answer in answers)
        return len(server.requests), [str(answer) for answer in answers if isinstance(answer, BlockError)]


def test_there_are_enough_spellings() -> None:
    """As many as the notes on reliability ask for, and most of them do lead here: the test below means something."""
    reached, _ = asyncio.run(asked(SPELLINGS, AddressPolicy(("*",))))

    assert len(SPELLINGS) >= 48
    assert reached >= 30


@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_of_this_machine_gets_around_the_rule(host: str) -> None:
    """Whatever resolves to this machine is refused, before a byte is sent."""
    reached, refusals = asyncio.run(asked([host], AddressPolicy()))

    assert reached == 0
    assert len(refusals) == 1


@pytest.mark.parametrize(
    ("entry", "host", "port", "is_allowed"),
    [
        ("localhost", "localhost", 80, True),
        ("localhost:11434", "localhost", 11434, True),
        ("localhost:11434", "localhost", 80, False),
        ("LocalHost.:80", "localhost", 80, True),
        ("localhost:80", "LOCALHOST.", 80, True),
        ("127.0.0.1:80", "anything", 80, True),
        ("127.0.0.1:80", "anything", 81, False),
        ("127.0.0.0/8:80", "anything", 80, True),
        ("127.0.0.0/8:80", "anything", 81, False),
        ("10.0.0.0/8", "anything", 80, False),
        ("*", "anything", 80, True),
        ("*:80", "anything", 80, True),
        ("*:80", "anything", 81, False),
        ("other", "localhost", 80, False),
        ("localhost:http", "localhost", 80, False),
        ("", "localhost", 80, False),
    ],
)
def test_a_host_is_allowed_with_or_without_a_port(entry: str, host: str, port: int, is_allowed: bool) -> None:
    """A name, an address or a network; with a port it opens that port alone."""
    refusal = AddressPolicy((entry,)).refusal(host, ipaddress.ip_address("127.0.0.1"), port)

    assert (refusal is None) is is_allowed


@pytest.mark.parametrize(
    ("entry", "port", "is_allowed"), [("[::1]:80", 80, True), ("[::1]:80", 81, False), ("::1", 7, True)]
)
def test_ipv6_addresses_take_brackets_before_a_port(entry: str, port: int, is_allowed: bool) -> None:
    """As in an address line; without a port they need none."""
    refusal = AddressPolicy((entry,)).refusal("box", ipaddress.ip_address("::1"), port)

    assert (refusal is None) is is_allowed


@pytest.mark.parametrize(("host", "words"), [("box", "=box:8080 "), ("::1", "=[::1]:8080 ")])
def test_the_refusal_says_what_to_allow(host: str, words: str) -> None:
    """Exactly the host and port that were asked for, ready to be copied."""
    refusal = AddressPolicy().refusal(host, ipaddress.ip_address("::1"), 8080)

    assert words in str(refusal)


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "fd00:ec2::254", "100.100.100.200", "168.63.129.16"])
def test_no_entry_opens_the_metadata_of_a_cloud(address: str) -> None:
    """Not by name, not by address, not by port, not by all."""
    policy = AddressPolicy(("*", address, f"[{address}]:80", "box", "0.0.0.0/0", "::/0"))

    assert policy.refusal("box", ipaddress.ip_address(address), 80)
