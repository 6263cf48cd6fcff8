"""Address and secret of a webhook, and lines of code that call it: to be copied, the secret hidden until asked for."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from editor.panels.forms.base import no_wheel_focus
from editor.panels.forms.plain_edit import PlainEdit
from editor.panels.widgets import IconButton
from editor.text import plain_label
from editor.theme import Theme, mono_font
from engine import Json, snippets

HEADER, QUERY = "Header", "Address with secret"
NO_ADDRESS = "https://your-server"
"""Stands for the server in snippets as long as there is none."""
_LINES = (3, 12)


class Credentials(QWidget):
    """Shows one webhook's credentials.

    Signals:
        message(str): what was copied.
    """

    message = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._base_url = ""
        self._webhook_id = ""
        self._secret = ""
        self._body: Json = {}
        self.address = _line("Address of the webhook", self)
        self.copy_address = IconButton(theme, "copy", "Copy the address", self)
        self.secret = _line("Secret of the webhook", self)
        self.secret.setEchoMode(QLineEdit.EchoMode.Password)
        self.reveal = IconButton(theme, "eye", "Show the secret", self)
        self.reveal.setCheckable(True)
        self.copy_secret = IconButton(theme, "copy", "Copy the secret", self)
        self.kinds = QComboBox(self)
        self.kinds.addItems([*snippets.SNIPPETS, HEADER, QUERY])
        self.kinds.setAccessibleName("Ways to call the webhook")
        self.kinds.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.kinds.setMinimumContentsLength(8)
        no_wheel_focus(self.kinds)
        self.copy_snippet = IconButton(theme, "copy", "Copy this with the secret in it", self, text="Copy")
        self.snippet = PlainEdit(self, lines=_LINES)
        self.snippet.setReadOnly(True)
        self.snippet.setFont(mono_font())
        self.snippet.setAccessibleName("How to call the webhook")
        self.snippet.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.snippet.setLineWrapMode(QPlainTextEdit.LineWrapMode.WidgetWidth)
        self._build()
        self.copy_address.clicked.connect(self._on_copy_address)
        self.copy_secret.clicked.connect(self._on_copy_secret)
        self.copy_snippet.clicked.connect(self._on_copy_snippet)
        self.reveal.toggled.connect(self._on_reveal_toggled)
        self.kinds.currentIndexChanged.connect(self._show_snippet)

    def show_webhook(self, base_url: str, webhook_id: str, secret: str, body: Json) -> None:
        """Show these; `base_url` is "" while the workflow is on no server. Another secret is hidden anew."""
        if webhook_id != self._webhook_id or secret != self._secret:
            self.reveal.setChecked(False)
        self._base_url, self._webhook_id, self._secret, self._body = base_url, webhook_id, secret, body
        self.address.setText(self._call(with_secret=False).url if webhook_id else "")
        self.address.setCursorPosition(0)
        self.secret.setText(secret)
        self.secret.setCursorPosition(0)
        self.copy_address.setEnabled(bool(webhook_id))
        for button in (self.reveal, self.copy_secret):
            button.setEnabled(bool(secret))
        self._show_snippet()

    @property
    def shown_snippet(self) -> str:
        """What can be read of the snippet: it holds the secret only while that is shown."""
        return self.snippet.toPlainText()

    def snippet_text(self, *, with_secret: bool) -> str:
        """The snippet of the chosen kind."""
        call = self._call(with_secret=with_secret)
        kind = self.kinds.currentText()
        if kind == HEADER:
            return f"POST {call.url}\n{call.header}\nContent-Type: application/json"
        if kind == QUERY:
            return f"POST {call.query_url}\nContent-Type: application/json"
        return snippets.SNIPPETS[kind](call)

    def _call(self, *, with_secret: bool) -> snippets.WebhookCall:
        secret = self._secret if with_secret else ""
        return snippets.WebhookCall(self._base_url or NO_ADDRESS, self._webhook_id, self._body, secret)

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addWidget(plain_label("Address", self, role="label"))
        layout.addLayout(_row(self.address, self.copy_address))
        layout.addSpacing(6)
        layout.addWidget(plain_label("Secret", self, role="label"))
        layout.addLayout(_row(self.secret, self.reveal, self.copy_secret))
        layout.addSpacing(6)
        layout.addWidget(plain_label("How others call it", self, role="label"))
        line = QHBoxLayout()
        line.setSpacing(6)
        line.addWidget(self.kinds, 1)
        line.addWidget(self.copy_snippet)
        layout.addLayout(line)
        layout.addWidget(self.snippet)

    def _show_snippet(self) -> None:
        self.snippet.show_text(self.snippet_text(with_secret=self.reveal.isChecked()) if self._webhook_id else "")
        self.copy_snippet.setEnabled(bool(self._webhook_id))

    def _on_reveal_toggled(self, shown: bool) -> None:
        modes = QLineEdit.EchoMode
        self.secret.setEchoMode(modes.Normal if shown else modes.Password)
        self.secret.setCursorPosition(0)
        self.reveal.set_icon("eye-off" if shown else "eye", "Hide the secret" if shown else "Show the secret")
        self._show_snippet()

    def _on_copy_address(self) -> None:
        self._copy(self.address.text(), "Copied the address")

    def _on_copy_secret(self) -> None:
        self._copy(self._secret, "Copied the secret")

    def _on_copy_snippet(self) -> None:
        self._copy(self.snippet_text(with_secret=True), f"Copied: {self.kinds.currentText()}, with the secret in it")

    def _copy(self, text: str, message: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self.message.emit(message)


def _line(name: str, parent: QWidget) -> QLineEdit:
    edit = QLineEdit(parent)
    edit.setReadOnly(True)
    edit.setAccessibleName(name)
    return edit


def _row(*widgets: QWidget) -> QHBoxLayout:
    layout = QHBoxLayout()
    layout.setSpacing(2)
    for widget in widgets:
        layout.addWidget(widget)
    layout.setStretch(0, 1)
    return layout
