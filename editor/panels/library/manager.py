"""The library of agents and orchestrations: a list with search, and what can be done with each."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLineEdit, QPushButton, QTabBar, QVBoxLayout, QWidget

from editor.panels.forms.entity_field import about
from editor.panels.search import match_score
from editor.panels.two_line_list import TwoLineList, TwoLineRow
from editor.panels.widgets import EmptyState, line
from editor.text import plain_label
from editor.theme import Theme
from editor.workspace.directories import Directories, EntityKind, Listed

KINDS: tuple[tuple[EntityKind, str], ...] = (("agent", "Agents"), ("orchestration", "Orchestrations"))
EMPTY_WORDS = {
    "agent": ("No agents yet", "An agent is a model with instructions of its own. Blocks ask it by its name."),
    "orchestration": ("No orchestrations yet", "An orchestration is several agents that work on one task."),
}


class LibraryDialog(QDialog):
    """Shows what is kept, and asks for what shall be done.

    Signals:
        new_requested(str): make one of this kind.
        edit_requested(object): change this one, a `Listed`.
        duplicate_requested(object): copy this one.
        delete_requested(object): remove this one.
    """

    new_requested = Signal(str)
    edit_requested = Signal(object)
    duplicate_requested = Signal(object)
    delete_requested = Signal(object)

    def __init__(self, directories: Directories, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("library-dialog")
        self.setWindowTitle("Agents and orchestrations")
        self.setModal(True)
        self._directories = directories
        self.tabs = QTabBar(self)
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        for _, title in KINDS:
            self.tabs.addTab(title)
        self.search = QLineEdit(self)
        self.search.setPlaceholderText("Search")
        self.search.setClearButtonEnabled(True)
        self.list = TwoLineList(theme, "Agents and orchestrations", self)
        self.empty = EmptyState(theme, "agent", "", "", self)
        self.problem = plain_label("", self, role="warning", wrap=True)
        self.new = QPushButton("New…", self)
        self.edit = QPushButton("Edit…", self)
        self.duplicate = QPushButton("Duplicate", self)
        self.delete = QPushButton("Delete…", self)
        self.close_button = QPushButton("Close", self)
        self._build()
        self._connect()
        self._show()

    @property
    def kind(self) -> EntityKind:
        """Which of the two is shown."""
        return KINDS[self.tabs.currentIndex()][0]

    def show_kind(self, kind: EntityKind) -> None:
        """Bring agents or orchestrations to the front."""
        self.tabs.setCurrentIndex([name for name, _ in KINDS].index(kind))

    def select(self, entity_id: str) -> None:
        """Select the one of this id."""
        self.list.select(entity_id)
        self._update_buttons()

    def selected(self) -> Listed | None:
        """The one that is selected, None when none is."""
        return self._directories.find(self.kind, self.list.current_key) if self.list.current_key else None

    def _build(self) -> None:
        top = QHBoxLayout()
        top.setContentsMargins(14, 10, 16, 8)
        top.setSpacing(12)
        top.addWidget(self.tabs)
        top.addStretch(1)
        self.search.setFixedWidth(200)
        top.addWidget(self.search)
        buttons = QHBoxLayout()
        buttons.setContentsMargins(16, 10, 16, 12)
        buttons.setSpacing(8)
        for button in (self.new, self.edit, self.duplicate, self.delete):
            button.setAutoDefault(False)
            buttons.addWidget(button)
        buttons.addStretch(1)
        self.close_button.setAutoDefault(False)
        buttons.addWidget(self.close_button)
        self.problem.setContentsMargins(16, 6, 16, 6)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(top)
        layout.addWidget(line(self))
        layout.addWidget(self.list, 1)
        layout.addWidget(self.empty, 1)
        layout.addWidget(self.problem)
        layout.addWidget(line(self))
        layout.addLayout(buttons)
        self.setMinimumSize(480, 320)
        self.resize(640, 480)

    def _connect(self) -> None:
        self.tabs.currentChanged.connect(self._show)
        self.search.textChanged.connect(self._show)
        self.list.chosen.connect(self._update_buttons)
        self.list.doubleClicked.connect(self._on_edit)
        self._directories.changed.connect(self._show)
        self.new.clicked.connect(self._on_new)
        self.edit.clicked.connect(self._on_edit)
        self.duplicate.clicked.connect(self._on_duplicate)
        self.delete.clicked.connect(self._on_delete)
        self.close_button.clicked.connect(self.accept)

    def _show(self) -> None:
        known = self._directories.known(self.kind)
        shown = found(known, self.search.text())
        has_places = len({item.source.name for item in known}) > 1
        self.list.set_rows([_row(item, has_places=has_places) for item in shown])
        self.list.setVisible(bool(shown))
        self.empty.setVisible(not shown)
        title, text = EMPTY_WORDS[self.kind] if not known else ("Nothing fits", "No name or instruction holds this.")
        self.empty.icon.set_icon("agent" if self.kind == "agent" else "orchestration")
        self.empty.set_words(title, text)
        problems = self._directories.problems
        self.problem.setText("\n".join(f"{name}: {problem}" for name, problem in problems.items()))
        self.problem.setVisible(bool(problems))
        self._update_buttons()

    def _update_buttons(self) -> None:
        chosen = self.selected()
        can_write = chosen is not None and chosen.source.can_write
        self.edit.setEnabled(can_write)
        self.delete.setEnabled(can_write)
        self.duplicate.setEnabled(chosen is not None)
        self.new.setEnabled(any(source.can_write for source in self._directories.sources))

    def _on_new(self) -> None:
        self.new_requested.emit(self.kind)

    def _on_edit(self) -> None:
        chosen = self.selected()
        if chosen is not None and chosen.source.can_write:
            self.edit_requested.emit(chosen)

    def _on_duplicate(self) -> None:
        self.duplicate_requested.emit(self.selected())

    def _on_delete(self) -> None:
        self.delete_requested.emit(self.selected())


def found(items: list[Listed], query: str) -> list[Listed]:
    """Those that a few typed letters mean: by name first, else by what they are."""
    words = query.strip()
    if not words:
        return items
    named = [item for item in items if match_score(words, item.name) is not None]
    told = [item for item in items if item not in named and words.casefold() in about(item).casefold()]
    return named + told


def _row(item: Listed, *, has_places: bool) -> TwoLineRow:
    icon = "agent" if item.kind == "agent" else "orchestration"
    place = item.source.name if has_places else ""
    return TwoLineRow(item.id, icon, "text_muted", item.name, about(item), place, status=item.kind)
