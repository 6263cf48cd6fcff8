"""A list whose rows have an icon, a title, a second line and a few words at the right: runs, calls, differences.

Rows are plain data with a key, so a list that is filled anew keeps what was selected.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QItemSelectionModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSignalBlocker,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from editor.text import elided, one_line, tooltip_text
from editor.theme import Theme

PADDING = 6
ICON = 16
_Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True)
class TwoLineRow:
    """One row. `color` is a name of `Colors` for the icon; `status` is the icon in a word, for those who cannot see it.

    A row without `detail` is of one line.
    """

    key: str
    icon: str
    color: str
    title: str
    detail: str = ""
    side: str = ""
    status: str = ""
    tip: str = ""


class TwoLineModel(QAbstractListModel):
    """Rows as they were handed over."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: Sequence[TwoLineRow] = ()

    def set_rows(self, rows: Sequence[TwoLineRow]) -> None:
        """Show these rows; where only what they say changed, nothing moves."""
        if [row.key for row in rows] == [row.key for row in self.rows]:
            changed = [number for number, (old, new) in enumerate(zip(self.rows, rows, strict=True)) if old != new]
            self.rows = rows
            for number in changed:
                self.dataChanged.emit(self.index(number), self.index(number))
            return
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def row_of(self, key: str) -> int:
        """The number of the row with this key, -1 when there is none."""
        return next((number for number, row in enumerate(self.rows) if row.key == key), -1)

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - the signature is Qt's
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row, roles = self.rows[index.row()], Qt.ItemDataRole
        if role in (roles.DisplayRole, roles.AccessibleTextRole):
            return ", ".join(part for part in (row.status, row.title, row.detail, row.side) if part)
        if role == roles.ToolTipRole:
            return tooltip_text(row.tip)
        return None


class TwoLineList(QListView):
    """The list. Moving to a row chooses it; a click on the selected one, or Enter, chooses it once more.

    Signals:
        chosen(str): the key of the row that the person moved to, or clicked on.
    """

    chosen = Signal(str)

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = TwoLineModel(self)
        self.setModel(self.rows)
        self.setItemDelegate(TwoLineDelegate(theme, self))
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        self.setAcceptDrops(False)
        self.setUniformItemSizes(False)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.selectionModel().currentChanged.connect(self._on_current_changed)
        self.clicked.connect(self._on_clicked)
        self._key_before = ""
        theme.changed.connect(self.viewport().update)

    @property
    def current_key(self) -> str:
        """The key of the selected row, "" when none is."""
        index = self.currentIndex()
        return self.rows.rows[index.row()].key if index.isValid() else ""

    def set_rows(self, rows: Sequence[TwoLineRow]) -> None:
        """Show these rows; the selected one stays selected as long as it is among them."""
        key = self.current_key
        with QSignalBlocker(self.selectionModel()):
            self.rows.set_rows(rows)
        self.select(key)

    def select(self, key: str) -> None:
        """Select the row with this key, or none, without telling."""
        number = self.rows.row_of(key) if key else -1
        index = self.rows.index(number) if number >= 0 else QModelIndex()
        with QSignalBlocker(self.selectionModel()):
            self.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self.viewport().update()

    def height_of(self, count: int) -> int:
        """The height that shows so many rows, or all of them if there are fewer."""
        numbers = range(min(count, self.rows.rowCount()))
        return sum(self.sizeHintForIndex(self.rows.index(number)).height() for number in numbers) + 2

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._key_before = self.current_key
        super().mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.current_key:
            self.chosen.emit(self.current_key)
        else:
            super().keyPressEvent(event)

    def _on_current_changed(self, current: QModelIndex, _before: QModelIndex) -> None:
        if current.isValid():
            self.chosen.emit(self.rows.rows[current.row()].key)

    def _on_clicked(self, index: QModelIndex) -> None:
        key = self.rows.rows[index.row()].key
        if key == self._key_before:  # else the row has become the current one just now, and that was told
            self.chosen.emit(key)


class TwoLineDelegate(QStyledItemDelegate):
    """Paints a row."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        font: QFont = option.font
        lines = 2 if _row(index).detail else 1
        return QSize(160, lines * QFontMetrics(font).lineSpacing() + 2 * PADDING + (2 if lines == 2 else 0))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        row, rect = _row(index), QRect(option.rect)
        font, state = QFont(option.font), option.state
        colors = self._theme.colors
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_background(painter, rect, state)
        ratio = painter.device().devicePixelRatioF()
        painter.drawPixmap(
            rect.x() + 10,
            rect.y() + PADDING + max(0, (QFontMetrics(font).lineSpacing() - ICON) // 2),
            self._theme.pixmap(row.icon, ICON, getattr(colors, row.color), ratio),
        )
        painter.setFont(font)
        metrics = QFontMetrics(font)
        room = rect.adjusted(36, PADDING, -10, -PADDING)
        line = QRect(room.x(), room.y(), room.width(), metrics.lineSpacing())
        side = metrics.horizontalAdvance(row.side)
        painter.setPen(QColor(colors.text_muted))
        painter.drawText(line, _RIGHT, row.side)
        title = line.adjusted(0, 0, -(side + 10 if side else 0), 0)
        painter.setPen(QColor(colors.text))
        painter.drawText(title, _LEFT, elided(one_line(row.title), metrics, title.width()))
        if row.detail:
            below = line.translated(0, metrics.lineSpacing() + 2)
            painter.setPen(QColor(colors.text_muted))
            painter.drawText(below, _LEFT, elided(one_line(row.detail), metrics, below.width()))
        painter.restore()

    def _paint_background(self, painter: QPainter, rect: QRect, state: QStyle.StateFlag) -> None:
        colors = self._theme.colors
        selected = bool(state & QStyle.StateFlag.State_Selected)
        if selected or state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colors.accent_soft if selected else colors.hover))
            painter.drawRoundedRect(QRectF(rect).adjusted(3, 1, -3, -1), 6, 6)


_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


def _row(index: _Index) -> TwoLineRow:
    model = index.model()
    assert isinstance(model, TwoLineModel)
    return model.rows[index.row()]
