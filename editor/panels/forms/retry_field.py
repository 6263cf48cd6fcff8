"""How often a block is tried again, and how long to wait between: the config key `retry` of any block."""

from typing import Any

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from editor.panels.forms.base import FieldEditor
from editor.panels.forms.simple_fields import NumberField
from editor.text import plain_label
from engine import Field, edits

PARTS = (
    Field("attempts", "Attempts", "number", "How often the block is tried in all", minimum=1, maximum=20),
    Field("delay_ms", "Wait (ms)", "number", "Time before the second attempt", minimum=0, maximum=600_000, step=100),
    Field("backoff", "Grow by", "number", "Each wait is this many times the one before", minimum=1, maximum=10),
)
_EMPTY = {"attempts": "1", "delay_ms": "0", "backoff": "1"}


class RetryField(FieldEditor):
    """The object `{"attempts", "delay_ms", "backoff"}`, every key optional; with none of them the key goes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._value: dict[str, Any] = {}
        self.parts: dict[str, NumberField] = {}
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        for field in PARTS:
            layout.addLayout(self._column(field), 1)
        self.setFocusProxy(self.parts["attempts"].edit)

    def show_value(self, value: Any) -> None:
        self._value = dict(value) if isinstance(value, dict) else {}
        for key, part in self.parts.items():
            part.show_value(self._value.get(key))

    def forget(self) -> None:
        for part in self.parts.values():
            part.forget()
        super().forget()

    def set_invalid(self, invalid: bool) -> None:
        for part in self.parts.values():
            part.set_invalid(invalid and bool(part.own_problem))

    def _column(self, field: Field) -> QVBoxLayout:
        part = self.parts[field.key] = NumberField(field, self)
        part.edit.setPlaceholderText(_EMPTY[field.key])
        part.set_names(f"Retry: {field.label}", field.help)
        part.edited.connect(self._on_edited)
        part.problem_changed.connect(self._on_problem_changed)
        part.left.connect(self.left)
        column = QVBoxLayout()
        column.setSpacing(2)
        column.addWidget(plain_label(field.label, self, role="muted"))
        column.addWidget(part)
        return column

    def _on_edited(self, value: Any) -> None:
        key = next(key for key, part in self.parts.items() if part is self.sender())
        changed = {name: item for name, item in self._value.items() if name != key}
        if value is not edits.ABSENT:
            changed[key] = value
        self._value = changed
        self.edited.emit(changed or edits.ABSENT)

    def _on_problem_changed(self) -> None:
        problems = [f"{field.label}: {found}" for field in PARTS if (found := self.parts[field.key].own_problem)]
        self._set_own_problem(problems[0] if problems else "")
