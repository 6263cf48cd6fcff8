"""One conflict or takeover: its values beside each other, and the choice between them."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QGridLayout, QPlainTextEdit, QRadioButton, QVBoxLayout, QWidget

from editor.panels.conflicts.choices import Choices, Item, Side
from editor.text import plain_label
from editor.theme import mono_font
from engine import merge


class Detail(QWidget):
    """Shows one item of the list.

    Signals:
        decided(str): the person chose "mine" or "theirs" for the conflict that is shown.
    """

    decided = Signal(str)

    def __init__(self, choices: Choices, server: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._choices = choices
        self._font = mono_font()
        self.words = plain_label("", self, role="label", wrap=True)
        self.before = self._value("Before")
        self.mine = self._value("Mine")
        self.theirs = self._value(server)
        self.before_label = plain_label("Before", self, role="muted")
        self.mine_label = plain_label("Mine", self, role="muted")
        self.theirs_label = plain_label(f"On “{server}”", self, role="muted")
        self.keep_mine = QRadioButton("Keep mine", self)
        self.take_theirs = QRadioButton("Take theirs", self)
        self._buttons = QButtonGroup(self)
        self._build()
        self._buttons.idClicked.connect(self._on_clicked)

    def show_item(self, item: Item | None) -> None:
        """Show this one; None for nothing."""
        self.setVisible(item is not None)
        if item is None:
            return
        choices, is_conflict = self._choices, isinstance(item, merge.Conflict)
        self.words.setText(item.text)
        for widget in (self.mine, self.mine_label, self.keep_mine, self.take_theirs):
            widget.setVisible(is_conflict)
        if isinstance(item, merge.Conflict):
            values = item.base, item.mine, item.theirs
            self._show_choice(choices.decided.get(item.place))
        else:
            values = item.before, merge.ABSENT, item.after
        for edit, value in zip((self.before, self.mine, self.theirs), values, strict=True):
            edit.setPlainText(choices.text(item, value))

    def _build(self) -> None:
        for number, button in enumerate((self.keep_mine, self.take_theirs)):
            self._buttons.addButton(button, number)
        grid = QGridLayout()
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(4)
        for column, (label, edit) in enumerate(
            ((self.before_label, self.before), (self.mine_label, self.mine), (self.theirs_label, self.theirs))
        ):
            grid.addWidget(label, 0, column)
            grid.addWidget(edit, 1, column)
            grid.setColumnStretch(column, 1)
        grid.addWidget(self.keep_mine, 2, 1)
        grid.addWidget(self.take_theirs, 2, 2)
        grid.setRowStretch(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.words)
        layout.addLayout(grid, 1)

    def _value(self, name: str) -> QPlainTextEdit:
        edit = QPlainTextEdit(self)
        edit.setReadOnly(True)
        edit.setFont(self._font)
        edit.setAccessibleName(name)
        edit.setMinimumHeight(64)
        return edit

    def _show_choice(self, side: Side | None) -> None:
        # An exclusive group keeps one of its buttons checked once one was.
        self._buttons.setExclusive(False)
        self.keep_mine.setChecked(side == "mine")
        self.take_theirs.setChecked(side == "theirs")
        self._buttons.setExclusive(True)

    def _on_clicked(self, number: int) -> None:
        self.decided.emit("mine" if number == 0 else "theirs")
