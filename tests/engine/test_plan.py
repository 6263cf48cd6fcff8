"""The plan: order, live edges, skips and who sees what, without a clock or a task."""

from itertools import pairwise

import pytest

from engine.blocks import default_catalog
from engine.document import Block, Edge, JsonObject, Workflow
from engine.errors import CycleError
from engine.run.plan import Plan
from engine.run.progress import Progress, Skip

CHOICE: JsonObject = {"type": "condition", "branches": [{"expression": "1"}, {"expression": "2"}]}
Link = tuple[str, str] | tuple[str, str, str | None] | tuple[str, str, str | None, str | None]


def workflow(blocks: dict[str, JsonObject], links: list[Link]) -> Workflow:
    """Blocks by id: a config with `type`, `name` and `enabled` in it. Links: source, target, handle, condition."""
    made = {}
    for block_id, given in blocks.items():
        config = dict(given)
        kind, name = config.pop("type", "split"), config.pop("name", block_id.upper())
        made[block_id] = Block(block_id, kind, name, enabled=config.pop("enabled", True), config=config)
    edges = {}
    for number, link in enumerate(links):
        source, target, handle, condition = (*link, None, None)[:4]
        edges[f"e{number}"] = Edge(f"e{number}", str(source), str(target), handle, None, condition)
    return Workflow(blocks=made, edges=edges)


def plan_of(blocks: dict[str, JsonObject], links: list[Link]) -> Plan:
    return Plan(workflow(blocks, links), default_catalog())


def play(
    plan: Plan, outcomes: dict[str, JsonObject | None], selected: set[int] | None = None
) -> dict[str, Skip | None]:
    """Take every step in turn: the given result, None to fail, `{}` where nothing is given. Returns who was skipped."""
    progress, found = Progress(plan, selected), {}
    while (step := progress.take()) is not None:
        skip = found[step.block.id] = progress.why_not(step)
        outcome = outcomes.get(step.block.id, {})
        if skip is not None:
            progress.skip(step, skip)
        elif outcome is None:
            progress.fail(step)
        else:
            progress.finish(step, outcome)
    return found


class TestOrder:
    """Kahn's order with the ties of contract 5.1."""

    def test_ties_follow_the_list_then_the_edges(self) -> None:
        """Blocks without a predecessor come in list order, their followers in edge order."""
        plan = plan_of({"z": {}, "a": {}, "c": {}, "b": {}}, [("z", "b"), ("z", "c")])

        assert plan.block_ids == ("z", "a", "b", "c")

    def test_a_join_waits_for_its_last_predecessor(self) -> None:
        """A block is queued when the last of its predecessors has been."""
        plan = plan_of({"a": {}, "b": {}, "j": {}, "k": {}}, [("a", "j"), ("b", "k"), ("b", "j")])

        assert plan.block_ids == ("a", "b", "k", "j")

    def test_a_cycle_is_refused_with_its_path(self) -> None:
        """A cycle anywhere names the blocks along it, the first one again at the end."""
        with pytest.raises(CycleError) as caught:
            plan_of({"s": {}, "a": {}, "b": {}, "t": {}}, [("s", "a"), ("a", "b"), ("b", "a"), ("b", "t")])

        path = caught.value.path
        assert path[0] == path[-1]
        assert set(path) == {"a", "b"}
        assert "“A”" in str(caught.value)

    def test_an_edge_to_itself_is_a_cycle(self) -> None:
        """A block cannot wait for itself."""
        with pytest.raises(CycleError) as caught:
            plan_of({"a": {}}, [("a", "a")])

        assert caught.value.path == ("a", "a")

    def test_an_edge_without_an_end_does_not_count(self) -> None:
        """What leads to no block decides nothing."""
        plan = plan_of({"a": {}, "b": {}}, [("gone", "a"), ("b", "gone")])

        assert play(plan, {}) == {"a": None, "b": None}

    def test_ten_thousand_blocks_in_a_row(self) -> None:
        """Depth is no problem."""
        ids = [f"b{number}" for number in range(10_000)]

        plan = plan_of({block_id: {} for block_id in ids}, list(pairwise(ids)))

        assert plan.block_ids == tuple(ids)


class TestLiveEdges:
    """Which edges let their follower run (contract 5.2)."""

    @pytest.mark.parametrize(
        ("handle", "condition", "route", "runs"),
        [
            ("if", "if", "if", True),
            ("if", "if", "else", False),
            ("if", None, "if", True),
            ("if", None, "else", False),
            ("elif_1", None, "elif_1", True),
            ("else", None, "else", True),
            ("true", None, "if", True),
            ("true", None, "else", False),
            ("false", None, "else", True),
            (None, None, "else", True),
            ("output", None, "if", True),
            ("output", "output", "if", False),
            ("if", "else", "else", True),
        ],
    )
    def test_edges_of_a_condition(self, handle: str | None, condition: str | None, route: str, runs: bool) -> None:
        """The condition decides; where there is none, the handle gives it (X21)."""
        plan = plan_of({"c": CHOICE, "t": {}}, [("c", "t", handle, condition)])

        skipped = play(plan, {"c": {"route": route}})["t"]

        assert (skipped is None) is runs

    @pytest.mark.parametrize(
        ("handle", "condition", "runs"),
        [
            (None, None, True),
            ("output", "output", True),
            (None, "output", True),
            ("1", "1", True),
            ("1", None, True),
            ("1", "2", False),
            (None, "if", False),
            (None, "", False),
        ],
    )
    def test_edges_of_a_block_without_routes(self, handle: str | None, condition: str | None, runs: bool) -> None:
        """A condition that only repeats the handle is a leftover (W27, W28); any other can never be met."""
        plan = plan_of({"s": {}, "t": {}}, [("s", "t", handle, condition)])

        assert (play(plan, {})["t"] is None) is runs

    def test_one_live_edge_is_enough(self) -> None:
        """Joins are OR."""
        plan = plan_of({"a": {}, "b": {}, "j": {}}, [("a", "j"), ("b", "j")])

        assert play(plan, {"a": None})["j"] is None

    def test_nothing_stored_is_changed(self) -> None:
        """Deriving a condition leaves the document as it is."""
        before = workflow({"c": CHOICE, "t": {}}, [("c", "t", "if")])

        Plan(before, default_catalog())

        assert before.edges["e0"].condition is None


class TestSkips:
    """Each skip says why, and which block decided it."""

    def test_a_branch_that_was_not_taken(self) -> None:
        """The text names the condition and where it went."""
        plan = plan_of({"c": CHOICE, "t": {}, "u": {}}, [("c", "t", "if"), ("t", "u")])

        found = play(plan, {"c": {"route": "else"}})

        assert found["t"] == Skip("not-taken", "Not taken: “C” went to “else”.", "c")
        assert found["u"] == Skip("upstream-skipped", "Not taken: “C” went to “else”.", "c")

    def test_a_failure_before_it(self) -> None:
        """A failure is told rather than a branch that was not taken."""
        plan = plan_of({"c": CHOICE, "f": {}, "t": {}}, [("c", "t", "if"), ("f", "t")])

        found = play(plan, {"c": {"route": "else"}, "f": None})

        assert found["t"] == Skip("upstream-failed", "“F” failed.", "f")

    def test_a_block_that_is_switched_off(self) -> None:
        """It breaks its chain, and its followers name it."""
        plan = plan_of({"a": {}, "b": {"enabled": False}, "c": {}}, [("a", "b"), ("b", "c")])

        found = play(plan, {})

        assert found["b"] == Skip("disabled", "“B” is switched off.", "b")
        assert found["c"] == Skip("upstream-skipped", "“B” is switched off.", "b")

    def test_a_condition_nobody_can_meet(self) -> None:
        """An edge that waits for a route of a block without any says so."""
        plan = plan_of({"a": {}, "t": {}}, [("a", "t", None, "if")])

        skip = play(plan, {})["t"]

        assert skip is not None
        assert skip.reason == "not-taken"
        assert "“if”" in skip.text


class TestSight:
    """Which results a block sees (contract 5.6)."""

    def test_a_reference_to_an_unconnected_block_makes_it_wait(self) -> None:
        """The block waits for what it refers to; no edge comes alive by that."""
        plan = plan_of({"a": {}, "far": {}, "t": {"input": "<FAR.output>"}}, [("a", "t")])
        progress = Progress(plan)
        first = progress.take()
        assert first is not None
        progress.finish(first, {})

        second = progress.take()

        assert second is not None
        assert second.block.id == "far"
        assert progress.take() is None

    def test_a_name_means_earlier_blocks_only(self) -> None:
        """A reference forward means nothing."""
        plan = plan_of({"t": {"input": "<LATE.output>"}, "late": {"name": "LATE"}}, [])

        assert plan.steps[0].meanings == {}

    def test_ids_come_before_names_and_earlier_names_before_later_ones(self) -> None:
        """One table of ids and names; the first in the order keeps a name."""
        blocks: dict[str, JsonObject] = {"x": {"name": "Same"}, "y": {"name": "Same"}, "Same": {"name": "z"}, "t": {}}
        plan = plan_of({**blocks, "t": {"input": "<Same.output>"}}, [])

        assert plan.steps[3].meanings == {"Same": (2, 0, 1)}

    def test_code_sees_ancestors_and_what_it_mentions(self) -> None:
        """A name in quotes, as a word, or an id with its hyphens made underscores is a mention."""
        code = "output = input_data['Far away'], near_by"
        blocks: dict[str, JsonObject] = {
            "up": {},
            "q": {"name": "Far away"},
            "near-by": {},
            "other": {},
            "t": {"type": "code", "code": code},
        }
        plan = plan_of(blocks, [("up", "t")])

        seen = [plan.block_ids[index] for index in plan.visible(plan.index_of("t"))]

        assert seen == ["up", "q", "near-by"]

    @pytest.mark.parametrize(
        ("code", "sees_all"),
        [
            ("output = input_data['Far']['output']", False),
            ("output = input_data.get('Far', {}).get('output')", False),
            ("output = 1 if 'Far' in input_data else 2", False),
            ("# input_data as a whole\noutput = 'input_data'", False),
            ("output = f\"{input_data['Far']['output']}\"", False),
            ("output = list(input_data)", True),
            ("data = input_data\noutput = data['Far']", True),
            ("name = 'Far'\noutput = input_data[name]", True),
            ("output = input_data['F' + 'ar']", True),
            ("output = f'{len(input_data)}'", True),
            ("output = x + 'Far' in input_data", True),
        ],
    )
    def test_code_that_may_look_at_everything_waits_for_everything(self, code: str, sees_all: bool) -> None:
        """Only then: code that names what it needs runs beside its siblings (contract 3.8, 5.6)."""
        blocks: dict[str, JsonObject] = {"far": {"name": "Far"}, "other": {}, "t": {"type": "code", "code": code}}
        plan = plan_of({**blocks, "late": {}}, [])

        assert plan.steps[2].sees_all is sees_all
        assert (1 in plan.visible(2)) is sees_all
        assert 3 not in plan.visible(2)

    def test_code_blocks_that_look_at_everything_wait_for_each_other_only(self) -> None:
        """A thousand of them have a thousand waits and not half a million."""
        blocks: dict[str, JsonObject] = {
            f"b{n}": {"type": "code", "code": "output = len(input_data)"} for n in range(1000)
        }

        plan = plan_of(blocks, [])

        assert sum(plan.waits_for) == 999

    def test_input_mappings_make_it_wait(self) -> None:
        """The source of a mapping is a mention as well."""
        config = {"_inputMappings": [{"sourceId": "far", "targetField": "input"}]}
        plan = plan_of({"far": {}, "t": config}, [])

        assert plan.waits_for[1] == 1

    def test_up_to_a_block_takes_what_it_needs(self) -> None:
        """Its ancestors, and blocks that it or they refer to."""
        blocks: dict[str, JsonObject] = {"a": {}, "b": {"input": "<FAR.output>"}, "t": {}, "far": {}, "after": {}}
        plan = plan_of(blocks, [("a", "b"), ("b", "t"), ("t", "after")])
        # `far` is a root, so it comes before `b` in the order.
        found = play(plan, {}, plan.up_to("t"))

        assert {block_id for block_id, skip in found.items() if skip is None} == {"a", "b", "far", "t"}
        assert found["after"] is not None
        assert found["after"].reason == "not-selected"


class TestFinalOutput:
    """What the run as a whole gives back (contract 5.4)."""

    def test_the_last_response_in_the_order_that_ran(self) -> None:
        """Later ones that were skipped do not count."""
        blocks: dict[str, JsonObject] = {
            "r1": {"type": "response"},
            "r2": {"type": "response"},
            "r3": {"type": "response", "enabled": False},
        }
        progress = Progress(plan_of(blocks, []))
        for result in ({"output": 1}, {"output": 2}):
            step = progress.take()
            assert step is not None
            progress.finish(step, result)

        assert progress.final_output() == 2

    def test_none_without_a_response(self) -> None:
        """No response block, no output."""
        assert Progress(plan_of({"a": {}}, [])).final_output() is None
