"""What must hold for every block type, ours and those of packages, the day it appears; and how they are found."""

import asyncio
import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import files
from engine.blocks import Catalog, default_catalog, unique_name
from engine.blocks._fields import declared_variables, pairs_of, rows_of
from engine.blocks._spec import BlockType, Effect, FieldProblem, Outcome, OutputField
from engine.document import Block, Edge, Json, JsonObject, Workflow, block_from_api, block_to_api
from engine.events import AnyEvent, BlockStarted, encode_event
from engine.problem import Problem
from engine.references import Template
from engine.run.plan import Plan
from engine.run.runner import run
from engine.runstate import BlockRun, replay
from tests.engine.scripted import services_that


def example_block() -> BlockType:
    """The block of the example package, as its module gives it."""
    package = Path(__file__).parents[1] / "data" / "example-block-package" / "blockloom_example_blocks"
    spec = importlib.util.spec_from_file_location("blockloom_example_shout", package / "shout.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    block_type: BlockType = module.BLOCK
    return block_type


TYPES = [*default_catalog(), example_block()]
CATALOG = Catalog(TYPES)
ICONS = Path(__file__).parents[2] / "resources" / "icons"
JARGON = re.compile(r"\b(?:json|boolean|string|null|regex|payload|endpoint|iterate|parse)\b")
OWN_KEYS = ("_inputMappings", "timeout", "retry", "mode", "cases", "expression", "imports", "custom_packages")
EFFECTS = {"code", "http", "model", "agent", "orchestration", "platform"}

values: st.SearchStrategy[Json] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(["<S.output>", "{{variables.n}}", "<S.output.n> x", "https://h/<S.output>", "https://h:1/"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
any_type = pytest.mark.parametrize("block_type", TYPES, ids=lambda item: item.type)


def configs_of(block_type: BlockType) -> st.SearchStrategy[JsonObject]:
    """Configs with the keys that the type knows and any values in them."""
    keys = [field.key for field in block_type.fields] + list(OWN_KEYS)
    return st.dictionaries(st.sampled_from(keys), values, max_size=4)


def filled(block_type: BlockType) -> JsonObject:
    """The config of a new block with something in each field that must not be empty, and the first of all choices."""
    samples = {"text": "https://example.com/", "long_text": "Say it.", "orchestration": "known"}
    config = block_type.new_config()
    for field in block_type.fields:
        is_asked = field.required or field.choices
        if is_asked and field.is_visible(config) and config.get(field.key) in (None, ""):
            config[field.key] = field.choices[0].value if field.choices else samples.get(field.kind, "x")
    return config


def ran(block_type: BlockType, config: JsonObject, name: str = "", **script: Any) -> tuple[BlockRun, list[AnyEvent]]:
    """The block after a split called S that gives a text, with services that answer as told."""
    split = Block("s", "split", "S", config={"input": "some words"})
    blocks = {"s": split, "x": Block("x", name or block_type.type, "X", config=config)}
    workflow = Workflow(blocks=blocks, edges={"e": Edge("e", "s", "x")})
    events: list[AnyEvent] = []
    last = asyncio.run(
        run(workflow, events.append, catalog=CATALOG, services=services_that(**script), variables={"n": "text"})
    )
    assert last.status == "completed"
    for event in events:
        encode_event(event)
    return replay(events).blocks["x"], events


@any_type
class TestEveryType:
    def test_it_introduces_itself(self, block_type: BlockType) -> None:
        """Label, a description that fits a row of the palette, keywords and an icon that is there."""
        assert block_type.label
        assert 0 < len(block_type.description) <= 28
        assert block_type.keywords
        assert (ICONS / f"{block_type.icon}.svg").is_file()
        assert CATALOG.find(block_type.type) is block_type

    def test_its_fields_can_be_understood(self, block_type: BlockType) -> None:
        """Each has a label and, in full sentences, what it is for; keys are not repeated."""
        keys = [field.key for field in block_type.fields]
        assert len(keys) == len(set(keys))
        for field in block_type.fields:
            assert field.label
            assert not field.help or field.help.endswith(".")
            assert not JARGON.search(field.label.lower())

    def test_choices_hold_the_default(self, block_type: BlockType) -> None:
        """A new block shows one of the choices it offers, and numbers within their bounds."""
        for field in block_type.fields:
            if field.choices and field.default is not None:
                assert field.default in [choice.value for choice in field.choices]
            if field.kind == "number" and field.default is not None:
                assert field.minimum is None or field.minimum <= field.default
                assert field.maximum is None or field.default <= field.maximum

    def test_a_new_block_is_ready(self, block_type: BlockType) -> None:
        """It has a name of its own, values for what its form shows, and no reference in them."""
        block = CATALOG.new_block(block_type.type, {block_type.label})

        assert block.name == f"{block_type.label} 2"
        assert Template(block.config, block_type.raw_fields).is_constant
        assert block_type.summary(block.config) != ""
        assert CATALOG.outputs(block) == block_type.outputs(block.config)

    def test_its_results_are_described(self, block_type: BlockType) -> None:
        """Completion knows at least `output`."""
        names = [field.name for field in block_type.output_fields({})]

        assert "output" in names
        assert len(names) == len(set(names))

    def test_what_it_gives_is_what_it_describes(self, block_type: BlockType) -> None:
        """Every key of a result is described, and every description comes true, in success or in failure."""
        results = [ran(block_type, filled(block_type), **script)[0].result for script in ({}, {"fails": True})]
        results += [ran(block_type, block_type.new_config())[0].result]

        given = {key for result in results if result for key in result if not key.startswith("_")}
        described = {field.name.partition(".")[0] for field in block_type.output_fields(filled(block_type))}
        sometimes = {field.name for field in block_type.output_fields(filled(block_type)) if "only when" in field.help}
        assert given <= described
        assert described - sometimes <= given

    def test_half_typed_configs_break_nothing(self, block_type: BlockType) -> None:
        """Ports, summary, check, effects, upgrade and descriptions take any config and never raise."""
        known = {field.key for field in block_type.fields}

        @given(configs_of(block_type))
        def check(config: JsonObject) -> None:
            before = json.dumps(config)
            summary = block_type.summary(config)
            assert isinstance(summary, str)
            assert "\n" not in summary
            assert len(summary) < 250
            names = [port.name for port in block_type.outputs(config)]
            assert len(names) == len(set(names))
            assert all(isinstance(field, OutputField) for field in block_type.output_fields(config))
            assert {effect.kind for effect in block_type.effects(config)} <= EFFECTS
            upgraded = block_type.upgrade(config)
            assert block_type.upgrade(upgraded) == upgraded
            for problem in block_type.check(upgraded):
                assert isinstance(problem, FieldProblem)
                assert problem.field in known
                assert problem.message.endswith((".", "?"))
            for field in block_type.fields:
                if field.check:
                    assert isinstance(field.check(config.get(field.key)), str | None)
            assert json.dumps(config) == before

        check()

    def test_any_config_can_be_checked_and_planned(self, block_type: BlockType) -> None:
        """All rules of the check and the compiler of runs take any config."""
        from engine.check import problems

        @given(configs_of(block_type))
        def check(config: JsonObject) -> None:
            workflow = Workflow(blocks={"x": Block("x", block_type.type, "X", config=config)})
            assert all(isinstance(problem, Problem) for problem in problems(workflow, CATALOG))
            Plan(workflow, CATALOG)

        check()

    def test_any_config_runs_or_fails_cleanly(self, block_type: BlockType) -> None:
        """Whatever the config, and whatever its services do, the run goes to its end and its events can be written."""

        @given(configs_of(block_type), st.booleans(), st.booleans())
        def check(config: JsonObject, has_services: bool, fails: bool) -> None:
            config = {key: value for key, value in config.items() if key != "retry" or not isinstance(value, dict)}
            ran(block_type, config, nothing=not has_services, fails=fails)

        check()

    def test_a_new_block_does_not_crash(self, block_type: BlockType) -> None:
        """As it comes from the palette it does its work, or says what it lacks."""
        found, _ = ran(block_type, block_type.new_config())

        assert found.status in ("done", "failed")
        assert "unexpected" not in str(found.error)

    def test_its_config_survives_files_and_the_api(self, block_type: BlockType) -> None:
        """A new block is read as it was written, and what is minted is new each time."""
        block = CATALOG.new_block(block_type.type, ())
        workflow = Workflow(blocks={block.id: block})

        assert files.parse(files.encode(workflow))[0] == workflow
        assert block_from_api(json.loads(json.dumps(block_to_api(block)))) == block
        assert block_type.mint() == {} or block_type.mint() != block_type.mint()

    def test_its_aliases_are_itself_and_stay_as_they_are_spelled(self, block_type: BlockType) -> None:
        """An alias runs the same and is reported as it came (contract 3.0)."""
        for alias in block_type.aliases:
            assert CATALOG.find(alias) is block_type
            found, events = ran(block_type, filled(block_type), alias)
            assert found.status == "done"
            started = [event for event in events if isinstance(event, BlockStarted) and event.block_id == "x"]
            assert started[0].block_type == alias

    def test_its_effects_are_told_before_it_runs(self, block_type: BlockType) -> None:
        """A block that uses a service says so: what a trust question is made of."""
        services = services_that()
        blocks = {"x": Block("x", block_type.type, "X", config=filled(block_type))}
        asyncio.run(run(Workflow(blocks=blocks), lambda _event: None, catalog=CATALOG, services=services))

        told = {effect.kind for effect in block_type.effects(filled(block_type))}
        uses = {{"models": "model", "directory": "orchestration"}.get(name, name) for name in services.used}
        assert all(isinstance(effect, Effect) for effect in block_type.effects(filled(block_type)))
        assert uses <= told or ("orchestration" in told and uses <= {"orchestration", "model"})


class TestCatalog:
    def test_all_types_of_the_contract_are_there(self) -> None:
        """The ten canonical names and the two aliases (contract 3.0)."""
        wanted = ["starter", "webhook", "agent", "orchestration", "condition", "split", "code", "general_api"]
        wanted += ["platform_api", "response"]

        assert [item.type for item in default_catalog()] == wanted
        assert {alias for item in default_catalog() for alias in item.aliases} == {"function", "api_call"}

    @pytest.mark.parametrize(("alias", "name"), [("function", "code"), ("api_call", "general_api")])
    def test_aliases(self, alias: str, name: str) -> None:
        """An alias is the same type, listed once."""
        assert CATALOG.find(alias) is CATALOG.find(name)
        assert alias in CATALOG
        assert alias not in [item.type for item in TYPES]

    def test_unknown_types_have_one_port_on_each_side(self) -> None:
        """A block nobody knows can still be connected."""
        block = Block("x", "acme")

        assert CATALOG.find("acme") is None
        assert [port.name for port in CATALOG.inputs(block)] == [port.name for port in CATALOG.outputs(block)] == [""]

    @pytest.mark.parametrize(
        ("wanted", "taken", "found"),
        [
            ("Code", [], "Code"),
            ("Code", ["Code"], "Code 2"),
            ("Code", ["Code", "Code 2", "Code 3"], "Code 4"),
            ("Code 7", ["Code 7"], "Code 8"),
            ("7", ["7"], "7 2"),
            ("A 1000000", ["A 1000000"], "A 1000000 2"),
        ],
    )
    def test_names_count_on(self, wanted: str, taken: list[str], found: str) -> None:
        """The first free number, on from the one at the end."""
        assert unique_name(wanted, taken) == found

    def test_a_broken_package_is_named_and_left_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A package that raises, and one that takes a name that is taken, leave the rest as it is."""

        class Entry:
            def __init__(self, name: str, block_type: BlockType | None) -> None:
                self.name, self.BLOCK = name, block_type

            def load(self) -> Any:
                if self.BLOCK is None:
                    raise ImportError("gone")
                return self

        def made(name: str) -> BlockType:
            return BlockType(name, name, "", "Data", "code", "grey", run=lambda _ctx, _config: Outcome({}))

        entries = [Entry("broken", None), Entry("clash", made("function")), Entry("good", made("acme"))]
        monkeypatch.setattr("engine.blocks.entry_points", lambda **_options: entries)

        found = default_catalog.__wrapped__()

        assert "acme" in found
        assert set(found.load_errors) == {"broken", "clash"}
        assert isinstance(found, Catalog)


class TestTables:
    """Tables in configs (contract 3.0)."""

    @pytest.mark.parametrize(
        ("value", "pairs"),
        [
            ([{"cells": {"Key": "a", "Value": 1}}], [("a", 1)]),
            ([{"cells": {"Key": "", "Value": 1}}, {"cells": {"Key": "b"}}, {}, 5, None], [("b", "")]),
            ({"a": 1, "": 2}, [("a", 1)]),
            ('{"a": [1]}', [("a", [1])]),
            ("no json", []),
            ("[" * 100_000, []),
            (None, []),
            (5, []),
        ],
    )
    def test_rows_objects_and_texts(self, value: Any, pairs: list[tuple[str, Any]]) -> None:
        """All three are read; rows without a key go."""
        assert pairs_of(value) == pairs

    @given(st.lists(st.tuples(st.text(min_size=1), values)))
    def test_what_is_written_is_read_again(self, pairs: list[tuple[str, Any]]) -> None:
        """In the shape of the studio."""
        assert pairs_of(rows_of(pairs)) == pairs

    @pytest.mark.parametrize(
        ("value", "found"), [({"a": 1}, {"a": 1}), ('{"a": 1}', {"a": 1}), ("[1]", {}), ([], {}), (None, {})]
    )
    def test_declared_variables(self, value: Any, found: Any) -> None:
        """An object or the text of one; anything else declares nothing."""
        assert declared_variables(value) == found
