"""Previews: the beginning of a value or an event, for whoever stores or sends it."""

import json
import time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.document import Json
from engine.events import (
    BlockChunk,
    BlockFinished,
    BlockSkipped,
    BlockStarted,
    RunFinished,
    RunStarted,
    decode_event,
    encode_event,
    preview,
)
from engine.previews import CUT, preview_of, size_up_to

texts = st.text(max_size=60)
json_values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(texts, inner, max_size=8),
    max_leaves=40,
)


@given(json_values, st.integers(0, 400))
def test_a_preview_is_as_large_as_asked_and_no_larger(value: Json, limit: int) -> None:
    """About: a few marks of what was left out may come on top, whatever the shape of the value."""
    shown = preview_of(value, limit)

    assert size_up_to(shown, 10**9) <= 2 * limit + 250
    json.dumps(shown)


@given(json_values)
def test_what_fits_is_returned_itself(value: Json) -> None:
    """No copy is made, so a preview costs nothing for the values that runs mostly have."""
    assert preview_of(value, 10**6) is value


@given(json_values, st.integers(0, 100))
def test_sizes_are_counted_up_to_a_limit(value: Json, limit: int) -> None:
    """Above it the number means no more than "more"."""
    whole = size_up_to(value, 10**9)

    assert (size_up_to(value, limit) > limit) is (whole > limit)


def test_small_parts_stay_whole_beside_a_huge_one() -> None:
    """A status next to a large body is worth more than another line of the body; keys keep their order."""
    shown = preview_of({"output": "x" * 10_000, "status_code": 200, "headers": {"a": "b"}}, 100)

    assert list(shown) == ["output", "status_code", "headers"]
    assert (shown["status_code"], shown["headers"]) == (200, {"a": "b"})
    assert shown["output"].endswith(CUT)
    assert 20 < len(shown["output"]) < 100


def test_what_is_left_out_is_told() -> None:
    """How many more items there are, in lists and in objects."""
    assert preview_of(list(range(10_000)), 50)[-1].endswith(" more")
    assert preview_of({f"key {number}": number for number in range(10_000)}, 50)[CUT].endswith(" more")


def test_time_goes_by_what_is_asked_not_by_the_value() -> None:
    """A million rows are cut as quickly as a thousand."""
    rows = [{"id": number, "text": "x" * 50} for number in range(200_000)]
    began = time.perf_counter()

    shown = preview_of({"output": rows, "again": [rows, rows]}, 5_000)

    assert time.perf_counter() - began < 0.5
    assert len(json.dumps(shown)) < 12_000


def test_an_event_that_fits_is_sent_as_it_is() -> None:
    """The very object, so that most events cost a look and nothing else."""
    event = BlockFinished(1, 0.0, block_id="b", result={"output": "x" * 100})

    assert preview(event, 1000) is event


def test_a_large_event_is_cut_and_says_so() -> None:
    """The copy is marked and can be written and read; the whole event is left alone for followers here."""
    whole = BlockFinished(7, 1.0, block_id="b", result={"output": "x" * 10_000, "n": 1}, duration_ms=2.0, error="e")

    sent = preview(whole, 500)

    assert isinstance(sent, BlockFinished)
    assert (sent.is_preview, whole.is_preview) == (True, False)
    assert (sent.seq, sent.block_id, sent.duration_ms, sent.error, sent.result["n"]) == (7, "b", 2.0, "e", 1)
    assert len(encode_event(sent)) < 800
    assert decode_event(encode_event(sent)) == sent
    assert len(whole.result["output"]) == 10_000


def test_every_large_value_of_every_kind_of_event_is_cut() -> None:
    """Variables, configs, pieces of text, results and outputs; ids, reasons and times never."""
    big = {"k": "x" * 5_000}
    events: list[Any] = [
        RunStarted(1, 0.0, run_id="r", variables=big),
        BlockStarted(2, 0.0, block_id="b", config=big),
        BlockChunk(3, 0.0, block_id="b", text="x" * 5_000),
        BlockFinished(4, 0.0, block_id="b", result=big),
        RunFinished(5, 0.0, status="completed", output=[big]),
    ]

    assert all(len(encode_event(preview(event, 300))) < 700 for event in events)
    skipped = BlockSkipped(6, 0.0, block_id="b", reason="disabled", text="off")
    assert preview(skipped, 300) is skipped
