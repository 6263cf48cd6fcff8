"""The command palette: find any action by a few letters and do it."""

from collections.abc import Iterable

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QAction, QIcon, QKeyEvent, QPixmap
from PySide6.QtWidgets import QDialog, QLabel, QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from editor.actions import Action

WIDTH, HEIGHT = 520, 380
ICON = 16


class CommandPalette(QDialog):
    """A search field over a list of what can be done now; Enter does the first or chosen one.

    Signals:
        chosen(str): id of the action to do; sent after the palette has closed.
    """

    chosen = Signal(str)

    def __init__(self, rows: Iterable[tuple[Action, QAction]], parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("command-palette")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setProperty("role", "popup")
        # Rows without an icon keep its room, so that all names begin at the same place.
        self._no_icon = QIcon(_empty_pixmap(ICON))
        self._rows = [(row, action) for row, action in rows if row.id != "commands"]
        self._search = QLineEdit(self)
        self._search.setPlaceholderText("What do you want to do?")
        self._search.setAccessibleName("Find an action")
        self._search.textChanged.connect(self._fill)
        self._search.installEventFilter(self)
        self._list = QListWidget(self)
        self._list.setDragDropMode(QListWidget.DragDropMode.NoDragDrop)
        self._list.setIconSize(QSize(ICON, ICON))
        self._list.itemClicked.connect(self._take)
        self._empty = QLabel("Nothing is called that. Try another word.", self)
        self._empty.setProperty("role", "muted")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self._search)
        layout.addWidget(self._empty, 1)
        layout.addWidget(self._list, 1)
        self.resize(WIDTH, HEIGHT)
        self._fill("")

    def open_centered(self) -> None:
        """Show it at the top middle of the window."""
        parent = self.parentWidget()
        assert parent is not None
        window = parent.window()
        corner = window.mapToGlobal(window.rect().topLeft())
        self.move(corner.x() + (window.width() - WIDTH) // 2, corner.y() + 90)
        self.show()
        self._search.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Arrows and Enter in the search field work on the list."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()))
            if step and self._list.count():
                self._list.setCurrentRow((self._list.currentRow() + step) % self._list.count())
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                item = self._list.currentItem()
                if item:
                    self._take(item)
                return True
        return super().eventFilter(watched, event)

    def _fill(self, text: str) -> None:
        self._list.clear()
        ranked = [(rank, pair) for pair in self._rows if (rank := _rank(pair[0], text)) is not None]
        for _, (row, action) in sorted(ranked, key=lambda item: item[0]):
            if not action.isEnabled():
                continue
            keys = action.shortcut().toString()
            icon = self._no_icon if action.icon().isNull() else action.icon()
            item = QListWidgetItem(icon, f"{row.menu}: {row.title}" + (f"    {keys}" if keys else ""))
            item.setData(Qt.ItemDataRole.UserRole, row.id)
            item.setToolTip(row.help)
            self._list.addItem(item)
        self._list.setCurrentRow(0)
        self._list.setVisible(self._list.count() > 0)
        self._empty.setVisible(self._list.count() == 0)

    def _take(self, item: QListWidgetItem) -> None:
        action_id = str(item.data(Qt.ItemDataRole.UserRole))
        self.close()
        self.chosen.emit(action_id)


def _rank(row: Action, text: str) -> int | None:
    """How well a row fits the text, 0 best; None when it does not."""
    wanted = text.casefold().split()
    title = row.title.casefold()
    everything = f"{row.menu} {title} {row.help} {row.keywords}".casefold()
    if not all(word in everything for word in wanted):
        return None
    if title.startswith(text.casefold().strip()):
        return 0
    return 1 if all(word in title for word in wanted) else 2


def _empty_pixmap(side: int) -> QPixmap:
    pixmap = QPixmap(side, side)
    pixmap.fill(Qt.GlobalColor.transparent)
    return pixmap
