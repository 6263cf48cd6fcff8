"""What a block gets from those before it: each output as a chip to insert or copy, with its value in the last run."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from editor.panels.widgets import ElidedLabel, IconButton
from editor.text import elided, one_line, plain_label, set_tooltip
from editor.theme import Theme
from editor.workspace.workspace import Workspace
from engine import RunState, Suggestion, Workflow, references

SHOWN_AT_FIRST = 6
VALUE_LENGTH = 120
CHIP_PADDING = 22
CHIP_SHARE = 0.66
_NOTHING: Any = object()


class InputsSection(QWidget):
    """Chips of the references that this block can use.

    Signals:
        chosen(str): the reference on the chip that was clicked.
    """

    chosen = Signal(str)

    def __init__(self, workspace: Workspace, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._suggestions: Sequence[Suggestion] = ()
        self._shows_all = False
        self._rows: list[InputRow] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)
        self.nothing = plain_label("Nothing yet. Connect a block to this one to use what it gives.", self, role="muted")
        self.nothing.setWordWrap(True)
        self.more = IconButton(theme, "chevron-down", "Show all", self, text="Show all")
        self._layout.addWidget(self.nothing)
        self._layout.addWidget(self.more, alignment=Qt.AlignmentFlag.AlignLeft)
        self.more.clicked.connect(self._on_more_clicked)

    @property
    def rows(self) -> "list[InputRow]":
        """The chips that are shown."""
        return [row for row in self._rows if not row.isHidden()]

    def show_suggestions(self, suggestions: Sequence[Suggestion], *, is_entry: bool) -> None:
        """Show these references. An entry block gets its input from the run."""
        self._suggestions = suggestions
        self.nothing.setVisible(not suggestions)
        words = "Nothing yet. Connect a block to this one to use what it gives."
        self.nothing.setText("The variables of the run. The workflow begins here." if is_entry else words)
        self._fill()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._align()

    def show_values(self) -> None:
        """Show the values of the run that is shown now."""
        workflow, run = self._workspace.workflow, self._workspace.run
        for row in self.rows:
            row.set_value(last_value(workflow, run, row.reference))

    def _fill(self) -> None:
        count = len(self._suggestions) if self._shows_all else min(len(self._suggestions), SHOWN_AT_FIRST)
        while len(self._rows) < count:
            row = InputRow(self)
            row.clicked.connect(self.chosen)
            self._layout.insertWidget(len(self._rows) + 1, row)
            self._rows.append(row)
        for number, row in enumerate(self._rows):
            row.setVisible(number < count)
            if number < count:
                row.show_suggestion(self._suggestions[number])
        self._align()
        hidden = len(self._suggestions) - count
        self.more.setVisible(hidden > 0)
        self.more.setText(f"Show {hidden} more")
        self.show_values()

    def _align(self) -> None:
        """Let all values begin at the same place, as far left as the chips allow."""
        rows = self.rows
        wanted = max((row.wanted_width() for row in rows), default=0)
        column = min(wanted, round(self.width() * CHIP_SHARE))
        for row in rows:
            row.set_column(column)

    def _on_more_clicked(self) -> None:
        self._shows_all = True
        self._fill()


class InputRow(QWidget):
    """One reference as a chip, and beside it the value it had in the last run.

    Signals:
        clicked(str): the reference.
    """

    clicked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.reference = ""
        self.chip = QToolButton(self)
        self.chip.setProperty("chip", True)
        # A click leaves the caret in the field where the reference shall go; Tab still reaches the chip.
        self.chip.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.chip.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.value = ElidedLabel("", "muted", self)
        self._ticked = QTimer(self)
        self._ticked.setSingleShot(True)
        self._ticked.setInterval(1500)
        self._ticked.timeout.connect(self._show_text)
        self._column = QWidget(self)
        column = QHBoxLayout(self._column)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.chip)
        column.addStretch(1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self._column)
        layout.addWidget(self.value, 1)
        self.chip.clicked.connect(self._on_clicked)

    def show_suggestion(self, suggestion: Suggestion) -> None:
        """Show this reference."""
        self.reference = suggestion.insert
        self.chip.setAccessibleName(f"{suggestion.insert}, {suggestion.kind}")
        set_tooltip(self.chip, f"{suggestion.insert}\n{suggestion.kind}. {suggestion.help}\nClick to insert or copy")
        self._show_text()

    def set_value(self, value: Any) -> None:
        """Show the value of the last run, nothing when there is none."""
        self.value.set_text("" if value is _NOTHING else short_value(value))

    def tell_copied(self) -> None:
        """Say for a moment that the reference is on the clipboard."""
        self.chip.setText("✓ Copied")
        self._ticked.start()

    def wanted_width(self) -> int:
        """Pixels that the chip takes when nothing of it is cut."""
        return self.chip.fontMetrics().horizontalAdvance(self.reference[:200]) + CHIP_PADDING

    def set_column(self, width: int) -> None:
        """Give the chip this many pixels; the value stands behind them."""
        self._column.setFixedWidth(width)
        self._show_text()

    def _show_text(self) -> None:
        if not self._ticked.isActive():
            room = self._column.width() - CHIP_PADDING + 4
            self.chip.setText(elided(self.reference, self.chip.fontMetrics(), room).replace("&", "&&"))

    def _on_clicked(self) -> None:
        self.clicked.emit(self.reference)


def copy_reference(reference: str) -> None:
    """Put a reference on the clipboard."""
    QGuiApplication.clipboard().setText(reference)


def last_value(workflow: Workflow, run: RunState | None, reference: str) -> Any:
    """The value that a reference had in this run; a private mark when it had none."""
    found = references.find(reference)
    if run is None or not found:
        return _NOTHING
    if found[0].kind == "variable":
        return _walk(run.variables, [found[0].name, *found[0].keys])
    block = workflow.find_by_name(found[0].name)
    block_run = run.blocks.get(block.id) if block else None
    return _walk(block_run.result, found[0].keys) if block_run and block_run.result is not None else _NOTHING


def short_value(value: Any) -> str:
    """The beginning of a value on one line; big ones are not written out in full."""
    if isinstance(value, str):
        return one_line(value, VALUE_LENGTH) or "empty text"
    if isinstance(value, dict | list) and len(value) > 20:
        return f"{len(value):,} entries"
    pieces: list[str] = []
    room = VALUE_LENGTH
    encoder: Callable[[Any], Any] = json.JSONEncoder(ensure_ascii=False).iterencode
    for piece in encoder(_shortened(value)):
        pieces.append(piece)
        room -= len(piece)
        if room < 0:
            break
    return one_line("".join(pieces), VALUE_LENGTH)


def _shortened(value: Any, depth: int = 4) -> Any:
    if isinstance(value, str):
        return value[:VALUE_LENGTH]
    if isinstance(value, dict):
        return {key: _shortened(item, depth - 1) for key, item in list(value.items())[:20]} if depth else "…"
    if isinstance(value, list):
        return [_shortened(item, depth - 1) for item in value[:20]] if depth else "…"
    return value


def _walk(value: Any, keys: list[str]) -> Any:
    for key in keys:
        if not isinstance(value, dict) or key not in value:
            return _NOTHING
        value = value[key]
    return value
