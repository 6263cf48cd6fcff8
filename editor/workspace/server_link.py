"""The open document's tie to a server: where it lives there, what is known of it, and how saving it stands.

It lives beside `Documents`: a document may have a file, a place on a server, or both. Nothing here decides when to
read or write; the flows do, and tell the link what came of it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, ParamSpec, TypeVar

from PySide6.QtCore import QObject, Signal

from editor.workspace.connections import ClientWork, ServerConnections
from editor.workspace.workspace import SERVER, Workspace
from engine import (
    Connection,
    PlatformClient,
    ServerError,
    ServerUnreachable,
    StoredWorkflow,
    Workflow,
    WorkflowFacts,
)

P = ParamSpec("P")
T = TypeVar("T")
Facts = WorkflowFacts | StoredWorkflow
SaveKind = Literal["idle", "saving", "waiting", "failed", "conflict"]


@dataclass(frozen=True)
class ServerPlace:
    """Where a workflow lives on a server: what is enough to find it again at another time. `name` is the server's."""

    connection_id: str
    workflow_id: str
    name: str = ""


@dataclass(frozen=True)
class SaveState:
    """How saving stands. `reason` is a sentence for "waiting", "failed" and "conflict".

    "idle": nothing is under way; whether everything is saved is `Workspace.is_saved_in(SERVER)`. "waiting": a try
    failed and another one comes by itself. "failed": it needs a person. "conflict": the server's version moved.
    """

    kind: SaveKind = "idle"
    reason: str = ""


IDLE = SaveState()


class ServerLink(QObject):
    """Where the open document lives on a server; `place` is None for one that lives on none.

    `base` is what was last read or saved: what a merge starts from. `stored` is what the server told last about the
    workflow: state, version, revision, arming. It may be newer than `base`, and then somebody else has saved.

    Signals:
        place_changed(): another place on a server, or none.
        connection_changed(): the same server has another name or address now.
        facts_changed(): `stored`, `extensions` or `clock_offset_s` may be others.
        reach_changed(): `is_reachable` changed.
        save_state_changed(): `save_state` is another one.
        moved_on_server(): somebody else has saved the workflow since `base`; told once for each such version.
    """

    place_changed = Signal()
    connection_changed = Signal()
    facts_changed = Signal()
    reach_changed = Signal()
    save_state_changed = Signal()
    moved_on_server = Signal()

    def __init__(self, workspace: Workspace, connections: ServerConnections, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self.connections = connections
        self.connection: Connection | None = None
        """The server, without its key."""
        self.base: StoredWorkflow | None = None
        self.stored: Facts | None = None
        self.is_partial = False
        """Whether `base` lacks the secrets, because it was read from the copy on this machine."""
        self.unconfirmed: Workflow | None = None
        """A document that was sent and of which nobody knows whether it arrived."""
        self.notes: tuple[str, ...] = ()
        """What was written in another form at the last save, so that this server reads it as it is meant."""
        self.extensions: frozenset[str] = frozenset()
        self.is_reachable: bool | None = None
        """Whether the server answered the last call; None before the first."""
        self.save_state = IDLE
        self._told_revision: object = None
        workspace.workflow_replaced.connect(self.detach)
        connections.changed.connect(self._on_connections_changed)

    # --- the place ----------------------------------------------------------------------------------------------

    @property
    def is_placed(self) -> bool:
        """Whether the document lives on a server."""
        return self.base is not None

    @property
    def workflow_id(self) -> str:
        """The workflow's id on the server, "" when it lives on none."""
        return self.base.id if self.base else ""

    @property
    def place(self) -> ServerPlace | None:
        """Where the document lives, for remembering."""
        if self.base is None or self.connection is None:
            return None
        return ServerPlace(self.connection.connection_id, self.base.id, self.connection.name)

    def attach(
        self,
        connection: Connection,
        base: StoredWorkflow,
        saved: Workflow | None,
        *,
        is_partial: bool = False,
        also_in_file: bool = False,
    ) -> None:
        """From now on the document lives there. `saved` is the document that the server has, None for none.

        `also_in_file` keeps it in its file as well; otherwise the server is its only home.
        """
        self.connection = connection.with_key("")
        self.extensions = frozenset()
        self.is_reachable = None
        self._told_revision = None
        self.rebase(base, saved, is_partial=is_partial, only_place=not also_in_file)
        self.place_changed.emit()
        self.facts_changed.emit()

    def detach(self) -> None:
        """The document lives on no server any more; what is there stays as it is."""
        if self.base is None:
            return
        self.connection = self.base = self.stored = self.unconfirmed = None
        self.extensions, self.is_reachable, self.is_partial, self.notes = frozenset(), None, False, ()
        self._workspace.drop_place(SERVER)
        self.set_save_state(IDLE)
        self.place_changed.emit()
        self.facts_changed.emit()

    def rebase(
        self, base: StoredWorkflow, saved: Workflow | None, *, is_partial: bool = False, only_place: bool = False
    ) -> None:
        """The server has this now, and `saved` is the document that was sent or read; later edits stay unsaved."""
        self.base = self.stored = base
        self.is_partial, self.unconfirmed = is_partial, None
        self._workspace.set_place(SERVER, saved, only=only_place)
        self.facts_changed.emit()

    # --- what is known ------------------------------------------------------------------------------------------

    @property
    def clock_offset_s(self) -> float:
        """How far the server's clock is ahead of ours; 0 while unknown."""
        connection_id = self.connection.connection_id if self.connection else ""
        return self.connections.clock_offset_s(connection_id) or 0.0

    def server_now(self) -> datetime:
        """What time it is at the server."""
        return datetime.now(UTC) + timedelta(seconds=self.clock_offset_s)

    def take(self, stored: Facts, asked_with: StoredWorkflow | None) -> None:
        """The server was asked and told this. A version that is not `base` is told by `moved_on_server`, once.

        `asked_with` is the `base` of when it was asked. If that is another one by now, the answer may be older than
        what was saved meanwhile, and is passed over.
        """
        if self.base is None or self.base is not asked_with or stored.id != self.base.id:
            return
        self.stored = stored
        self.facts_changed.emit()
        revision = stored.revision or stored.version
        if revision not in ((self.base.revision or self.base.version), self._told_revision):
            self._told_revision = revision
            self.moved_on_server.emit()

    def tell(self, **facts: Any) -> None:
        """These fields of `stored` are others now, such as `state` after a deploy."""
        import msgspec

        if self.stored is not None:
            self.stored = msgspec.structs.replace(self.stored, **facts)
            self.facts_changed.emit()

    async def refresh(self) -> Facts | None:
        """Ask the server anew, without reading the graph; None when the document lives on no server, or was saved or
        moved meanwhile.

        Raises:
            ServerError: as the client does.
        """
        base = self.base
        if base is None:
            return None
        stored = await self.call(PlatformClient.facts, base.id)
        if self.base is not base:
            return None
        self.take(stored, base)
        return stored

    async def call(self, function: ClientWork[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function returns that is handed the open client; it runs on the network thread.

        Such as `await link.call(PlatformClient.arm, link.workflow_id)`, or a coroutine function of your own.

        Raises:
            ServerError: as the client does; whether the server can be reached is kept in `is_reachable`.
        """
        connection = self.connection
        if connection is None:
            raise ValueError("a document that lives on no server cannot call one")
        try:
            result = await self.connections.call(connection, function, *args, **kwargs)
        except ServerError as error:
            self._set_reachable(connection, not isinstance(error, ServerUnreachable))
            raise
        self._set_reachable(connection, True)
        return result

    async def learn_extensions(self) -> None:
        """Find out what the server offers beside the contract.

        Raises:
            ServerError: as the client does.
        """
        connection = self.connection
        if connection is not None:
            found = await self.connections.extensions(connection)
            if connection is self.connection:
                self.extensions = found
                self.facts_changed.emit()

    # --- saving -------------------------------------------------------------------------------------------------

    def set_save_state(self, state: SaveState) -> None:
        """Called by whoever saves."""
        if state != self.save_state:
            self.save_state = state
            self.save_state_changed.emit()

    def _on_connections_changed(self) -> None:
        """Follow the connection to another address; without it the document lives on no server that we know."""
        if self.connection is None:
            return
        now = self.connections.find(self.connection.connection_id)
        if now is None:
            self.detach()
        elif now != self.connection:
            self.connection = now
            self.connection_changed.emit()

    def _set_reachable(self, connection: Connection, reachable: bool) -> None:
        if connection is self.connection and reachable != self.is_reachable:
            self.is_reachable = reachable
            self.reach_changed.emit()
