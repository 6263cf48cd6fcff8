"""Quick-add: a small window under the cursor that adds a block with a few letters and Enter."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QFrame, QLineEdit, QStackedLayout, QVBoxLayout, QWidget

from editor.panels.block_list import BlockTypeView, Row
from editor.panels.search import rank
from editor.panels.widgets import EmptyState
from editor.text import one_line, plain_label
from editor.theme import Theme
from editor.workspace.workspace import Workspace
from engine import BlockType

WIDTH, HEIGHT = 320, 400


class QuickAddPopup(QFrame):
    """Block types that fit a place, best first. Enter takes the selected one, Shift+Enter takes it and stays.

    Signals:
        chosen(str): the name of the block type to add.
        closed(): the popup went away, with or without a choice.
    """

    chosen = Signal(str)
    closed = Signal()

    def __init__(
        self,
        workspace: Workspace,
        theme: Theme,
        accepts: Callable[[str], bool] | None = None,
        text: str = "",
        parent: QWidget | None = None,
        *,
        previous_type: str = "",
    ) -> None:
        """`accepts` says of a block type's name whether it can be connected here; `text` is what was typed already.

        `previous_type` is the type of the block that comes before; without it the one selected block is taken.
        """
        super().__init__(parent, Qt.WindowType.Popup)
        self._workspace = workspace
        self._accepts = accepts
        self._previous_type = previous_type or _selected_type(workspace)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        # Without a compositor a see-through window is black, so the popup paints all of itself.
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setProperty("role", "popup")
        self.setFixedSize(WIDTH, HEIGHT)
        self.search = QLineEdit(self)
        self.search.setPlaceholderText("Add a block")
        self.search.setAccessibleName("Search for a block to add")
        self.view = BlockTypeView(theme, self)
        self.view.setAccessibleName("Blocks that fit here")
        self.view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.empty = EmptyState(theme, "search", "Nothing fits", parent=self)
        self._build()
        self.search.setText(text)
        self._refresh()
        self.search.textChanged.connect(self._refresh)
        self.search.installEventFilter(self)
        self.view.taken.connect(self._on_taken)

    def show_at(self, place: QPoint) -> None:
        """Show the popup with its corner at `place` (global), moved as far as the screen asks for."""
        self.move(_on_screen(place))
        self.show()
        self.search.setFocus(Qt.FocusReason.PopupFocusReason)
        self.search.end(False)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.search and event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            return self._on_key(event)
        return super().eventFilter(watched, event)

    def hideEvent(self, event: QEvent) -> None:
        super().hideEvent(event)  # type: ignore[arg-type]
        self.closed.emit()

    def _build(self) -> None:
        holder = QWidget(self)
        self._stack = QStackedLayout(holder)
        self._stack.addWidget(self.view)
        self._stack.addWidget(self.empty)
        hint = plain_label("Enter adds · Shift+Enter adds and stays", self, role="faint")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 7)
        layout.setSpacing(6)
        layout.addWidget(self.search)
        layout.addWidget(holder, 1)
        layout.addWidget(hint, alignment=Qt.AlignmentFlag.AlignHCenter)

    def _on_key(self, event: QKeyEvent) -> bool:
        key = event.key()
        if key in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            self.view.step(1 if key == Qt.Key.Key_Down else -1)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab):
            self._take(stay=bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
        elif key == Qt.Key.Key_Escape:
            self.close()
        else:
            return False
        return True

    def _take(self, *, stay: bool) -> None:
        name = self.view.selected_type()
        if not name:
            return
        if stay:
            self._previous_type = name
            self.search.clear()
        else:
            self.close()
        self.chosen.emit(name)
        if stay:
            self._refresh()

    def _on_taken(self, _name: str) -> None:
        held = QGuiApplication.keyboardModifiers() & Qt.KeyboardModifier.ShiftModifier
        self._take(stay=bool(held))

    def _refresh(self) -> None:
        query = self.search.text().strip()
        taken = {block.type for block in self._workspace.workflow.blocks.values()}
        able = [item for item in self._workspace.catalog if self._is_able(item, taken)]
        rows = [Row(item.label, item) for item in rank(query, able, self._previous_type)]
        self.view.set_rows(rows, select_first=True)
        if not rows:
            hint = f"No block that can go here fits “{one_line(query, 30)}”." if query else "No block can go here."
            self.empty.set_words("Nothing fits", hint)
        self._stack.setCurrentWidget(self.view if rows else self.empty)

    def _is_able(self, block_type: BlockType, taken: set[str]) -> bool:
        if block_type.singleton and block_type.type in taken:
            return False
        return self._accepts is None or self._accepts(block_type.type)


def _selected_type(workspace: Workspace) -> str:
    block = workspace.workflow.blocks.get(workspace.selection.only_block or "")
    block_type = workspace.catalog.find(block.type) if block else None
    return block_type.type if block_type else ""


def _on_screen(place: QPoint) -> QPoint:
    screen = QGuiApplication.screenAt(place) or QGuiApplication.primaryScreen()
    area = screen.availableGeometry()
    x = max(area.left(), min(place.x(), area.right() + 1 - WIDTH))
    y = max(area.top(), min(place.y(), area.bottom() + 1 - HEIGHT))
    return QPoint(x, y)
