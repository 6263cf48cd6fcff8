"""The journal: the unsaved document on disk, so that a crash costs at most a second of work.

One file a window in the user's data folder, written within a second of an edit, off the UI thread, and removed when the
document is saved or given up on purpose. What a crash leaves behind is offered at the next start.
"""

import contextlib
import json
import os
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs
from PySide6.QtCore import QObject, QTimer

from editor.aio import Tasks, in_thread
from editor.workspace.private_file import make_private_folder, write_private
from editor.workspace.private_json import others_may_write
from editor.workspace.processes import is_running
from editor.workspace.server_link import ServerPlace
from editor.workspace.workspace import Workspace
from engine import BlockloomError, Workflow, files

QUIET_MS = 700


@dataclass(frozen=True)
class Recovered:
    """A document that a crash left behind. `path` is the file it belonged to, None for one that was never saved.

    `place` is where it lived on a server, if it did; `is_own` says that it was trusted to run.
    """

    journal: Path
    workflow: Workflow
    path: Path | None
    saved_at: float
    place: ServerPlace | None = None
    is_own: bool = False


def journal_folder() -> Path:
    """Where journals are kept; made on first use, for the user alone."""
    folder = Path(platformdirs.user_data_dir("blockloom", appauthor=False)) / "journal"
    make_private_folder(folder)
    return folder


class Journal(QObject):
    """Writes the document of one workspace down while it is unsaved."""

    def __init__(self, workspace: Workspace, tasks: Tasks, folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._tasks = tasks
        self.folder = folder
        self._path = folder / f"{uuid.uuid4()}.json"
        self._file: Path | None = None
        self._place: ServerPlace | None = None
        self.is_own = True
        """Whether the document is one that may run: its own work stays the person's through a crash."""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(QUIET_MS)
        self._timer.timeout.connect(self._on_quiet)
        workspace.saved_changed.connect(self._on_saved_changed)

    def belongs_to(self, path: Path | None) -> None:
        """The file that the document is saved in, None while it has none."""
        self._file = path

    def lives_at(self, place: ServerPlace | None) -> None:
        """Where the document lives on a server, None while it lives on none."""
        self._place = place

    def discard(self) -> None:
        """The work is saved or given up: remove what was written."""
        self._timer.stop()
        self._tasks.cancel("journal")
        self._path.unlink(missing_ok=True)

    def write_now(self) -> None:
        """Write the unsaved document down before this returns: when the program is about to end."""
        if self._workspace.is_dirty:
            _write(self._path, self._workspace.workflow, self._file, self._place, is_own=self.is_own)

    def _on_saved_changed(self) -> None:
        if not self._workspace.is_dirty:
            self.discard()
        elif not self._timer.isActive():
            # Not restarted by each edit: steady typing must not put the writing off for ever.
            self._timer.start()

    def _on_quiet(self) -> None:
        self._tasks.restart("journal", self._write_in_thread)

    async def _write_in_thread(self) -> None:
        workflow = self._workspace.workflow
        # A full or read-only disk must not stop the work; saving to the file itself reports such errors.
        with contextlib.suppress(OSError):
            await in_thread(_write, self._path, workflow, self._file, self._place, is_own=self.is_own)
        if not self._workspace.is_dirty:
            self._path.unlink(missing_ok=True)


def left_behind(folder: Path) -> list[Recovered]:
    """Documents of windows that ended without saving, newest first. Journals of running windows are not among them."""
    found = [item for path in folder.glob("*.json") if (item := _read(path))]
    return sorted(found, key=lambda item: -item.saved_at)


def forget(recovered: Recovered) -> None:
    """Remove a journal that was taken over or that nobody wants."""
    recovered.journal.unlink(missing_ok=True)


def _write(path: Path, workflow: Workflow, file: Path | None, place: ServerPlace | None, *, is_own: bool) -> None:
    head: dict[str, object] = {"pid": os.getpid(), "file": str(file) if file else None, "saved_at": time.time()}
    head["own"] = is_own
    if place is not None:
        head["server"] = asdict(place)
    write_private(path, json.dumps(head).encode() + b"\n" + files.encode(workflow))


def _read(path: Path) -> Recovered | None:
    try:
        head, _, body = path.read_bytes().partition(b"\n")
        about = json.loads(head)
        if is_running(int(about["pid"])):
            return None
        workflow, _ = files.parse(body, repair=True)
        file = Path(about["file"]) if about.get("file") else None
        place = ServerPlace(**about["server"]) if about.get("server") else None
        is_own = about.get("own") is True and not others_may_write(path.stat())
        return Recovered(path, workflow, file, float(about["saved_at"]), place, is_own)
    except (OSError, ValueError, KeyError, TypeError, BlockloomError):
        return None  # kept on disk: a newer version may read it
