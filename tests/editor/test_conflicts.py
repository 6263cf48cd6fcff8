"""The merge dialog: what is shown, what has to be decided, and what comes of it."""

from typing import Any

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog

from editor.panels.conflicts.choices import HIDDEN, Choices
from editor.panels.conflicts.dialog import MergeDialog
from editor.theme import Theme
from engine import Block, Edge, Workflow, default_catalog, edits, merge

SECRET = {"webhook_id": "b5a0b1a2-6b5a-4c69-8a1f-9a5f6d2f7c11", "webhook_secret": "base-secret"}


def base() -> Workflow:
    blocks = [
        Block("a", "code", "Fetch", 0, 0, {"code": "output = 0"}),
        Block("b", "code", "Store", 300, 0, {"code": "output = 1"}),
        Block("hook", "webhook", "Hook", 0, 200, SECRET),
    ]
    return Workflow("Flow", blocks={b.id: b for b in blocks}, edges={"e": Edge("e", "a", "b")})


def changed(workflow: Workflow, block_id: str, key: str, value: Any) -> Workflow:
    return edits.configure(workflow, block_id, key, value)


def merged_conflict() -> merge.Merge:
    """A conflict in `a`, one about the hook's secret, and a new block of theirs."""
    mine = changed(changed(base(), "a", "code", "output = 'mine'"), "hook", "webhook_secret", "my-secret")
    theirs = changed(changed(base(), "a", "code", "output = 'theirs'"), "hook", "webhook_secret", "their-secret")
    theirs = edits.add_blocks(theirs, [Block("new", "code", "Added", 600, 0)])
    return merge.merge(base(), mine, theirs)


@pytest.fixture
def dialog(qtbot: Any, theme: Theme) -> MergeDialog:
    """The dialog about `merged_conflict`, shown."""
    made = MergeDialog(merged_conflict(), "Team", default_catalog(), theme)
    qtbot.addWidget(made)
    made.load()
    made.show()
    qtbot.waitExposed(made)
    return made


def select(dialog: MergeDialog, words: str) -> None:
    """Go to the row with these words, as the arrow keys do."""
    number = next(n for n, row in enumerate(dialog.list.rows.rows) if words in row.title)
    dialog.list.setCurrentIndex(dialog.list.rows.index(number))


def test_conflicts_come_first_and_each_has_to_be_decided(dialog: MergeDialog) -> None:
    """Nothing can be accepted before; what is decided says so."""
    titles = [row.status for row in dialog.list.rows.rows]
    assert titles == ["Conflict", "Conflict", "Taken over"]
    assert dialog.words.text() == "2 conflicts to decide, 1 change taken over. Undo takes the merge back."
    dialog.accept()
    assert dialog.result() != QDialog.DialogCode.Accepted

    select(dialog, "“code” of “Fetch”")
    dialog.detail.take_theirs.click()
    assert dialog.words.text().startswith("1 conflict to decide")
    assert not dialog.accept_button.isEnabled()
    dialog.mine_button.click()

    assert dialog.accept_button.isEnabled()
    assert dialog.words.text().startswith("Every conflict decided")
    dialog.accept()
    assert dialog.result() == QDialog.DialogCode.Accepted


def test_what_was_decided_is_what_comes_of_it(dialog: MergeDialog) -> None:
    """Each conflict by its own choice; what was taken over is there."""
    select(dialog, "“code” of “Fetch”")
    dialog.detail.take_theirs.click()
    select(dialog, "Hook")
    dialog.detail.keep_mine.click()

    workflow = dialog.result_workflow()

    assert workflow.block("a").config["code"] == "output = 'theirs'"
    assert workflow.block("hook").config["webhook_secret"] == "my-secret"
    assert "new" in workflow.blocks


def test_a_decision_can_be_changed(dialog: MergeDialog) -> None:
    """The last choice counts, and going back to a row shows it."""
    select(dialog, "“code” of “Fetch”")
    dialog.detail.take_theirs.click()
    dialog.detail.keep_mine.click()
    select(dialog, "Hook")
    assert not dialog.detail.keep_mine.isChecked()
    select(dialog, "“code” of “Fetch”")

    assert dialog.detail.keep_mine.isChecked()
    assert not dialog.detail.take_theirs.isChecked()


def test_values_stand_beside_each_other_and_secrets_stay_hidden(dialog: MergeDialog) -> None:
    """Before, mine and theirs; a secret is three times the same dots."""
    select(dialog, "“code” of “Fetch”")
    detail = dialog.detail
    shown = [edit.toPlainText() for edit in (detail.before, detail.mine, detail.theirs)]
    assert shown == ["output = 0", "output = 'mine'", "output = 'theirs'"]

    select(dialog, "Hook")
    assert [edit.toPlainText() for edit in (detail.before, detail.mine, detail.theirs)] == [HIDDEN] * 3


def test_a_whole_block_hides_its_secret(qapp: Any) -> None:
    """Also where a block was deleted on one side and is shown as a whole."""
    mine = changed(base(), "hook", "webhook_secret", "my-secret")
    merged = merge.merge(base(), mine, edits.remove(base(), ["hook"]))
    choices = Choices(merged, "Team", default_catalog())

    text = choices.text(merged.conflicts[0], merged.conflicts[0].mine)

    assert "my-secret" not in text
    assert HIDDEN in text


def test_both_versions_are_shown_from_the_same_place(dialog: MergeDialog) -> None:
    """Scrolling or dragging one takes the other along; blocks that are spoken of are outlined in both."""
    left, right = dialog.versions.left, dialog.versions.right
    assert left.columns.row_of.keys() == {"a", "b", "hook"}
    assert "new" in right.columns.row_of
    wheel = QWheelEvent(
        QPointF(20, 20), left.mapToGlobal(QPointF(20, 20)), QPoint(), QPoint(0, -120),
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(left, wheel)
    assert (right.camera.left, right.camera.top, right.zoom) == (left.camera.left, left.camera.top, left.zoom)

    QTest.mousePress(right, Qt.MouseButton.LeftButton, pos=QPoint(50, 50))
    QTest.mouseMove(right, QPoint(90, 70))
    QTest.mouseRelease(right, Qt.MouseButton.LeftButton, pos=QPoint(90, 70))
    assert (right.camera.left, right.camera.top) == (left.camera.left, left.camera.top)
    assert dialog.choices.marks() == {"a": "error", "hook": "error", "new": "accent"}


def test_outlines_are_painted(dialog: MergeDialog, theme: Theme) -> None:
    """The block to decide has a line of the error colour around it in both pictures."""
    select(dialog, "“code” of “Fetch”")
    for view in (dialog.versions.left, dialog.versions.right):
        image = view.grab().toImage()
        colors = {
            image.pixelColor(x, y).name() for x in range(0, image.width(), 1) for y in range(0, image.height(), 4)
        }
        assert theme.colors.error in colors


def test_looking_changes_nothing(dialog: MergeDialog) -> None:
    """Neither version can be edited in the dialog."""
    before = dialog.versions.left.workspace.workflow
    QTest.keyClick(dialog.versions.left, Qt.Key.Key_Delete)
    QTest.mouseDClick(dialog.versions.left, Qt.MouseButton.LeftButton, pos=QPoint(60, 60))

    assert dialog.versions.left.workspace.workflow is before


def test_changes_without_a_conflict_only_need_a_yes(qtbot: Any, theme: Theme) -> None:
    """The person sees what comes in, and accepts it."""
    merged = merge.merge(base(), changed(base(), "a", "x", 1), changed(base(), "b", "y", 2))
    made = MergeDialog(merged, "Team", default_catalog(), theme)
    qtbot.addWidget(made)
    made.load()
    made.show()

    assert made.words.text() == "1 change taken over. Undo takes the merge back."
    assert made.accept_button.isEnabled()
    assert not made.mine_button.isVisible()
    assert made.result_workflow() is merged.workflow or made.result_workflow() == merged.workflow


def test_a_wire_is_shown_by_its_ends(qapp: Any) -> None:
    """There is no block of its own to go to."""
    old = base()
    mine = edits.replace_edge(old, "e", old.edge("e").changed(target="hook"))
    theirs = edits.replace_edge(old, "e", old.edge("e").changed(condition="if"))
    merged = merge.merge(old, mine, theirs)
    choices = Choices(merged, "Team", default_catalog())

    assert choices.block_ids(merged.conflicts[0]) == ["a", "hook"]
