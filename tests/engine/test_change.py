"""What differs between two workflows, to the block and no more."""

from hypothesis import given

from engine.change import Change, difference, same_json
from engine.document import Block, Workflow, workflow_from_api
from tests.engine.strategies import api_workflows, graph, values


def test_moving_is_not_changing() -> None:
    """Position and content are told apart; a block may be both."""
    before = graph({"a": "step", "b": "step", "c": "step"}, "a>b")
    blocks = before.blocks
    after = before.with_blocks([blocks["a"].changed(x=5.0), blocks["b"].changed(name="N", y=9.0)])

    change = difference(before, after)

    assert change == Change(blocks_moved=frozenset("ab"), blocks_changed=frozenset("b"))


def test_added_removed_and_edges() -> None:
    """Ids on either side, edges by their ends and ports too."""
    before = graph({"a": "step", "b": "step", "c": "step"}, "a>b", "b>c")
    blocks = {item: before.blocks[item] for item in ("a", "b")} | {"d": Block("d", "step")}
    edges = {"a>b": before.edges["a>b"].changed(condition="if")}

    change = difference(before, before.changed(blocks=blocks, edges=edges))

    assert change.blocks_added == {"d"}
    assert change.blocks_removed == {"c"}
    assert change.edges_removed == {"b>c"}
    assert change.edges_changed == {"a>b"}
    assert not change.order_changed


def test_order_and_meta() -> None:
    """Bringing to front changes the order only; name, variables and unknown fields are meta."""
    before = graph({"a": "step", "b": "step"})
    turned = before.changed(blocks={"b": before.blocks["b"], "a": before.blocks["a"]})

    assert difference(before, turned) == Change(order_changed=True)
    assert difference(before, before.changed(variables={"x": 1})) == Change(meta=True)
    assert difference(before, before.changed(name="N")) == Change(meta=True)


def test_one_true_and_one_point_nought_differ() -> None:
    """Python takes 1, 1.0 and True for equal; a file does not."""
    before = Workflow(blocks={"a": Block("a", "step", config={"n": [1]})})
    after = before.with_blocks([before.blocks["a"].changed(config={"n": [True]})])

    assert difference(before, after).blocks_changed == {"a"}
    assert not same_json({"n": 1}, {"n": 1.0})


@given(api_workflows)
def test_the_same_document_read_twice_does_not_differ(data: dict[str, object]) -> None:
    """Equality is by content, not by object."""
    assert difference(workflow_from_api(data), workflow_from_api(data)).is_empty


@given(values, values)
def test_same_json_is_fair(left: object, right: object) -> None:
    """It does not matter which comes first, and equal by it is equal."""
    assert same_json(left, left)
    assert same_json(left, right) == same_json(right, left)
    assert not same_json(left, right) or left == right
