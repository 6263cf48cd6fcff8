"""One JSON value to read: as text or as a tree, quick however big it is."""

from typing import Any

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QHeaderView, QPlainTextEdit, QStackedWidget, QTreeView, QVBoxLayout, QWidget

from editor.panels.forms.plain_edit import wrap_mode_for
from editor.panels.json_tree import JsonTreeModel
from editor.panels.preview import LIMIT, full_text, preview
from editor.panels.widgets import ElidedLabel, IconButton
from editor.text import plain_label
from editor.theme import Theme, mono_font

BIG = 2_000_000
"""Characters from which on copying is left to the window, which does it off the UI thread."""


class ValueView(QWidget):
    """Text or tree of a value, with its own Copy.

    Signals:
        copy_all_requested(object): copy this whole value, which is too big to do here.
        save_requested(object): write this whole value to a file.
    """

    copy_all_requested = Signal(object)
    save_requested = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._value: Any = None
        self._text = ""
        self._is_tree_stale = True
        self.note = ElidedLabel("", "muted", self)
        self.as_tree = IconButton(theme, "list-tree", "Show as a tree", self)
        self.as_tree.setCheckable(True)
        self.copy = IconButton(theme, "copy", "Copy this value", self)
        self.save = IconButton(theme, "download", "Save this value to a file", self)
        self.text = QPlainTextEdit(self)
        self.text.setReadOnly(True)
        self.text.setFrameShape(QPlainTextEdit.Shape.NoFrame)
        self.text.setAccessibleName("Value as text")
        self.text.setProperty("role", "value")
        self.model = JsonTreeModel(theme, self)
        self.tree = QTreeView(self)
        self.cut_note = plain_label("", self, role="muted", wrap=True)
        self.cut_note.setMargin(6)
        self._build(theme)
        self.as_tree.toggled.connect(self._on_tree_toggled)
        self.copy.clicked.connect(self.copy_value)
        self.save.clicked.connect(self._on_save_clicked)

    @property
    def value(self) -> Any:
        """The value that is shown."""
        return self._value

    def show_value(self, value: Any, note: str = "", *, tree: Any = None) -> None:
        """Show this value. `note` stands above it; `tree` is what the tree shows in its place, when given."""
        self.note.set_text(note)
        self._tree_value = value if tree is None else tree
        self._is_tree_stale = True
        self._value = value
        text, complete = preview(value)
        self._show_text(text)
        amount = f"{LIMIT:,} characters"
        self.cut_note.setText(f"Only the first {amount} are shown. Copy and Save take all of it.")
        self.cut_note.setVisible(not complete)
        self.as_tree.setEnabled(isinstance(self._tree_value, dict | list))
        self._show_kind()

    def copy_value(self) -> None:
        """Put the whole value, or the selected part of its text, on the clipboard."""
        selected = self.text.textCursor().selectedText().replace("\u2029", "\n") if not self._shows_tree() else ""
        if selected:
            QGuiApplication.clipboard().setText(selected)
        elif self.cut_note.isHidden() or (isinstance(self._value, str) and len(self._value) < BIG):
            QGuiApplication.clipboard().setText(full_text(self._value))
        else:
            self.copy_all_requested.emit(self._value)

    def _build(self, theme: Theme) -> None:
        self.text.setFont(mono_font())
        self.tree.setModel(self.model)
        self.tree.setFrameShape(QTreeView.Shape.NoFrame)
        self.tree.setUniformRowHeights(True)
        self.tree.setAcceptDrops(False)
        self.tree.setAccessibleName("Value as a tree")
        self.tree.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)
        self.tree.setFont(mono_font())
        header = self.tree.header()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        header.hide()
        theme.changed.connect(self.tree.viewport().update)
        copy_row = QShortcut(QKeySequence.StandardKey.Copy, self.tree)
        copy_row.setContext(Qt.ShortcutContext.WidgetShortcut)
        copy_row.activated.connect(self._on_copy_row)
        bar = QHBoxLayout()
        bar.setContentsMargins(10, 4, 6, 2)
        bar.setSpacing(2)
        bar.addWidget(self.note, 1)
        for button in (self.as_tree, self.copy, self.save):
            bar.addWidget(button)
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self.text)
        self._stack.addWidget(self.tree)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(bar)
        layout.addWidget(self._stack, 1)
        layout.addWidget(self.cut_note)

    def _show_text(self, text: str) -> None:
        if text == self._text:
            return
        bar = self.text.verticalScrollBar()
        if self._text and text.startswith(self._text):
            follows = bar.value() >= bar.maximum() - 4
            cursor = self.text.textCursor()
            cursor.movePosition(cursor.MoveOperation.End)
            cursor.insertText(text[len(self._text) :])
            if follows:
                bar.setValue(bar.maximum())
        else:
            self.text.setWordWrapMode(wrap_mode_for(text))
            self.text.setPlainText(text)
        self._text = text

    def _shows_tree(self) -> bool:
        return self.as_tree.isChecked() and self.as_tree.isEnabled()

    def _show_kind(self) -> None:
        shows_tree = self._shows_tree()
        if shows_tree and self._is_tree_stale:
            self._is_tree_stale = False
            self.model.show(self._tree_value)
            self.tree.expandToDepth(0)
        self._stack.setCurrentWidget(self.tree if shows_tree else self.text)

    def _on_tree_toggled(self, _on: bool) -> None:
        self._show_kind()

    def _on_save_clicked(self) -> None:
        self.save_requested.emit(self._value)

    def _on_copy_row(self) -> None:
        index: QModelIndex = self.tree.currentIndex()
        if index.isValid():
            QGuiApplication.clipboard().setText(preview(self.model.value(index), BIG)[0])
