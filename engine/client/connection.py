"""Where a workflow server is and with which key it is called."""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self
from urllib.parse import urlsplit

URL_VARIABLE = "BLOCKLOOM_URL"
KEY_VARIABLE = "BLOCKLOOM_API_KEY"
_LOOPBACK_NAMES = ("localhost", "ip6-localhost")


@dataclass(frozen=True)
class Connection:
    """A server as a person knows it. `url` has no path behind the host's own and no slash at its end.

    `connection_id` names it in settings and in the keyring; the key itself is in no `repr`.
    """

    name: str
    url: str
    key: str = field(default="", repr=False)
    connection_id: str = ""

    @classmethod
    def to(cls, url: str, key: str = "", name: str = "") -> Self:
        """A connection to an address as people paste it: with or without scheme, `/api` or a slash at its end."""
        clean = tidy_address(url)
        return cls(name or (urlsplit(clean).hostname or clean), clean, key)

    @property
    def host(self) -> str:
        """Host and port, for messages."""
        return urlsplit(self.url).netloc.rpartition("@")[2] or self.url

    @property
    def is_on_this_machine(self) -> bool:
        """Whether the address is one of the loopback ones, which no proxy can reach."""
        return is_loopback(urlsplit(self.url).hostname or "")

    def with_key(self, key: str) -> Self:
        """The same server with another key."""
        return replace(self, key=key)


def from_environment(environment: Mapping[str, str] | None = None) -> Connection | None:
    """The server that `BLOCKLOOM_URL` and `BLOCKLOOM_API_KEY` name; None when no address is set."""
    values = os.environ if environment is None else environment
    url = values.get(URL_VARIABLE, "").strip()
    return Connection.to(url, values.get(KEY_VARIABLE, "").strip()) if url else None


def tidy_address(text: str) -> str:
    """The address without what people paste around it; `http://` is taken for this machine, else `https://`."""
    url = text.strip()
    if url and "://" not in url:
        url = f"{'http' if is_loopback(urlsplit(f'//{url}').hostname or '') else 'https'}://{url}"
    return url.rstrip("/").removesuffix("/api").rstrip("/")


def address_problem(text: str) -> str | None:
    """What is wrong with a server's address, in a sentence; None when it can be called."""
    url = tidy_address(text)
    if not url:
        return "Give the server's address, such as http://127.0.0.1:8400."
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return f"The address cannot be read: {error}."
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "The address must begin with https:// or http:// and name a server."
    if parts.username or parts.password:
        return "The address must not hold a user name or password; the key has a field of its own."
    if parts.query or parts.fragment:
        return "The address must end before any “?” or “#”."
    return "Port 0 cannot be called." if port == 0 else None


def is_unprotected(url: str) -> bool:
    """Whether a key sent to this address could be read on the way: plain http to another machine."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def is_loopback(host: str) -> bool:
    """Whether this host name or address is this machine itself."""
    if host.lower() in _LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
