"""Renaming in place: a real text field over a block's title while it lasts."""

from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget


class TitleEditor(QLineEdit):
    """Shown over one title. Enter and leaving it take the name, Escape gives it up.

    Signals:
        taken(str, str): the block's id and its new name.
        closed(): the field went away.
    """

    taken = Signal(str, str)
    closed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._block_id = ""
        self._name = ""
        self.setAccessibleName("Name of the block")
        self.setMaxLength(255)
        self.hide()

    def open(self, block_id: str, name: str, place: QRect) -> None:
        """Edit this block's name here."""
        self._block_id, self._name = block_id, name
        self.setGeometry(place)
        self.setText(name)
        self.selectAll()
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

    def _close(self, take: bool) -> None:
        if self.isHidden():
            return
        block_id, name = self._block_id, self.text().strip()
        self.hide()
        if take and name and name != self._name:
            self.taken.emit(block_id, name)
        self.closed.emit()
