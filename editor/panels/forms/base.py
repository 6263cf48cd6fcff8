"""What all field editors have in common: a value comes in, what the person makes of it goes out.

An editor never decides what is right: it shows a value, says what was typed, and what it cannot read it says as
`own_problem`. Values set by the program never come back as edits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QWidget

from editor.panels.widgets import UndoIsTheWindows
from editor.text import set_style
from editor.theme import Theme
from editor.workspace.directories import Directories, EntityKind
from engine import JsonObject


class Completion(Protocol):
    """One thing that can be inserted: its text, the words for it, what kind of value it is."""

    @property
    def insert(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def help(self) -> str: ...


class EntityLibrary(Protocol):
    """What pickers need of stored agents and orchestrations: their names, and windows to make and change one."""

    @property
    def directories(self) -> Directories: ...

    def new(self, kind: EntityKind, done: Callable[[str], None] | None = None) -> None:
        """Let the person make one; `done` gets its id once it is kept."""

    def edit(self, kind: EntityKind, entity_id: str) -> None:
        """Let the person change one."""


@dataclass(frozen=True)
class FormContext:
    """What editors need from around them. `completions` are asked for when a reference begins to be typed.

    Without a `library` stored agents and orchestrations go by their ids.
    """

    theme: Theme
    completions: Callable[[], Sequence[Completion]]
    library: EntityLibrary | None = None


class FieldEditor(QWidget):
    """Edits one JSON value.

    Signals:
        edited(object): the person made this value; `edits.ABSENT` when the key shall go.
        left(): the caret left the editor, so the typing is over.
        problem_changed(): `own_problem` is another one.
    """

    edited = Signal(object)
    left = Signal()
    problem_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._own_problem = ""
        self._undo_filter = UndoIsTheWindows(self)

    @property
    def own_problem(self) -> str:
        """Why what is typed is no value, "" when it is one. The document then keeps the last one that was."""
        return self._own_problem

    @property
    def tells_problems(self) -> bool:
        """Whether the editor itself shows what is wrong now, next to the part that is, so that nobody else need."""
        return False

    def show_value(self, value: Any) -> None:
        """Show this value of the document; nothing is emitted, and a caret stays about where it is."""
        raise NotImplementedError

    def show_beside(self, config: JsonObject) -> None:
        """Take note of the other values of the block, before the own one is shown."""

    def forget(self) -> None:
        """Another block or document is shown next: what was typed and could not be stored goes."""
        self._set_own_problem("")

    def tell(self, value: Any) -> None:
        """Emit `edited` with what the person made, whatever its type."""
        self.edited.emit(value)

    def set_invalid(self, invalid: bool) -> None:
        """Mark what is shown as wrong or right."""
        if (target := self.focusProxy()) is not None:
            set_style(target, "invalid", "true" if invalid else "false")

    def set_names(self, name: str, description: str) -> None:
        """What assistive technology calls this editor."""
        target = self.focusProxy() or self
        target.setAccessibleName(name)
        target.setAccessibleDescription(description)

    def insert_text(self, _text: str) -> bool:
        """Put a reference at the caret; False when this editor takes none."""
        return False

    def watch(self, widget: QWidget) -> None:
        """Hear when the caret leaves this inner widget, and let the window have its undo keys."""
        widget.installEventFilter(self)
        widget.installEventFilter(self._undo_filter)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FocusOut:
            self.left.emit()
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            # Scrolling the panel must not change values that happen to pass under the cursor.
            event.ignore()
            return True
        return super().eventFilter(watched, event)

    def _set_own_problem(self, problem: str) -> None:
        if problem != self._own_problem:
            self._own_problem = problem
            self.problem_changed.emit()


def no_wheel_focus(widget: QWidget) -> None:
    """Have the widget take focus by click and Tab only."""
    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
