"""The workflow file: canonical bytes, strict reading, and saving that loses nothing whatever fails."""

import copy
import errno
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import edits, files, safewrite
from engine.document import Block, Workflow, workflow_from_api, workflow_to_api
from engine.errors import FileError
from tests.engine.strategies import api_workflows, graph, objects

SAMPLE = graph({"b": "step", "a": "step"}, "a>b").changed(name="Größe", variables={"x": [1, {"y": None}]})


# Canonical bytes


@given(api_workflows)
def test_any_document_survives_the_file(data: dict[str, Any]) -> None:
    """Read, saved and read again it is the same document, unknown fields included; the bytes settle at once."""
    workflow = workflow_from_api(copy.deepcopy(data))

    saved = files.encode(workflow)
    again, shape = files.parse(saved)

    assert shape == "file"
    assert files.encode(again) == saved
    assert again == workflow


@given(api_workflows)
def test_what_the_api_gets_back_is_what_it_gave(data: dict[str, Any]) -> None:
    """Through the file and out again no field is lost, and the lists keep their order, on which a run depends (5.1)."""
    workflow = workflow_from_api(data)

    api = workflow_to_api(files.parse(files.encode(workflow))[0])

    assert api == workflow_to_api(workflow)


def test_the_file_has_one_key_a_line_in_a_fixed_order() -> None:
    """Sections in order, blocks by id without positions, the layout at the end, a newline last."""
    text = files.encode(SAMPLE).decode()

    data = json.loads(text)
    assert list(data) == ["format", "name", "description", "variables", "blocks", "edges", "layout", "order"]
    assert data["format"] == "blockloom-workflow/1"
    assert [block["id"] for block in data["blocks"]] == ["a", "b"]
    assert "position" not in data["blocks"][0]
    assert data["layout"] == {"a": {"x": 300, "y": 0}, "b": {"x": 0, "y": 0}}
    assert data["order"] == {"blocks": ["b", "a"]}, "only where the order is not that of the ids"
    assert text == json.dumps(data, indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("order", [{"blocks": ["zz", "a", 3]}, {"edges": []}, {}])
def test_an_order_may_name_what_is_not_there(order: dict[str, Any]) -> None:
    """A file that was edited by hand opens: the rest follows as it stands."""
    data = {**json.loads(files.encode(SAMPLE)), "order": order}

    workflow, _ = files.parse(json.dumps(data).encode())

    assert sorted(workflow.blocks) == sorted(SAMPLE.blocks)


def test_moving_a_block_changes_its_layout_lines_only() -> None:
    """So that version control shows a move as a move."""
    before = files.encode(SAMPLE).decode().splitlines()
    after = files.encode(edits.move_blocks(SAMPLE, ["a"], 40, 8.5)).decode().splitlines()

    changed = [line for line, old in zip(after, before, strict=True) if line != old]

    assert changed == ['      "x": 340,', '      "y": 8.5']


def test_unknown_things_in_our_own_sections_survive() -> None:
    """Layout entries with more than x and y, entries of blocks that are not there, keys nobody knows."""
    data = json.loads(files.encode(SAMPLE))
    data["layout"] |= {"a": {"x": 1, "y": 2, "pinned": True}, "gone": {"x": 5}, "z": "odd"}
    data["future"] = {"k": [1]}
    text = json.dumps(data, indent=2, ensure_ascii=False).encode() + b"\n"

    workflow, _ = files.parse(text)

    assert (workflow.block("a").x, workflow.block("a").y) == (1, 2)
    assert files.encode(workflow) == text


# Three shapes


@pytest.mark.parametrize(
    ("data", "shape"),
    [
        (b'{"blocks": [], "edges": []}', "graph"),
        (b'{"blocks": []}', "graph"),
        (b'\xef\xbb\xbf{"id": "w", "name": "N", "blocks": [], "edges": []}', "workflow"),
        (b'{"format": "png", "blocks": []}', "workflow"),
        (files.encode(SAMPLE), "file"),
    ],
)
def test_three_shapes_are_told_apart(data: bytes, shape: str) -> None:
    """The API's graph, the API's workflow, our file; a byte order mark does not matter."""
    assert files.parse(data)[1] == shape


# Strict reading


@pytest.mark.parametrize(
    ("data", "place", "words", "repairable"),
    [
        (b"", "line 1, column 1", "empty", False),
        (b" \n ", "line 1, column 1", "empty", False),
        (b"[]", "line 1, column 1", "braces", False),
        (b'{"name": "x"}', "line 1, column 1", "no workflow", False),
        (b'{"blocks": [', "line 1, column 13", "end is missing", False),
        (b'{"blocks": [],\n "name": "abc', "line 2, column 10", "end is missing", False),
        (b'{"blocks": [],\n}', "line ", "comma", False),
        (b"{'blocks': []}", "line 1, column 2", "double quotes", False),
        (b'{"blocks": [}', "line 1, column 13", "value is missing", False),
        (b'{"blocks": [] "a": 1}', "line 1, column 15", "comma", False),
        (b'{"blocks": []} x', "line 1, column 16", "remove what follows", False),
        (b'{"blocks": [],\n "a": 1,\n "a": 2}', "line 3, column 2 (a)", "stands twice", False),
        (b'{"blocks": [{"id": "a", "type": "t", "config": {"k": NaN}}]}', "(blocks[0].config.k)", "NaN", True),
        (b'{"blocks": [], "x": [1, -Infinity]}', "(x[1])", "-Infinity", True),
        (b'{"blocks": [], "x": 1e999}', "line 1, column 21 (x)", "too large", True),
        (b'{"blocks": [], "x y": "\\ud83d"}', '(["x y"])', "half a character", True),
        (b'{"blocks": [], "x": "\\u0000"}', "(x)", "NUL", True),
        (b'{"blocks": [1], "x": NaN}', "(x)", "NaN", False),
        (b'{"blocks": [], "x": ' + b"7" * 5000 + b"}", "(x)", "5000 digits", False),
        (b'{"blocks": [], "x": "\xff"}', "line 1, column 22", "UTF-8", False),
        ('{"blocks": []}'.encode("utf-16"), "line 1, column 1", "UTF-16", False),
        (b'{"blocks": [], "x": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", "line 1, column 220", "200 levels", False),
        (b"[" * 1_000_000, "line 1, column 201", "200 levels", False),
        (b'{"a":' * 1_000_000, "line 1", "200 levels", False),
        (b'{"blocks": [], "x": ' + b"[" * 200 + b"]" * 200 + b"}", "line 1, column 220", "200 levels", False),
        (b'{"blocks": {}}', "blocks", "list in square brackets", False),
        (b'{"format": "blockloom-workflow/2"}', "format", "newer", False),
        (b'{"format": "blockloom-workflow/1", "layout": 5}', "layout", "object", False),
    ],
)
def test_what_cannot_be_read_names_place_and_cure(data: bytes, place: str, words: str, repairable: bool) -> None:
    """Line and column, the path where there is one, what is wrong; and whether a repaired copy is possible."""
    with pytest.raises(FileError) as caught:
        files.parse(data)

    assert place in caught.value.place
    assert words in str(caught.value)
    assert caught.value.repairable is repairable


def test_sizes_have_limits() -> None:
    """A 50 MB text and 100,001 blocks are refused before they cost anything."""
    with pytest.raises(FileError, match="52 MB"):
        files.parse(b" " * 52_000_000)
    with pytest.raises(FileError, match="100001 blocks"):
        files.parse(b'{"blocks": [' + b"0," * 100_000 + b"0]}")


def test_nesting_up_to_the_limit_is_read() -> None:
    """199 levels inside the top object are fine."""
    workflow, _ = files.parse(b'{"blocks": [], "x": ' + b"[" * 199 + b"]" * 199 + b"}")

    assert files.parse(files.encode(workflow))[0] == workflow


def test_a_repaired_copy_replaces_what_json_cannot_hold() -> None:
    """Half characters and NUL become U+FFFD, NaN and infinity null; everything else stays."""
    data = b'{"blocks": [], "a": "x\\ud800y", "b": [NaN, 1e999, -Infinity, 1.5], "\\u0000": "\\ud83d\\ude00"}'

    workflow, _ = files.parse(data, repair=True)

    assert workflow.extra == {"a": "x\ufffdy", "b": [None, None, None, 1.5], "\ufffd": "😀"}


def test_what_a_file_cannot_hold_is_replaced_when_saving() -> None:
    """Work is never unsavable because of half a character, and the file opens again."""
    workflow = Workflow(name="a\ud800b\0", variables={"n": float("nan"), "i": float("inf"), "ok": "\\u0000"})

    again, _ = files.parse(files.encode(workflow))

    assert again.name == "a\ufffdb\ufffd"
    assert again.variables == {"n": None, "i": None, "ok": "\\u0000"}


def reads_or_tells(data: bytes) -> None:
    try:
        files.parse(data)
    except FileError as error:
        if error.repairable:
            files.parse(data, repair=True)


VALID = files.encode(SAMPLE)


@given(st.binary(max_size=80) | objects.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_workflow_or_a_file_error(data: bytes) -> None:
    """Nothing but FileError comes out, and `repairable` keeps its promise."""
    reads_or_tells(data)


@given(st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_flipped_bytes_are_told(flips: list[tuple[int, int]]) -> None:
    """A file with broken bytes opens or is refused, never more."""
    data = bytearray(VALID)
    for place, byte in flips:
        data[place] = byte

    reads_or_tells(bytes(data))


def test_a_file_cut_off_anywhere_is_refused() -> None:
    """A truncated file is never opened as a shorter workflow."""
    for length in range(len(VALID.rstrip())):
        with pytest.raises(FileError):
            files.parse(VALID[:length])


# Saving


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "flow.workflow.json"


def test_saving_and_reading(path: Path) -> None:
    """The digest is that of the bytes on disk; saving twice gives the same bytes."""
    digest = files.save(path, SAMPLE)
    opened = files.read(path)
    first = path.read_bytes()

    assert (opened.workflow, opened.shape, opened.digest, opened.path) == (SAMPLE, "file", digest, path)
    assert files.digest_of(path) == digest
    assert files.save(path, opened.workflow, digest) == digest
    assert path.read_bytes() == first


def test_the_version_before_is_kept_beside(path: Path) -> None:
    """Hidden, with a tilde; a broken file on disk does not push a good version out."""
    files.save(path, SAMPLE)
    files.save(path, SAMPLE.changed(name="second"))
    kept = files.backup_path(path)
    assert files.parse(kept.read_bytes())[0].name == "Größe"

    path.write_bytes(b'{"half')
    files.save(path, SAMPLE.changed(name="third"))

    assert kept.name == ".flow.workflow.json~"
    assert files.parse(kept.read_bytes())[0].name == "Größe"
    assert sorted(item.name for item in path.parent.iterdir() if item.is_file()) == [kept.name, path.name]


def test_somebody_elses_change_is_not_overwritten(path: Path) -> None:
    """A file that is not the one that was read is left alone; a deleted one is not made anew silently."""
    digest = files.save(path, SAMPLE)
    path.write_bytes(b"theirs")

    with pytest.raises(files.FileChangedOnDisk, match=r"flow\.workflow\.json was changed"):
        files.save(path, SAMPLE.changed(name="mine"), digest)
    assert path.read_bytes() == b"theirs"

    path.unlink()
    with pytest.raises(files.FileMissing, match="deleted or moved"):
        files.save(path, SAMPLE, digest)
    assert not path.exists()


def test_theirs_can_be_kept_beside(path: Path) -> None:
    """What is on disk gets a name of its own, however often."""
    files.save(path, SAMPLE)

    first, second = files.keep_beside(path), files.keep_beside(path)

    assert len({path, first, second}) == 3
    assert path.read_bytes() == first.read_bytes() == second.read_bytes()
    assert first.name.endswith(".workflow.json")


def test_mode_and_links_stay(path: Path) -> None:
    """A private file stays private, a symbolic link keeps pointing, and its target gets the new bytes."""
    files.save(path, SAMPLE)
    path.chmod(0o600)
    link = path.parent / "link.workflow.json"
    link.symlink_to(path.name)

    files.save(link, SAMPLE.changed(name="new"))

    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o600
    assert files.read(path).workflow.name == "new"


def test_a_workflow_that_could_not_be_opened_again_is_not_saved(path: Path) -> None:
    """A value nested too deeply is told before the old file is touched."""
    files.save(path, SAMPLE)
    deep: dict[str, Any] = {}
    for _ in range(250):
        deep = {"d": deep}

    with pytest.raises(FileError, match="200 levels"):
        files.save(path, SAMPLE.changed(variables=deep))
    assert files.read(path).workflow == SAMPLE


def test_places_that_cannot_be_read_or_written(path: Path) -> None:
    """Missing file, missing folder, folder, pipe, name too long: words, and no waiting."""
    os.mkfifo(path.parent / "pipe")

    with pytest.raises(files.FileMissing, match="does not exist"):
        files.read(path)
    with pytest.raises(FileError, match="is a folder"):
        files.read(path.parent)
    with pytest.raises(FileError, match="pipe"):
        files.read(path.parent / "pipe")
    with pytest.raises(FileError, match="folder does not exist"):
        files.save(path.parent / "no" / "x.workflow.json", SAMPLE)
    with pytest.raises(FileError, match="folder or a device"):
        files.save(path.parent, SAMPLE)
    with pytest.raises(FileError, match="too long"):
        files.save(path.parent / ("x" * 300), SAMPLE)


def test_what_a_dead_save_left_is_removed(path: Path) -> None:
    """Half-written files that are old go with the next save; a fresh one may be somebody's work."""
    old, fresh = (path.parent / f".{path.name}.{name}.part" for name in ("old", "new"))
    for item in (old, fresh):
        item.write_bytes(b"half")
    os.utime(old, (1, 1))

    files.save(path, SAMPLE)

    assert not old.exists()
    assert fresh.exists()


class Disk:
    """Passes every call to the disk on, but the n-th, which fails or does only part of its work."""

    def __init__(self, failing: int, error: int) -> None:
        self.calls: list[str] = []
        self._failing, self._error = failing, error

    def __call__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.calls.append(function.__name__)
        if len(self.calls) == self._failing:
            raise OSError(self._error, os.strerror(self._error))
        if function is os.write:
            return os.write(args[0], args[1][:100])  # a disk may take less than it is given
        return function(*args, **kwargs)


def faults() -> Iterator[tuple[int, int]]:
    for number in range(1, 60):
        for error in (errno.ENOSPC, errno.EIO, errno.EACCES):
            yield number, error


def test_a_fault_at_any_call_loses_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever call fails: the file is the old one with an error told, or the new one whole; nothing half is left."""
    new = SAMPLE.changed(name="new")
    told: set[str] = set()
    for number, error in faults():
        files.save(path, SAMPLE)
        disk = Disk(number, error)
        monkeypatch.setattr(safewrite, "system", disk)

        try:
            files.save(path, new)
            failed = False
        except FileError as problem:
            told.add(str(problem))
            failed = True

        monkeypatch.undo()
        assert files.read(path).workflow == (SAMPLE if failed else new)
        assert not [item for item in path.parent.iterdir() if item.name.endswith(".part")]
    assert any("disk is full" in text and "kB" in text for text in told)
    assert any("may not write there" in text for text in told)


def test_a_disk_that_writes_something_else_is_noticed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes are read back before they take the place of the old ones."""
    files.save(path, SAMPLE)

    def lying(function: Callable[..., Any], *args: Any) -> Any:
        return os.write(args[0], b"?" * len(args[1])) if function is os.write else function(*args)

    monkeypatch.setattr(safewrite, "system", lying)
    with pytest.raises(FileError, match="does not read back"):
        files.save(path, SAMPLE.changed(name="new"))
    monkeypatch.undo()

    assert files.read(path).workflow == SAMPLE


def test_a_change_during_the_save_is_noticed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody writes between our first look and the replacing: theirs stays."""
    digest = files.save(path, SAMPLE)

    def meanwhile(function: Callable[..., Any], *args: Any) -> Any:
        if function is os.fsync:
            path.write_bytes(b"theirs")
        return function(*args)

    monkeypatch.setattr(safewrite, "system", meanwhile)
    with pytest.raises(files.FileChangedOnDisk):
        files.save(path, SAMPLE.changed(name="mine"), digest)

    assert path.read_bytes() == b"theirs"


def test_blocks_with_one_id_keep_their_own_places(path: Path) -> None:
    """Only the first can be in the layout; the others carry their position themselves."""
    data = {"blocks": [{"id": "a", "type": "t", "position": {"x": at, "y": 0}} for at in (1, 2, 3)]}
    files.save(path, workflow_from_api(data))

    blocks = files.read(path).workflow.blocks.values()

    assert [block.x for block in blocks] == [1, 2, 3]
    assert all(isinstance(block, Block) for block in blocks)
