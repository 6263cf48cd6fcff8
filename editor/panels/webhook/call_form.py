"""A test call: a JSON body to edit, a button that sends it, what came back, and the calls before it."""

import time
from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from editor.panels.forms.code_edit import CodeEdit
from editor.panels.forms.plain_edit import PlainEdit
from editor.panels.forms.source_fields import read_json
from editor.panels.preview import full_text, preview
from editor.panels.two_line_list import TwoLineList, TwoLineRow
from editor.panels.widgets import UndoIsTheWindows
from editor.text import ago_text, duration_text, plain_label, set_role, set_style
from editor.theme import Theme, mono_font
from editor.workspace.webhook_calls import TestCall, outcome_words, reply_body
from engine import JsonObject, edits

SHOWN_CALLS = 6
REPLY_LIMIT = 20_000


class CallForm(QWidget):
    """The body is kept while the form is open; a call of the past puts its own body back.

    Signals:
        send_requested(object): the body, a JSON object.
        body_changed(): `body` may be another value.
    """

    send_requested = Signal(object)
    body_changed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._calls: Sequence[TestCall] = ()
        self._shown_key = ""
        self.edit = CodeEdit(theme, "json", self, lines=(3, 10))
        self.edit.setAccessibleName("Body of the test call")
        _give_own_undo(self.edit)
        self.problem = plain_label("", self, role="error", wrap=True)
        self.button = QPushButton("Send Test Call", self)
        self.button.setObjectName("send-test-call")
        self.hint = plain_label("", self, role="muted", wrap=True)
        self.outcome = plain_label("", self, wrap=True)
        self.reply = PlainEdit(self, lines=(1, 8))
        self.reply.setReadOnly(True)
        self.reply.setFont(mono_font())
        self.reply.setLineWrapMode(QPlainTextEdit.LineWrapMode.WidgetWidth)
        self.reply.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.reply.setAccessibleName("Reply to the test call")
        self.calls_title = plain_label("Test calls", self, role="label")
        self.calls = TwoLineList(theme, "Test calls", self)
        self._build()
        self.edit.text_edited.connect(self._on_edited)
        self.button.clicked.connect(self._on_send)
        self.calls.chosen.connect(self._on_call_chosen)
        self._show_problem()

    @property
    def body(self) -> JsonObject:
        """The object that is typed, `{}` where nothing is or where it cannot be read."""
        value, problem, _line = read_json(self.edit.toPlainText(), only_objects=True)
        return {} if problem or value is edits.ABSENT else value

    def show_body(self, body: JsonObject) -> None:
        """Put this body in."""
        self.edit.show_text(full_text(body))
        self._show_problem()
        self.body_changed.emit()

    def set_button(self, words: str, hint: str, *, enabled: bool) -> None:
        """What the button does now, and why it does not where it cannot."""
        self.button.setText(words)
        self._may_send = enabled
        self.hint.setText(hint)
        self.hint.setVisible(bool(hint))
        self._show_problem()

    def show_calls(self, calls: Sequence[TestCall]) -> None:
        """Show these calls, newest first; the newest one's outcome is shown when it is new."""
        is_new = bool(calls) and calls[0].key not in {call.key for call in self._calls}
        self._calls = calls
        if is_new or not any(call.key == self._shown_key for call in calls):
            self._shown_key = calls[0].key if calls else ""
        self.refresh_times()
        shown = next((call for call in calls if call.key == self._shown_key), None)
        self._show_outcome(shown)

    def refresh_times(self) -> None:
        """Time has passed: say anew how long ago each call was."""
        now = time.time()
        self.calls.set_rows([_row(call, now) for call in self._calls])
        self.calls.select(self._shown_key)
        for widget in (self.calls, self.calls_title):
            widget.setVisible(bool(self._calls))
        self.calls.setFixedHeight(self.calls.height_of(SHOWN_CALLS))

    # --- inside -------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(plain_label("Body (JSON)", self, role="label"))
        layout.addWidget(self.edit)
        layout.addWidget(self.problem)
        line = QHBoxLayout()
        line.addWidget(self.button)
        line.addStretch(1)
        layout.addLayout(line)
        layout.addWidget(self.hint)
        layout.addWidget(self.outcome)
        layout.addWidget(self.reply)
        layout.addWidget(self.calls_title)
        layout.addWidget(self.calls)
        self._may_send = True

    def _on_edited(self, _text: str) -> None:
        self._show_problem()
        self.body_changed.emit()

    def _show_problem(self) -> None:
        _value, problem, line = read_json(self.edit.toPlainText(), only_objects=True)
        self.problem.setText(problem)
        self.problem.setVisible(bool(problem))
        self.edit.set_problem_line(line)
        set_style(self.edit, "invalid", "true" if problem else "false")
        self.button.setEnabled(self._may_send and not problem)

    def _on_send(self) -> None:
        self.send_requested.emit(self.body)

    def _on_call_chosen(self, key: str) -> None:
        call = next((item for item in self._calls if item.key == key), None)
        if call is not None:
            self._shown_key = key
            self.show_body(call.body)
            self._show_outcome(call)

    def _show_outcome(self, call: TestCall | None) -> None:
        for widget in (self.outcome, self.reply):
            widget.setVisible(call is not None)
        if call is None:
            return
        self.outcome.setText(outcome_words(call))
        set_role(self.outcome, "success" if call.has_worked else "error" if call.is_over else "muted")
        text = preview(reply_body(call), REPLY_LIMIT)[0] if call.status is not None else ""
        self.reply.show_text(text)
        self.reply.setVisible(bool(text))


def _row(call: TestCall, now: float) -> TwoLineRow:
    body = " ".join(preview(call.body, 200)[0].split())
    when = ago_text(now - call.sent_at)
    if not call.is_over:
        return TwoLineRow(call.key, "loader-circle", "running", body, when, "", "Waiting")
    icon, color = ("circle-check", "success") if call.has_worked else ("circle-x", "error")
    status = str(call.status) if call.status is not None else "no reply"
    side = duration_text(call.took_ms) if call.took_ms is not None else ""
    return TwoLineRow(call.key, icon, color, body, f"{status} · {when}", side, "Done" if call.has_worked else "Failed")


def _give_own_undo(edit: PlainEdit) -> None:
    """The body is no part of the document, so undo in it is its own."""
    edit.setUndoRedoEnabled(True)
    for keys_for_the_window in edit.findChildren(UndoIsTheWindows):
        edit.removeEventFilter(keys_for_the_window)
