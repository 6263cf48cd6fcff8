"""The list that opens while a reference is typed: `<` or `{{`, filtered by what follows, taken by Enter or Tab.

It is a child of the window, not a window: it never takes the focus and works where windows cannot be placed.
"""

import re
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    QTimer,
)
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QTextCursor
from PySide6.QtWidgets import QListView, QPlainTextEdit, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from editor.panels.forms.base import Completion, FormContext
from editor.panels.search import match_score
from editor.text import elided
from editor.theme import Theme

OPENING = re.compile(r"<(?P<angle>(?:\w[\w .\-]*)?)$|\{\{ *(?P<braces>[\w.]*)$")
MAX_SHOWN_ROWS = 8
ROW_HEIGHT = 26
WIDTH = 300
_Index = QModelIndex | QPersistentModelIndex


def typed_reference(text: str) -> tuple[int, str] | None:
    """Where an unfinished reference begins in the text before the caret, and the letters typed of it so far."""
    match = OPENING.search(text)
    return (match.start(), (match["angle"] or match["braces"] or "")) if match else None


class CompletionPopup(QListView):
    """The list. It belongs to one text editor and listens to its keys while it is open."""

    def __init__(self, editor: QPlainTextEdit, context: FormContext) -> None:
        super().__init__(editor)
        self._editor = editor
        self._context = context
        self._start = 0
        self._dismissed_at: int | None = None
        self.completions = CompletionModel(self)
        self.setModel(self.completions)
        self.setItemDelegate(CompletionDelegate(context.theme, self))
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setUniformItemSizes(True)
        self.setProperty("role", "completion")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("References to insert")
        self.setAcceptDrops(False)
        self.hide()
        # The editor may grow with what was typed; the list follows the caret once that has happened.
        self._placing = QTimer(self)
        self._placing.setSingleShot(True)
        self._placing.timeout.connect(self._place)
        self.clicked.connect(self._on_clicked)
        editor.installEventFilter(self)
        editor.cursorPositionChanged.connect(self.refresh)

    def refresh(self) -> None:
        """Open, filter, or close, as the text before the caret asks for."""
        cursor = self._editor.textCursor()
        place = cursor.positionInBlock()
        found = None
        if self._editor.hasFocus() and not cursor.hasSelection() and not self._editor.isReadOnly():
            found = typed_reference(_before_caret(cursor))
        if found is None:
            self._dismissed_at = None
            self.hide()
            return
        self._start = cursor.position() - (place - found[0])
        if self._dismissed_at == self._start:
            return
        self.completions.show(self._context.completions(), found[1], braces=_before_caret(cursor)[found[0]] == "{")
        if self.completions.rowCount() == 0:
            self.hide()
            return
        self.setCurrentIndex(self.completions.index(0))
        self._place()
        self.show()
        self._placing.start(0)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Type.FocusOut:
            self.hide()
        elif kind == QEvent.Type.KeyPress and self.isVisible() and isinstance(event, QKeyEvent):
            return self._on_key(event)
        elif kind == QEvent.Type.ShortcutOverride and self.isVisible() and _is_escape(event):
            event.accept()
            return True
        return super().eventFilter(watched, event)

    def _on_key(self, event: QKeyEvent) -> bool:
        key = event.key()
        row = self.currentIndex().row()
        if key in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            step = 1 if key == Qt.Key.Key_Down else -1
            self.setCurrentIndex(self.completions.index((row + step) % self.completions.rowCount()))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab):
            self._insert(self.completions.completion(self.currentIndex()))
        elif key == Qt.Key.Key_Escape:
            self._dismissed_at = self._start
            self.hide()
        else:
            return False
        return True

    def _on_clicked(self, index: QModelIndex) -> None:
        self._insert(self.completions.completion(index))

    def _insert(self, completion: Completion) -> None:
        cursor = self._editor.textCursor()
        rest = cursor.block().text()[cursor.positionInBlock() :]
        closing = re.match(r"[\w.\-]*>" if completion.insert.startswith("<") else r"[\w.]* *\}\}", rest)
        end = cursor.position() + (closing.end() if closing else 0)
        cursor.setPosition(self._start)
        cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        self.hide()
        cursor.insertText(completion.insert)
        self._editor.setTextCursor(cursor)

    def _place(self) -> None:
        window = self._editor.window()
        if self.parentWidget() is not window:
            self.setParent(window)
        rows = min(self.completions.rowCount(), MAX_SHOWN_ROWS)
        size = QSize(min(WIDTH, window.width() - 8), rows * ROW_HEIGHT + 2 * self.frameWidth())
        caret = self._editor.cursorRect()
        viewport = self._editor.viewport()
        below = viewport.mapTo(window, caret.bottomLeft() + QPoint(0, 4))
        if below.y() + size.height() > window.height():
            above = viewport.mapTo(window, caret.topLeft()) - QPoint(0, size.height() + 4)
            below = above if above.y() >= 0 else below
        x = max(4, min(below.x() - 8, window.width() - size.width() - 4))
        self.setGeometry(QRect(QPoint(x, below.y()), size))
        self.raise_()


class CompletionModel(QAbstractListModel):
    """The completions that fit what was typed, best first."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Completion] = []

    def show(self, completions: Sequence[Completion], typed: str, *, braces: bool) -> None:
        """Keep what fits: after `{{` only variables, named without their prefix."""
        scored = []
        for place, item in enumerate(completions):
            if braces and not item.insert.startswith("{{"):
                continue
            typed_word = typed.removeprefix("variables.") if braces else typed
            score = match_score(typed_word, item.insert.strip("<>{} ").removeprefix("variables."))
            if score is not None and (score >= 40 or not typed):
                scored.append((-round(score / 10), place, item))
            elif not typed:
                scored.append((0, place, item))
        self.beginResetModel()
        self._rows = [item[2] for item in sorted(scored, key=lambda item: item[:2])]
        self.endResetModel()

    def completion(self, index: _Index) -> Completion:
        """The completion in this row."""
        return self._rows[index.row()]

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - the signature is Qt's
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.DisplayRole:
            return self._rows[index.row()].insert
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return f"{self._rows[index.row()].kind}. {self._rows[index.row()].help}"
        return None


class CompletionDelegate(QStyledItemDelegate):
    """Paints what is inserted, and its kind at the right."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, _option: QStyleOptionViewItem, _index: _Index) -> QSize:
        return QSize(100, ROW_HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        model = index.model()
        assert isinstance(model, CompletionModel)
        item = model.completion(index)
        colors = self._theme.colors
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if state & QStyle.StateFlag.State_Selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colors.accent_soft))
            painter.drawRoundedRect(QRectF(rect), 5, 5)
        inner = rect.adjusted(8, 0, -8, 0)
        metrics = painter.fontMetrics()
        kind = elided(item.kind, metrics, inner.width() // 3)
        painter.setPen(QColor(colors.text_muted))
        painter.drawText(inner, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, kind)
        painter.setPen(QColor(colors.code_reference))
        text = elided(item.insert, metrics, inner.width() - metrics.horizontalAdvance(kind) - 12)
        painter.drawText(inner, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
        painter.restore()


def _is_escape(event: QEvent) -> bool:
    return isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape


def _before_caret(cursor: QTextCursor) -> str:
    text = cursor.block().text()
    # Qt counts UTF-16 units, Python counts characters.
    place = cursor.positionInBlock()
    return text[:place] if text.isascii() else text.encode("utf-16-le")[: 2 * place].decode("utf-16-le", "ignore")
