"""The journal: a crash costs at most a moment of work."""

import asyncio
import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from editor.aio import Tasks
from editor.workspace.journal import Journal, forget, left_behind
from editor.workspace.workspace import Workspace
from engine import Block, Workflow, default_catalog, edits


@pytest.fixture
def workspace(qapp: object) -> Workspace:
    block = Block(id="a", type="split", name="A")
    return Workspace(default_catalog(), Workflow(name="Flow", blocks={"a": block}))


def journal_files(folder: Path) -> list[Path]:
    return list(folder.glob("*.json"))


def of_a_process_that_ended(journal: Path) -> None:
    """Make a journal look like one of a window that is gone."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    head, _, body = journal.read_text("utf-8").partition("\n")
    journal.write_text(json.dumps(json.loads(head) | {"pid": gone.pid}) + "\n" + body, "utf-8")


def test_unsaved_work_is_on_disk_within_a_moment(
    workspace: Workspace, tmp_path: Path, qtbot: Any, loop: asyncio.AbstractEventLoop
) -> None:
    """An edit is written down without anybody saving."""
    tasks = Tasks()
    journal = Journal(workspace, tasks, tmp_path)

    workspace.edit("Move block", edits.move_blocks, ["a"], 16, 0)
    qtbot.waitUntil(lambda: len(journal_files(tmp_path)) == 1 and not tasks.is_busy("journal"))

    of_a_process_that_ended(journal_files(tmp_path)[0])
    recovered = left_behind(tmp_path)
    assert recovered[0].workflow == workspace.workflow
    assert stat.S_IMODE(recovered[0].journal.stat().st_mode) == 0o600
    journal.discard()


def test_saving_removes_the_journal(workspace: Workspace, tmp_path: Path, qtbot: Any, loop: object) -> None:
    """What is saved is not offered for recovery."""
    tasks = Tasks()
    journal = Journal(workspace, tasks, tmp_path)
    workspace.edit("Move block", edits.move_blocks, ["a"], 16, 0)
    qtbot.waitUntil(lambda: len(journal_files(tmp_path)) == 1 and not tasks.is_busy("journal"))

    workspace.mark_saved(workspace.workflow)

    assert journal_files(journal.folder) == []


def test_the_journal_of_a_window_that_is_open_is_not_offered(workspace: Workspace, tmp_path: Path) -> None:
    """Two windows do not offer to recover each other's work."""
    journal = Journal(workspace, Tasks(), tmp_path)
    workspace.edit("Move block", edits.move_blocks, ["a"], 16, 0)
    journal.write_now()

    assert len(journal_files(tmp_path)) == 1
    assert left_behind(tmp_path) == []
    journal.discard()


def test_a_journal_that_cannot_be_read_is_kept(tmp_path: Path) -> None:
    """What we cannot read today is never deleted: a newer version may be able to."""
    (tmp_path / "odd.json").write_text("not a journal")

    assert left_behind(tmp_path) == []
    assert journal_files(tmp_path) == [tmp_path / "odd.json"]


def test_a_recovered_journal_can_be_forgotten(workspace: Workspace, tmp_path: Path) -> None:
    """Work that was taken over or thrown away is not offered again."""
    journal = Journal(workspace, Tasks(), tmp_path)
    workspace.edit("Move block", edits.move_blocks, ["a"], 16, 0)
    journal.write_now()
    of_a_process_that_ended(journal_files(tmp_path)[0])

    forget(left_behind(tmp_path)[0])

    assert left_behind(tmp_path) == []
    journal.discard()
