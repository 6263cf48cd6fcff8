"""Files that are broken, deleted, changed or not writable: a clear message, and the open document is never lost."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QMessageBox

from engine import Workflow, files, safewrite


def graph(blocks: list[dict[str, Any]], *edges: str) -> bytes:
    """An API graph; an edge is written `a>b`."""
    lines = [{"id": edge, "source": edge.split(">")[0], "target": edge.split(">")[1]} for edge in edges]
    return json.dumps({"blocks": blocks, "edges": lines}).encode()


def block(block_id: str, kind: str = "response", **config: Any) -> dict[str, Any]:
    return {"id": block_id, "type": kind, "position": {"x": 0, "y": 0}, "config": {"name": block_id, **config}}


GOOD = graph([block("start", "starter"), block("end")], "start>end")
UNREADABLE: dict[str, tuple[bytes, str]] = {
    "not JSON": (b"Dear reader,\nthis is a letter.", "line 1, column 1"),
    "a comma too many": (b'{\n  "blocks": [],\n  "edges": [],\n}', "line "),
    "a list": (b"[1, 2]", "line 1, column 1"),
    "another object": (b'{"name": "package", "version": 1}', "line 1, column 1"),
    "blocks that are no list": (b'{"blocks": {"a": 1}, "edges": []}', "blocks"),
    "a block that is a number": (b'{"blocks": [7], "edges": []}', "blocks[0]"),
    "an id that is a list": (b'{"blocks": [{"id": [], "type": "code"}], "edges": []}', "blocks[0].id"),
    "empty": (b"", "line 1, column 1"),
    "only spaces": (b" \n\n ", "line 1, column 1"),
    "truncated": (GOOD[:-30], "line 1, column"),
    "nested 10,000 deep": (b'{"edges": [], "blocks": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", "line 1, column"),
    "unclosed 10,000 deep": (b'{"blocks": ' + b"[" * 10_000, "line 1, column"),
    "a key twice": (b'{"blocks": [], "edges": [],\n "blocks": []}', "line 2, column 2"),
    "another encoding": ("{\n“”".encode("cp1252"), "line 2, column 1"),
    "UTF-16": ('{"blocks": []}'.encode("utf-16"), "line 1, column 1"),
}
REPAIRABLE: dict[str, tuple[bytes, str]] = {
    "NaN": (graph([block("start", "starter", temperature=float("nan"))]), "blocks[0].config.temperature"),
    "infinity": (graph([block("start", "starter", top=float("inf"))]), "blocks[0].config.top"),
    "half a character": (graph([block("start", "starter", note="a \ud83d b")]), "blocks[0].config.note"),
}

pytestmark = pytest.mark.slow


@pytest.fixture
def player(open_window: Callable[..., Any], tmp_path: Path) -> Any:
    """A window with a document of its own file, and an edit in it that is not saved."""
    path = tmp_path / "open.workflow.json"
    path.write_bytes(files.encode(files.parse(GOOD)[0].changed(name="Mine")))
    found = open_window(path)
    edit(found, "edited")
    return found


def edit(player: Any, text: str) -> None:
    assert player.window.workspace.edit("Describe", lambda now: now.changed(description=text))


def words_of(box: QMessageBox) -> str:
    return f"{box.text()}\n{box.informativeText()}"


def everything_plain(box: QMessageBox) -> bool:
    labels = [label for label in box.findChildren(QLabel) if label.text()]
    return all(label.textFormat() == Qt.TextFormat.PlainText for label in labels) and len(labels) == 2


def kept(player: Any, before: Workflow, path: Path) -> bool:
    """Whether document, file and undo are what they were."""
    window = player.window
    same = window.workspace.workflow is before and window.documents.path == path
    return same and window.workspace.is_dirty and window.workspace.undo_label == "Describe"


# Files that cannot be opened


@pytest.mark.parametrize("case", UNREADABLE)
def test_an_unreadable_file_names_its_place_and_leaves_the_open_document(
    player: Any, tmp_path: Path, case: str
) -> None:
    """The message says which file and where, as plain text; unsaved edits, undo and the file stay."""
    data, place = UNREADABLE[case]
    path = tmp_path / "<b>broken<b>.json"
    path.write_bytes(data)
    before, own = player.window.workspace.workflow, player.window.documents.path

    player.open_file(path)
    box = player.question()

    assert path.name in box.text()
    assert place in words_of(box)
    assert "as it was" in words_of(box)
    assert everything_plain(box)
    assert len(words_of(box)) < 600
    player.answer("ok")
    player.settled()
    assert kept(player, before, own)


@pytest.mark.parametrize("case", REPAIRABLE)
def test_values_that_json_cannot_hold_can_be_repaired(player: Any, tmp_path: Path, case: str) -> None:
    """The message names the value; a repaired copy opens as a new unsaved document, and the file stays as it is."""
    data, place = REPAIRABLE[case]
    path = tmp_path / "strange.json"
    path.write_bytes(data)
    workspace = player.window.workspace

    player.open_file(path)
    assert place in words_of(player.question())
    assert everything_plain(player.question())
    player.answer("repair")
    player.answer("discard")  # the edit in the document that was open
    player.settled()

    assert list(workspace.workflow.blocks) == ["start"]
    assert player.window.documents.path is None
    assert workspace.is_dirty
    assert "repaired copy of strange.json" in player.window.notices.text
    assert path.read_bytes() == data
    assert files.encode(workspace.workflow)


def test_a_repair_that_is_not_wanted_changes_nothing(player: Any, tmp_path: Path) -> None:
    """Cancel leaves the open document, at the offer and at the question about unsaved work."""
    path = tmp_path / "strange.json"
    path.write_bytes(REPAIRABLE["NaN"][0])
    before, own = player.window.workspace.workflow, player.window.documents.path

    player.open_file(path)
    player.answer("ok")
    player.settled()
    player.open_file(path)
    player.answer("repair")
    player.answer("cancel")
    player.settled()

    assert kept(player, before, own)


def test_a_file_of_50_mb_is_refused_at_once(player: Any, tmp_path: Path) -> None:
    """The message names the size and the limit."""
    path = tmp_path / "huge.json"
    with path.open("wb") as handle:
        handle.truncate(50_000_000)
    before, own = player.window.workspace.workflow, player.window.documents.path

    player.open_file(path)
    words = words_of(player.question())

    assert "huge.json" in words
    assert "50 MB" in words
    player.answer("ok")
    player.settled()
    assert kept(player, before, own)


@pytest.mark.parametrize("kind", ["folder", "pipe", "missing"])
def test_what_is_no_file_is_refused(player: Any, tmp_path: Path, kind: str) -> None:
    """A folder, a pipe that nobody writes to, a file that is gone: each says so and nothing waits for ever."""
    path = tmp_path / "thing.json"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    before, own = player.window.workspace.workflow, player.window.documents.path

    player.open_file(path)
    words = words_of(player.question())

    assert {"folder": "is a folder", "pipe": "is a pipe", "missing": "does not exist"}[kind] in words
    assert str(path) in words
    player.answer("ok")
    player.settled()
    assert kept(player, before, own)


# Files that open, with problems


def open_clean(open_window: Callable[..., Any], tmp_path: Path, data: bytes) -> Any:
    path = tmp_path / "odd.json"
    path.write_bytes(data)
    player = open_window(path)
    player.wait(lambda: player.window.workspace.problems)
    return player


def codes(player: Any) -> dict[str, str]:
    return {item.code: item.message for item in player.window.workspace.problems if item.severity == "error"}


def refused_run(player: Any) -> str:
    """Press F5 and return what the notice says; there is no run."""
    window = player.window
    player.activate()
    window.docks["problems"].hide()
    QTest.keyClick(window.canvas, Qt.Key.Key_F5)
    player.wait(lambda: window.notices.text and not window.tasks.is_busy("run-form"))
    assert window.workspace.run is None
    assert window.docks["problems"].isVisible()
    return str(window.notices.text)


def test_duplicate_ids_open_and_are_told(open_window: Callable[..., Any], tmp_path: Path) -> None:
    """Both blocks stay, the problem names the id, and a run is refused."""
    player = open_clean(open_window, tmp_path, graph([block("a", "starter"), block("a"), block("b")], "a>b"))

    assert len(player.window.workspace.workflow.blocks) == 3
    assert any("duplicate" in code for code in codes(player))
    assert "cannot run yet" in refused_run(player)


def test_a_cycle_is_named_shown_and_not_run(open_window: Callable[..., Any], tmp_path: Path) -> None:
    """F5 says which blocks form the cycle, selects one of them and shows the Problems panel."""
    blocks = [block("start", "starter"), block("one", "agent"), block("two", "agent")]
    player = open_clean(open_window, tmp_path, graph(blocks, "start>one", "one>two", "two>one"))

    notice = refused_run(player)

    assert "one" in notice
    assert "two" in notice
    assert player.window.workspace.selection.only_block in ("one", "two")


def test_an_unknown_block_type_is_kept_word_for_word(open_window: Callable[..., Any], tmp_path: Path) -> None:
    """It is shown, told as a problem, not run, and written as it was read, unknown fields included."""
    strange = {
        "id": "q",
        "type": "quantum_v9",
        "position": {"x": 300, "y": 40, "z": 1},
        "config": {"name": "Q", "deep": {"list": [1, 2.5, None, {"é": "<Start.output>"}]}},
        "flavour": ["up", "down"],
    }
    player = open_clean(open_window, tmp_path, graph([block("start", "starter"), strange], "start>q"))
    window = player.window

    assert "quantum_v9" in refused_run(player)
    assert window.workspace.selection.only_block == "q"
    assert not window.grab().isNull()
    path = tmp_path / "saved.workflow.json"
    player.action("save")
    player.choose_file(path)
    player.wait(lambda: not window.workspace.is_dirty and window.documents.path == path)
    saved = json.loads(path.read_bytes())
    found = next(item for item in saved["blocks"] if item["id"] == "q")
    found["position"] = saved["layout"]["q"]
    assert {key: found[key] for key in strange} == strange


def test_a_dangling_edge_opens_and_is_told(open_window: Callable[..., Any], tmp_path: Path) -> None:
    """An edge to a block that is not there is kept and named as a problem."""
    player = open_clean(open_window, tmp_path, graph([block("start", "starter")], "start>gone"))

    assert len(player.window.workspace.workflow.edges) == 1
    assert any("gone" in message for message in codes(player).values())


# Files that change under the editor


def test_a_file_deleted_while_open_can_be_saved_again(player: Any) -> None:
    """A notice says that it is gone; the document stays, and Save offers to write it there again."""
    window, path = player.window, player.window.documents.path
    before = window.workspace.workflow
    path.unlink()

    player.wait(lambda: "deleted" in window.notices.text)
    assert window.workspace.workflow is before
    assert path.name in window.notices.text
    player.action("save")
    assert "gone" in player.question().text()
    player.answer("here")
    player.settled()

    assert files.read(path).workflow == before
    assert not window.workspace.is_dirty


@pytest.fixture
def changed(player: Any) -> tuple[Any, Path, Workflow]:
    """The player, the open file that somebody else has just written, and the document in it."""
    path = player.window.documents.path
    theirs = files.read(path).workflow.changed(description="theirs")
    path.write_bytes(files.encode(theirs))
    player.wait(lambda: "changed by another program" in player.window.notices.text)
    assert player.window.workspace.workflow.description == "edited"
    return player, path, theirs


def test_both_versions_of_a_changed_file_can_be_kept(changed: tuple[Any, Path, Workflow]) -> None:
    """Save asks; “Save Mine, Keep Theirs Beside It” leaves two files that open."""
    player, path, theirs = changed
    mine = player.window.workspace.workflow

    player.action("save")
    assert path.name in player.question().text()
    player.answer("beside")
    player.settled()

    assert files.read(path).workflow == mine
    copies = [item for item in path.parent.glob("*theirs*") if not item.name.startswith(".")]
    assert [files.read(copy).workflow for copy in copies] == [theirs]
    assert not player.window.workspace.is_dirty


def test_theirs_can_be_taken(changed: tuple[Any, Path, Workflow]) -> None:
    """“Take Theirs” shows what is on disk and asks nothing more."""
    player, path, theirs = changed

    player.action("save")
    player.answer("theirs")
    player.settled()

    assert player.window.workspace.workflow == theirs
    assert not player.window.workspace.is_dirty
    assert files.read(path).workflow == theirs


def test_giving_up_a_save_changes_neither_version(changed: tuple[Any, Path, Workflow]) -> None:
    """Cancel leaves the file to them and the document, unsaved, to us."""
    player, path, theirs = changed
    mine = player.window.workspace.workflow

    player.action("save")
    player.answer("cancel")
    player.settled()

    assert player.window.workspace.workflow is mine
    assert player.window.workspace.is_dirty
    assert files.read(path).workflow == theirs


def test_theirs_that_is_broken_is_not_taken(player: Any) -> None:
    """When what somebody wrote cannot be read, taking it says why and the document stays."""
    window, path = player.window, player.window.documents.path
    mine = window.workspace.workflow
    path.write_bytes(b"{ half")
    player.wait(lambda: "changed by another program" in window.notices.text)

    player.action("save")
    player.answer("theirs")
    assert "line 1, column" in words_of(player.question())
    player.answer("ok")
    player.settled()

    assert window.workspace.workflow is mine
    assert window.workspace.is_dirty


# Places that cannot be written


def status_of(player: Any) -> str:
    label = player.window.findChild(QLabel, "saved-label")
    assert label is not None
    return str(label.text())


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only disk"), (errno.EACCES, "may not write there")],
    ids=["full disk", "read-only folder", "no permission"],
)
def test_a_save_that_fails_is_told_until_one_succeeds(
    player: Any, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    """The notice names the cause and stays, the status bar says “not saved”, the work and the old file are kept."""
    window, path = player.window, player.window.documents.path
    old, mine = path.read_bytes(), window.workspace.workflow
    real = safewrite.system

    def broken(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if function in (os.write, os.open):
            raise OSError(number, os.strerror(number))
        return real(function, *args, **kwargs)

    monkeypatch.setattr(safewrite, "system", broken)
    player.action("save")
    player.settled()

    assert words in window.notices.text
    assert path.name in window.notices.text
    assert status_of(player).startswith("Not saved")
    assert window.workspace.workflow is mine
    assert window.workspace.is_dirty
    assert window.isWindowModified()
    assert path.read_bytes() == old
    edit(player, "edited further")
    window.notices.show_notice("Copied", "success")
    window.notices.dismiss()
    assert words in window.notices.text
    assert status_of(player).startswith("Not saved")

    monkeypatch.setattr(safewrite, "system", real)
    player.action("save")
    player.settled()

    assert "Saved" in window.notices.text
    assert status_of(player) == "Saved"
    assert files.read(path).workflow.description == "edited further"
    assert not [item for item in path.parent.iterdir() if item.name.endswith(".part")]
    window.notices.dismiss()
    assert window.notices.text == ""


def test_a_target_under_a_file_says_what_is_wrong(player: Any, tmp_path: Path) -> None:
    """Saving below something that is no folder fails with the reason, and Save still knows the old file."""
    window, own = player.window, player.window.documents.path
    (tmp_path / "file").write_text("no folder")

    window.tasks.start("file", window.file_flow._write, tmp_path / "file" / "x.workflow.json")
    player.settled()

    assert "folder is not a folder" in window.notices.text
    assert window.documents.path == own
    assert window.workspace.is_dirty


def test_closing_with_a_save_that_fails_keeps_the_window(player: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Save at the question on closing: when it cannot be written, nothing closes and nothing is lost."""
    window = player.window

    def broken(_function: object, *_args: object, **_kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(safewrite, "system", broken)
    window.close()
    player.answer("save")
    player.wait(lambda: not window.tasks.is_busy("close"))

    assert window.isVisible()
    assert window.workspace.is_dirty
    assert "disk is full" in window.notices.text
