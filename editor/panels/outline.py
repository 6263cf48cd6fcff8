"""The outline: all blocks as a list in the order of the graph, for those who search and for those who cannot see."""

from collections import deque
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QItemSelectionModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSignalBlocker,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QColor, QFont, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QLineEdit,
    QListView,
    QStackedLayout,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from editor.panels.search import match_score
from editor.panels.status import StatusLook, block_look
from editor.panels.widgets import EmptyState, paint_tile
from editor.text import elided, one_line
from editor.theme import Theme
from editor.workspace.selection import Selection
from editor.workspace.workspace import Workspace
from engine import Block, Catalog, Change, RunState, Workflow

ROW_HEIGHT = 38
_Index = QModelIndex | QPersistentModelIndex


class OutlinePanel(QWidget):
    """Blocks with their type and the state of their last run.

    Signals:
        reveal_requested(str): this block was chosen: select it and bring it into view.
    """

    reveal_requested = Signal(str)

    def __init__(self, workspace: Workspace, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._theme = theme
        self.search = QLineEdit(self)
        self.search.setPlaceholderText("Find a block")
        self.search.setAccessibleName("Find a block by name or type")
        self.search.setClearButtonEnabled(True)
        self._search_action = self.search.addAction(theme.icon("search"), QLineEdit.ActionPosition.LeadingPosition)
        self.blocks = OutlineModel(workspace.catalog, self)
        self.view = QListView(self)
        self.empty = EmptyState(theme, "list-tree", "No blocks yet", parent=self)
        self._due = QTimer(self)
        self._due.setSingleShot(True)
        self._due.setInterval(30)
        self._build()
        self._connect()
        self.refresh()

    def focus_search(self) -> None:
        """Put the caret into the find field, its text selected."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def refresh(self) -> None:
        """Show the workflow as it is now."""
        self._due.stop()
        query = self.search.text().strip()
        self.blocks.show(self._workspace.workflow, self._workspace.run, query)
        if self.blocks.rowCount() == 0:
            title = "No block found" if self._workspace.workflow.blocks else "No blocks yet"
            hint = f"Nothing is called “{one_line(query, 40)}”." if query else "Add one from the palette, or press Tab."
            self.empty.set_words(title, hint)
        self._stack.setCurrentWidget(self.view if self.blocks.rowCount() else self.empty)
        self._show_selection()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() != QEvent.Type.KeyPress or not isinstance(event, QKeyEvent):
            return super().eventFilter(watched, event)
        key = event.key()
        if watched is self.search and key in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            self._step(1 if key == Qt.Key.Key_Down else -1)
            return True
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._choose_current()
            return True
        if watched is self.search and key == Qt.Key.Key_Escape and self.search.text():
            self.search.clear()
            return True
        return super().eventFilter(watched, event)

    def _build(self) -> None:
        self.view.setModel(self.blocks)
        self.view.setItemDelegate(OutlineDelegate(self._theme, self.view))
        self.view.setAccessibleName("Blocks")
        self.view.setUniformItemSizes(True)
        self.view.setAcceptDrops(False)
        self.view.setMouseTracking(True)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        holder = QWidget(self)
        self._stack = QStackedLayout(holder)
        self._stack.addWidget(self.view)
        self._stack.addWidget(self.empty)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 4, 4)
        layout.setSpacing(6)
        layout.addWidget(self.search)
        layout.addWidget(holder, 1)

    def _connect(self) -> None:
        self.search.installEventFilter(self)
        self.view.installEventFilter(self)
        self.search.textChanged.connect(self._on_search_changed)
        self.view.clicked.connect(self._on_clicked)
        self._due.timeout.connect(self.refresh)
        self._workspace.workflow_changed.connect(self._on_workflow_changed)
        self._workspace.selection_changed.connect(self._on_selection_changed)
        self._workspace.run_changed.connect(self._on_run_changed)
        self._workspace.run_replaced.connect(self._due.start)
        self._theme.changed.connect(self._on_theme_changed)

    def _show_selection(self) -> None:
        block_id = self._workspace.selection.only_block
        row = self.blocks.row_of(block_id) if block_id else -1
        with QSignalBlocker(self.view.selectionModel()):
            if row < 0:
                self.view.setCurrentIndex(QModelIndex())
                self.view.clearSelection()
            else:
                index = self.blocks.index(row)
                self.view.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
                self.view.scrollTo(index)
        self.view.viewport().update()

    def _step(self, direction: int) -> None:
        row = self.view.currentIndex().row() + direction if self.view.currentIndex().isValid() else 0
        if 0 <= row < self.blocks.rowCount():
            self.view.setCurrentIndex(self.blocks.index(row))

    def _choose_current(self) -> None:
        index = self.view.currentIndex()
        if not index.isValid() and self.blocks.rowCount():
            index = self.blocks.index(0)
        if index.isValid():
            self.reveal_requested.emit(self.blocks.block_id(index))

    def _on_clicked(self, index: QModelIndex) -> None:
        self.reveal_requested.emit(self.blocks.block_id(index))

    def _on_search_changed(self) -> None:
        self.refresh()
        if self.search.text().strip() and self.blocks.rowCount() and not self.view.currentIndex().isValid():
            self.view.setCurrentIndex(self.blocks.index(0))

    def _on_workflow_changed(self, change: Change) -> None:
        blocks = change.blocks_added or change.blocks_removed or change.blocks_changed
        if blocks or change.edges_added or change.edges_removed or change.edges_changed:
            self._due.start()

    def _on_selection_changed(self, _selected: Selection) -> None:
        if not self._due.isActive():
            self._show_selection()

    def _on_run_changed(self, block_ids: frozenset[str]) -> None:
        self.blocks.show_run(self._workspace.run, block_ids)

    def _on_theme_changed(self) -> None:
        self._search_action.setIcon(self._theme.icon("search"))
        self.view.viewport().update()


class OutlineModel(QAbstractListModel):
    """Blocks in the order of the graph, filtered by a query."""

    def __init__(self, catalog: Catalog, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._catalog = catalog
        self._blocks: list[Block] = []
        self._rows: dict[str, int] = {}
        self._run: RunState | None = None

    def show(self, workflow: Workflow, run: RunState | None, query: str) -> None:
        """Show the blocks of this workflow that the query fits."""
        blocks = [workflow.blocks[block_id] for block_id in graph_order(workflow)]
        if query:
            blocks = [block for block in blocks if self._fits(block, query)]
        self._run = run
        if [block.id for block in blocks] == [block.id for block in self._blocks] and blocks:
            self._blocks = blocks
            self.dataChanged.emit(self.index(0), self.index(len(blocks) - 1))
            return
        self.beginResetModel()
        self._blocks = blocks
        self._rows = {block.id: row for row, block in enumerate(blocks)}
        self.endResetModel()

    def show_run(self, run: RunState | None, block_ids: frozenset[str]) -> None:
        """Show the status that these blocks have in the run."""
        self._run = run
        rows = [self._rows[block_id] for block_id in block_ids if block_id in self._rows]
        if rows:
            self.dataChanged.emit(self.index(min(rows)), self.index(max(rows)))

    def row_of(self, block_id: str) -> int:
        """The row of a block, -1 when it is not shown."""
        return self._rows.get(block_id, -1)

    def block(self, index: _Index) -> Block:
        """The block in this row."""
        return self._blocks[index.row()]

    def block_id(self, index: _Index) -> str:
        """The id of the block in this row."""
        return self._blocks[index.row()].id

    def look(self, block: Block) -> StatusLook | None:
        """How the block's status looks, None when no run knows it."""
        run = self._run.blocks.get(block.id) if self._run else None
        return block_look(run, finished=self._run.is_finished) if run and self._run else None

    def words(self, block: Block) -> tuple[str, str, str]:
        """Icon, hue and label of the block's type."""
        block_type = self._catalog.find(block.type)
        return (block_type.icon, block_type.hue, block_type.label) if block_type else ("unknown", "grey", block.type)

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - the signature is Qt's
        return 0 if parent.isValid() else len(self._blocks)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        block = self.block(index)
        if role == Qt.ItemDataRole.DisplayRole:
            return block.label
        if role == Qt.ItemDataRole.AccessibleTextRole:
            look = self.look(block)
            parts = [block.label, self.words(block)[2], look.word if look else "", "" if block.enabled else "off"]
            return ", ".join(part for part in parts if part)
        return None

    def _fits(self, block: Block, query: str) -> bool:
        texts = (block.label, self.words(block)[2], block.type)
        return any((match_score(query, text) or 0) >= 20 for text in texts) or query == block.id


class OutlineDelegate(QStyledItemDelegate):
    """Paints a row: icon, name, type, status."""

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, _option: QStyleOptionViewItem, _index: _Index) -> QSize:
        return QSize(120, ROW_HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        model = index.model()
        assert isinstance(model, OutlineModel)
        block = model.block(index)
        colors = self._theme.colors
        rect: QRect = option.rect
        font: QFont = option.font
        state: QStyle.StateFlag = option.state
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        selected = bool(state & QStyle.StateFlag.State_Selected)
        if selected or state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colors.accent_soft if selected else colors.hover))
            painter.drawRoundedRect(QRectF(rect).adjusted(2, 1, -2, -1), 7, 7)
        icon, hue, kind = model.words(block)
        tile = QRectF(rect.x() + 8, rect.y() + (rect.height() - 24) / 2, 24, 24)
        paint_tile(painter, self._theme, tile, icon, hue, faded=not block.enabled)
        right = rect.right() - 10
        look = model.look(block)
        if look is not None:
            ratio = painter.device().devicePixelRatioF()
            pixmap = self._theme.pixmap(look.icon, 16, getattr(colors, look.color), ratio)
            painter.drawPixmap(right - 16, rect.center().y() - 7, pixmap)
            right -= 24
        self._paint_words(
            painter, QRect(rect.x() + 42, rect.y(), right - rect.x() - 42, rect.height()), font, block, kind
        )
        painter.restore()

    def _paint_words(self, painter: QPainter, room: QRect, font: QFont, block: Block, kind: str) -> None:
        colors = self._theme.colors
        metrics = painter.fontMetrics()
        words = kind if block.enabled else f"{kind}, off"
        name = elided(block.label, metrics, room.width())
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.setFont(font)
        painter.setPen(QColor(colors.text if block.enabled else colors.text_faint))
        painter.drawText(room, flags, name)
        left = metrics.horizontalAdvance(name) + 10
        painter.setPen(QColor(colors.text_faint))
        if room.width() - left > 40:
            painter.drawText(room.adjusted(left, 0, 0, 0), flags, elided(words, metrics, room.width() - left))


def graph_order(workflow: Workflow) -> list[str]:
    """Block ids, each after those it follows; blocks on cycles come last. Ties go by place: top, then left."""
    places = {block.id: (block.y, block.x) for block in workflow.blocks.values()}
    targets: dict[str, list[str]] = {}
    waits = dict.fromkeys(workflow.blocks, 0)
    for edge in workflow.edges.values():
        if edge.source in waits and edge.target in waits:
            targets.setdefault(edge.source, []).append(edge.target)
            waits[edge.target] += 1
    ready = deque(sorted((block_id for block_id, count in waits.items() if not count), key=places.__getitem__))
    order: list[str] = []
    while ready:
        block_id = ready.popleft()
        order.append(block_id)
        freed = []
        for target in targets.get(block_id, ()):
            waits[target] -= 1
            if waits[target] == 0:
                freed.append(target)
        ready.extend(sorted(freed, key=places.__getitem__))
    on_cycles = set(workflow.blocks).difference(order)
    return order + sorted(on_cycles, key=places.__getitem__)
