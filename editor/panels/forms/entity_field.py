"""Fields that choose a stored agent or orchestration: by name, with search, and with "New" and "Edit" in place."""

from typing import Any
from uuid import UUID

from PySide6.QtCore import QSignalBlocker, Qt, QTimer
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QComboBox, QCompleter, QHBoxLayout, QLineEdit, QWidget

from editor.panels.forms.base import EntityLibrary, FieldEditor, no_wheel_focus
from editor.panels.forms.text_field import shown_text
from editor.panels.widgets import IconButton
from editor.text import tooltip_text
from editor.theme import Theme
from editor.workspace.directories import EntityKind, Listed
from engine import directory, references

NONE_WORDS = {"agent": "None: the settings below", "orchestration": "None chosen"}
_ID = Qt.ItemDataRole.UserRole


class EntityField(FieldEditor):
    """The id of a stored agent or orchestration, shown by its name. An id that nobody knows is kept and said so."""

    def __init__(self, kind: EntityKind, library: EntityLibrary, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kind: EntityKind = kind
        self._library = library
        self._value = ""
        self.box = QComboBox(self)
        self.box.setLineEdit(_SearchEdit(self.box))
        self.box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.setMinimumContentsLength(8)
        no_wheel_focus(self.box)
        edit = self.box.lineEdit()
        assert edit is not None
        self._edit = edit
        self.new = IconButton(theme, "plus", f"Make a new {kind}", self)
        self.change = IconButton(theme, "pencil", f"Edit this {kind}", self)
        self._build()
        self._fill()
        library.directories.changed.connect(self._fill)

    def show_value(self, value: Any) -> None:
        text = shown_text(value)
        if text != self._value or not self._edit.hasFocus():
            self._value = text
            self._show()

    def forget(self) -> None:
        super().forget()
        self._value = ""
        self._show()

    def insert_text(self, text: str) -> bool:
        if not references.contains(text):
            return False
        self._take(text)
        return True

    def _build(self) -> None:
        completer = QCompleter(self.box.model(), self.box)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        self.box.setCompleter(completer)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.box, 1)
        layout.addWidget(self.new)
        layout.addWidget(self.change)
        self.setFocusProxy(self.box)
        self.watch(self.box)
        self._edit.installEventFilter(self._undo_filter)
        self.box.activated.connect(self._on_activated)
        self._edit.editingFinished.connect(self._on_editing_finished)
        self.new.clicked.connect(self._on_new_clicked)
        self.change.clicked.connect(self._on_change_clicked)

    def _fill(self) -> None:
        known = self._library.directories.known(self._kind)
        with QSignalBlocker(self.box):
            self.box.clear()
            self.box.addItem(NONE_WORDS[self._kind], "")
            for label, item in zip(labels_of(known), known, strict=True):
                self.box.addItem(label, item.id)
                tip = f"{item.name}\n{item.source.name}\n{about(item)}"
                self.box.setItemData(self.box.count() - 1, tooltip_text(tip), Qt.ItemDataRole.ToolTipRole)
        self._show()

    def _show(self) -> None:
        row = self.box.findData(self._value, _ID)
        with QSignalBlocker(self.box):
            self.box.setCurrentIndex(row)
            if row < 0:
                self.box.setEditText(self._stranger())
        self._edit.setCursorPosition(0)
        self.change.setEnabled(row > 0)

    def _stranger(self) -> str:
        """What is shown for a value that is none of the known ones."""
        if references.contains(self._value):
            return self._value
        name = self._library.directories.name_of(self._kind, self._value)
        return f"{name} (away)" if name else f"Unknown {self._kind} ({self._value[:8]}…)"

    def _on_activated(self, row: int) -> None:
        self._take(str(self.box.itemData(row, _ID) or ""))

    def _on_editing_finished(self) -> None:
        """A name that was typed whole, an id or a reference counts; anything else goes back to what is stored."""
        text = self._edit.text().strip()
        row = self.box.findText(text, Qt.MatchFlag.MatchFixedString)
        if row >= 0:
            self._take(str(self.box.itemData(row, _ID) or ""))
        elif references.contains(text) or is_id(text):
            self._take(text)
        else:
            self._show()

    def _on_new_clicked(self) -> None:
        self._library.new(self._kind, self._take)

    def _on_change_clicked(self) -> None:
        self._library.edit(self._kind, self._value)

    def _take(self, value: str) -> None:
        changed = value != self._value
        self._value = value
        self._show()
        if changed:
            self.edited.emit(value)


class _SearchEdit(QLineEdit):
    """Selects its text when it gets the keyboard, so that what is typed is searched for and not put into it."""

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        # After the press that brought the keyboard, which would set the cursor.
        QTimer.singleShot(0, self, self.selectAll)


def labels_of(items: list[Listed]) -> list[str]:
    """The names, with the place beside those that are there twice, and the id where even that is not enough."""
    names = [item.name for item in items]
    placed = [f"{item.name} · {item.source.name}" if names.count(item.name) > 1 else item.name for item in items]
    return [
        f"{label} · {item.id[:8]}" if placed.count(label) > 1 else label
        for label, item in zip(placed, items, strict=True)
    ]


def about(item: Listed) -> str:
    """What an agent or orchestration is, in a few words."""
    stored = item.stored
    if isinstance(stored, directory.StoredAgent):
        return " · ".join(part for part in (stored.model or "the default model", stored.system_prompt[:120]) if part)
    members = len(stored.entities)
    count = f"{members} {'agent' if members == 1 else 'agents'}" if members else ""
    return " · ".join(part for part in (STRATEGY_WORDS[stored.strategy], count, stored.description[:120]) if part)


STRATEGY_WORDS = {"supervisor": "led by a supervisor", "sequential": "one after another", "parallel": "all at once"}


def is_id(text: str) -> bool:
    """Whether the text is an id as servers give them."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True
