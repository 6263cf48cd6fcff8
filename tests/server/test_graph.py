"""Saving a graph (contract 2.5): what comes back is what was sent, and faults are told in the contract's order."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.document import Json, JsonObject
from tests.engine.strategies import names, objects
from tests.server.support import Api, Live, Play, block, new_workflow, save_graph, wires

KINDS = ("starter", "webhook", "agent", "orchestration", "code", "function", "condition", "general_api", "api_call")
HOOK = "11111111-2222-4333-8444-555555555555"
BLOCK_KEYS = {"id", "type", "name", "position", "config", "enabled"}
EDGE_KEYS = {"id", "source", "target", "sourceHandle", "targetHandle", "condition"}

ids = st.sampled_from(["start", "b", "c-1", "D d", "é", "0", "6f9619ff-8b86-4011-b42d-00cf4fc964ff"])
numbers = st.integers(-(10**9), 10**9) | st.floats(-(10**9), 10**9)
blocks = st.builds(
    lambda known, unknown: {**unknown, **known},
    st.fixed_dictionaries(
        {"id": ids, "type": st.sampled_from([*KINDS, "platform_api", "split", "response"])},
        optional={
            "name": names,
            "config": objects | st.none(),
            "enabled": st.booleans() | st.none(),
            "position": st.fixed_dictionaries({}, optional={"x": numbers, "y": numbers, "z": numbers}),
        },
    ),
    objects,
)
handles = st.none() | st.text("abc_1", max_size=5)


@st.composite
def graphs(draw: st.DrawFn) -> JsonObject:
    """A graph that can be saved: ids are unique and edges have both ends."""
    own = draw(st.lists(blocks, max_size=5, unique_by=lambda item: item["id"]))
    if not own:
        return {"blocks": [], "edges": []}
    ends = st.sampled_from([item["id"] for item in own])
    edge = st.builds(
        lambda known, unknown: {**unknown, **known},
        st.fixed_dictionaries(
            {"source": ends, "target": ends},
            optional={
                "id": st.uuids().map(str),
                "sourceHandle": handles,
                "targetHandle": handles,
                "condition": handles,
            },
        ),
        objects.map(lambda unknown: {key: value for key, value in unknown.items() if key not in EDGE_KEYS}),
    )
    edges = draw(st.lists(edge, max_size=5, unique_by=lambda item: item.get("id") or id(item)))
    return {"blocks": own, "edges": edges}


def as_stored(graph: JsonObject) -> JsonObject:
    """What the contract makes of a graph: defaults filled in, nothing else touched. Ids of edges may be new."""
    blocks = [
        {
            "name": "",
            "config": {},
            "enabled": True,
            **item,
            "position": {"x": 0, "y": 0, **(item.get("position") or {})},
        }
        for item in graph["blocks"]
    ]
    edges = [{"sourceHandle": "output", "targetHandle": "input", "condition": None, **item} for item in graph["edges"]]
    return {"blocks": blocks, "edges": edges}


def test_any_graph_comes_back_word_for_word(live: Live) -> None:
    """Order, unknown fields, nulls and numbers of a graph survive; saving what was read changes nothing at all."""
    workflow_id = live.run(new_workflow(live.api))
    path = f"/api/workflows/{workflow_id}"

    async def check(graph: JsonObject) -> None:
        reply = await save_graph(live.api, workflow_id, graph["blocks"], graph["edges"])
        assert reply == {"ok": True, "blocks": len(graph["blocks"]), "edges": len(graph["edges"])}
        read = (await live.api.get(path)).json()
        expected = as_stored(graph)
        assert read["blocks"] == expected["blocks"]
        for edge, wanted in zip(read["edges"], expected["edges"], strict=True):
            assert {**edge, "id": wanted.get("id", edge["id"])} == {**wanted, "id": wanted.get("id", edge["id"])}
        assert len({edge["id"] for edge in read["edges"]}) == len(read["edges"])

        await save_graph(live.api, workflow_id, read["blocks"], read["edges"])
        again = (await live.api.get(path)).json()
        assert (again["blocks"], again["edges"]) == (read["blocks"], read["edges"])
        assert (again["revision"], again["version"]) == (read["revision"], read["version"] + 1)

    @given(graphs())
    def all_graphs(graph: JsonObject) -> None:
        live.run(check(graph))

    all_graphs()


def test_hostile_graphs_are_refused_or_saved(live: Live) -> None:
    """Whatever JSON stands where blocks and edges belong, the answer is a 200 or a 400 in the contract's shape."""
    workflow_id = live.run(new_workflow(live.api))
    anything = st.recursive(
        st.none() | st.booleans() | st.integers() | st.text("ab é\\", max_size=5) | st.sampled_from(["split", "a"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*BLOCK_KEYS, *EDGE_KEYS]), inner),
        max_leaves=12,
    )

    @given(st.fixed_dictionaries({}, optional={"blocks": anything, "edges": anything}))
    def all_bodies(body: Json) -> None:
        reply = live.run(live.api.put(f"/api/workflows/{workflow_id}/graph", json=body))
        assert reply.status_code in (200, 400), reply.text
        assert reply.status_code == 200 or reply.json()["error_code"] == "VALIDATION_ERROR"

    all_bodies()


ORDERED: list[tuple[JsonObject, str]] = [
    ({"blocks": [{"id": "a"}], "edges": [{}]}, "Each block must have 'id' and 'type'"),
    ({"blocks": [{"type": "split", "id": ""}], "edges": []}, "Each block must have 'id' and 'type'"),
    ({"blocks": ["x"], "edges": []}, "Each block must have 'id' and 'type'"),
    ({"blocks": [{"id": "a", "type": "llm"}], "edges": [{"source": "a"}]}, "Each edge must have 'source' and 'target'"),
    ({"blocks": [{"id": "a", "type": "llm"}], "edges": [{"source": "a", "target": "z"}]}, "Unknown block type: llm"),
    (
        {"blocks": [{"id": "a", "type": "split"}] * 2, "edges": [{"source": "a", "target": "z"}]},
        "Edge references a block not in this graph",
    ),
    ({"blocks": [{"id": "a", "type": "split"}] * 2, "edges": []}, "The block id 'a' is there twice"),
    ({"blocks": [{"id": 5, "type": "split"}], "edges": []}, "A block: id must be text"),
    ({"blocks": [{"id": "a" * 256, "type": "split"}], "edges": []}, "has 256 characters; at most 255"),
    ({"blocks": [{"id": "a", "type": "split", "name": "n" * 256}], "edges": []}, "has 256 characters; at most 255"),
    ({"blocks": [{"id": "a", "type": "split", "config": []}], "edges": []}, "config must be an object or null"),
    ({"blocks": [{"id": "a", "type": "split", "enabled": 1}], "edges": []}, "enabled must be true, false or null"),
    ({"blocks": [{"id": "a", "type": "split", "position": 3}], "edges": []}, "position must be an object"),
    ({"blocks": [{"id": "a", "type": "split", "position": {"x": "1"}}], "edges": []}, "position.x must be a number"),
    (
        {
            "blocks": [{"id": "a", "type": "split"}],
            "edges": [{"source": "a", "target": "a", "sourceHandle": "h" * 51}],
        },
        "sourceHandle has 51 characters; at most 50",
    ),
    (
        {"blocks": [{"id": "a", "type": "split"}], "edges": [{"source": "a", "target": "a", "id": "e"}] * 2},
        "The edge id 'e' is there twice",
    ),
    (
        {"blocks": [{"id": "a", "type": "split"}], "edges": [{"source": "a", "target": "a", "condition": True}]},
        "condition must be text",
    ),
    ({"blocks": None}, "blocks: "),
]


def test_faults_are_told_in_order_and_change_nothing(play: Play) -> None:
    """The first failing check of the contract wins; after any of them the graph is as it was."""

    async def story(api: Api) -> None:
        workflow_id = await new_workflow(api, [block("kept", "split")])
        path = f"/api/workflows/{workflow_id}"
        before = (await api.get(path)).json()
        for graph, words in ORDERED:
            reply = await api.put(f"{path}/graph", json=graph)
            assert (reply.status_code, reply.json()["error_code"]) == (400, "VALIDATION_ERROR"), graph
            assert words in reply.json()["error"], (graph, reply.json())
        assert (await api.get(path)).json() == before

    play(story)


def test_uuids_are_stored_in_lower_case(play: Play) -> None:
    """A block id that is a UUID in capitals is normalised, with the edges that name it; other ids are not."""
    shouted = "6F9619FF-8B86-4011-B42D-00CF4FC964FF"

    async def story(api: Api) -> None:
        graph = [{"id": shouted, "type": "split"}, {"id": "Start", "type": "split"}]
        workflow_id = await new_workflow(api, graph, [{"source": shouted, "target": "Start"}])
        read = (await api.get(f"/api/workflows/{workflow_id}")).json()
        assert [item["id"] for item in read["blocks"]] == [shouted.lower(), "Start"]
        assert read["edges"][0]["source"] == shouted.lower()
        UUID(read["edges"][0]["id"])

    play(story)


def test_a_save_can_be_refused_when_others_saved_meanwhile(play: Play) -> None:
    """`If-Match` with an old revision is a 412 that names the new one; without the header the last one wins."""

    async def story(api: Api) -> None:
        workflow_id = await new_workflow(api)
        path = f"/api/workflows/{workflow_id}/graph"
        seen = (await api.get(f"/api/workflows/{workflow_id}")).headers["etag"]
        graph = {"blocks": [block("a", "split")], "edges": []}

        first = await api.put(path, json=graph, headers={"If-Match": seen})
        second = await api.put(path, json={}, headers={"If-Match": seen})
        third = await api.put(path, json={}, headers={"If-Match": "*"})

        assert (first.status_code, first.json()["version"]) == (200, 3)
        assert first.headers["etag"] == f'"{first.json()["revision"]}"'
        assert second.status_code == 412
        assert second.json()["error_code"] == "REVISION_CONFLICT"
        assert second.json()["revision"] == first.json()["revision"]
        assert third.json()["version"] == 4
        assert (await api.put(path, json=graph)).json() == {"ok": True, "blocks": 1, "edges": 0}

    play(story)


def test_a_revision_is_what_a_graph_says(play: Play) -> None:
    """The order of keys and the server's own defaults make no difference to it, any change of content does."""

    async def story(api: Api) -> None:
        workflow_id = await new_workflow(api)

        async def revision(*graph: Any) -> str:
            await save_graph(api, workflow_id, *graph)
            found: str = (await api.get(f"/api/workflows/{workflow_id}")).json()["revision"]
            return found

        blocks = [block("a", "split"), block("b", "split")]
        first = await revision(blocks, wires("a>b"))
        assert await revision([dict(reversed(item.items())) for item in blocks], wires("a>b")) == first
        assert await revision([{**item, "enabled": True} for item in blocks], wires("a>b")) == first
        others = [
            await revision(blocks[::-1], wires("a>b")),
            await revision(blocks, wires("b>a")),
            await revision([blocks[0], block("b", "split", input=1)], wires("a>b")),
        ]
        assert len({first, *others}) == 4

    play(story)


def test_a_webhook_id_belongs_to_one_workflow(play: Play) -> None:
    """Saving another workflow's webhook id is refused by name; giving it up frees it."""
    hook = block("h", "webhook", webhook_id=HOOK, webhook_secret="s")

    async def story(api: Api) -> None:
        owner = await new_workflow(api, [hook, {**hook, "id": "twice"}], name="Its owner")
        other = await new_workflow(api)

        refused = await api.put(f"/api/workflows/{other}/graph", json={"blocks": [hook]})
        assert (refused.status_code, refused.json()["error_code"]) == (400, "VALIDATION_ERROR")
        assert "“Its owner”" in refused.json()["error"]
        assert (await api.get(f"/api/workflows/{other}")).json()["blocks"] == []

        await save_graph(api, owner, [block("h", "starter", webhook_id=HOOK)])
        await save_graph(api, other, [hook])

    play(story)


def test_only_graphs_that_somebody_refers_to_are_kept(play: Play) -> None:
    """Saving again and again leaves the current graph, the deployed one, and those that a run had."""
    from sqlalchemy import func, select

    from engine.store.schema import GRAPHS

    async def story(api: Api) -> None:
        workflow_id = await new_workflow(api)
        for number in range(5):
            await save_graph(api, workflow_id, [block("s", "starter", number=number)])
        await api.post(f"/api/workflows/{workflow_id}/execute", json={})
        await save_graph(api, workflow_id, [block("s", "starter", number="deployed")])
        await api.post(f"/api/workflows/{workflow_id}/deploy")
        for number in range(5):
            await save_graph(api, workflow_id, [block("s", "starter", number=-number)])
        kept = await api.services.db.read(lambda c: c.execute(select(func.count()).select_from(GRAPHS)).scalar_one())
        assert kept == 3

    play(story)


def test_problems_are_reported_without_saving(play: Play) -> None:
    """`validate` tells what `check --json` tells, of the saved graph or of one that is sent along."""

    async def story(api: Api) -> None:
        workflow_id = await new_workflow(api, [block("s", "starter"), block("r", "response")], wires("s>r"))
        path = f"/api/workflows/{workflow_id}/validate"
        assert (await api.post(path)).json()["errors"] == 0

        loop = {"blocks": [block("a", "split"), block("b", "split")], "edges": wires("a>b", "b>a")}
        report = (await api.post(path, json=loop)).json()

        assert report["errors"] == 1
        assert report["problems"][0].keys() == {
            *("severity", "code", "block_id", "block_name", "edge_id", "field", "message")
        }
        assert len((await api.get(f"/api/workflows/{workflow_id}")).json()["blocks"]) == 2
        odd = await api.post(path, json={"blocks": [{"type": "split"}]})
        assert (odd.status_code, odd.json()["error_code"]) == (400, "VALIDATION_ERROR")

    play(story)


@pytest.mark.slow
def test_a_large_graph_is_saved_and_read_quickly(play: Play) -> None:
    """Ten thousand blocks and twice as many edges are one row, and take no longer than reading them does."""
    import time

    blocks = [block(f"b{number}", "split", input=f"<b{number - 1}.output>") for number in range(10_000)]
    edges = wires(*(f"b{number}>b{min(number + step, 9_999)}" for number in range(9_999) for step in (1, 2)))

    async def story(api: Api) -> None:
        workflow_id = await new_workflow(api)
        began = time.perf_counter()
        await save_graph(api, workflow_id, blocks, edges)
        assert len((await api.get(f"/api/workflows/{workflow_id}")).json()["blocks"]) == 10_000
        assert time.perf_counter() - began < 10

    play(story)
