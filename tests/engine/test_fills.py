"""Configs whose references are whole values are filled in without a template, and come to the same."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.blocks import Catalog
from engine.blocks._spec import BlockContext, BlockType, Outcome
from engine.document import Block, Json, JsonObject, Workflow
from engine.events import AnyEvent, Stream
from engine.references import Template, whole_references
from engine.run.context import Services, StepContext
from engine.run.plan import Plan
from engine.run.progress import Progress

TEXTS = st.sampled_from(["<a.x>", "<b.x>", "<Same.x>", "<a.x.y>", "<a.x.0>", "<gone.x>", "<a>", "x < y", "plain", ""])
CONFIGS = st.dictionaries(st.sampled_from("klmn"), TEXTS | st.none() | st.integers() | st.lists(st.integers()))
VALUES: st.SearchStrategy[Json] = st.none() | st.text() | st.just([1]) | st.just({"y": None}) | st.just({"y": {"z": 1}})
RESULTS = st.none() | st.dictionaries(st.sampled_from("xw"), VALUES)


@dataclass
class Scope:
    """What the blocks of a run share, without a run."""

    plan: Plan
    progress: Progress
    services: Services = field(default_factory=Services)
    variables: JsonObject = field(default_factory=dict)
    effective: JsonObject = field(default_factory=dict)

    def say(self, block_id: str, text: str, stream: Stream) -> None:
        raise AssertionError("these blocks say nothing")

    def tell(self, kind: Callable[..., AnyEvent], **fields: Any) -> None:
        raise AssertionError("these blocks tell nothing")


def unused(_ctx: BlockContext, _config: JsonObject) -> Outcome:
    raise AssertionError("these blocks are never run")


def context_of(config: JsonObject, a: JsonObject | None, b: JsonObject | None) -> StepContext:
    """A block that comes after two of the same name, with these results."""
    kind = BlockType("t", "T", "", "Logic", "code", "grey", run=unused, raw_fields=frozenset({"code"}))
    blocks = {"a": Block("a", "t", "Same"), "b": Block("b", "t", "Same"), "c": Block("c", "t", "C", config=config)}
    plan = Plan(Workflow(blocks=blocks), Catalog([kind]))
    progress = Progress(plan)
    progress.results[:2] = [a, b]
    return StepContext(Scope(plan, progress), plan.steps[2])


@given(CONFIGS, RESULTS, RESULTS)
def test_filling_comes_to_what_a_template_comes_to(
    config: JsonObject, a: JsonObject | None, b: JsonObject | None
) -> None:
    """Types are kept, what leads nowhere stays, and a name means the first block of it that has a result."""
    context = context_of(config, a, b)
    before = repr(config)

    filled = context.prepare()

    assert context.step.template is None
    assert filled == Template(config).resolve(context.lookup, {})
    assert repr(config) == before


@pytest.mark.parametrize("value", ["say <a.x>", "<a.x><b.x>", "{{variables.v}}", ["<a.x>"], {"k": "<a.x>"}])
def test_other_references_need_a_template(value: Json) -> None:
    """References inside text, lists and objects, and those to variables, are left to a template."""
    config = {"whole": "<a.x>", "other": value}

    assert whole_references(config, frozenset()) is None
    assert context_of(config, {"x": 1}, None).step.template is not None


def test_source_text_is_not_filled() -> None:
    """A raw field keeps its text, also where all of it reads like a reference."""
    context = context_of({"code": "<a.x>", "k": "<a.x>"}, {"x": 1}, None)

    assert context.prepare() == {"code": "<a.x>", "k": 1}
