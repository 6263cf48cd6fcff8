"""One field of a form: its label, its editor, its help, and what is wrong with its value."""

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from editor.panels.forms.base import FieldEditor
from editor.panels.widgets import IconLabel
from editor.text import plain_label, set_role
from editor.theme import Theme
from engine import Field, references

_ICONS = {"error": "circle-alert", "warning": "triangle-alert", "info": "info"}
_COLORS = {"error": "error", "warning": "warning", "info": "text_muted"}


class FieldRow(QWidget):
    """A labelled editor of one config key.

    Signals:
        edited(str, object): the key and the value the person made; `edits.ABSENT` when the key shall go.
        left(): the caret left the editor.
    """

    edited = Signal(str, object)
    left = Signal()

    def __init__(self, field: Field, editor: FieldEditor, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.field = field
        self.editor = editor
        self._value: Any = None
        self._problem = ("", "error")
        self.message = plain_label("", self, role="error", wrap=True)
        self.icon = IconLabel(theme, "circle-alert", "error", 14, self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        if field.kind != "switch":
            label = plain_label(field.label, self, role="label")
            label.setBuddy(editor)
            layout.addWidget(label)
        layout.addWidget(editor)
        layout.addLayout(self._message_line())
        self.help = plain_label(field.help, self, role="muted", wrap=True)
        self.help.setVisible(bool(field.help))
        layout.addWidget(self.help)
        editor.set_names(field.label, field.help)
        editor.edited.connect(self._on_edited)
        editor.left.connect(self.left)
        editor.problem_changed.connect(self._show_problem)

    @property
    def problem(self) -> str:
        """The sentence that is shown as wrong, "" when nothing is."""
        return self.message.text() if not self.message.isHidden() else ""

    def show_value(self, value: Any) -> None:
        """Show this value of the document."""
        self._value = value
        self.editor.show_value(value)
        self._show_problem()

    def forget(self) -> None:
        """Another block or document is shown next: nothing of this one may stay."""
        self._problem = ("", "error")
        self.editor.forget()

    def show_problem(self, message: str, severity: str = "error") -> None:
        """Show what the check of the document says about this field, "" for nothing."""
        self._problem = (message, severity)
        self._show_problem()

    def _message_line(self) -> QHBoxLayout:
        line = QHBoxLayout()
        line.setSpacing(6)
        inner = QVBoxLayout()
        inner.setContentsMargins(0, 2, 0, 0)
        inner.addWidget(self.icon)
        inner.addStretch(1)
        line.addLayout(inner)
        line.addWidget(self.message, 1)
        return line

    def _on_edited(self, value: Any) -> None:
        self._value = value
        self._problem = ("", "error")  # it was about the value before; the check of the document speaks again soon
        self._show_problem()
        self.edited.emit(self.field.key, value)

    def _show_problem(self) -> None:
        message, severity = self._first_problem()
        self.message.setText(message)
        self.message.setVisible(bool(message))
        self.icon.setVisible(bool(message))
        set_role(self.message, severity if severity != "info" else "muted")
        self.icon.set_icon(_ICONS.get(severity, "info"), _COLORS.get(severity, "text_muted"))
        self.editor.set_invalid(bool(message) and severity == "error")

    def _first_problem(self) -> tuple[str, str]:
        """What cannot be read comes before what the field says of its value, and that before what the check says."""
        if self.editor.tells_problems:
            return "", "error"
        if self.editor.own_problem:
            return self.editor.own_problem, "error"
        found = self._value_problem()
        return (found, "error") if found else self._problem

    def _value_problem(self) -> str:
        check = self.field.check
        value = self._value
        if check is None or value in (None, "") or not _is_json(value) or references.contains(value):
            return ""
        return check(value) or ""


def _is_json(value: Any) -> bool:
    return isinstance(value, str | int | float | bool | list | dict)
