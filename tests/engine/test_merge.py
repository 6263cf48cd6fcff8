"""Three-way merge: both changes are in the result, and whatever cannot be is shown and not lost."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import edits
from engine.change import difference, same_json
from engine.document import Block, Edge, Json, JsonObject, Workflow, workflow_from_api, workflow_to_api
from engine.edgeidentity import wire_of, with_edge_ids_of
from engine.errors import EditError
from engine.merge import ABSENT, Conflict, Merge, Place, merge, resolve
from tests.engine.strategies import api_workflows, graph, texts, values

Edit = Callable[[Workflow], Workflow]


def changed(workflow: Workflow, block_id: str, **config: object) -> Workflow:
    return edits.set_config(workflow, block_id, {**workflow.block(block_id).config, **config})


def base() -> Workflow:
    """a > b > c and d by itself, with something in each config."""
    workflow = graph({"a": "step", "b": "step", "c": "step", "d": "step"}, "a>b", "b>c")
    for block_id in "abcd":
        workflow = changed(workflow, block_id, text=f"text of {block_id}", body={"x": 1, "y": {"z": [1, 2]}})
    return workflow.changed(name="Flow", variables={"n": 1})


def one(merged: Merge) -> Conflict:
    (conflict,) = merged.conflicts
    return conflict


# --- what people see ------------------------------------------------------------------------------------------------


def test_changes_to_different_fields_of_a_block_come_together() -> None:
    """One moves and renames a block, the other edits its config: both are there, and theirs is told."""
    old = base()
    mine = edits.set_name(edits.move_blocks(old, ["b"], 10, 20), "Mine").with_blocks([])
    mine = mine.with_blocks([mine.block("b").changed(name="Bee")])
    theirs = changed(edits.set_enabled(old, ["b"], False), "b", text="other", fresh=True)

    merged = merge(old, mine, theirs)

    block = merged.workflow.block("b")
    assert (block.name, block.x, block.enabled) == ("Bee", 310, False)
    assert block.config == {"text": "other", "body": {"x": 1, "y": {"z": [1, 2]}}, "fresh": True}
    assert merged.workflow.name == "Mine"
    assert not merged.conflicts
    assert {item.text for item in merged.from_theirs} == {
        "“text” of “Bee” was changed.",
        "“fresh” of “Bee” was added.",
        "The on/off switch of “Bee” was changed.",
    }


def test_objects_in_a_config_are_merged_key_by_key_and_lists_are_not() -> None:
    """Two keys of one body are two things; a list is one."""
    old = base()
    mine = changed(old, "a", body={"x": 2, "y": {"z": [1, 2, 3]}})
    theirs = changed(old, "a", body={"x": 1, "y": {"z": [0, 1, 2], "new": None}})

    merged = merge(old, mine, theirs)

    assert merged.workflow.block("a").config["body"] == {"x": 2, "y": {"z": [1, 2, 3], "new": None}}
    conflict = one(merged)
    assert conflict.place == Place("block", "a", ("config", "body", "y", "z"))
    assert (conflict.base, conflict.mine, conflict.theirs) == ([1, 2], [1, 2, 3], [0, 1, 2])
    assert conflict.text == "“body.y.z” of “A” was changed here and elsewhere, to different values."


def test_a_move_is_one_thing() -> None:
    """Two moves are a conflict of places, never x from one and y from the other."""
    old = base()
    mine, theirs = edits.move_blocks(old, ["a"], 7, 0), edits.move_blocks(old, ["a"], 0, 9)

    merged = merge(old, mine, theirs)

    assert one(merged).place == Place("block", "a", ("position",))
    assert (merged.workflow.block("a").x, merged.workflow.block("a").y) == (7, 0)
    taken = resolve(merged, {one(merged).place: "theirs"})
    assert (taken.block("a").x, taken.block("a").y) == (0, 9)


def test_a_conflict_says_no_values() -> None:
    """A secret in a config is in the record, where it can be hidden, and never in a sentence."""
    old = base()
    mine, theirs = changed(old, "a", text="s3cret-1"), changed(old, "a", text="s3cret-2")

    conflict = one(merge(old, mine, theirs))

    assert "s3cret" not in conflict.text
    assert (conflict.mine, conflict.theirs) == ("s3cret-1", "s3cret-2")


@pytest.mark.parametrize("i_delete", [True, False])
def test_a_block_deleted_here_and_changed_there_stays(i_delete: bool) -> None:
    """It is a conflict, its wires stay with it, and each answer does what it says."""
    old = base()
    gone, edited = edits.remove(old, ["b"]), changed(old, "b", text="new")
    versions = (gone, edited) if i_delete else (edited, gone)

    merged = merge(old, *versions)

    assert merged.workflow.block("b").config["text"] == "new"
    assert set(merged.workflow.edges) == {"a>b", "b>c"}
    conflict = one(merged)
    assert conflict.place == Place("block", "b")
    assert (conflict.mine is ABSENT, conflict.theirs is ABSENT) == (i_delete, not i_delete)
    assert ("deleted here" in conflict.text) is i_delete
    deleting, keeping = ("mine", "theirs") if i_delete else ("theirs", "mine")
    assert difference(resolve(merged, {conflict.place: deleting}), gone).is_empty
    assert resolve(merged, {conflict.place: keeping}) == merged.workflow == resolve(merged, {})


def test_who_connects_a_block_that_the_other_deletes_has_changed_it() -> None:
    """A new wire to a block that went elsewhere keeps the block, until somebody says that it goes: then both go."""
    old = base()
    mine = edits.add_edge(old, Edge("new", "d", "b"))
    theirs = edits.remove(old, ["b"])

    merged = merge(old, mine, theirs)

    assert set(merged.workflow.edges) == {"a>b", "b>c", "new"}
    assert difference(resolve(merged, {one(merged).place: "theirs"}), theirs).is_empty


def test_deleting_what_nobody_touched_is_no_conflict() -> None:
    """The block goes, with its wires, and is told as one thing."""
    old = base()

    merged = merge(old, changed(old, "a", text="mine"), edits.remove(old, ["b"]))

    assert set(merged.workflow.blocks) == {"a", "c", "d"}
    assert not merged.workflow.edges
    assert not merged.conflicts
    assert [item.text for item in merged.from_theirs] == ["“B” was deleted."]


def test_a_wire_led_elsewhere_by_both_is_a_conflict() -> None:
    """An edge is one value: ends are not mixed."""
    old = base()
    mine = edits.replace_edge(old, "a>b", old.edge("a>b").changed(target="c"))
    theirs = edits.replace_edge(old, "a>b", old.edge("a>b").changed(target="d"))

    merged = merge(old, mine, theirs)

    assert merged.workflow.edge("a>b").target == "c"
    assert one(merged).text == "The connection from “A” to “C” was changed here and elsewhere, to different values."
    assert resolve(merged, {Place("edge", "a>b"): "theirs"}).edge("a>b").target == "d"


def test_a_wire_deleted_here_and_changed_there_stays() -> None:
    """As with blocks."""
    old = base()
    mine = edits.remove(old, (), ["a>b"])
    theirs = edits.replace_edge(old, "a>b", old.edge("a>b").changed(condition="if"))

    merged = merge(old, mine, theirs)

    assert merged.workflow.edge("a>b").condition == "if"
    assert set(resolve(merged, {one(merged).place: "mine"}).edges) == {"b>c"}


def test_edges_with_new_ids_are_known_by_what_they_connect() -> None:
    """A server that mints edge ids anew at each save has changed nothing; the ids on the canvas stay."""
    old = base()
    reborn = old.changed(edges={f"server {n}": e.changed(id=f"server {n}") for n, e in enumerate(old.edges.values())})
    theirs = edits.add_edge(reborn, Edge("server 9", "c", "d"))

    merged = merge(old, edits.add_edge(old, Edge("mine", "c", "d")), theirs)

    assert set(merged.workflow.edges) == {"a>b", "b>c", "mine"}
    assert not merged.conflicts
    assert not merged.from_theirs


def test_the_order_follows_who_changed_it() -> None:
    """Bringing to front travels; a new block of the other side lies on top."""
    old = base()
    front = edits.bring_to_front(old, ["a"])
    more = edits.add_blocks(old, [Block("new", "step")])

    assert list(merge(old, more, front).workflow.blocks) == ["b", "c", "d", "a", "new"]
    assert list(merge(old, front, more).workflow.blocks) == ["b", "c", "d", "a", "new"]
    assert list(merge(old, front, edits.bring_to_front(old, ["b"])).workflow.blocks) == ["b", "c", "d", "a"]


def test_name_description_and_variables_are_merged_one_by_one() -> None:
    """The workflow's own fields are fields like others."""
    old = base()
    mine = old.changed(name="Mine", variables={"n": 1, "mine": 1})
    theirs = old.changed(name="Theirs", description="D", variables={"n": 2, "theirs": 2})

    merged = merge(old, mine, theirs)

    assert merged.workflow.variables == {"n": 2, "mine": 1, "theirs": 2}
    assert merged.workflow.description == "D"
    assert one(merged).text == "The name of the workflow was changed here and elsewhere, to different values."
    assert resolve(merged, {Place("workflow", "", ("name",)): "theirs"}).name == "Theirs"


def test_deciding_what_is_no_conflict_is_an_error() -> None:
    """A choice that nobody was asked for is a mistake of the caller."""
    old = base()

    with pytest.raises(EditError, match="nothing to decide"):
        resolve(merge(old, old, old), {Place("block", "a"): "mine"})


# --- what holds for all documents -----------------------------------------------------------------------------------


@st.composite
def edit_of(draw: st.DrawFn, workflow: Workflow, block_ids: str, token: str) -> Workflow:
    """The workflow after some edits that touch these blocks only; what is added has ids that begin with `token`."""
    for number in range(draw(st.integers(0, 4))):
        block_id = draw(st.sampled_from(block_ids))
        if block_id not in workflow.blocks:
            continue
        block = workflow.block(block_id)
        kind = draw(st.sampled_from(["move", "name", "config", "nested", "unset", "enable", "extra", "remove", "wire"]))
        if kind == "move":
            workflow = edits.move_blocks(workflow, [block_id], draw(st.integers(-9, 9)), draw(st.integers(-9, 9)))
        elif kind == "name":
            workflow = workflow.with_blocks([block.changed(name=draw(texts))])
        elif kind == "config":
            workflow = changed(workflow, block_id, **{draw(st.sampled_from(["text", "body", "k"])): draw(values)})
        elif kind == "nested" and isinstance(block.config.get("body"), dict):
            body = {**block.config["body"], draw(st.sampled_from(["x", "y", "w"])): draw(values)}
            workflow = changed(workflow, block_id, body=body)
        elif kind == "unset":
            workflow = edits.configure(workflow, block_id, draw(st.sampled_from(["text", "body"])), edits.ABSENT)
        elif kind == "enable":
            workflow = edits.set_enabled(workflow, [block_id], draw(st.booleans()))
        elif kind == "extra":
            workflow = workflow.with_blocks([block.changed(extra={**block.extra, "note": draw(values)})])
        elif kind == "remove":
            workflow = edits.remove(workflow, [block_id])
        elif kind == "wire":
            added = Block(f"{token}{number}", "step")
            workflow = edits.add_blocks(workflow, [added], [Edge(f"{token}-{number}", block_id, added.id)])
    return workflow


related = st.tuples(edit_of(base(), "abcd", "m"), edit_of(base(), "abcd", "t")).map(lambda pair: (base(), *pair))
unrelated = st.tuples(*[api_workflows.map(workflow_from_api)] * 3)
triples = related | unrelated
versions = api_workflows.map(workflow_from_api) | edit_of(base(), "abcd", "m")


@given(versions, versions)
def test_merging_with_oneself_or_with_the_past_changes_nothing(old: Workflow, new: Workflow) -> None:
    """merge(b, x, x), merge(b, b, x) and merge(b, x, b) are x, without a conflict; edges may have other ids."""
    for versions_ in ((old, new, new), (old, old, new), (old, new, old)):
        merged = merge(*versions_)
        assert not merged.conflicts
        assert difference(with_edge_ids_of(new, merged.workflow), new).is_empty
    assert merge(old, new, new).workflow == with_edge_ids_of(old, new)
    assert not merge(old, new, old).from_theirs


@given(triples)
def test_nothing_vanishes_without_being_shown(triple: tuple[Workflow, Workflow, Workflow]) -> None:
    """Every value that a side changed, added or deleted is so in the result, or there is a conflict about it."""
    merged = merge(*triple)

    for side in (merged.mine, merged.theirs):
        unseen = [*_unseen(merged, side)]
        assert not unseen


@given(triples)
def test_a_side_cannot_get_what_no_side_had(triple: tuple[Workflow, Workflow, Workflow]) -> None:
    """Nothing is made up: each value of the result stands in the same place in one of the versions."""
    merged = merge(*triple)

    for kind, item_id, fields in _things(merged.workflow):
        for path, value in _leaves(fields):
            sources = [_at(version, kind, item_id, path) for version in (merged.mine, merged.theirs)]
            assert any(same_json(value, source) or (value == {} and isinstance(source, dict)) for source in sources)


@given(triples)
def test_it_is_fair(triple: tuple[Workflow, Workflow, Workflow]) -> None:
    """With the sides swapped the same conflicts come with their values swapped, and deciding for one gives the same."""
    old, mine, theirs = triple
    theirs = with_edge_ids_of(with_edge_ids_of(old, mine), with_edge_ids_of(old, theirs))
    mine = with_edge_ids_of(old, mine)
    one_way, other_way = merge(old, mine, theirs), merge(old, theirs, mine)

    there = {conflict.place: (conflict.base, conflict.mine, conflict.theirs) for conflict in one_way.conflicts}
    back = {conflict.place: (conflict.base, conflict.theirs, conflict.mine) for conflict in other_way.conflicts}
    assert there == back
    chosen = resolve(one_way, dict.fromkeys(there, "theirs"))
    assert _sorted(chosen) == _sorted(resolve(other_way, dict.fromkeys(there, "mine")))


@given(triples, st.data())
def test_edges_never_dangle(triple: tuple[Workflow, Workflow, Workflow], data: st.DataObject) -> None:
    """However the conflicts are decided, an edge has its ends, unless it had none in a version that has it."""
    merged = merge(*triple)
    places = [conflict.place for conflict in merged.conflicts]
    choices = {place: data.draw(st.sampled_from(["mine", "theirs"])) for place in places if data.draw(st.booleans())}

    for workflow in (merged.workflow, resolve(merged, choices)):
        for edge in workflow.edges.values():
            gone = {edge.source, edge.target} - workflow.blocks.keys()
            owners = [v for v in (merged.mine, merged.theirs) if v.edges.get(edge.id) == edge]
            assert all(any(end not in owner.blocks for owner in owners) for end in gone)


@given(edit_of(base(), "ab", "m"), edit_of(base(), "d", "t"))
def test_the_order_of_independent_changes_does_not_matter(mine: Workflow, theirs: Workflow) -> None:
    """Who saved first is not seen in what comes out, and nobody is asked anything."""
    one_way, other_way = merge(base(), mine, theirs), merge(base(), theirs, mine)

    assert not one_way.conflicts
    assert _sorted(one_way.workflow) == _sorted(other_way.workflow)


@given(triples)
def test_it_is_deterministic(triple: tuple[Workflow, Workflow, Workflow]) -> None:
    """The same versions, read anew, give the same result to the byte."""
    again = [workflow_from_api(workflow_to_api(version)) for version in triple]

    first, second = merge(*triple), merge(*triple)

    assert repr(workflow_to_api(first.workflow)) == repr(workflow_to_api(second.workflow))
    assert [conflict.text for conflict in first.conflicts] == [conflict.text for conflict in merge(*again).conflicts]


def _things(workflow: Workflow) -> Iterator[tuple[str, str, JsonObject]]:
    """Everything in a workflow with its fields; an edge is one value."""
    whole = workflow_to_api(workflow)
    yield "workflow", "", {key: value for key, value in whole.items() if key not in ("blocks", "edges")}
    yield from (("block", block_id, fields) for block_id, fields in zip(workflow.blocks, whole["blocks"], strict=True))
    yield from (
        ("edge", edge_id, {"all": [edge]}) for edge_id, edge in zip(workflow.edges, whole["edges"], strict=True)
    )


def _at(workflow: Workflow, kind: str, item_id: str, path: tuple[str, ...]) -> Json:
    value: Json = next((fields for *thing, fields in _things(workflow) if thing == [kind, item_id]), ABSENT)
    for key in path:
        value = value.get(key, ABSENT) if isinstance(value, dict) else ABSENT
    return value


def _leaves(value: Json, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Json]]:
    if isinstance(value, dict) and value and path != ("position",):
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    else:
        yield path, value


def _unseen(merged: Merge, side: Workflow) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Places at which the side differs from the base, the result from the side, and no conflict says so."""
    places = {conflict.place for conflict in merged.conflicts}
    items = {(kind, item_id) for version in (merged.base, side) for kind, item_id, _ in _things(version)}
    for kind, item_id in items:
        paths = {
            path
            for version in (merged.base, side)
            if (fields := _at(version, kind, item_id, ())) is not ABSENT
            for path, _ in _leaves(fields)
        }
        for path in paths or {()}:
            before, wanted, got = (_at(v, kind, item_id, path) for v in (merged.base, side, merged.workflow))
            is_shown = any(
                (place.kind, place.item_id) == (kind, item_id) and path[: len(place.path)] == place.path
                for place in places
            )
            is_change = not same_json(before, wanted) and not (isinstance(before, dict) and isinstance(wanted, dict))
            # A container that one side emptied and the other filled is not empty: its keys were looked at one by one.
            is_there = same_json(wanted, got) or (wanted in ({}, ABSENT) and isinstance(got, dict))
            if is_change and not is_there and not is_shown and not _went_with_a_block(merged, side, kind, item_id):
                yield kind, item_id, path


def _went_with_a_block(merged: Merge, side: Workflow, kind: str, item_id: str) -> bool:
    """An edge that a side deleted only with its block stays when the block stays, and that is a conflict as well."""
    if kind != "edge" or item_id in side.edges:
        return False
    edge = merged.base.edges[item_id]
    lost = {edge.source, edge.target} - side.blocks.keys()
    return any(Place("block", end) in {conflict.place for conflict in merged.conflicts} for end in lost)


def _sorted(workflow: Workflow) -> JsonObject:
    """The workflow with its edges by what they connect, and nothing in an order."""
    fields = workflow_to_api(workflow)
    fields["blocks"] = dict(workflow.blocks)
    fields["edges"] = sorted((repr(wire_of(edge)), repr(edge.extra)) for edge in workflow.edges.values())
    return fields
