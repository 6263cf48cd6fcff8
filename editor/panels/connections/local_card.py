"""The server on this computer, as a card: its state, its buttons, and its log."""

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from editor.aio import Tasks, in_thread
from editor.panels.widgets import IconLabel
from editor.text import plain_label, set_role
from editor.theme import Theme
from editor.workspace.local_server import LocalServer, LocalState

LOG_HEIGHT = 150
LOG_TASK = "local-log"
_LOG_MS = 1_000
_ABOUT = "Saves, runs, deploys and triggers workflows on this computer, with no other software."


class LocalServerCard(QFrame):
    """Shows the local server and asks for it.

    Signals:
        start_requested(): start it.
        stop_requested(): stop it.
        keep_changed(bool): whether it stays when Blockloom closes.
    """

    start_requested = Signal()
    stop_requested = Signal()
    keep_changed = Signal(bool)

    def __init__(
        self, server: LocalServer, theme: Theme, tasks: Tasks, *, keeps_running: bool, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self._server = server
        self._tasks = tasks
        self.icon = IconLabel(theme, "platform", "text_muted", 18, self)
        self.title = plain_label("Local server", self, role="title")
        self.words = plain_label("", self, role="muted", wrap=True)
        self.button = QPushButton("Start", self)
        self.button.setAutoDefault(False)
        self.log_button = QPushButton("Show Log", self)
        self.log_button.setAutoDefault(False)
        self.log_button.setCheckable(True)
        self.keep = QCheckBox("Keep it running when Blockloom closes", self)
        self.keep.setChecked(keeps_running)
        self.log = QPlainTextEdit(self)
        self.log.setReadOnly(True)
        self.log.setAccessibleName("Log of the local server")
        self.log.setPlaceholderText("Nothing has been written yet.")
        self.log.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.log.setFixedHeight(LOG_HEIGHT)
        self.log.hide()
        self._timer = QTimer(self)
        self._timer.setInterval(_LOG_MS)
        self._build()
        self._timer.timeout.connect(self._read_log)
        self.button.clicked.connect(self._on_button)
        self.log_button.toggled.connect(self._on_log_toggled)
        self.keep.toggled.connect(self.keep_changed)
        server.changed.connect(self._update)
        self._update()

    def _build(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.icon)
        head.addWidget(self.title)
        head.addStretch(1)
        head.addWidget(self.log_button)
        head.addWidget(self.button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 12, 14, 12)
        layout.setSpacing(6)
        layout.addLayout(head)
        layout.addWidget(self.words)
        layout.addWidget(self.keep)
        layout.addWidget(self.log)

    def _update(self) -> None:
        state = self._server.state
        color, words = _words(state)
        self.icon.set_icon("platform", color)
        set_role(self.words, "error" if state.kind == "failed" else "muted")
        self.words.setText(words)
        self.button.setText({"running": "Stop", "failed": "Start Again"}.get(state.kind, "Start"))
        self.button.setEnabled(state.kind in ("stopped", "running", "failed"))
        if not self.log.isHidden():
            self._read_log()

    def _on_button(self) -> None:
        (self.stop_requested if self._server.state.kind == "running" else self.start_requested).emit()

    def _on_log_toggled(self, shown: bool) -> None:
        self.log.setVisible(shown)
        self.log_button.setText("Hide Log" if shown else "Show Log")
        if shown:
            self._read_log()
            self._timer.start()
        else:
            self._timer.stop()

    def _read_log(self) -> None:
        self._tasks.start(LOG_TASK, self._show_log)

    async def _show_log(self) -> None:
        text = await in_thread(self._server.log_text)
        if text != self.log.toPlainText():
            self.log.setPlainText(text)
            bar = self.log.verticalScrollBar()
            bar.setValue(bar.maximum())


def _words(state: LocalState) -> tuple[str, str]:
    """A colour's name and a sentence for a state."""
    if state.kind == "running":
        return "success", f"Running at {state.url}. It is among your connections."
    if state.kind == "failed":
        return "error", state.reason
    busy = {"starting": "Starting…", "stopping": "Stopping…"}
    return ("accent", busy[state.kind]) if state.kind in busy else ("text_muted", f"Not running. {_ABOUT}")
