"""What differs between two versions of a graph, as rows to read: a block or connection each, its fields below it."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from editor.panels.widgets import ElidedLabel, IconLabel
from editor.text import plain_label
from editor.theme import Theme, mono_font
from engine import deployreview

MAX_ITEMS, MAX_FIELDS, MAX_LINES = 60, 12, 14
_LOOKS = {"added": ("plus", "success"), "changed": ("pencil", "accent"), "deleted": ("minus", "error")}


class ChangeList(QFrame):
    """Rows of changes; of very many the first ones, and how many more there are."""

    def __init__(self, changes: deployreview.Changes, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.setSpacing(10)
        for item in changes.items[:MAX_ITEMS]:
            layout.addWidget(_Item(item, theme, self))
        left = len(changes.items) - MAX_ITEMS
        if left > 0:
            layout.addWidget(plain_label(f"And {left:,} more.", self, role="muted"))


class _Item(QWidget):
    def __init__(self, item: deployreview.ItemChange, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        icon, color = _LOOKS[item.done]
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(IconLabel(theme, icon, color, 14, self))
        name = plain_label(item.name[:120], self, role="title")
        head.addWidget(name)
        kind = item.type_name if item.kind == "block" else "Connection"
        head.addWidget(ElidedLabel(f"{kind} · {item.done}", "muted", self), 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(head)
        if item.fields:
            layout.addLayout(self._fields(item, theme))

    def _fields(self, item: deployreview.ItemChange, theme: Theme) -> QGridLayout:
        grid = QGridLayout()
        grid.setContentsMargins(22, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        top = Qt.AlignmentFlag.AlignTop
        for row, field in enumerate(item.fields[:MAX_FIELDS]):
            grid.addWidget(plain_label(field.label[:60], self, role="muted"), row, 0, top)
            grid.addWidget(_Diff(field.lines, theme, self) if field.lines else _values(field, self), row, 1)
        if len(item.fields) > MAX_FIELDS:
            more = plain_label(f"And {len(item.fields) - MAX_FIELDS} more fields.", self, role="muted")
            grid.addWidget(more, MAX_FIELDS, 1)
        return grid


def _values(field: deployreview.FieldChange, parent: QWidget) -> QLabel:
    """Old and new value in one line of words."""
    if field.before == field.after == "hidden":
        words = "another one (hidden)"
    else:
        words = f"{field.before or 'empty'} → {field.after or 'empty'}"
    return plain_label(words, parent, wrap=True)


class _Diff(QPlainTextEdit):
    """Lines that came and went, marked by sign and colour."""

    def __init__(self, lines: tuple[str, ...], theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setFont(mono_font())
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setAccessibleName("Lines that changed")
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        shown = list(lines[:MAX_LINES])
        if len(lines) > MAX_LINES:
            shown.append(f"  … {len(lines) - MAX_LINES:,} more lines")
        colors = {"+": theme.colors.success, "-": theme.colors.error}
        cursor = QTextCursor(self.document())
        for number, text in enumerate(shown):
            style = QTextCharFormat()
            style.setForeground(QColor(colors.get(text[:1], theme.colors.text_muted)))
            cursor.insertText(f"{chr(10) if number else ''}{text[:300]}", style)
        widest = max(self.fontMetrics().horizontalAdvance(text[:300]) for text in shown)
        bar = self.horizontalScrollBar().sizeHint().height() if widest > 380 else 0
        self.setFixedHeight(self.fontMetrics().lineSpacing() * len(shown) + 16 + bar)
        self.moveCursor(QTextCursor.MoveOperation.Start)
