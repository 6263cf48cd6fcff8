"""The document's JSON both ways: nothing we do not know is lost, nothing wrong gets in silently."""

import copy

import pytest
from hypothesis import given

from engine.document import (
    Block,
    Edge,
    Workflow,
    block_from_api,
    has_duplicate_id,
    json_number,
    workflow_from_api,
    workflow_to_api,
)
from engine.errors import FileError, UnknownBlock, UnknownEdge
from tests.engine.strategies import api_workflows


@given(api_workflows)
def test_reading_and_writing_changes_no_known_value(data: dict[str, object]) -> None:
    """What the API sent comes back: unknown fields and tolerated shapes word for word."""
    before = copy.deepcopy(data)

    written = workflow_to_api(workflow_from_api(data))

    assert data == before
    for key in data.keys() - {"blocks", "edges"}:
        assert written[key] == data[key]
    for given_block, block in zip(data["blocks"], written["blocks"], strict=True):
        assert {key: block[key] for key in given_block} == given_block
    for given_edge, edge in zip(data["edges"], written["edges"], strict=True):
        known = given_edge.keys() - ({"id"} if not given_edge.get("id") else set())
        assert {key: edge[key] for key in known} == {key: given_edge[key] for key in known}


@given(api_workflows)
def test_written_again_it_reads_the_same(data: dict[str, object]) -> None:
    """One round trip is as good as two."""
    workflow = workflow_from_api(data)

    assert workflow_from_api(workflow_to_api(workflow)) == workflow


def test_missing_handles_and_null_handles_are_told_apart() -> None:
    """An absent handle is the stored default, an explicit null stays null (contract 2.5)."""
    absent, null = workflow_from_api(
        {"edges": [{"source": "a", "target": "b"}, {"source": "a", "target": "b", "sourceHandle": None}]}
    ).edges.values()

    assert (absent.source_handle, null.source_handle) == ("output", None)
    assert absent.source_port == null.source_port == ""


def test_an_edge_without_id_gets_the_same_id_each_time() -> None:
    """A graph read twice is the same graph."""
    data = {"edges": [{"source": "a", "target": "b"}, {"source": "a", "target": "b"}]}

    first, second = workflow_from_api(data), workflow_from_api(data)

    assert first == second
    assert len(first.edges) == 2


def test_blocks_that_share_an_id_are_all_kept() -> None:
    """The first one owns the id; others live under ids of their own and are written as they were."""
    data = {"blocks": [{"id": "a", "type": "x"}, {"id": "a", "type": "y"}, {"id": "a", "type": "z"}]}

    workflow = workflow_from_api(data)

    assert [has_duplicate_id(block) for block in workflow.blocks.values()] == [False, True, True]
    assert [block["id"] for block in workflow_to_api(workflow)["blocks"]] == ["a", "a", "a"]
    assert [block["type"] for block in workflow_to_api(workflow)["blocks"]] == ["x", "y", "z"]


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ([], ""),
        ({"blocks": {}}, "blocks"),
        ({"blocks": [{"id": "a", "type": "t"}, 5]}, "blocks[1]"),
        ({"blocks": [{"type": "t"}]}, "blocks[0]"),
        ({"blocks": [{"id": 7, "type": "t"}]}, "blocks[0].id"),
        ({"blocks": [{"id": "a", "type": ""}]}, "blocks[0].type"),
        ({"edges": [{"source": "a"}]}, "edges[0]"),
        ({"edges": [{"source": "a", "target": "b", "id": 5}]}, "edges[0].id"),
    ],
)
def test_a_wrong_shape_names_its_place(data: object, place: str) -> None:
    """The error says where in the JSON the trouble is."""
    with pytest.raises(FileError) as caught:
        workflow_from_api(data)

    assert caught.value.place == place


def test_a_changed_field_drops_its_kept_spelling() -> None:
    """A null config is kept until somebody gives the block a real one."""
    block = block_from_api({"id": "a", "type": "t", "config": None, "position": None, "enabled": None})

    assert block.enabled is False
    assert block.extra == {"config": None, "position": None, "enabled": None}
    assert block.changed(config={"x": 1}, x=5.0).extra == {"enabled": None}


def test_asking_for_what_is_not_there_is_an_edit_error() -> None:
    """`block` and `edge` raise, `find_by_name` answers None; ids go before names."""
    workflow = Workflow(blocks={"a": Block("a", "t", "b"), "b": Block("b", "t", "Other")})

    with pytest.raises(UnknownBlock, match="'zzz'"):
        workflow.block("zzz")
    with pytest.raises(UnknownEdge, match="'zzz'"):
        workflow.edge("zzz")
    assert workflow.find_by_name("zzz") is None
    assert workflow.find_by_name("b") is workflow.blocks["b"]


def test_edges_are_found_by_their_ends() -> None:
    """In drawing order."""
    edges = {name: Edge(name, *ends) for name, ends in {"1": ("a", "b"), "2": ("a", "c"), "3": ("b", "c")}.items()}
    workflow = Workflow(edges=edges)

    assert [edge.id for edge in workflow.edges_from("a")] == ["1", "2"]
    assert [edge.id for edge in workflow.edges_to("c")] == ["2", "3"]


def test_coordinates_are_short() -> None:
    """Whole numbers without a point, at most three decimals else."""
    assert (json_number(240.0), json_number(1.23456), json_number(-0.0001)) == (240, 1.235, 0)
