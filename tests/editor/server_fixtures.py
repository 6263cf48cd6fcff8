"""What tests of the editor and a server share: a workspace that is tied to a fake server over the network thread."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from editor.aio import Tasks
from editor.workspace.connections import ServerConnections
from editor.workspace.network import Network
from editor.workspace.server_link import ServerLink
from editor.workspace.server_saver import Backoff, ServerSaver
from editor.workspace.workspace import Workspace
from engine import Connection, Connections, PlatformClient, Workflow, default_catalog, merge
from engine.client.keys import MemoryKeys
from tests.editor.fake_server import KEY, FakeServer

URL = "http://127.0.0.1:8400"


@dataclass
class Answers:
    """The questions of a save, answered as the test says; `asked` holds the name of each."""

    key: str = ""
    choose: Callable[[merge.Merge], Workflow | None] = lambda merged: merged.workflow
    rewrite: bool = True
    save_as_new: bool = True
    asked: list[str] = field(default_factory=list)
    merges: list[merge.Merge] = field(default_factory=list)
    connections: ServerConnections | None = None

    async def new_key(self, connection: Connection, reason: str) -> bool:
        self.asked.append("key")
        if self.key and self.connections:
            await self.connections.save(connection.with_key(self.key))
        return bool(self.key)

    async def settle(self, merged: merge.Merge, connection: Connection) -> Workflow | None:
        self.asked.append("merge")
        self.merges.append(merged)
        return self.choose(merged)

    async def may_rewrite_ids(self, count: int, connection: Connection) -> bool:
        self.asked.append(f"rewrite {count}")
        return self.rewrite

    async def may_save_as_new(self, connection: Connection) -> bool:
        self.asked.append("save as new")
        return self.save_as_new


class Bench:
    """A document, a fake server, and all between them. `close` ends the network thread."""

    def __init__(self, qtbot: Any, loop: Any, folder: Path, server: FakeServer, workflow: Workflow) -> None:
        self.server = server
        self._qtbot, self._loop = qtbot, loop
        self.network = Network()
        saved = Connections(folder / "connections.json", MemoryKeys())
        self.connection = saved.save(Connection("Fake", URL, KEY)).with_key("")
        self.connections = ServerConnections(self.network, saved, lambda _: server)
        self.workspace = Workspace(default_catalog(), workflow)
        self.tasks = Tasks()
        self.errors: list[tuple[str, Exception]] = []
        self.tasks.failed.connect(lambda key, error: self.errors.append((key, error)))
        self.link = ServerLink(self.workspace, self.connections)
        self.answers = Answers(connections=self.connections)
        self.saver = ServerSaver(self.workspace, self.link, self.tasks, self.answers, Backoff(0.001, 0.01))
        self.states: list[str] = []
        self.link.save_state_changed.connect(lambda: self.states.append(self.link.save_state.kind))

    def run(self, coroutine: Any) -> Any:
        """What the coroutine returns; Qt and asyncio go on meanwhile."""
        task = self._loop.create_task(coroutine)
        self.wait(task.done)
        return task.result()

    def wait(self, condition: Callable[[], object], timeout_ms: int = 10_000) -> None:
        """Let Qt and asyncio work until this holds."""
        self._qtbot.waitUntil(lambda: bool(condition()), timeout=timeout_ms)

    def open(self, workflow_id: str) -> None:
        """Open a workflow of the server."""
        stored = self.run(self.connections.call(self.connection, PlatformClient.workflow, workflow_id))
        self.workspace.replace(stored.workflow)
        self.link.attach(self.connection, stored, stored.workflow)

    def save(self) -> None:
        """Save, and wait until nothing is under way."""
        self.saver.save()
        self.settled()

    def settled(self) -> None:
        """Wait until no save is under way."""
        self.wait(lambda: not self.saver.is_busy)

    def close(self) -> None:
        """End everything; nothing may have failed unheard."""
        self.server.release()
        self.run(self.tasks.close())
        self.run(self.connections.close())
        self.network.close()
        assert self.errors == []
