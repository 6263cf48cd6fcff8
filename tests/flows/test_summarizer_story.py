"""The first minutes of a newcomer: run the summarizer, splice in code, undo everything, save and reopen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication

from editor.panels.forms.code_edit import CodeEdit
from editor.panels.run_form import RunForm
from editor.theme import RESOURCES
from engine import files

ARTICLE = RESOURCES / "examples" / "harbour-article.txt"
COUNT_WORDS = 'text = input_data["Summarize"]["output"]\nwords = len(text.split())\noutput = f"{words} words"'

pytestmark = pytest.mark.slow


def run_with_article(player: Any) -> None:
    """Press Run, take the text from the article's file, and wait for the end of the run."""
    before = player.window.workspace.run
    player.action("run")
    form = player.dialog(RunForm)
    field = form.fields[0]
    QTest.keyClick(field.text, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(field.text, Qt.Key.Key_Delete)
    choose = next(button for button in form.findChildren(QAbstractButton) if "file" in button.text().lower())
    QTest.mouseClick(choose, Qt.MouseButton.LeftButton)
    player.choose_file(ARTICLE)
    player.wait(lambda: form.values().get("text", "").startswith("How Harbours"))
    player.picture("run form", form)
    QTest.mouseClick(form.run_button, Qt.MouseButton.LeftButton)
    player.wait(lambda: player.window.workspace.run is not before and not player.window.runs.is_active)


def result_of(player: Any, name: str) -> Any:
    run = player.window.workspace.run
    return run.blocks[player.block(name).id].result


def test_a_newcomer_runs_changes_undoes_saves_and_reopens(open_window: Callable[..., Any], tmp_path: Path) -> None:
    """Nothing needs an account, a key, a server or the network, and the file comes back byte for byte."""
    player = open_window()
    window, workspace = player.window, player.window.workspace
    opened = workspace.workflow
    assert opened.name == "Document Summarizer"
    player.picture("example")

    run_with_article(player)

    run = workspace.run
    assert [run.blocks[player.block(name).id].status for name in ("Start", "Summarize", "Result")] == ["done"] * 3
    assert 100 < len(run.output.split()) < 400
    assert run.output in ARTICLE.read_text("utf-8").replace("\n", " ") or run.output.split(". ")[
        0
    ] in ARTICLE.read_text("utf-8")
    player.picture("after run")

    summarize, result = player.block("Summarize"), player.block("Result")
    width = 240
    middle = window.canvas.scene_to_view((summarize.x + width + result.x) / 2, summarize.y + 32)
    player.drop_block_type("code", middle)
    player.wait(lambda: len(workspace.workflow.blocks) == 4)
    code = player.block("Code")
    ends = [(edge.source, edge.target) for edge in workspace.workflow.edges.values()]
    assert (summarize.id, code.id) in ends
    assert (code.id, result.id) in ends
    assert (summarize.id, result.id) not in ends
    assert player.block("Result").x > result.x
    player.picture("spliced")

    player.activate()
    player.click_block("Code")
    QTest.keyClick(window.canvas, Qt.Key.Key_Return)
    player.wait(lambda: isinstance(QApplication.focusWidget(), CodeEdit))
    editor = QApplication.focusWidget()
    QTest.keyClick(editor, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    for line in COUNT_WORDS.split("\n"):
        QTest.keyClicks(editor, line)
        QTest.keyClick(editor, Qt.Key.Key_Return)
    assert "words = len" in player.block("Code").config["code"]
    player.picture("typed code")

    run_with_article(player)

    assert result_of(player, "Code")["output"].endswith(" words")
    assert workspace.run.output == result_of(player, "Code")["output"]
    player.picture("second run")

    player.activate()
    window.canvas.setFocus()
    edited = workspace.workflow
    steps = 0
    while workspace.undo_label:
        QTest.keyClick(window.canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        steps += 1
    assert workspace.workflow is opened
    assert 2 <= steps <= 6
    while workspace.redo_label:
        QTest.keyClick(
            window.canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
        )
    assert workspace.workflow is edited

    path = tmp_path / "mine.workflow.json"
    player.action("save")
    player.choose_file(path)
    player.wait(lambda: window.documents.path == path and not workspace.is_dirty)
    saved = path.read_bytes()
    window.close()
    player.wait(lambda: not window.isVisible())

    again = open_window(path)
    assert files.encode(again.window.workspace.workflow) == saved
    assert again.window.workspace.workflow == edited
    again.action("save")
    again.wait(lambda: not again.window.tasks.is_busy("file"))
    assert path.read_bytes() == saved
