"""Blocks at the same time come to what they would come to one after another (contract 5.6)."""

import asyncio
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.document import Block, Edge, Json, JsonObject, Workflow
from engine.events import BlockSkipped
from engine.run.clock import FakeClock
from engine.run.runner import run
from engine.runstate import RunState, replay
from tests.engine.oracle import Oracle, catalog_for

MAX_BLOCKS = 8
IDS = [f"b{number}" for number in range(MAX_BLOCKS)]
NAMES = ["Fetch it", "N-1", "N1", "b1", ""]
VARIABLES: JsonObject = {"n": 5, "s": "text", "o": {"k": [1, "two"]}, "flag": "true", "none": None}
KINDS = ["starter", "webhook", "split", "split", "condition", "condition", "response", "work", "work", "look"]
KINDS += ["report", "fail"]
HANDLES = [None, None, None, "output", "if", "else", "elif_1", "1", "true", "default", "text"]

names = st.sampled_from([*IDS, *NAMES[:3], "Nobody"])
paths = st.sampled_from(
    ["output", "output.n", "output.o", "output.o.k", "output.0", "route", "error", "status", "gone"]
)
references = st.builds(lambda name, path: f"<{name}.{path}>", names, paths) | st.sampled_from(
    ["{{variables.n}}", "{{ variables.o.k }}", "{{variables.d}}", "{{variables.gone}}"]
)
texts = st.lists(references | st.sampled_from(["plain ", "<b>", " = "]), min_size=1, max_size=3).map("".join)
values: st.SearchStrategy[Json] = st.one_of(
    st.none(),
    st.just(""),
    st.integers(0, 3),
    references,
    texts,
    st.fixed_dictionaries({"a": texts, "b": st.lists(references, max_size=2)}),
)
expressions = st.builds(
    lambda left, sign, right: f"{left} {sign} {right}",
    references.filter(lambda text: text.startswith("<")) | st.sampled_from(["n", "flag", "N1.output", "gone", '"5"']),
    st.sampled_from(["==", "!=", "<", ">=", "and", "or", "+"]),
    st.sampled_from(["5", '"text"', "True", "None", "n", "<b0.output>", "-1", "'5'"]),
)
branches = st.lists(
    st.fixed_dictionaries({}, optional={"expression": expressions | st.sampled_from(["", None, "1 +", True, "s[0]"])}),
    max_size=3,
)
mappings = st.lists(
    st.builds(
        lambda source, field, target: {"sourceId": source, "outputField": field, "targetField": target},
        names,
        st.sampled_from(["output", "n", "o.k", "output.s", "", "error", "gone"]),
        st.sampled_from(["input", "output", "extra", "branches"]),
    ),
    max_size=3,
)


@st.composite
def configs(draw: st.DrawFn, kind: str) -> JsonObject:
    """A config that means something to this type, more or less."""
    config: JsonObject = {}
    if kind == "condition":
        config = draw(
            st.fixed_dictionaries({"branches": branches})
            | st.fixed_dictionaries({"mode": st.just("boolean")}, optional={"expression": expressions})
            | st.fixed_dictionaries(
                {
                    "mode": st.just("switch"),
                    "expression": st.sampled_from(["s", "n", "<b0.output.n>"]),
                    "cases": st.lists(
                        st.sampled_from(["text", "5"]).map(lambda label: {"cells": {"Case Label": label}})
                    ),
                }
            )
        )
    elif kind == "starter":
        config = draw(st.sampled_from([{}, {"input": {"d": 1, "n": 2}}, {"input": "no object"}, {"input": None}]))
    elif kind == "response":
        optional = {"output": values, "status": st.sampled_from(["404", "x", "", 201]), "status_code": st.just(299)}
        config = draw(st.fixed_dictionaries({}, optional=optional))
    elif kind == "look":
        config = {"code": draw(st.sampled_from(["list(input_data)", *(f'input_data["{name}"]' for name in IDS)]))}
    else:
        config = draw(st.fixed_dictionaries({}, optional={"input": values, "extra": values}))
    rows = draw(st.none() | mappings)
    return config if rows is None else {**config, "_inputMappings": rows}


@st.composite
def workflows(draw: st.DrawFn) -> Workflow:
    """Graphs without circles: choices, failures, disabled blocks, shared names, references and mappings to anywhere."""
    count = draw(st.integers(1, MAX_BLOCKS))
    shuffled = draw(st.permutations(range(count)))
    blocks = {}
    for block_id in IDS[:count]:
        kind = draw(st.sampled_from(KINDS))
        enabled = draw(st.sampled_from([True, True, True, True, False]))
        name = draw(st.sampled_from(NAMES))
        blocks[block_id] = Block(block_id, kind, name, enabled=enabled, config=draw(configs(kind)))
    edges = {}
    for number in range(draw(st.integers(0, 2 * count))):
        one, two = draw(st.integers(0, count - 1)), draw(st.integers(0, count - 1))
        if one == two:
            continue
        # The shuffle decides what may follow what, so list order and direction are independent.
        source, target = (IDS[index] for index in sorted((one, two), key=shuffled.index))
        handle = draw(st.sampled_from(HANDLES))
        condition = draw(st.sampled_from([None, None, None, handle, "if", ""]))
        edges[f"e{number}"] = Edge(f"e{number}", source, target, handle, None, condition)
    return Workflow(variables={"s": "workflow's", "w": 1}, blocks=blocks, edges=edges)


def ran(workflow: Workflow, delays: list[int], slots: int) -> tuple[RunState, list[Any]]:
    clock = FakeClock()
    catalog = catalog_for(clock, lambda block_id: float(delays[int(block_id[1:])]))
    events: list[Any] = []
    work = run(workflow, events.append, catalog=catalog, clock=clock, slots=slots, variables=VARIABLES, deadline_s=None)
    asyncio.run(clock.drive(work))
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    return replay(events), events


def told(result: JsonObject | None) -> JsonObject | None:
    """A result without the account of how a condition was decided, which is checked elsewhere."""
    return result and {key: value for key, value in result.items() if key != "_debug"}


SIBLING_LOOKS = Workflow(
    blocks={
        "b0": Block("b0", "starter", "Start"),
        "b1": Block("b1", "work", "Slow", config={"input": 1}),
        "b2": Block("b2", "look", "Look", config={"code": "list(input_data)"}),
    },
    edges={"e0": Edge("e0", "b0", "b1"), "e1": Edge("e1", "b0", "b2")},
)


@pytest.mark.timeout(900)  # for the thorough profile
@given(workflows(), st.lists(st.integers(0, 3), min_size=MAX_BLOCKS, max_size=MAX_BLOCKS))
@example(SIBLING_LOOKS, [0, 3, 0, 0, 0, 0, 0, 0])
@settings(max_examples=6_000 if settings.get_current_profile_name() == "thorough" else 250)
def test_any_graph_comes_to_the_same_as_one_block_after_another(workflow: Workflow, delays: list[int]) -> None:
    """Outputs, statuses, final output and log order are the oracle's, with 1 slot and with 64, whatever takes long."""
    expected = Oracle(workflow, VARIABLES).run()

    for slots in (1, 64):
        state, events = ran(workflow, delays, slots)

        skips = {event.block_id: (event.reason, event.because_of) for event in events if type(event) is BlockSkipped}
        assert state.status == "completed"
        assert list(state.blocks) == expected.order()
        assert {key: told(run.result) for key, run in state.blocks.items() if run.status == "done"} == expected.results
        assert {key for key, run in state.blocks.items() if run.status == "failed"} == expected.failed.keys()
        assert skips == expected.skipped
        assert [run.block_id for run in state.log] == expected.log
        assert state.output == expected.output


def test_independent_blocks_do_run_at_the_same_time() -> None:
    """Ten branches that take a second each take a second (W6)."""
    clock = FakeClock()
    blocks = {block_id: Block(block_id, "work") for block_id in IDS}
    work = run(Workflow(blocks=blocks), lambda _event: None, catalog=catalog_for(clock, lambda _id: 1.0), clock=clock)

    asyncio.run(clock.drive(work))

    assert clock.elapsed == 1.0
