"""Open from server: the workflows of a connection, to look for, open, create, rename, copy and delete."""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, ParamSpec

from PySide6.QtCore import QEvent, QModelIndex, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QComboBox, QDialog, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from editor import aio
from editor.aio import Tasks
from editor.dialogs import Option, choose
from editor.panels.server_browser.listing import Listing
from editor.panels.server_browser.name_dialog import NameDialog
from editor.panels.server_browser.rows import list_row
from editor.panels.two_line_list import TwoLineList
from editor.panels.widgets import EmptyState, IconButton
from editor.text import ago_text, count_text, plain_label, set_role
from editor.theme import Theme
from editor.workspace.connections import ServerConnections
from editor.workspace.server_cache import ServerCache
from editor.workspace.server_library import SORTS, copy_name, duplicate
from engine import Catalog, Connection, PlatformClient, ServerError, WorkflowRow

P = ParamSpec("P")
SIZE = (680, 560)
SEARCH_MS = 300
TASK = "server-browser"
_NEAR_END_PX = 240


class ServerBrowser(QDialog):
    """Lists one server's workflows. `chosen` is what is to be opened, as (connection, workflow id), once accepted.

    Signals:
        connections_requested(): the person wants to add or change a connection.
        deleted(str, str): ids of a connection and of a workflow that was deleted there.
    """

    connections_requested = Signal()
    deleted = Signal(str, str)

    def __init__(
        self,
        connections: ServerConnections,
        cache: ServerCache,
        catalog: Catalog,
        theme: Theme,
        tasks: Tasks,
        *,
        open_id: str = "",
        parent: QWidget | None = None,
    ) -> None:
        """`open_id` is the workflow that is open already, if it is one of a server's."""
        super().__init__(parent)
        self.setObjectName("server-browser")
        self.setWindowTitle("Open from Server")
        self.chosen: tuple[Connection, str] | None = None
        self._connections = connections
        self._catalog = catalog
        self._tasks = tasks
        self._open_id = open_id
        self.listing = Listing(connections, cache, tasks, self)
        self.server_box = QComboBox(self)
        self.search = QLineEdit(self)
        self.sort_box = QComboBox(self)
        self.banner = plain_label("", self, wrap=True)
        self.retry_button = QPushButton("Try Again", self)
        self.list = TwoLineList(theme, "Workflows", self)
        self.empty = EmptyState(theme, "workflow", "", "", self)
        self.empty_button = QPushButton("Connections…", self)
        self.count_label = plain_label("", self, role="muted")
        self.new_button = IconButton(theme, "plus", "Create a workflow on this server", self, text="New…")
        self.rename_button = IconButton(theme, "pencil", "Rename the selected workflow", self, text="Rename…")
        self.copy_button = IconButton(theme, "copy", "Copy the selected workflow", self, text="Duplicate…")
        self.delete_button = IconButton(theme, "trash-2", "Delete the selected workflow", self, text="Delete…")
        self.open_button = QPushButton("Open", self)
        self.cancel_button = QPushButton("Cancel", self)
        self._search_timer = QTimer(self)
        self._search_timer.setSingleShot(True)
        self._search_timer.setInterval(SEARCH_MS)
        self._build()
        self._connect()
        self._fill_servers()
        self.search.setFocus()

    def done(self, code: int) -> None:
        self.listing.stop()
        self._tasks.cancel(TASK)
        super().done(code)

    # --- composition --------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.server_box.setAccessibleName("Server")
        self.server_box.setPlaceholderText("No connection")
        self.search.setPlaceholderText("Search by name")
        self.search.setClearButtonEnabled(True)
        self.sort_box.setAccessibleName("Order")
        self.sort_box.addItems([sort.label for sort in SORTS])
        self.open_button.setProperty("primary", True)
        self.open_button.setDefault(True)
        for button in (self.cancel_button, self.retry_button, self.empty_button):
            button.setAutoDefault(False)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.server_box, 2)
        head.addWidget(self.search, 3)
        head.addWidget(self.sort_box)
        notice = QHBoxLayout()
        notice.addWidget(self.banner, 1)
        notice.addWidget(self.retry_button, 0, Qt.AlignmentFlag.AlignTop)
        tools = QHBoxLayout()
        tools.setSpacing(4)
        for tool in (self.new_button, self.rename_button, self.copy_button, self.delete_button):
            tools.addWidget(tool)
        tools.addStretch(1)
        tools.addWidget(self.count_label)
        foot = QHBoxLayout()
        foot.setSpacing(8)
        foot.addWidget(self.empty_button)
        foot.addStretch(1)
        foot.addWidget(self.cancel_button)
        foot.addWidget(self.open_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 14)
        layout.setSpacing(10)
        layout.addLayout(head)
        layout.addLayout(notice)
        layout.addWidget(self.list, 1)
        layout.addWidget(self.empty, 1)
        layout.addLayout(tools)
        layout.addLayout(foot)
        self.resize(*SIZE)
        self.list.installEventFilter(self)
        self.search.installEventFilter(self)

    def _connect(self) -> None:
        self.server_box.currentIndexChanged.connect(self._reload)
        self.sort_box.currentIndexChanged.connect(self._reload)
        self.search.textChanged.connect(self._search_timer.start)
        self._search_timer.timeout.connect(self._reload)
        self.retry_button.clicked.connect(self.listing.reload)
        self.listing.changed.connect(self._show_listing)
        self.list.chosen.connect(self._update)
        self.list.doubleClicked.connect(self._on_double_clicked)
        self.list.verticalScrollBar().valueChanged.connect(self._on_scrolled)
        self.list.verticalScrollBar().rangeChanged.connect(self._on_scrolled)
        self.new_button.clicked.connect(self._starter(self._create))
        self.rename_button.clicked.connect(self._starter(self._rename))
        self.copy_button.clicked.connect(self._starter(self._duplicate))
        self.delete_button.clicked.connect(self._starter(self._delete))
        self.open_button.clicked.connect(self._on_open)
        self.cancel_button.clicked.connect(self.reject)
        self.empty_button.clicked.connect(self.connections_requested)
        self._connections.changed.connect(self._fill_servers)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Enter opens; the arrows reach the list while one types."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._on_open()
                return True
            if watched is self.search and event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up):
                self._step(1 if event.key() == Qt.Key.Key_Down else -1)
                return True
        return super().eventFilter(watched, event)

    # --- what is shown ------------------------------------------------------------------------------------------

    @property
    def connection(self) -> Connection | None:
        """The server that is listed."""
        return self._connections.find(str(self.server_box.currentData() or ""))

    @property
    def selected(self) -> WorkflowRow | None:
        """The selected workflow."""
        return self.listing.find(self.list.current_key)

    def _fill_servers(self) -> None:
        wanted = self.server_box.currentData() or self._connections.active_id
        self.server_box.blockSignals(True)
        self.server_box.clear()
        for connection in self._connections.all():
            self.server_box.addItem(connection.name, connection.connection_id)
        index = self.server_box.findData(wanted)
        self.server_box.setCurrentIndex(max(index, 0) if self.server_box.count() else -1)
        self.server_box.blockSignals(False)
        self._reload()

    def _reload(self) -> None:
        self._search_timer.stop()
        self.listing.show(self.connection, self.search.text().strip(), SORTS[self.sort_box.currentIndex()])

    def _show_listing(self) -> None:
        listing = self.listing
        offset_s = self._connections.clock_offset_s(listing.connection.connection_id) if listing.connection else 0.0
        now = datetime.now(UTC) + timedelta(seconds=offset_s or 0.0)
        self.list.set_rows([list_row(row, now, is_open=row.id == self._open_id) for row in listing.rows])
        if not self.list.current_key and listing.rows:
            self.list.select(listing.rows[0].id)
        self.list.setVisible(bool(listing.rows))
        self.empty.setVisible(not listing.rows)
        self.empty.set_words(*self._empty_words())
        self._show_trouble()
        self.count_label.setText(self._count_words())
        self._update()

    def _empty_words(self) -> tuple[str, str]:
        listing = self.listing
        if listing.connection is None:
            return "No server yet", "Add a connection, or start the local server: both are under “Connections…”."
        if listing.is_busy:
            return "Asking the server…", ""
        if listing.trouble:
            return "The list cannot be read", "Nothing was kept of this server's list. See above what is in the way."
        if listing.search:
            return "Nothing found", f"No workflow on “{listing.connection.name}” has “{listing.search}” in its name."
        return "No workflows yet", "“New…” creates one here. Or save an open workflow to this server."

    def _show_trouble(self) -> None:
        listing = self.listing
        words = listing.trouble
        if words and listing.kept_at is not None:
            age = ago_text(datetime.now(UTC).timestamp() - listing.kept_at)
            words += f" What you see was kept on this computer {age}."
        set_role(self.banner, "warning" if listing.kept_at is not None else "error")
        self.banner.setText(words)
        self.banner.setVisible(bool(words))
        self.retry_button.setVisible(bool(words))

    def _count_words(self) -> str:
        listing = self.listing
        if listing.is_busy and listing.rows:
            return "Loading…"
        if not listing.rows:
            return ""
        shown, total = len(listing.rows), listing.total
        return count_text(total, "workflow") if shown >= total else f"{shown:,} of {count_text(total, 'workflow')}"

    def _update(self) -> None:
        has_row = self.selected is not None
        is_live = self.connection is not None and not self.listing.trouble
        for widget in (self.server_box, self.search, self.sort_box):
            widget.setEnabled(self.connection is not None)
        self.open_button.setEnabled(has_row)
        self.new_button.setEnabled(is_live)
        for button in (self.rename_button, self.copy_button, self.delete_button):
            button.setEnabled(has_row and is_live)

    def _on_scrolled(self) -> None:
        bar = self.list.verticalScrollBar()
        if bar.maximum() - bar.value() < _NEAR_END_PX:
            self.listing.more()

    def _step(self, direction: int) -> None:
        rows = self.listing.rows
        number = self.list.rows.row_of(self.list.current_key) + direction
        if 0 <= number < len(rows):
            self.list.select(rows[number].id)
            self.list.scrollTo(self.list.currentIndex())
            self._update()

    # --- what the person does -----------------------------------------------------------------------------------

    def _on_double_clicked(self, _index: QModelIndex) -> None:
        self._on_open()

    def _on_open(self) -> None:
        row, connection = self.selected, self.connection
        if row is not None and connection is not None:
            self.chosen = (connection, row.id)
            self.accept()

    def _starter(self, function: Callable[[Connection], Coroutine[Any, Any, None]]) -> Callable[[], None]:
        def start() -> None:
            if self.connection is not None:
                self._tasks.start(TASK, self._do, function, self.connection)

        return start

    async def _do(self, function: Callable[[Connection], Coroutine[Any, Any, None]], connection: Connection) -> None:
        try:
            await function(connection)
        except ServerError as error:
            set_role(self.banner, "error")
            self.banner.setText(str(error))
            self.banner.show()

    async def _create(self, connection: Connection) -> None:
        title = f"New workflow on “{connection.name}”"
        dialog = NameDialog(title, "", "Create and Open", asks_description=True, parent=self)
        name, description = await self._asked(dialog)
        if name:
            create = PlatformClient.create_workflow
            workflow_id = await self._connections.call(connection, create, name, description=description)
            self.chosen = (connection, workflow_id)
            self.accept()

    async def _rename(self, connection: Connection) -> None:
        row = self.selected
        if row is None:
            return
        title = f"Rename “{row.name}”"
        words = "It is open here: rename it in the editor instead." if row.id == self._open_id else ""
        name, _ = await self._asked(NameDialog(title, words, "Rename", row.name or "", parent=self))
        if name and name != row.name:
            fields = {"name": name}
            await self._connections.call(connection, PlatformClient.update_workflow, row.id, fields)
            self.listing.reload()

    async def _duplicate(self, connection: Connection) -> None:
        row = self.selected
        if row is None:
            return
        words = "The copy gets webhook addresses and secrets of its own, and starts switched off."
        dialog = NameDialog(f"Duplicate “{row.name}”", words, "Duplicate", copy_name(row.name or ""), parent=self)
        name, _ = await self._asked(dialog)
        if name:
            copy_id = await self._connections.call(connection, duplicate, row.id, name, self._catalog)
            self.listing.reload()
            self.list.select(copy_id)

    async def _delete(self, connection: Connection) -> None:
        row = self.selected
        if row is None:
            return
        live = "It is live: its webhook and schedule stop at once. " if row.is_deployed else ""
        here = "It is open here: the document stays on screen, unsaved. " if row.id == self._open_id else ""
        answer = await choose(
            self,
            f"Delete “{row.name}” from “{connection.name}”?",
            f"{live}{here}Its {count_text(row.execution_count, 'run')} go with it. This cannot be undone.",
            [
                Option("delete", "Delete", is_destructive=True),
                Option("cancel", "Cancel", is_default=True, is_cancel=True),
            ],
        )
        if answer == "delete":
            await self._connections.call(connection, PlatformClient.delete_workflow, row.id)
            self.deleted.emit(connection.connection_id, row.id)
            self.listing.reload()

    async def _asked(self, dialog: NameDialog) -> tuple[str, str]:
        """Name and description; both "" when the person gave up."""
        try:
            accepted = await aio.ask(dialog) == QDialog.DialogCode.Accepted
            return (dialog.name, dialog.description) if accepted else ("", "")
        finally:
            dialog.deleteLater()
