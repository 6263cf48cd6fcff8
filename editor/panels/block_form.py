"""The form of one block type: a row for each field, the rarely used ones folded away.

A form is made once for each block type and then shows one block after another.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QApplication, QPushButton, QVBoxLayout, QWidget

from editor.panels.forms.base import FormContext
from editor.panels.forms.factory import make_editor
from editor.panels.forms.field_row import FieldRow
from editor.panels.forms.retry_field import RetryField
from editor.theme import Theme
from engine import Block, BlockType, Field, JsonObject, Problem

CANNOT_WAIT = frozenset({"starter", "webhook", "response", "split", "condition"})
"""Block types that are done at once: they get no time limit and no retries."""

TIMEOUT = Field(
    "timeout",
    "Time limit",
    "number",
    "The block fails when it takes longer. Empty: as long as the run may take, and for code 60 s.",
    placeholder="As usual",
    minimum=1,
    step=1000,
    unit="ms",
    advanced=True,
)
RETRY = Field(
    "retry",
    "Retry",
    "number",
    "A block that fails is tried again. Each wait is the one before, grown by the factor.",
    advanced=True,
)


class BlockForm(QWidget):
    """The fields of a block type.

    Signals:
        edited(str, str, object): block id, config key, and the value the person made.
        left(): the caret left a field.
    """

    edited = Signal(str, str, object)
    left = Signal()

    def __init__(self, block_type: BlockType, context: FormContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._block_type = block_type
        self._block_id = ""
        self._config: JsonObject = {}
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(14)
        self.rows: dict[str, FieldRow] = {}
        for field in block_type.fields:
            if not field.advanced:
                self._add(field, context, self._layout)
        self.more = FoldSection(context.theme, "More", self)
        self._layout.addWidget(self.more)
        for field in [field for field in block_type.fields if field.advanced]:
            self._add(field, context, self.more.content_layout)
        if block_type.type not in CANNOT_WAIT:
            self._add_policy(context)
        self.more.setVisible(self.more.content_layout.count() > 0)

    def show_block(self, block: Block) -> None:
        """Show this block's config."""
        if block.id != self._block_id:
            self.forget()
            self._block_id = block.id
        self._config = block.config
        for key, row in self.rows.items():
            field = self._block_type.field(key)
            row.editor.show_beside(block.config)
            row.show_value(field.value_in(block.config) if field else block.config.get(key))
        self._show_visible()

    def forget(self) -> None:
        """Drop what belongs to the block that was shown, also what was typed and could not be stored."""
        self._block_id = ""
        for row in self.rows.values():
            row.forget()

    def show_problems(self, problems: Iterable[Problem]) -> None:
        """Show what the check says beside the fields it is about; a problem in a folded field unfolds it."""
        first: dict[str, Problem] = {}
        for problem in problems:
            if problem.block_id == self._block_id and problem.field:
                first.setdefault(problem.field, problem)
        for key, row in self.rows.items():
            found = first.get(key)
            row.show_problem(found.message if found else "", found.severity if found else "error")
            if found and found.severity == "error" and row.field.advanced:
                self.more.set_open(True)

    def focus_first(self) -> bool:
        """Put the caret where one begins: into the first field that is needed, else the first; False without any."""
        rows = [row for row in self.rows.values() if not (row.isHidden() or row.field.read_only or row.field.advanced)]
        for row in sorted(rows, key=_is_optional)[:1]:
            row.editor.setFocus(Qt.FocusReason.ShortcutFocusReason)
        return bool(rows)

    def insert_text(self, text: str) -> bool:
        """Put a reference at the caret; False when the caret is in no field that takes one."""
        focused = QApplication.focusWidget()
        for row in self.rows.values():
            if focused is not None and row.editor.isAncestorOf(focused):
                return row.editor.insert_text(text)
        return False

    def _add(self, field: Field, context: FormContext, layout: QVBoxLayout) -> None:
        raw = field.key in self._block_type.raw_fields
        self._add_row(FieldRow(field, make_editor(field, context, self, raw=raw), context.theme, self), layout)

    def _add_policy(self, context: FormContext) -> None:
        if self._block_type.field("timeout") is None:
            self._add(TIMEOUT, context, self.more.content_layout)
        if self._block_type.field("retry") is None:
            self._add_row(FieldRow(RETRY, RetryField(self), context.theme, self), self.more.content_layout)

    def _add_row(self, row: FieldRow, layout: QVBoxLayout) -> None:
        self.rows[row.field.key] = row
        row.edited.connect(self._on_edited)
        row.left.connect(self.left)
        layout.addWidget(row)

    def _on_edited(self, key: str, value: Any) -> None:
        self.edited.emit(self._block_id, key, value)

    def _show_visible(self) -> None:
        shown = with_defaults(self._config, self._block_type)
        for row in self.rows.values():
            row.setVisible(row.field.is_visible(shown))


def _is_optional(row: FieldRow) -> bool:
    return not row.field.required


class FoldSection(QWidget):
    """A section that opens and closes by its heading."""

    def __init__(self, theme: Theme, title: str, parent: QWidget | None = None, *, is_open: bool = False) -> None:
        super().__init__(parent)
        self._theme = theme
        self.button = QPushButton(title, self)
        self.button.setProperty("fold", True)
        self.content = QWidget(self)
        self.content_layout = QVBoxLayout(self.content)
        self.content_layout.setContentsMargins(0, 4, 0, 0)
        self.content_layout.setSpacing(14)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.button, alignment=Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self.content)
        self._title = title
        self._open = is_open
        self.content.setVisible(is_open)
        self._show_state()
        self.button.clicked.connect(self._on_clicked)
        theme.changed.connect(self._show_state)

    @property
    def is_open(self) -> bool:
        """Whether the content is shown."""
        return self._open

    def set_open(self, is_open: bool) -> None:
        """Show or hide the content."""
        if is_open != self._open:
            self._open = is_open
            self.content.setVisible(is_open)
            self._show_state()

    def _show_state(self) -> None:
        self.button.setIcon(self._theme.icon("chevron-down" if self._open else "chevron-right"))
        self.button.setAccessibleName(f"{self._title}, {'open' if self._open else 'closed'}")

    def _on_clicked(self) -> None:
        self.set_open(not self._open)


def with_defaults(config: Mapping[str, Any], block_type: BlockType) -> JsonObject:
    """The config with the fields' defaults where it has no value, which is what rules of visibility look at."""
    defaults = {field.key: field.default for field in block_type.fields}
    return {**defaults, **config}
