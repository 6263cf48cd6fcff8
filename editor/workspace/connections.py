"""The servers a person has connected, and the one open client for each of them on the network thread.

Keys are asked of the keyring once and then held in memory only. Whoever wants something from a server hands `call` a
coroutine function; it runs on the network thread with the client, so a large reply is read and understood there.
"""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Concatenate, ParamSpec, TypeVar

from PySide6.QtCore import QObject, Signal

from editor.aio import in_thread
from editor.workspace.network import Network
from engine import Connection, Connections, PlatformClient, ServerReport, from_environment

P = ParamSpec("P")
T = TypeVar("T")
ENVIRONMENT_ID = "environment"
"""The id of the server that the environment names; it is saved nowhere."""
ClientWork = Callable[Concatenate[PlatformClient, P], Coroutine[Any, Any, T]]
"""A coroutine function whose first argument is a client, such as `PlatformClient.arm`."""
TransportFor = Callable[[Connection], Any]
"""What carries the requests of a connection in place of the network: an `httpx.AsyncBaseTransport`."""


class ServerConnections(QObject):
    """The saved connections.

    Signals:
        changed(): one was added, changed or removed.
    """

    changed = Signal()

    def __init__(
        self,
        network: Network,
        saved: Connections | None = None,
        transport_for: TransportFor | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.network = network
        self._saved = saved or Connections()
        self._transport_for = transport_for
        self._environment = _from_environment()
        self._keys: dict[str, str] = {}
        self._pool = _Pool(transport_for)

    def all(self) -> list[Connection]:
        """Every saved server, and the one that the environment names, without their keys."""
        saved, given = self._saved.all(), self._environment
        is_new = given is not None and all(item.url != given.url for item in saved)
        return [*saved, given.with_key("")] if is_new and given is not None else saved

    async def reload(self) -> None:
        """Take over what other windows have saved."""
        before = self.all()
        await in_thread(self._saved.reload)
        if self.all() != before:
            self.changed.emit()

    def find(self, connection_id: str) -> Connection | None:
        """The saved server with this id, without its key."""
        return next((item for item in self.all() if item.connection_id == connection_id), None)

    @property
    def active_id(self) -> str:
        """The id of the server that was used last; "" when there is none."""
        active = self._saved.active
        return active.connection_id if active else ""

    async def activate(self, connection_id: str) -> None:
        """This server is the one that is offered first from now on."""
        if connection_id != self.active_id:
            await in_thread(self._saved.activate, connection_id)

    async def save(self, connection: Connection) -> Connection:
        """Keep a new or changed server, and its key when it has one; returns it with its id and without its key."""
        kept = await in_thread(self._saved.save, connection)
        if connection.key:
            self._keys[kept.connection_id] = connection.key
        self.changed.emit()
        return kept.with_key("")

    async def remove(self, connection_id: str) -> None:
        """Forget a server and its key."""
        await in_thread(self._saved.remove, connection_id)
        self._keys.pop(connection_id, None)
        self.changed.emit()

    async def keys_last(self) -> bool:
        """Whether keys are still known at the next start; False where this machine has no keyring."""
        return await in_thread(lambda: self._saved.keys.is_lasting)

    async def key_of(self, connection: Connection) -> str:
        """The key of this server, "" when none is known. Asked of the keyring once, then held in memory."""
        if connection.key or not connection.connection_id:
            return connection.key
        if connection.connection_id not in self._keys:
            keyed = await in_thread(self._saved.with_key, connection)
            given = self._environment
            fallback = given.key if given is not None and given.url == connection.url else ""
            self._keys[connection.connection_id] = keyed.key or fallback
        return self._keys[connection.connection_id]

    async def test(self, connection: Connection) -> ServerReport:
        """Whether this server, which need not be saved, can be worked with, in words. Never raises."""
        keyed = connection.with_key(await self.key_of(connection))
        return await self.network.run(self._pool.test, keyed)

    async def call(self, connection: Connection, function: ClientWork[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function returns; it runs on the network thread. Cancelling this cancels it there.

        Raises:
            ServerError: as the client's methods do.
        """
        keyed = connection.with_key(await self.key_of(connection))

        async def work() -> T:
            return await function(self._pool.client(keyed), *args, **kwargs)

        return await self.network.run(work)

    async def opener(self, connection: Connection) -> Callable[[], PlatformClient]:
        """Makes further clients of this server, for whoever brings a thread of their own and closes them."""
        keyed = connection.with_key(await self.key_of(connection))
        return lambda: self._pool.opened(keyed)

    def clock_offset_s(self, connection_id: str) -> float | None:
        """How far the server's clock is ahead of ours, as it told last; None before its first reply."""
        client = self._pool.clients.get(connection_id)
        return client.clock_offset_s if client else None

    async def extensions(self, connection: Connection) -> frozenset[str]:
        """What the server offers beside the contract; asked for once, empty for servers that are not ours."""
        found = self._pool.extensions.get(connection.connection_id)
        if found is None:
            found = await self.call(connection, PlatformClient.extensions)
            self._pool.extensions[connection.connection_id] = found
        return found

    async def close(self) -> None:
        """End all open connections to servers."""
        await self.network.run(self._pool.close)


def _from_environment() -> Connection | None:
    """The server that `BLOCKLOOM_URL` names, with the key in `BLOCKLOOM_API_KEY`; None when there is none."""
    given = from_environment()
    return replace(given, connection_id=ENVIRONMENT_ID) if given is not None else None


class _Pool:
    """The open clients. Changed on the network thread only; reading a value elsewhere is fine."""

    def __init__(self, transport_for: TransportFor | None) -> None:
        self._transport_for = transport_for
        self.clients: dict[str, PlatformClient] = {}
        self.extensions: dict[str, frozenset[str]] = {}
        self._retired: list[PlatformClient] = []

    def client(self, keyed: Connection) -> PlatformClient:
        """The open client of this connection; another address or key means another client."""
        client = self.clients.get(keyed.connection_id)
        if client is None or client.connection != keyed:
            if client is not None:
                self._retired.append(client)  # calls may still be on their way through it
            self.extensions.pop(keyed.connection_id, None)
            client = self.clients[keyed.connection_id] = self.opened(keyed)
        return client

    async def test(self, keyed: Connection) -> ServerReport:
        async with self.opened(keyed) as client:
            return await client.test()

    async def close(self) -> None:
        clients = [*self._retired, *self.clients.values()]
        self._retired, self.clients = [], {}
        for client in clients:
            await client.close()

    def opened(self, keyed: Connection) -> PlatformClient:
        transport = self._transport_for(keyed) if self._transport_for else None
        return PlatformClient(keyed, transport)
