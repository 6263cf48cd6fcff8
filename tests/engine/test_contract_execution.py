"""Contract section 5: order, which blocks run, errors, the final output, variables, time, logs.

The rules together, on arbitrary graphs, are in `test_oracle`; here each stands alone.
"""

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from engine.document import Block, Edge, JsonObject, Workflow, workflow_from_api
from engine.errors import CycleError
from engine.events import AnyEvent, BlockChunk, BlockFailed, BlockFinished, BlockSkipped, BlockStarted, RunStarted
from engine.run.clock import FakeClock
from engine.run.executionlog import FollowedRun
from engine.run.runner import run
from engine.runstate import RunState, replay
from tests.engine.oracle import catalog_for

DELAYS = {"slow": 5.0, "slower": 9.0}


def graph(blocks: str, *links: str, **configs: JsonObject) -> Workflow:
    """Blocks are `id:type`, `!id:type` when switched off; links `a>b`, `a.handle>b`, `a.handle:condition>b`."""
    made = {}
    for item in blocks.split():
        block_id, _, kind = item.lstrip("!").partition(":")
        made[block_id] = Block(
            block_id, kind or "split", block_id, enabled=item[0] != "!", config=configs.get(block_id, {})
        )
    edges = {}
    for link in links:
        source, target = link.split(">")
        source, _, handle = source.partition(".")
        handle, colon, condition = handle.partition(":")
        edges[link] = Edge(link, source, target, handle or None, None, condition if colon else None)
    return Workflow(blocks=made, edges=edges)


def followed(workflow: Workflow, **options: Any) -> list[AnyEvent]:
    clock, events = FakeClock(), list[AnyEvent]()
    catalog = catalog_for(clock, lambda block_id: DELAYS.get(block_id, 1.0))
    asyncio.run(clock.drive(run(workflow, events.append, catalog=catalog, clock=clock, **options)))
    return events


def ran(workflow: Workflow, **options: Any) -> RunState:
    return replay(followed(workflow, **options))


def log(state: RunState) -> list[str]:
    return [item.block_id for item in state.log]


class TestOrder:
    """5.1"""

    def test_roots_in_list_order_then_successors_in_edge_order(self) -> None:
        """When the last predecessor of a block has been processed, executed or skipped."""
        workflow = graph("z a !off b c d", "z>c", "z>b", "off>d", "a>d")

        started = followed(workflow)[0]

        assert isinstance(started, RunStarted)
        assert started.blocks == ("z", "a", "off", "c", "b", "d")

    @pytest.mark.parametrize("links", [["a>a"], ["a>b", "b>a"], ["s>a", "a>b", "b>c", "c>a"]])
    def test_a_circle_anywhere_fails_the_run_before_any_block(self, links: list[str]) -> None:
        """Also where it is behind a block that would not have run."""
        events: list[AnyEvent] = []

        with pytest.raises(CycleError):
            asyncio.run(run(graph("s a b c", *links), events.append))

        assert events == []

    def test_edges_that_lead_nowhere_and_doubles_decide_nothing(self) -> None:
        """A document may hold both; a block runs once."""
        workflow = graph("a b", "a>b", "gone>b", "b>gone")
        double = workflow.with_edges([Edge("again", "a", "b")])

        assert log(ran(double)) == ["a", "b"]


class TestWhetherABlockRuns:
    """5.2"""

    def test_roots_of_any_type_run_forgotten_ones_included(self) -> None:
        """Nothing leads to them, so nothing keeps them from it."""
        assert log(ran(graph("s:starter orphan:split late:response"))) == ["s", "orphan", "late"]

    @pytest.mark.parametrize("enabled", [False, None])
    def test_a_disabled_block_breaks_its_chain_and_leaves_no_trace(self, enabled: bool | None) -> None:
        """Null counts as false; a way around it still works."""
        data = {
            "blocks": [{"id": name, "type": "split"} for name in "sdax"],
            "edges": [{"source": source, "target": target} for source, target in ("sd", "da", "dx", "sx")],
        }
        data["blocks"][1]["enabled"] = enabled  # type: ignore[call-overload]

        run_ = FollowedRun(followed(workflow_from_api(data)))

        assert log(run_.state) == ["s", "x"]
        assert run_.block_outputs().keys() == {"s", "x"}

    def test_joins_are_or(self) -> None:
        """One live edge is enough, whatever became of the others."""
        choice: JsonObject = {"branches": [{"expression": "True"}]}
        workflow = graph("c:condition f:fail !off a b j", "c.if>a", "c.else>b", "a>j", "b>j", "f>j", "off>j", c=choice)

        assert log(ran(workflow)) == ["c", "f", "a", "j"]

    @pytest.mark.parametrize(
        ("condition", "runs"), [("if", True), ("else", False), ("", False), ("IF", False), ("if ", False)]
    )
    def test_a_condition_is_compared_as_text(self, condition: str, runs: bool) -> None:
        """With the route of the source's result."""
        workflow = graph("c:condition t", f"c.if:{condition}>t", c={"branches": [{"expression": "True"}]})

        assert (log(ran(workflow)) == ["c", "t"]) is runs

    def test_nothing_that_is_stored_is_changed_by_a_run(self) -> None:
        """Derived conditions and resolved configs are of the run alone (X21)."""
        workflow = graph("c:condition t", "c.if>t", c={"branches": [{"expression": "True"}]}, t={"input": "<c.route>"})
        before = repr(workflow)

        ran(workflow)

        assert repr(workflow) == before


class TestErrors:
    """5.3"""

    def test_neither_kind_fails_the_execution(self) -> None:
        """A raised one stops what depends on it alone, a returned one stops nothing."""
        workflow = graph("f:fail r:report a b", "f>a", "r>b", b={"input": "<r.error>/<f.error>"})

        state = ran(workflow)

        assert (state.status, log(state)) == ("completed", ["f", "r", "b"])
        assert state.blocks["b"].result == {"output": "reported/<f.error>"}


class TestFinalOutput:
    """5.4"""

    def test_none_without_a_response_that_ran(self) -> None:
        """Neither a graph without one nor one whose only response was skipped."""
        assert ran(graph("a", a={"input": 1})).output is None
        assert ran(graph("f:fail r:response", "f>r", r={"output": 1})).output is None
        assert ran(Workflow()).output is None

    def test_of_several_the_last_in_the_order_however_long_others_take(self) -> None:
        """Not the one that happened to end last: the first response waits for what it refers to."""
        workflow = graph("slow:work one:response two:response", one={"output": "<slow.output>"}, two={"output": 2})

        events = followed(workflow)

        assert [event.block_id for event in events if isinstance(event, BlockFinished)] == ["two", "slow", "one"]
        assert replay(events).output == 2


class TestVariables:
    """5.5"""

    def test_the_run_wins_over_the_workflow(self) -> None:
        """Starter, webhook and condition read them; other blocks by reference."""
        workflow = graph("s:starter w:webhook c:condition", c={"branches": [{"expression": "a == 2 and b == 1"}]})
        workflow = workflow.changed(variables={"a": 1, "b": 1})

        state = ran(workflow, variables={"a": 2})

        assert state.blocks["s"].result == state.blocks["w"].result == {"output": {"a": 2, "b": 1}}
        assert (state.blocks["c"].result or {})["route"] == "if"


class TestParallelism:
    """5.6"""

    WORKFLOW = graph("s slow:work fast:work slower:work j:response", "s>slow", "s>fast", "s>slower", "slow>j", "fast>j")

    def test_start_comes_before_end_for_each_block(self) -> None:
        """And all of a block's events lie between, whatever others do meanwhile."""
        events = followed(self.WORKFLOW)

        for block_id in self.WORKFLOW.blocks:
            own = [event for event in events if getattr(event, "block_id", "") == block_id]
            assert isinstance(own[0], BlockStarted | BlockSkipped)
            assert isinstance(own[-1], BlockFinished | BlockFailed | BlockSkipped)
            assert all(isinstance(event, BlockChunk) for event in own[1:-1])

    def test_the_log_keeps_its_order(self) -> None:
        """That of one block after another, with one slot or with many, though they end in another one."""
        ends = [event.block_id for event in followed(self.WORKFLOW) if isinstance(event, BlockFinished)]

        assert ends.index("fast") < ends.index("slow") < ends.index("slower")
        logs = {tuple(log(ran(self.WORKFLOW, slots=slots))) for slots in (1, 2, 64)}
        assert logs == {("s", "slow", "fast", "slower", "j")}

    @pytest.mark.parametrize(("slots", "seconds"), [(1, 15.0), (2, 10.0), (64, 9.0)])
    def test_slots_bound_what_runs_at_a_time(self, slots: int, seconds: float) -> None:
        """One slot is one after another, many are as long as the longest."""
        clock = FakeClock()
        catalog = catalog_for(clock, lambda block_id: DELAYS.get(block_id, 1.0))

        asyncio.run(clock.drive(run(self.WORKFLOW, lambda _event: None, catalog=catalog, clock=clock, slots=slots)))

        assert clock.elapsed == seconds


class TestTimeAndLogs:
    """5.7 and 5.8"""

    def test_a_deadline_ends_the_run_with_what_is_known_so_far(self) -> None:
        """Blocks that ended keep their results, those that ran have failed, those that waited are skipped."""
        workflow = graph("quick:work slower:work after", "slower>after")

        state = ran(workflow, deadline_s=4)

        assert (state.status, state.output) == ("failed", None)
        assert "4 s" in str(state.error)
        assert {key: item.status for key, item in state.blocks.items()} == {
            "quick": "done",
            "slower": "failed",
            "after": "skipped",
        }

    def test_each_entry_has_what_the_contract_lists(self) -> None:
        """Id, type, name, status, time, result, and the results of the predecessors that led to it."""
        workflow = graph("a b", "a>b", a={"input": 1}, b={"input": "<a.output>"})
        run_ = FollowedRun(followed(workflow))

        first, second = (run_.log_entry(item) for item in run_.ended_runs())

        assert first == {
            "block_id": "a",
            "block_type": "split",
            "block_name": "a",
            "status": "success",
            "duration_ms": 0.0,
            "output": {"output": 1},
            "input": None,
        }
        assert second["input"] == {"a": {"output": 1}}

    def test_events_are_numbered_and_timed_without_gaps(self) -> None:
        """So that a follower who asks again loses nothing and doubles nothing."""
        events = followed(TestParallelism.WORKFLOW)

        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert all(before.at <= after.at for before, after in pairwise(events))
