"""The agents of an orchestration in their order, each with what it is for."""

from collections.abc import Sequence

import msgspec
from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from editor.panels.forms.base import no_wheel_focus
from editor.panels.forms.entity_field import labels_of
from editor.panels.widgets import IconButton
from editor.text import plain_label
from editor.theme import Theme
from editor.workspace.directories import Listed
from engine import directory, new_id


class MemberRow(QWidget):
    """One agent in its place.

    Signals:
        changed(): another agent or role.
        move_requested(object, int): the row shall go up (-1) or down (1); the row itself.
        remove_requested(object): the row shall go.
    """

    changed = Signal()
    move_requested = Signal(object, int)
    remove_requested = Signal(object)

    def __init__(
        self, entity: directory.Entity, agents: Sequence[Listed], theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._entity = entity
        self.number = plain_label("1", self, role="badge")
        self.agent = QComboBox(self)
        self.agent.setAccessibleName("Agent")
        no_wheel_focus(self.agent)
        self.role = QLineEdit(entity.role_description, self)
        self.role.setPlaceholderText("What it is for")
        self.role.setAccessibleName("What it is for")
        self.up = IconButton(theme, "chevron-up", "Earlier", self)
        self.down = IconButton(theme, "chevron-down", "Later", self)
        self.remove = IconButton(theme, "x", "Take this agent out", self)
        self._fill(agents)
        self._build()

    def entity(self, position: int) -> directory.Entity:
        """The member as it stands; what the row does not show is as it was."""
        old = self._entity
        chosen = str(self.agent.currentData() or old.entity_ref_id)
        return msgspec.structs.replace(old, entity_ref_id=chosen, role_description=self.role.text(), position=position)

    def show_place(self, number: int, count: int) -> None:
        """Number the row; the first goes no further up, the last no further down."""
        self.number.setText(str(number))
        self.up.setEnabled(number > 1)
        self.down.setEnabled(number < count)

    def _fill(self, agents: Sequence[Listed]) -> None:
        for label, item in zip(labels_of(list(agents)), agents, strict=True):
            self.agent.addItem(label, item.id)
        known = self._entity.entity_ref_id
        row = self.agent.findData(known)
        if row < 0 and known:
            self.agent.addItem(f"Unknown agent ({known[:8]}…)", known)
            row = self.agent.count() - 1
        with QSignalBlocker(self.agent):
            self.agent.setCurrentIndex(row)

    def _build(self) -> None:
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.number)
        layout.addSpacing(4)
        layout.addWidget(self.agent, 2)
        layout.addWidget(self.role, 3)
        for button in (self.up, self.down, self.remove):
            layout.addWidget(button)
        self.agent.currentIndexChanged.connect(self.changed)
        self.role.textEdited.connect(self.changed)
        self.up.clicked.connect(self._on_up)
        self.down.clicked.connect(self._on_down)
        self.remove.clicked.connect(self._on_remove)

    def _on_up(self) -> None:
        self.move_requested.emit(self, -1)

    def _on_down(self) -> None:
        self.move_requested.emit(self, 1)

    def _on_remove(self) -> None:
        self.remove_requested.emit(self)


class Members(QWidget):
    """All agents of an orchestration.

    Signals:
        changed(): another agent, role or order.
    """

    changed = Signal()

    def __init__(
        self,
        entities: Sequence[directory.Entity],
        agents: Sequence[Listed],
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._agents = agents
        self._theme = theme
        self._rows: list[MemberRow] = []
        self.nothing = plain_label("There is no agent to add yet. Make one first.", self, role="muted")
        self.nothing.setVisible(not agents)
        self.add = IconButton(theme, "plus", "Add an agent", self, text="Add an agent")
        self.add.setEnabled(bool(agents))
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(5)
        self._layout.addWidget(self.nothing)
        line = QHBoxLayout()
        line.addWidget(self.add)
        line.addStretch(1)
        self._layout.addLayout(line)
        for entity in sorted(entities, key=_position):
            self._grow(entity)
        self._number()
        self.add.clicked.connect(self._on_add)

    @property
    def rows(self) -> list[MemberRow]:
        """The rows in their order."""
        return list(self._rows)

    def entities(self) -> tuple[directory.Entity, ...]:
        """The members in their order."""
        return tuple(row.entity(place) for place, row in enumerate(self._rows))

    def _on_add(self) -> None:
        taken = {entity.entity_ref_id for entity in self.entities()}
        free = next((item for item in self._agents if item.id not in taken), self._agents[0])
        self._grow(directory.Entity(id=new_id(), entity_ref_id=free.id))
        self._on_changed()

    def _on_changed(self) -> None:
        self._number()
        self.changed.emit()

    def _on_move_requested(self, row: MemberRow, step: int) -> None:
        place = self._rows.index(row)
        self._rows.insert(place + step, self._rows.pop(place))
        self._layout.removeWidget(row)
        self._layout.insertWidget(place + step, row)
        self._on_changed()

    def _on_remove_requested(self, row: MemberRow) -> None:
        self._rows.remove(row)
        self._layout.removeWidget(row)
        row.hide()
        row.deleteLater()
        self._on_changed()

    def _grow(self, entity: directory.Entity) -> None:
        row = MemberRow(entity, self._agents, self._theme, self)
        row.changed.connect(self._on_changed)
        row.move_requested.connect(self._on_move_requested)
        row.remove_requested.connect(self._on_remove_requested)
        self._layout.insertWidget(len(self._rows), row)
        self._rows.append(row)

    def _number(self) -> None:
        for place, row in enumerate(self._rows, start=1):
            row.show_place(place, len(self._rows))


def _position(entity: directory.Entity) -> int:
    return entity.position
