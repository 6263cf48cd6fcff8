"""A real window that knows one fake server, played with actions and buttons."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QAbstractButton, QApplication

from editor.panels.server_browser.dialog import ServerBrowser
from editor.theme import Theme
from editor.window import Window
from editor.workspace.connections import ServerConnections, TransportFor
from editor.workspace.network import Network
from editor.workspace.settings import Settings
from editor.workspace.workspace import Workspace
from engine import Connection, Connections, LocalRunner, Workflow, default_catalog, edits
from engine.client.keys import MemoryKeys
from tests.editor.fake_server import KEY, FakeServer
from tests.editor.server_fixtures import URL
from tests.flows.conftest import RUN_MS, Player

BLOCKS = [
    {"id": "start", "type": "starter", "name": "Start", "position": {"x": 0, "y": 0}, "config": {}, "enabled": True},
    {
        "id": "hook",
        "type": "webhook",
        "name": "Hook",
        "position": {"x": 0, "y": 200},
        "config": {"webhook_id": "b5a0b1a2-6b5a-4c69-8a1f-9a5f6d2f7c11", "webhook_secret": "canary-secret"},
        "enabled": True,
    },
    {
        "id": "out",
        "type": "response",
        "name": "Out",
        "position": {"x": 300, "y": 0},
        "config": {"output": "<Start.output>"},
        "enabled": True,
    },
]
EDGES = [{"source": "start", "target": "out"}]


class ServerPlayer(Player):
    """Plays a window that knows one server."""

    def __init__(self, window: Window, qtbot: Any, server: FakeServer) -> None:
        super().__init__(window, qtbot, None)
        self.server = server

    @property
    def notice(self) -> str:
        """What the notice bar says."""
        return self.window.notices.text

    @property
    def title(self) -> str:
        """The window's title."""
        return self.window.windowTitle()

    @property
    def state(self) -> str:
        """What the status bar says about saving."""
        return self.window._saved_label.text()

    def press(self, button: QAbstractButton) -> None:
        """Press a button that can be pressed."""
        assert button.isEnabled(), button.text()
        button.click()

    def open(self, name: str) -> None:
        """Open a workflow by its name, as a person does."""
        self.action("open_server")
        browser: ServerBrowser = self.dialog(ServerBrowser)
        self.wait(lambda: browser.list.current_key)
        row = next(item for item in browser.listing.rows if item.name == name)
        browser.list.select(row.id)
        browser._update()
        self.press(browser.open_button)
        self.wait(lambda: self.window.server_link.workflow_id == row.id)
        self.settled()

    def configure(self, block_id: str, key: str, value: Any) -> None:
        """Edit the document."""
        self.window.workspace.edit("Change", lambda now: edits.configure(now, block_id, key, value))

    def save(self) -> None:
        """Ctrl+S, and wait until nothing is under way."""
        self.action("save")
        self.settled()
        self.wait(lambda: not self.window.server_flow.saver.is_busy)

    def stored(self, block_id: str) -> dict[str, Any]:
        """A block's config on the server."""
        row = self.server.workflows[self.window.server_link.workflow_id]
        return dict(next(block["config"] for block in row["blocks"] if block["id"] == block_id))

    def run(self, coroutine: Any) -> Any:
        """What the coroutine returns, the window alive meanwhile."""
        task = asyncio.get_event_loop().create_task(coroutine)
        self.wait(task.done)
        return task.result()

    def closed(self) -> None:
        """Wait until no dialog is open, and what it led to has been done."""
        self.wait(lambda: QApplication.activeModalWidget() is None)
        self.settled()


class Windows:
    """The windows of one test: they share settings, journals, keys and the server."""

    def __init__(self, qtbot: Any, loop: asyncio.AbstractEventLoop, folder: Path, server: FakeServer) -> None:
        self._qtbot, self._loop, self._folder, self._server = qtbot, loop, folder, server
        self._keys = MemoryKeys()
        self._open: list[Window] = []
        self.transport_for: TransportFor | None = lambda _: server
        self.url, self.key = URL, KEY
        self._theme = Theme("light")
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        self._theme.apply(application)

    def __call__(self, *, connected: bool = True, asks: bool = False) -> ServerPlayer:
        """`connected` says that there is a connection, `asks` that the start ends with a question, left open."""
        saved = Connections(self._folder / "connections.json", self._keys)
        if connected and not saved.all():
            saved.save(Connection("Team", self.url, self.key))
        connections = ServerConnections(Network(), saved, self.transport_for)
        journals = self._folder / "journals"
        journals.mkdir(exist_ok=True)
        workspace = Workspace(default_catalog(), Workflow(name="Untitled"))
        settings = Settings(self._folder / "settings.json")
        window = Window(workspace, self._theme, settings, LocalRunner(), journals, connections)
        self._open.append(window)
        window.show()
        window.tasks.start("first", window.file_flow.show_first, None)
        player = ServerPlayer(window, self._qtbot, self._server)
        if not asks:
            player.wait(lambda: not window.tasks.is_busy("first"))
        return player

    def close(self, window: Window) -> None:
        """Close a window without a question."""
        self._server.release()
        workspace = window.workspace
        for home in tuple(workspace._saved):
            workspace.set_place(home, workspace.workflow)
        window.server_flow.saver.stop()
        window.close()
        self._qtbot.waitUntil(lambda: not window.isVisible(), timeout=RUN_MS)
        task = self._loop.create_task(window.tasks.close())
        self._qtbot.waitUntil(task.done)
        window.deleteLater()
        self._open.remove(window)

    def close_all(self) -> None:
        """Close what is still open."""
        for window in tuple(self._open):
            self.close(window)


def windows(qtbot: Any, loop: asyncio.AbstractEventLoop, folder: Path, server: FakeServer) -> Iterator[Windows]:
    """For a fixture: the windows of a test, closed when it ends."""
    made = Windows(qtbot, loop, folder, server)
    yield made
    made.close_all()


def server_with_orders() -> FakeServer:
    """A server of ours with one workflow, "Orders"."""
    made = FakeServer()
    made.add("Orders", BLOCKS, EDGES)
    return made
