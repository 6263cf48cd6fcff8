"""What may travel between blocks, block by block: JSON passes, all else is an error with a place, or is converted."""

import asyncio
import datetime
import json
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.blocks import Catalog, default_catalog
from engine.blocks._spec import BlockType, Outcome
from engine.document import Block, Edge, Json, JsonObject, Workflow
from engine.errors import BlockError, RunError
from engine.events import AnyEvent, BlockFinished, decode_event, encode_event
from engine.run import values
from engine.run.runner import run
from engine.run.values import JsonGuard
from engine.runstate import RunState, replay

CIRCLE: list[Any] = []
CIRCLE.append({"again": CIRCLE})
DEEP: list[Any] = []
for _ in range(100_000):
    DEEP = [DEEP]
LAUGHS: list[Any] = ["ha" * 100]
for _ in range(40):
    LAUGHS = [LAUGHS, LAUGHS]

BAD: dict[str, tuple[Any, str, str]] = {
    "nan": ([1, {"b": float("nan")}], "output[1].b", "nan"),
    "infinity": ({"a": float("inf")}, "output.a", "inf"),
    "surrogate": (["\ud800"], "output[0]", "surrogate"),
    "surrogate key": ({"\udfff": 1}, "output", "surrogate"),
    "huge integer": ([10**5000], "output[0]", "4300 digits"),
    "huge negative integer": (-(10**4300), "output", "4300 digits"),
    "bytes": ({"a": b"x"}, "output.a", "decode it to text"),
    "date": ([datetime.date(2026, 1, 1)], "output[0]", "isoformat"),
    "datetime": (datetime.datetime(2026, 1, 1), "output", "isoformat"),
    "decimal": (Decimal("1.5"), "output", "number or text"),
    "set": ({1}, "output", "list"),
    "tuple": ([(1, 2)], "output[0]", "list"),
    "complex": (1j, "output", "complex"),
    "object": (object(), "output", "object"),
    "key that is no text": ({"a": [{1: 2}]}, "output.a[0]", "key"),
    "circle": (CIRCLE, "", "contains itself"),
    "depth": (DEEP, "", "200 levels"),
    "size": (LAUGHS, "", "128 MB"),
}


def ran(*blocks: Block, catalog: Catalog | None = None, variables: Any = None) -> RunState:
    """The blocks one after another, with events that are written and read again on the way."""
    edges = {block.id: Edge(block.id, before.id, block.id) for before, block in pairwise(blocks)}
    workflow = Workflow(blocks={block.id: block for block in blocks}, edges=edges)
    events: list[AnyEvent] = []
    asyncio.run(run(workflow, lambda event: events.append(decode_event(encode_event(event))), catalog=catalog,
                    variables=variables))  # fmt: skip
    return replay(events)


def giving(value: Any) -> Catalog:
    """The usual blocks, `give`, which gives this value, and `give_later`, which waits first."""

    async def later(_ctx: Any, _config: JsonObject) -> Outcome:
        await asyncio.sleep(0)
        return Outcome({"output": value})

    def made(name: str, run: Any) -> BlockType:
        return BlockType(name, name, "", "Data", "code", "grey", run=run)

    now = made("give", lambda _ctx, _config: Outcome({"output": value}))
    return Catalog([*default_catalog(), now, made("give_later", later)])


@pytest.mark.parametrize("kind", ["give", "give_later"])
@pytest.mark.parametrize("name", BAD)
def test_what_is_no_json_fails_its_block_with_a_place_and_a_cure(name: str, kind: str) -> None:
    """Whatever block gave it; the run goes on, and what comes after is skipped."""
    value, place, words = BAD[name]

    state = ran(Block("a", kind, "A"), Block("b", "response", "B"), catalog=giving(value))

    assert state.status == "completed"
    assert (state.blocks["a"].status, state.blocks["b"].status) == ("failed", "skipped")
    assert place in str(state.blocks["a"].error)
    assert words in str(state.blocks["a"].error)


@pytest.mark.parametrize("name", BAD)
def test_run_variables_are_json_or_the_run_does_not_begin(name: str) -> None:
    """Before any event, with the name of the variable where there is a place."""
    value, place, words = BAD[name]

    with pytest.raises(RunError, match="run variables") as caught:
        ran(Block("s", "starter", "S"), variables={"output": value})

    assert place in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize("variables", [[], "text", 5, [("a", 1)]])
def test_run_variables_are_an_object(variables: Any) -> None:
    """A list or a text is told as such (contract 2.7)."""
    with pytest.raises(RunError, match="an object of names and values"):
        ran(Block("s", "starter", "S"), variables=variables)


FINE: dict[str, Any] = {
    "large integer": 10**400,
    "largest integer": 10**4300 - 1,
    "small float": 5e-324,
    "large float": 1.7976931348623157e308,
    "astral": "😀\U0010ffff",
    "nul": "a\0b",
    "bool keys": {"true": True, "": None},
    "199 levels": None,
}
value: Any = "x"
for _ in range(198):
    value = [value]
FINE["199 levels"] = value


@pytest.mark.parametrize("kind", ["starter", "webhook", "split", "condition", "response"])
@pytest.mark.parametrize("name", FINE)
def test_every_json_value_passes_through_every_pure_block(kind: str, name: str) -> None:
    """As a run variable, through a reference, and out again, with its type kept."""
    given: Json = FINE[name]
    config = {
        "split": {"input": "<S.output.v>"},
        "response": {"output": "<S.output.v>"},
        "condition": {"branches": [{"expression": "<S.output.v> == v"}]},
    }.get(kind, {})

    state = ran(
        Block("s", "starter", "S"),
        Block("x", kind, "X", config=config),
        Block("r", "response", "R", config={"output": ["<X.output>", "<S.output.v>"]}),
        variables={"v": given},
    )

    expected = {"condition": True, "starter": {"v": given}, "webhook": {"v": given}}.get(kind, given)
    assert state.output == [expected, given]


@pytest.mark.parametrize("name", [name for name in BAD if name not in ("circle", "depth", "size")])
@pytest.mark.parametrize(
    "kind", ["starter", "webhook", "split", "condition", "response", "general_api", "agent", "code"]
)
def test_a_config_that_is_no_json_breaks_no_run(kind: str, name: str) -> None:
    """Documents made by programs may hold anything: the block fails or passes, its events can be written."""
    keys = ("input", "output", "branches", "url", "body", "headers", "code", "status", "timeout", "extra")

    state = ran(Block("x", kind, "X", config=dict.fromkeys(keys, BAD[name][0])), Block("r", "response", "R"))

    assert state.status == "completed"


def test_an_event_can_always_be_written() -> None:
    """Texts with halves of characters, and results nobody checked, become something that can be sent."""
    odd: JsonObject = {"a": "x\ud800", "b": float("nan"), "c": 10**5000, "d": {1, 2}, "e": DEEP, "f": b"x"}  # type: ignore[dict-item]

    line = encode_event(BlockFinished(1, 0.0, block_id="b\udfff", result={**odd, "\ud800": CIRCLE}, error="e\ud800"))

    found = decode_event(line)
    assert isinstance(found, BlockFinished)
    assert (found.block_id, found.error, found.result["a"], found.result["b"]) == (
        "b\ufffd",
        "e\ufffd",
        "x\ufffd",
        None,
    )
    assert "bits" in found.result["c"]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
numbers = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
json_values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)


@given(json_values)
def test_all_json_passes_the_guard(value: Json) -> None:
    """At once and in turns, whatever its shape, also when parts of it are shared."""
    guard = JsonGuard()

    guard.check({"output": value, "again": value, "list": [value, value]})
    asyncio.run(guard.check_in_turns({"output": [value], "more": {"k": value}}))


@given(json_values, st.sampled_from([float("nan"), "\ud800", b"", {1}, 1j, {1: 2}]), st.lists(st.integers(0, 9)))
def test_one_bad_value_anywhere_is_found(value: Json, bad: Any, way: list[int]) -> None:
    """However deep, and also beside values that are known already."""
    guard, kept = JsonGuard(), {"known": value}
    guard.check(kept)  # and it lives on, as results of a run do
    for step in way:
        bad = [value, bad] if step % 2 else {"a": value, "b": bad}

    for check in (guard.check, lambda result: asyncio.run(guard.check_in_turns(result))):
        with pytest.raises(BlockError):
            check({"first": value, "output": bad})


def test_what_passed_is_not_walked_again() -> None:
    """A value that goes through a thousand blocks is looked at once."""
    guard, rows = JsonGuard(), [[number] for number in range(50_000)]
    guard.check({"output": rows})

    sizes = [len(guard._known)]
    for _ in range(1000):
        guard.check({"output": rows, "wrapped": rows})
        sizes.append(len(guard._known))

    assert sizes[0] == sizes[-1]


def test_all_results_of_a_run_together_have_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Text that doubles in every block ends in words before memory does."""
    monkeypatch.setattr(values, "MAX_RUN_SIZE", 1_000_000)
    blocks = [Block("b0", "split", "B0", config={"input": "x" * 100_000})]
    blocks += [
        Block(f"b{i}", "split", f"B{i}", config={"input": f"<B{i - 1}.output>-<B{i - 1}.output>"}) for i in range(1, 9)
    ]

    state = ran(*blocks)

    failed = [run for run in state.blocks.values() if run.status == "failed"]
    assert len(failed) == 1
    assert "pass on less" in str(failed[0].error)


def test_a_text_with_references_has_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """It fails its block instead of being made."""
    monkeypatch.setattr("engine.references.MAX_TEXT", 1000)

    state = ran(
        Block("a", "split", "A", config={"input": "x" * 600}),
        Block("b", "split", "B", config={"input": "<A.output> <A.output>"}),
    )

    assert "1,201 characters" in str(state.blocks["b"].error)


@given(json_values)
def test_sizes_are_about_those_of_the_json(value: Json) -> None:
    """The estimate is of the order of what is written, so that limits mean something."""
    guard = JsonGuard()
    guard.check({"output": [value]})

    written = len(json.dumps(value, ensure_ascii=False))
    assert max(guard._known.values()) <= 20 * written + 200
