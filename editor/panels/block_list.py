"""The list of block types that palette and quick-add show: a model over rows, a delegate that paints them, a view.

Dragging is our own: a row starts a `QDrag` with the block type's name under `BLOCK_TYPE_MIME`, and nothing that is
dragged from elsewhere is ever taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QMimeData,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QDrag, QFont, QKeyEvent, QMouseEvent, QPainter, QPixmap
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from editor.panels.widgets import paint_tile
from editor.text import elided, tooltip_text
from editor.theme import Theme
from engine import BlockType

BLOCK_TYPE_MIME = "application/x-blockloom-block-type"
ROW_HEIGHT = 50
HEADING_HEIGHT = 32
TILE = 32
DRAG_DISTANCE = 4
DRAG_PICTURE = 26
_Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True)
class Row:
    """A block type, or a heading when there is none. `reason` says why the type cannot be added now."""

    title: str
    block_type: BlockType | None = None
    reason: str = ""


class BlockTypeModel(QAbstractListModel):
    """Rows of block types and headings."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: Sequence[Row] = ()

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show these rows in place of the old ones."""
        if list(rows) != list(self._rows):
            self.beginResetModel()
            self._rows = rows
            self.endResetModel()

    def row(self, index: _Index) -> Row:
        """The row at this index."""
        return self._rows[index.row()]

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - the signature is Qt's
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.row(index)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return row.title
        if role == Qt.ItemDataRole.AccessibleDescriptionRole and row.block_type:
            return row.reason or row.block_type.description
        if role == Qt.ItemDataRole.ToolTipRole and row.block_type:
            text = f"{row.block_type.description}\n{row.reason}".strip()
            return tooltip_text(text)
        return None

    def flags(self, index: _Index) -> Qt.ItemFlag:
        row = self.row(index)
        if row.block_type is None or row.reason:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable


class BlockTypeDelegate(QStyledItemDelegate):
    """Paints a row: the icon on its tile, the label, and one line of description or the reason it is greyed."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, _option: QStyleOptionViewItem, index: _Index) -> QSize:
        return QSize(120, ROW_HEIGHT if _row(index).block_type else HEADING_HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        row = _row(index)
        rect: QRect = option.rect
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font: QFont = option.font
        if row.block_type is None:
            self._paint_heading(painter, rect, font, row.title)
        else:
            state: QStyle.StateFlag = option.state
            self._paint_background(painter, rect, state, bool(row.reason))
            self._paint_type(painter, rect, font, row, row.block_type)
        painter.restore()

    def _paint_heading(self, painter: QPainter, rect: QRect, font: QFont, title: str) -> None:
        painter.setFont(_scaled(font, 0.92, bold=True))
        painter.setPen(QColor(self._theme.colors.text_faint))
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom
        painter.drawText(rect.adjusted(10, 0, -8, -6), flags, title)

    def _paint_background(self, painter: QPainter, rect: QRect, state: QStyle.StateFlag, off: bool) -> None:
        colors = self._theme.colors
        selected = bool(state & QStyle.StateFlag.State_Selected)
        hovered = bool(state & QStyle.StateFlag.State_MouseOver) and not off
        if selected or hovered:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colors.accent_soft if selected else colors.hover))
            painter.drawRoundedRect(QRectF(rect).adjusted(2, 1, -2, -1), 7, 7)

    def _paint_type(self, painter: QPainter, rect: QRect, font: QFont, row: Row, block_type: BlockType) -> None:
        colors = self._theme.colors
        off = bool(row.reason)
        tile = QRectF(rect.x() + 10, rect.y() + (rect.height() - TILE) / 2, TILE, TILE)
        paint_tile(painter, self._theme, tile, block_type.icon, block_type.hue, faded=off)
        left = rect.x() + 10 + TILE + 10
        width = rect.right() - left - 8
        painter.setFont(_scaled(font, 1.0, bold=True))
        painter.setPen(QColor(colors.text_faint if off else colors.text))
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        middle = rect.center().y()
        label = elided(block_type.label, painter.fontMetrics(), width)
        painter.drawText(QRect(left, middle - 19, width, 19), flags, label)
        painter.setFont(_scaled(font, 0.92))
        painter.setPen(QColor(colors.text_faint if off else colors.text_muted))
        text = elided(row.reason or block_type.description, painter.fontMetrics(), width)
        painter.drawText(QRect(left, middle, width, 18), flags, text)


class BlockTypeView(QListView):
    """The list. A click or Enter takes a row, a drag carries it to the canvas.

    Signals:
        taken(str): the row of this block type was clicked or Enter was pressed on it.
    """

    taken = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None, *, can_drag: bool = False) -> None:
        super().__init__(parent)
        self._theme = theme
        self._can_drag = can_drag
        self._pressed: tuple[QPoint, Row] | None = None
        self.types = BlockTypeModel(self)
        self.setModel(self.types)
        self.setItemDelegate(BlockTypeDelegate(theme, self))
        self.setAcceptDrops(False)
        self.setDragEnabled(False)
        self.setMouseTracking(True)
        self.setUniformItemSizes(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        theme.changed.connect(self.viewport().update)

    def set_rows(self, rows: Sequence[Row], *, select_first: bool) -> None:
        """Show these rows; keep the selected type selected, else select the first that can be taken."""
        wanted = self.selected_type()
        self.types.set_rows(rows)
        fallback = None
        for number, row in enumerate(rows):
            if row.block_type is None or row.reason:
                continue
            if row.block_type.type == wanted and not select_first:
                self.setCurrentIndex(self.types.index(number))
                return
            fallback = number if fallback is None else fallback
        if select_first and fallback is not None:
            self.setCurrentIndex(self.types.index(fallback))
            self.scrollToTop()

    def selected_type(self) -> str:
        """The name of the selected block type, "" when none is."""
        index = self.currentIndex()
        row = self.types.row(index) if index.isValid() and index.row() < self.types.rowCount() else None
        return row.block_type.type if row and row.block_type and not row.reason else ""

    def step(self, direction: int) -> None:
        """Select the next row that can be taken, down (1) or up (-1); the ends stay."""
        number = self.currentIndex().row() + direction if self.currentIndex().isValid() else 0
        while 0 <= number < self.types.rowCount():
            index = self.types.index(number)
            if self.types.flags(index) & Qt.ItemFlag.ItemIsEnabled:
                self.setCurrentIndex(index)
                return
            number += direction

    def take_selected(self) -> None:
        """Take the selected row."""
        if name := self.selected_type():
            self.taken.emit(name)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.take_selected()
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        self._pressed = None
        if event.button() == Qt.MouseButton.LeftButton and index.isValid():
            row = self.types.row(index)
            if row.block_type and not row.reason:
                self._pressed = (event.position().toPoint(), row)
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        point = event.position().toPoint()
        if self._pressed and self._can_drag and (point - self._pressed[0]).manhattanLength() >= DRAG_DISTANCE:
            row, self._pressed = self._pressed[1], None
            if row.block_type:
                self.drag_for(row.block_type).exec(Qt.DropAction.CopyAction)
        elif self._pressed is None:
            super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        pressed, self._pressed = self._pressed, None
        if pressed and pressed[1].block_type and self.indexAt(event.position().toPoint()) == self.currentIndex():
            self.taken.emit(pressed[1].block_type.type)

    def drag_for(self, block_type: BlockType) -> QDrag:
        """The drag that carries this block type, with a picture of its icon."""
        data = QMimeData()
        data.setData(BLOCK_TYPE_MIME, block_type.type.encode())
        drag = QDrag(self)
        drag.setMimeData(data)
        drag.setPixmap(drag_pixmap(self._theme, block_type, self.devicePixelRatioF()))
        drag.setHotSpot(QPoint(-12, -14))
        return drag


def drag_pixmap(theme: Theme, block_type: BlockType, ratio: float) -> QPixmap:
    """A small picture beside the cursor while a block is dragged; the canvas itself shows the card in its place."""
    pixmap = QPixmap(round(DRAG_PICTURE * ratio), round(DRAG_PICTURE * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    paint_tile(painter, theme, QRectF(0, 0, DRAG_PICTURE, DRAG_PICTURE), block_type.icon, block_type.hue)
    painter.end()
    return pixmap


def _row(index: _Index) -> Row:
    model = index.model()
    assert isinstance(model, BlockTypeModel)
    return model.row(index)


def _scaled(font: QFont, factor: float, *, bold: bool = False) -> QFont:
    changed = QFont(font)
    if font.pointSizeF() > 0:
        changed.setPointSizeF(font.pointSizeF() * factor)
    if bold:
        changed.setWeight(QFont.Weight.DemiBold)
    return changed
