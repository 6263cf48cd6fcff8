"""The merge dialog: both versions side by side, what was taken over, and what has to be decided."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QSplitter, QVBoxLayout, QWidget

from editor.panels.conflicts.choices import Choices, Side
from editor.panels.conflicts.detail import Detail
from editor.panels.conflicts.side_by_side import SideBySide
from editor.panels.two_line_list import TwoLineList
from editor.text import count_text, plain_label
from editor.theme import Theme
from engine import Catalog, Workflow, merge

SIZE = (1080, 720)
LIST_WIDTH = 380


class MergeDialog(QDialog):
    """Nothing is merged before it is accepted; that takes a decision about every conflict. `load` fills it."""

    def __init__(
        self, merged: merge.Merge, server: str, catalog: Catalog, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("merge-dialog")
        self.setWindowTitle("Merge")
        self.choices = Choices(merged, server, catalog)
        self.versions = SideBySide(
            ("Mine, as on the canvas", merged.mine), (f"On “{server}”", merged.theirs), catalog, theme, self
        )
        self.list = TwoLineList(theme, "What differs", self)
        self.detail = Detail(self.choices, server, self)
        self.heading = plain_label(f"“{server}” has a newer version of this workflow", self, role="title")
        self.words = plain_label("", self, role="muted", wrap=True)
        self.mine_button = QPushButton("Keep All Mine", self)
        self.theirs_button = QPushButton("Take All Theirs", self)
        self.cancel_button = QPushButton("Not Now", self)
        self.accept_button = QPushButton("Merge and Save", self)
        self._build()
        self.list.chosen.connect(self._show)
        self.detail.decided.connect(self._on_decided)
        self.mine_button.clicked.connect(self._on_all_mine)
        self.theirs_button.clicked.connect(self._on_all_theirs)
        self.cancel_button.clicked.connect(self.reject)
        self.accept_button.clicked.connect(self.accept)
        self.list.setFocus()

    def prepare(self) -> None:
        """Do what takes long with large documents; on any thread, before `load`."""
        self.versions.prepare()

    def load(self) -> None:
        """Show what was merged."""
        self.versions.load()
        self._fill()
        self.list.select("0")
        self._show("0")

    def result_workflow(self) -> Workflow:
        """The merged document, as it was decided. Pure: may be asked for on any thread."""
        return self.choices.workflow()

    def accept(self) -> None:
        if not self.choices.left:
            super().accept()

    def _build(self) -> None:
        for button in (self.mine_button, self.theirs_button, self.cancel_button):
            button.setAutoDefault(False)
        self.accept_button.setProperty("primary", True)
        self.accept_button.setDefault(True)
        lower = QSplitter(Qt.Orientation.Horizontal, self)
        lower.setChildrenCollapsible(False)
        lower.addWidget(self.list)
        lower.addWidget(self.detail)
        lower.setSizes([LIST_WIDTH, SIZE[0] - LIST_WIDTH])
        lower.setContentsMargins(0, 8, 0, 0)
        self.detail.setContentsMargins(10, 0, 0, 0)
        middle = QSplitter(Qt.Orientation.Vertical, self)
        middle.setChildrenCollapsible(False)
        middle.addWidget(self.versions)
        middle.addWidget(lower)
        middle.setSizes([380, 240])
        foot = QHBoxLayout()
        foot.setSpacing(8)
        foot.addWidget(self.mine_button)
        foot.addWidget(self.theirs_button)
        foot.addStretch(1)
        foot.addWidget(self.cancel_button)
        foot.addWidget(self.accept_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 14)
        layout.setSpacing(8)
        layout.addWidget(self.heading)
        layout.addWidget(self.words)
        layout.addWidget(middle, 1)
        layout.addLayout(foot)
        self.resize(*SIZE)

    def _fill(self) -> None:
        merged, left = self.choices.merged, self.choices.left
        self.list.set_rows(self.choices.rows())
        marks = self.choices.marks()
        item = self.choices.item(self.list.current_key)
        strong = next(iter(self.choices.block_ids(item)), "") if item else ""
        self.versions.set_marks(marks, marks, strong)
        taken = f"{count_text(len(merged.from_theirs), 'change')} taken over" if merged.from_theirs else ""
        open_ones = f"{count_text(left, 'conflict')} to decide" if left else ""
        decided = "every conflict decided" if merged.conflicts and not left else ""
        found = ", ".join(part for part in (open_ones, decided, taken) if part)
        self.words.setText(f"{found[:1].upper()}{found[1:]}. Undo takes the merge back.")
        for button in (self.mine_button, self.theirs_button):
            button.setVisible(bool(merged.conflicts))
        self.accept_button.setEnabled(not left)

    def _show(self, key: str) -> None:
        item = self.choices.item(key)
        self.detail.show_item(item)
        if item is not None:
            block_ids = self.choices.block_ids(item)
            marks = self.choices.marks()
            self.versions.set_marks(marks, marks, block_ids[0] if block_ids else "")
            self.versions.show_blocks(block_ids)

    def _on_decided(self, side: str) -> None:
        item = self.choices.item(self.list.current_key)
        if item is not None:
            self.choices.decide(item, "mine" if side == "mine" else "theirs")
            self._fill()

    def _on_all_mine(self) -> None:
        self._decide_all("mine")

    def _on_all_theirs(self) -> None:
        self._decide_all("theirs")

    def _decide_all(self, side: Side) -> None:
        self.choices.decide_all(side)
        self._fill()
        self.detail.show_item(self.choices.item(self.list.current_key))
