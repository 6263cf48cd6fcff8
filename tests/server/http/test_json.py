"""JSON from the network: what is taken, what is refused, and that nothing makes the reader fall over."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.server.http.json import OFF_LOOP_SIZE, BadJson, read_json, read_json_leniently, read_json_off_loop

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4))


@given(values, st.booleans(), st.sampled_from([None, 2]))
def test_every_value_is_read_as_the_standard_library_writes_it(
    value: Any, ascii_only: bool, indent: int | None
) -> None:
    """Escapes, colons in texts and layout make no difference."""
    data = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()

    assert read_json(data) == value


@given(st.binary(max_size=40) | texts.map(str.encode) | values.map(lambda value: json.dumps(value).encode()[:-1]))
def test_no_bytes_make_the_reader_fail_otherwise(data: bytes) -> None:
    """Anything is either a value or `BadJson`; the lenient reader takes anything."""
    try:
        expected = read_json(data)
    except BadJson:
        expected = {}

    assert expected in ({}, asyncio.run(read_json_leniently(data)))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b'{"a": NaN}', "line 1, column 7 (a): NaN is not a JSON value"),
        (b"[1, Infinity]", "column 5"),
        (b"1e999", "too large"),
        (b'"\\ud800"', "half a character"),
        (b'"\xed\xa0\x80"', "byte 2 is not UTF-8"),
        (b'{"a": "x\\u0000"}', "NUL"),
        (b"1" * 5_000, "5000 digits"),
        (b'{"a": 1, "b": {"c": "http://x", "c": 2}}', '(b.c): the key "c" stands twice'),
        (b'{"a": 1, "\\u0061": 2}', 'the key "a" stands twice'),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b"[" * 201 + b"]" * 201, "nested"),
        (b"[" * 10_000 + b"]" * 10_000, "nested"),
        (b'{"a":' * 100_000, "nested"),
        (b"{} x", "ends before this"),
        (b"{'a': 1}", "double quotes"),
    ],
    ids=lambda value: repr(value[:24]),
)
def test_what_cannot_be_kept_is_refused_with_its_place(data: bytes, words: str) -> None:
    """Each of these would be lost, changed or refused further on; the sender is told where it stands."""
    with pytest.raises(BadJson) as caught:
        read_json(data)

    assert words in str(caught.value)


def test_what_only_looks_doubtful_is_read() -> None:
    """A backslash before `u0000`, colons in texts, 200 levels and 400 digits are ordinary JSON."""
    assert read_json(b'"\\\\u0000"') == "\\u0000"
    assert read_json(b'{"a:b": "c:\\":d"}') == {"a:b": 'c:":d'}
    assert read_json(b"[" * 200 + b"]" * 200)
    assert read_json(b"1" * 400) == int("1" * 400)


async def _read_beside_a_heartbeat(data: bytes) -> tuple[Any, int]:
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0)

    heart = asyncio.create_task(beat())
    value = await read_json_off_loop(data)
    heart.cancel()
    return value, beats


def test_much_json_is_read_beside_the_event_loop() -> None:
    """While a graph of some megabytes is parsed, other requests go on."""
    blocks = [{"id": str(number), "config": {"url": "http://x"}} for number in range(20_000)]
    data = json.dumps(blocks).encode()
    assert len(data) > OFF_LOOP_SIZE

    value, beats = asyncio.run(_read_beside_a_heartbeat(data))

    assert value == blocks
    assert beats > 1


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"", {}), (b"hello", {}), (b'{"a": NaN}', {}), (b'{"a": "x\\u0000"}', {"a": "x\ufffd"}), (b"[1]", [1])],
)
def test_a_webhook_takes_what_is_no_json_as_an_empty_object(data: bytes, expected: Any) -> None:
    """Contract 2.9, check 7; NUL, which no database keeps, is replaced."""
    assert asyncio.run(read_json_leniently(data)) == expected
