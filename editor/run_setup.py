"""What runs on this machine work with, and whether they may: trust, settings, the library and stand-ins in one place.

The only place that gives the engine its settings; the window makes one and asks it before each run.
"""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QStatusBar, QWidget

from editor.aio import Tasks
from editor.canvas.canvas import Canvas
from editor.file_flow import FileFlow
from editor.library_flow import LibraryFlow
from editor.notices import NoticeBar
from editor.run_flow import RunFlow
from editor.settings_flow import SettingsFlow
from editor.standin_flow import StandInFlow
from editor.theme import Theme
from editor.trust_flow import TrustFlow
from editor.workspace.directories import Directories, LibrarySource
from editor.workspace.document_trust import DocumentTrust
from editor.workspace.journal import Journal
from editor.workspace.model_keys import ModelKeys
from editor.workspace.network import Network
from editor.workspace.run_preferences import RunPreferences
from editor.workspace.settings import Settings
from editor.workspace.trust_store import TrustStore
from editor.workspace.workspace import Workspace
from engine import Connection, LocalRunner


class RunSetup(QObject):
    """Made once for each window. `platform` is the server that platform calls of local runs go to, if any."""

    def __init__(
        self,
        window: QWidget,
        workspace: Workspace,
        runner: LocalRunner,
        settings: Settings,
        network: Network,
        theme: Theme,
        notices: NoticeBar,
        tasks: Tasks,
    ) -> None:
        super().__init__(window)
        self.platform: Connection | None = None
        self._runner = runner
        self._theme = theme
        self._run: Callable[[], None] = _nothing
        self.preferences = RunPreferences(settings, ModelKeys(), self)
        self.directories = Directories([LibrarySource()], tasks, parent=self)
        self.trust = DocumentTrust(workspace, tasks, TrustStore(), self)
        self.trust_flow = TrustFlow(window, workspace, self.trust, self.preferences, self.directories, theme, tasks)
        self.library = LibraryFlow(window, workspace, self.directories, self.preferences, network, theme, tasks)
        self.stand_ins = StandInFlow(window, workspace, self.directories, notices, theme, tasks, self._run_now)
        self.settings_flow = SettingsFlow(window, settings, self.preferences, network, theme, tasks)
        self.directories.refresh_soon()

    def handlers(self) -> dict[str, Callable[[], None]]:
        """What each action does, by its id."""
        return {
            "settings": self.settings_flow.open,
            "library": self.library.open,
            "stand_ins": self.stand_ins.toggle,
        }

    def use_platform(self, connection: Connection | None) -> None:
        """From the next run on, platform calls and stored agents of runs here are asked of this server as well."""
        self.platform = connection

    def serve(self, run_flow: RunFlow, canvas: Canvas, actions: Any, status_bar: QStatusBar) -> None:
        """Take part in a window; `actions` are its actions by their ids, and the marks go to its status bar."""
        run_flow.may_run = self.may_run
        self._run = run_flow.run
        self._actions = actions
        canvas.use_names(self.directories)
        canvas.commands.vouches = self._vouches
        canvas.commands.foreign_pasted.connect(self.trust.doubt)
        canvas.animated = self.settings_flow.animated
        self.settings_flow.animated_changed.connect(canvas.set_animated)
        for place, mark in enumerate((self.trust_flow.mark, self.stand_ins.mark)):
            status_bar.insertPermanentWidget(place, mark)
        self.stand_ins.changed.connect(self._show_stand_ins)
        self.settings_flow.theme_chosen.connect(self._on_theme_chosen)

    def keep_trust(self, file_flow: FileFlow, journal: Journal) -> None:
        """What was trusted stays so through a crash: the journal says so, and is believed."""
        self._journal = journal
        file_flow.own_work_shown.connect(self.trust.vouch)
        self.trust.changed.connect(self._on_trust_changed)

    async def may_run(self) -> bool:
        """Whether the open document may run here now; the engine then has what the run works with."""
        if not await self.trust_flow.may_run():
            return False
        self._runner.settings = self.preferences.run_settings(
            self.trust.choices, platform=self.platform, stand_ins=self.stand_ins.hosts
        )
        return True

    def _run_now(self) -> None:
        self._run()

    def _vouches(self) -> bool:
        return self.trust.is_trusted

    def _on_trust_changed(self) -> None:
        self._journal.is_own = self.trust.is_trusted

    def _show_stand_ins(self) -> None:
        self._actions["stand_ins"].setChecked(bool(self.stand_ins.hosts))

    def _on_theme_chosen(self, choice: str) -> None:
        self._actions[f"theme_{choice}"].trigger()


def _nothing() -> None:
    return
