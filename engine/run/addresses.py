"""The rule about which network addresses a run may call."""

import ipaddress
import os
from collections.abc import Iterable
from dataclasses import dataclass

from engine.errors import BlockError

ALLOW_VARIABLE = "BLOCKLOOM_ALLOW_PRIVATE_HOSTS"
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# `ip.is_global` of Python 3.11 takes several of these for public, so the ranges are spelled out.
_METADATA = tuple(
    map(
        ipaddress.ip_network,
        ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "100.100.100.200/32", "168.63.129.16/32"),
    )
)
_PRIVATE = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "::/128",
            "::1/128",
            "64:ff9b:1::/48",
            "100::/64",
            "2001::/23",
            "2001:db8::/32",
            "fc00::/7",
            "fec0::/10",
            "ff00::/8",
        ),
    )
)
_WITH_IPV4_INSIDE = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "::/96", "::ffff:0:0:0/96")))
_SIX_TO_FOUR = ipaddress.ip_network("2002::/16")


class AddressRefused(BlockError):
    """The rule does not let a run call this address."""


@dataclass(frozen=True)
class AddressPolicy:
    """Public addresses are allowed. Those on this machine and in private networks are when their host is listed.

    `allowed` holds host names, addresses and networks such as `10.0.0.0/8`, each with or without a port such as
    `localhost:11434` or `[::1]:8080`; "*" allows all private ones. Link-local and metadata addresses are never allowed.
    """

    allowed: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls, more: Iterable[str] = ()) -> "AddressPolicy":
        """The policy of the settings and of `BLOCKLOOM_ALLOW_PRIVATE_HOSTS`: "1" for all, or a list with commas."""
        text = os.environ.get(ALLOW_VARIABLE, "").strip()
        listed = ("*",) if text.lower() in ("1", "true", "yes") else tuple(part.strip() for part in text.split(","))
        return cls((*more, *(part for part in listed if part and part not in ("0", "false", "no"))))

    def refusal(self, host: str, address: Address, port: int | None = None) -> str | None:
        """Why this host, at this address and port, may not be called; None when it may."""
        real = _unwrapped(address)
        if any(real in network for network in _METADATA if network.version == real.version):
            return f"{host} is at {address}, an address of the machine's own infrastructure, which is never called."
        if not any(real in network for network in _PRIVATE if network.version == real.version):
            return None
        if any(_covers(entry, host, real, port) for entry in self.allowed):
            return None
        entry = host if port is None else f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return (
            f"{host} is at {address}, on this machine or in a private network. If you trust this workflow, allow "
            f"{entry} in the settings (Network), or set {ALLOW_VARIABLE}={entry} (several with commas, 1 for all)."
        )


def _unwrapped(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one that only wraps it."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _SIX_TO_FOUR:
        return ipaddress.IPv4Address((int(address) >> 80) & 0xFFFFFFFF)
    is_plain_loopback = int(address) in (0, 1)
    if not is_plain_loopback and any(address in network for network in _WITH_IPV4_INSIDE):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _covers(entry: str, host: str, address: Address, port: int | None) -> bool:
    name, wanted_port = _name_and_port(entry)
    if wanted_port is not None and wanted_port != port:
        return False
    if name == "*" or name == host.lower().rstrip("."):
        return True
    try:
        network = ipaddress.ip_network(name, strict=False)
    except ValueError:
        return False
    return network.version == address.version and address in network


def _name_and_port(entry: str) -> tuple[str, int | None]:
    """A host or network in lower case, and the port behind it; a bare IPv6 address has none."""
    name, colon, port = entry.strip().lower().rpartition(":")
    if not colon or not port.isdecimal() or (":" in name and not name.endswith("]")):
        name, port = entry.strip().lower(), ""
    return name.strip("[]").rstrip("."), int(port) if port else None
