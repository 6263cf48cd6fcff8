"""Save to server: on which one, and under which name."""

from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from editor.text import plain_label
from editor.workspace.connections import ServerConnections
from editor.workspace.server_library import MAX_NAME
from editor.workspace.server_link import ServerPlace
from engine import Connection

WIDTH = 460


class SaveToServerDialog(QDialog):
    """`connection`, `name` and `updates` are what was chosen, once it was accepted."""

    def __init__(
        self, connections: ServerConnections, name: str, known: ServerPlace | None, parent: QWidget | None = None
    ) -> None:
        """`known` is where this document was saved earlier, None when nobody remembers such a place."""
        super().__init__(parent)
        self.setObjectName("save-to-server")
        self.setWindowTitle("Save to Server")
        self._connections = connections
        self._known = known
        self.server_box = QComboBox(self)
        self.server_box.setAccessibleName("Server")
        for connection in connections.all():
            self.server_box.addItem(connection.name, connection.connection_id)
        wanted = known.connection_id if known else connections.active_id
        self.server_box.setCurrentIndex(max(0, self.server_box.findData(wanted)))
        self.name_edit = QLineEdit(name, self)
        self.name_edit.setMaxLength(MAX_NAME)
        self.update_box = QCheckBox("Update the workflow that was saved there before", self)
        self.update_box.setChecked(known is not None)
        self.words = plain_label("", self, role="muted", wrap=True)
        self.accept_button = QPushButton("Save", self)
        self.accept_button.setProperty("primary", True)
        self.accept_button.setDefault(True)
        self.cancel_button = QPushButton("Cancel", self)
        self.cancel_button.setAutoDefault(False)
        self._build()
        self.server_box.currentIndexChanged.connect(self._update)
        self.name_edit.textChanged.connect(self._update)
        self.update_box.toggled.connect(self._update)
        self.accept_button.clicked.connect(self.accept)
        self.cancel_button.clicked.connect(self.reject)
        self._update()
        self.name_edit.setFocus()
        self.name_edit.selectAll()

    @property
    def connection(self) -> Connection | None:
        """The server to save to."""
        return self._connections.find(str(self.server_box.currentData() or ""))

    @property
    def name(self) -> str:
        """What the workflow is to be called there."""
        return self.name_edit.text().strip()

    @property
    def updates(self) -> ServerPlace | None:
        """The workflow that is to be updated; None for a new one."""
        return self._known if self._is_known_server() and self.update_box.isChecked() else None

    def accept(self) -> None:
        if self.name and self.connection is not None:
            super().accept()

    def _build(self) -> None:
        fields = QFormLayout()
        fields.setHorizontalSpacing(12)
        fields.setVerticalSpacing(8)
        for words, widget in (("Server", self.server_box), ("Name", self.name_edit)):
            label = plain_label(words, self, role="label")
            label.setMinimumHeight(widget.sizeHint().height())
            fields.addRow(label, widget)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.cancel_button)
        buttons.addWidget(self.accept_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(8)
        layout.addLayout(fields)
        layout.addWidget(self.update_box)
        layout.addWidget(self.words)
        layout.addSpacing(8)
        layout.addLayout(buttons)
        self.setMinimumWidth(WIDTH)

    def _is_known_server(self) -> bool:
        return self._known is not None and self._known.connection_id == self.server_box.currentData()

    def _update(self) -> None:
        self.update_box.setVisible(self._is_known_server())
        if self.updates is not None:
            words = "What others changed there meanwhile is shown to you before anything is written over it."
        else:
            words = "A new workflow is created there. From then on Save writes to it."
        self.words.setText(words)
        self.accept_button.setEnabled(bool(self.name) and self.connection is not None)
