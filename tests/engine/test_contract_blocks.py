"""Contract 3.1 to 3.5 and 3.8 seen from outside: what starter, webhook, response, condition, split and code give.

More of them is in `test_blocks_logic`, `test_blocks_effects` and `test_contract_general_api`.
"""

import asyncio
from typing import Any

import pytest

from engine.blocks import Catalog, default_catalog
from engine.blocks._spec import BlockType, Outcome
from engine.code import CodeRunner
from engine.document import Block, Edge, Json, JsonObject, Workflow
from engine.events import AnyEvent
from engine.run.context import Services
from engine.run.runner import run
from engine.runstate import RunState, replay
from tests.engine.scripted import services_that

CATALOG = default_catalog()
BARE = BlockType("bare", "Bare", "", "Data", "code", "grey", run=lambda _ctx, _config: Outcome({"found": 1}))
WITH_BARE = Catalog([*CATALOG, BARE])


def ran(*blocks: Block, links: str = "", variables: JsonObject | None = None, **options: Any) -> RunState:
    """Links are `a>b` and `a.handle>b`."""
    edges = {}
    for link in links.split():
        source, target = link.split(">")
        source, _, handle = source.partition(".")
        edges[link] = Edge(link, source, target, handle or None)
    workflow = Workflow(
        blocks={block.id: block for block in blocks}, edges=edges, variables=options.pop("workflow_variables", {})
    )
    events: list[AnyEvent] = []
    asyncio.run(run(workflow, events.append, catalog=WITH_BARE, variables=variables, **options))
    return replay(events)


def result(state: RunState, block_id: str) -> JsonObject:
    found = state.blocks[block_id].result
    assert found is not None
    return found


class TestStarter:
    @pytest.mark.parametrize(
        "declared", [{"a": "block", "b": "block", "c": "block"}, '{"a":"block","b":"block","c":"block"}']
    )
    def test_defaults_then_the_workflows_then_the_runs(self, declared: Json) -> None:
        """The right one wins; names that nobody declared pass through; values are defaults, not types."""
        state = ran(
            Block("s", "starter", config={"input": declared}),
            workflow_variables={"b": "workflow", "c": "workflow", "w": 1},
            variables={"c": "run", "_trigger": "schedule"},
        )

        expected = {"a": "block", "b": "workflow", "c": "run", "w": 1, "_trigger": "schedule"}
        assert result(state, "s") == {"output": expected}

    @pytest.mark.parametrize("declared", [None, "", "text", "[1]", "5", 5, True, ["a"], "{broken"])
    def test_anything_else_declares_nothing(self, declared: Json) -> None:
        """And never fails."""
        assert result(ran(Block("s", "starter", config={"input": declared}), variables={"x": 1}), "s") == {
            "output": {"x": 1}
        }

    def test_its_schedule_is_no_part_of_what_it_gives(self) -> None:
        """Those keys are for the server that deploys it."""
        config = {"schedule_enabled": True, "schedule_cron": "0 9 * * *", "schedule_max_runs": "3"}

        assert result(ran(Block("s", "starter", config=config)), "s") == {"output": {}}

    def test_a_starter_that_is_switched_off_declares_nothing(self) -> None:
        """Nobody asks for its values, so a reference to them stays as it is."""
        off = Block("s", "starter", "S", enabled=False, config={"input": {"d": 1}})

        assert ran(off, Block("r", "response", config={"output": "{{variables.d}}"})).output == "{{variables.d}}"

    @pytest.mark.parametrize(
        ("config", "field"),
        [
            ({"schedule_type": "cron", "schedule_cron": "every day"}, "schedule_cron"),
            ({"schedule_timezone": "Mars/Olympus"}, "schedule_timezone"),
            ({"schedule_start_at": "soon"}, "schedule_start_at"),
        ],
    )
    def test_a_bad_schedule_is_told_in_the_form(self, config: JsonObject, field: str) -> None:
        """While it is switched on, and beside the field that it is about."""
        starter = CATALOG.find("starter")
        assert starter is not None

        assert [item.field for item in starter.check({"schedule_enabled": True, **config})] == [field]
        assert list(starter.check({"schedule_enabled": False, **config})) == []


class TestWebhook:
    def test_the_payload_is_the_output_itself(self) -> None:
        """Over the workflow's variables, and without a `body` around it (X22)."""
        state = ran(
            Block("w", "webhook", "Hook", config={"webhook_id": "i", "webhook_secret": "s"}),
            Block("r", "response", config={"output": "<Hook.output.n> <Hook.output.body>"}),
            links="w>r",
            workflow_variables={"n": 0, "base": True},
            variables={"n": 1},
        )

        assert result(state, "w") == {"output": {"n": 1, "base": True}}
        assert state.output == "1 <Hook.output.body>"

    @pytest.mark.parametrize("config", [{}, {"webhook_id": 5, "webhook_secret": None, "webhook_url": "x"}])
    def test_it_never_fails(self, config: JsonObject) -> None:
        """With a run by hand it gives the run's variables, whatever its credentials."""
        assert result(ran(Block("w", "webhook", config=config), variables={"x": 1}), "w") == {"output": {"x": 1}}


class TestResponse:
    @pytest.mark.parametrize(
        ("config", "output"),
        [
            ({}, "up"),
            ({"output": ""}, "up"),
            ({"output": None}, "up"),
            ({"output": 0}, 0),
            ({"output": False}, False),
            ({"output": []}, []),
            ({"output": {}}, {}),
            ({"output": " "}, " "),
            ({"output": "", "_inputMappings": [{"sourceId": "s", "targetField": "output"}]}, "up"),
            ({"output": "", "_inputMappings": [{"sourceId": "gone", "targetField": "output"}]}, ""),
            ({"_inputMappings": [{"sourceId": "gone", "targetField": "output"}]}, ""),
            ({"output": "", "_inputMappings": [{"sourceId": "gone", "targetField": "status"}]}, "up"),
            ({"output": "", "_inputMappings": "no list"}, "up"),
        ],
    )
    def test_an_empty_one_gives_what_came_before_unless_a_mapping_fills_it(
        self, config: JsonObject, output: Json
    ) -> None:
        """X5, with the rule about mappings."""
        state = ran(
            Block("s", "split", "S", config={"input": "up"}), Block("r", "response", config=config), links="s>r"
        )

        assert state.output == output

    def test_of_several_predecessors_the_one_that_ran_last(self) -> None:
        """In the order of the plan; skipped and failed ones do not count."""
        blocks = [Block(name, "split", config={"input": name}) for name in "ab"]
        off, failed = Block("c", "split", enabled=False), Block("d", "agent")

        state = ran(
            *blocks, off, failed, Block("r", "response"), links="b>r a>r c>r d>r", services=services_that(fails=True)
        )

        assert state.output == "b"

    def test_of_a_predecessor_without_an_output_the_whole_result(self) -> None:
        """A failed request has one, which is null; a condition's is whether one of its questions was true."""
        assert ran(Block("b", "bare"), Block("r", "response"), links="b>r").output == {"found": 1}

        state = ran(
            Block("c", "condition", config={"branches": [{"expression": "True"}]}), Block("r", "response"), links="c>r"
        )
        assert state.output is True

        http = services_that(fails=True)
        state = ran(
            Block("a", "general_api", config={"url": "https://h/"}), Block("r", "response"), links="a>r", services=http
        )
        assert (state.output, state.blocks["r"].status) == (None, "done")

    def test_without_a_predecessor_it_gives_empty_text(self) -> None:
        """Nothing was configured and nothing came before."""
        assert ran(Block("r", "response")).output == ""

    def test_it_does_not_end_the_run_and_can_be_referred_to(self) -> None:
        """Blocks after it run, and see its status and headers."""
        config = {"output": "first", "status": "418", "headers": {"A": 1}}
        state = ran(
            Block("r", "response", "R", config=config),
            Block("t", "split", "T", config={"input": "<R.output>/<R.status>/<R.headers.A>"}),
            links="r>t",
        )

        assert result(state, "t") == {"output": "first/418/1"}
        assert result(state, "r") == {"output": "first", "status": 418, "headers": {"A": 1}}

    @pytest.mark.parametrize(
        ("config", "status"),
        [
            ({}, 200),
            ({"status": ""}, 200),
            ({"status": None}, 200),
            ({"status": "404"}, 404),
            ({"status": " 404 "}, 404),
            ({"status": 404.9}, 404),
            ({"status": "4.5"}, 200),
            ({"status": True}, 200),
            ({"status": [1]}, 200),
            ({"status": "9" * 5000}, 200),
            ({"status": "201", "status_code": 404}, 201),
            ({"status_code": "404"}, 404),
            ({"status": "", "status_code": 404}, 404),
            ({"status": "x", "status_code": 404}, 200),
        ],
    )
    def test_status(self, config: JsonObject, status: int) -> None:
        """A whole number or 200; `status_code` is read where `status` is empty (X23)."""
        assert result(ran(Block("r", "response", config={"output": 1, **config})), "r")["status"] == status

    @pytest.mark.parametrize(
        ("headers", "expected"),
        [
            ([{"cells": {"Key": "A", "Value": "<S.output>"}}, {"cells": {"Key": "", "Value": 1}}], {"A": "up"}),
            ({"A": "<S.output>"}, {"A": "up"}),
            ('{"A": "<S.output>"}', {"A": "up"}),
            ([], {}),
            (None, {}),
            ("text", {}),
        ],
    )
    def test_headers(self, headers: Json, expected: JsonObject) -> None:
        """A table, an object, or the text of one; rows without a key go."""
        state = ran(
            Block("s", "split", "S", config={"input": "up"}),
            Block("r", "response", config={"headers": headers}),
            links="s>r",
        )

        assert result(state, "r")["headers"] == expected


class TestCondition:
    @pytest.mark.parametrize(
        ("config", "route"),
        [
            ({"mode": "boolean"}, "if"),
            ({"mode": "boolean", "expression": "False"}, "else"),
            ({"mode": "boolean", "expression": False}, "else"),
            ({"mode": "boolean", "expression": ""}, "else"),
            ({"mode": "boolean", "expression": None}, "else"),
            ({"mode": "other", "expression": "n == 5"}, "if"),
            ({"mode": "switch", "expression": "n", "cases": ["4", "5"]}, "elif_1"),
            ({"mode": "switch", "expression": "n", "cases": ["4"]}, "else"),
            ({"mode": "switch", "expression": "n == 5", "cases": []}, "if"),
            ({"mode": "switch", "expression": "n == 5", "cases": "text"}, "if"),
            ({"mode": "switch", "expression": "n", "cases": ["4"], "branches": [{"expression": "True"}]}, "if"),
            ({"expression": "n == 6", "branches": []}, "else"),
            ({"branches": "text"}, "else"),
            ({"branches": {}}, "else"),
        ],
    )
    def test_older_configs_count_only_without_branches(self, config: JsonObject, route: str) -> None:
        """`mode`, `expression` and `cases` (contract 3.4)."""
        if isinstance(config.get("cases"), list):
            config = {**config, "cases": [{"cells": {"Case Label": label}} for label in config["cases"]]}

        assert result(ran(Block("c", "condition", config=config), variables={"n": 5}), "c")["route"] == route

    @pytest.mark.parametrize(
        ("config", "handle", "runs"),
        [
            ({"expression": "True"}, "true", True),
            ({"expression": "True"}, "false", False),
            ({"expression": "False"}, "default", True),
            ({"mode": "switch", "expression": "s", "cases": ["b", "a"]}, "a", True),
            ({"mode": "switch", "expression": "s", "cases": ["b", "a"]}, "b", False),
            ({"mode": "switch", "expression": "s", "cases": ["b"]}, "default", True),
            ({"branches": [{"expression": "False"}, {"expression": "True"}]}, "elif_1", True),
            ({"branches": [{"expression": "False"}] * 11 + [{"expression": "True"}]}, "elif_11", True),
            ({"branches": [{"expression": "True"}]}, "elif_7", False),
        ],
    )
    def test_handles_of_older_conditions_mean_their_branches(self, config: JsonObject, handle: str, runs: bool) -> None:
        """`true`, `false`, `default` and the labels of cases, as the studio converts them when it opens a file."""
        if "cases" in config:
            config = {**config, "cases": [{"cells": {"Case Label": label}} for label in config["cases"]]}
        blocks = Block("c", "condition", config=config), Block("t", "split")

        state = ran(*blocks, links=f"c.{handle}>t", variables={"s": "a"})

        assert (state.blocks["t"].status == "done") is runs

    def test_only_branches_that_were_tried_are_told(self) -> None:
        """Each with its text, what it became, the values in it, and the result or the error; in JSON."""
        branches = [{"expression": text} for text in ("<S.output.n> > 9", "<S.gone> == 1", "n == 5", "never")]
        state = ran(
            Block("s", "starter", "S"),
            Block("c", "condition", config={"branches": branches}),
            links="s>c",
            variables={"n": 5},
        )

        first, second, third = result(state, "c")["_debug"]
        assert first == {
            "branch": "if",
            "raw": "<S.output.n> > 9",
            "resolved": "5 > 9",
            "variables": {"<S.output.n>": 5},
            "result": False,
        }
        assert (second["branch"], second["raw"], "error" in second, "result" in second) == (
            "elif_1",
            "<S.gone> == 1",
            True,
            False,
        )
        assert (third["branch"], third["variables"], third["result"]) == ("elif_2", {"n": 5}, True)

    @pytest.mark.parametrize(
        ("branches", "status"), [([{}, "text"], "done"), (["text", {}], "failed"), ([None], "failed")]
    )
    def test_a_branch_that_is_no_object_fails_the_block_when_it_is_tried(self, branches: Json, status: str) -> None:
        """Shape (a); one after the branch that was taken does no harm."""
        assert ran(Block("c", "condition", config={"branches": branches})).blocks["c"].status == status


class TestSplit:
    @pytest.mark.parametrize(
        ("config", "output"),
        [
            ({}, "up"),
            ({"input": None}, "up"),
            ({"input": ""}, "up"),
            ({"input": "", "_inputMappings": []}, "up"),
            ({"input": "", "_inputMappings": [{"sourceId": "s", "targetField": "input"}]}, "up"),
            ({"input": "", "_inputMappings": [{"sourceId": "gone", "targetField": "input"}]}, ""),
            ({"input": "", "_inputMappings": [{"sourceId": "gone", "targetField": "other"}]}, "up"),
            ({"input": 0}, 0),
            ({"input": {"k": "<S.output>"}}, {"k": "up"}),
            ({"branches": 7}, "up"),
        ],
    )
    def test_what_it_passes_on(self, config: JsonObject, output: Json) -> None:
        """A value as it is; without one, what the connected block before gave."""
        state = ran(Block("s", "split", "S", config={"input": "up"}), Block("p", "split", config=config), links="s>p")

        assert result(state, "p") == {"output": output}

    def test_all_its_branches_run(self) -> None:
        """Edges from numbered handles need no condition."""
        blocks = [Block(name, "split") for name in "pabc"]

        assert {item.block_id for item in ran(*blocks, links="p.1>a p.2>b p>c").log} == set("pabc")


class TestCode:
    """From outside; the language itself is in `test_code_run` and `test_code_language`."""

    def ran_code(self, *blocks: Block, links: str = "", variables: JsonObject | None = None) -> RunState:
        async def work() -> RunState:
            workflow = Workflow(
                blocks={block.id: block for block in blocks},
                edges={link: Edge(link, *link.split(">")) for link in links.split()},
            )
            events: list[AnyEvent] = []
            async with CodeRunner() as code:
                await run(workflow, events.append, services=Services(code=code), variables=variables)
            return replay(events)

        return asyncio.run(work())

    def test_input_data_as_a_whole_is_all_that_ran_before(self) -> None:
        """By id and by name, connected or not, whatever takes how long: as if blocks ran one after another."""
        workers = [Block(name, "code", name.upper(), config={"code": f"output = '{name}'"}) for name in "ab"]
        look = Block("look", "code", "Look", config={"code": "output = sorted(input_data)"})
        late = Block("late", "split", "Late")

        state = self.ran_code(Block("s", "starter", "Start"), *workers, look, late, links="s>a s>look s>late")

        # `b` stands alone, so it comes before what follows the starter; `late` comes after.
        assert result(state, "look") == {"output": ["A", "B", "Start", "a", "b", "s"]}

    def test_a_block_that_names_what_it_needs_waits_for_nothing_else(self) -> None:
        """So branches of a split run at the same time, unless code asks for everything."""
        asked = [
            Block("quick", "code", "Quick", config={"code": "output = input_data['S']['output']"}),
            Block("slow", "code", "Slow", config={"code": "while True: pass", "timeout": 400}),
        ]
        events: list[AnyEvent] = []

        async def work() -> None:
            split = Block("s", "split", "S", config={"input": 1})
            blocks = {block.id: block for block in (split, asked[1], asked[0])}
            edges = {name: Edge(name, "s", name) for name in ("slow", "quick")}
            async with CodeRunner() as code:
                await run(Workflow(blocks=blocks, edges=edges), events.append, services=Services(code=code))

        asyncio.run(work())

        ends = [event.block_id for event in events if hasattr(event, "duration_ms") and hasattr(event, "block_id")]
        assert ends == ["s", "quick", "slow"]

    @pytest.mark.parametrize("source", ["", "   \n", None, 5, ["x"]])
    def test_no_code_gives_null(self, source: Json) -> None:
        """And starts nothing."""
        assert result(ran(Block("c", "code", config={"code": source})), "c") == {"output": None}
