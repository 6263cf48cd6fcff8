"""Starter, webhook, split, condition and response: what each gives for which config."""

import asyncio
import uuid
from typing import Any

import pytest

from engine.blocks import Catalog, default_catalog
from engine.document import Block, Edge, JsonObject, Workflow
from engine.events import AnyEvent, BlockFailed
from engine.run.runner import run
from engine.runstate import RunState, replay

CATALOG = default_catalog()


def ran(*blocks: Block, links: str = "", variables: JsonObject | None = None) -> RunState:
    """The state after running these blocks; links are written `a>b b>c`."""
    edges = {link: Edge(link, *link.split(">")) for link in links.split()}
    workflow = Workflow(blocks={block.id: block for block in blocks}, edges=edges)
    events: list[AnyEvent] = []
    asyncio.run(run(workflow, events.append, catalog=CATALOG, variables=variables))
    return replay(events)


def result_of(state: RunState, block_id: str) -> Any:
    return state.blocks[block_id].result


class TestEntries:
    @pytest.mark.parametrize(
        ("declared", "expected"),
        [
            ({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}),
            ('{"a": 1}', {"a": 1, "b": 3, "c": 4}),
            ("no object", {"b": 3, "c": 4}),
            ([1], {"b": 3, "c": 4}),
            (None, {"b": 3, "c": 4}),
        ],
    )
    def test_starter_overlays_its_defaults(self, declared: Any, expected: JsonObject) -> None:
        """Defaults, then what the run was given; names that nobody declared pass through."""
        state = ran(Block("s", "starter", config={"input": declared}), variables={"b": 3, "c": 4})

        assert result_of(state, "s") == {"output": expected}

    def test_webhook_gives_what_the_caller_sent(self) -> None:
        """A run by hand gives its variables in the caller's place."""
        assert result_of(ran(Block("w", "webhook"), variables={"n": 1}), "w") == {"output": {"n": 1}}

    def test_webhook_ids_are_made_anew(self) -> None:
        """Every new webhook gets an address and a secret of its own, both random UUIDs."""
        one, two = (CATALOG.new_block("webhook", ()).config for _ in range(2))

        made = [one["webhook_id"], one["webhook_secret"], two["webhook_id"], two["webhook_secret"]]
        assert len(set(made)) == 4
        assert all(str(uuid.UUID(text)) == text and uuid.UUID(text).version == 4 for text in made)


class TestSplit:
    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            ({}, {"v": 1}),
            ({"input": ""}, {"v": 1}),
            ({"input": None}, {"v": 1}),
            ({"input": 0}, 0),
            ({"input": False}, False),
            ({"input": "<S.output.e>"}, ""),
            ({"input": "", "_inputMappings": [{"sourceId": "gone", "targetField": "input"}]}, ""),
        ],
    )
    def test_passes_its_input_on(self, config: JsonObject, expected: Any) -> None:
        """An input that nobody set is the predecessor's output (W21); an empty text that was meant stays."""
        variables: JsonObject = {"v": 1}
        if config.get("input") == "<S.output.e>":
            variables = {"e": ""}
        state = ran(
            Block("s", "starter", "S"), Block("x", "split", "X", config=config), links="s>x", variables=variables
        )

        assert result_of(state, "x") == {"output": expected}

    def test_without_a_predecessor_it_passes_nothing(self) -> None:
        """No value, no predecessor: null."""
        assert result_of(ran(Block("x", "split")), "x") == {"output": None}

    @pytest.mark.parametrize(
        ("value", "count"), [(2, 2), (10, 10), (99, 10), (0, 2), ("3", 3), ("x", 2), (None, 2), ([], 2)]
    )
    def test_ports(self, value: Any, count: int) -> None:
        """As many numbered ports as the config says, none of them a route."""
        ports = CATALOG.outputs(Block("x", "split", config={"branches": value}))

        assert [port.name for port in ports] == [str(number) for number in range(1, count + 1)]
        assert {port.route for port in ports} == {None}


class TestCondition:
    VARIABLES = {"n": 5, "s": "hello", "t": "true", "num": "7", "l": [1, 2], "o": {"k": "v"}, "nul": None}  # noqa: RUF012

    def route(self, config: JsonObject) -> JsonObject:
        state = ran(
            Block("s", "starter", "Start"),
            Block("c", "condition", "C", config=config),
            links="s>c",
            variables=self.VARIABLES,
        )
        return dict(result_of(state, "c"))

    @pytest.mark.parametrize(
        ("expressions", "route"),
        [
            (["<Start.output.n> == 5"], "if"),
            (["<Start.output.n> == 6"], "else"),
            (["<Start.output.num> > 6"], "if"),
            (["<Start.output.n> == '5'"], "if"),
            (["<Start.output.t> == True"], "if"),
            (["<Start.output.l>[0] == 1"], "if"),
            (["n == 5"], "if"),
            (["Start.output.n == 5"], "if"),
            (["len(<Start.output.l>) == 2"], "else"),
            (["<Start.output.n> ** 2 == 25"], "else"),
            ([""], "else"),
            (["<Start.output.s> > 5"], "else"),
            (["<Start.output.n> == 1", "<Start.output.n> == 5"], "elif_1"),
            (["False", "False", "<Nobody.output> == 1", "True"], "elif_3"),
        ],
    )
    def test_the_first_true_branch_decides(self, expressions: list[str], route: str) -> None:
        """Branches are asked in order; one that cannot be evaluated counts as false."""
        found = self.route({"branches": [{"expression": text} for text in expressions]})

        assert (found["route"], found["result"], found["output"]) == (route, route, route != "else")

    @pytest.mark.parametrize(
        ("branch", "route"), [({}, "if"), ({"expression": None}, "else"), ({"expression": 1}, "if")]
    )
    def test_branches_without_text(self, branch: JsonObject, route: str) -> None:
        """No expression is true, null is false (contract 3.4)."""
        assert self.route({"branches": [branch]})["route"] == route

    def test_what_was_tried_is_told(self) -> None:
        """`_debug` has each branch that was tried: its text, what it became, and the result or the error."""
        config = {"branches": [{"expression": text} for text in ("<Start.output.n> > 9", "1 +", "n == 5", "True")]}

        tried = self.route(config)["_debug"]

        assert [item["branch"] for item in tried] == ["if", "elif_1", "elif_2"]
        assert tried[0]["raw"] == "<Start.output.n> > 9"
        assert tried[0]["resolved"] == "5 > 9"
        assert tried[0]["result"] is False
        assert "error" in tried[1]
        assert tried[2]["variables"] == {"n": 5}

    def test_a_branch_that_is_no_object_fails_the_block(self) -> None:
        """The one way in which a condition fails."""
        state = ran(Block("c", "condition", config={"branches": ["n == 5"]}))

        assert state.blocks["c"].status == "failed"

    @pytest.mark.parametrize(
        ("config", "route"),
        [
            ({}, "else"),
            ({"branches": []}, "else"),
            ({"mode": "boolean"}, "if"),
            ({"expression": "<Start.output.n> == 6"}, "else"),
            ({"mode": "boolean", "expression": "n == 5", "branches": []}, "if"),
            ({"mode": "switch", "expression": "<Start.output.s>", "cases": ["a", "hello"]}, "elif_1"),
            ({"mode": "switch", "expression": "<Start.output.n>", "cases": ["5"]}, "if"),
            ({"mode": "switch", "expression": "<Start.output.s>", "cases": ["it's"]}, "else"),
            ({"mode": "switch", "expression": "<Start.output.n>", "cases": []}, "if"),
        ],
    )
    def test_older_configs(self, config: JsonObject, route: str) -> None:
        """`mode`, `expression` and `cases` decide while there are no branches; upgraded they decide the same."""
        if "cases" in config:
            config = {**config, "cases": [{"cells": {"Case Label": label}} for label in config["cases"]]}
        condition = CATALOG.find("condition")
        assert condition is not None

        assert self.route(config)["route"] == route
        assert self.route(condition.upgrade(config))["route"] == route

    @pytest.mark.parametrize("count", [0, 1, 3, 9, 20])
    def test_ports(self, count: int) -> None:
        """One for each branch, at least one and nine at most, and `else`; each is its own route."""
        config = {"branches": [{"expression": "True"}] * count}

        ports = CATALOG.outputs(Block("c", "condition", config=config))

        wanted = ["if", *(f"elif_{number}" for number in range(1, min(max(count, 1), 9))), "else"]
        assert [port.name for port in ports] == wanted
        assert [port.route for port in ports] == wanted

    def test_a_broken_older_expression_is_a_problem(self) -> None:
        """The check says so before anybody runs it."""
        condition = CATALOG.find("condition")
        assert condition is not None

        assert [problem.field for problem in condition.check({"expression": "1 +"})] == ["branches"]
        assert condition.check({"expression": "n == 1"}) == ()


class TestResponse:
    def test_an_empty_one_returns_what_came_before(self) -> None:
        """The guide's `config: {}` gives the predecessor's output (X5)."""
        state = ran(Block("s", "split", config={"input": "up"}), Block("r", "response"), links="s>r")

        assert state.output == "up"

    def test_of_several_predecessors_the_last_one_counts(self) -> None:
        """The last in the order that ran."""
        blocks = [Block(name, "split", config={"input": name}) for name in "ab"]

        assert ran(*blocks, Block("r", "response"), links="b>r a>r").output == "b"

    def test_an_empty_text_that_was_meant_stays_empty(self) -> None:
        """A reference to an empty text is no empty config."""
        state = ran(
            Block("s", "starter", "S"),
            Block("r", "response", config={"output": "<S.output.e>"}),
            links="s>r",
            variables={"e": ""},
        )

        assert state.output == ""

    @pytest.mark.parametrize(
        ("config", "status"),
        [
            ({"status": "404"}, 404),
            ({"status": 201}, 201),
            ({"status": "abc"}, 200),
            ({"status_code": 204}, 204),
            ({}, 200),
        ],
    )
    def test_status(self, config: JsonObject, status: int) -> None:
        """A number, or 200 for what is none."""
        assert result_of(ran(Block("r", "response", config=config)), "r")["status"] == status

    def test_headers_are_an_object(self) -> None:
        """Rows of the form become names and values; rows without a name go."""
        rows = [{"cells": {"Key": "A", "Value": "1"}}, {"cells": {"Key": "", "Value": "2"}}]

        assert result_of(ran(Block("r", "response", config={"headers": rows})), "r")["headers"] == {"A": "1"}

    def test_structures_are_resolved(self) -> None:
        """References in lists and objects keep their types."""
        config = {"output": {"k": "<S.output.n>", "l": ["<S.output>"]}}
        state = ran(Block("s", "starter", "S"), Block("r", "response", config=config), links="s>r", variables={"n": 5})

        assert state.output == {"k": 5, "l": [{"n": 5}]}


@pytest.mark.parametrize("config", [{}, {"input": "<A.output>"}, {"branches": 3}])
def test_pure_blocks_never_fail(config: JsonObject) -> None:
    """Starter, webhook, split and response run with any config."""
    events: list[AnyEvent] = []
    blocks = {kind: Block(kind, kind, config=config) for kind in ("starter", "webhook", "split", "response")}

    asyncio.run(run(Workflow(blocks=blocks), events.append, catalog=Catalog(CATALOG)))

    assert not [event for event in events if isinstance(event, BlockFailed)]
