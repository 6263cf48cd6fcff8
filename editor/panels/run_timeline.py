"""The timeline of a run: its blocks in the order they began, each with a bar for when and how long.

Tasks that an orchestration gave to agents stand below its block, indented.
"""

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

from editor.panels.status import StatusLook, block_look, delegation_look, run_look
from editor.text import NO_DURATION, duration_text, elided, tooltip_text
from editor.theme import Theme
from engine import BlockRun, Delegation, RunState

ROW_HEIGHT = 32
BAR_HEIGHT = 8
MIN_BAR = 3
INDENT = 22
_Index = QModelIndex | QPersistentModelIndex
Entry = tuple[str, int]
"""A row: the id of a block, and the number of one of its delegations, 0 for the block itself."""


class RunTimelineModel(QAbstractListModel):
    """Row 0 is the run as a whole, the others its blocks: those that began or were skipped first, in that order.

    Below an orchestration stand its delegations, in the order they were given.
    """

    def __init__(self, parent: QObject | None = None, *, clock: Callable[[], float] = time) -> None:
        super().__init__(parent)
        self._clock = clock
        self._run: RunState | None = None
        self._name_of: Callable[[BlockRun], str] = _own_name
        self._entries: list[Entry] = []
        self._rows: dict[Entry, int] = {}

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
        entries = _entries(self._run)
        if entries == self._entries:
            rows = [self._rows[entry] for block_id in block_ids for entry in self._of_block(block_id)]
            self.dataChanged.emit(self.index(0), self.index(0))
            if rows:
                self.dataChanged.emit(self.index(min(rows)), self.index(max(rows)))
            return
        if len(entries) != len(self._entries):
            self.beginResetModel()
            self._sort()
            self.endResetModel()
            return
        self.layoutAboutToBeChanged.emit()
        old = self.persistentIndexList()
        known = [self.entry(index) for index in old]
        self._sort()
        new = [self.index(self.row_of(*entry)) for entry in known]
        self.changePersistentIndexList(old, new)
        self.layoutChanged.emit()

    def tick(self) -> None:
        """Time has passed: bars of running blocks are longer now."""
        if self._run is not None and self._entries:
            self.dataChanged.emit(self.index(0), self.index(self.rowCount() - 1))

    def entry(self, index: _Index) -> Entry:
        """What this row is about; ("", 0) for the run itself."""
        return self._entries[index.row() - 1] if index.isValid() and index.row() else ("", 0)

    def block_id(self, index: _Index) -> str:
        """The id of the block in this row, also of one whose delegation it is; "" for the run itself."""
        return self.entry(index)[0]

    def block_run(self, index: _Index) -> BlockRun | None:
        """The block in this row, None for the run itself."""
        block_id = self.block_id(index)
        return self._run.blocks.get(block_id) if self._run and block_id else None

    def delegation(self, index: _Index) -> Delegation | None:
        """The delegation in this row, None for a block and for the run itself."""
        number, block_run = self.entry(index)[1], self.block_run(index)
        return delegation_of(block_run, number) if block_run and number else None

    def row_of(self, block_id: str, number: int = 0) -> int:
        """The row of this block, or of one of its delegations; 0 (the run itself) when it has none."""
        return self._rows.get((block_id, number), 0)

    def name(self, index: _Index) -> str:
        """What the row is called."""
        delegation = self.delegation(index)
        if delegation is not None:
            return delegation.agent
        block_run = self.block_run(index)
        return self._name_of(block_run) if block_run else "Final output"

    def look(self, index: _Index) -> StatusLook:
        """How the row's status looks."""
        assert self._run is not None
        delegation = self.delegation(index)
        if delegation is not None:
            return delegation_look(delegation, finished=self._run.is_finished)
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
        delegation = self.delegation(index)
        if delegation is not None:
            return duration_text(delegation.duration_ms)
        span = self.span_ms(index)
        block_run = self.block_run(index)
        if span is None or (block_run and block_run.status in ("waiting", "skipped")):
            return NO_DURATION
        return duration_text(span[1])

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - the signature is Qt's
        return 0 if parent.isValid() or self._run is None else len(self._entries) + 1

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        roles = Qt.ItemDataRole
        if role == roles.DisplayRole:
            return self.name(index)
        if role == roles.AccessibleTextRole:
            return f"{self.name(index)}, {self.look(index).word}, {self.time_text(index)}"
        if role == roles.ToolTipRole:
            delegation, block_run = self.delegation(index), self.block_run(index)
            reason = (block_run.error or block_run.skip_text) if block_run else (self._run.error if self._run else "")
            reason = (delegation.error or delegation.task) if delegation else reason
            return tooltip_text(f"{self.name(index)}: {self.look(index).word}\n{(reason or '')[:500]}".strip())
        return None

    def _sort(self) -> None:
        self._entries = _entries(self._run) if self._run else []
        self._rows = {entry: row for row, entry in enumerate(self._entries, start=1)}

    def _of_block(self, block_id: str) -> list[Entry]:
        """The rows of a block and of its delegations."""
        block_run = self._run.blocks.get(block_id) if self._run else None
        numbers = (0, *(item.number for item in block_run.delegations)) if block_run else ()
        return [(block_id, number) for number in numbers if (block_id, number) in self._rows]


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
        if model.delegation(index) is not None:
            rect = rect.adjusted(INDENT, 0, 0, 0)
        ratio = painter.device().devicePixelRatioF()
        pixmap = self._theme.pixmap(look.icon, 16, getattr(colors, look.color), ratio)
        painter.drawPixmap(rect.x() + 10, rect.center().y() - 7, pixmap)
        name_room, bar_room, time_room = columns(rect)
        if model.delegation(index) is not None:
            name_room = name_room.united(bar_room)
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
        if model.delegation(index) is not None:
            return  # when it was given is not told
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


def delegation_of(block_run: BlockRun, number: int) -> Delegation | None:
    """The delegation of this number, None when there is none."""
    return next((item for item in block_run.delegations if item.number == number), None)


def _entries(run: RunState) -> list[Entry]:
    entries: list[Entry] = []
    for block_id in ordered_blocks(run):
        entries.append((block_id, 0))
        if delegations := run.blocks[block_id].delegations:
            entries += [(block_id, item.number) for item in delegations]
    return entries


def _order_of(block_run: BlockRun) -> int:
    return block_run.order


def _own_name(block_run: BlockRun) -> str:
    return block_run.block_name or block_run.block_id
