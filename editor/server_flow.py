"""What happens around documents on a server: open, save, leave, and the way back after a crash."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QDialog, QWidget

from editor import aio
from editor.aio import Tasks, in_thread
from editor.file_flow import FileFlow
from editor.local_server_flow import LocalServerFlow
from editor.notices import NoticeBar
from editor.panels.connections.save_dialog import SaveToServerDialog
from editor.panels.server_browser.dialog import ServerBrowser
from editor.server_notices import ServerNotices
from editor.server_questions import ServerQuestions
from editor.theme import Theme
from editor.workspace.connections import ServerConnections
from editor.workspace.documents import Documents
from editor.workspace.journal import Journal
from editor.workspace.local_server import LOCAL_ID
from editor.workspace.remembered_places import RememberedPlaces
from editor.workspace.secret_fields import without_secrets
from editor.workspace.server_cache import ServerCache
from editor.workspace.server_link import IDLE, ServerLink, ServerPlace
from editor.workspace.server_save import Saved
from editor.workspace.server_saver import ServerSaver
from editor.workspace.settings import Settings
from editor.workspace.workspace import SERVER, Workspace
from engine import (
    AccessDenied,
    Connection,
    NotOnServer,
    PlatformClient,
    ServerError,
    ServerUnreachable,
    StoredWorkflow,
    Workflow,
    difference,
    edits,
)

CACHE_TASK, EXTENSIONS_TASK, FRESH_TASK = "server-cache", "server-extensions", "server-fresh"
_UNAUTHORIZED = 401


class ServerFlow(QObject):
    """Leads through documents on servers. `link` is the open document's tie, `saver` saves it.

    Public methods that are no coroutines start a task and return at once.
    """

    def __init__(
        self,
        window: QWidget,
        workspace: Workspace,
        documents: Documents,
        file_flow: FileFlow,
        journal: Journal,
        settings: Settings,
        theme: Theme,
        notices: NoticeBar,
        tasks: Tasks,
        connections: ServerConnections,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._workspace = workspace
        self._documents = documents
        self._file_flow = file_flow
        self._journal = journal
        self._settings = settings
        self._theme = theme
        self._notices = notices
        self._tasks = tasks
        self._connections = connections
        self.cache = ServerCache(workspace.catalog)
        self.link = ServerLink(workspace, connections, self)
        questions = ServerQuestions(window, workspace, connections, theme)
        self.saver = ServerSaver(workspace, self.link, tasks, questions, parent=self)
        self.local = LocalServerFlow(window, connections, settings, theme, notices, tasks)
        self._questions = questions
        self._told = ServerNotices(workspace, self.link, self.saver, self.local, notices, self)
        self._remembered = RememberedPlaces(settings, connections)
        self.saver.saved.connect(self._on_saved)
        self.link.place_changed.connect(self._on_place_changed)
        self.link.reach_changed.connect(self._on_reach_changed)
        self.local.server.changed.connect(self._on_local_changed)
        documents.path_changed.connect(self._remember_place)

    def handlers(self) -> dict[str, Callable[[], None]]:
        """What each action does, by its id."""
        return {
            "open_server": self.open_from_server,
            "save_server": self.save_to_server,
            "connections": self.local.show_connections,
            "start_server": self.local.start,
            "stop_server": self.local.stop,
            "detach_server": self.detach,
        }

    def states(self) -> dict[str, bool]:
        """States that actions may need, by name."""
        runs = self.local.server.state.kind
        return {
            "on_server": self.link.is_placed,
            "server_off": runs in ("stopped", "failed"),
            "server_on": runs == "running",
        }

    # --- what actions do ----------------------------------------------------------------------------------------

    def open_from_server(self) -> None:
        """Choose a workflow of a server, and open it."""
        self._tasks.start("file", self._choose_and_open)

    def save_to_server(self) -> None:
        """Save to the server where the document lives, or ask for one."""
        if self.link.is_placed:
            self.saver.save()
        else:
            self._tasks.start("file", self._ask_and_save)

    def save(self) -> None:
        """Save where the document lives."""
        self.saver.save()

    def detach(self) -> None:
        """Let the document live on no server any more."""
        connection = self.link.connection
        if connection is not None:
            self.link.detach()
            text = f"Save does not write to “{connection.name}” any more. The workflow there stays as it is."
            self._notices.show_notice(text, "info")

    # --- what the file flow asks for: see `file_flow.ServerHome` ------------------------------------------------

    @property
    def is_home(self) -> bool:
        """Whether the document lives on a server."""
        return self.link.is_placed

    async def save_and_wait(self) -> bool:
        """Whether the server has the document as it is on screen; the person is told when it has not."""
        if self.link.is_placed and self._workspace.is_saved_in(SERVER) and self.link.save_state == IDLE:
            return True
        self.saver.save()
        return await self.saver.wait() and self._workspace.is_saved_in(SERVER)

    async def restore(self, file: Path) -> None:
        """The document of this file was opened: let it live on the server again where it did the last time."""
        last, place = self._remembered.last(), self._remembered.of_file(file)
        if place is not None and last is not None and self._is_place_of(file, last):
            await self.reattach(place)

    async def reattach(self, place: ServerPlace) -> None:
        """Let the open document, which was kept elsewhere, live at this place again.

        It counts as saved there when it is what was known of that place last.
        """
        connection, workflow = self._connections.find(place.connection_id), self._workspace.workflow
        if connection is None:
            return
        kept = await in_thread(self.cache.find, place.connection_id, place.workflow_id)
        is_same = kept is not None and await in_thread(self._is_copy, workflow, kept.stored.workflow)
        # Without a copy nothing is known of what it grew out of: whatever differs will be asked about.
        base = kept.stored if kept else StoredWorkflow(id=place.workflow_id, workflow=Workflow())
        has_file = self._documents.path is not None
        self.link.attach(connection, base, workflow if is_same else None, is_partial=True, also_in_file=has_file)

    def _is_copy(self, workflow: Workflow, kept: Workflow) -> bool:
        """Whether the copy says the same, but for secrets and the order of things, which copies do not keep."""
        change = difference(kept, without_secrets(workflow, self._workspace.catalog))
        return msgspec.structs.replace(change, order_changed=False).is_empty

    def _is_place_of(self, file: Path, last: tuple[Connection, str]) -> bool:
        place = self._remembered.of_file(file)
        return place is not None and (place.connection_id, place.workflow_id) == (last[0].connection_id, last[1])

    def begin(self) -> None:
        """The window has opened: look whether the local server runs already."""
        self.local.find()

    async def show_last(self, file: Path) -> bool:
        """Show the document that was open last, if it lived on a server and not in this file as well."""
        last = self._remembered.last()
        if last is None or self._is_place_of(file, last):
            return False
        connection, workflow_id = last
        kept = await in_thread(self.cache.find, connection.connection_id, workflow_id)
        if kept is None:
            return await self._open(connection, workflow_id)
        await in_thread(self._workspace.prepare, kept.stored.workflow)
        # The copy is there at once; what the server has takes its place when it comes.
        self._show(connection, kept.stored, is_partial=True)
        self._tasks.restart(FRESH_TASK, self._take_fresh)
        return True

    async def close(self) -> None:
        """The window goes: end what talks to servers."""
        await self.local.close()
        await self._connections.close()

    # --- opening ------------------------------------------------------------------------------------------------

    async def _choose_and_open(self) -> None:
        await self._connections.reload()
        dialog = ServerBrowser(
            self._connections,
            self.cache,
            self._workspace.catalog,
            self._theme,
            self._tasks,
            open_id=self.link.workflow_id,
            parent=self._window,
        )

        def ask_connections() -> None:
            self._tasks.start("connections", self.local.ask_connections, dialog)

        dialog.connections_requested.connect(ask_connections)
        dialog.deleted.connect(self._on_deleted)
        try:
            accepted = await aio.ask(dialog) == QDialog.DialogCode.Accepted
            chosen = dialog.chosen if accepted else None
        finally:
            dialog.deleteLater()
        if chosen is not None:
            await self._open(*chosen)

    async def _open(self, connection: Connection, workflow_id: str) -> bool:
        """Show this workflow, from the copy on this machine where the server is away; False when it is not shown."""
        kept_at: float | None = None
        try:
            stored = await self._read(connection, workflow_id)
        except ServerUnreachable as error:
            kept = await in_thread(self.cache.find, connection.connection_id, workflow_id)
            if kept is None:
                self._told.tell_not_opened(connection, error)
                return False
            stored, kept_at = kept.stored, kept.kept_at
        except ServerError as error:
            self._told.tell_not_opened(connection, error)
            return False
        await in_thread(self._workspace.prepare, stored.workflow)
        if not await self._file_flow.ask_to_leave():
            return False
        self._show(connection, stored, is_partial=kept_at is not None)
        await self._connections.activate(connection.connection_id)
        if kept_at is not None:
            self._told.tell_copy(connection, kept_at, self._refresh)
        return True

    async def _read(self, connection: Connection, workflow_id: str) -> StoredWorkflow:
        """The workflow from its server; a key that is not accepted is asked for once."""
        with self._told.telling_slow(f"Opening from “{connection.name}”…", self._stop_opening):
            try:
                return await self._connections.call(connection, PlatformClient.workflow, workflow_id)
            except AccessDenied as error:
                if error.status != _UNAUTHORIZED or not await self._questions.new_key(connection, str(error)):
                    raise
                return await self._connections.call(connection, PlatformClient.workflow, workflow_id)

    def _show(self, connection: Connection, stored: StoredWorkflow, *, is_partial: bool) -> None:
        self._notices.dismiss()
        self._documents.show(stored.workflow)
        self.link.attach(connection, stored, stored.workflow, is_partial=is_partial)
        if not is_partial:
            self._keep_copy()

    async def _take_fresh(self) -> None:
        """Put what the server has in the place of the copy on this machine, as long as nobody has changed that."""
        connection, workflow_id = self.link.connection, self.link.workflow_id
        if connection is None:
            return
        try:
            stored = await self.link.call(PlatformClient.workflow, workflow_id)
        except NotOnServer as error:
            self._notices.show_notice(f"{error} Save makes a new one of your copy.", "warning")
            return
        except ServerError as error:
            self._told.tell_stays_copy(error, self._refresh)
            return
        await in_thread(self._workspace.prepare, stored.workflow)
        if workflow_id == self.link.workflow_id and self.link.is_partial and not self._workspace.is_dirty:
            self._show(connection, stored, is_partial=False)

    def _refresh(self) -> None:
        self._tasks.restart(FRESH_TASK, self._take_fresh)

    def _stop_opening(self) -> None:
        self._tasks.cancel("file")

    # --- saving -------------------------------------------------------------------------------------------------

    async def _ask_and_save(self) -> None:
        await self._connections.reload()
        if not self._connections.all():
            await self.local.ask_connections(self._window)
        if not self._connections.all():
            return
        name = self._workspace.workflow.name
        dialog = SaveToServerDialog(
            self._connections, name, self._remembered.of_file(self._documents.path), self._window
        )
        try:
            if await aio.ask(dialog) != QDialog.DialogCode.Accepted or dialog.connection is None:
                return
            connection, name, place = dialog.connection, dialog.name, dialog.updates
        finally:
            dialog.deleteLater()
        self._workspace.edit("Rename the workflow", edits.set_name, name)
        await self._connections.activate(connection.connection_id)
        if place is not None:
            await self.reattach(place)
            self.saver.save()
        else:
            self.saver.save_to(connection, also_in_file=self._documents.path is not None)

    def _on_saved(self, _outcome: Saved) -> None:
        self._keep_copy()
        self._remember_place()

    def _on_reach_changed(self) -> None:
        """The server is back: a copy that nobody has changed makes room for what is there, a save goes on."""
        if not self.link.is_reachable:
            return
        if self.link.is_partial and not self._workspace.is_dirty:
            self._tasks.start(FRESH_TASK, self._take_fresh)
        elif self.link.save_state.kind == "waiting":
            self.saver.try_now()

    def _on_local_changed(self) -> None:
        """The local server runs: a document that lives there need not wait any longer."""
        connection = self.link.connection
        if connection is None or connection.connection_id != LOCAL_ID or self.local.server.state.kind != "running":
            return
        if self.link.save_state.kind == "waiting":
            self.saver.try_now()
        elif self.link.is_partial and not self._workspace.is_dirty:
            self._refresh()

    # --- remembering --------------------------------------------------------------------------------------------

    def _on_place_changed(self) -> None:
        place = self.link.place
        self._journal.lives_at(place)
        self._remembered.set_last(place)
        if place is not None:
            self._tasks.restart(EXTENSIONS_TASK, self._learn_extensions)

    async def _learn_extensions(self) -> None:
        with suppress(ServerError):
            await self.link.learn_extensions()

    def _keep_copy(self) -> None:
        connection, base = self.link.connection, self.link.base
        if connection is not None and base is not None:
            self._tasks.restart(CACHE_TASK, in_thread, self.cache.keep, connection.connection_id, base)

    def _on_deleted(self, connection_id: str, workflow_id: str) -> None:
        place = self.link.place
        if place is not None and (place.connection_id, place.workflow_id) == (connection_id, workflow_id):
            self.detach()
        self._tasks.start("server-forget", in_thread, self.cache.forget, connection_id, workflow_id)

    def _remember_place(self) -> None:
        place, path = self.link.place, self._documents.path
        if place is not None and path is not None:
            self._remembered.keep(path, place)
