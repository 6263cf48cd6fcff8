"""The palette: every block type by category, to search, click, or drag onto the canvas."""

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QStackedLayout, QVBoxLayout, QWidget

from editor.panels.block_list import BlockTypeView, Row
from editor.panels.search import rank
from editor.panels.widgets import EmptyState
from editor.text import one_line
from editor.theme import Theme
from editor.workspace.workspace import Workspace
from engine import BlockType, Change

CATEGORIES = ("Start", "AI", "Logic", "Data", "Connect", "Finish")


class PalettePanel(QWidget):
    """All block types.

    Signals:
        add_requested(str): the block type with this name shall be added to the workflow.
    """

    add_requested = Signal(str)

    def __init__(self, workspace: Workspace, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._theme = theme
        self.search = QLineEdit(self)
        self.search.setPlaceholderText("Search blocks")
        self.search.setAccessibleName("Search blocks")
        self.search.setClearButtonEnabled(True)
        self._search_action = self.search.addAction(theme.icon("search"), QLineEdit.ActionPosition.LeadingPosition)
        self.view = BlockTypeView(theme, self, can_drag=True)
        self.view.setAccessibleName("Block types")
        self.empty = EmptyState(theme, "search", "No block matches", parent=self)
        self._build()
        self._connect()
        self._refresh()

    def focus_search(self) -> None:
        """Put the caret into the search field, all text selected."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.search and event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up):
                self.view.step(1 if event.key() == Qt.Key.Key_Down else -1)
                return True
            if event.key() == Qt.Key.Key_Escape and self.search.text():
                self.search.clear()
                return True
        return super().eventFilter(watched, event)

    def _build(self) -> None:
        holder = QWidget(self)
        self._stack = QStackedLayout(holder)
        self._stack.addWidget(self.view)
        self._stack.addWidget(self.empty)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 4, 4)
        layout.setSpacing(4)
        layout.addWidget(self.search)
        layout.addWidget(holder, 1)
        self.search.installEventFilter(self)

    def _connect(self) -> None:
        self.search.textChanged.connect(self._on_search_changed)
        self.search.returnPressed.connect(self.view.take_selected)
        self.view.taken.connect(self.add_requested)
        self._workspace.workflow_changed.connect(self._on_workflow_changed)
        self._theme.changed.connect(self._on_theme_changed)

    def _on_search_changed(self) -> None:
        self._refresh(select_first=bool(self.search.text().strip()))

    def _on_workflow_changed(self, change: Change) -> None:
        if change.blocks_added or change.blocks_removed:
            self._refresh()

    def _on_theme_changed(self) -> None:
        self._search_action.setIcon(self._theme.icon("search"))

    def _refresh(self, *, select_first: bool = False) -> None:
        query = self.search.text().strip()
        rows = self._found_rows(query) if query else self._all_rows()
        self.view.set_rows(rows, select_first=select_first)
        if not rows:
            self.empty.set_words("No block matches", f"Nothing fits “{one_line(query, 40)}”. Try a shorter word.")
        self._stack.setCurrentWidget(self.view if rows else self.empty)

    def _found_rows(self, query: str) -> list[Row]:
        present = self._present_types()
        return [_row(block_type, present) for block_type in rank(query, self._workspace.catalog)]

    def _all_rows(self) -> list[Row]:
        present = self._present_types()
        groups: dict[str, list[BlockType]] = {name: [] for name in CATEGORIES}
        for block_type in self._workspace.catalog:
            groups.setdefault(block_type.category, []).append(block_type)
        rows = []
        for name, block_types in groups.items():
            if block_types:
                rows += [Row(name), *(_row(block_type, present) for block_type in block_types)]
        return rows

    def _present_types(self) -> frozenset[str]:
        find = self._workspace.catalog.find
        spelled = {block.type for block in self._workspace.workflow.blocks.values()}
        return frozenset(found.type for name in spelled if (found := find(name)))


def _row(block_type: BlockType, present: frozenset[str]) -> Row:
    taken = block_type.singleton and block_type.type in present
    return Row(block_type.label, block_type, "Already in this workflow" if taken else "")
