"""A JSON schema as a list of named values with their kinds; one that says more is edited as JSON."""

from typing import Any

from PySide6.QtCore import QSignalBlocker, QTimer, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from editor.panels.forms.base import FieldEditor, FormContext, no_wheel_focus
from editor.panels.forms.source_fields import JsonField
from editor.panels.widgets import IconButton, UndoIsTheWindows
from editor.text import set_style
from engine import JsonObject, edits

KINDS: tuple[tuple[str, JsonObject], ...] = (
    ("Text", {"type": "string"}),
    ("Number", {"type": "number"}),
    ("Whole number", {"type": "integer"}),
    ("Yes or no", {"type": "boolean"}),
    ("List of texts", {"type": "array", "items": {"type": "string"}}),
)
Rows = list[tuple[str, int]]
"""Names and the places of their kinds in `KINDS`."""


class ValueRow(QWidget):
    """One value: its name and its kind.

    Signals:
        changed(): another name or kind.
        left(): the caret left.
        remove_requested(object): the row shall go; the row itself.
    """

    changed = Signal()
    left = Signal()
    remove_requested = Signal(object)

    def __init__(self, context: FormContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name = QLineEdit(self)
        self.name.setPlaceholderText("Name")
        self.name.setAccessibleName("Name of the value")
        self.name.installEventFilter(UndoIsTheWindows(self))
        self.kind = QComboBox(self)
        self.kind.setAccessibleName("Kind of the value")
        self.kind.addItems([label for label, _ in KINDS])
        self.kind.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.kind.setMinimumContentsLength(7)
        no_wheel_focus(self.kind)
        self.remove = IconButton(context.theme, "x", "Remove this value", self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.name, 3)
        layout.addWidget(self.kind, 2)
        layout.addWidget(self.remove)
        self.name.textEdited.connect(self.changed)
        self.name.editingFinished.connect(self.left)
        self.kind.activated.connect(self.changed)
        self.remove.clicked.connect(self._on_remove)

    def _on_remove(self) -> None:
        self.remove_requested.emit(self)


class SchemaField(FieldEditor):
    """The values that an answer must have. Nothing at all stands for plain text."""

    def __init__(self, context: FormContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._value: Any = None
        self._rows: list[ValueRow] = []
        self.json = JsonField(context, self, only_objects=True)
        self.add = IconButton(context.theme, "plus", "Add a value", self, text="Add a value")
        self.as_json = IconButton(context.theme, "braces", "Edit as JSON", self, text="JSON")
        self.as_json.setCheckable(True)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)
        self._layout.addWidget(self.json)
        line = QHBoxLayout()
        line.setSpacing(4)
        line.addWidget(self.add)
        line.addStretch(1)
        line.addWidget(self.as_json)
        self._layout.addLayout(line)
        self.setFocusProxy(self.add)
        self.json.edited.connect(self._on_json_edited)
        self.json.left.connect(self.left)
        self.json.problem_changed.connect(self._on_json_problem)
        self.add.clicked.connect(self._on_add)
        self.as_json.toggled.connect(self._show)
        self._show()

    @property
    def rows(self) -> list[ValueRow]:
        """The values as they stand."""
        return list(self._rows)

    def show_value(self, value: Any) -> None:
        self._value = value
        rows = rows_of(value)
        if rows is None:
            with QSignalBlocker(self.as_json):
                self.as_json.setChecked(True)
        elif rows != self._typed():
            self._show_rows(rows)
        self.json.show_value(value or None)
        self._show()

    def forget(self) -> None:
        super().forget()
        self.json.forget()
        self._show_rows([])
        with QSignalBlocker(self.as_json):
            self.as_json.setChecked(False)

    def set_invalid(self, invalid: bool) -> None:
        self.json.set_invalid(invalid)

    def _show(self) -> None:
        is_simple = rows_of(self._value) is not None
        shows_json = self.as_json.isChecked()
        self.as_json.setEnabled(is_simple or not shows_json)
        self.json.setVisible(shows_json)
        self.add.setVisible(not shows_json)
        for row in self._rows:
            row.setVisible(not shows_json)

    def _typed(self) -> Rows:
        """The rows that have a name."""
        return [(row.name.text(), row.kind.currentIndex()) for row in self._rows if row.name.text()]

    def _show_rows(self, rows: Rows) -> None:
        while len(self._rows) > len(rows):
            self._drop(self._rows[-1])
        while len(self._rows) < len(rows):
            self._grow()
        for row, (name, kind) in zip(self._rows, rows, strict=True):
            with QSignalBlocker(row.name), QSignalBlocker(row.kind):
                if row.name.text() != name:
                    row.name.setText(name)
                row.kind.setCurrentIndex(kind)

    def _grow(self) -> ValueRow:
        row = ValueRow(self._context, self)
        row.changed.connect(self._on_row_changed)
        row.left.connect(self.left)
        row.remove_requested.connect(self._on_remove_requested)
        self._layout.insertWidget(len(self._rows), row)
        self._rows.append(row)
        return row

    def _drop(self, row: ValueRow) -> None:
        self._rows.remove(row)
        self._layout.removeWidget(row)
        row.hide()
        row.deleteLater()

    def _on_add(self) -> None:
        row = self._grow()
        QTimer.singleShot(0, row, row.name.setFocus)

    def _on_remove_requested(self, row: ValueRow) -> None:
        self._drop(row)
        self._on_row_changed()

    def _on_row_changed(self) -> None:
        names = [name for name, _ in self._typed()]
        twice = next((name for name in names if names.count(name) > 1), "")
        for row in self._rows:
            set_style(row.name, "invalid", "true" if twice and row.name.text() == twice else "false")
        self._set_own_problem(f"There are two values named “{twice}”. Give each its own name." if twice else "")
        if not twice:
            self._value = schema_of(self._typed())
            self.json.show_value(self._value or None)
            self.edited.emit(self._value or edits.ABSENT)

    def _on_json_edited(self, value: Any) -> None:
        self._value = None if value is edits.ABSENT else value
        rows = rows_of(self._value)
        if rows is not None:
            self._show_rows(rows)
        self._show()
        self.edited.emit(value)

    def _on_json_problem(self) -> None:
        self._set_own_problem(self.json.own_problem)


def schema_of(rows: Rows) -> JsonObject | None:
    """The schema of an object with these values, all of them needed; None for no values."""
    if not rows:
        return None
    properties = {name: KINDS[kind][1] for name, kind in rows}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def rows_of(schema: Any) -> Rows | None:
    """The values of a schema that `schema_of` makes; [] for nothing; None for a schema that says anything else."""
    if schema in (None, "", {}):
        return []
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict):
        return None
    kinds = [kind for _, kind in KINDS]
    rows = [(name, kinds.index(kind)) for name, kind in properties.items() if name and kind in kinds]
    return rows if schema_of(rows) == schema else None
