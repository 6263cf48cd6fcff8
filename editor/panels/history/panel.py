"""The history: runs of the workflow on its server, newest first, page by page. Choosing one shows it on the canvas."""

from dataclasses import replace

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QStackedLayout, QVBoxLayout, QWidget

from editor.panels.history.run_rows import ago, history_row
from editor.panels.two_line_list import TwoLineList, TwoLineRow
from editor.panels.widgets import ElidedLabel, EmptyState, IconButton
from editor.text import count_text, plain_label
from editor.theme import Theme
from editor.workspace.deployment import Deployment
from editor.workspace.server_link import ServerLink
from editor.workspace.server_runs import ServerRuns
from engine import Execution

_CLOCK_MS = 20_000
_NEAR_END = 3


class HistoryPanel(QWidget):
    """Shows `ServerRuns`; while it is visible the newest runs are asked for all the time.

    Signals:
        run_chosen(str): the id of a run that is to be shown on the canvas.
        compare_requested(str): run here with the input of this run, and compare.
        run_requested(): run the workflow on the server.
    """

    run_chosen = Signal(str)
    compare_requested = Signal(str)
    run_requested = Signal()

    def __init__(
        self,
        link: ServerLink,
        deployment: Deployment,
        runs: ServerRuns,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._link = link
        self._deployment = deployment
        self._runs = runs
        self._rows: dict[str, tuple[Execution, TwoLineRow]] = {}
        self.empty = EmptyState(theme, "history", "", "", self)
        self.view = TwoLineList(theme, "Runs on the server", self)
        self.facts = ElidedLabel("", "muted", self)
        self.trouble = plain_label("", self, role="error", wrap=True)
        self.run_button = QPushButton("Run on Server", self)
        self.compare_button = IconButton(
            theme, "columns-2", "Run here with the same input, and compare", self, text="Compare"
        )
        self.refresh_button = IconButton(theme, "refresh-cw", "Read the list anew", self)
        self._clock = QTimer(self)
        self._clock.setInterval(_CLOCK_MS)
        self._build()
        self._connect()

    def refresh(self) -> None:
        """Show what is known now; while nobody looks there is nothing to do."""
        if not self.isVisible():
            return
        rows = self._runs.rows
        now = self._link.server_now().timestamp()
        self._rows = {run.id: self._row(run, now) for run in rows}
        self.view.set_rows([row for _run, row in self._rows.values()])
        self.trouble.setText(self._runs.trouble)
        self.trouble.setVisible(bool(self._runs.trouble))
        more = "+" if self._runs.has_more else ""
        count = f"{len(rows):,}{more} runs" if more else count_text(len(rows), "run")
        self.facts.set_text("Reading…" if self._runs.is_loading and not rows else f"{count}, newest first")
        self.compare_button.setEnabled(bool(self.view.current_key))
        self._show_empty()
        self._stack.setCurrentWidget(self._content if rows or self._runs.trouble else self.empty)

    def select(self, execution_id: str) -> None:
        """Mark this run as the one that is shown."""
        self.view.select(execution_id)
        self.compare_button.setEnabled(bool(self.view.current_key))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._deployment.follow_runs(True)
        self._runs.refresh()
        self.refresh()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._deployment.follow_runs(False)

    # --- inside -------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self._content = QWidget(self)
        head = QHBoxLayout()
        head.setContentsMargins(12, 6, 8, 4)
        head.setSpacing(4)
        head.addWidget(self.facts, 1)
        head.addWidget(self.compare_button)
        head.addWidget(self.refresh_button)
        self.trouble.setContentsMargins(12, 2, 12, 4)
        content = QVBoxLayout(self._content)
        content.setContentsMargins(0, 0, 0, 0)
        content.setSpacing(0)
        content.addLayout(head)
        content.addWidget(self.trouble)
        content.addWidget(self.view, 1)
        self.empty.add_button(self.run_button)
        self._stack = QStackedLayout(self)
        self._stack.setContentsMargins(0, 0, 0, 0)
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self._content)

    def _connect(self) -> None:
        self._runs.changed.connect(self.refresh)
        self._link.place_changed.connect(self._on_place_changed)
        self.view.chosen.connect(self._on_chosen)
        self.view.verticalScrollBar().valueChanged.connect(self._on_scrolled)
        self.run_button.clicked.connect(self.run_requested)
        self.compare_button.clicked.connect(self._on_compare)
        self.refresh_button.clicked.connect(self._runs.refresh)
        self._clock.timeout.connect(self._on_time)
        self._clock.start()

    def _row(self, run: Execution, now: float) -> tuple[Execution, TwoLineRow]:
        """The run with its row. Of one that is as it was only the time is told anew: there may be thousands."""
        known = self._rows.get(run.id)
        if known is not None and (known[0] is run or known[0].is_over):
            return known[0], replace(known[1], side=ago(run, now))
        return run, history_row(run, now)

    def _show_empty(self) -> None:
        placed = self._link.is_placed
        name = self._link.connection.name if self._link.connection else ""
        if not placed:
            words = "Save the workflow to a server, and what runs there appears here."
            self.empty.set_words("Not on a server", words)
        elif self._runs.is_loading:
            self.empty.set_words("Reading the runs…", "")
        else:
            self.empty.set_words(f"No run on {name} yet", "Run it there (Ctrl+F5), or have its webhook called.")
        self.run_button.setVisible(placed and not self._runs.is_loading)

    def _on_place_changed(self) -> None:
        if self.isVisible():
            self._deployment.follow_runs(True)
            self._runs.refresh()
        self.refresh()

    def _on_chosen(self, execution_id: str) -> None:
        self.compare_button.setEnabled(True)
        self.run_chosen.emit(execution_id)

    def _on_compare(self) -> None:
        if self.view.current_key:
            self.compare_requested.emit(self.view.current_key)

    def _on_scrolled(self, value: int) -> None:
        bar = self.view.verticalScrollBar()
        if value >= bar.maximum() - _NEAR_END * bar.singleStep():
            self._runs.load_more()

    def _on_time(self) -> None:
        if self.isVisible():
            self.refresh()
