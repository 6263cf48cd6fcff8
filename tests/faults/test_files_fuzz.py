"""Workflow files that somebody or something broke: tens of thousands of inputs, and never more than words.

A quick run reads about 14,000 broken files. `FUZZ_INPUTS=1000000` looks for longer; a failure names its seed.
"""

import json
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import files
from engine.document import Workflow
from engine.errors import FileError

EXAMPLES = sorted((Path(__file__).parents[2] / "resources" / "examples").glob("*.workflow.json"))
INPUTS = int(os.environ.get("FUZZ_INPUTS", "10000"))
SEED = int(os.environ.get("FUZZ_SEED", "20261125"))
MAX_SECONDS = 1.0
"""For one input of a few kilobytes; a thousand times what it takes."""
FRAGMENTS = [
    *(b"{", b"}", b"[", b"]", b'"', b",", b":", b"\\", b"\\u", b"\\ud800", b"\\u0000", b"\0", b"\n", b"\xff"),
    *(b"\xef\xbb\xbf", b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"-", b"//", b"'"),
    *(b"0" * 5000, b"[" * 300, b'{"a":' * 300),
    *(b'"blocks"', b'"edges"', b'"format"', b'"layout"', b'"id"', b'"config"', b'"blockloom-workflow/2"', b'"type": 5'),
]  # fmt: skip


def read(data: bytes) -> Workflow | None:
    """The workflow in these bytes, None where they are refused; what is no refusal in words fails the test."""
    began = time.perf_counter()
    workflow, error = parsed(data)
    assert time.perf_counter() - began < MAX_SECONDS
    if error is not None:
        assert error.place
        assert len(error.place) + 10 < len(str(error)) < 2_000
        if error.repairable:
            files.parse(data, repair=True)
    return workflow


def parsed(data: bytes) -> tuple[Workflow | None, FileError | None]:
    try:
        return files.parse(data)[0], None
    except FileError as error:
        return None, error


def flipped(data: bytes, pick: random.Random) -> bytes:
    """One to eight bytes are others."""
    broken = bytearray(data)
    for _ in range(pick.randint(1, 8)):
        broken[pick.randrange(len(broken))] = pick.randrange(256)
    return bytes(broken)


def cut_out(data: bytes, pick: random.Random) -> bytes:
    """A piece is missing."""
    begin, end = sorted((pick.randrange(len(data)), pick.randrange(len(data))))
    return data[:begin] + data[end:]


def doubled(data: bytes, pick: random.Random) -> bytes:
    """A piece is there twice, or stands where another one stood."""
    begin, end = sorted((pick.randrange(len(data)), pick.randrange(len(data))))
    place = pick.randrange(len(data))
    return data[:place] + data[begin : min(end, begin + 400)] + data[place if pick.random() < 0.5 else end :]


def spiked(data: bytes, pick: random.Random) -> bytes:
    """Pieces that mean something stand where they should not."""
    for _ in range(pick.randint(1, 3)):
        place = pick.randrange(len(data))
        data = data[:place] + pick.choice(FRAGMENTS) + data[place + pick.choice((0, 0, 1, 5)) :]
    return data


def retyped(data: bytes, pick: random.Random) -> bytes:
    """A value anywhere in the tree is of another kind, a key is missing or has another name."""
    tree = json.loads(data)
    for _ in range(pick.randint(1, 3)):
        holders = [node for node in _nodes(tree) if node]
        node = pick.choice(holders)
        key = pick.choice(list(node) if isinstance(node, dict) else range(len(node)))
        if isinstance(node, dict) and pick.random() < 0.3:
            node[pick.choice(["id", "type", "config", "layout", "", "_layout"])] = node.pop(key)
        else:
            node[key] = pick.choice(
                [None, True, -1, 1e308, 10**400, "", "a", [], {}, [[]], {"x": {}}, "<A.b>", "\u2028"]
            )
    return json.dumps(tree).encode()


def _nodes(value: object) -> Iterator[dict[str, object] | list[object]]:
    if isinstance(value, dict | list):
        yield value  # pyright: ignore[reportReturnType]
        for item in value.values() if isinstance(value, dict) else value:
            yield from _nodes(item)


MUTATIONS: list[Callable[[bytes, random.Random], bytes]] = [flipped, cut_out, doubled, spiked, retyped]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda item: item.__name__)
def test_broken_files_are_opened_or_refused_in_words(mutation: Callable[[bytes, random.Random], bytes]) -> None:
    """Whatever is broken in whatever shape of file; what opens can be saved and opens again as the same."""
    pick = random.Random(f"{SEED} {mutation.__name__}")
    originals = [path.read_bytes() for path in EXAMPLES]
    originals += [json.dumps(json.loads(data)).encode() for data in originals]
    opened = 0
    for number in range(INPUTS // len(MUTATIONS)):
        data = mutation(pick.choice(originals), pick)
        try:
            workflow = read(data)
            if workflow is not None:
                opened += 1
                if number % 10 == 0:
                    saved = files.encode(workflow)
                    assert files.encode(files.parse(saved)[0]) == saved
        except Exception as error:
            raise AssertionError(f"seed {SEED}, {mutation.__name__}, input {number}: {data!r}") from error
    assert opened < INPUTS


@pytest.mark.parametrize("number", [10**400, -(10**400), 1e308, 10**9, -1e9])
def test_a_coordinate_of_any_size_is_read(number: float) -> None:
    """A block that stands nowhere is shown at the start, and its place is kept."""
    place = {"x": number, "y": 5}
    workflow = read(json.dumps({"blocks": [{"id": "a", "type": "t", "position": place}]}).encode())

    assert workflow is not None
    assert (workflow.block("a").x, workflow.block("a").y) == (0.0, 5.0)
    assert json.loads(files.encode(workflow))["layout"]["a"] == place


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_a_file_cut_off_at_any_byte_is_refused(path: Path) -> None:
    """A shorter file is never taken for a smaller workflow; the end that is missing is told."""
    data = path.read_bytes()
    end = len(data.rstrip())
    step = max(1, end // 2_000)

    for length in (*range(0, end - 50, step), *range(max(0, end - 50), end)):
        assert read(data[:length]) is None


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_opened_or_refused(data: bytes) -> None:
    """Also such as were never a file of anybody."""
    read(data)


@given(st.sampled_from(EXAMPLES), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_flipped_bytes_are_found_at_their_smallest(path: Path, flips: list[tuple[float, int]]) -> None:
    """As above, by a tool that makes a failure small."""
    data = bytearray(path.read_bytes())
    for place, byte in flips:
        data[min(int(place * len(data)), len(data) - 1)] = byte
    read(bytes(data))


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 5_000_000,
        b'{"a":' * 1_000_000,
        b'"' + b"\\u0041" * 1_000_000,
        b'{"blocks": [' + b"{}," * 99_000 + b"{}]}",
        b'{"blocks": [], "k": "' + b"\\" * 3_000_001,
        b'{"blocks": [], ' + b", ".join(b'"%d": %d' % (number, number) for number in range(200_000)) + b"}",
        b'{"blocks": [], "n": ' + b"9" * 1_000_000 + b"}",
        b'{"blocks": [], "x": NaN, "deep": ' + b"[" * 190 + b"NaN" + b"]" * 190 + b"}",
        b" " * 10_000_000,
        b"\n" * 1_000_000 + b"x",
    ],
    ids=["lists", "objects", "escapes", "empty blocks", "backslashes", "keys", "digits", "nan", "blank", "lines"],
)
def test_large_inputs_take_no_time_that_hurts(data: bytes) -> None:
    """Megabytes of one thing are read or refused within a few seconds."""
    began = time.perf_counter()

    workflow, error = parsed(data)

    assert workflow is not None or (error is not None and error.place)
    assert time.perf_counter() - began < 10
