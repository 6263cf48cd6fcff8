"""What happens around files: new, open, save, unsaved work, files changed by others, recovery after a crash."""

from pathlib import Path
from typing import Any, Protocol

from PySide6.QtCore import QObject, QStandardPaths, Signal
from PySide6.QtWidgets import QWidget

from editor.aio import Tasks, in_thread
from editor.dialogs import Option, ask_open, ask_save, choose
from editor.notices import NoticeBar
from editor.theme import RESOURCES
from editor.workspace.documents import SUFFIX, Documents, suggested_name
from editor.workspace.journal import Journal, Recovered, forget, left_behind
from editor.workspace.server_link import ServerPlace
from editor.workspace.settings import Settings
from editor.workspace.workspace import FILE, Workspace
from engine import BlockloomError, FileError, Workflow, files, wiring

EXAMPLE = RESOURCES / "examples" / "document-summarizer.workflow.json"
OPEN_FILTER = "Workflows (*.json);;All files (*)"
SAVE_FILTER = f"Blockloom workflow (*{SUFFIX})"
ABOUT = "file"


class ServerHome(Protocol):
    """What files need to know of a document that lives on a server, too."""

    @property
    def is_home(self) -> bool:
        """Whether the document lives on a server."""

    def begin(self) -> None:
        """The window has opened."""

    def save(self) -> None:
        """Save there; returns at once, and goes on trying."""

    async def save_and_wait(self) -> bool:
        """Save there; False when that needs a person or another try, which was told."""

    async def show_last(self, file: Path) -> bool:
        """Show the document that was open last, if it lived on a server and not in this file as well."""

    async def restore(self, file: Path) -> None:
        """The document of this file was opened: let it live on the server again where it did the last time."""

    async def reattach(self, place: ServerPlace) -> None:
        """Let the open document live there again."""


class FileFlow(QObject):
    """Leads through opening and saving. Every public method starts a task and returns at once.

    `server` is set by the window: where the document may live beside its file.

    Signals:
        own_work_shown(): the document that is shown was trusted to run when a crash cut it off.
    """

    own_work_shown = Signal()
    server: ServerHome

    def __init__(
        self,
        window: QWidget,
        workspace: Workspace,
        documents: Documents,
        journal: Journal,
        settings: Settings,
        notices: NoticeBar,
        tasks: Tasks,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._workspace = workspace
        self._documents = documents
        self._journal = journal
        self._settings = settings
        self._notices = notices
        self._tasks = tasks
        documents.path_changed.connect(self._on_path_changed)
        documents.disk_changed.connect(self._on_disk_changed)
        workspace.workflow_replaced.connect(self._on_workflow_replaced)

    def new(self) -> None:
        """Start an empty workflow, after asking about unsaved work."""
        self._tasks.start("file", self._new)

    def open(self, path: Path | None = None) -> None:
        """Open a file, asking which one when none is given."""
        self._tasks.start("file", self._open, path)

    def open_example(self, path: Path = EXAMPLE) -> None:
        """Show an example as a new document: saving asks for a place of its own."""
        self._tasks.start("file", self._open_example, path)

    def save(self) -> None:
        """Save where the document lives, asking for a file when it lives nowhere."""
        self._tasks.start("file", self._save_in_place)

    def save_as(self) -> None:
        """Save to a file that the person picks."""
        self._tasks.start("file", self.ask_and_save)

    async def show_first(self, path: Path | None) -> None:
        """Show the file, else what a crash left behind, else what was open last, else the example."""
        self.server.begin()
        recovered = await in_thread(left_behind, self._journal.folder)
        if path is not None:
            await self._read(path)
        elif not recovered:
            await self._show_last()
        if recovered:
            await self._offer(recovered[0])

    async def ask_to_leave(self) -> bool:
        """Whether the document may go: it is saved, or the person gave it up."""
        if not self._workspace.is_dirty:
            return True
        name = self._workspace.workflow.name or "Untitled"
        # A server may be away for long: whoever wants to leave now can take the work along.
        to_file = [Option("file", "Save to a File…")] if self.server.is_home and self._documents.path is None else []
        answer = await choose(
            self._window,
            f"Save the changes to “{name}”?",
            "Your changes are lost if you do not save them.",
            [
                Option("save", "Save", is_default=True),
                *to_file,
                Option("discard", "Don't Save", is_destructive=True),
                Option("cancel", "Cancel", is_cancel=True),
            ],
        )
        if answer == "save":
            return await self.save_in_place()
        if answer == "file":
            return await self.ask_and_save()
        if answer == "discard":
            self._journal.discard()
        return answer == "discard"

    async def save_in_place(self) -> bool:
        """Save in every place where the document lives; False when it failed or the person gave up."""
        path = self._documents.path
        if not self.server.is_home:
            return await self._write(path) if path else await self.ask_and_save()
        in_file = await self._write_if_unsaved()
        return await self.server.save_and_wait() and in_file

    async def ask_and_save(self) -> bool:
        """Ask where, and save there; False when it failed or the person gave up."""
        suggested = self._documents.path or self._folder() / (suggested_name(self._workspace.workflow.name) + SUFFIX)
        path = await ask_save(self._window, "Save the workflow", suggested, SAVE_FILTER, SUFFIX)
        return await self._write(path) if path else False

    # --- inside -------------------------------------------------------------------------------------------------

    async def _save_in_place(self) -> None:
        if self.server.is_home:
            await self._write_if_unsaved()
            self.server.save()  # which may take its time, and must not keep anybody from files meanwhile
        else:
            await self.save_in_place()

    async def _write_if_unsaved(self) -> bool:
        path = self._documents.path
        return path is None or self._workspace.is_saved_in(FILE) or await self._write(path)

    async def _show_last(self) -> None:
        last = Path(self._settings.get("last_file", "") or EXAMPLE)
        if await self.server.show_last(last):
            return
        if last != EXAMPLE and await in_thread(last.is_file):
            await self._read(last)
            await self.server.restore(last)
        else:
            await self._show_example(EXAMPLE)

    async def _new(self) -> None:
        if await self.ask_to_leave():
            self._documents.show(Workflow(name="Untitled"))
            self._journal.belongs_to(None)

    async def _open(self, path: Path | None) -> None:
        chosen = path or await ask_open(self._window, "Open a workflow", self._folder(), OPEN_FILTER)
        if chosen is not None:
            await self._read(chosen)

    async def _open_example(self, path: Path) -> None:
        if await self.ask_to_leave():
            await self._show_example(path)

    async def _show_example(self, path: Path) -> None:
        opened = await in_thread(files.read, path)
        # An address that every copy of an example shares, with a secret everybody can read, would be no secret.
        self._documents.show(wiring.mint_anew(opened.workflow, self._workspace.catalog))
        self._notices.dismiss()

    async def _read(self, path: Path, *, repair: bool = False, ask: bool = True) -> None:
        """Show what is in the file; `ask` first about unsaved work, unless the person has given it up already."""
        may_leave = self.ask_to_leave if ask else None
        try:
            shape = await self._documents.open(path, repair=repair, may_leave=may_leave)
        except FileError as error:
            await self._tell_unreadable(path, error, ask)
            return
        if not shape:
            return
        self._notices.dismiss()
        if repair:
            self._notices.show_notice(f"This is a repaired copy of {path.name}. Save it to keep it.", "warning")
        elif shape == "file":
            self._remember(path)
        else:
            self._notices.show_notice(f"Imported {path.name}. Save keeps it as a Blockloom workflow.", "info")

    async def _tell_unreadable(self, path: Path, error: FileError, ask: bool) -> None:
        options = [Option("ok", "OK", is_default=True, is_cancel=True)]
        if error.repairable:
            options = [
                Option("repair", "Open a Repaired Copy", is_default=True),
                Option("ok", "Cancel", is_cancel=True),
            ]
        text = f"{path.name} could not be opened"
        if await choose(self._window, text, f"{error}\n\nThe open workflow is as it was.", options) == "repair":
            await self._read(path, repair=True, ask=ask)

    async def _write(self, path: Path, *, overwrite: bool = False) -> bool:
        try:
            await self._documents.save(path, overwrite=overwrite)
        except files.FileChangedOnDisk as error:
            return await self._settle(path, error)
        except files.FileMissing as error:
            return await self._save_again(path, error)
        except BlockloomError as error:
            self._notices.show_lasting(f"Not saved. {error}", "Save As…", self.save_as, about=ABOUT)
            return False
        self._notices.settle(ABOUT)
        self._notices.show_notice(f"Saved {path.name}", "success")
        self._remember(path)
        return True

    async def _settle(self, path: Path, error: BlockloomError) -> bool:
        answer = await choose(
            self._window,
            f"{path.name} was changed by somebody else",
            f"{error}\n\nYour workflow is not saved yet. What is on disk can be kept beside it as a copy.",
            [
                Option("beside", "Save Mine, Keep Theirs Beside It", is_default=True),
                Option("theirs", "Take Theirs", is_destructive=True),
                Option("save_as", "Save Mine As…"),
                Option("cancel", "Cancel", is_cancel=True),
            ],
        )
        if answer == "beside":
            try:
                await in_thread(files.keep_beside, path)
            except BlockloomError as failure:
                self._notices.show_lasting(f"Not saved. {failure}", "Save As…", self.save_as, about=ABOUT)
                return False
            return await self._write(path, overwrite=True)
        if answer == "theirs":
            await self._read(path, ask=False)
        return await self.ask_and_save() if answer == "save_as" else False

    async def _save_again(self, path: Path, error: BlockloomError) -> bool:
        answer = await choose(
            self._window,
            f"{path.name} is gone",
            str(error),
            [
                Option("here", "Save It Here Again", is_default=True),
                Option("save_as", "Save As…"),
                Option("cancel", "Cancel", is_cancel=True),
            ],
        )
        if answer == "here":
            return await self._write(path, overwrite=True)
        return await self.ask_and_save() if answer == "save_as" else False

    async def _reload(self) -> None:
        path = self._documents.path
        if path is not None and await self._may_reload(path):
            await self._read(path, ask=False)

    async def _may_reload(self, path: Path) -> bool:
        options = [Option("reload", "Reload", is_default=True), Option("cancel", "Cancel", is_cancel=True)]
        text, detail = f"Reload {path.name} from disk?", "Changes made here since the last save are lost."
        return await choose(self._window, text, detail, options) == "reload"

    async def _offer(self, recovered: Recovered) -> None:
        name = recovered.workflow.name or "Untitled"
        places = [str(recovered.path) if recovered.path else "", f"“{recovered.place.name}”" if recovered.place else ""]
        known = " and ".join(place for place in places if place)
        where = f" It belongs to {known}." if known else ""
        answer = await choose(
            self._window,
            f"“{name}” was not saved when Blockloom ended",
            f"Blockloom kept your work.{where}",
            [
                Option("recover", "Recover It", is_default=True),
                Option("discard", "Throw It Away", is_destructive=True),
                Option("later", "Ask Me Later", is_cancel=True),
            ],
        )
        if answer == "recover":
            self._documents.show(recovered.workflow, saved=False, path=recovered.path)
            if recovered.is_own:
                self.own_work_shown.emit()
            self._journal.belongs_to(recovered.path)
            if recovered.place is not None:
                await self.server.reattach(recovered.place)
            await in_thread(self._journal.write_now)
        if answer in ("recover", "discard"):
            await in_thread(forget, recovered)

    def _on_workflow_replaced(self) -> None:
        self._notices.settle()

    def _on_path_changed(self) -> None:
        self._journal.belongs_to(self._documents.path)

    def _on_disk_changed(self, state: str) -> None:
        path = self._documents.path
        name = path.name if path else "The file"
        if state == "deleted":
            text = f"{name} was deleted or moved away. Your workflow is still here; save it to keep it."
            self._notices.show_notice(text, "warning", "Save As…", self.save_as)
        else:
            text = f"{name} was changed by another program. You see your own version."
            self._notices.show_notice(text, "warning", "Reload…", self._on_reload)

    def _on_reload(self) -> None:
        self._tasks.start("file", self._reload)

    def _remember(self, path: Path) -> None:
        self._settings.add_recent(path)
        self._settings.set("last_file", str(path))

    def _folder(self) -> Path:
        if self._documents.path is not None:
            return self._documents.path.parent
        recent: list[Any] = self._settings.recent_files()
        if recent and Path(recent[0]).parent.is_dir():
            return Path(recent[0]).parent
        documents = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
        return Path(documents) if documents and Path(documents).is_dir() else Path.home()
