"""Opening and saving: what a person has on screen is never lost and never lied about."""

import asyncio
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from editor.aio import Tasks
from editor.workspace.documents import Documents
from editor.workspace.workspace import Workspace
from engine import Block, FileError, Workflow, default_catalog, edits, files

GRAPH = {"blocks": [{"id": "start", "type": "starter", "name": "Start", "config": {}}], "edges": []}


@pytest.fixture
def workspace(qapp: object) -> Workspace:
    block = Block(id="a", type="split", name="A")
    return Workspace(default_catalog(), Workflow(name="Flow", blocks={"a": block}))


@pytest.fixture
def tasks(qapp: object) -> Tasks:
    return Tasks()


@pytest.fixture
def documents(workspace: Workspace, tasks: Tasks) -> Documents:
    return Documents(workspace, tasks)


@pytest.fixture
def finish(qtbot: Any, loop: asyncio.AbstractEventLoop) -> Any:
    """Runs a coroutine on the editor's loop to its end; raises what it raises."""

    def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
        task = loop.create_task(coroutine)
        qtbot.waitUntil(task.done)
        return task.result()

    return run


def test_saved_and_opened_again_it_is_the_same_file(
    documents: Documents, workspace: Workspace, finish: Any, tmp_path: Path
) -> None:
    """Save, open, save: the same bytes."""
    path = tmp_path / "flow.workflow.json"
    finish(documents.save(path))
    first = path.read_bytes()

    finish(documents.open(path))
    finish(documents.save())

    assert path.read_bytes() == first
    assert not workspace.is_dirty
    assert documents.path == path


def test_what_is_typed_while_saving_stays_unsaved(
    documents: Documents, workspace: Workspace, finish: Any, tmp_path: Path
) -> None:
    """The document that was sent to disk is marked as saved, not the one on screen by then."""
    saving = documents.save(tmp_path / "flow.workflow.json")

    async def save_and_edit() -> None:
        task = asyncio.ensure_future(saving)
        await asyncio.sleep(0)
        workspace.edit("Move block", edits.move_blocks, ["a"], 16, 0)
        await task

    finish(save_and_edit())

    assert workspace.is_dirty


def test_a_file_that_cannot_be_read_leaves_the_open_document_alone(
    documents: Documents, workspace: Workspace, finish: Any, tmp_path: Path
) -> None:
    """A broken file is an error that names the place; nothing else happens."""
    broken = tmp_path / "broken.json"
    broken.write_text('{"blocks": [}')
    before = workspace.workflow

    with pytest.raises(FileError, match="line 1"):
        finish(documents.open(broken))

    assert workspace.workflow is before


def test_an_api_graph_opens_without_a_file_of_its_own(
    documents: Documents, workspace: Workspace, finish: Any, tmp_path: Path
) -> None:
    """Saving an imported graph asks for a place, so that our format does not overwrite somebody's API file."""
    source = tmp_path / "graph.json"
    source.write_text(json.dumps(GRAPH))

    finish(documents.open(source))

    assert documents.path is None
    assert workspace.workflow.name == "graph"
    assert list(workspace.workflow.blocks) == ["start"]


def test_a_file_changed_by_somebody_else_is_not_overwritten(
    documents: Documents, workspace: Workspace, finish: Any, tmp_path: Path
) -> None:
    """Saving over a change that was never seen is refused, and the document stays unsaved."""
    path = tmp_path / "flow.workflow.json"
    finish(documents.save(path))
    theirs = files.encode(Workflow(name="Theirs"))
    path.write_bytes(theirs)
    workspace.edit("Move block", edits.move_blocks, ["a"], 16, 0)

    with pytest.raises(files.FileChangedOnDisk):
        finish(documents.save())

    assert path.read_bytes() == theirs
    assert workspace.is_dirty
    assert documents.save_error is not None


def test_a_file_deleted_while_open_is_noticed(
    documents: Documents, workspace: Workspace, finish: Any, tmp_path: Path, qtbot: Any
) -> None:
    """The document stays and is called unsaved, since nothing on disk holds it any more."""
    path = tmp_path / "flow.workflow.json"
    finish(documents.save(path))

    with qtbot.waitSignal(documents.disk_changed) as told:
        path.unlink()
        documents.check_disk()

    assert told.args == ["deleted"]
    assert workspace.is_dirty
    assert list(workspace.workflow.blocks) == ["a"]


def test_a_folder_that_cannot_be_written_is_said_in_words(
    documents: Documents, workspace: Workspace, finish: Any, tmp_path: Path
) -> None:
    """A save that failed is shown until one succeeds."""
    with pytest.raises(FileError):
        finish(documents.save(tmp_path / "not-there" / "flow.workflow.json"))
    assert documents.save_error is not None

    finish(documents.save(tmp_path / "flow.workflow.json"))

    assert documents.save_error is None
