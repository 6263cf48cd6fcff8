"""Stored agents and orchestrations of the server that the open document lives on, as a source beside the library.

Also what a run on this machine asks of that server: the connection is handed on, key and all, in memory only.
"""

from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

from PySide6.QtCore import QObject

from editor.aio import Tasks
from editor.workspace.connections import ServerConnections
from editor.workspace.directories import Directories, EntityKind
from editor.workspace.server_link import ServerLink
from engine import BlockloomError, Connection, DirectoryError, PlatformClient, RemoteDirectory, directory

P = ParamSpec("P")
T = TypeVar("T")


class ServerSource:
    """What one server keeps. It is asked on the network thread; see `directories.Source`."""

    can_write = True

    def __init__(self, connections: ServerConnections, connection: Connection) -> None:
        self._connections = connections
        self._connection = connection

    @property
    def name(self) -> str:
        """The server's name."""
        return self._connection.name

    async def agents(self) -> list[directory.StoredAgent]:
        """All agents, by name."""
        return await self._ask(RemoteDirectory.agents)

    async def orchestrations(self) -> list[directory.StoredOrchestration]:
        """All orchestrations, by name and without their agents."""
        return await self._ask(RemoteDirectory.orchestrations)

    async def orchestration(self, orchestration_id: str) -> directory.StoredOrchestration | None:
        """The orchestration with this id and its agents, None when there is none."""
        return await self._ask(RemoteDirectory.orchestration, orchestration_id)

    async def save_agent(self, agent: directory.StoredAgent) -> str:
        """Keep a new or changed agent; returns its id there."""
        return await self._ask(RemoteDirectory.save_agent, agent)

    async def save_orchestration(self, orchestration: directory.StoredOrchestration) -> str:
        """Keep a new or changed orchestration and its agents; returns its id there."""
        return await self._ask(RemoteDirectory.save_orchestration, orchestration)

    async def remove(self, kind: EntityKind, entity_id: str) -> None:
        """Delete it for good."""
        await self._ask(RemoteDirectory.remove, kind, entity_id)

    async def _ask(
        self,
        question: Callable[Concatenate[RemoteDirectory, P], Coroutine[Any, Any, T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        async def ask(client: PlatformClient) -> T:
            return await question(RemoteDirectory(client), *args, **kwargs)

        try:
            return await self._connections.call(self._connection, ask)
        except DirectoryError:
            raise
        except BlockloomError as error:
            raise DirectoryError(str(error)) from None


class ServerDirectory(QObject):
    """Keeps the source of the document's server among the `directories`. Names from a server that is away stay known.

    `use_platform` is told the connection that runs on this machine may ask, with its key, and None where there is none.
    """

    def __init__(
        self,
        link: ServerLink,
        directories: Directories,
        use_platform: Callable[[Connection | None], None],
        tasks: Tasks,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._link = link
        self._directories = directories
        self._use_platform = use_platform
        self._tasks = tasks
        self._connection: Connection | None = None
        self._source: ServerSource | None = None
        link.place_changed.connect(self._on_place_changed)
        link.reach_changed.connect(self._on_reach_changed)
        link.connections.changed.connect(self._on_connections_changed)

    def _on_place_changed(self) -> None:
        connection = self._link.connection
        if connection == self._connection:
            return
        self._connection = connection
        if self._source is not None:
            self._directories.remove_source(self._source)
            self._source = None
        if connection is not None:
            self._source = ServerSource(self._link.connections, connection)
            self._directories.add_source(self._source)
        self._hand_on()

    def _on_reach_changed(self) -> None:
        if self._link.is_reachable and self._source is not None:
            self._directories.refresh_soon()

    def _on_connections_changed(self) -> None:
        if self._source is not None:
            self._directories.refresh_soon()
        self._hand_on()

    def _hand_on(self) -> None:
        self._use_platform(None)
        if self._connection is not None:
            self._tasks.restart("platform-key", self._hand_on_with_key, self._connection)

    async def _hand_on_with_key(self, connection: Connection) -> None:
        keyed = connection.with_key(await self._link.connections.key_of(connection))
        if connection == self._connection:
            self._use_platform(keyed)
