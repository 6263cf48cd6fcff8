"""Asks for a name, and for a description where that is wanted."""

from PySide6.QtWidgets import QDialog, QFormLayout, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from editor.text import plain_label
from editor.workspace.server_library import MAX_NAME

WIDTH = 440


class NameDialog(QDialog):
    """`name` and `description` are what was typed, once it was accepted."""

    def __init__(
        self,
        title: str,
        words: str,
        button: str,
        name: str = "",
        *,
        asks_description: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("name-dialog")
        self.setWindowTitle("Blockloom")
        self.name_edit = QLineEdit(name, self)
        self.name_edit.setMaxLength(MAX_NAME)
        self.name_edit.setPlaceholderText("Name")
        self.description_edit = QLineEdit(self)
        self.description_edit.setPlaceholderText("What it is for (may stay empty)")
        self.description_edit.setVisible(asks_description)
        self.accept_button = QPushButton(button, self)
        self.accept_button.setProperty("primary", True)
        self.accept_button.setDefault(True)
        self.cancel_button = QPushButton("Cancel", self)
        self.cancel_button.setAutoDefault(False)
        fields = QFormLayout()
        fields.setVerticalSpacing(8)
        fields.addRow(self.name_edit)
        fields.addRow(self.description_edit)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.cancel_button)
        buttons.addWidget(self.accept_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(8)
        layout.addWidget(plain_label(title, self, role="title", wrap=True))
        if words:
            layout.addWidget(plain_label(words, self, role="muted", wrap=True))
        layout.addSpacing(4)
        layout.addLayout(fields)
        layout.addSpacing(8)
        layout.addLayout(buttons)
        self.setMinimumWidth(WIDTH)
        self.accept_button.clicked.connect(self.accept)
        self.cancel_button.clicked.connect(self.reject)
        self.name_edit.textChanged.connect(self._update)
        self._update()
        self.name_edit.selectAll()
        self.name_edit.setFocus()

    @property
    def name(self) -> str:
        """The name, without blanks around it."""
        return self.name_edit.text().strip()

    @property
    def description(self) -> str:
        """The description."""
        return self.description_edit.text().strip()

    def accept(self) -> None:
        if self.name:
            super().accept()

    def _update(self) -> None:
        self.accept_button.setEnabled(bool(self.name))
