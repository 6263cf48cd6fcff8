"""What the pages of the settings window have in common: headings, rows of label and control, notes below them."""

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from editor.aio import Tasks
from editor.panels.widgets import heading
from editor.text import plain_label
from editor.theme import Theme
from editor.workspace.network import Network
from editor.workspace.run_preferences import RunPreferences


@dataclass(frozen=True)
class SettingsContext:
    """What pages work with. `tasks` end with the window of the settings."""

    theme: Theme
    preferences: RunPreferences
    network: Network
    tasks: Tasks


class Page(QScrollArea):
    """One page, which scrolls where it is too long."""

    title = ""
    icon = ""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.holder = QWidget(self)
        self._rows = QVBoxLayout(self.holder)
        self._rows.setContentsMargins(24, 20, 24, 20)
        self._rows.setSpacing(6)
        self._rows.addStretch(1)
        self.setWidget(self.holder)

    def add_heading(self, text: str) -> None:
        """Begin a section."""
        if self._rows.count() > 1:
            self._add_gap(18)
        self._add(heading(text, self.holder))

    def add_row(self, label: str, control: QWidget, note: str = "") -> None:
        """A control below its label, with a note on what it does."""
        name = plain_label(label, self.holder, role="label")
        name.setBuddy(control)
        self._add_gap(6)
        self._add(name)
        self.add_control(control, note)

    def add_control(self, control: QWidget, note: str = "") -> None:
        """A control that has its own words, such as a check box."""
        control.setAccessibleDescription(note)
        self._add(control)
        if note:
            self.add_note(note)

    def add_note(self, text: str, role: str = "muted") -> QLabel:
        """A sentence."""
        label = plain_label(text, self.holder, role=role, wrap=True)
        self._add(label)
        return label

    def _add(self, widget: QWidget) -> None:
        self._rows.insertWidget(self._rows.count() - 1, widget)

    def _add_gap(self, height: int) -> None:
        self._rows.insertSpacing(self._rows.count() - 1, height)


def environment_note(variable: str) -> str:
    """What is said where an environment variable decides."""
    return f"The environment variable {variable} is set and decides this."
