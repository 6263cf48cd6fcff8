"""Renaming in place: a real text field over a block's title while it lasts."""

from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QLineEdit

from editor.canvas.view import View
from editor.text import count_text
from editor.workspace.naming import MAX_NAME_LENGTH, name_refusal
from engine import wiring

HEIGHT, NARROWEST = 28, 150


class TitleEditor(QLineEdit):
    """Shown over one title and staying with it. Enter and leaving it take the name, Escape gives it up.

    Signals:
        told(str): what came of it, for the status bar.
    """

    told = Signal(str)

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self._view = view
        self._workspace = view.workspace
        self._block_id = ""
        self.setAccessibleName("Name of the block")
        self.setMaxLength(MAX_NAME_LENGTH)
        self.hide()
        view.view_changed.connect(self._follow)

    def open(self, block_id: str) -> None:
        """Edit this block's name, bringing the block into view first."""
        row = self._view.columns.row_of[block_id]
        self._view.reveal(self._view.columns.card(row))
        self._block_id = block_id
        self.setText(self._workspace.workflow.block(block_id).name)
        self.selectAll()
        self._follow()
        self.show()
        self.setFocus(Qt.FocusReason.OtherFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter takes, Escape gives up."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._close(take=True)
        elif event.key() == Qt.Key.Key_Escape:
            self._close(take=False)
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Going elsewhere takes the name."""
        super().focusOutEvent(event)
        self._close(take=True)

    def _follow(self) -> None:
        """Stay over the title, or go when its block went."""
        if not self._block_id:
            return
        row = self._view.columns.row_of.get(self._block_id)
        if row is None:
            self._close(take=False)
            return
        card, camera = self._view.columns.card(row), self._view.camera
        left, top = camera.to_view(card.left + 48, card.top + 8)
        width = max(NARROWEST, round((card.width - 60) * camera.zoom))
        self.setGeometry(QRect(round(left), round(top), width, HEIGHT))

    def _close(self, take: bool) -> None:
        block_id, self._block_id = self._block_id, ""
        if not block_id:
            return
        self.hide()
        if take:
            self._rename(block_id, self.text().strip())
        self._view.setFocus(Qt.FocusReason.OtherFocusReason)

    def _rename(self, block_id: str, name: str) -> None:
        workflow, catalog = self._workspace.workflow, self._workspace.catalog
        if name == workflow.block(block_id).name:
            return
        refusal = name_refusal(workflow, block_id, name)
        if refusal:
            self.told.emit(f"Not renamed. {refusal}")
            return
        count = wiring.count_rewritten(workflow, catalog, block_id, name)
        if self._workspace.edit("Rename block", wiring.rename, catalog, block_id, name):
            self.told.emit(f"Renamed; {count_text(count, 'reference')} updated" if count else "Renamed")
