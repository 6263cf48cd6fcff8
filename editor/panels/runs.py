"""The run panel: what each block of the run got, did and gave. A view of `workspace.run`, live or recorded."""

from typing import Any

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QListView, QSplitter, QStackedLayout, QTabBar, QVBoxLayout, QWidget

from editor.panels.run_details import block_value, delegation_value, first_tab, remarks, run_value, tab_names
from editor.panels.run_timeline import RunTimelineDelegate, RunTimelineModel, delegation_of
from editor.panels.status import block_look, run_look
from editor.panels.value_view import ValueView
from editor.panels.widgets import ElidedLabel, EmptyState, IconLabel
from editor.text import count_text, duration_text, plain_label, set_role
from editor.theme import Theme
from editor.workspace.selection import Selection
from editor.workspace.workspace import Workspace
from engine import BlockRun, Delegation, RunState

FRAME_MS = 50
TICK_MS = 100
MOST_REMARKS = 3
_SIDE_BY_SIDE = 560


class RunPanel(QWidget):
    """Timeline at the left, details of the selected row at the right.

    Signals:
        copy_all_requested(object): copy this value, too big to be copied at once.
        save_requested(object): write this value to a file.
    """

    copy_all_requested = Signal(object)
    save_requested = Signal(object)

    def __init__(self, workspace: Workspace, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._theme = theme
        self._block_id = ""
        self._delegation = 0
        """Which of the block's delegations is shown, 0 for the block itself."""
        self._changed: set[str] = set()
        self._is_stale = False
        self._origin = ""
        self.timeline = RunTimelineModel(self)
        self.view = QListView(self)
        self.tabs = QTabBar(self)
        self.value = ValueView(theme, self)
        self.empty = EmptyState(
            theme, "circle-play", "No run yet", "Press Run (F5) to see each block's input and output here.", self
        )
        self._due = QTimer(self)
        self._due.setSingleShot(True)
        self._due.setInterval(FRAME_MS)
        self._ticking = QTimer(self)
        self._ticking.setInterval(TICK_MS)
        self._build(theme)
        self._connect()
        self._on_run_replaced()

    def add_scrubber(self, scrubber: QWidget) -> None:
        """Put this bar below the head, where one goes through the moments of the run."""
        self._content_layout.insertWidget(1, scrubber)

    def show_origin(self, words: str) -> None:
        """Say where the run that is shown ran, "" for here."""
        self._origin = words
        self._show_head()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._is_stale:
            self._refresh()

    # --- inside -------------------------------------------------------------------------------------------------

    def _build(self, theme: Theme) -> None:
        self.status_icon = IconLabel(theme, "circle-check", "success", 18, self)
        self.status = plain_label("", self, role="title")
        self.facts = ElidedLabel("", "muted", self)
        header = QHBoxLayout()
        header.setContentsMargins(12, 8, 12, 8)
        header.setSpacing(8)
        for widget in (self.status_icon, self.status):
            header.addWidget(widget)
        header.addWidget(self.facts, 1)
        self.view.setModel(self.timeline)
        self.view.setItemDelegate(RunTimelineDelegate(theme, self.view))
        self.view.setAccessibleName("Blocks of the run")
        self.view.setUniformItemSizes(True)
        self.view.setMouseTracking(True)
        self.view.setAcceptDrops(False)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.tabs.setExpanding(False)
        self.tabs.setDrawBase(False)
        self.tabs.setAccessibleName("Details")
        self.reason = plain_label("", self, role="muted", wrap=True)
        self.reason.setContentsMargins(12, 8, 12, 0)
        self.nothing = EmptyState(theme, "ban", "Skipped", parent=self)
        self.nothing.hide()
        details = QWidget(self)
        layout = QVBoxLayout(details)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.tabs)
        layout.addWidget(self.reason)
        layout.addWidget(self.value, 1)
        layout.addWidget(self.nothing, 1)
        self.splitter = QSplitter(self)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(self.view)
        self.splitter.addWidget(details)
        self.splitter.setStretchFactor(0, 2)
        self.splitter.setStretchFactor(1, 3)
        self._content = QWidget(self)
        content = self._content_layout = QVBoxLayout(self._content)
        content.setContentsMargins(0, 0, 0, 0)
        content.setSpacing(0)
        content.addLayout(header)
        content.addWidget(self.splitter, 1)
        self._stack = QStackedLayout(self)
        self._stack.setContentsMargins(0, 0, 0, 0)
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self._content)

    def _connect(self) -> None:
        self._workspace.run_changed.connect(self._on_run_changed)
        self._workspace.run_replaced.connect(self._on_run_replaced)
        self._workspace.selection_changed.connect(self._on_selection_changed)
        self.view.selectionModel().currentChanged.connect(self._on_current_changed)
        self.tabs.currentChanged.connect(self._show_tab)
        self.value.copy_all_requested.connect(self.copy_all_requested)
        self.value.save_requested.connect(self.save_requested)
        self._due.timeout.connect(self._refresh)
        self._ticking.timeout.connect(self._on_tick)
        self._theme.changed.connect(self._on_theme_changed)

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        wide = self.width() >= _SIDE_BY_SIDE
        self.splitter.setOrientation(Qt.Orientation.Horizontal if wide else Qt.Orientation.Vertical)

    def _on_run_changed(self, block_ids: frozenset[str]) -> None:
        self._changed |= block_ids
        if not self._due.isActive():
            self._due.start()

    def _on_run_replaced(self) -> None:
        run = self._workspace.run
        self._changed.clear()
        self._due.stop()
        self.timeline.show_run(run, self._name_of)
        self._block_id, self._delegation = self._workspace.selection.only_block or "", 0
        self._stack.setCurrentWidget(self._content if run else self.empty)
        self._show_all()

    def _refresh(self) -> None:
        """Show what has changed since the last time: at most once in `FRAME_MS`, and not while nobody looks."""
        if not self.isVisible():
            self._is_stale = True
            return
        changed, self._changed = frozenset(self._changed), set()
        self._is_stale = False
        self.timeline.refresh(changed)
        self._show_head()
        self._select_row()
        if not self._block_id or self._block_id in changed:
            self._show_details()

    def _show_all(self) -> None:
        self._show_head()
        self._select_row()
        self._show_details()

    def _show_head(self) -> None:
        run = self._workspace.run
        if run is None:
            self._ticking.stop()
            return
        if run.is_finished or run.frozen_at is not None:
            self._ticking.stop()
        elif not self._ticking.isActive():
            self._ticking.start()
        look = run_look(run)
        self.status_icon.set_icon(look.icon, look.color)
        self.status.setText(look.word)
        done = sum(1 for item in run.blocks.values() if item.status == "done")
        skipped = sum(1 for item in run.blocks.values() if item.status == "skipped")
        failed = len(run.failed_blocks)
        facts = [duration_text(self.timeline.total_ms()), f"{done:,} of {count_text(len(run.blocks), 'block')}"]
        facts += [f"{failed:,} failed"] if failed else []
        facts += [f"{skipped:,} skipped"] if skipped else []
        facts += [self._origin] if self._origin else []
        self.facts.set_text(" · ".join(facts))

    def _select_row(self) -> None:
        if self.timeline.rowCount() == 0:
            return
        index = self.timeline.index(self.timeline.row_of(self._block_id, self._delegation))
        if index != self.view.currentIndex() or not self.view.selectionModel().isSelected(index):
            with QSignalBlocker(self.view.selectionModel()):
                flags = QItemSelectionModel.SelectionFlag.ClearAndSelect
                self.view.selectionModel().setCurrentIndex(index, flags)
            self.view.scrollTo(index)
            self.view.viewport().update()

    def _on_current_changed(self, current: QModelIndex, _before: QModelIndex) -> None:
        self._block_id, self._delegation = self.timeline.entry(current)
        self._show_details()
        if self._block_id in self._workspace.workflow.blocks:
            self._workspace.select([self._block_id])

    def _on_selection_changed(self, selected: Selection) -> None:
        block_id = selected.only_block or ""
        run = self._workspace.run
        if run is None or block_id == self._block_id or (block_id and block_id not in run.blocks):
            return
        self._block_id, self._delegation = block_id, 0
        self._select_row()
        self._show_details()

    def _on_tick(self) -> None:
        if self.isVisible():
            self.timeline.tick()
            self._show_head()

    def _on_theme_changed(self) -> None:
        self.view.viewport().update()
        self.timeline.tick()

    # --- details ------------------------------------------------------------------------------------------------

    def _show_details(self) -> None:
        run = self._workspace.run
        if run is None:
            return
        block_run = run.blocks.get(self._block_id)
        names = tab_names(run, block_run, self._shown_delegation(block_run))
        shown = [self.tabs.tabText(number) for number in range(self.tabs.count())]
        if names != shown:
            self._set_tabs(names, self.tabs.tabText(self.tabs.currentIndex()))
        self._show_reason(run, block_run)
        self._show_tab()

    def _shown_delegation(self, block_run: BlockRun | None) -> Delegation | None:
        return delegation_of(block_run, self._delegation) if block_run and self._delegation else None

    def _set_tabs(self, names: list[str], wanted: str) -> None:
        with QSignalBlocker(self.tabs):
            while self.tabs.count():
                self.tabs.removeTab(0)
            for name in names:
                self.tabs.addTab(name)
            self.tabs.setCurrentIndex(names.index(first_tab(names, wanted)))

    def _show_reason(self, run: RunState, block_run: BlockRun | None) -> None:
        """Say why there is nothing to see of a block, which attempt it is, and what did not go as set."""
        idle = block_run is not None and block_run.status in ("skipped", "waiting")
        for widget in (self.tabs, self.value):
            widget.setVisible(not idle)
        self.nothing.setVisible(idle)
        if block_run is not None and idle:
            look = block_look(block_run, finished=run.is_finished)
            waits = "" if run.is_finished else "It waits for the blocks before it."
            self.nothing.icon.set_icon(look.icon)
            self.nothing.set_words(look.word, block_run.skip_text or waits)
        attempt = block_run.attempt if block_run is not None else 0
        told = remarks(block_run) if block_run is not None and not self._delegation else []
        lines = [f"Attempt {attempt}."] if attempt > 1 else []
        lines += told[:MOST_REMARKS]
        lines += [f"And {len(told) - MOST_REMARKS} more warnings."] if len(told) > MOST_REMARKS else []
        self.reason.setText("\n".join(lines))
        set_role(self.reason, "warning" if told else "muted")
        self.reason.setVisible(bool(lines) and not idle)

    def _show_tab(self) -> None:
        run = self._workspace.run
        if run is None:
            return
        block_run = run.blocks.get(self._block_id)
        name = self.tabs.tabText(self.tabs.currentIndex())
        delegation = self._shown_delegation(block_run)
        if delegation is not None:
            shown = delegation_value(delegation, name)
        else:
            shown = run_value(run, name) if block_run is None else block_value(run, block_run, name)
        if name == "Input" and block_run is not None:
            inputs = self._named_inputs(run, block_run)
            shown = shown._replace(value=inputs, tree=inputs)
        self.value.show_value(shown.value, shown.note, tree=shown.tree)

    def _named_inputs(self, run: RunState, block_run: BlockRun) -> dict[str, Any]:
        results = run.inputs_of(block_run.block_id)
        return {self._name_of(run.blocks[source]): result for source, result in results.items()}

    def _name_of(self, block_run: BlockRun) -> str:
        block = self._workspace.workflow.blocks.get(block_run.block_id)
        return block_run.block_name or (block.label if block else block_run.block_id)
