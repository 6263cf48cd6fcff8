"""Fields with rows that come and go: pairs of key and value, declared variables, branches of a condition."""

import json
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from editor.panels.forms.base import FieldEditor, FormContext
from editor.panels.forms.text_field import TextField, shown_text
from editor.panels.widgets import IconButton
from editor.text import plain_label, set_style
from editor.theme import Theme
from engine import Field, pairs_of

MAX_BRANCHES = 9


class PairRow(QWidget):
    """One key with its value. What the row was read from is kept, so that nothing unknown in it is lost.

    Signals:
        changed(): key or value was edited.
        left(): the caret left.
        remove_requested(object): the row shall go; the row itself.
    """

    changed = Signal()
    left = Signal()
    remove_requested = Signal(object)

    def __init__(self, context: FormContext, words: tuple[str, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.original: Any = None
        self._value: Any = ""
        self.key = TextField(context, self, placeholder=words[0], takes_references=False)
        self.value = TextField(context, self, placeholder=words[1])
        self.remove = IconButton(context.theme, "x", "Remove this row", self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.key, 2)
        layout.addWidget(self.value, 3)
        layout.addWidget(self.remove)
        self.key.set_names(words[0], "")
        self.value.set_names(words[1], "")
        for editor in (self.key, self.value):
            editor.edited.connect(self.changed)
            editor.left.connect(self.left)
        self.remove.clicked.connect(self._on_remove_clicked)

    def show_pair(self, key: str, value: Any, original: Any) -> None:
        """Show this pair, read from the row `original` of the document."""
        self.original, self._value = original, value
        self.key.show_value(key)
        self.value.show_value(value)

    def pair(self) -> tuple[str, Any]:
        """The key and the value. A value nobody edited keeps its type."""
        text = self.value.edit.toPlainText()
        return self.key.edit.toPlainText(), self._value if text == shown_text(self._value) else text

    def is_blank(self) -> bool:
        """Whether nothing is typed in the row."""
        key, value = self.pair()
        return key == "" and value == ""

    def _on_remove_clicked(self) -> None:
        self.remove_requested.emit(self)


class RowsField(FieldEditor):
    """A list of pair rows with a button that adds one."""

    words = ("Key", "Value")
    add_label = "Add a row"

    def __init__(self, context: FormContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._rows: list[PairRow] = []
        self._shown: Any = _NOTHING
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)
        self.add = IconButton(context.theme, "plus", self.add_label, self, text=self.add_label)
        line = QHBoxLayout()
        line.addWidget(self.add)
        line.addStretch(1)
        self._layout.addLayout(line)
        self.add.clicked.connect(self._on_add_clicked)
        self.setFocusProxy(self.add)

    @property
    def rows(self) -> list[PairRow]:
        """The rows as they stand."""
        return list(self._rows)

    def show_value(self, value: Any) -> None:
        if value == self._shown:
            return
        self._shown = value
        wanted = self._read(value)
        # Rows without a key or value live only here until something is typed, so they are not compared.
        filled = [row for row in self._rows if not row.is_blank()]
        if [row.pair() for row in filled] == [(key, item) for key, item, _ in wanted]:
            for row, (_, _, original) in zip(filled, wanted, strict=True):
                row.original = original
            return
        while len(self._rows) > len(wanted):
            self._drop(self._rows[-1])
        while len(self._rows) < len(wanted):
            self._grow()
        for row, (key, item, original) in zip(self._rows, wanted, strict=True):
            row.show_pair(key, item, original)

    def forget(self) -> None:
        super().forget()
        self._shown = _NOTHING
        while self._rows:
            self._drop(self._rows[-1])

    def set_invalid(self, invalid: bool) -> None:
        for row in self._rows:
            set_style(row.key.edit, "invalid", "true" if invalid else "false")

    def _read(self, value: Any) -> list[tuple[str, Any, Any]]:
        raise NotImplementedError

    def _write(self, rows: list[PairRow]) -> Any:
        raise NotImplementedError

    def _on_add_clicked(self) -> None:
        row = self._grow()
        QTimer.singleShot(0, row, row.key.edit.setFocus)

    def _on_row_changed(self) -> None:
        value = self._write([row for row in self._rows if not row.is_blank()])
        if value is not _NOTHING:
            self._shown = value
            self.edited.emit(value)

    def _on_remove_requested(self, row: PairRow) -> None:
        place = self._rows.index(row)
        was_blank = row.is_blank()
        self._drop(row)
        after = self._rows[min(place, len(self._rows) - 1)].key.edit if self._rows else self.add
        after.setFocus()
        if not was_blank:
            self.left.emit()
            self._on_row_changed()
            self.left.emit()

    def _grow(self) -> PairRow:
        row = PairRow(self._context, self.words, self)
        row.changed.connect(self._on_row_changed)
        row.left.connect(self.left)
        row.remove_requested.connect(self._on_remove_requested)
        self._layout.insertWidget(len(self._rows), row)
        self._rows.append(row)
        return row

    def _drop(self, row: PairRow) -> None:
        self._rows.remove(row)
        self._layout.removeWidget(row)
        row.hide()
        row.deleteLater()


class PairsField(RowsField):
    """A table of key and value. It is written in the shape it was read in: rows of cells, or a plain object."""

    def _read(self, value: Any) -> list[tuple[str, Any, Any]]:
        if isinstance(value, list):
            return [(*_cells(row), row) for row in value if isinstance(row, dict) and _cells(row) != ("", "")]
        return [(key, item, None) for key, item in pairs_of(value)]

    def _write(self, rows: list[PairRow]) -> Any:
        keys = [row.pair()[0] for row in rows]
        if isinstance(self._shown, dict) and self._shown and len(set(keys)) == len(keys) and "" not in keys:
            return dict(row.pair() for row in rows)
        return [_with_cells(row.original, *row.pair()) for row in rows]


class VariablesField(RowsField):
    """Declared variables and their defaults, an object. Two of one name are said to be so, and not stored."""

    words = ("Name", "Default value")
    add_label = "Add a variable"

    def _read(self, value: Any) -> list[tuple[str, Any, Any]]:
        return [(key, item, None) for key, item in pairs_of(value if isinstance(value, dict | str) else None)]

    def _write(self, rows: list[PairRow]) -> Any:
        pairs = [row.pair() for row in rows if row.pair()[0]]
        names = [name for name, _ in pairs]
        twice = next((name for name in names if names.count(name) > 1), "")
        self._set_own_problem(f"There are two variables named “{twice}”. Give each its own name." if twice else "")
        return _NOTHING if twice else dict(pairs)


class BranchRow(QWidget):
    """One branch of a condition: its word, its expression, and its own error.

    Signals:
        changed(): the expression was edited.
        left(): the caret left.
    """

    changed = Signal()
    left = Signal()

    def __init__(self, context: FormContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.original: Any = None
        self.word = plain_label("If", self, role="muted")
        self.editor = TextField(context, self, lines=(1, 6), placeholder='<Agent.output> == "yes"')
        self.message = plain_label("", self, role="error", wrap=True)
        self.message.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 4)
        layout.setSpacing(3)
        for widget in (self.word, self.editor, self.message):
            layout.addWidget(widget)
        self.editor.edited.connect(self.changed)
        self.editor.left.connect(self.left)

    def set_number(self, number: int) -> None:
        """Name the row by its place: the first is "If", the others "Else if"."""
        self.word.setText("If" if number == 0 else "Else if")
        self.editor.set_names(f"{self.word.text()}, branch {number + 1}", "")

    def set_problem(self, problem: str) -> None:
        """Show what is wrong with this branch, "" for nothing."""
        self.message.setText(problem[:1].upper() + problem[1:])
        self.message.setVisible(bool(problem))
        self.editor.set_invalid(bool(problem))


class BranchesField(FieldEditor):
    """The branches of a condition, as they are tried. Only the last can go, so that ports keep their places."""

    def __init__(
        self,
        context: FormContext,
        field: Field,
        check: Callable[[str], str],
        parent: QWidget | None = None,
    ) -> None:
        """`check` says what is wrong with an expression, "" when nothing is."""
        super().__init__(parent)
        self._context = context
        self._limit = int(field.maximum or MAX_BRANCHES)
        self._check = check
        self._rows: list[BranchRow] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(2)
        self.otherwise = plain_label("Else: when none of them is true", self, role="muted")
        self._layout.addWidget(self.otherwise)
        self._layout.addLayout(self._buttons(context.theme))

    @property
    def rows(self) -> list[BranchRow]:
        """The branches as they stand."""
        return list(self._rows)

    def show_value(self, value: Any) -> None:
        branches = value if isinstance(value, list) and value else [{"expression": ""}]
        while len(self._rows) > len(branches):
            self._drop()
        while len(self._rows) < len(branches):
            self._grow()
        for row, branch in zip(self._rows, branches, strict=True):
            row.original = branch
            row.editor.show_value(branch.get("expression") if isinstance(branch, dict) else branch)
        self._update()

    @property
    def tells_problems(self) -> bool:
        return any(row.message.text() for row in self._rows)

    def set_invalid(self, invalid: bool) -> None:
        """Each branch says itself what is wrong with it."""

    def insert_text(self, text: str) -> bool:
        focused = [row for row in self._rows if row.editor.edit.hasFocus()] or self._rows[-1:]
        return bool(focused) and focused[0].editor.insert_text(text)

    def _buttons(self, theme: Theme) -> QHBoxLayout:
        self.add = IconButton(theme, "plus", "Add a branch", self, text="Add branch")
        self.remove = IconButton(theme, "minus", "Remove the last branch", self, text="Remove last")
        line = QHBoxLayout()
        line.setContentsMargins(0, 2, 0, 0)
        line.addWidget(self.add)
        line.addWidget(self.remove)
        line.addStretch(1)
        self.add.clicked.connect(self._on_add_clicked)
        self.remove.clicked.connect(self._on_remove_clicked)
        return line

    def _value(self) -> list[Any]:
        values = []
        for row in self._rows:
            kept = row.original if isinstance(row.original, dict) else {}
            values.append({**kept, "expression": row.editor.edit.toPlainText()})
        return values

    def _on_changed(self) -> None:
        self._update()
        self.edited.emit(self._value())

    def _on_add_clicked(self) -> None:
        self.left.emit()
        row = self._grow()
        self._on_changed()
        self.left.emit()
        # The new row has no place on the screen until the layout has run.
        QTimer.singleShot(0, row, row.editor.edit.setFocus)

    def _on_remove_clicked(self) -> None:
        self.left.emit()
        self._drop()
        self._on_changed()
        self.left.emit()

    def _grow(self) -> BranchRow:
        row = BranchRow(self._context, self)
        row.changed.connect(self._on_changed)
        row.left.connect(self.left)
        self._layout.insertWidget(len(self._rows), row)
        self._rows.append(row)
        self.setFocusProxy(self._rows[0].editor.edit)
        return row

    def _drop(self) -> None:
        row = self._rows.pop()
        self._layout.removeWidget(row)
        row.hide()
        row.deleteLater()

    def _update(self) -> None:
        for number, row in enumerate(self._rows):
            row.set_number(number)
            text = row.editor.edit.toPlainText()
            row.set_problem(self._check(text) if text.strip() else "")
        self.add.setEnabled(len(self._rows) < self._limit)
        self.remove.setEnabled(len(self._rows) > 1)


_NOTHING: Any = object()


def _cells(row: dict[str, Any]) -> tuple[str, Any]:
    cells = row.get("cells")
    if not isinstance(cells, dict):
        return "", ""
    key, value = cells.get("Key"), cells.get("Value", "")
    return ("" if key is None else key if isinstance(key, str) else json.dumps(key)), value


def _with_cells(original: Any, key: str, value: Any) -> dict[str, Any]:
    kept = original if isinstance(original, dict) else {}
    cells = kept.get("cells")
    return {**kept, "cells": {**(cells if isinstance(cells, dict) else {}), "Key": key, "Value": value}}
