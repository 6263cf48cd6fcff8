"""What a platform server is sent, so that it does there what it does here, and what comes back from it."""

import json
import random
import struct
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import edits
from engine.blocks import Catalog, default_catalog
from engine.change import difference
from engine.document import Block, Edge, Json, JsonObject, Workflow, new_id, workflow_from_api, workflow_to_api
from engine.merge import merge
from engine.platformgraph import (
    PlatformGraph,
    content_hash,
    from_platform,
    rewrite_ids,
    same_graph,
    to_own_server,
    to_platform,
)
from engine.references import find_all
from engine.run.plan import Plan
from tests.engine.strategies import api_workflows, graph, objects

CATALOG: Catalog = default_catalog()
IDS = [str(uuid.UUID(int=number, version=4)) for number in range(1, 9)]


def flow(*blocks: Block, wires: str = "", name: str = "Flow") -> Workflow:
    """Blocks whose ids are made of their names, and wires such as `Start>Ask Ask.if>End`."""
    ids = {block.name: IDS[number] for number, block in enumerate(blocks)}
    made = {ids[block.name]: block.changed(id=ids[block.name]) for block in blocks}
    edges = {}
    for wire in wires.split():
        source, _, target = wire.partition(">")
        source, _, port = source.partition(".")
        edges[wire] = Edge(wire, ids[source], ids[target], port or None)
    return Workflow(name, blocks=made, edges=edges)


def block(name: str, kind: str, **config: Json) -> Block:
    return Block("", kind, name, config=config)


def config_of(sent: PlatformGraph, name: str) -> JsonObject:
    (found,) = (item["config"] for item in sent.blocks if item["name"] == name)
    return found


def notes_of(sent: PlatformGraph) -> list[tuple[str, str]]:
    return [(note.severity, note.code) for note in sent.notes]


# --- what is written otherwise ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["agent", "orchestration"])
@pytest.mark.parametrize("key", ["input", "message", "messages", "prompt"])
def test_a_prompt_stands_where_every_server_looks(kind: str, key: str) -> None:
    """Whichever key has it here, `input` and `message` have it there; the older keys stay (X3)."""
    sent = to_platform(flow(block("Ask", kind, **{key: "Sum up", "model": "m"})), CATALOG)

    assert config_of(sent, "Ask") == {key: "Sum up", "model": "m", "input": "Sum up", "message": "Sum up"}
    assert notes_of(sent) == [("changed", "prompt")]
    assert notes_of(to_platform(sent.workflow, CATALOG)) == []


def test_the_prompt_that_counts_here_counts_there() -> None:
    """With several of them it is the first that is not empty; one that a mapping fills is left to the mapping."""
    both = block("Both", "agent", input="yes", message="no")
    mapped = block(
        "Mapped", "agent", input="", message="kept", _inputMappings=[{"sourceId": "x", "targetField": "input"}]
    )

    sent = to_platform(flow(both, mapped), CATALOG)

    assert config_of(sent, "Both") == {"input": "yes", "message": "yes"}
    assert config_of(sent, "Mapped") == mapped.config


def test_run_variables_become_values_of_the_starter() -> None:
    """In every text of a config, at any depth, with its path; source code is no text (X4)."""
    ask = block("Ask", "general_api", url="{{variables.base}}/x", body={"n": ["{{ variables.user.name }}"]}, timeout=5)
    code = block("Code", "code", code="x = '{{variables.base}}'")
    sent = to_platform(flow(block("Start", "starter"), ask, code, wires="Start>Ask Ask>Code"), CATALOG)

    assert config_of(sent, "Ask") == {
        "url": "<Start.output.base>/x",
        "body": {"n": ["<Start.output.user.name>"]},
        "timeout": 5,
    }
    assert config_of(sent, "Code") == code.config
    assert notes_of(sent) == [("changed", "variable")]


def test_without_a_starter_the_webhook_has_the_variables() -> None:
    """Its output is what the caller sent over the workflow's own variables: the same values."""
    sent = to_platform(
        flow(block("Hook", "webhook"), block("End", "response", output="{{variables.x}}"), wires="Hook>End"), CATALOG
    )

    assert config_of(sent, "End") == {"output": "<Hook.output.x>"}


def test_a_starter_that_shares_its_name_is_meant_by_its_id() -> None:
    """An id that the server keeps is as good as a name of its own."""
    workflow = flow(block("Start", "starter"), block("End", "response", output="{{variables.x}}"), wires="Start>End")
    workflow = edits.add_blocks(workflow, [Block(IDS[7], "split", "Start")])

    assert config_of(to_platform(workflow, CATALOG), "End") == {"output": f"<{IDS[0]}.output.x>"}


@pytest.mark.parametrize(
    ("blocks", "wires"),
    [
        ((block("End", "response", output="{{variables.x}}"),), ""),
        ((block("Start", "starter"), block("End", "response", output="{{variables.x}}")), ""),
        (
            (block("Start", "starter"), block("Two", "starter"), block("End", "response", output="{{variables.x}}")),
            "Start>End Two>End",
        ),
        (
            (block("Start", "starter").changed(enabled=False), block("End", "response", output="{{variables.x}}")),
            "Start>End",
        ),
        ((block("Start", "starter", input={"x": "{{variables.y}}"}),), ""),
    ],
    ids=["no starter", "not behind it", "two starters", "starter off", "in the starter"],
)
def test_a_variable_that_cannot_be_said_otherwise_is_a_warning(blocks: tuple[Block, ...], wires: str) -> None:
    """It stays as it is, and the note says what to do."""
    workflow = flow(*blocks, wires=wires)
    sent = to_platform(workflow, CATALOG)

    assert ("warning", "variable") in notes_of(sent)
    assert sent.workflow.blocks == workflow.blocks
    assert "{{variables" in sent.notes[0].text


def test_an_empty_response_says_what_it_returns() -> None:
    """The result of its only predecessor, so that all servers agree (X5)."""
    end = block("End", "response", status="201")
    sent = to_platform(flow(block("Start", "starter"), end, wires="Start>End"), CATALOG)

    assert config_of(sent, "End") == {"status": "201", "output": "<Start.output>"}
    assert notes_of(sent) == [("changed", "response")]


def test_an_empty_response_with_several_predecessors_is_a_warning() -> None:
    """Nobody can say for it which one is meant. With none, or with a mapping, there is nothing to say."""
    start, two = block("Start", "starter"), block("Two", "split")
    mapped = block("Mapped", "response", _inputMappings=[{"sourceId": IDS[0], "targetField": "output"}])

    sent = to_platform(
        flow(start, two, block("End", "response"), mapped, wires="Start>End Two>End Two>Mapped"), CATALOG
    )

    assert notes_of(sent) == [("warning", "response")]
    assert config_of(sent, "End") == {}
    assert not to_platform(flow(block("End", "response")), CATALOG).notes


@pytest.mark.parametrize(
    ("handle", "condition", "expected"),
    [
        ("if", None, ("if", "if")),
        (None, "else", ("else", "else")),
        ("output", "else", ("else", "else")),
        ("true", None, ("if", "if")),
        ("if", "if", ("if", "if")),
        (None, None, (None, None)),
        ("if", "else", ("if", "else")),
    ],
)
def test_a_route_stands_in_both_places(handle: str | None, condition: str | None, expected: tuple[Any, Any]) -> None:
    """Handle and condition; where they contradict each other the condition is what counts here too (X21)."""
    workflow = flow(block("Ask", "condition", branches=[{"expression": "1"}]), block("End", "split"), wires="Ask>End")
    edge = workflow.edge("Ask>End").changed(source_handle=handle, condition=condition)

    sent = to_platform(edits.replace_edge(workflow, "Ask>End", edge), CATALOG)

    assert (sent.edges[0]["sourceHandle"], sent.edges[0]["condition"]) == expected


def test_a_leftover_condition_behind_a_split_goes() -> None:
    """It never fires there, and here it counts as none (W27, W28)."""
    workflow = flow(block("Split", "split"), block("End", "split"), wires="Split>End")
    edge = workflow.edge("Split>End").changed(source_handle="1", condition="1")

    sent = to_platform(edits.replace_edge(workflow, "Split>End", edge), CATALOG)

    assert (sent.edges[0]["sourceHandle"], sent.edges[0]["condition"]) == ("1", None)


def test_edges_go_without_ids_and_the_rest_as_it_is() -> None:
    """`enabled`, unknown fields and handles survive; an edge id of another workflow would be an error there."""
    workflow = flow(block("A", "split"), block("B", "split"), wires="A.2>B")
    workflow = workflow.with_blocks([workflow.block(IDS[0]).changed(enabled=False, extra={"note": [1]})])
    workflow = workflow.with_edges([workflow.edge("A.2>B").changed(target_handle="input", extra={"color": "red"})])

    sent = to_platform(workflow, CATALOG)

    assert sent.blocks[0]["enabled"] is False
    assert sent.blocks[0]["note"] == [1]
    expected = {"source": IDS[0], "target": IDS[1], "sourceHandle": "2", "targetHandle": "input", "condition": None}
    assert sent.edges == [{**expected, "color": "red"}]
    assert not sent.notes
    assert sent.workflow.block(IDS[0]) is workflow.block(IDS[0])


def test_values_that_would_crash_a_platform_server_are_mended_or_told() -> None:
    """`null` for a position or an agent's config means the default; long names and NUL are refused beforehand."""
    data = {"id": IDS[0], "type": "agent", "name": "A", "config": None, "position": None}
    read = workflow_from_api({"blocks": [data], "edges": []})
    long = flow(block("x" * 256, "split"), block("B", "split", text=["\0"]), name="n" * 256)

    assert to_platform(read, CATALOG).blocks[0] == {**data, "config": {}, "position": {"x": 0, "y": 0}, "enabled": True}
    codes = [note.code for note in to_platform(long, CATALOG).refused]
    assert codes == ["length", "length", "character"]


def test_our_own_server_gets_everything_word_for_word() -> None:
    """Nothing is converted, and edges keep their ids."""
    workflow = graph({"a": "agent", "b": "response"}, "a>b")
    workflow = edits.set_config(workflow, "a", {"message": "{{variables.x}}"})

    sent = to_own_server(workflow)

    assert {"blocks": sent.blocks, "edges": sent.edges}.items() <= workflow_to_api(workflow).items()
    assert sent.workflow is workflow
    assert not sent.notes


@given(api_workflows.map(workflow_from_api))
def test_writing_never_raises_and_is_done_after_once(workflow: Workflow) -> None:
    """Any document can be written, the second time changes nothing, and the notes name blocks that are there."""
    sent = to_platform(workflow, CATALOG)
    again = to_platform(sent.workflow, CATALOG)

    assert difference(sent.workflow, again.workflow).is_empty
    assert not [note for note in again.notes if note.severity == "changed"]
    assert {note.block_id for note in sent.notes} - {""} <= {
        *workflow.blocks,
        *(e.target for e in workflow.edges.values()),
        *(e.source for e in workflow.edges.values()),
    }


# --- ids ------------------------------------------------------------------------------------------------------------


def guide() -> Workflow:
    """The seed guide's ids, with references by id, by name, in code, in a condition and in a mapping."""
    blocks = [
        Block("start", "starter", "Start"),
        Block("sum-up", "agent", "Sum up", config={"input": "<start.output.text> <Start.output.n>"}),
        Block("calc", "code", "", config={"code": "output = sum_up['output'] + input_data['start']['output']"}),
        Block("ask", "condition", "", config={"branches": [{"expression": "<calc.output> > 1 and start.output"}]}),
        Block("out", "response", "Twin", config={"_inputMappings": [{"sourceId": "calc", "targetField": "output"}, 5]}),
        Block("out2", "response", "Twin", config={"output": "<out.output>"}),
    ]
    wires = [("start", "sum-up"), ("sum-up", "calc"), ("calc", "ask"), ("ask", "out"), ("ask", "out2")]
    edges = {f"{a}>{b}": Edge(f"{a}>{b}", a, b) for a, b in wires}
    return Workflow(blocks={block_.id: block_ for block_ in blocks}, edges=edges)


def test_ids_that_would_be_refused_are_listed_and_can_be_rewritten() -> None:
    """Edges, mappings and references follow: by name where that is the block's own, else by the new id."""
    workflow = guide()
    assert to_platform(workflow, CATALOG).refused_ids == workflow.blocks.keys()
    minted = iter(IDS)

    new = rewrite_ids(workflow, CATALOG, lambda: next(minted))

    start, agent, calc, ask, out, out2 = new.blocks.values()
    assert [item.id for item in new.blocks.values()] == IDS[:6]
    assert agent.config == {"input": "<Start.output.text> <Start.output.n>"}
    assert calc.config == {"code": "output = input_data[\"Sum up\"]['output'] + input_data['Start']['output']"}
    assert ask.config == {"branches": [{"expression": f"<{calc.id}.output> > 1 and Start.output"}]}
    assert out.config == {"_inputMappings": [{"sourceId": calc.id, "targetField": "output"}, 5]}
    assert out2.config == {"output": f"<{out.id}.output>"}
    assert [(edge.source, edge.target) for edge in new.edges.values()][:2] == [
        (start.id, agent.id),
        (agent.id, calc.id),
    ]
    assert not to_platform(new, CATALOG).refused


def test_rewriting_leaves_the_plan_as_it_is() -> None:
    """What a reference means, in the eyes of the engine, is the same block before and after."""
    old, new = Plan(guide(), CATALOG), Plan(rewrite_ids(guide(), CATALOG), CATALOG)

    assert [step.sources for step in old.steps] == [step.sources for step in new.steps]
    meant = [[sorted({*step.meanings.values()}) for step in plan.steps] for plan in (old, new)]
    assert meant[0] == meant[1]


def test_a_uuid_in_another_spelling_keeps_its_number() -> None:
    """Upper case would come back in lower case, and what says it in upper case would lead nowhere."""
    upper = IDS[0].upper()
    workflow = Workflow(
        blocks={upper: Block(upper, "split", ""), IDS[1]: Block(IDS[1], "split", config={"input": f"<{upper}.output>"})}
    )

    new = rewrite_ids(workflow, CATALOG)

    assert [*new.blocks] == IDS[:2]
    assert new.block(IDS[1]).config == {"input": f"<{IDS[0]}.output>"}


def test_blocks_that_share_an_id_get_one_each() -> None:
    """As a file may have them; a platform server would fail on the second."""
    read = workflow_from_api({"blocks": [{"id": IDS[0], "type": "split"}] * 2})

    new = rewrite_ids(read, CATALOG)

    assert len({item["id"] for item in to_platform(new, CATALOG).blocks}) == 2
    assert rewrite_ids(new, CATALOG) is new


# --- what comes back --------------------------------------------------------------------------------------------------


def stored(sent: PlatformGraph, seed: int) -> Workflow:
    """What a platform server makes of a graph: it keeps its own columns, and reads back in its own spelling."""
    shuffle = random.Random(seed)

    def jsonb(value: Json) -> Json:
        if isinstance(value, dict):
            return {key: jsonb(item) for key, item in sorted(value.items())}
        if isinstance(value, list):
            return [jsonb(item) for item in value]
        return int(value) if isinstance(value, float) and abs(value) >= 1e15 and value.is_integer() else value

    def single(value: float) -> float:
        return struct.unpack("f", struct.pack("f", value))[0]

    blocks = [
        {
            "id": item["id"].lower(),
            "type": item["type"],
            "name": item["name"],
            "position": {axis: single(item["position"][axis]) for axis in "xy"},
            "config": jsonb(item["config"]),
            "enabled": bool(item["enabled"]),
        }
        for item in sent.blocks
    ]
    keys = ("sourceHandle", "targetHandle", "condition")
    edges = [
        {"id": new_id(), "source": item["source"].lower(), "target": item["target"].lower()}
        | {key: item[key] for key in keys}
        for item in sent.edges
    ]
    shuffle.shuffle(blocks)
    shuffle.shuffle(edges)
    return workflow_from_api(json.loads(json.dumps({"blocks": blocks, "edges": edges})))


coordinates = st.floats(-9e8, 9e8) | st.floats(-2000, 2000)
platform_blocks = st.lists(
    st.builds(
        lambda spelled, number, x, y, config, enabled, extra: Block(
            spelled(IDS[number]),
            "split",
            f"B{number}",
            x,
            y,
            config,
            enabled,
            {f"_{key}": item for key, item in extra.items()},
        ),
        st.sampled_from([str.lower, str.upper]),
        st.integers(0, 7),
        coordinates,
        coordinates,
        objects,
        st.booleans(),
        objects,
    ),
    unique_by=lambda item: item.id.lower(),
    min_size=1,
    max_size=6,
)


@st.composite
def platform_graphs(draw: st.DrawFn) -> Workflow:
    blocks = draw(platform_blocks)
    ends = st.sampled_from([item.id for item in blocks])
    handles = st.sampled_from([None, "output", "1"])
    edges = draw(st.lists(st.builds(lambda s, t, h: Edge(new_id(), s, t, h, "input"), ends, ends, handles), max_size=6))
    return Workflow(blocks={item.id: item for item in blocks}, edges={edge.id: edge for edge in edges})


@given(platform_graphs(), st.integers())
def test_what_was_saved_and_read_again_is_the_same(workflow: Workflow, seed: int) -> None:
    """Nothing that a platform server does to a graph looks like somebody's change."""
    sent = to_platform(workflow, CATALOG)

    fresh = from_platform(stored(sent, seed), sent.workflow)

    assert difference(sent.workflow, fresh).is_empty
    assert same_graph(sent.workflow, fresh)
    assert not merge(sent.workflow, sent.workflow, fresh).from_theirs


@given(platform_graphs(), st.integers(), st.data())
def test_what_somebody_changed_is_seen(workflow: Workflow, seed: int, data: st.DataObject) -> None:
    """One change elsewhere, between the save and the look, and the graphs differ in that and nothing else."""
    sent = to_platform(workflow, CATALOG)
    changes: list[Callable[[Workflow, Block], Workflow]] = [
        lambda graph_, item: edits.configure(graph_, item.id, "a change", 1),
        lambda graph_, item: graph_.with_blocks([item.changed(name="changed")]),
        lambda graph_, item: graph_.with_blocks([item.changed(x=item.x + 4096)]),
        lambda graph_, item: edits.set_enabled(graph_, [item.id], not item.enabled),
        lambda graph_, item: edits.add_blocks(graph_, [Block(new_id(), "split", "new")]),
        lambda graph_, item: edits.remove(graph_, [item.id]),
        lambda graph_, item: edits.add_edge(graph_, Edge(new_id(), item.id, item.id, "another")),
    ]
    theirs = stored(sent, seed)
    block_ = theirs.blocks[data.draw(st.sampled_from(sorted(theirs.blocks)))]

    fresh = from_platform(data.draw(st.sampled_from(changes))(theirs, block_), sent.workflow)

    assert not same_graph(sent.workflow, fresh)
    assert len(merge(sent.workflow, sent.workflow, fresh).from_theirs) == 1


def test_the_hash_does_not_look_at_what_servers_change() -> None:
    """Key order, edge ids, the order of lists, name and variables; it does look at `1` and `true`."""
    one = flow(block("A", "split", a=1, b=2.0), block("B", "split"), wires="A>B")
    other = flow(block("A", "split", b=2, a=1), block("B", "split"), wires="A>B", name="Other")
    other = other.changed(edges={"x": other.edge("A>B").changed(id="x")}, variables={"v": 1})

    assert content_hash(one) == content_hash(edits.bring_to_front(other, [IDS[0]]))
    assert content_hash(one) != content_hash(flow(block("A", "split", a=True, b=2.0), block("B", "split"), wires="A>B"))


def test_references_in_a_written_graph_lead_somewhere() -> None:
    """Every reference that writing puts in names a block that comes before."""
    ask = block("Ask", "agent", prompt="{{variables.text}}")
    sent = to_platform(
        flow(block("Start", "starter"), ask, block("End", "response"), wires="Start>Ask Ask>End"), CATALOG
    )

    plan = Plan(sent.workflow, CATALOG)

    for step in plan.steps:
        for reference in find_all(step.block.config):
            assert reference.kind == "block"
            assert step.meanings[reference.name]
