"""Events as JSON: what is written is read again."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events import (
    AnyEvent,
    BlockChunk,
    BlockFailed,
    BlockFinished,
    BlockRetrying,
    BlockSkipped,
    BlockStarted,
    RunFinished,
    RunStarted,
    decode_event,
    decode_events,
    encode_event,
)

KINDS: list[type[Any]] = [
    RunStarted,
    BlockStarted,
    BlockChunk,
    BlockRetrying,
    BlockFinished,
    BlockFailed,
    BlockSkipped,
    RunFinished,
]
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=3)


def any_event() -> st.SearchStrategy[AnyEvent]:
    given: dict[str, st.SearchStrategy[Any]] = {
        "seq": st.integers(1, 2**40),
        "at": st.floats(0, 2e9),
        "delay_s": st.floats(0, 1e6),
        "duration_ms": st.floats(0, 1e9),
        "attempt": st.integers(1, 99),
        "blocks": st.lists(TEXTS, max_size=3).map(tuple),
        "inputs": st.lists(TEXTS, max_size=3).map(tuple),
        "warnings": st.lists(TEXTS, max_size=3).map(tuple),
        "is_preview": st.booleans(),
        "variables": OBJECTS,
        "config": OBJECTS,
        "result": OBJECTS,
        "output": VALUES,
        "stream": st.sampled_from(["output", "print"]),
        "reason": st.sampled_from(["disabled", "not-taken", "cancelled"]),
        "status": st.sampled_from(["completed", "failed", "cancelled"]),
    }
    return st.one_of(
        st.builds(kind, **{name: given.get(name, TEXTS) for name in kind.__struct_fields__}) for kind in KINDS
    )


@given(any_event())
def test_any_event_is_read_as_it_was_written(event: AnyEvent) -> None:
    """One line of JSON holds all of an event."""
    line = encode_event(event)

    assert decode_event(line) == event
    assert b"\n" not in line
    assert json.loads(line)["type"] == type(event).__name__


def test_defaults_are_left_out() -> None:
    """A recorded run stays small."""
    line = encode_event(BlockChunk(3, 1.5, block_id="b", text="t"))

    assert json.loads(line) == {"type": "BlockChunk", "seq": 3, "at": 1.5, "block_id": "b", "text": "t"}


def test_a_recorded_run_is_read_line_by_line() -> None:
    """Empty lines are passed over."""
    events: list[AnyEvent] = [RunStarted(1, 0.0, run_id="r"), RunFinished(2, 1.0, status="completed")]

    assert decode_events([encode_event(events[0]), b"", b"\n", encode_event(events[1])]) == events


@pytest.mark.parametrize(
    "line", [b"", b"{}", b'{"type": "Nothing", "seq": 1, "at": 0}', b'{"type": "RunFinished"}', b"\xff"]
)
def test_what_is_no_event_is_refused(line: bytes) -> None:
    """A damaged line is an error and never half an event."""
    with pytest.raises(msgspec.DecodeError):
        decode_event(line)


def test_events_cannot_be_changed() -> None:
    """They are frozen, so they can be shared between threads."""
    event = BlockFailed(1, 0.0, block_id="b", error="e")

    with pytest.raises(AttributeError):
        event.error = "other"  # type: ignore[misc]
