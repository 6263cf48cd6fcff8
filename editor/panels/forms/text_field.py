"""Text in one or several lines, with references coloured and completed."""

from typing import Any

from PySide6.QtWidgets import QVBoxLayout, QWidget

from editor.panels.forms.base import FieldEditor, FormContext
from editor.panels.forms.completion import CompletionPopup
from editor.panels.forms.highlight import ReferenceHighlighter
from editor.panels.forms.plain_edit import PlainEdit
from engine import references

LONG_LINES = (3, 14)


class TextField(FieldEditor):
    """A string. Values of another kind are shown as their JSON text and stay what they are until somebody types."""

    def __init__(
        self,
        context: FormContext,
        parent: QWidget | None = None,
        *,
        lines: tuple[int, int] = (1, 1),
        placeholder: str = "",
        takes_references: bool = True,
    ) -> None:
        super().__init__(parent)
        self._takes_references = takes_references
        self.edit = PlainEdit(self, lines=lines)
        self.edit.setPlaceholderText(placeholder)
        if takes_references:
            ReferenceHighlighter(self.edit.document(), context.theme)
            self.popup = CompletionPopup(self.edit, context)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.edit)
        self.setFocusProxy(self.edit)
        self.edit.text_edited.connect(self.tell)
        self.edit.left.connect(self.left)

    def show_value(self, value: Any) -> None:
        self.edit.show_text(shown_text(value))

    def set_read_only(self, read_only: bool) -> None:
        """Show the text without letting it be changed."""
        self.edit.setReadOnly(read_only)

    def insert_text(self, text: str) -> bool:
        if not self._takes_references or self.edit.isReadOnly():
            return False
        self.edit.insertPlainText(text)
        self.edit.setFocus()
        return True


def shown_text(value: Any) -> str:
    """A JSON value as the text of a field: text as it is, nothing for null, else compact JSON."""
    return "" if value is None else references.text_of(value)
