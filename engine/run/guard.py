"""The connection that keeps the rule about addresses.

The rule is asked at the moment of connecting, about the address that is really connected to. So no spelling of a host,
no name that resolves to something else by then, and no redirect gets around it.

Source: section 2.5 of the reliability notes.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from typing import Any

import httpcore

from engine.run.addresses import Address, AddressPolicy, AddressRefused


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections for the HTTP client: resolves once, asks the policy, connects to that very address."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first allowed address of the host that answers.

        Raises:
            AddressRefused: the policy allows none of them.
            httpcore.ConnectError: nobody answers, or the name is unknown.
        """
        failure: Exception | None = None
        for address in await self._allowed_addresses(host, port):
            try:
                return await self._inner.connect_tcp(
                    str(address), port, timeout, local_address=local_address, socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError(f"{host} has no address")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 - the signature is httpcore's
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        """Never: a workflow has no business with sockets of this machine."""
        raise AddressRefused(f"Local sockets such as {path} cannot be called.", retryable=False)

    async def sleep(self, seconds: float) -> None:
        """Wait, as the connection pool asks for between retries."""
        await asyncio.sleep(seconds)

    async def _allowed_addresses(self, host: str, port: int) -> list[Address]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise httpcore.ConnectError(f"the name {host} is not known") from error
        addresses = [ipaddress.ip_address(str(info[4][0]).split("%")[0]) for info in found]
        refusals = {address: self._policy.refusal(host, address, port) for address in addresses}
        allowed = [address for address, refusal in refusals.items() if refusal is None]
        if refusals and not allowed:
            raise AddressRefused(next(filter(None, refusals.values())), retryable=False)
        return allowed
