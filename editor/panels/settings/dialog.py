"""The window of the settings: pages at the left, the chosen one at the right. What is changed counts at once."""

from collections.abc import Sequence

from PySide6.QtCore import QSize
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from editor.panels.settings.page import Page
from editor.panels.widgets import line
from editor.theme import Theme

SIZE = (780, 600)
LIST_WIDTH = 168


class SettingsDialog(QDialog):
    """Shows pages."""

    def __init__(self, theme: Theme, pages: Sequence[Page], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("settings-dialog")
        self.setWindowTitle("Settings")
        self.setModal(True)
        self._theme = theme
        self.pages = tuple(pages)
        self.list = QListWidget(self)
        self.list.setDragDropMode(QListWidget.DragDropMode.NoDragDrop)
        self.list.setAccessibleName("Pages")
        self.list.setFixedWidth(LIST_WIDTH)
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setProperty("role", "pages")
        self.list.setIconSize(QSize(18, 18))
        self.stack = QStackedWidget(self)
        for page in pages:
            QListWidgetItem(page.title, self.list)
            self.stack.addWidget(page)
        self.close_button = QPushButton("Close", self)
        self.close_button.setAutoDefault(False)
        self._build()
        self._paint()
        theme.changed.connect(self._paint)
        self.list.currentRowChanged.connect(self.stack.setCurrentIndex)
        self.close_button.clicked.connect(self.accept)
        self.list.setCurrentRow(0)

    def show_page(self, title: str) -> None:
        """Bring the page of this title to the front."""
        titles = [page.title for page in self.pages]
        self.list.setCurrentRow(titles.index(title))

    def _build(self) -> None:
        middle = QHBoxLayout()
        middle.setContentsMargins(0, 0, 0, 0)
        middle.setSpacing(0)
        middle.addWidget(self.list)
        border = QFrame(self)
        border.setProperty("role", "vline")
        middle.addWidget(border)
        middle.addWidget(self.stack, 1)
        buttons = QHBoxLayout()
        buttons.setContentsMargins(20, 10, 20, 12)
        buttons.addStretch(1)
        buttons.addWidget(self.close_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(middle, 1)
        layout.addWidget(line(self))
        layout.addLayout(buttons)
        self.setMinimumSize(560, 420)
        self.resize(*SIZE)

    def _paint(self) -> None:
        for row, page in enumerate(self.pages):
            self.list.item(row).setIcon(self._theme.icon(page.icon))
