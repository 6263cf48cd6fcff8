"""Builds menus, toolbar and keys from the table of actions."""

from collections.abc import Callable, Collection, Mapping

from PySide6.QtCore import QObject, QSize, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu, QToolBar, QToolButton, QWidget

from editor.actions import ACTIONS, MENU_BREAKS, MENU_ORDER, SEPARATOR, TOOLBAR
from editor.theme import RESOURCES, Theme
from editor.welcome import EXAMPLES

EXCLUSIVE = ("theme_system", "theme_light", "theme_dark")


class ActionSet(QObject):
    """One QAction a row of the table.

    Signals:
        recent_chosen(str): the path of a recent file.
        example_chosen(str): the path of an example.
    """

    recent_chosen = Signal(str)
    example_chosen = Signal(str)

    def __init__(
        self, window: QMainWindow, canvas: QWidget, theme: Theme, handlers: Mapping[str, Callable[[], None]]
    ) -> None:
        super().__init__(window)
        self._theme = theme
        self._actions: dict[str, QAction] = {}
        group = QActionGroup(self)
        for row in ACTIONS:
            action = QAction(row.label, self)
            action.setObjectName(f"action-{row.id}")
            action.setShortcuts([QKeySequence(keys) for keys in row.shortcuts])
            action.setCheckable(row.checkable)
            action.setStatusTip(row.help)
            action.setToolTip(_tip(row.title, row.help, row.shortcuts))
            if row.on_canvas:
                action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            (canvas if row.on_canvas else window).addAction(action)
            if row.id in EXCLUSIVE:
                group.addAction(action)
            action.triggered.connect(handlers[row.id])
            self._actions[row.id] = action
        self._recent = QMenu("Open &Recent", window)
        self.examples = QMenu("Open &Example", window)
        self._fill_examples()
        self._paint_icons()
        theme.changed.connect(self._paint_icons)

    def __getitem__(self, action_id: str) -> QAction:
        return self._actions[action_id]

    def fill_menu_bar(self, window: QMainWindow) -> None:
        """Make the menus of the window."""
        for title in MENU_ORDER:
            menu = window.menuBar().addMenu(f"&{title}")
            for row in (row for row in ACTIONS if row.menu == title):
                if row.id in MENU_BREAKS:
                    menu.addSeparator()
                if row.id == "open_example":  # the palette opens the first; here all of them can be seen
                    menu.addMenu(self.examples)
                else:
                    menu.addAction(self._actions[row.id])
                if row.id == "open":
                    menu.addMenu(self._recent)

    def fill_toolbar(self, toolbar: QToolBar) -> None:
        """Make the buttons of the toolbar; Run is the one that stands out."""
        toolbar.setIconSize(QSize(18, 18))
        for action_id in TOOLBAR:
            if action_id == SEPARATOR:
                toolbar.addSeparator()
                continue
            toolbar.addAction(self._actions[action_id])
            button = toolbar.widgetForAction(self._actions[action_id])
            if isinstance(button, QToolButton) and action_id in ("run", "stop", "quick_add"):
                button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
                button.setProperty("primary", action_id == "run")

    def set_recent(self, paths: Collection[str]) -> None:
        """Show these files under Open Recent."""
        self._recent.clear()
        for path in paths:
            # A mnemonic in a file name would underline a letter and hide the ampersand.
            entry = self._recent.addAction(path.replace("&", "&&"))
            entry.setData(path)
            entry.triggered.connect(self._on_recent)
        self._recent.setEnabled(bool(paths))

    def set_states(self, states: Collection[str]) -> None:
        """Enable the actions whose every needed state is among these."""
        for row in ACTIONS:
            self._actions[row.id].setEnabled(set(row.needs.split()) <= set(states))

    def context_menu(self, action_ids: Collection[str], parent: QWidget) -> QMenu:
        """A menu of these actions; "-" is a separator line."""
        menu = QMenu(parent)
        for action_id in action_ids:
            if action_id == SEPARATOR:
                menu.addSeparator()
            else:
                menu.addAction(self._actions[action_id])
        return menu

    def _fill_examples(self) -> None:
        for _icon, title, name in EXAMPLES:
            entry = self.examples.addAction(title)
            entry.setData(str(RESOURCES / "examples" / name))
            entry.triggered.connect(self._on_example)

    def _on_example(self) -> None:
        entry = self.sender()
        if isinstance(entry, QAction):
            self.example_chosen.emit(str(entry.data()))

    def _on_recent(self) -> None:
        entry = self.sender()
        if isinstance(entry, QAction):
            self.recent_chosen.emit(str(entry.data()))

    def _paint_icons(self) -> None:
        for entry, (icon, _, _) in zip(self.examples.actions(), EXAMPLES, strict=True):
            entry.setIcon(self._theme.icon(icon))
        for row in ACTIONS:
            if row.icon:
                color = self._theme.colors.on_accent if row.id == "run" else None
                self._actions[row.id].setIcon(self._theme.icon(row.icon, color))
                # The white of the primary button cannot be read in a menu.
                self._actions[row.id].setIconVisibleInMenu(row.id != "run")


def _tip(title: str, help_text: str, shortcuts: tuple[str, ...]) -> str:
    keys = QKeySequence(shortcuts[0]).toString(QKeySequence.SequenceFormat.NativeText) if shortcuts else ""
    return f"{help_text or title} ({keys})" if keys else help_text or title
