"""The timeline of a run: its blocks in the order they began, each with a bar for when and how long."""

from collections.abc import Callable
from time import time
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import QColor, QFont, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from editor.panels.status import StatusLook, block_look, run_look
from editor.text import NO_DURATION, duration_text, elided, tooltip_text
from editor.theme import Theme
from engine import BlockRun, RunState

ROW_HEIGHT = 32
BAR_HEIGHT = 8
MIN_BAR = 3
_Index = QModelIndex | QPersistentModelIndex


class RunTimelineModel(QAbstractListModel):
    """Row 0 is the run as a whole, the others its blocks: those that began or were skipped first, in that order."""

    def __init__(self, parent: QObject | None = None, *, clock: Callable[[], float] = time) -> None:
        super().__init__(parent)
        self._clock = clock
        self._run: RunState | None = None
        self._name_of: Callable[[BlockRun], str] = _own_name
        self._order: list[str] = []
        self._rows: dict[str, int] = {}

    @property
    def run(self) -> RunState | None:
        """The run that is shown."""
        return self._run

    def show_run(self, run: RunState | None, name_of: Callable[[BlockRun], str]) -> None:
        """Show this run; `name_of` knows the names of blocks that have not begun."""
        self.beginResetModel()
        self._run, self._name_of = run, name_of
        self._sort()
        self.endResetModel()

    def refresh(self, block_ids: frozenset[str]) -> None:
        """Show what changed of these blocks; rows move when blocks began meanwhile."""
        if self._run is None:
            return
        order = ordered_blocks(self._run)
        if order == self._order:
            rows = [self._rows[block_id] for block_id in block_ids if block_id in self._rows]
            self.dataChanged.emit(self.index(0), self.index(0))
            if rows:
                self.dataChanged.emit(self.index(min(rows)), self.index(max(rows)))
            return
        if len(order) != len(self._order):
            self.beginResetModel()
            self._sort()
            self.endResetModel()
            return
        self.layoutAboutToBeChanged.emit()
        old = self.persistentIndexList()
        ids = [self.block_id(index) for index in old]
        self._sort()
        new = [self.index(self.row_of(block_id)) for block_id in ids]
        self.changePersistentIndexList(old, new)
        self.layoutChanged.emit()

    def tick(self) -> None:
        """Time has passed: bars of running blocks are longer now."""
        if self._run is not None and self._order:
            self.dataChanged.emit(self.index(0), self.index(self.rowCount() - 1))

    def block_id(self, index: _Index) -> str:
        """The id of the block in this row, "" for the run itself."""
        return self._order[index.row() - 1] if index.isValid() and index.row() else ""

    def block_run(self, index: _Index) -> BlockRun | None:
        """The block in this row, None for the run itself."""
        block_id = self.block_id(index)
        return self._run.blocks.get(block_id) if self._run and block_id else None

    def row_of(self, block_id: str) -> int:
        """The row of this block, 0 (the run itself) when it has none."""
        return self._rows.get(block_id, 0)

    def name(self, index: _Index) -> str:
        """What the row is called."""
        block_run = self.block_run(index)
        return self._name_of(block_run) if block_run else "Final output"

    def look(self, index: _Index) -> StatusLook:
        """How the row's status looks."""
        assert self._run is not None
        block_run = self.block_run(index)
        return block_look(block_run, finished=self._run.is_finished) if block_run else run_look(self._run)

    def span_ms(self, index: _Index) -> tuple[float, float] | None:
        """When the row began, in milliseconds after the run did, and how long it took so far; None if it never did."""
        run = self._run
        if run is None or run.started_at is None:
            return None
        block_run = self.block_run(index)
        began = block_run.started_at if block_run else run.started_at
        if began is None:
            return None
        length = block_run.duration_ms if block_run else run.duration_ms
        if length is None:
            now = self._clock() if run.frozen_at is None else run.frozen_at
            length = 0.0 if run.is_finished else max(0.0, (now - began) * 1000)
        return (began - run.started_at) * 1000, length

    def total_ms(self) -> float:
        """How long the run took so far, in milliseconds."""
        span = self.span_ms(self.index(0))
        return span[1] if span else 0.0

    def time_text(self, index: _Index) -> str:
        """The duration in words; a dash where there is none."""
        span = self.span_ms(index)
        block_run = self.block_run(index)
        if span is None or (block_run and block_run.status in ("waiting", "skipped")):
            return NO_DURATION
        return duration_text(span[1])

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - the signature is Qt's
        return 0 if parent.isValid() or self._run is None else len(self._order) + 1

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        roles = Qt.ItemDataRole
        if role == roles.DisplayRole:
            return self.name(index)
        if role == roles.AccessibleTextRole:
            return f"{self.name(index)}, {self.look(index).word}, {self.time_text(index)}"
        if role == roles.ToolTipRole:
            block_run = self.block_run(index)
            reason = (block_run.error or block_run.skip_text) if block_run else (self._run.error if self._run else "")
            return tooltip_text(f"{self.name(index)}: {self.look(index).word}\n{(reason or '')[:500]}".strip())
        return None

    def _sort(self) -> None:
        self._order = ordered_blocks(self._run) if self._run else []
        self._rows = {block_id: row for row, block_id in enumerate(self._order, start=1)}


class RunTimelineDelegate(QStyledItemDelegate):
    """Paints a row: status icon, name, bar, duration. The name gets what the bar can spare."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, _option: QStyleOptionViewItem, _index: _Index) -> QSize:
        return QSize(200, ROW_HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        model = index.model()
        assert isinstance(model, RunTimelineModel)
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        font: QFont = option.font
        colors = self._theme.colors
        look = model.look(index)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_background(painter, rect, state)
        ratio = painter.device().devicePixelRatioF()
        pixmap = self._theme.pixmap(look.icon, 16, getattr(colors, look.color), ratio)
        painter.drawPixmap(rect.x() + 10, rect.center().y() - 7, pixmap)
        name_room, bar_room, time_room = columns(rect)
        font = QFont(font)
        font.setWeight(QFont.Weight.DemiBold if index.row() == 0 else QFont.Weight.Normal)
        painter.setFont(font)
        quiet = look.word in ("Skipped", "Waiting", "Did not run")
        painter.setPen(QColor(colors.text_muted if quiet else colors.text))
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(name_room, left, elided(model.name(index), painter.fontMetrics(), name_room.width()))
        painter.setPen(QColor(colors.text_muted))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        words = "skipped" if look.word == "Skipped" else model.time_text(index)
        painter.drawText(time_room, right, words)
        self._paint_bar(painter, bar_room, model, index, getattr(colors, look.color))
        painter.restore()

    def _paint_background(self, painter: QPainter, rect: QRect, state: QStyle.StateFlag) -> None:
        colors = self._theme.colors
        selected = bool(state & QStyle.StateFlag.State_Selected)
        if selected or state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colors.accent_soft if selected else colors.hover))
            painter.drawRoundedRect(QRectF(rect).adjusted(3, 1, -3, -1), 6, 6)

    def _paint_bar(self, painter: QPainter, room: QRect, model: RunTimelineModel, index: _Index, color: str) -> None:
        span, total = model.span_ms(index), model.total_ms()
        block_run = model.block_run(index)
        if span is None or room.width() < 12 or (block_run and block_run.status in ("waiting", "skipped")):
            return
        scale = room.width() / max(total, 0.001)
        width = max(MIN_BAR, min(span[1] * scale, room.width()))
        left = min(room.x() + span[0] * scale, room.right() - width)
        bar = QRectF(left, room.center().y() - BAR_HEIGHT / 2 + 1, width, BAR_HEIGHT)
        painter.setPen(Qt.PenStyle.NoPen)
        track = QColor(self._theme.colors.border)
        track.setAlphaF(0.45)
        painter.setBrush(track)
        painter.drawRoundedRect(QRectF(room.x(), bar.y(), room.width(), BAR_HEIGHT), 4, 4)
        painter.setBrush(QColor(color))
        radius = min(4.0, width / 2)
        painter.drawRoundedRect(bar, radius, radius)


def columns(rect: QRect) -> tuple[QRect, QRect, QRect]:
    """Where name, bar and duration of a row stand."""
    inner = rect.adjusted(34, 0, -10, 0)
    time_width = 66
    name_width = round((inner.width() - time_width) * (0.62 if inner.width() < 320 else 0.4))
    bar_left = inner.x() + name_width + 10
    time_left = inner.right() - time_width
    return (
        QRect(inner.x(), inner.y(), name_width, inner.height()),
        QRect(bar_left, inner.y(), max(0, time_left - bar_left - 4), inner.height()),
        QRect(time_left, inner.y(), time_width, inner.height()),
    )


def ordered_blocks(run: RunState) -> list[str]:
    """Ids of the run's blocks: as they began or were skipped, then those that wait, in the order of the plan."""
    begun = sorted((item for item in run.blocks.values() if item.order >= 0), key=_order_of)
    waiting = [item.block_id for item in run.blocks.values() if item.order < 0]
    return [item.block_id for item in begun] + waiting


def _order_of(block_run: BlockRun) -> int:
    return block_run.order


def _own_name(block_run: BlockRun) -> str:
    return block_run.block_name or block_run.block_id
