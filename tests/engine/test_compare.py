"""A run here against a run on a server: what is told, and what is noise."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.compare import ABSENT, MAX_VALUES, Difference, differences
from engine.document import Json
from engine.runstate import BlockRun, RunState
from tests.engine.strategies import objects, values


def state(*runs: BlockRun, output: Json = None, status: str = "completed") -> RunState:
    return RunState(status=status, blocks={run.block_id: run for run in runs}, output=output)  # type: ignore[arg-type]


def done(block_id: str, output: Json = None, **more: Json) -> BlockRun:
    return BlockRun(block_id, "done", block_name=block_id.title(), result={"output": output, **more})


def one(local: RunState, remote: RunState) -> Difference:
    (found,) = differences(local, remote)
    return found


def test_a_value_is_told_by_its_path_on_both_sides() -> None:
    """Objects and lists are walked, so that the sentence names the one value that differs."""
    local = state(done("ask", {"items": [1, {"name": "a"}]}))
    remote = state(done("ask", {"items": [1, {"name": "b"}]}))

    found = one(local, remote)

    assert (found.kind, found.block_id, found.path) == ("result", "ask", "output.items[1].name")
    assert (found.local, found.remote) == ("a", "b")
    assert found.text == "“Ask”: output.items[1].name is “a” here and “b” on the server."


def test_what_is_missing_is_told() -> None:
    """A key or list item of one side alone, and a block of one side alone."""
    found = differences(state(done("a", [1]), done("b")), state(done("a", [1, 2]), done("c")))

    assert [(item.kind, item.block_id, item.path) for item in found] == [
        ("result", "a", "output[1]"),
        ("missing", "b", ""),
        ("missing", "c", ""),
    ]
    assert found[0].local is ABSENT
    assert found[0].text == "“A”: output[1] is missing here and 2 on the server."
    assert found[2].text == "“C” is part of the run on the server only."


def test_another_ending_says_why_and_hides_the_result() -> None:
    """A block that failed there has no result to compare; its error is the news."""
    failed = BlockRun("a", "failed", block_name="A", error="no such host")

    found = one(state(done("a", 1)), state(failed))

    assert (found.local, found.remote) == ("done", "failed")
    assert found.text == "“A” ran here and failed on the server: “no such host”"


def test_errors_that_are_reported_are_compared() -> None:
    """Both ran, one of them with an error in its result."""
    reported = replace(done("a"), error="timed out")

    assert one(state(done("a")), state(reported)).text == "“A” reports an error on the server only: “timed out”"
    assert differences(state(reported), state(reported)) == []


@pytest.mark.parametrize("key", ["usage", "_debug", "duration_ms", "warnings"])
def test_cost_time_and_explanations_are_noise(key: str) -> None:
    """They differ every time, or are told by one kind of server only."""
    local = replace(done("a", 1, **{key: {"n": 1}}), duration_ms=3.0, started_at=1.0, text="abc", order=4)

    assert differences(state(local), state(done("a", 1.0))) == []


def test_many_values_are_counted() -> None:
    """A long list of differences ends with how many more there are."""
    found = differences(state(done("a", [0] * 100)), state(done("a", [1] * 100)))

    assert len(found) == MAX_VALUES + 1
    assert found[-1].text == "“A” differs in 80 more values."


def test_the_run_as_a_whole_comes_last() -> None:
    """Its status, or else its output."""
    assert (
        one(state(output={"x": 1}), state(output={"x": True})).text
        == "The run: output.x is 1 here and true on the server."
    )
    ended = replace(state(status="failed"), error="Execution timed out after 300s")
    assert one(state(), ended).text == (
        "The run was completed here and failed on the server: “Execution timed out after 300s”"
    )


runs = st.lists(st.builds(done, st.sampled_from("abc"), values), max_size=3, unique_by=lambda run: run.block_id)


@given(runs, runs, objects)
def test_it_is_fair_and_finds_nothing_in_the_same(
    one_side: list[BlockRun], other: list[BlockRun], output: Json
) -> None:
    """A run does not differ from itself; swapping sides swaps the values and finds as much."""
    here, there = state(*one_side, output=output), state(*other)

    assert differences(here, here) == []
    swapped = [(item.block_id, item.remote, item.local) for item in differences(there, here)]
    found = [(item.block_id, item.local, item.remote) for item in differences(here, there)]
    assert sorted(map(repr, found)) == sorted(map(repr, swapped))
