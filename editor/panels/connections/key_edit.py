"""The field for a server's key: hidden until asked for."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from editor.panels.widgets import IconButton
from editor.theme import Theme


class KeyEdit(QWidget):
    """One line for a key.

    Signals:
        edited(): the person typed or pasted.
    """

    edited = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.edit = QLineEdit(self)
        self.edit.setEchoMode(QLineEdit.EchoMode.Password)
        self.edit.setAccessibleName("Key")
        self.reveal = IconButton(theme, "eye", "Show the key", self)
        self.reveal.setCheckable(True)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.edit, 1)
        layout.addWidget(self.reveal)
        self.setFocusProxy(self.edit)
        self.edit.textEdited.connect(self.edited)
        self.reveal.toggled.connect(self._on_reveal_toggled)

    @property
    def key(self) -> str:
        """What is typed, without the blanks that come along when a key is pasted."""
        return self.edit.text().strip()

    def clear(self, placeholder: str) -> None:
        """Show no key, and these words in its place."""
        self.edit.clear()
        self.edit.setPlaceholderText(placeholder)
        self.reveal.setChecked(False)

    def _on_reveal_toggled(self, shown: bool) -> None:
        modes = QLineEdit.EchoMode
        self.edit.setEchoMode(modes.Normal if shown else modes.Password)
        self.reveal.set_icon("eye-off" if shown else "eye", "Hide the key" if shown else "Show the key")
