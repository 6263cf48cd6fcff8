"""The form of one connection: name, address and key, and whether they work, in words."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from editor.panels.connections.key_edit import KeyEdit
from editor.text import plain_label, set_role, set_style
from editor.theme import Theme
from engine import Connection, ServerReport, address_problem, is_unprotected, tidy_address

CLOCK_TOLERANCE_S = 120.0
_LASTING = "Keys are kept in this computer's keyring, never in a file."
_SESSION = (
    "This computer has no keyring that works, so keys are kept in memory only: you are asked for them again at the "
    "next start."
)


class ConnectionForm(QWidget):
    """Fields for a new or a saved connection; whoever owns the form does the work.

    Signals:
        test_requested(Connection): try this.
        save_requested(Connection): keep this.
    """

    test_requested = Signal(object)
    save_requested = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._connection_id = ""
        self._has_key = False
        self.name = QLineEdit(self)
        self.name.setPlaceholderText("What you call it, such as Team server")
        self.url = QLineEdit(self)
        self.url.setPlaceholderText("https://workflows.example.com")
        self.key = KeyEdit(theme, self)
        self.warning = plain_label("", self, role="warning", wrap=True)
        self.problem = plain_label("", self, role="error", wrap=True)
        self.result = plain_label("", self, wrap=True)
        self.key_note = plain_label(_LASTING, self, role="muted", wrap=True)
        self.test_button = QPushButton("Test", self)
        self.test_button.setAutoDefault(False)
        self.save_button = QPushButton("Save", self)
        self.save_button.setProperty("primary", True)
        self._build()
        for edit in (self.name, self.url):
            edit.textEdited.connect(self._on_edited)
        self.key.edited.connect(self._on_edited)
        self.test_button.clicked.connect(self._on_test)
        self.save_button.clicked.connect(self._on_save)
        self.show_connection(None, has_key=False)

    @property
    def connection_id(self) -> str:
        """The id of the connection that is shown, "" for a new one."""
        return self._connection_id

    def show_connection(self, connection: Connection | None, *, has_key: bool) -> None:
        """Show a saved connection, or the empty fields of a new one."""
        self._connection_id = connection.connection_id if connection else ""
        self._has_key = has_key
        self.name.setText(connection.name if connection else "")
        self.url.setText(connection.url if connection else "")
        self.key.clear("Kept. Type to replace it" if has_key else "The server's API key")
        self.result.setText("")
        self._update()

    def say_where_keys_are(self, *, lasting: bool) -> None:
        """Say whether keys outlast this session."""
        self.key_note.setText(_LASTING if lasting else _SESSION)
        set_role(self.key_note, "muted" if lasting else "warning")

    def show_busy(self, words: str) -> None:
        """Say what is being waited for."""
        set_role(self.result, "muted")
        self.result.setText(words)

    def show_report(self, report: ServerReport) -> None:
        """Say what a test found."""
        set_role(self.result, "success" if report.is_fine else "error")
        words = report.words
        offset = report.clock_offset_s or 0.0
        if abs(offset) > CLOCK_TOLERANCE_S:
            way = "ahead of" if offset > 0 else "behind"
            words += f" Its clock is {abs(offset) / 60:.0f} minutes {way} this computer's; that is allowed for."
        self.result.setText(words)

    def connection(self) -> Connection:
        """What the fields say; the key is "" where the kept one is to stay."""
        url = tidy_address(self.url.text())
        name = self.name.text().strip()
        made = Connection.to(url, self.key.key, name)
        return Connection(made.name, made.url, made.key, self._connection_id)

    def _build(self) -> None:
        fields = QFormLayout()
        fields.setHorizontalSpacing(12)
        fields.setVerticalSpacing(8)
        fields.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for words, widget in (("Name", self.name), ("Address", self.url), ("Key", self.key)):
            label: QLabel = plain_label(words, self, role="label")
            label.setBuddy(widget)
            label.setMinimumHeight(widget.sizeHint().height())
            fields.addRow(label, widget)
        buttons = QHBoxLayout()
        buttons.addWidget(self.test_button)
        buttons.addStretch(1)
        buttons.addWidget(self.save_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(fields)
        for label in (self.key_note, self.warning, self.problem, self.result):
            layout.addWidget(label)
        layout.addLayout(buttons)
        layout.addStretch(1)

    def _on_edited(self) -> None:
        self.result.setText("")
        self._update()

    def _on_test(self) -> None:
        self.test_requested.emit(self.connection())

    def _on_save(self) -> None:
        self.save_requested.emit(self.connection())

    def _update(self) -> None:
        typed = bool(self.url.text().strip())
        problem = (address_problem(self.url.text()) or "") if typed else ""
        self.problem.setText(problem)
        set_style(self.url, "invalid", bool(problem))
        unprotected = typed and not problem and is_unprotected(tidy_address(self.url.text()))
        self.warning.setText(
            "Nothing is encrypted on the way to this address: others in the network can read the key. Use https:// "
            "where the server has it."
            if unprotected
            else ""
        )
        for label in (self.warning, self.problem, self.result):
            label.setVisible(bool(label.text()) or label is self.result)
        for button in (self.test_button, self.save_button):
            button.setEnabled(typed and not problem)
