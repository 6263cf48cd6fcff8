"""The fold: what is known of a run after its events."""

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
)
from engine.runstate import MAX_KEPT_TEXT, RunState, replay


def begun(*more: AnyEvent) -> RunState:
    """A run of the blocks a, b and c, and what happened next."""
    start = RunStarted(1, 100.0, run_id="r", workflow_name="W", variables={"n": 1}, blocks=("a", "b", "c"))
    return replay([start, *more])


def test_all_blocks_wait_at_first() -> None:
    """A run that has begun knows its blocks in the order of the plan."""
    state = begun()

    assert [(run.block_id, run.status) for run in state.blocks.values()] == [(name, "waiting") for name in "abc"]
    assert (state.run_id, state.workflow_name, state.variables, state.started_at) == ("r", "W", {"n": 1}, 100.0)
    assert not state.is_finished


def test_a_block_that_runs_and_ends() -> None:
    """Its config, inputs, text, result and time are kept."""
    state = begun(
        BlockStarted(2, 101.0, block_id="a", block_type="t", block_name="A", config={"k": 1}),
        BlockChunk(3, 101.1, block_id="a", text="one "),
        BlockChunk(4, 101.2, block_id="a", text="two"),
        BlockChunk(5, 101.2, block_id="a", text="p", stream="print"),
        BlockFinished(6, 102.0, block_id="a", result={"output": 1}, duration_ms=5.0),
        BlockStarted(7, 102.0, block_id="b", inputs=("a",)),
    )

    run = state.blocks["a"]
    assert (run.status, run.config, run.text, run.printed) == ("done", {"k": 1}, "one two", "p")
    assert (run.result, run.started_at, run.duration_ms) == ({"output": 1}, 101.0, 5.0)
    assert state.inputs_of("b") == {"a": {"output": 1}}
    assert state.inputs_of("nobody") == {}


def test_a_reported_failure_is_done_with_an_error() -> None:
    """It counts among the failed blocks as one that raised does."""
    state = begun(
        BlockStarted(2, 1.0, block_id="a"),
        BlockFinished(3, 1.0, block_id="a", result={"output": None, "error": "e"}, error="e"),
        BlockStarted(4, 1.0, block_id="b"),
        BlockFailed(5, 1.0, block_id="b", error="f"),
    )

    assert [(run.block_id, run.status, run.error) for run in state.failed_blocks] == [
        ("a", "done", "e"),
        ("b", "failed", "f"),
    ]


def test_another_attempt_begins_anew() -> None:
    """Text of the attempt before is gone, the place in the order and the time of the first start stay."""
    state = begun(
        BlockStarted(2, 1.0, block_id="a"),
        BlockChunk(3, 1.0, block_id="a", text="half"),
        BlockRetrying(4, 2.0, block_id="a", attempt=1, error="no", delay_s=1.0),
        BlockStarted(5, 3.0, block_id="a", attempt=2),
    )

    run = state.blocks["a"]
    assert (run.status, run.attempt, run.text, run.error, run.started_at, run.order) == ("running", 2, "", None, 1.0, 0)


def test_a_skipped_block_says_why() -> None:
    """The sentence and the block that decided it; skips and starts share one order."""
    state = begun(
        BlockSkipped(2, 1.0, block_id="b", reason="disabled", text="off", because_of="b"),
        BlockStarted(3, 1.0, block_id="a"),
    )

    run = state.blocks["b"]
    assert (run.status, run.skip_text, run.because_of, run.order) == ("skipped", "off", "b", 0)
    assert state.blocks["a"].order == 1


def test_each_event_tells_what_changed() -> None:
    """A block's event names it, the first names all, the last those that are left open."""
    state = RunState()

    assert state.fold(RunStarted(1, 0.0, run_id="r", blocks=("a", "b"))) == {"a", "b"}
    assert state.fold(BlockStarted(2, 0.0, block_id="a")) == {"a"}
    assert state.fold(BlockFinished(3, 0.0, block_id="a", result={})) == {"a"}
    assert state.fold(RunFinished(4, 0.0, status="completed", output=7)) == {"b"}
    assert (state.status, state.output, state.is_finished) == ("completed", 7, True)


def test_a_repeated_event_changes_nothing() -> None:
    """Asking again for events never counts one twice."""
    state = begun(BlockStarted(2, 1.0, block_id="a"))
    chunk = BlockChunk(3, 1.0, block_id="a", text="x")

    state.fold(chunk)

    assert state.fold(chunk) == frozenset()
    assert state.blocks["a"].text == "x"


def test_an_unknown_block_is_taken_in() -> None:
    """Events of a block that the start did not name are kept all the same."""
    assert begun(BlockStarted(2, 1.0, block_id="z")).blocks["z"].status == "running"


def test_endless_text_is_cut_at_the_front() -> None:
    """The end is what people look at."""
    state = begun(
        BlockStarted(2, 1.0, block_id="a"),
        BlockChunk(3, 1.0, block_id="a", text="x" * MAX_KEPT_TEXT),
        BlockChunk(4, 1.0, block_id="a", text="end"),
    )

    text = state.blocks["a"].text
    assert len(text) == MAX_KEPT_TEXT
    assert text.endswith("xend")
