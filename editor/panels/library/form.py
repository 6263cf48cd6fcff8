"""What the windows for an agent and for an orchestration have in common: a form that scrolls, Save and Cancel."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog, QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from editor.panels.widgets import line
from editor.text import plain_label, set_style

MAX_NAME = 255


class EntityDialog(QDialog):
    """A form. Enter in it does not save, since many fields take several lines; Ctrl+Enter does."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setModal(True)
        self.holder = QWidget(self)
        self.form = QVBoxLayout(self.holder)
        self.form.setContentsMargins(20, 16, 20, 16)
        self.form.setSpacing(5)
        self.problem_label = plain_label("", self, role="error", wrap=True)
        self.save_button = QPushButton("Save", self)
        self.save_button.setProperty("primary", True)
        self.save_button.setAutoDefault(False)
        self.cancel_button = QPushButton("Cancel", self)
        self.cancel_button.setAutoDefault(False)
        self._build()
        self.save_button.clicked.connect(self.accept)
        self.cancel_button.clicked.connect(self.reject)

    def problem(self) -> str:
        """Why this cannot be saved yet, "" when it can."""
        raise NotImplementedError

    def accept(self) -> None:
        if not self.problem():
            super().accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.accept()
        elif not enter:
            super().keyPressEvent(event)

    def add_field(self, label: str, editor: QWidget, help_text: str = "") -> QLabel:
        """An editor below its label."""
        name = plain_label(label, self.holder, role="label")
        name.setBuddy(editor)
        editor.setAccessibleName(label)
        if self.form.count():
            self.form.addSpacing(8)
        self.form.addWidget(name)
        self.form.addWidget(editor)
        if help_text:
            self.form.addWidget(plain_label(help_text, self.holder, role="muted", wrap=True))
        return name

    def update_state(self) -> None:
        """Show whether it can be saved, and if not, why."""
        problem = self.problem()
        self.problem_label.setText(problem)
        self.save_button.setEnabled(not problem)

    def mark(self, editor: QWidget, *, is_wrong: bool) -> None:
        """Show an editor as wrong or right."""
        set_style(editor, "invalid", "true" if is_wrong else "false")

    def _build(self) -> None:
        scroll = QScrollArea(self)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(self.holder)
        buttons = QHBoxLayout()
        buttons.setContentsMargins(20, 12, 20, 14)
        buttons.setSpacing(8)
        buttons.addWidget(self.problem_label, 1)
        buttons.addWidget(self.cancel_button)
        buttons.addWidget(self.save_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(scroll, 1)
        layout.addWidget(line(self))
        layout.addLayout(buttons)
