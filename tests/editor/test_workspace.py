"""The workspace: the one write path of the document, its history and its selection."""

import pytest

from editor.workspace.workspace import Workspace
from engine import Block, Change, Workflow, default_catalog, edits


@pytest.fixture
def workspace(qapp: object) -> Workspace:
    block = Block(id="a", type="split", name="A")
    return Workspace(default_catalog(), Workflow(name="Flow", blocks={"a": block}))


def test_an_edit_is_undone_and_redone_to_the_same_document(workspace: Workspace) -> None:
    """Undo and redo bring back the very documents that were."""
    before = workspace.workflow

    workspace.edit("Move block", edits.move_blocks, ["a"], 16, 0)
    after = workspace.workflow
    workspace.undo()

    assert workspace.workflow is before
    assert workspace.redo_label == "Move block"
    workspace.redo()
    assert workspace.workflow is after


def test_undoing_to_the_saved_document_is_not_dirty(workspace: Workspace) -> None:
    """A document that is what was saved is not called unsaved, however it came back."""
    workspace.edit("Move block", edits.move_blocks, ["a"], 16, 0)
    assert workspace.is_dirty

    workspace.undo()

    assert not workspace.is_dirty


def test_edits_made_while_a_save_is_on_its_way_stay_unsaved(workspace: Workspace) -> None:
    """What was typed while saving is not taken for saved."""
    workspace.edit("Move block", edits.move_blocks, ["a"], 16, 0)
    sent = workspace.workflow
    workspace.edit("Move block", edits.move_blocks, ["a"], 16, 0)

    workspace.mark_saved(sent)

    assert workspace.is_dirty


def test_an_edit_that_changes_nothing_leaves_no_step(workspace: Workspace) -> None:
    """Undo never seems to do nothing."""
    changed = workspace.edit("Move block", edits.move_blocks, ["a"], 0, 0)

    assert not changed
    assert workspace.undo_label is None


def test_a_refused_edit_says_why_and_changes_nothing(workspace: Workspace, qtbot: object) -> None:
    """An edit of something that is not there is told in words."""
    before = workspace.workflow
    told: list[str] = []
    workspace.edit_refused.connect(told.append)

    workspace.edit("Move block", edits.move_blocks, ["ghost"], 1, 1)

    assert workspace.workflow is before
    assert "ghost" in told[0]


def test_followers_hear_what_differs(workspace: Workspace) -> None:
    """The signal carries the ids that changed, and nothing else."""
    heard: list[Change] = []
    workspace.workflow_changed.connect(heard.append)

    workspace.edit("Move block", edits.move_blocks, ["a"], 16, 0)

    assert heard[0].blocks_moved == {"a"}
    assert not heard[0].blocks_changed


def test_deleting_a_selected_block_deselects_it_and_undo_selects_it_again(workspace: Workspace) -> None:
    """The selection is always a part of the document and comes back with what it was made on."""
    workspace.select(["a"])

    workspace.edit("Delete block", edits.remove, ["a"])
    assert not workspace.selection

    workspace.undo()
    assert workspace.selection.only_block == "a"


def test_opening_another_document_forgets_history_selection_and_run(workspace: Workspace) -> None:
    """Nothing of one document leaks into the next."""
    workspace.edit("Move block", edits.move_blocks, ["a"], 16, 0)
    workspace.select(["a"])

    workspace.replace(Workflow(name="Other"))

    assert workspace.undo_label is None
    assert not workspace.selection
    assert workspace.run is None
    assert not workspace.is_dirty
