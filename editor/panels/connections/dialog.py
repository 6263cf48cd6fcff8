"""The servers a person works with: a list of connections, a form for one of them, and the local server."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from editor.aio import Tasks
from editor.dialogs import Option, choose
from editor.panels.connections.form import ConnectionForm
from editor.panels.connections.local_card import LOG_HEIGHT, LOG_TASK, LocalServerCard
from editor.panels.two_line_list import TwoLineList, TwoLineRow
from editor.panels.widgets import EmptyState, IconButton
from editor.text import plain_label
from editor.theme import Theme
from editor.workspace.connections import ENVIRONMENT_ID, ServerConnections
from editor.workspace.local_server import LOCAL_ID, LocalServer
from editor.workspace.settings import Settings
from engine import BlockloomError, Connection, ServerReport

KEEP_SETTING = "keep_local_server"
SIZE = (720, 540)
LIST_WIDTH = 230
_TASKS = KEYS, SHOW, TEST, SAVE = (
    "connections-keys",
    "connections-show",
    "connections-test",
    "connections-save",
)


class ConnectionsDialog(QDialog):
    """Add, change, try and remove connections; ask for the local server. What it does is done at once.

    Signals:
        start_requested(): start the local server.
        stop_requested(): stop it.
    """

    start_requested = Signal()
    stop_requested = Signal()

    def __init__(
        self,
        connections: ServerConnections,
        local_server: LocalServer,
        settings: Settings,
        theme: Theme,
        tasks: Tasks,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("connections-dialog")
        self.setWindowTitle("Server Connections")
        self._connections = connections
        self._local = local_server
        self._settings = settings
        self._tasks = tasks
        self.list = TwoLineList(theme, "Connections", self)
        self.add_button = IconButton(theme, "plus", "Add a connection", self, text="Add")
        self.remove_button = IconButton(theme, "trash-2", "Remove the selected connection", self, text="Remove")
        self.form = ConnectionForm(theme, self)
        self.heading = plain_label("", self, role="title")
        keeps = settings.get(KEEP_SETTING, False)
        self.local_card = LocalServerCard(local_server, theme, tasks, keeps_running=keeps, parent=self)
        self.empty = EmptyState(
            theme, "plug", "No connections yet", "Fill in the form, or start the local server below.", self
        )
        self.close_button = QPushButton("Close", self)
        self._build()
        self._connect()
        self._fill()
        self._tasks.start(KEYS, self._ask_where_keys_are)
        first = connections.active_id or next((item.connection_id for item in connections.all()), "")
        self._show(first)

    def done(self, code: int) -> None:
        for key in (*_TASKS, LOG_TASK):
            self._tasks.cancel(key)
        super().done(code)

    # --- composition --------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.close_button.setAutoDefault(False)
        self.list.setFixedWidth(LIST_WIDTH)
        self.empty.setFixedWidth(LIST_WIDTH)
        tools = QHBoxLayout()
        tools.addWidget(self.add_button)
        tools.addWidget(self.remove_button)
        tools.addStretch(1)
        left = QVBoxLayout()
        left.setSpacing(6)
        left.addWidget(self.list, 1)
        left.addWidget(self.empty, 1)
        left.addLayout(tools)
        right = QVBoxLayout()
        right.setSpacing(10)
        right.addWidget(self.heading)
        right.addWidget(self.form, 1)
        middle = QHBoxLayout()
        middle.setSpacing(18)
        middle.addLayout(left)
        middle.addLayout(right, 1)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(self.close_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 14)
        layout.setSpacing(14)
        layout.addLayout(middle, 1)
        layout.addWidget(self.local_card)
        layout.addLayout(foot)
        self.resize(*SIZE)

    def _connect(self) -> None:
        self.list.chosen.connect(self._show)
        self.add_button.clicked.connect(self._on_add)
        self.remove_button.clicked.connect(self._on_remove)
        self.form.test_requested.connect(self._on_test)
        self.form.save_requested.connect(self._on_save)
        self.local_card.start_requested.connect(self.start_requested)
        self.local_card.stop_requested.connect(self.stop_requested)
        self.local_card.keep_changed.connect(self._on_keep_changed)
        self.local_card.log_button.toggled.connect(self._on_log_toggled)
        self.close_button.clicked.connect(self.accept)
        self._connections.changed.connect(self._fill)
        self._local.changed.connect(self._fill)

    # --- what is shown ------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        rows = [self._row(connection) for connection in self._connections.all()]
        self.list.set_rows(rows)
        self.list.setVisible(bool(rows))
        self.empty.setVisible(not rows)
        if not self.list.current_key and self.form.connection_id:
            self.list.select(self.form.connection_id)
        self._update()

    def _row(self, connection: Connection) -> TwoLineRow:
        is_local = connection.connection_id == LOCAL_ID
        runs = is_local and self._local.state.kind == "running"
        words = ("running" if runs else "stopped") if is_local else ""
        words = "from the environment" if connection.connection_id == ENVIRONMENT_ID else words
        color = "success" if runs else "text_muted"
        icon = "platform" if is_local else "plug"
        return TwoLineRow(connection.connection_id, icon, color, connection.name, connection.url, words)

    def _show(self, connection_id: str) -> None:
        self.list.select(connection_id)
        connection = self._connections.find(connection_id)
        if connection is not None:
            self._tasks.restart(SHOW, self._show_connection, connection)
        else:
            self._show_new()

    async def _show_connection(self, connection: Connection) -> None:
        self.form.show_connection(connection, has_key=bool(await self._connections.key_of(connection)))
        self._update()

    def _show_new(self) -> None:
        self._tasks.cancel(SHOW)
        self.list.select("")
        self.form.show_connection(None, has_key=False)
        self._update()

    def _update(self) -> None:
        shown = self._connections.find(self.form.connection_id)
        self.heading.setText(shown.name if shown else "New connection")
        self.form.save_button.setText("Save" if shown else "Add")
        self.remove_button.setEnabled(shown is not None and shown.connection_id != ENVIRONMENT_ID)

    async def _ask_where_keys_are(self) -> None:
        await self._connections.reload()
        self.form.say_where_keys_are(lasting=await self._connections.keys_last())

    # --- what the person does -----------------------------------------------------------------------------------

    def _on_add(self) -> None:
        self._show_new()
        self.form.name.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_test(self, connection: Connection) -> None:
        self._tasks.restart(TEST, self._test, connection)

    async def _test(self, connection: Connection) -> None:
        self.form.show_busy(f"Asking {connection.host}…")
        self.form.show_report(await self._connections.test(connection))

    def _on_save(self, connection: Connection) -> None:
        self._tasks.start(SAVE, self._save, connection)

    async def _save(self, connection: Connection) -> None:
        try:
            kept = await self._connections.save(connection)
        except BlockloomError as error:
            self.form.show_report(ServerReport(False, f"Not kept. {error}"))
            return
        self.form.say_where_keys_are(lasting=await self._connections.keys_last())
        self.list.select(kept.connection_id)
        await self._show_connection(kept)
        self._on_test(kept)

    def _on_remove(self) -> None:
        self._tasks.start(SAVE, self._remove, self.form.connection_id)

    async def _remove(self, connection_id: str) -> None:
        connection = self._connections.find(connection_id)
        if connection is None:
            return
        answer = await choose(
            self,
            f"Remove the connection “{connection.name}”?",
            "Its key is forgotten. Workflows on the server stay as they are.",
            [
                Option("remove", "Remove", is_destructive=True),
                Option("cancel", "Cancel", is_default=True, is_cancel=True),
            ],
        )
        if answer == "remove":
            await self._connections.remove(connection_id)
            self._on_add()

    def _on_log_toggled(self, shown: bool) -> None:
        self.resize(self.width(), self.height() + (LOG_HEIGHT if shown else -LOG_HEIGHT))

    def _on_keep_changed(self, keeps: bool) -> None:
        self._settings.set(KEEP_SETTING, keeps)
