"""The runner: events, failures, retries, time and cancelling. No real time passes."""

import asyncio
import gc
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from engine.blocks import Catalog, default_catalog
from engine.blocks._fields import Field
from engine.blocks._spec import BlockContext, BlockType, Outcome
from engine.document import Block, Edge, JsonObject, Workflow
from engine.errors import BlockError, CycleError, UnknownBlock
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
from engine.run.clock import FakeClock
from engine.run.plan import Plan
from engine.run.runner import HIDDEN, run, run_plan
from engine.runstate import replay


def block_type(name: str, function: Callable[..., Any], *fields: Field) -> BlockType:
    return BlockType(name, name, "", "Data", "code", "grey", run=function, fields=fields)


def catalog_with(*types: BlockType) -> Catalog:
    return Catalog([*default_catalog(), *types])


def workflow_of(*blocks: Block, links: str = "") -> Workflow:
    """Links are written `a>b b>c`."""
    pairs = [link.split(">") for link in links.split()]
    edges = {f"e{number}": Edge(f"e{number}", *pair) for number, pair in enumerate(pairs)}
    return Workflow(name="W", blocks={block.id: block for block in blocks}, edges=edges)


class Followed:
    """A run that was followed to its end."""

    def __init__(self, workflow: Workflow, *types: BlockType, clock: FakeClock | None = None, **options: Any) -> None:
        self.events: list[AnyEvent] = []
        self.clock = clock or FakeClock()
        work = run(workflow, self.events.append, catalog=catalog_with(*types), clock=self.clock, **options)
        self.last = asyncio.run(self.clock.drive(work))
        self.state = replay(self.events)

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events]


async def _fail(_ctx: BlockContext, _config: JsonObject) -> Outcome:
    raise BlockError("it is broken")


def _raise_foreign(_ctx: BlockContext, config: JsonObject) -> Outcome:
    raise KeyError(f"no {config.get('key')}\nsecond line")


FAILING = block_type("failing", _fail)
FOREIGN = block_type("foreign", _raise_foreign, Field("key", "Key", "secret"))


async def cancelled_once(kind: type[Any], workflow: Workflow, events: list[AnyEvent], *types: BlockType) -> None:
    """Run a workflow and cancel it as soon as an event of this kind has been told."""
    told = asyncio.Event()

    def emit(event: AnyEvent) -> None:
        events.append(event)
        if isinstance(event, kind):
            told.set()

    task = asyncio.create_task(run(workflow, emit, catalog=catalog_with(*types)))
    await told.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


class TestEvents:
    def test_a_run_is_told_from_beginning_to_end(self) -> None:
        """Start and finish of the run around start and finish of each block, numbered from 1 without gaps."""
        workflow = workflow_of(Block("a", "starter", "A"), Block("b", "response", "B"), links="a>b")

        followed = Followed(workflow, variables={"n": 5})

        assert followed.kinds() == [
            "RunStarted",
            *["BlockStarted", "BlockFinished"] * 2,
            "RunFinished",
        ]
        assert [event.seq for event in followed.events] == list(range(1, 7))
        started = followed.events[0]
        assert isinstance(started, RunStarted)
        assert started.blocks == ("a", "b")
        assert followed.last == followed.events[-1]
        assert followed.last.output == {"n": 5}

    def test_a_start_names_its_inputs_and_resolved_config(self) -> None:
        """What a block was given can be read from its start."""
        workflow = workflow_of(
            Block("a", "split", "A", config={"input": 7}),
            Block("b", "split", "B", config={"input": "<A.output>"}),
            links="a>b",
        )

        started = Followed(workflow).of(BlockStarted)[1]

        assert started.inputs == ("a",)
        assert started.config == {"input": 7}

    def test_secrets_are_hidden(self) -> None:
        """Fields of the kind secret never reach an event, nor the text of a failure."""
        workflow = workflow_of(Block("f", "foreign", "F", config={"key": "s3cret"}))

        followed = Followed(workflow, FOREIGN)

        assert followed.of(BlockStarted)[0].config == {"key": HIDDEN}
        assert "s3cret" not in str(followed.events)

    def test_text_is_told_while_a_block_runs_and_not_after(self) -> None:
        """Chunks come between start and finish; what a block says too late is dropped."""
        kept: list[BlockContext] = []

        async def talk(ctx: BlockContext, _config: JsonObject) -> Outcome:
            ctx.emit("one")
            ctx.emit("two", "print")
            kept.append(ctx)
            return Outcome({"output": None})

        followed = Followed(workflow_of(Block("t", "talk", "T")), block_type("talk", talk))
        kept[0].emit("too late")

        assert [(chunk.text, chunk.stream) for chunk in followed.of(BlockChunk)] == [
            ("one", "output"),
            ("two", "print"),
        ]
        assert followed.kinds()[-2:] == ["BlockFinished", "RunFinished"]

    def test_declared_defaults_are_effective_variables(self) -> None:
        """Starter defaults, then the workflow's, then the run's; references see all of them."""
        start = Block("s", "starter", "S", config={"input": {"a": 1, "b": 1, "c": 1}})
        end = Block("r", "response", "R", config={"output": "{{variables.a}}{{variables.b}}{{variables.c}}"})
        workflow = workflow_of(start, end, links="s>r").changed(variables={"b": 2, "c": 2})

        followed = Followed(workflow, variables={"c": 3})

        assert followed.last.output == "123"


class TestFailures:
    def test_a_failed_block_does_not_take_the_run_down(self) -> None:
        """Others go on, followers are skipped and say why, the run is completed."""
        workflow = workflow_of(
            Block("f", "failing", "F"), Block("x", "split", "X"), Block("r", "response", "R"), links="f>x"
        )

        followed = Followed(workflow, FAILING)

        assert followed.of(BlockFailed)[0].error == "it is broken"
        assert [(skip.block_id, skip.reason, skip.because_of) for skip in followed.of(BlockSkipped)] == [
            ("x", "upstream-failed", "f")
        ]
        assert followed.last.status == "completed"

    def test_a_foreign_exception_becomes_a_sentence(self) -> None:
        """No traceback, one line, the kind of the error named."""
        followed = Followed(workflow_of(Block("f", "foreign", "F", config={"key": "x1y2"})), FOREIGN)

        assert (
            followed.of(BlockFailed)[0].error == f"It stopped with an unexpected KeyError: 'no {HIDDEN}\\nsecond line'"
        )

    def test_a_failed_block_cannot_be_referred_to(self) -> None:
        """The reference stays as it was written (contract 5.3)."""
        workflow = workflow_of(
            Block("s", "split", "S"),
            Block("f", "failing", "F"),
            Block("r", "response", "R", config={"output": "x=<F.error>"}),
            links="s>f f>r s>r",
        )

        assert Followed(workflow, FAILING).last.output == "x=<F.error>"

    def test_a_reported_failure_goes_on(self) -> None:
        """Shape (b): finished with an error, and its followers run and can read it."""
        report = block_type("report", lambda _ctx, _config: Outcome({"output": None, "error": "sorry"}, "sorry"))
        workflow = workflow_of(
            Block("b", "report", "B"), Block("r", "response", "R", config={"output": "<B.error>"}), links="b>r"
        )

        followed = Followed(workflow, report)

        assert followed.of(BlockFinished)[0].error == "sorry"
        assert followed.last.output == "sorry"

    def test_an_empty_error_is_an_error_all_the_same(self) -> None:
        """Whether a block failed never depends on its text (W4)."""
        report = block_type("report", lambda _ctx, _config: Outcome({"output": None}, ""))

        assert Followed(workflow_of(Block("b", "report", "B")), report).of(BlockFinished)[0].error

    @pytest.mark.parametrize("value", [{1, 2}, float("nan"), b"x", {1: 2}, "\ud800", object(), [[{"a": 1j}]]])
    def test_what_is_no_json_fails_its_block(self, value: Any) -> None:
        """Only JSON travels between blocks, and the text says where the rest was."""
        bad = block_type("bad", lambda _ctx, _config: Outcome({"output": value}))

        failed = Followed(workflow_of(Block("b", "bad", "B")), bad).of(BlockFailed)

        assert len(failed) == 1
        assert "output" in failed[0].error

    def test_endless_values_fail_their_block(self) -> None:
        """A list that contains itself, and one that is too deep."""
        circle: list[Any] = []
        circle.append(circle)
        deep: list[Any] = []
        for _ in range(100_000):
            deep = [deep]
        values = iter([circle, deep])
        bad = block_type("bad", lambda _ctx, _config: Outcome({"output": next(values)}))

        followed = Followed(workflow_of(Block("a", "bad", "A"), Block("b", "bad", "B")), bad)

        assert len(followed.of(BlockFailed)) == 2

    def test_an_unknown_type_fails_its_block(self) -> None:
        """A foreign block in the file is no reason not to run the rest."""
        followed = Followed(workflow_of(Block("u", "nobody_knows", "U"), Block("r", "response", "R")))

        assert [failed.block_id for failed in followed.of(BlockFailed)] == ["u"]
        assert [finished.block_id for finished in followed.of(BlockFinished)] == ["r"]

    def test_every_failure_has_a_start_before_it(self) -> None:
        """Also when the config could not be prepared."""
        workflow = workflow_of(Block("s", "split", "S", config={"_inputMappings": ["no object"]}))

        assert Followed(workflow).kinds() == ["RunStarted", "BlockStarted", "BlockFailed", "RunFinished"]

    def test_a_cycle_is_told_before_any_event(self) -> None:
        """Nothing runs."""
        events: list[AnyEvent] = []

        with pytest.raises(CycleError):
            asyncio.run(run(workflow_of(Block("a", "split"), links="a>a"), events.append))

        assert events == []

    def test_a_run_function_that_returns_something_else(self) -> None:
        """The failure says what it was."""
        wrong = block_type("wrong", lambda _ctx, _config: {"output": 1})

        assert "dict" in Followed(workflow_of(Block("w", "wrong", "W")), wrong).of(BlockFailed)[0].error


class TestMappings:
    """Input mappings, as contract 3.0 and its cases have them."""

    @pytest.mark.parametrize(
        ("config", "mappings", "expected"),
        [
            ({"output": ""}, [("s", "output", "output")], {"a": "x", "n": 5, "b": "y"}),
            ({"output": ""}, [("s", "a", "output"), ("s", "b", "output")], "x\ny"),
            ({"output": ""}, [("s", "n", "output"), ("s", "a", "output")], "x"),
            ({"output": ""}, [("Start", "output.a", "output")], "x"),
            ({"output": 0}, [("s", "a", "output")], 0),
            ({"output": "kept"}, [("s", "a", "output")], "kept"),
            ({}, [("s", "missing", "output")], ""),
            ({}, [("nobody", "a", "output")], ""),
        ],
    )
    def test_rows_fill_what_was_left_empty(self, config: JsonObject, mappings: list[Any], expected: Any) -> None:
        """What was typed wins, texts are joined, of other values the last one stays."""
        rows = [dict(zip(("sourceId", "outputField", "targetField"), row, strict=True)) for row in mappings]
        workflow = workflow_of(
            Block("s", "starter", "Start"),
            Block("r", "response", "R", config={**config, "_inputMappings": rows}),
            links="s>r",
        )

        followed = Followed(workflow, variables={"a": "x", "n": 5, "b": "y"})

        assert followed.last.output == expected
        assert "_inputMappings" not in followed.of(BlockStarted)[1].config

    def test_a_value_that_is_no_list_is_ignored(self) -> None:
        """Tolerated as the platform does."""
        workflow = workflow_of(Block("r", "response", "R", config={"output": "o", "_inputMappings": "?"}))

        assert Followed(workflow).last.output == "o"


class TestPatience:
    """`timeout` and `retry` in any block's config."""

    def test_attempts_until_one_succeeds(self) -> None:
        """Each attempt starts anew, the delay grows, nothing of a failed attempt stays."""
        tries: list[float] = []
        clock = FakeClock()

        async def third_time(_ctx: BlockContext, _config: JsonObject) -> Outcome:
            tries.append(clock.elapsed)
            if len(tries) < 3:
                raise BlockError("not yet")
            return Outcome({"output": "ok"})

        config = {"retry": {"attempts": 5, "delay_ms": 100, "backoff": 2}}
        followed = Followed(
            workflow_of(Block("t", "third", "T", config=config)), block_type("third", third_time), clock=clock
        )

        assert tries == pytest.approx([0, 0.1, 0.3])
        assert [event.attempt for event in followed.of(BlockStarted)] == [1, 2, 3]
        assert [event.error for event in followed.of(BlockRetrying)] == ["not yet", "not yet"]
        assert followed.state.blocks["t"].error is None

    def test_the_last_attempt_counts(self) -> None:
        """A reported failure is tried again too, and stands in the end."""
        report = block_type("report", lambda _ctx, _config: Outcome({"output": None, "error": "no"}, "no"))

        followed = Followed(workflow_of(Block("b", "report", "B", config={"retry": {"attempts": 3}})), report)

        assert len(followed.of(BlockStarted)) == 3
        assert followed.of(BlockFinished)[0].error == "no"

    def test_what_cannot_get_better_is_not_tried_again(self) -> None:
        """An error that is not retryable ends it."""

        async def never(_ctx: BlockContext, _config: JsonObject) -> Outcome:
            raise BlockError("never", retryable=False)

        config = {"retry": {"attempts": 5}}
        followed = Followed(workflow_of(Block("n", "never", "N", config=config)), block_type("never", never))

        assert len(followed.of(BlockStarted)) == 1

    def test_a_timeout_in_milliseconds(self) -> None:
        """The block is ended when it takes longer, and the text says how long it had."""
        clock = FakeClock()

        async def slow(ctx: BlockContext, _config: JsonObject) -> Outcome:
            assert ctx.timeout_s == 0.25
            await clock.sleep(60)
            return Outcome({"output": None})

        followed = Followed(
            workflow_of(Block("s", "slow", "S", config={"timeout": "250"})), block_type("slow", slow), clock=clock
        )

        assert followed.of(BlockFailed)[0].error == "It took longer than the 250 ms it may take."
        assert clock.elapsed == pytest.approx(0.25)

    @pytest.mark.parametrize(
        "config",
        [
            {"timeout": "soon"},
            {"timeout": -1},
            {"timeout": True},
            {"retry": 3},
            {"retry": {"attempts": 0}},
            {"retry": {"attempts": 2.5}},
            {"retry": {"delay_ms": -1}},
            {"retry": {"backoff": 0.5}},
            {"retry": {"attempts": "1e999"}},
        ],
    )
    def test_values_without_a_meaning_fail_the_block(self, config: JsonObject) -> None:
        """The text names the key and what would be right."""
        failed = Followed(workflow_of(Block("s", "split", "S", config=config))).of(BlockFailed)

        assert len(failed) == 1
        assert '"' in failed[0].error

    def test_slots_bound_what_waits_at_a_time(self) -> None:
        """With two slots, two of five blocks run at a time."""
        clock = FakeClock()
        running: list[int] = [0]
        most: list[int] = [0]

        async def slow(_ctx: BlockContext, _config: JsonObject) -> Outcome:
            running[0] += 1
            most[0] = max(most[0], running[0])
            await clock.sleep(1)
            running[0] -= 1
            return Outcome({"output": None})

        blocks = [Block(str(number), "slow") for number in range(5)]
        Followed(workflow_of(*blocks), block_type("slow", slow), clock=clock, slots=2)

        assert most[0] == 2
        assert clock.elapsed == pytest.approx(3)


class TestEnds:
    """However a run ends, nothing is left behind."""

    def test_the_deadline_ends_the_run(self) -> None:
        """What ran has failed, what waited is skipped, and the run says how long it had."""
        clock = FakeClock()

        async def slow(_ctx: BlockContext, _config: JsonObject) -> Outcome:
            await clock.sleep(1000)
            return Outcome({"output": None})

        workflow = workflow_of(Block("s", "slow", "S"), Block("t", "split", "T"), links="s>t")
        followed = Followed(workflow, block_type("slow", slow), clock=clock, deadline_s=300)

        assert followed.last.status == "failed"
        assert "300 s" in (followed.last.error or "")
        assert [event.block_id for event in followed.of(BlockFailed)] == ["s"]
        assert [event.reason for event in followed.of(BlockSkipped)] == ["cancelled"]

    def test_cancelling_closes_everything(self) -> None:
        """The block gets to clean up, the events come to an end, and CancelledError passes."""
        events: list[AnyEvent] = []
        cleaned: list[bool] = []

        async def endless(_ctx: BlockContext, _config: JsonObject) -> Outcome:
            try:
                await asyncio.Event().wait()
            finally:
                cleaned.append(True)
            return Outcome({"output": None})

        async def work() -> None:
            workflow = workflow_of(Block("e", "endless", "E"), Block("t", "split", "T"), links="e>t")
            await cancelled_once(BlockStarted, workflow, events, block_type("endless", endless))
            assert asyncio.all_tasks() == {asyncio.current_task()}

        asyncio.run(work())

        last = events[-1]
        assert isinstance(last, RunFinished)
        assert last.status == "cancelled"
        assert cleaned == [True]
        assert [run.status for run in replay(events).blocks.values()] == ["failed", "skipped"]

    def test_inline_blocks_let_others_work(self) -> None:
        """A long run of blocks that never wait can be cancelled in the middle."""
        events: list[AnyEvent] = []
        ids = [f"b{number}" for number in range(3000)]
        links = " ".join(f"{one}>{two}" for one, two in pairwise(ids))
        workflow = workflow_of(*(Block(block_id, "busy") for block_id in ids), links=links)

        def busy(_ctx: BlockContext, _config: JsonObject) -> Outcome:
            return Outcome({"output": sum(range(2000))})

        asyncio.run(cancelled_once(BlockFinished, workflow, events, block_type("busy", busy)))

        assert isinstance(events[-1], RunFinished)
        assert events[-1].status == "cancelled"

    def test_a_block_that_cancels_itself_has_failed(self) -> None:
        """A CancelledError that nobody asked for is the block's own failure."""

        async def gives_up(_ctx: BlockContext, _config: JsonObject) -> Outcome:
            raise asyncio.CancelledError

        followed = Followed(workflow_of(Block("g", "gives_up", "G")), block_type("gives_up", gives_up))

        assert followed.last.status == "completed"
        assert len(followed.of(BlockFailed)) == 1

    def test_run_until_a_block(self) -> None:
        """What the block does not need is skipped as not selected."""
        workflow = workflow_of(Block("a", "split"), Block("b", "split"), Block("c", "split"), links="a>b b>c")

        followed = Followed(workflow, until="b")

        assert [(skip.block_id, skip.reason) for skip in followed.of(BlockSkipped)] == [("c", "not-selected")]

    def test_run_until_nowhere(self) -> None:
        """A block that is not there is said at once."""
        with pytest.raises(UnknownBlock):
            asyncio.run(run(workflow_of(Block("a", "split")), lambda _event: None, until="gone"))

    def test_a_run_that_has_ended_leaves_nothing_for_the_garbage_collector(self) -> None:
        """Its results may be large and its runs many: they go at once, not when the collector comes by."""
        blocks = [Block("a", "starter", "A"), Block("b", "split", "B", config={"input": "<A.output>"})]
        plan = Plan(workflow_of(*blocks, links="a>b"), default_catalog())

        async def left_after_a_run() -> int:
            events: list[AnyEvent] = []
            await run_plan(plan, events.append, variables={"text": "x"})
            gc.collect()
            gc.disable()
            try:
                await run_plan(plan, events.append, variables={"text": "x"})
                return gc.collect()
            finally:
                gc.enable()

        assert asyncio.run(left_after_a_run()) == 0
