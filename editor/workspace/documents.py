"""Where the document lives on disk: opening, saving, and noticing that somebody else changed or deleted the file.

All reading and writing happens off the UI thread. The open document is replaced only after another one was read whole.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QFileSystemWatcher, QObject, Signal

from editor.aio import Tasks, in_thread
from editor.workspace.workspace import Workspace
from engine import BlockloomError, Workflow, files

SUFFIX = ".workflow.json"
DiskState = Literal["same", "changed", "deleted"]


class Documents(QObject):
    """The file of the open document.

    Signals:
        path_changed(): another file, or none, belongs to the document.
        disk_changed(str): the file on disk is no longer what was read or saved last: "changed" or "deleted".
        save_state_changed(): a save began, ended or failed; see `is_saving` and `save_error`.
    """

    path_changed = Signal()
    disk_changed = Signal(str)
    save_state_changed = Signal()

    def __init__(self, workspace: Workspace, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._tasks = tasks
        self._path: Path | None = None
        self._digest: str | None = None
        self._told: DiskState = "same"
        self._is_check_due = False
        self.is_saving = False
        self.save_error: BlockloomError | None = None
        self._watcher = QFileSystemWatcher(self)
        self._watcher.fileChanged.connect(self._on_disk_touched)
        self._watcher.directoryChanged.connect(self._on_disk_touched)

    @property
    def path(self) -> Path | None:
        """The file that Save writes to; None when the document has none yet."""
        return self._path

    async def open(
        self, path: Path, *, repair: bool = False, may_leave: Callable[[], Awaitable[bool]] | None = None
    ) -> str:
        """Show the workflow in this file; returns the shape it was read from ("file", "graph" or "workflow").

        A file in one of the API's shapes opens as a document without a file of its own, so that Save does not write our
        format over it. `may_leave` is asked once the file was read, so that nobody gives up work for a file that cannot
        be opened, and edits made while a large file was read count; when it says no, nothing changes and "" returns.

        Raises:
            FileError: it could not be read; the open document stays as it was.
        """
        opened = await in_thread(files.read, path, repair=repair)
        workflow = opened.workflow
        await in_thread(self._workspace.prepare, workflow)
        if may_leave is not None and not await may_leave():
            return ""
        if opened.shape == "file" and not repair:
            self._workspace.replace(workflow)
            self._belongs_to(path, opened.digest)
        else:
            if not workflow.name:
                workflow = workflow.changed(name=path.name.removesuffix(".json").removesuffix(".workflow"))
            self._workspace.replace(workflow, saved=not repair)
            self._belongs_to(None, None)
        return str(opened.shape)

    def show(self, workflow: Workflow, *, saved: bool = True, path: Path | None = None) -> None:
        """Show a document that is in no file yet: a new one, an example, one that was recovered.

        With `path` Save will write there, after asking when that file has changed meanwhile.
        """
        self._workspace.replace(workflow, saved=saved)
        self._belongs_to(path, None)

    async def save(self, path: Path | None = None, *, overwrite: bool = False) -> None:
        """Write the document as it is now to `path`, or to its own file.

        `overwrite` writes although the file on disk is not the one that was read.

        Raises:
            FileError: it could not be written; file and document are as they were, and `save_error` stays set.
        """
        target = path or self._path
        if target is None:
            raise ValueError("a document without a file needs a path to be saved")
        workflow = self._workspace.workflow
        expected = self._digest if target == self._path and not overwrite else None
        self._set_saving(True, None)
        try:
            digest = await in_thread(files.save, target, workflow, expected)
        except BlockloomError as error:
            self._set_saving(False, error)
            raise
        self._belongs_to(target, digest)
        self._workspace.mark_saved(workflow)
        self._set_saving(False, None)

    def check_disk(self) -> None:
        """Look whether the file is still what was read; `disk_changed` tells when it is not."""
        if self._path is not None and self._digest is not None and not self.is_saving:
            self._is_check_due = True
            self._tasks.start("check-disk", self._check_disk)

    async def _check_disk(self) -> None:
        # What happens to the file while it is being read asks for another look, else it would go unnoticed.
        while self._is_check_due:
            self._is_check_due = False
            await self._look_at_disk()

    async def _look_at_disk(self) -> None:
        path, digest = self._path, self._digest
        if path is None or digest is None:
            return
        state: DiskState = await in_thread(_compare, path, digest)
        if (path, digest) != (self._path, self._digest) or self.is_saving:
            return
        self._watch(path)
        if state != "same" and state != self._told:
            self._told = state
            self._workspace.mark_unsaved()
            self.disk_changed.emit(state)
        elif state == "same":
            self._told = "same"

    def _on_disk_touched(self, _path: str) -> None:
        self.check_disk()

    def _belongs_to(self, path: Path | None, digest: str | None) -> None:
        moved = path != self._path
        self._path, self._digest, self._told = path, digest, "same"
        self.save_error = None
        self._watch(path)
        if moved:
            self.path_changed.emit()

    def _watch(self, path: Path | None) -> None:
        wanted = {str(path), str(path.parent)} if path else set()
        current = {*self._watcher.files(), *self._watcher.directories()}
        if stale := current - wanted:
            self._watcher.removePaths(sorted(stale))
        fresh = [item for item in sorted(wanted - current) if Path(item).exists()]
        if fresh:
            self._watcher.addPaths(fresh)

    def _set_saving(self, saving: bool, error: BlockloomError | None) -> None:
        self.is_saving, self.save_error = saving, error
        self.save_state_changed.emit()


def _compare(path: Path, digest: str) -> DiskState:
    try:
        return "same" if files.digest_of(path) == digest else "changed"
    except FileNotFoundError:
        return "deleted"
    except OSError:
        return "same"  # unreadable for a moment is not changed; saving will say what is wrong


def suggested_name(workflow_name: str) -> str:
    """A file name, without an ending, for a workflow of this name."""
    name = "".join(char if char.isalnum() or char in " -_." else "_" for char in workflow_name)
    return name.strip(" .") or "Untitled"
