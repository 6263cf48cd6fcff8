"""What the notice bar says about a document on a server: how a save stands, what is slow, and what can be done."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PySide6.QtCore import QObject, QTimer

from editor.local_server_flow import LocalServerFlow
from editor.notices import NoticeBar
from editor.text import ago_text, count_text
from editor.workspace.local_server import LOCAL_ID
from editor.workspace.server_link import ServerLink
from editor.workspace.server_save import Saved
from editor.workspace.server_saver import ServerSaver
from editor.workspace.workspace import SERVER, Workspace
from engine import Connection, ServerError, ServerUnreachable

ABOUT = "server"
SLOW_MS = 700
"""From then on somebody who waits is told for what, and may stop it."""
Action = tuple[str, Callable[[], None]]


class ServerNotices(QObject):
    """Follows the link and tells. What failed to be saved is told until it is saved."""

    def __init__(
        self,
        workspace: Workspace,
        link: ServerLink,
        saver: ServerSaver,
        local: LocalServerFlow,
        notices: NoticeBar,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._link = link
        self._saver = saver
        self._local = local
        self._notices = notices
        self._warnings: tuple[str, ...] = ()
        self._slow: tuple[str, Callable[[], None]] = ("", saver.stop)
        self._slow_timer = QTimer(self)
        self._slow_timer.setSingleShot(True)
        self._slow_timer.setInterval(SLOW_MS)
        self._slow_timer.timeout.connect(self._on_slow)
        link.save_state_changed.connect(self._on_save_state_changed)
        link.moved_on_server.connect(self._on_moved)
        saver.saved.connect(self._on_saved)

    @contextmanager
    def telling_slow(self, text: str, stop: Callable[[], None]) -> Iterator[None]:
        """What is done inside is told once it takes long, with a button that stops it."""
        self._slow = (text, stop)
        self._slow_timer.start()
        try:
            yield
        finally:
            self._end_slow()

    def tell_not_opened(self, connection: Connection, error: ServerError) -> None:
        """A workflow could not be opened; what is on screen stays."""
        action: Action = ("Connections…", self._local.show_connections)
        if isinstance(error, ServerUnreachable) and self._is_stopped_local(connection):
            action = ("Start the Local Server", self._local.start)
        self._notices.show_notice(f"Not opened. {error}", "error", *action)

    def tell_copy(self, connection: Connection, kept_at: float, retry: Callable[[], None]) -> None:
        """What is on screen is the copy that this machine kept."""
        text = (
            f"“{connection.name}” cannot be reached. This is the copy that was kept on this computer "
            f"{ago_text(time.time() - kept_at)}, without secrets. Saving waits until the server is back."
        )
        self._notices.show_notice(text, "warning", *self._way_on("Try Again", retry))

    def tell_stays_copy(self, error: ServerError, retry: Callable[[], None]) -> None:
        """The copy that this machine kept could not be renewed."""
        is_away = isinstance(error, ServerUnreachable)
        action = self._way_on("Try Again", retry) if is_away else ("Connections…", self._local.show_connections)
        self._notices.show_notice(f"This is the copy that was kept on this computer. {error}", "warning", *action)

    def _on_save_state_changed(self) -> None:
        state, name = self._link.save_state, self._name()
        self._end_slow()
        if state.kind == "saving":
            self._slow = (f"Saving to “{name}”…", self._saver.stop)
            self._slow_timer.start()
        elif state.kind == "waiting":
            text = f"Not saved to “{name}”. {state.reason} Your work is kept, and it is tried again by itself."
            self._notices.show_lasting(text, *self._way_on("Try Now", self._saver.save), about=ABOUT)
        elif state.kind == "failed":
            text = f"Not saved to “{name}”. {state.reason}"
            self._notices.show_lasting(text, *self._way_on("Try Again", self._saver.save), about=ABOUT)
        elif state.kind == "conflict":
            self._notices.show_lasting(f"Not saved. {state.reason}", "Merge…", self._saver.save, about=ABOUT)
        elif self._link.is_placed and not self._workspace.is_saved_in(SERVER) and not self._saver.has_saved:
            # Stopped half-way: what is not saved is told until it is.
            text = f"Not saved to “{name}”. Your work is kept here."
            self._notices.show_lasting(text, "Save", self._saver.save, about=ABOUT)

    def _on_saved(self, outcome: Saved) -> None:
        self._notices.settle(ABOUT)
        text = f"Saved to “{self._name()}”"
        if self._link.stored is not None and self._link.stored.state == "deployed":
            text += ". It is live there: callers get this version from now on"
        is_news, self._warnings = outcome.warnings != self._warnings, outcome.warnings
        if outcome.warnings and is_news:
            rest = len(outcome.warnings) - 1
            more = f" And {count_text(rest, 'more note')}." if rest else ""
            self._notices.show_notice(f"{text}. {outcome.warnings[0]}{more}", "warning")
        else:
            self._notices.show_notice(text, "success")

    def _on_moved(self) -> None:
        if not self._saver.is_busy:  # else the save meets it anyway
            text = f"Somebody else has saved this workflow on “{self._name()}”. You see your own version."
            self._notices.show_notice(text, "warning", "Merge…", self._saver.save)

    def _on_slow(self) -> None:
        text, stop = self._slow
        self._notices.show_notice(text, "info", "Stop", stop)

    def _end_slow(self) -> None:
        """What took long is over, and so is its notice."""
        self._slow_timer.stop()
        if self._slow[0] and self._notices.text == self._slow[0]:
            self._notices.dismiss()

    def _way_on(self, label: str, retry: Callable[[], None]) -> Action:
        """Trying again; where the local server does not run that helps first."""
        is_stopped = self._link.connection is not None and self._is_stopped_local(self._link.connection)
        return ("Start the Local Server", self._local.start) if is_stopped else (label, retry)

    def _is_stopped_local(self, connection: Connection) -> bool:
        return connection.connection_id == LOCAL_ID and self._local.server.state.kind != "running"

    def _name(self) -> str:
        return self._link.connection.name if self._link.connection else "the server"
