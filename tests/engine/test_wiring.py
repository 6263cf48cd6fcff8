"""Wires: which may be drawn, what they carry, and edits that keep them right."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import edits, wiring
from engine.blocks import default_catalog
from engine.document import Block, Workflow
from engine.errors import NotConnectable
from tests.engine.strategies import graph, small_catalog

CATALOG = small_catalog()


def size(_block: Block) -> tuple[float, float]:
    return 200.0, 80.0


def problem(workflow: Workflow, source: str, target: str, port: str = "", ignore: str | None = None) -> str | None:
    return wiring.connection_problem(workflow, CATALOG, source, port, target, "", ignore)


KINDS = {"s": "starter", "a": "step", "b": "step", "q": "condition", "r": "response", "u": "alien"}


@pytest.mark.parametrize(
    ("source", "port", "target", "words"),
    [
        ("a", "", "a", "cannot feed itself"),
        ("b", "", "a", "close a circle"),
        ("a", "", "b", "already"),
        ("a", "", "s", "nothing can come before it"),
        ("r", "", "a", "nothing can come after it"),
        ("a", "if", "q", "no output “if”"),
        ("q", "elif_9", "b", "it has “if”, “else”"),
        ("q", "", "b", "no output without a name"),
    ],
)
def test_refused_wires_say_why(source: str, port: str, target: str, words: str) -> None:
    """A sentence for a person, with the blocks by their names."""
    workflow = graph(KINDS, "s>a", "a>b")

    told = problem(workflow, source, target, port)

    assert told is not None
    assert words in told
    assert told.endswith(".")


@pytest.mark.parametrize(
    ("source", "port", "target"), [("a", "", "q"), ("q", "else", "b"), ("u", "", "r"), ("b", "", "u")]
)
def test_good_wires_are_allowed(source: str, port: str, target: str) -> None:
    """Also to and from a block whose type nobody knows: it has one unnamed port on each side."""
    assert problem(graph(KINDS, "s>a", "a>b"), source, target, port) is None


def test_the_wire_in_hand_does_not_count() -> None:
    """While an end is dragged, its own wire neither doubles nor closes a circle."""
    workflow = graph(KINDS, "a>b")

    assert problem(workflow, "a", "b", ignore="a>b") is None
    assert problem(workflow, "b", "a", ignore="a>b") is None


def test_an_unknown_input_port_is_refused() -> None:
    """The name is said, and what there is."""
    told = wiring.connection_problem(graph(KINDS), CATALOG, "a", "", "b", "left")

    assert told == "“B” has no input “left”; it has one without a name."


def test_a_wire_carries_its_route() -> None:
    """Unnamed ports are null; a routed port writes its handle and its condition (X21)."""
    workflow = graph(KINDS)

    plain = wiring.edge_between(workflow, CATALOG, "a", "", "b", "")
    routed = wiring.edge_between(workflow, CATALOG, "q", "else", "b", "")

    assert (plain.source_handle, plain.target_handle, plain.condition) == (None, None, None)
    assert (routed.source_handle, routed.condition) == ("else", "else")


def test_the_free_port_comes_first() -> None:
    """A second wire from a condition takes the branch that is still open; None when nothing fits."""
    workflow = graph(KINDS, "q.if>a")

    assert wiring.first_compatible_ports(workflow, CATALOG, "q", "b") == ("else", "")
    assert wiring.first_compatible_ports(workflow, CATALOG, "a", "s") is None


# Splice and heal


def test_splicing_keeps_the_route_and_makes_room() -> None:
    """The first half keeps id and route; the block comes off its source, followers go as far as they must."""
    workflow = graph({"q": "condition", "a": "step", "b": "step", "n": "step"}, "q.if>a", "a>b")
    workflow = edits.place_blocks(workflow, {"n": (210, 20)})

    spliced = wiring.splice(workflow, CATALOG, "n", "q.if>a", size=size)

    first = spliced.edge("q.if>a")
    (second,) = spliced.edges_from("n")
    assert (first.target, first.source_handle, first.condition) == ("n", "if", "if")
    assert (second.target, second.source_handle, second.condition) == ("a", None, None)
    assert [(spliced.block(item).x, spliced.block(item).y) for item in "qnab"] == [(0, 0), (272, 0), (544, 0), (816, 0)]


def test_followers_with_room_stay() -> None:
    """A gap that is large enough takes the shift up."""
    workflow = edits.place_blocks(
        graph({"a": "step", "b": "step", "c": "step", "n": "step"}, "a>b", "b>c"), {"c": (2000, 0)}
    )

    spliced = wiring.splice(workflow, CATALOG, "n", "a>b", size=size)

    assert spliced.block("b").x > workflow.block("b").x
    assert spliced.block("c") is workflow.block("c")


def test_the_flow_may_go_down() -> None:
    """Where the target lies below, followers move down."""
    workflow = edits.place_blocks(
        graph({"a": "step", "b": "step", "n": "step"}, "a>b"), {"b": (0, 150), "n": (20, 100)}
    )

    spliced = wiring.splice(workflow, CATALOG, "n", "a>b", size=size)

    assert [(spliced.block(item).x, spliced.block(item).y) for item in "anb"] == [(0, 0), (0, 152), (0, 304)]


def test_blocks_that_are_not_downstream_stay() -> None:
    """Making room is for what follows, not for bystanders."""
    workflow = graph({"a": "step", "b": "step", "x": "step", "n": "step"}, "a>b")

    assert wiring.splice(workflow, CATALOG, "n", "a>b", size=size).block("x") is workflow.block("x")


@pytest.mark.parametrize("block_id", ["s", "r", "a"])
def test_blocks_that_cannot_stand_in_a_wire_are_refused(block_id: str) -> None:
    """No input, no output, or an end of the wire itself."""
    with pytest.raises(NotConnectable):
        wiring.splice(graph(KINDS, "a>b"), CATALOG, block_id, "a>b", size=size)


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 400)), min_size=8, max_size=8), st.data())
def test_room_is_made_whatever_the_layout(places: list[tuple[int, int]], data: st.DataObject) -> None:
    """Order along the flow is kept: no follower is ever pulled back, and no shift exceeds the first one."""
    ids = "abcdefgn"
    wires = ["a>b"] + [f"{ids[i]}>{ids[j]}" for i in range(1, 7) for j in range(i + 1, 7) if data.draw(st.booleans())]
    workflow = edits.place_blocks(graph(dict.fromkeys(ids, "step"), *wires), dict(zip(ids, places, strict=True)))

    spliced = wiring.splice(workflow, CATALOG, "n", "a>b", size=size)

    a, b = workflow.block("a"), workflow.block("b")
    axis = "x" if abs(b.x - a.x) >= abs(b.y - a.y) else "y"
    shifts = {item: getattr(spliced.block(item), axis) - getattr(workflow.block(item), axis) for item in "abcdefg"}
    length = 200 if axis == "x" else 80
    assert shifts["a"] == 0
    assert all(0 <= shift <= shifts["b"] + 1e-6 for shift in shifts.values())
    assert getattr(spliced.block("b"), axis) >= getattr(spliced.block("n"), axis) + length + 72 - 1e-6


def test_healing_joins_what_came_in_with_what_went_out() -> None:
    """A chain of removed blocks becomes one wire, which keeps its first route and id."""
    workflow = graph(
        {"q": "condition", "a": "step", "b": "step", "c": "step", "d": "step"}, "q.if>a", "a>b", "b>c", "b>d"
    )

    healed = wiring.heal(workflow, CATALOG, ["a", "b"])

    assert set(healed.blocks) == {"q", "c", "d"}
    assert {(edge.source, edge.target, edge.condition) for edge in healed.edges.values()} == {
        ("q", "c", "if"),
        ("q", "d", "if"),
    }
    assert "q.if>a" in healed.edges


def test_healing_draws_no_double_wires() -> None:
    """Where both are joined already nothing is added."""
    workflow = graph({"a": "step", "b": "step", "c": "step"}, "a>b", "b>c", "a>c")

    assert list(wiring.heal(workflow, CATALOG, ["b"]).edges) == ["a>c"]


# Edits that know the catalog


def test_edges_of_vanished_ports_go() -> None:
    """A branch that is taken away takes its wire along; the others stay."""
    workflow = graph({"q": "condition", "a": "step", "b": "step"}, "q.if>a", "q.else>b")

    after = wiring.configure(workflow, CATALOG, "q", "routes", ["if"])

    assert list(after.edges) == ["q.if>a"]
    assert wiring.configure(workflow, CATALOG, "q", "other", 1).edges is workflow.edges


def test_renaming_knows_raw_fields_and_aliases() -> None:
    """The catalog says which fields hold code, under a type's alias too."""
    workflow = graph({"a": "step", "c": "function"})
    workflow = edits.set_config(workflow, "c", {"code": 'output = input_data["A"]'})

    assert wiring.count_references(workflow, CATALOG, "A") == 1
    renamed = wiring.rename(workflow, CATALOG, "a", "New")
    assert renamed.block("c").config["code"] == 'output = input_data["New"]'


def test_pasting_mints_anew() -> None:
    """Two webhooks never share an address."""
    workflow = edits.set_config(graph({"w": "webhook"}), "w", {"webhook_id": "old", "webhook_secret": "s", "keep": 1})

    pasted = wiring.paste(workflow, CATALOG, edits.copy_fragment(workflow, ["w"]), 0, 0, {"w": "w2"})

    assert pasted.block("w2").config["webhook_id"] != "old"
    assert pasted.block("w2").config["webhook_secret"] == "fresh"
    assert pasted.block("w2").config["keep"] == 1


def test_up_and_downstream_are_nearest_first() -> None:
    """Each block once, the block itself not."""
    workflow = graph(dict.fromkeys("abcd", "step"), "a>b", "b>d", "c>d", "a>d")

    assert wiring.upstream(workflow, "d") == ["b", "c", "a"]
    assert wiring.downstream(workflow, "a") == ["b", "d"]


def test_a_copy_gets_addresses_of_its_own():
    """Opening an example or duplicating a workflow must not leave two webhooks with one address."""
    blocks = {"in": Block("in", "webhook", "In", config={"webhook_id": "old", "webhook_secret": "old", "note": "kept"})}
    workflow = Workflow(blocks={**blocks, "out": Block("out", "response", "Out")})

    copy = wiring.mint_anew(workflow, small_catalog())

    config = copy.block("in").config
    assert "old" not in (config["webhook_id"], config["webhook_secret"])
    assert config["note"] == "kept"
    assert copy.block("out") is workflow.block("out")


def code_block(code: str, language: str = "python") -> Workflow:
    return Workflow(blocks={"a": Block("a", "code", "Code", config={"code": code, "language": language})})


def test_another_language_brings_its_template():
    """Who has not written anything yet gets the beginning in the language they choose, and back again."""
    catalog = default_catalog()
    templates = catalog.find("code").field("code").templates
    begun = code_block(templates["python"])

    there = wiring.configure(begun, catalog, "a", "language", "javascript")
    back = wiring.configure(there, catalog, "a", "language", "python")

    assert there.block("a").config == {"code": templates["javascript"], "language": "javascript"}
    assert back.block("a").config == begun.block("a").config


def test_written_code_stays_in_another_language():
    """Nobody's own code is thrown away by choosing another language."""
    changed = wiring.configure(code_block("output = 1"), default_catalog(), "a", "language", "javascript")

    assert changed.block("a").config["code"] == "output = 1"
