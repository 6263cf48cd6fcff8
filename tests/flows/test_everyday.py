"""What people do every day: build by keyboard, run, stop, run in part, rename, close, come back after a crash."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QTreeView,
    QWidget,
)

from editor.panels.forms.simple_fields import SecretField
from editor.panels.quick_add import QuickAddPopup
from editor.panels.run_form import RunForm
from editor.theme import RESOURCES
from engine import files

EXAMPLES = RESOURCES / "examples"
LETTER = (
    "The harbour was rebuilt in 1904 after the great storm. Fishing boats left at dawn and came back at noon. "
    "The new harbour wall protected the boats from the storm. Children played on the wall in summer. "
    "The harbour master wrote every boat into a large book. The book is kept in the museum of the town today. "
)
FOR_EVER = "while True:\n    pass"

pytestmark = pytest.mark.slow


# Building blocks of the stories


def graph_file(folder: Path, blocks: dict[str, tuple[str, dict[str, Any]]], *edges: str) -> Path:
    """An API graph in a file: blocks as `{name: (type, config)}`, edges as `a>b`, ids like the names."""
    items = [
        {"id": name, "name": name, "type": kind, "config": config, "position": {"x": 280 * place, "y": 0}}
        for place, (name, (kind, config)) in enumerate(blocks.items())
    ]
    lines = [dict(zip(("source", "target"), edge.split(">"), strict=True)) for edge in edges]
    path = folder / "graph.json"
    path.write_text(json.dumps({"blocks": items, "edges": lines}))
    return path


def code_chain(folder: Path, source: str) -> Path:
    blocks = {"Start": ("starter", {}), "Code": ("code", {"code": source}), "End": ("response", {})}
    return graph_file(folder, blocks, "Start>Code", "Code>End")


def press(player: Any, key: Qt.Key, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """Press a key on the canvas."""
    player.activate()
    player.window.canvas.setFocus()
    QTest.keyClick(player.window.canvas, key, keys)


def run(player: Any, text: str | None = None) -> Any:
    """F5, fill in the form if `text` is given, and return the run once it has ended."""
    before = player.window.workspace.run
    press(player, Qt.Key.Key_F5)
    if text is not None:
        form = player.dialog(RunForm)
        form.fields[0].set_text(text)
        QTest.mouseClick(form.run_button, Qt.MouseButton.LeftButton)
    player.wait(lambda: player.window.workspace.run is not before and not player.window.runs.is_active)
    return player.window.workspace.run


def statuses(player: Any) -> dict[str, str]:
    found = player.window.workspace.run.blocks
    return {block.label: found[block.id].status for block in player.window.workspace.workflow.blocks.values()}


def wires(player: Any) -> set[tuple[str, str]]:
    workflow = player.window.workspace.workflow
    return {(workflow.block(edge.source).name, workflow.block(edge.target).name) for edge in workflow.edges.values()}


def popup(player: Any) -> QuickAddPopup:
    player.wait(lambda: isinstance(QApplication.activePopupWidget(), QuickAddPopup))
    found = QApplication.activePopupWidget()
    assert isinstance(found, QuickAddPopup)
    return found


def shown_texts(window: QWidget, *, only_visible: bool = False) -> str:
    """Everything that can be read in a window, tooltips included."""
    texts: list[str] = []
    for widget in [window, *window.findChildren(QWidget)]:
        if only_visible and not widget.isVisible():
            continue
        texts += [widget.toolTip(), widget.accessibleName(), widget.windowTitle()]
        if isinstance(widget, QLabel | QAbstractButton):
            texts.append(widget.text())
        elif isinstance(widget, QLineEdit):
            texts.append(widget.displayText())
        elif isinstance(widget, QPlainTextEdit):
            texts.append(widget.toPlainText())
        elif isinstance(widget, QComboBox):
            texts.append(widget.currentText())
        elif isinstance(widget, QTreeView) and widget.model() is not None:
            texts += tree_texts(widget)
    return "\n".join(texts)


def tree_texts(view: QTreeView) -> list[str]:
    model, texts, waiting = view.model(), [], [view.rootIndex()]
    while waiting:
        parent = waiting.pop()
        if model.canFetchMore(parent):
            model.fetchMore(parent)
        for row in range(model.rowCount(parent)):
            texts += [str(model.index(row, column, parent).data()) for column in range(model.columnCount(parent))]
            waiting.append(model.index(row, 0, parent))
    return texts


def descendants() -> set[int]:
    """Processes that this one started, and those that they started."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found, waiting = set(), [os.getpid()]
    while waiting:
        parent = waiting.pop()
        children = [pid for pid, of in parents.items() if of == parent]
        found.update(children)
        waiting += children
    return found


def show_in_run_panel(player: Any, name: str) -> str:
    """Select a block and return all that the run panel says of it, tab by tab, as text and as a tree."""
    player.window.workspace.select([player.block(name).id])
    panel = player.window.run_panel
    texts = [shown_texts(panel, only_visible=True)]
    for tab in range(panel.tabs.count() if panel.tabs.isVisible() else 0):
        panel.tabs.setCurrentIndex(tab)
        for as_tree in (True, False):
            panel.value.as_tree.setChecked(as_tree)
            texts.append(shown_texts(panel, only_visible=True))
    return "\n".join(texts)


# Beginning


def test_an_empty_workflow_shows_the_way_to_the_examples(open_window: Callable[..., Any]) -> None:
    """New shows the welcome; one click on an example opens it and the welcome goes."""
    player = open_window()
    window = player.window

    player.action("new")
    player.wait(window.welcome.isVisible)
    buttons = {button.text(): button for button in window.welcome.findChildren(QPushButton)}
    assert len(buttons) >= 3
    QTest.mouseClick(buttons["Choose a path by a condition"], Qt.MouseButton.LeftButton)

    player.wait(lambda: window.workspace.workflow.name == "Condition Branches")
    assert not window.welcome.isVisible()
    assert not window.workspace.is_dirty


def test_a_chain_is_built_and_run_by_keyboard_alone(open_window: Callable[..., Any]) -> None:
    """A letter opens quick-add, Enter adds, Tab asks for the next block, which is wired; F5 runs it all."""
    player = open_window()
    player.action("new")
    player.wait(lambda: not player.window.workspace.workflow.blocks)
    player.settled()

    press(player, Qt.Key.Key_S)
    assert popup(player).search.text() == "s"
    QTest.keyClicks(popup(player).search, "tarter")
    QTest.keyClick(popup(player).search, Qt.Key.Key_Return)
    for letters in ("code", "resp"):
        press(player, Qt.Key.Key_Tab)
        QTest.keyClicks(popup(player).search, letters)
        QTest.keyClick(popup(player).search, Qt.Key.Key_Return)

    blocks = list(player.window.workspace.workflow.blocks.values())
    names = [block.name for block in blocks]
    assert [block.type for block in blocks] == ["starter", "code", "response"]
    assert wires(player) == {(names[0], names[1]), (names[1], names[2])}
    assert blocks[0].x < blocks[1].x < blocks[2].x
    state = run(player)
    assert state.status == "completed"
    assert set(statuses(player).values()) == {"done"}


def test_a_webhook_gets_its_ids_at_the_drop_and_keeps_its_secret(
    open_window: Callable[..., Any], tmp_path: Path
) -> None:
    """Two different UUID4s; the secret is in no text of the window until revealed, nor in a recorded run."""
    player = open_window()
    window = player.window
    player.action("new")
    player.wait(lambda: not window.workspace.workflow.blocks)
    player.settled()

    player.drop_block_type("webhook", window.canvas.rect().center())
    webhook = next(iter(window.workspace.workflow.blocks.values()))
    ids = [UUID(webhook.config[key]) for key in ("webhook_id", "webhook_secret")]
    assert [item.version for item in ids] == [4, 4]
    assert ids[0] != ids[1]
    press(player, Qt.Key.Key_Tab)
    QTest.keyClicks(popup(player).search, "resp")
    QTest.keyClick(popup(player).search, Qt.Key.Key_Return)
    run(player)
    told = show_in_run_panel(player, webhook.name)

    secret = webhook.config["webhook_secret"]
    assert webhook.config["webhook_id"] in shown_texts(window)
    assert secret not in shown_texts(window)
    assert secret not in told
    path = tmp_path / "hook.run.jsonl"
    player.action("save_run")
    player.choose_file(path)
    player.wait(lambda: path.exists() and not window.tasks.is_busy("recorded-run"))
    assert webhook.id in path.read_text()
    assert secret not in path.read_text()
    field = window.inspector.findChild(SecretField)
    QTest.mouseClick(field.reveal, Qt.MouseButton.LeftButton)
    assert secret in shown_texts(window)


# Running


def test_code_that_fails_says_so_everywhere(open_window: Callable[..., Any], tmp_path: Path) -> None:
    """The code block reports its error, what follows goes on, and the error is in the notice and in the run panel."""
    player = open_window(code_chain(tmp_path, 'print("so far")\nraise ValueError("no luck today")'))

    state = run(player)

    block = state.blocks[player.block("Code").id]
    assert "no luck today" in block.error
    assert statuses(player) == {"Start": "done", "Code": "done", "End": "done"}
    assert "Code failed" in player.window.notices.text
    assert "no luck today" in player.window.notices.text
    told = show_in_run_panel(player, "Code")
    assert "no luck today" in told
    assert "so far" in told
    player.window.run_panel.tabs.setCurrentIndex(0)
    index = player.window.run_panel.timeline.index(player.window.run_panel.timeline.row_of("Code"))
    assert player.window.run_panel.timeline.look(index).word == "Done with an error"


def test_a_block_that_fails_ends_its_followers_and_says_why(open_window: Callable[..., Any], tmp_path: Path) -> None:
    """An address that cannot be called fails the block; the follower is skipped and the run panel gives the reason."""
    call = {"url": "https://nowhere.invalid/", "method": "GET", "retry": {"attempts": 1}}
    blocks = {"Start": ("starter", {}), "Call": ("general_api", call), "End": ("response", {})}
    player = open_window(graph_file(tmp_path, blocks, "Start>Call", "Call>End"))

    state = run(player)

    call_run = state.blocks[player.block("Call").id]
    if call_run.status == "failed":
        assert statuses(player)["End"] == "skipped"
        assert "Call" in show_in_run_panel(player, "End")
    assert call_run.error
    assert "Call failed" in player.window.notices.text


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts processes in /proc")
def test_a_run_that_loops_for_ever_is_stopped_at_once(open_window: Callable[..., Any], tmp_path: Path) -> None:
    """Shift+F5 ends it within two seconds, no process is left, and the next run works."""
    player = open_window(code_chain(tmp_path, FOR_EVER))
    window = player.window
    before = descendants()
    press(player, Qt.Key.Key_F5)
    player.wait(lambda: window.workspace.run and window.workspace.run.blocks)
    player.wait(lambda: statuses(player)["Code"] == "running")
    player.wait(lambda: descendants() > before)

    press(player, Qt.Key.Key_F5, Qt.KeyboardModifier.ShiftModifier)
    player.wait(lambda: not window.runs.is_active, timeout=2_000)

    assert window.workspace.run.status == "cancelled"
    assert "running" not in statuses(player).values()
    assert "stopped" in window.notices.text
    player.wait(lambda: descendants() <= before, timeout=2_000)
    window.workspace.edit("Fix", lambda now: _with_code(now, "output = 42"))
    assert run(player).output == 42


def _with_code(workflow: Any, source: str) -> Any:
    from engine import edits

    return edits.configure(workflow, "Code", "code", source)


def test_run_to_here_stops_behind_the_selected_block(open_window: Callable[..., Any], tmp_path: Path) -> None:
    """F6 runs what leads to the selection; the rest is not selected and says so."""
    player = open_window(code_chain(tmp_path, "output = 6 * 7"))
    player.activate()
    player.click_block("Code")

    QTest.keyClick(player.window.canvas, Qt.Key.Key_F6)
    player.wait(lambda: player.window.workspace.run and not player.window.runs.is_active)

    found = statuses(player)
    assert found["Start"] == found["Code"] == "done"
    assert found["End"] != "done"
    assert player.window.workspace.run.blocks["Code"].result["output"] == 42


def test_run_again_asks_nothing(open_window: Callable[..., Any]) -> None:
    """Ctrl+R takes the values of the last run and comes to the same end."""
    player = open_window()
    first = run(player, LETTER)

    press(player, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    player.wait(lambda: player.window.workspace.run is not first and not player.window.runs.is_active)

    assert player.window.workspace.run.output == first.output
    assert player.window.workspace.run.variables["text"] == LETTER


@pytest.mark.parametrize(
    ("text", "taken", "passed", "route"),
    [("three little words", "Keep", "Cut", "else"), ("many " * 150, "Cut", "Keep", "if")],
    ids=["short", "long"],
)
def test_a_condition_shows_what_it_decided_and_why(
    open_window: Callable[..., Any], text: str, taken: str, passed: str, route: str
) -> None:
    """The path that was taken runs, the other is skipped with the reason; the numbers compared can be read."""
    player = open_window(EXAMPLES / "condition-branches.workflow.json")

    run(player, text)

    assert statuses(player)[taken] == "done"
    assert statuses(player)[passed] == "skipped"
    told = show_in_run_panel(player, "Is it long")
    assert route in told
    assert f"if: {len(text.split())} > 100 is {'true' if route == 'if' else 'false'}" in told
    assert "Is it long" in show_in_run_panel(player, passed)


# Changing


def test_a_new_name_goes_into_every_reference_and_back(open_window: Callable[..., Any], tmp_path: Path) -> None:
    """F2, a name, Enter: expression and code follow in one step; Ctrl+Z takes all of it back."""
    player = open_window(EXAMPLES / "condition-branches.workflow.json")
    workspace = player.window.workspace
    before = workspace.workflow
    for old, new in (("Count", "Words"), ("Start", "Text in")):
        player.activate()
        player.click_block(old)
        QTest.keyClick(player.window.canvas, Qt.Key.Key_F2)
        player.wait(lambda: isinstance(QApplication.focusWidget(), QLineEdit))
        name = QApplication.focusWidget()
        QTest.keyClick(name, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        QTest.keyClicks(name, new)
        QTest.keyClick(name, Qt.Key.Key_Return)
        player.wait(lambda new=new: workspace.workflow.find_by_name(new))

    assert player.block("Is it long").config["branches"] == [{"expression": "<Words.output.words> > 100"}]
    assert 'input_data["Text in"]' in player.block("Keep").config["code"]
    assert run(player, "some words").status == "completed"
    for _ in range(2):
        press(player, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert workspace.workflow == before
    assert not workspace.undo_label


# Leaving and coming back


def test_closing_asks_about_unsaved_work(open_window: Callable[..., Any], tmp_path: Path) -> None:
    """Cancel keeps the window; Save saves and closes."""
    path = tmp_path / "mine.workflow.json"
    path.write_bytes((EXAMPLES / "condition-branches.workflow.json").read_bytes())
    player = open_window(path)
    window = player.window
    window.workspace.edit("Describe", lambda now: now.changed(description="edited"))

    window.close()
    assert "Condition Branches" in player.question().text()
    player.answer("cancel")
    player.wait(lambda: not window.tasks.is_busy("close"))
    assert window.isVisible()
    assert window.workspace.is_dirty
    window.close()
    player.answer("save")
    player.wait(lambda: not window.isVisible())

    assert files.read(path).workflow.description == "edited"
    assert not list((tmp_path / "journals").glob("*.json"))


def test_work_is_recovered_after_a_crash(open_window: Callable[..., Any], tmp_path: Path) -> None:
    """The journal of a process that died is offered at the next start; recovered it is unsaved and keeps its file."""
    path = tmp_path / "mine.workflow.json"
    path.write_bytes((EXAMPLES / "condition-branches.workflow.json").read_bytes())
    first = open_window(path)
    first.window.workspace.edit("Describe", lambda now: now.changed(description="nearly lost"))
    first.wait(lambda: list((tmp_path / "journals").glob("*.json")))
    (journal,) = (tmp_path / "journals").glob("*.json")
    head, _, body = journal.read_bytes().partition(b"\n")
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = tmp_path / "journals" / "left.json"
    left.write_bytes(json.dumps(json.loads(head) | {"pid": dead.pid}).encode() + b"\n" + body)

    second = open_window(asks=True)
    assert "Condition Branches" in second.question().text()
    assert path.name in second.question().informativeText()
    second.answer("recover")
    second.wait(lambda: not second.window.tasks.is_busy("first"))

    assert second.window.workspace.workflow.description == "nearly lost"
    assert second.window.workspace.is_dirty
    assert second.window.documents.path == path
    assert not left.exists()


def test_a_graph_of_the_api_opens_and_summarizes(open_window: Callable[..., Any], tmp_path: Path) -> None:
    """Ids that are words, a variable in double braces, an empty response: it has no errors and gives a summary."""
    blocks = {
        "start": ("starter", {}),
        "summarize": ("agent", {"message": "Summarize the following text:\n\n{{variables.text}}"}),
        "out": ("response", {}),
    }
    path = graph_file(tmp_path, blocks, "start>summarize", "summarize>out")
    player = open_window(path)

    state = run(player, LETTER * 2)

    assert not [item for item in player.window.workspace.problems if item.severity == "error"]
    assert state.status == "completed"
    assert set(statuses(player).values()) == {"done"}
    assert 20 < len(state.output) < len(LETTER * 2)
    assert state.output.split(".")[0] in LETTER


def test_a_recorded_run_opens_again(open_window: Callable[..., Any], tmp_path: Path) -> None:
    """Saved, cleared and opened, a run shows the same states, results and times."""
    player = open_window(EXAMPLES / "condition-branches.workflow.json")
    window = player.window
    live = run(player, "a few words")
    path = tmp_path / "mine.run.jsonl"

    player.action("save_run")
    player.choose_file(path)
    player.wait(lambda: path.exists() and not window.tasks.is_busy("recorded-run"))
    player.action("clear_run")
    assert window.workspace.run is None
    player.action("open_run")
    player.choose_file(path)
    player.wait(lambda: window.workspace.run is not None)

    assert window.workspace.run == live
    assert "Short text, kept: a few words" in show_in_run_panel(player, "Keep")
