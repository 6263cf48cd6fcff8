"""Contract 3.0: what all blocks have in common. Types, ports, preparation of configs, mappings, tables, failures."""

import asyncio
from typing import Any

import pytest

from engine import wiring
from engine.blocks import Catalog, default_catalog
from engine.blocks._fields import Field, Visible
from engine.blocks._spec import BlockContext, BlockType, Outcome
from engine.document import Block, Edge, Json, JsonObject, Workflow, workflow_from_api, workflow_to_api
from engine.errors import BlockError
from engine.events import AnyEvent, BlockFailed, BlockFinished, BlockStarted
from engine.run.executionlog import FollowedRun
from engine.run.runner import run
from engine.runstate import replay

CATALOG = default_catalog()
TABLE = [
    # type, name in the studio, colour, ports on both sides
    ("starter", "Starter", "emerald", [], [""]),
    ("webhook", "Webhook", "sky", [], [""]),
    ("response", "Response", "rose", [""], []),
    ("condition", "Condition", "orange", [""], ["if", "else"]),
    ("split", "Split", "teal", [""], ["1", "2"]),
    ("agent", "Agent", "violet", [""], [""]),
    ("code", "Code", "amber", [""], [""]),
    ("platform_api", "Platform API", "indigo", [""], [""]),
    ("general_api", "General API", "blue", [""], [""]),
    ("orchestration", "Orchestration", "fuchsia", [""], [""]),
]
VARIABLES: JsonObject = {"a": "x", "b": "y", "n": 5, "none": None, "o": {"k": "deep"}, "output_x": "odd"}


def kept(_ctx: BlockContext, config: JsonObject) -> Outcome:
    """A block that shows the config it was given."""
    return Outcome({"output": config})


async def failing(_ctx: BlockContext, _config: JsonObject) -> Outcome:
    raise BlockError("raised")


def reporting(_ctx: BlockContext, _config: JsonObject) -> Outcome:
    return Outcome({"output": None, "error": "reported", "more": 1}, "reported")


def made(name: str, function: Any, *raw: str) -> BlockType:
    return BlockType(name, name, "", "Data", "code", "grey", run=function, raw_fields=frozenset(raw))


WITH_TESTERS = Catalog(
    [*CATALOG, made("keep", kept), made("fail", failing), made("report", reporting), made("raw", kept, "code")]
)


def events_of(workflow: Workflow, variables: JsonObject | None = None) -> list[AnyEvent]:
    events: list[AnyEvent] = []
    asyncio.run(run(workflow, events.append, catalog=WITH_TESTERS, variables=variables))
    return events


def given(config: JsonObject, *before: Block, kind: str = "keep") -> Any:
    """The config that a block after a starter gets to see; `before` are other blocks before it."""
    blocks = [Block("s-id", "starter", "Start"), *before, Block("x", kind, "X", config=config)]
    edges = {block.id: Edge(block.id, block.id, "x") for block in blocks[:-1]}
    workflow = Workflow(blocks={block.id: block for block in blocks}, edges=edges)
    found = replay(events_of(workflow, VARIABLES)).blocks["x"]
    return found.result["output"] if found.result else found.error


def row(source: Json, field: Json, target: Json) -> JsonObject:
    return {"sourceId": source, "outputField": field, "targetField": target}


class TestTypes:
    @pytest.mark.parametrize(("kind", "label", "hue", "inputs", "outputs"), TABLE, ids=[item[0] for item in TABLE])
    def test_types_ports_and_colours(
        self, kind: str, label: str, hue: str, inputs: list[str], outputs: list[str]
    ) -> None:
        """The table of section 3.0, with orchestration, which is ours to add."""
        block = CATALOG.new_block(kind, ())
        found = CATALOG.find(kind)

        assert found is not None
        assert (found.label, found.hue, block.name) == (label, hue, label)
        assert [port.name for port in CATALOG.inputs(block)] == inputs
        assert [port.name for port in CATALOG.outputs(block)] == outputs

    def test_unnamed_ports_are_stored_as_null(self) -> None:
        """As the studio does; a branch is stored in handle and condition (X21)."""
        blocks = {"c": CATALOG.new_block("condition", ()), "t": CATALOG.new_block("code", ())}
        workflow = Workflow(blocks={key: block.changed(id=key) for key, block in blocks.items()})

        branch = wiring.edge_between(workflow, CATALOG, "c", "else", "t", "")
        plain = wiring.edge_between(workflow, CATALOG, "t", "", "c", "")

        assert (branch.source_handle, branch.target_handle, branch.condition) == ("else", None, "else")
        assert (plain.source_handle, plain.target_handle, plain.condition) == (None, None, None)

    @pytest.mark.parametrize("alias", ["function", "api_call"])
    def test_aliases_are_kept_as_they_came(self, alias: str) -> None:
        """In the document, in its JSON, and in the events of a run."""
        data = {"blocks": [{"id": "x", "type": alias, "name": "X", "config": {}}], "edges": []}
        workflow = workflow_from_api(data)

        started = next(event for event in events_of(workflow) if isinstance(event, BlockStarted))

        assert started.block_type == alias
        assert workflow_to_api(workflow)["blocks"][0]["type"] == alias

    @pytest.mark.parametrize(
        ("rules", "config", "is_shown"),
        [
            ((Visible("a", ("x",)),), {"a": "x"}, True),
            ((Visible("a", ("x",)),), {"a": "y"}, False),
            ((Visible("a", ("x", "y")),), {"a": "y"}, True),
            ((Visible("a", ("x",), negate=True),), {"a": "x"}, False),
            ((Visible("a", ("x",), negate=True),), {}, True),
            ((Visible("a", ("x",)), Visible("b", (True,))), {"a": "x", "b": True}, True),
            ((Visible("a", ("x",)), Visible("b", (True,))), {"a": "x", "b": False}, False),
            ((Visible("a", ("",)),), {"a": ""}, True),
            ((Visible("a", ("",)),), {}, False),
            ((Visible("a", ("1",)),), {"a": 1}, False),
        ],
    )
    def test_fields_are_shown_by_rules(self, rules: Any, config: JsonObject, is_shown: bool) -> None:
        """Strict equality, lists are "or", several rules are "and"."""
        assert Field("f", "F", "text", visible=rules).is_visible(config) is is_shown

    def test_new_blocks_begin_as_in_the_studio(self) -> None:
        """Declared defaults, `false` for switches, one blank row for tables, empty text for the rest."""
        blank = [{"cells": {"Key": "", "Value": ""}}]
        configs = {kind: CATALOG.new_block(kind, ()).config for kind, *_ in TABLE}

        assert configs["split"] == {"input": "", "branches": 2}
        assert configs["condition"] == {"branches": [{"expression": ""}]}
        assert configs["starter"] == {"input": {}, "schedule_enabled": False}
        assert configs["response"] == {"output": "", "status": 200, "headers": blank}
        assert configs["general_api"]["params"] == configs["general_api"]["headers"] == blank
        assert configs["agent"]["agent_id"] == ""


class TestConfigs:
    @pytest.mark.parametrize("config", [None, [], [1], "text", 5, {}])
    def test_a_config_that_is_no_object_runs_like_an_empty_one(self, config: Json) -> None:
        """What is stored stays stored (contract 2.5)."""
        data = {"blocks": [{"id": "x", "type": "split", "config": config}], "edges": []}
        workflow = workflow_from_api(data)

        assert replay(events_of(workflow)).blocks["x"].result == {"output": None}
        assert workflow_to_api(workflow)["blocks"][0]["config"] == config

    def test_a_block_knows_its_id_without_a_key_in_its_config(self) -> None:
        """The platform injects `block_id`; here it comes beside the config, so that no key of a person is lost."""
        seen: list[str] = []

        def note(ctx: BlockContext, config: JsonObject) -> Outcome:
            seen.append(ctx.block_id)
            return Outcome({"output": config})

        workflow = Workflow(blocks={"x": Block("x", "note", "X", config={"block_id": "mine"})})
        events: list[AnyEvent] = []
        asyncio.run(run(workflow, events.append, catalog=Catalog([made("note", note)])))

        assert seen == ["x"]
        assert replay(events).blocks["x"].result == {"output": {"block_id": "mine"}}

    def test_every_text_is_resolved_and_source_text_is_not(self) -> None:
        """Deep in objects and lists; keys stay, raw fields stay."""
        config = {"a": ["<Start.output.n>", {"<Start.output.a>": "-<Start.output.a>-"}], "code": "<Start.output.n>"}

        assert given(config, kind="raw") == {"a": [5, {"<Start.output.a>": "-x-"}], "code": "<Start.output.n>"}


class TestMappings:
    """`_inputMappings`, the studio's wiring."""

    @pytest.mark.parametrize(
        ("rows", "expected"),
        [
            ([row("s-id", "output", "t")], VARIABLES),
            ([row("s-id", None, "t")], VARIABLES),
            ([row("s-id", "", "t")], VARIABLES),
            ([{"sourceId": "s-id", "targetField": "t"}], VARIABLES),
            ([row("Start", "output.a", "t")], "x"),
            ([row("s-id", "a", "t")], "x"),
            ([row("s-id", "o.k", "t")], "deep"),
            ([row("s-id", "output.o.k", "t")], "deep"),
            ([row("s-id", "output_x", "t")], None),
            ([row("s-id", "none", "t")], None),
            ([row("s-id", "gone", "t")], None),
            ([row("s-id", "a.b", "t")], None),
            ([row("nobody", "a", "t")], None),
            ([row("", "a", "t")], None),
            ([row(None, "a", "t")], None),
            ([row("s-id", "a", "")], None),
            ([row("s-id", "a", None)], None),
            ([row(5, "a", "t")], None),
            ([row("s-id", 5, "t")], None),
            ([row("s-id", "a", "t"), row("s-id", "b", "t")], "x\ny"),
            ([row("s-id", "a", "t"), row("s-id", "b", "t"), row("s-id", "o.k", "t")], "x\ny\ndeep"),
            ([row("s-id", "n", "t"), row("s-id", "a", "t")], "x"),
            ([row("s-id", "a", "t"), row("s-id", "n", "t")], 5),
            ([row("s-id", "gone", "t"), row("s-id", "a", "t"), row("s-id", "none", "t")], "x"),
        ],
    )
    def test_what_a_mapping_gives(self, rows: list[JsonObject], expected: Json) -> None:
        """By id or name, with `output.` tried before a path that does not lead anywhere; texts are joined."""
        found = given({"_inputMappings": rows})

        assert found == ({} if expected is None else {"t": expected})

    @pytest.mark.parametrize(
        ("typed", "expected"), [(None, "x"), ("", "x"), (0, 0), (False, False), ("t", "t"), ([], [])]
    )
    def test_what_was_typed_wins(self, typed: Json, expected: Json) -> None:
        """Only null, absent and empty text are filled; zero, false and text are values."""
        assert given({"t": typed, "_inputMappings": [row("s-id", "a", "t")]}) == {"t": expected}

    def test_a_reference_to_an_empty_text_is_filled_too(self) -> None:
        """Mappings come after references (contract 3.0, step 2)."""
        before = Block("e", "split", "E", config={"input": "<Start.output.gone_text>"})
        assert given({"t": "<Empty.output>", "_inputMappings": [row("s-id", "a", "t")]}, before) == {
            "t": "<Empty.output>"
        }

        empty = Block("e", "keep", "E", config={"text": ""})
        assert given({"t": "<E.output.text>", "_inputMappings": [row("s-id", "a", "t")]}, empty) == {"t": "x"}

    @pytest.mark.parametrize("rows", [None, "?", 5, {}, {"sourceId": "s-id"}, []])
    def test_what_is_no_list_is_ignored(self, rows: Json) -> None:
        """And is not part of the config that the block gets."""
        assert given({"k": 1, "_inputMappings": rows}) == {"k": 1}

    @pytest.mark.parametrize("rows", [["text"], [None], [row("s-id", "a", "t"), 5], [[]]])
    def test_an_item_that_is_no_object_raises(self, rows: Json) -> None:
        """Shape (a): the block has no result."""
        events = events_of(Workflow(blocks={"x": Block("x", "keep", "X", config={"_inputMappings": rows})}))

        assert [type(event).__name__ for event in events][1:3] == ["BlockStarted", "BlockFailed"]

    @pytest.mark.parametrize(
        ("kind", "config"), [("raw", {"code": ""}), ("raw", {}), ("condition", {"expression": ""}), ("code", {})]
    )
    def test_source_text_is_not_mapped(self, kind: str, config: JsonObject) -> None:
        """Raw fields are put back as they were (contract 3.0, step 3)."""
        rows = [row("s-id", "a", key) for key in ("code", "expression", "branches")]

        found = given({**config, "_inputMappings": rows}, kind=kind)

        assert found == {"raw": {**config, "expression": "x", "branches": "x"}, "condition": False}.get(kind)

    @pytest.mark.parametrize(
        "source",
        [Block("f", "fail", "F"), Block("f", "split", "F", enabled=False), Block("f", "keep", "F", config={"k": None})],
    )
    def test_a_source_without_a_value_is_passed_over(self, source: Block) -> None:
        """It raised, did not run, or has null there."""
        assert given({"_inputMappings": [row("f", "output.k", "t"), row("s-id", "a", "t")]}, source) == {"t": "x"}

    def test_a_source_need_not_be_connected(self) -> None:
        """Any block that comes earlier will do, and is waited for."""
        blocks = [
            Block("far", "keep", "Far", config={"k": 1}),
            Block("x", "keep", "X", config={"_inputMappings": [row("far", "k", "t")]}),
        ]

        state = replay(events_of(Workflow(blocks={block.id: block for block in blocks})))

        assert state.blocks["x"].result == {"output": {"t": 1}}


class TestFailures:
    @pytest.fixture
    def followed(self) -> FollowedRun:
        """One block that raises and one that reports, each with a follower that refers to it."""
        blocks = [
            Block("a", "fail", "A"),
            Block("after-a", "split", "After A"),
            Block("b", "report", "B"),
            Block("after-b", "split", "After B", config={"input": "<B.error> <B.more> <A.error>"}),
        ]
        edges = {"1": Edge("1", "a", "after-a"), "2": Edge("2", "b", "after-b")}
        return FollowedRun(events_of(Workflow(blocks={block.id: block for block in blocks}, edges=edges)))

    def test_a_raised_failure_has_no_output_and_stops_its_followers(self, followed: FollowedRun) -> None:
        """Shape (a): recorded, but not referenceable (5.3)."""
        assert followed.block_outputs()["a"] == {"error": "raised"}
        assert followed.state.blocks["after-a"].status == "skipped"

    def test_a_reported_failure_is_a_result_and_its_followers_run(self, followed: FollowedRun) -> None:
        """Shape (b): `output` is null beside the error, and both can be referred to."""
        assert followed.block_outputs()["b"] == {"output": None, "error": "reported", "more": 1}
        assert followed.block_outputs()["after-b"] == {"output": "reported 1 <A.error>"}

    def test_the_log_says_error_in_both_cases_and_the_run_is_completed(self, followed: FollowedRun) -> None:
        """By a flag, not by whether there is text."""
        statuses = {item.block_id: followed.log_entry(item)["status"] for item in followed.ended_runs()}

        assert statuses == {"a": "error", "b": "error", "after-b": "success"}
        assert followed.state.status == "completed"

    def test_the_events_tell_them_apart(self) -> None:
        """A raised failure is a failed block, a reported one a finished block with an error."""
        events = events_of(Workflow(blocks={"a": Block("a", "fail"), "b": Block("b", "report")}))

        assert [event.error for event in events if isinstance(event, BlockFailed)] == ["raised"]
        assert [event.error for event in events if isinstance(event, BlockFinished)] == ["reported"]
