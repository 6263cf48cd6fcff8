"""What happens around connections and the local server: the dialog about both, starting, stopping, and a crash."""

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from editor import aio
from editor.aio import Tasks
from editor.notices import NoticeBar
from editor.panels.connections.dialog import KEEP_SETTING, ConnectionsDialog
from editor.theme import Theme
from editor.workspace.connections import ServerConnections
from editor.workspace.local_server import LocalServer
from editor.workspace.settings import Settings

LOCAL_TASK, DIALOG_TASK = "local-server", "connections"


class LocalServerFlow(QObject):
    """Leads through connections and the local server. Every public method but `close` returns at once."""

    def __init__(
        self,
        window: QWidget,
        connections: ServerConnections,
        settings: Settings,
        theme: Theme,
        notices: NoticeBar,
        tasks: Tasks,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._connections = connections
        self._settings = settings
        self._theme = theme
        self._notices = notices
        self._tasks = tasks
        self.server = LocalServer(connections, parent=self)
        self.server.ended.connect(self._on_ended)

    def show_connections(self) -> None:
        """Open the dialog in which connections are kept."""
        self._tasks.start(DIALOG_TASK, self.ask_connections, self._window)

    def start(self) -> None:
        """Start the local server; a notice tells how it went."""
        self._tasks.start(LOCAL_TASK, self._start)

    def stop(self) -> None:
        """Stop the local server."""
        self._tasks.start(LOCAL_TASK, self.server.stop)

    def find(self) -> None:
        """Take over a local server that an earlier window left running."""
        self._tasks.start(LOCAL_TASK, self.server.find)

    async def ask_connections(self, parent: QWidget) -> None:
        """Open the dialog, over this window or dialog, and wait until it is closed."""
        dialog = ConnectionsDialog(self._connections, self.server, self._settings, self._theme, self._tasks, parent)
        dialog.start_requested.connect(self.start)
        dialog.stop_requested.connect(self.stop)
        try:
            await aio.ask(dialog)
        finally:
            dialog.deleteLater()

    async def close(self) -> None:
        """The window goes: so does the local server, unless it was asked to stay."""
        await self.server.leave(keeps_running=self._settings.get(KEEP_SETTING, False))

    async def _start(self) -> None:
        self._notices.show_notice("Starting the local server…", "info")
        if await self.server.start() is not None:
            self._notices.show_notice(f"The local server runs at {self.server.state.url}", "success")
        else:
            text = f"The local server does not run. {self.server.state.reason}"
            self._notices.show_notice(text, "error", "Connections…", self.show_connections)

    def _on_ended(self, reason: str) -> None:
        text = f"The local server is gone. {reason} Your work is kept here."
        self._notices.show_notice(text, "error", "Start It Again", self.start)
