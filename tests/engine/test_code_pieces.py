"""JSON of large values in pieces: the same text and values as at once, without holding anybody up."""

import asyncio
import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.code import CodeResult, CodeRunner, pieces
from engine.code.messages import Answer, WorkerMisbehaved, message_in, output_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
GROWTH = st.sampled_from([1, 3, 1100])


def grown(value: Any, times: int) -> Any:
    """The value made large in each way that it can be."""
    if isinstance(value, str):
        return value * times
    if isinstance(value, list):
        return value * times
    return (
        {f"{key}{n}": item for key, item in value.items() for n in range(times)} if isinstance(value, dict) else value
    )


@given(JSON, GROWTH, GROWTH)
def test_pieces_are_the_whole(value: Any, outer: int, inner: int) -> None:
    """Whatever its size and shape, a value comes back equal, and its pieces are the JSON that any reader takes."""
    large = grown([grown(value, inner), value], outer if inner < 1000 else 1)

    text = b"".join(pieces.encode(large))

    assert pieces.decode(text) == large
    assert json.loads(text) == large
    assert pieces.decode(memoryview(text).tobytes()) == msgspec.json.decode(text)


@given(JSON)
def test_large_means_about_a_quarter_megabyte(value: Any) -> None:
    """The estimate takes nothing small for large, and nothing of more than a megabyte for small."""
    size = len(msgspec.json.encode(value))

    assert not pieces.is_large([value]) or size > pieces.LARGE // 64
    assert pieces.is_large([[value, "x" * (1 << 20)]])
    assert pieces.is_large([[value]] * 10_000)


@pytest.mark.parametrize("value", ["\ud800" * 100_000, {"a": {1: 2}}, [object()], {"a" * 100_000: b"\xff", 5: 1}])
def test_what_is_no_json_is_an_error_at_any_size(value: Any) -> None:
    """Half characters, keys that are no text, and other objects are refused."""
    with pytest.raises((ValueError, TypeError)):
        pieces.encode(value)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"{}",
        b"[" * 100_000,
        b'{"kind":"answer","output":1}',
        b'{"kind":"answer","output":1,"error":null,"limit":"sky"}',
        b'{"kind":"other","output":1,"error":null,"limit":null}',
        b'{"kind":"answer","output":tru,"error":null,"limit":null}',
        b'{"kind":"call","url":"x"}',
        b"\xff" * 100_000,
    ],
)
def test_a_frame_is_a_message_or_misbehaviour(frame: bytes) -> None:
    """What does not have the shape of a message is none."""
    with pytest.raises(WorkerMisbehaved):
        message_in(frame)


@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_any_output_is_a_value_or_misbehaviour(output: bytes) -> None:
    """No bytes in the place of a value bring down their reader."""
    frame = b'{"kind":"answer","error":null,"limit":null,"output":' + output + b"}"
    try:
        message = message_in(frame)
        assert isinstance(message, Answer)
        output_of(message)
    except WorkerMisbehaved as misbehaved:
        assert str(misbehaved).startswith("its answer is")  # noqa: PT017  either end is right


@pytest.mark.parametrize("depth", [190, 100_000])
@pytest.mark.parametrize("padding", ["", "x" * 100_000])
def test_depth_is_judged_at_any_size(depth: int, padding: str) -> None:
    """A value of 200 levels passes, one of many more is refused without a fall, also in pieces."""
    frame = b'{"kind":"answer","error":null,"limit":null,"output":%s"%s"%s}' % (
        b"[" * depth,
        padding.encode(),
        b"]" * depth,
    )

    if depth < 200:
        assert output_of(message_in(frame)) is not None  # type: ignore[arg-type]
    else:
        with pytest.raises(WorkerMisbehaved):
            output_of(message_in(frame))  # type: ignore[arg-type]


@pytest.mark.slow
def test_fifty_megabytes_do_not_hold_the_loop() -> None:
    """While 50 MB go into a block and 8 MB come out, the loop is never away for long."""
    rows = [{"id": number, "text": "x" * 900} for number in range(50_000)]
    text = "ä\n" * (12 << 20)
    gaps: list[float] = []

    async def beat() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            gaps.append(time.perf_counter() - before)

    async def go() -> CodeResult:
        async with CodeRunner() as code:
            await code.run("output = 1", {}, {})
            pulse = asyncio.create_task(beat())
            result = await code.run("output = A['rows'][:9000]", {"A": {"rows": rows}}, {})
            await code.run("B; output = 1", {"B": {"text": text}}, {})
            pulse.cancel()
            return result

    result = asyncio.run(go())

    assert result.output == rows[:9000]
    assert max(gaps) < 0.25
