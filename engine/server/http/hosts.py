"""Whom a request is meant for and which page sent it: what keeps web pages from using a server on this machine.

A page on the internet cannot read the key, but it can make a browser send requests, and with DNS rebinding it can pass
for the server itself. So the name in `Host` must be one of ours, and a browser's word that a request comes from another
site ends it.
"""

import ipaddress
import re
from collections.abc import Iterable
from typing import Self

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::([0-9]{1,5}))?")
_FOREIGN_SITES = (b"cross-site", b"same-site")
_WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - recognised here, not bound to


class HostPolicy:
    """The names by which this server may be called.

    Always: localhost and the loopback addresses. `names` are others, in lower case and without a port. `any_address`
    takes every IP address: a page cannot pretend to be one, since no name leads there.
    """

    def __init__(self, names: Iterable[str] = (), *, any_address: bool = False) -> None:
        self._names = frozenset({"localhost", *(_normal(name) for name in names)})
        self._any_address = any_address
        self._known: frozenset[bytes] = frozenset()

    @classmethod
    def for_server(cls, bound_host: str, allowed: Iterable[str] = (), machine_name: str = "") -> Self:
        """The policy of a server that is bound to `bound_host`; one bound to all addresses goes by all of them."""
        if bound_host in _WILDCARDS:
            return cls((*allowed, machine_name, f"{machine_name}.local"), any_address=True)
        return cls((*allowed, bound_host))

    def allows(self, header: bytes) -> bool:
        """Whether this value of a `Host` header names this server, at whatever port."""
        if header in self._known:
            return True
        host = _host_of(header)
        if host is None or not self._is_ours(host):
            return False
        if len(self._known) < len(self._names) + 16:  # clients say the same few again and again
            self._known |= {header}
        return True

    def _is_ours(self, host: str) -> bool:
        if host in self._names:
            return True
        try:
            address = ipaddress.ip_address(host.strip("[]"))
        except ValueError:
            return False
        return address.is_loopback or self._any_address


def is_foreign(host: bytes, origin: bytes | None, fetch_site: bytes | None) -> bool:
    """Whether a browser says that another site's page sent this request. Programs send neither header.

    The scheme of one's own site is not compared: behind a proxy with TLS the page says https and we speak http.
    """
    if fetch_site is not None and fetch_site.strip().lower() in _FOREIGN_SITES:
        return True
    if origin is None:
        return False
    own = host.strip().lower()
    return origin.strip().lower() not in (b"http://" + own, b"https://" + own)


def _host_of(header: bytes) -> str | None:
    """The name or address in a `Host` header, lower case, without port; None when it is malformed."""
    try:
        match = _HOST.fullmatch(header.decode("ascii").strip())
    except UnicodeDecodeError:
        return None
    return _normal(match[1]) if match else None


def _normal(host: str) -> str:
    host = host.strip().lower()
    return host if host.startswith("[") else host.removesuffix(".")
