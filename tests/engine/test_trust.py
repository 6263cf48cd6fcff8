"""What a workflow would do is told before it runs, and its fingerprint changes with every part that runs."""

from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine import files
from engine.blocks import Catalog, default_catalog
from engine.blocks._spec import BlockType, Effect, Outcome
from engine.document import Block, Edge, Workflow
from engine.trust import effects_of, fingerprint, is_local_host, local_hosts
from tests.engine.strategies import names, objects, values

CATALOG = default_catalog()
TYPES = st.sampled_from([*(item.type for item in CATALOG), "function", "nobody knows it"])
IDS = ["a", "b", "c", "d"]


@st.composite
def workflows(draw: st.DrawFn) -> Workflow:
    """Two to four blocks with arbitrary configs and some edges among them."""
    ids = IDS[: draw(st.integers(2, 4))]
    blocks = {
        block_id: Block(
            block_id, draw(TYPES), draw(names), draw(st.integers(0, 9)), 0.0, draw(objects), draw(st.booleans())
        )
        for block_id in ids
    }
    ends = draw(st.lists(st.tuples(st.sampled_from(ids), st.sampled_from(ids)), max_size=3))
    edges = {f"e{number}": Edge(f"e{number}", *pair) for number, pair in enumerate(ends)}
    return Workflow("W", variables=draw(objects), blocks=blocks, edges=edges)


def first(workflow: Workflow) -> Block:
    return next(iter(workflow.blocks.values()))


Mutation = Callable[[Workflow, st.DataObject], Workflow]


def other_type(workflow: Workflow, data: st.DataObject) -> Workflow:
    block = first(workflow)
    return workflow.with_blocks([block.changed(type=data.draw(TYPES.filter(lambda item: item != block.type)))])


def other_config(workflow: Workflow, data: st.DataObject) -> Workflow:
    block, key, value = first(workflow), data.draw(st.text("abc", min_size=1, max_size=3)), data.draw(values)
    assume(key not in block.config or repr(block.config[key]) != repr(value))
    return workflow.with_blocks([block.changed(config={**block.config, key: value})])


def other_switch(workflow: Workflow, _data: st.DataObject) -> Workflow:
    block = first(workflow)
    return workflow.with_blocks([block.changed(enabled=not block.enabled)])


def one_block_more(workflow: Workflow, data: st.DataObject) -> Workflow:
    return workflow.with_blocks([Block("z", data.draw(TYPES))])


def one_block_less(workflow: Workflow, _data: st.DataObject) -> Workflow:
    return workflow.changed(blocks=dict(list(workflow.blocks.items())[1:]))


def one_edge_more(workflow: Workflow, _data: st.DataObject) -> Workflow:
    return workflow.with_edges([Edge("z", "a", "b", "1", None, "if")])


def other_route(workflow: Workflow, _data: st.DataObject) -> Workflow:
    assume(workflow.edges)
    edge = next(iter(workflow.edges.values()))
    return workflow.with_edges([edge.changed(condition="elif_7")])


def other_variables(workflow: Workflow, data: st.DataObject) -> Workflow:
    return workflow.changed(variables={**workflow.variables, "another variable": data.draw(values)})


@pytest.mark.parametrize(
    "mutation",
    [
        other_type,
        other_config,
        other_switch,
        one_block_more,
        one_block_less,
        one_edge_more,
        other_route,
        other_variables,
    ],
)
@given(workflow=workflows(), data=st.data())
def test_whatever_runs_changes_the_fingerprint(mutation: Mutation, workflow: Workflow, data: st.DataObject) -> None:
    """Every change of a type, a config, a switch, a wire, a variable, or of the set of blocks is seen."""
    changed = mutation(workflow, data)

    assert fingerprint(changed, CATALOG) != fingerprint(workflow, CATALOG)


@given(workflow=workflows(), x=st.integers(-999, 999), order=st.randoms())
def test_what_does_not_run_keeps_the_fingerprint(workflow: Workflow, x: int, order: st.DataObject) -> None:
    """Places, name and description of the workflow, fields we do not know and the drawing order are not looked at."""
    blocks = [block.changed(x=x, y=float(-x), extra={"color": "red"}) for block in workflow.blocks.values()]
    edges = list(workflow.edges.values())
    order.shuffle(blocks)  # type: ignore[attr-defined]
    order.shuffle(edges)  # type: ignore[attr-defined]

    changed = workflow.changed(
        name="Another",
        description="Words",
        extra={"owner": 7},
        blocks={block.id: block for block in blocks},
        edges={edge.id: edge for edge in edges},
    )

    assert fingerprint(changed, CATALOG) == fingerprint(workflow, CATALOG)


@given(workflow=workflows())
def test_a_fingerprint_survives_the_file(workflow: Workflow) -> None:
    """A workflow that was saved and read again is the same one."""
    again, _ = files.parse(files.encode(workflow))

    assert fingerprint(again, CATALOG) == fingerprint(workflow, CATALOG)


def named(name: str, **config: object) -> Workflow:
    other = Block("b", "agent", "Other", config=config)
    return Workflow(blocks={"a": Block("a", "starter", name), "b": other})


def test_a_name_that_nobody_refers_to_may_change() -> None:
    """Renaming for the eye is no other workflow."""
    one, two = (named(name, input="Say hello") for name in ("Begin", "Here it begins"))

    assert fingerprint(one, CATALOG) == fingerprint(two, CATALOG)


@pytest.mark.parametrize("kind", ["agent", "condition", "code"])
def test_a_name_that_is_referred_to_counts(kind: str) -> None:
    """Which block a reference, an expression or code means decides what runs."""
    config = {
        "agent": {"input": "<Start.output>"},
        "condition": {"branches": [{"expression": 'Start["x"] > 1'}]},
        "code": {"code": "output = list(input_data)"},
    }[kind]
    reader = Block("c", kind, "Reader", config=config)

    def with_start_at(block_id: str) -> Workflow:
        titles = {block_id: "Start"}
        blocks = [*(Block(item, "starter", titles.get(item, "Elsewhere")) for item in ("a", "b")), reader]
        return Workflow(blocks={block.id: block for block in blocks})

    assert fingerprint(with_start_at("a"), CATALOG) != fingerprint(with_start_at("b"), CATALOG)


def test_a_copy_with_a_new_address_is_the_same_workflow() -> None:
    """What is minted for each copy decides who may call it, not what it does."""
    one, other = (
        Workflow(blocks={"a": Block("a", "webhook", "In", config={"webhook_id": made, "webhook_secret": made})})
        for made in ("one", "other")
    )

    assert fingerprint(one, CATALOG) == fingerprint(other, CATALOG)


@given(config=objects, type_name=TYPES)
def test_any_config_can_be_looked_at(config: dict[str, object], type_name: str) -> None:
    """A file from anywhere holds any config; looking at it never fails."""
    effects_of(Workflow(blocks={"a": Block("a", type_name, config=config)}), CATALOG)


def found(*blocks: Block, catalog: Catalog = CATALOG) -> dict[tuple[str, str], tuple[str, ...]]:
    workflow = Workflow(blocks={block.id: block for block in blocks})
    return {(item.kind, item.target): item.block_ids for item in effects_of(workflow, catalog)}


def test_each_thing_is_listed_once_with_the_blocks_that_do_it() -> None:
    """Code, hosts, models, stored agents, orchestrations and platform operations are told apart."""
    agent_id = "7b1c1f0e-0000-4000-8000-000000000001"

    listed = found(
        Block("one", "code", config={"code": "output = 1"}),
        Block("two", "function", config={"code": "output = 2"}),
        Block("blank", "code", config={"code": " "}),
        Block("call", "general_api", config={"url": "https://api.example.com:8443/v1?x=1"}),
        Block("ask", "agent", config={"model": "gpt-5.4", "input": "Hi"}),
        Block("stored", "agent", config={"agent_id": agent_id, "input": "Hi"}),
        Block("team", "orchestration", config={"orchestration_id": "t-1", "input": "Hi"}),
        Block("rows", "platform_api", config={"resource": "database", "db_operation": "list_tables"}),
    )

    assert listed == {
        ("code", ""): ("one", "two"),
        ("http", "api.example.com:8443"): ("call",),
        ("model", "gpt-5.4"): ("ask",),
        ("agent", agent_id): ("stored",),
        ("orchestration", "t-1"): ("team",),
        ("platform", "GET /api/database/tables"): ("rows",),
    }


def test_a_block_that_is_off_does_nothing() -> None:
    """What does not run is not listed, unless somebody wants to know what it could do."""
    workflow = Workflow(blocks={"a": Block("a", "code", config={"code": "output = 1"}, enabled=False)})

    assert effects_of(workflow, CATALOG) == []
    assert [item.kind for item in effects_of(workflow, CATALOG, also_disabled=True)] == ["code"]


@pytest.mark.parametrize(
    "config",
    [
        {"url": "<Start.output.url>"},
        {"url": "https://{{variables.host}}/x"},
        {"url": "https://example.com<Start.output.rest>/x"},
        {"url": "https://example.com\\@other.example/x"},
        {"url": "", "_inputMappings": [{"sourceId": "s", "targetField": "url"}]},
        {"url": "http://[", "method": "GET"},
    ],
)
def test_a_host_that_only_the_run_will_tell_is_no_promise(config: dict[str, object]) -> None:
    """Where a reference, a mapping or an odd spelling decides the host, none is claimed."""
    assert list(found(Block("call", "general_api", config=config))) == [("http", "")]


def test_an_agent_given_by_a_mapping_is_unknown() -> None:
    """A mapping may choose another agent than the config says."""
    config = {"input": "Hi", "model": "", "_inputMappings": [{"sourceId": "s", "targetField": "agent_id"}]}

    assert list(found(Block("ask", "agent", config=config))) == [("agent", "")]


def test_what_a_stored_agent_may_fall_back_to_is_told() -> None:
    """Nobody may know the agent's id, and then the block's own model is asked; what it looks up is told as well."""
    config = {"agent_id": "x", "model": "gpt-5.4", "input": "Hi", "knowledge_bases": [{"id": "k"}]}

    assert [kind for kind, _ in found(Block("ask", "agent", config=config))] == ["agent", "model", "platform"]


@pytest.mark.parametrize(
    ("model", "key"),
    [
        ("local/extractive", ""),
        ("", ""),
        ("claude-haiku-4-5", "ANTHROPIC_API_KEY"),
        ("gpt-5.4-mini", "OPENAI_API_KEY"),
        ("<Start.output.model>", ""),
    ],
)
def test_the_key_that_a_model_is_asked_with_is_named(model: str, key: str) -> None:
    """People are told which of their keys a workflow uses, as far as it is known before the run."""
    workflow = Workflow(blocks={"a": Block("a", "agent", config={"model": model, "input": "Hi"})})

    assert [item.key_name for item in effects_of(workflow, CATALOG)] == [key]


def test_a_foreign_block_that_cannot_tell_is_taken_for_code() -> None:
    """A package whose `effects` fails hides nothing."""

    def fail(_config: object) -> tuple[Effect, ...]:
        raise KeyError("x")

    block_type = BlockType("odd", "Odd", "", "Data", "box", "grey", lambda _ctx, _config: Outcome({}), effects=fail)

    assert found(Block("a", "odd"), catalog=Catalog([block_type])) == {("code", ""): ("a",)}


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:11434",
        "127.0.0.1",
        "127.1:80",
        "2130706433",
        "0x7f.1",
        "[::1]:8080",
        "10.2.3.4",
        "192.168.1.5:1234",
        "nas",
        "printer.local",
        "a.localhost",
        "0",
        "169.254.169.254",
    ],
)
def test_local_hosts_are_known_by_their_spelling(host: str) -> None:
    """What is on this machine or near it is seen without looking a name up."""
    assert is_local_host(host)


@pytest.mark.parametrize("host", ["", "example.com", "api.example.com:443", "8.8.8.8", "localhost.example.com"])
def test_public_hosts_are_not_taken_for_local(host: str) -> None:
    """Nobody is asked about an address that every run may call."""
    assert not is_local_host(host)


def test_local_hosts_are_listed_once() -> None:
    """Two blocks that call the same service ask one question."""
    urls = ["http://localhost:11434/a", "http://localhost:11434/b", "https://example.com"]
    blocks = {str(number): Block(str(number), "general_api", config={"url": url}) for number, url in enumerate(urls)}

    assert local_hosts(effects_of(Workflow(blocks=blocks), CATALOG)) == ("localhost:11434",)
