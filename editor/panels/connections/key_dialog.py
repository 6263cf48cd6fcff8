"""Asks for the key of a server that does not accept the one it was sent."""

from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from editor.panels.connections.key_edit import KeyEdit
from editor.text import plain_label
from editor.theme import Theme
from engine import Connection

WIDTH = 440


class KeyDialog(QDialog):
    """One question, one field. `key` is what was typed once it was accepted."""

    def __init__(self, connection: Connection, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("key-dialog")
        self.setWindowTitle("Key needed")
        self.field = KeyEdit(theme, self)
        self.field.clear("Paste the key")
        self.accept_button = QPushButton("Use This Key", self)
        self.accept_button.setProperty("primary", True)
        self.accept_button.setDefault(True)
        self.cancel_button = QPushButton("Cancel", self)
        self.cancel_button.setAutoDefault(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(8)
        title = f"“{connection.name}” does not accept the key"
        words = (
            f"Paste the API key of the server at {connection.host}. Your work is kept, and the save goes on with it."
        )
        layout.addWidget(plain_label(title, self, role="title", wrap=True))
        layout.addWidget(plain_label(words, self, role="muted", wrap=True))
        layout.addSpacing(4)
        layout.addWidget(self.field)
        layout.addSpacing(8)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.cancel_button)
        buttons.addWidget(self.accept_button)
        layout.addLayout(buttons)
        self.setMinimumWidth(WIDTH)
        self.accept_button.clicked.connect(self.accept)
        self.cancel_button.clicked.connect(self.reject)
        self.field.edited.connect(self._update)
        self._update()
        self.field.setFocus()

    @property
    def key(self) -> str:
        """What was typed."""
        return self.field.key

    def accept(self) -> None:
        if self.key:
            super().accept()

    def _update(self) -> None:
        self.accept_button.setEnabled(bool(self.key))
