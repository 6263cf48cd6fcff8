"""The comparison: one input run here and on a server, block by block, with what came out differently side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSplitter, QStackedLayout, QVBoxLayout, QWidget

from editor.panels.two_line_list import TwoLineList, TwoLineRow
from editor.panels.value_view import ValueView
from editor.panels.widgets import ElidedLabel, EmptyState, IconLabel
from editor.text import count_text, duration_text, plain_label
from editor.theme import Theme
from engine import BlockRun, Difference, RunState

WHOLE_RUN = ""
"""The key of the row that stands for the run as a whole, as in a `Difference`."""
MAX_SENTENCES = 3
_WIDTHS = (220, 500)


@dataclass(frozen=True)
class Comparison:
    """One input in two places. `server` is the server's name."""

    local: RunState
    remote: RunState
    differences: Sequence[Difference]
    server: str

    @cached_property
    def by_block(self) -> Mapping[str, list[Difference]]:
        """What differs of each block that differs, and of the run as a whole by `WHOLE_RUN`."""
        found: dict[str, list[Difference]] = {}
        for item in self.differences:
            found.setdefault(item.block_id, []).append(item)
        return found

    def of(self, block_id: str) -> list[Difference]:
        """What differs of this block, or of the run as a whole for `WHOLE_RUN`."""
        return self.by_block.get(block_id, [])


class ComparePanel(QWidget):
    """Blocks at the left, both results of the selected one at the right.

    Signals:
        compare_requested(): run the workflow here and on the server, and compare.
        block_chosen(str): the id of a block that the person looks at.
        copy_all_requested(object): copy this value, too big to be copied at once.
        save_requested(object): write this value to a file.
    """

    compare_requested = Signal()
    block_chosen = Signal(str)
    copy_all_requested = Signal(object)
    save_requested = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._comparison: Comparison | None = None
        self.empty = EmptyState(
            theme,
            "columns-2",
            "Nothing compared yet",
            "The workflow runs with the same input here and on the server, and what differs is listed.",
            self,
        )
        self.button = QPushButton("Compare Here and Server", self)
        self.sign = IconLabel(theme, "circle-check", "success", 18, self)
        self.title = plain_label("", self, role="title")
        self.facts = ElidedLabel("", "muted", self)
        self.again = QPushButton("Compare Again", self)
        self.view = TwoLineList(theme, "Blocks that were compared", self)
        self.sentences = plain_label("", self, wrap=True)
        self.here_title, self.there_title = plain_label("Here", self, role="label"), plain_label("", self, role="label")
        self.here, self.there = ValueView(theme, self), ValueView(theme, self)
        self._build()
        self._connect()

    @property
    def comparison(self) -> Comparison | None:
        """What is shown."""
        return self._comparison

    def show_waiting(self, words: str) -> None:
        """Say that a comparison is under way."""
        self._comparison = None
        self.empty.set_words("Comparing…", words)
        self.button.hide()
        self._stack.setCurrentWidget(self.empty)

    def show_nothing(self, words: str = "") -> None:
        """There is no comparison; `words` says why the last one came to nothing."""
        self._comparison = None
        told = "The workflow runs with the same input here and on the server, and what differs is listed."
        self.empty.set_words("Nothing to compare" if words else "Nothing compared yet", words or told)
        self.button.show()
        self._stack.setCurrentWidget(self.empty)

    def show_comparison(self, comparison: Comparison) -> None:
        """Show this comparison, and its first difference."""
        self._comparison = comparison
        count = len(comparison.differences)
        self.sign.set_icon("circle-check" if not count else "triangle-alert", "success" if not count else "warning")
        self.title.setText("The same in both places" if not count else count_text(count, "difference"))
        times = [duration_text(run.duration_ms) for run in (comparison.local, comparison.remote)]
        self.facts.set_text(f"{times[0]} here, {times[1]} on {comparison.server}")
        self.there_title.setText(f"On {comparison.server}"[:60])
        self.view.set_rows(_rows(comparison))
        first = comparison.differences[0].block_id if count else WHOLE_RUN
        self.view.select(first or _RUN_KEY)
        self._show(first)
        self._stack.setCurrentWidget(self._content)

    # --- inside -------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(12, 8, 12, 8)
        head.setSpacing(8)
        head.addWidget(self.sign)
        head.addWidget(self.title)
        head.addWidget(self.facts, 1)
        head.addWidget(self.again)
        values = QSplitter(self)
        values.setChildrenCollapsible(False)
        for title, view in ((self.here_title, self.here), (self.there_title, self.there)):
            values.addWidget(_titled(title, view, values))
        self.sentences.setContentsMargins(12, 4, 12, 4)
        details = QWidget(self)
        right = QVBoxLayout(details)
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        right.addWidget(self.sentences)
        right.addWidget(values, 1)
        splitter = QSplitter(self)
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(self.view)
        splitter.addWidget(details)
        splitter.setStretchFactor(0, 2)
        splitter.setStretchFactor(1, 5)
        splitter.setSizes(list(_WIDTHS))
        self._content = QWidget(self)
        content = QVBoxLayout(self._content)
        content.setContentsMargins(0, 0, 0, 0)
        content.setSpacing(0)
        content.addLayout(head)
        content.addWidget(splitter, 1)
        self.empty.add_button(self.button)
        self._stack = QStackedLayout(self)
        self._stack.setContentsMargins(0, 0, 0, 0)
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self._content)

    def _connect(self) -> None:
        self.button.clicked.connect(self.compare_requested)
        self.again.clicked.connect(self.compare_requested)
        self.view.chosen.connect(self._on_chosen)
        for view in (self.here, self.there):
            view.copy_all_requested.connect(self.copy_all_requested)
            view.save_requested.connect(self.save_requested)

    def _on_chosen(self, key: str) -> None:
        block_id = WHOLE_RUN if key == _RUN_KEY else key
        self._show(block_id)
        if block_id:
            self.block_chosen.emit(block_id)

    def _show(self, block_id: str) -> None:
        comparison = self._comparison
        if comparison is None:
            return
        found = comparison.of(block_id)
        sentences = [item.text for item in found[:MAX_SENTENCES]]
        if len(found) > MAX_SENTENCES:
            sentences.append(f"And {len(found) - MAX_SENTENCES:,} more.")
        self.sentences.setText("\n".join(sentences) or "The same in both places.")
        for view, run in ((self.here, comparison.local), (self.there, comparison.remote)):
            value, note = _shown(run, block_id)
            view.show_value(value, note)


_RUN_KEY = "\0run"


def _rows(comparison: Comparison) -> list[TwoLineRow]:
    """The run as a whole, then its blocks in the order of the run here, those that differ first."""
    ids = list(dict.fromkeys([*comparison.local.blocks, *comparison.remote.blocks]))
    counted = {block_id: len(comparison.of(block_id)) for block_id in [WHOLE_RUN, *ids]}
    ids.sort(key=lambda block_id: not counted[block_id])
    rows = [_row(_RUN_KEY, "Final output", counted[WHOLE_RUN])]
    return rows + [_row(block_id, _name(comparison, block_id), counted[block_id]) for block_id in ids]


def _row(key: str, name: str, count: int) -> TwoLineRow:
    if count:
        return TwoLineRow(key, "triangle-alert", "warning", name, "", count_text(count, "difference"), "Differs")
    return TwoLineRow(key, "circle-check", "success", name, "", "same", "Same")


def _name(comparison: Comparison, block_id: str) -> str:
    runs = [run.blocks.get(block_id) for run in (comparison.local, comparison.remote)]
    return next((run.block_name for run in runs if run and run.block_name), block_id)


def _shown(run: RunState, block_id: str) -> tuple[Any, str]:
    """A value of one of the two runs, and the note above it."""
    if block_id == WHOLE_RUN:
        return (run.error, "Failed") if run.status != "completed" else ("" if run.output is None else run.output, "")
    block = run.blocks.get(block_id)
    if block is None:
        return "", "Not part of this run"
    return _block_value(block)


def _block_value(block: BlockRun) -> tuple[Any, str]:
    if block.status == "failed":
        return block.error or "", "Failed"
    if block.status == "skipped":
        return "", f"Skipped. {block.skip_text}".strip()
    return ("" if block.result is None else block.result), "Did not run" if block.result is None else ""


def _titled(title: QWidget, view: QWidget, parent: QWidget) -> QWidget:
    holder = QWidget(parent)
    layout = QVBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(2)
    title.setContentsMargins(10, 2, 10, 0)
    layout.addWidget(title)
    layout.addWidget(view, 1)
    return holder
