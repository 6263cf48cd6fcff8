"""An editor for source text: line numbers, colours, indenting by Tab and Enter, matching brackets.

Tab indents here, so Escape gives the keyboard back to the panel and nobody is trapped.
"""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QRect, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTextCharFormat,
    QTextCursor,
    QTextFormat,
)
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QWidget

from editor.panels.forms.highlight import SourceHighlighter
from editor.panels.forms.plain_edit import PlainEdit
from editor.theme import Theme, mono_font

INDENT = "    "
PAIRS = {"(": ")", "[": "]", "{": "}"}
MAX_BRACKET_SEARCH = 20_000
"""Characters that are looked through for the other bracket."""


class CodeEdit(PlainEdit):
    """Source text in one language."""

    def __init__(
        self,
        theme: Theme,
        language: str,
        parent: QWidget | None = None,
        *,
        lines: tuple[int, int] = (6, 24),
        with_references: bool = False,
    ) -> None:
        super().__init__(parent, lines=lines)
        self._theme = theme
        self._problem_line: int | None = None
        self._numbers = LineNumbers(self, theme)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setTabChangesFocus(False)
        self.setFont(mono_font())
        self.setTabStopDistance(4 * self.fontMetrics().horizontalAdvance(" "))
        self.highlighter = SourceHighlighter(self.document(), theme, language, with_references=with_references)
        self.blockCountChanged.connect(self._make_room)
        self.updateRequest.connect(self._on_update_request)
        self.cursorPositionChanged.connect(self._mark)
        theme.changed.connect(self._mark)
        self._make_room()

    def set_problem_line(self, number: int | None) -> None:
        """Mark this line (counted from 1) as the one where something is wrong."""
        if number != self._problem_line:
            self._problem_line = number
            self._mark()

    def number_width(self) -> int:
        """Pixels that the line numbers take."""
        digits = max(2, len(str(self.blockCount())))
        return self.fontMetrics().horizontalAdvance("9") * digits + 14

    def paint_numbers(self, painter: QPainter, area: QRect) -> None:
        """Paint the numbers of the lines in this area of the margin."""
        colors = self._theme.colors
        block = self.firstVisibleBlock()
        top = round(self.blockBoundingGeometry(block).translated(self.contentOffset()).top())
        current = self.textCursor().blockNumber()
        while block.isValid() and top <= area.bottom():
            height = round(self.blockBoundingRect(block).height())
            number = block.blockNumber()
            color = colors.text_muted if number == current else colors.text_faint
            painter.setPen(QColor(colors.error if number + 1 == self._problem_line else color))
            width = self._numbers.width() - 8
            painter.drawText(0, top, width, height, Qt.AlignmentFlag.AlignRight, str(number + 1))
            block = block.next()
            top += height

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if self.isReadOnly() or event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            super().keyPressEvent(event)
        elif key == Qt.Key.Key_Tab:
            self._indent()
        elif key == Qt.Key.Key_Backtab:
            self._dedent()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._new_line()
        elif key == Qt.Key.Key_Backspace and self._backspace():
            pass
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        # Without this Qt moves the focus on Shift+Tab before keyPressEvent is asked.
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Backtab:
            self.keyPressEvent(event)
            return True
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        area = self.contentsRect()
        self._numbers.setGeometry(QRect(area.left(), area.top(), self.number_width(), area.height()))

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._mark()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._mark()

    def _bar_height(self) -> int:
        return self.horizontalScrollBar().sizeHint().height()

    def _indent(self) -> None:
        cursor = self.textCursor()
        if cursor.hasSelection():
            self._for_each_line(_indent_line)
        else:
            cursor.insertText(" " * (len(INDENT) - cursor.positionInBlock() % len(INDENT)))

    def _dedent(self) -> None:
        self._for_each_line(_dedent_line)

    def _for_each_line(self, change: Callable[[QTextCursor], None]) -> None:
        cursor = self.textCursor()
        document = self.document()
        first = document.findBlock(cursor.selectionStart()).blockNumber()
        last_block = document.findBlock(cursor.selectionEnd())
        last = last_block.blockNumber()
        if last > first and last_block.position() == cursor.selectionEnd():
            last -= 1
        cursor.beginEditBlock()
        for number in range(first, last + 1):
            change(QTextCursor(document.findBlockByNumber(number)))
        cursor.endEditBlock()

    def _new_line(self) -> None:
        cursor = self.textCursor()
        before = cursor.block().text()[: cursor.positionInBlock()]
        indent = before[: len(before) - len(before.lstrip())]
        if before.rstrip().endswith((":", "(", "[", "{")):
            indent += INDENT
        cursor.insertText("\n" + indent)
        self.ensureCursorVisible()

    def _backspace(self) -> bool:
        """Take a whole indent away when the caret stands behind one."""
        cursor = self.textCursor()
        before = cursor.block().text()[: cursor.positionInBlock()]
        if cursor.hasSelection() or not before or before.strip(" "):
            return False
        count = (len(before) - 1) % len(INDENT) + 1
        cursor.movePosition(QTextCursor.MoveOperation.Left, QTextCursor.MoveMode.KeepAnchor, count)
        cursor.removeSelectedText()
        return True

    def _make_room(self) -> None:
        self.setViewportMargins(self.number_width(), 0, 0, 0)

    def _on_update_request(self, area: QRect, dy: int) -> None:
        if dy:
            self._numbers.scroll(0, dy)
        else:
            self._numbers.update(0, area.y(), self._numbers.width(), area.height())

    def _mark(self) -> None:
        marks = []
        if self._problem_line is not None and self._problem_line <= self.blockCount():
            marks.append(self._line_mark(self._problem_line - 1))
        if self.hasFocus():
            marks += self._bracket_marks()
        self.setExtraSelections(marks)
        self._numbers.update()

    def _bracket_marks(self) -> list[QTextEdit.ExtraSelection]:
        place = self.textCursor().position()
        start = max(0, place - MAX_BRACKET_SEARCH)
        window = QTextCursor(self.document())
        window.setPosition(start)
        end = min(self.document().characterCount() - 1, place + MAX_BRACKET_SEARCH)
        window.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        spots = matching_brackets(window.selectedText(), place - start)
        return [self._bracket_mark(start + spot) for spot in spots]

    def _line_mark(self, number: int) -> QTextEdit.ExtraSelection:
        mark = QTextEdit.ExtraSelection()
        style = QTextCharFormat()
        style.setBackground(QColor(self._theme.colors.error_soft))
        style.setProperty(QTextFormat.Property.FullWidthSelection, True)
        mark.format = style
        mark.cursor = QTextCursor(self.document().findBlockByNumber(number))
        return mark

    def _bracket_mark(self, place: int) -> QTextEdit.ExtraSelection:
        mark = QTextEdit.ExtraSelection()
        style = QTextCharFormat()
        style.setBackground(QColor(self._theme.colors.accent_soft))
        style.setForeground(QColor(self._theme.colors.accent))
        cursor = QTextCursor(self.document())
        cursor.setPosition(place)
        cursor.movePosition(QTextCursor.MoveOperation.Right, QTextCursor.MoveMode.KeepAnchor)
        mark.format = style
        mark.cursor = cursor
        return mark


class LineNumbers(QWidget):
    """The margin with the line numbers; the editor paints it."""

    def __init__(self, editor: CodeEdit, theme: Theme) -> None:
        super().__init__(editor)
        self._editor = editor
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(self._editor.number_width(), 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(self._editor.font())
        self._editor.paint_numbers(painter, event.rect())


def matching_brackets(text: str, place: int) -> tuple[int, ...]:
    """Places of the bracket at or before `place` and of its partner; empty when there is none. Strings are not read."""
    backward = {close: opening for opening, close in PAIRS.items()}
    for spot in (place, place - 1):
        if not 0 <= spot < len(text):
            continue
        if text[spot] in PAIRS:
            return _partner(text, spot, text[spot], PAIRS[text[spot]], 1)
        if text[spot] in backward:
            return _partner(text, spot, text[spot], backward[text[spot]], -1)
    return ()


def _partner(text: str, spot: int, own: str, other: str, step: int) -> tuple[int, ...]:
    depth, at = 0, spot
    while 0 <= at < len(text):
        depth += (text[at] == own) - (text[at] == other)
        if depth == 0:
            return (spot, at)
        at += step
    return ()


def _indent_line(cursor: QTextCursor) -> None:
    if cursor.block().text().strip():
        cursor.insertText(INDENT)


def _dedent_line(cursor: QTextCursor) -> None:
    text = cursor.block().text()
    count = min(len(text) - len(text.lstrip(" ")), len(INDENT))
    cursor.movePosition(QTextCursor.MoveOperation.Right, QTextCursor.MoveMode.KeepAnchor, count)
    cursor.removeSelectedText()
