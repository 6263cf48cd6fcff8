"""A plain text editor that grows with its text, moves on by Tab, and leaves undo to the window."""

import re

from PySide6.QtCore import QEvent, QMimeData, QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QResizeEvent, QTextCursor, QTextOption
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QSizePolicy, QWidget

from editor.panels.widgets import UndoIsTheWindows

MAX_INSERT = 2_000_000
"""Characters that one paste may bring."""


class PlainEdit(QPlainTextEdit):
    """Plain text in one or several lines.

    Signals:
        text_edited(str): the person changed the text.
        entered(): Enter was pressed in a field of one line.
        left(): the caret left.
    """

    text_edited = Signal(str)
    entered = Signal()
    left = Signal()

    def __init__(self, parent: QWidget | None = None, *, lines: tuple[int, int] = (1, 1)) -> None:
        """`lines` is the least and the most height; (1, 1) is a field of one line."""
        super().__init__(parent)
        self._min_lines, self._max_lines = lines
        self._known = ""
        self.setUndoRedoEnabled(False)
        self.setTabChangesFocus(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.installEventFilter(UndoIsTheWindows(self))
        self.document().setDocumentMargin(2.5 if self.is_single_line else 3)
        if self.is_single_line:
            self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
            self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        else:
            self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            self.setWordWrapMode(wrap_mode_for(""))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.textChanged.connect(self._on_text_changed)
        # Highlighting makes words bold and so wraps lines anew, after the text has changed.
        self._fitting = QTimer(self)
        self._fitting.setSingleShot(True)
        self._fitting.timeout.connect(self._fit_height)
        self.document().documentLayout().documentSizeChanged.connect(self._fit_height)
        self._fit_height()

    @property
    def is_single_line(self) -> bool:
        """Whether Enter and line breaks are not for this field."""
        return self._max_lines == 1

    def show_text(self, text: str) -> None:
        """Show this text: only the part that differs is replaced, so that the caret stays where it can."""
        old = self.toPlainText()
        if text == old:
            return
        self._wrap_for(text)
        start = _common_prefix(old, text)
        tail = _common_prefix(old[start:][::-1], text[start:][::-1])
        cursor = QTextCursor(self.document())
        with QSignalBlocker(self):
            cursor.setPosition(_units(old[:start]))
            cursor.setPosition(_units(old[: len(old) - tail]), QTextCursor.MoveMode.KeepAnchor)
            cursor.insertText(text[start : len(text) - tail])
        self._known = self.toPlainText()
        if not self.hasFocus():
            self.moveCursor(QTextCursor.MoveOperation.Start)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self.is_single_line and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.entered.emit()
            return
        super().keyPressEvent(event)

    def insertFromMimeData(self, source: QMimeData) -> None:
        text = source.text()[:MAX_INSERT]
        if self.is_single_line:
            text = " ".join(text.splitlines())
        self.insertPlainText(text)
        self.ensureCursorVisible()

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        return source.hasText()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.left.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fitting.start(0)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit_height()

    def _bar_height(self) -> int:
        """Pixels that a scroll bar below the text may take."""
        return 0

    def _on_text_changed(self) -> None:
        self._fitting.start(0)
        text = self.toPlainText()
        if text != self._known:  # a highlighter's new formats arrive here as well
            self._known = text
            self._wrap_for(text)
            self.text_edited.emit(text)

    def _wrap_for(self, text: str) -> None:
        if not self.is_single_line:
            self.setWordWrapMode(wrap_mode_for(text))

    def _fit_height(self) -> None:
        lines = min(max(self._line_count(), self._min_lines), self._max_lines)
        # The frame's width holds the padding and the border that the style sheet gives.
        padding = round(2 * self.document().documentMargin()) + 2 * self.frameWidth() + self._bar_height()
        height = lines * self.fontMetrics().lineSpacing() + padding + _SLACK
        if height != self.height():
            self.setFixedHeight(height)

    def _line_count(self) -> int:
        """Lines on the screen, wrapped ones included; counting stops at the most that are shown."""
        block, count = self.document().firstBlock(), 0
        while block.isValid() and count < self._max_lines:
            self.blockBoundingRect(block)  # has the block laid out, which Qt else does when it paints
            count += max(1, block.lineCount())
            block = block.next()
        return count


_SLACK = 1  # without it Qt takes the last line for hidden and offers to scroll


def wrap_mode_for(text: str) -> QTextOption.WrapMode:
    """How to wrap this text: between words, but anywhere when a word is so long that Qt would search it for seconds."""
    modes = QTextOption.WrapMode
    return modes.WrapAnywhere if _LONG_WORD.search(text) else modes.WrapAtWordBoundaryOrAnywhere


_LONG_WORD = re.compile(r"\S{5000}")


def _common_prefix(one: str, other: str) -> int:
    limit = min(len(one), len(other))
    if one[:limit] == other[:limit]:
        return limit
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low


def _units(text: str) -> int:
    """Length in UTF-16 units, which is how Qt counts positions."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
