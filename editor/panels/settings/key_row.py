"""The key of one model provider: where it is kept, and a field for a new one. A stored key is never shown."""

from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from editor.aio import Tasks, in_thread
from editor.panels.widgets import IconLabel
from editor.text import plain_label
from editor.theme import Theme
from editor.workspace.model_keys import KeyPlace, ModelKeys, Provider


class KeyRow(QWidget):
    """Says where the key is, takes a new one, and forgets it."""

    def __init__(
        self, provider: Provider, keys: ModelKeys, theme: Theme, tasks: Tasks, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._provider = provider
        self._keys = keys
        self._tasks = tasks
        self.state_icon = IconLabel(theme, "key", "text_faint", 16, self)
        self.state = plain_label("Looking…", self, role="muted", wrap=True)
        self.edit = QLineEdit(self)
        self.edit.setEchoMode(QLineEdit.EchoMode.Password)
        self.edit.setPlaceholderText("Paste a new key")
        self.edit.setAccessibleName(f"New key for {provider.label}")
        self.keep = QPushButton("Keep", self)
        self.forget = QPushButton("Forget", self)
        self._build()
        self.edit.textChanged.connect(self._update)
        self.edit.returnPressed.connect(self._on_keep)
        self.keep.clicked.connect(self._on_keep)
        self.forget.clicked.connect(self._on_forget)
        self._show("none")
        self._start(None)

    def _build(self) -> None:
        state = QHBoxLayout()
        state.setSpacing(8)
        state.addWidget(self.state_icon)
        state.addWidget(self.state, 1)
        entry = QHBoxLayout()
        entry.setSpacing(6)
        entry.addWidget(self.edit, 1)
        for button in (self.keep, self.forget):
            button.setAutoDefault(False)
            entry.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addLayout(state)
        layout.addLayout(entry)

    def _on_keep(self) -> None:
        key = self.edit.text().strip()
        if key:
            self.edit.clear()
            self._start(key)

    def _on_forget(self) -> None:
        self._start("")

    def _start(self, key: str | None) -> None:
        """Keep this key, forget it where it is empty, or only look where it is; off the UI thread."""
        self._tasks.restart(f"key-{self._provider.key_name}", self._keep, key)

    async def _keep(self, key: str | None) -> None:
        name = self._provider.key_name
        place = await (in_thread(self._keys.place, name) if key is None else in_thread(self._keys.keep, name, key))
        self._show(place)

    def _show(self, place: KeyPlace) -> None:
        self._place = place
        words, color = {
            "environment": (f"From the environment variable {self._provider.key_name}, which decides", "success"),
            "keyring": ("Kept in this system's keyring", "success"),
            "session": ("Kept until Blockloom ends: this machine has no keyring", "warning"),
            "none": ("No key", "text_faint"),
        }[place]
        self.state.setText(words)
        self.state_icon.set_icon("key", color)
        self._update()

    def _update(self) -> None:
        from_outside = self._place == "environment"
        self.edit.setEnabled(not from_outside)
        self.keep.setEnabled(bool(self.edit.text().strip()) and not from_outside)
        self.forget.setVisible(self._place in ("keyring", "session"))
