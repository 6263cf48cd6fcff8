"""What must hold for every block type, and how the catalog finds them."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.blocks import Catalog, default_catalog, unique_name
from engine.blocks._fields import declared_variables, pairs_of, rows_of
from engine.blocks._spec import BlockType, Outcome
from engine.document import Block, Json
from engine.references import Template

CATALOG = default_catalog()
TYPES = list(CATALOG)
ICONS = Path(__file__).parents[2] / "resources" / "icons"
JARGON = re.compile(r"\b(?:json|boolean|string|null|regex|payload|endpoint|iterate|parse)\b")

values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
any_type = pytest.mark.parametrize("block_type", TYPES, ids=lambda item: item.type)


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

    def test_half_typed_configs_break_nothing(self, block_type: BlockType) -> None:
        """Ports, summary, check, upgrade and results take any JSON and never raise."""
        keys = [field.key for field in block_type.fields] + ["_inputMappings", "mode", "cases", "expression"]

        @given(st.dictionaries(st.sampled_from(keys), values, max_size=4))
        @settings(max_examples=60, deadline=None)
        def check(config: dict[str, Json]) -> None:
            assert isinstance(block_type.summary(config), str)
            names = [port.name for port in block_type.outputs(config)]
            assert len(names) == len(set(names))
            block_type.output_fields(config)
            list(block_type.check(block_type.upgrade(config)))
            for field in block_type.fields:
                if field.check:
                    field.check(config.get(field.key))

        check()

    def test_any_config_runs_or_fails_cleanly(self, block_type: BlockType) -> None:
        """Whatever the config, the run goes to its end and ends with JSON."""
        from engine.document import Workflow
        from engine.events import encode_event
        from engine.run.runner import run

        keys = [field.key for field in block_type.fields] + ["_inputMappings", "timeout", "retry"]

        @given(st.dictionaries(st.sampled_from(keys), values, max_size=4))
        @settings(max_examples=40, deadline=None)
        def check(config: dict[str, Json]) -> None:
            config = {key: value for key, value in config.items() if key != "retry" or not isinstance(value, dict)}
            events: list[Any] = []
            workflow = Workflow(blocks={"x": Block("x", block_type.type, config=config)})
            last = asyncio.run(run(workflow, events.append, catalog=CATALOG))
            assert last.status == "completed"
            for event in events:
                encode_event(event)

        check()


class TestCatalog:
    def test_the_eight_blocks_are_there(self) -> None:
        """Start to finish, in the order of the palette."""
        wanted = ["starter", "webhook", "agent", "condition", "split", "code", "general_api", "response"]

        assert [item.type for item in TYPES if item.type in wanted] == wanted

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
