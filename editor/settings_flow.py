"""What happens around the settings: the window that shows them, and what follows from a change at once."""

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from editor import aio
from editor.aio import Tasks
from editor.panels.settings.appearance_page import AppearancePage
from editor.panels.settings.code_page import CodePage
from editor.panels.settings.dialog import SettingsDialog
from editor.panels.settings.models_page import ModelsPage
from editor.panels.settings.network_page import NetworkPage
from editor.panels.settings.page import SettingsContext
from editor.theme import Theme
from editor.workspace.network import Network
from editor.workspace.run_preferences import RunPreferences
from editor.workspace.settings import Settings


class SettingsFlow(QObject):
    """Opens the settings.

    Signals:
        theme_chosen(str): "system", "light" or "dark".
        animated_changed(bool): whether things glide to their places.
    """

    theme_chosen = Signal(str)
    animated_changed = Signal(bool)

    def __init__(
        self,
        window: QWidget,
        settings: Settings,
        preferences: RunPreferences,
        network: Network,
        theme: Theme,
        tasks: Tasks,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._settings = settings
        self._preferences = preferences
        self._network = network
        self._theme = theme
        self._tasks = tasks

    @property
    def animated(self) -> bool:
        """Whether things glide to their places."""
        return bool(self._settings.get("animated", True))

    def open(self) -> None:
        """Show the settings."""
        self._tasks.start("settings", self._open)

    async def _open(self) -> None:
        tasks = Tasks()
        tasks.failed.connect(self._tasks.failed)
        context = SettingsContext(self._theme, self._preferences, self._network, tasks)
        appearance = AppearancePage(context, animated=self.animated)
        appearance.theme_chosen.connect(self.theme_chosen)
        appearance.motion_chosen.connect(self._on_motion_chosen)
        pages = (ModelsPage(context), CodePage(context), NetworkPage(context), appearance)
        dialog = SettingsDialog(self._theme, pages, self._window)
        try:
            await aio.ask(dialog)
        finally:
            await tasks.close()
            dialog.deleteLater()

    def _on_motion_chosen(self, animated: bool) -> None:
        self._settings.set("animated", animated)
        self.animated_changed.emit(animated)
