"""What happens around the view: panels, theme, grid, overview, command palette, help and pictures."""

import sys
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QWidget

from editor import aio
from editor.actions import ACTIONS
from editor.aio import Tasks, in_thread
from editor.canvas.canvas import Canvas
from editor.canvas.minimap import Minimap
from editor.command_palette import CommandPalette
from editor.dialogs import ask_save, tell
from editor.docks import Docks
from editor.help import ShortcutsDialog, about_text
from editor.menus import ActionSet
from editor.notices import NoticeBar
from editor.theme import Theme, ThemeChoice
from editor.workspace.documents import suggested_name
from editor.workspace.settings import Settings

NEW_WINDOW = ("-m", "editor.app", "--empty")
"""What Python is told to open one more window, with an empty workflow: the open file belongs to this one."""


class ViewFlow(QObject):
    """What the actions of the menus View and Help do."""

    def __init__(
        self,
        window: QWidget,
        canvas: Canvas,
        minimap: Minimap,
        docks: Docks,
        theme: Theme,
        settings: Settings,
        notices: NoticeBar,
        tasks: Tasks,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._canvas = canvas
        self._minimap = minimap
        self._docks = docks
        self._theme = theme
        self._settings = settings
        self._notices = notices
        self._tasks = tasks
        self._actions: ActionSet

    def handlers(self) -> dict[str, Callable[[], None]]:
        """What each action does, by its id."""
        handlers: dict[str, Callable[[], None]] = {
            "new_window": self._new_window,
            "export_image": self._export_image,
            "commands": self._show_commands,
            "snap": self._toggle_snap,
            "minimap": self._toggle_minimap,
            "next_pane": self._next_pane,
            "shortcuts": self._show_shortcuts,
            "about": self._show_about,
        }
        choices: tuple[ThemeChoice, ...] = ("system", "light", "dark")
        handlers |= {f"theme_{choice}": self._theme_handler(choice) for choice in choices}
        return handlers | {f"show_{name}": self._dock_handler(name) for name in self._docks.names()}

    def restore(self, actions: ActionSet) -> None:
        """Bring back what was chosen the last time, and show it in the actions' check marks."""
        self._actions = actions
        self._docks.restore(self._settings)
        actions["snap"].setChecked(self._settings.get("snap", True))
        self._canvas.set_snap(self._settings.get("snap", True))
        actions["minimap"].setChecked(self._settings.get("minimap", True))
        self._minimap.set_wanted(self._settings.get("minimap", True))

    def _new_window(self) -> None:
        # A process of its own: whatever ends one window leaves the others alone.
        QProcess.startDetached(sys.executable, list(NEW_WINDOW))

    def _toggle_snap(self) -> None:
        snap = self._actions["snap"].isChecked()
        self._canvas.set_snap(snap)
        self._settings.set("snap", snap)

    def _toggle_minimap(self) -> None:
        shown = self._actions["minimap"].isChecked()
        self._minimap.set_wanted(shown)
        self._settings.set("minimap", shown)

    def _theme_handler(self, choice: ThemeChoice) -> Callable[[], None]:
        def choose() -> None:
            self._theme.choose(choice)
            self._settings.set("theme", choice)

        return choose

    def _dock_handler(self, name: str) -> Callable[[], None]:
        def toggle() -> None:
            if self._actions[f"show_{name}"].isChecked():
                self._docks.show(name)
            else:
                self._docks[name].hide()

        return toggle

    def _next_pane(self) -> None:
        panes = [self._canvas, *self._docks.shown_panels()]
        focused = QApplication.focusWidget()
        inside = [pane for pane in panes if focused is not None and (pane is focused or pane.isAncestorOf(focused))]
        following = panes[(panes.index(inside[0]) + 1) % len(panes)] if inside else self._canvas
        following.setFocus(Qt.FocusReason.TabFocusReason)
        if following is not self._canvas:
            following.focusNextChild()

    def _show_commands(self) -> None:
        rows = [(row, self._actions[row.id]) for row in ACTIONS]
        palette = CommandPalette(rows, self._window)
        palette.chosen.connect(self._on_command)
        palette.open_centered()

    def _on_command(self, action_id: str) -> None:
        self._actions[action_id].trigger()

    def _show_shortcuts(self) -> None:
        self._tasks.start("help", self._open_shortcuts)

    async def _open_shortcuts(self) -> None:
        dialog = ShortcutsDialog(self._window)
        await aio.ask(dialog)
        dialog.deleteLater()

    def _show_about(self) -> None:
        self._tasks.start("help", tell, self._window, "Blockloom", about_text())

    def _export_image(self) -> None:
        self._tasks.start("export", self._ask_and_export)

    async def _ask_and_export(self) -> None:
        name = suggested_name(self._canvas.workspace.workflow.name) + ".png"
        path = await ask_save(self._window, "Export an image", Path.home() / name, "PNG image (*.png)", ".png")
        if path is None:
            return
        image = self._canvas.render_document(ratio=2.0)
        if await in_thread(_save_png, image, str(path)):
            self._notices.show_notice(f"Exported {path.name}", "success")
        else:
            self._notices.show_notice(f"{path.name} could not be written. Choose another folder.", "error")


def _save_png(image: QImage, path: str) -> bool:
    return image.save(path, b"PNG")
