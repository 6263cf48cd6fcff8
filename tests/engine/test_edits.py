"""Pure edits: what each one does, what it shares, and that any sequence of them can be undone."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from engine import edits
from engine.change import difference
from engine.document import Block, Edge, Workflow, new_id
from engine.errors import EditError, FileError, UnknownBlock, UnknownEdge
from tests.engine.strategies import graph, names, objects, raw_fields


def with_config(workflow: Workflow, block_id: str, **config: object) -> Workflow:
    return edits.set_config(workflow, block_id, config)


def test_removing_a_block_takes_its_edges_and_mappings() -> None:
    """Edges at the block go, and input mappings that named it, by id or by name."""
    workflow = graph({"a": "step", "b": "step", "c": "step"}, "a>b", "b>c", "a>c")
    rows = [{"sourceId": "b", "targetField": "t"}, {"sourceId": "B", "targetField": "t"}, {"sourceId": "a"}]
    workflow = with_config(workflow, "c", _inputMappings=rows, keep=1)

    removed = edits.remove(workflow, ["b"])

    assert set(removed.blocks) == {"a", "c"}
    assert set(removed.edges) == {"a>c"}
    assert removed.block("c").config == {"_inputMappings": [{"sourceId": "a"}], "keep": 1}
    assert removed.block("a") is workflow.block("a")


def test_removing_an_edge_takes_its_mapping_only_when_it_was_the_last() -> None:
    """Two wires between the same blocks: the mapping stays until both are gone."""
    workflow = graph({"a": "step", "b": "step"}, "a>b", "a.two>b")
    workflow = with_config(workflow, "b", _inputMappings=[{"sourceId": "a", "targetField": "t"}])

    one = edits.remove(workflow, (), ["a>b"])
    none = edits.remove(one, (), ["a.two>b"])

    assert one.block("b") is workflow.block("b")
    assert none.block("b").config == {}


def test_moving_and_placing() -> None:
    """Scene units; a block that stays where it is stays the same object."""
    workflow = graph({"a": "step", "b": "step"})

    moved = edits.move_blocks(workflow, ["a", "b"], 5, -5)

    assert (moved.block("b").x, moved.block("b").y) == (305, -5)
    assert edits.place_blocks(moved, {"a": (5, -5)}) is moved
    assert edits.move_blocks(workflow, ["a"], 0, 0) is workflow


@pytest.mark.parametrize(
    "edit",
    [
        lambda w: edits.configure(w, "a", "k", {"n": 1}),
        lambda w: edits.configure(w, "a", "gone", edits.ABSENT),
        lambda w: edits.set_enabled(w, ["a"], True),
        lambda w: edits.rename_block(w, "a", "A", raw_fields),
        lambda w: edits.set_name(w, ""),
        lambda w: edits.set_variables(w, {}),
        lambda w: edits.bring_to_front(w, ["b"]),
        lambda w: edits.remove(w, ()),
        lambda w: edits.replace_edge(w, "a>b", w.edge("a>b")),
        lambda w: edits.add_blocks(w, ()),
    ],
)
def test_an_edit_that_changes_nothing_returns_the_same_workflow(edit: object) -> None:
    """So "did it change?" is `is not`, and undo gets no empty steps."""
    workflow = with_config(graph({"a": "step", "b": "step"}, "a>b"), "a", k={"n": 1})

    assert edit(workflow) is workflow  # type: ignore[operator]


def test_configuring() -> None:
    """One key set, changed in kind, and taken away."""
    workflow = with_config(graph({"a": "step"}), "a", k=1)

    assert edits.configure(workflow, "a", "k", True).block("a").config == {"k": True}
    assert edits.configure(workflow, "a", "k", True) is not workflow
    assert edits.configure(workflow, "a", "k", edits.ABSENT).block("a").config == {}


def test_ids_that_are_not_there_or_taken_are_refused() -> None:
    """The caller asked for something that cannot be."""
    workflow = graph({"a": "step", "b": "step"}, "a>b")

    with pytest.raises(UnknownBlock):
        edits.move_blocks(workflow, ["zzz"], 1, 1)
    with pytest.raises(UnknownEdge):
        edits.remove(workflow, (), ["zzz"])
    with pytest.raises(UnknownBlock):
        edits.add_edge(workflow, Edge("e", "a", "zzz"))
    with pytest.raises(EditError, match="already one block"):
        edits.add_blocks(workflow, [Block("a", "step")])
    with pytest.raises(EditError, match="already one edge"):
        edits.add_edge(workflow, Edge("a>b", "a", "b"))


def test_replacing_an_edge_keeps_its_place() -> None:
    """Another id may come in, the order of wires does not change."""
    workflow = graph({"a": "step", "b": "step", "c": "step"}, "a>b", "b>c")

    replaced = edits.replace_edge(workflow, "a>b", Edge("new", "a", "c"))

    assert list(replaced.edges) == ["new", "b>c"]


def test_bringing_to_front_keeps_their_order() -> None:
    """The raised blocks are on top, among themselves as before."""
    workflow = graph({"a": "step", "b": "step", "c": "step"})

    assert list(edits.bring_to_front(workflow, ["b", "a"]).blocks) == ["c", "a", "b"]


def test_renaming_rewrites_every_kind_of_reference() -> None:
    """Templates, code, conditions and mappings follow in one edit, and the count says how many places."""
    workflow = graph({"fetch": "step", "t": "step", "c": "code", "q": "condition"})
    workflow = with_config(workflow, "t", text=["<Fetch.output> <Fetch.n>"], _inputMappings=[{"sourceId": "Fetch"}])
    workflow = with_config(workflow, "c", code='output = input_data["Fetch"], Fetch  # Fetch')
    workflow = with_config(workflow, "q", branches=[{"expression": "<Fetch.n> > 1 and Fetch.n == 'Fetch'"}])

    renamed = edits.rename_block(workflow, "fetch", "Get it", raw_fields)

    assert edits.count_references(workflow, "Fetch", raw_fields) == 7
    assert renamed.block("fetch").name == "Get it"
    assert renamed.block("t").config == {
        "text": ["<Get it.output> <Get it.n>"],
        "_inputMappings": [{"sourceId": "Get it"}],
    }
    assert renamed.block("c").config == {"code": 'output = input_data["Get it"], input_data["Get it"]  # Fetch'}
    assert renamed.block("q").config == {"branches": [{"expression": "<Get it.n> > 1 and <Get it.n> == 'Fetch'"}]}


@pytest.mark.parametrize("name", ["", "it's", "Other"])
def test_references_use_the_id_where_the_name_cannot_serve(name: str) -> None:
    """Empty, unusable and taken names: references still mean this block, and take the next good name again."""
    workflow = graph({"fetch": "step", "other": "step"})
    workflow = with_config(workflow, "other", text="<Fetch.output>")

    renamed = edits.rename_block(workflow, "fetch", name, raw_fields)
    back = edits.rename_block(renamed, "fetch", "Fetch", raw_fields)

    assert renamed.block("other").config == {"text": "<fetch.output>"}
    assert difference(workflow, back).is_empty


def test_renaming_a_double_leaves_the_references_to_its_twin() -> None:
    """Of two blocks with one name nobody knows which is meant, so references stay with the name."""
    workflow = graph({"a": "step", "b": "step", "c": "step"})
    workflow = workflow.with_blocks([workflow.block("b").changed(name="A")])
    workflow = with_config(workflow, "c", text="<A.output>")

    renamed = edits.rename_block(workflow, "b", "New", raw_fields)

    assert renamed.block("c").config == {"text": "<A.output>"}


def test_a_run_variable_shadows_the_block_in_conditions() -> None:
    """A bare name that is a workflow variable does not mean the block, so it stays."""
    workflow = graph({"fetch": "step", "q": "condition"}).changed(variables={"Fetch": 1})
    workflow = with_config(workflow, "q", expression="Fetch == <Fetch.n>")

    renamed = edits.rename_block(workflow, "fetch", "Get", raw_fields)

    assert renamed.block("q").config == {"expression": "Fetch == <Get.n>"}


@given(names, names, objects)
def test_renaming_there_and_back_is_nothing(old: str, new: str, config: dict[str, object]) -> None:
    """When no name is taken or unusable, two renames are none."""
    blocks = {"x1": Block("x1", "step", old), "y1": Block("y1", "step", "Z", config={**config, "t": f"<{old}.output>"})}
    workflow = Workflow(blocks=blocks)
    if new in ("Z", "x1", "y1") or old in ("Z", "x1", "y1") or edits.count_references(workflow, new, raw_fields):
        return

    there = edits.rename_block(workflow, "x1", new, raw_fields)
    back = edits.rename_block(there, "x1", old, raw_fields)

    assert there.block("y1").config["t"] == f"<{new}.output>"
    assert difference(workflow, back).is_empty


def paste(workflow: Workflow, fragment: edits.Fragment, ids: dict[str, str] | None = None) -> Workflow:
    return edits.paste(workflow, fragment, 10, 20, ids=ids or {}, remint=lambda block: block, raw_fields=raw_fields)


def test_pasting_gives_new_ids_and_names_that_references_follow() -> None:
    """References inside the copy mean the copy; references to blocks outside mean those outside."""
    workflow = graph({"a": "step", "b": "code", "c": "step"}, "a>b")
    workflow = with_config(workflow, "b", t="<A.output> <C.output> <a.x>", code='output = input_data["A"]')

    pasted = paste(workflow, edits.copy_fragment(workflow, ["a", "b"]), {"a": "a2", "b": "b2"})

    assert [block.name for block in pasted.blocks.values()] == ["A", "B", "C", "A 2", "B 2"]
    assert pasted.block("b2").config == {
        "t": "<A 2.output> <C.output> <a2.x>",
        "code": 'output = input_data["A 2"]',
    }
    assert [(edge.source, edge.target) for edge in pasted.edges.values()] == [("a", "b"), ("a2", "b2")]
    assert (pasted.block("a2").x, pasted.block("a2").y) == (10, 20)
    assert pasted.block("a") is workflow.block("a")


def test_pasted_names_do_not_chase_each_other() -> None:
    """A copy of "A" and "A 2" beside them: no reference is renamed twice."""
    workflow = Workflow(
        blocks={"p": Block("p", "step", "A"), "q": Block("q", "step", "A 2", config={"t": "<A.x><A 2.x>"})}
    )

    pasted = paste(workflow, edits.copy_fragment(workflow, ["p", "q"]), {"p": "p2", "q": "q2"})

    first, second = pasted.block("p2").name, pasted.block("q2").name
    assert len({"A", "A 2", first, second}) == 4
    assert pasted.block("q2").config == {"t": f"<{first}.x><{second}.x>"}


def test_pasting_into_an_empty_workflow_keeps_names() -> None:
    """Names that are free stay, so that pasting elsewhere is a true copy."""
    workflow = graph({"a": "step", "b": "step"}, "a>b")
    workflow = with_config(workflow, "b", t="<A.output>")

    pasted = paste(Workflow(), edits.copy_fragment(workflow, ["a", "b"]))

    assert [block.name for block in pasted.blocks.values()] == ["A", "B"]
    assert [block.config for block in pasted.blocks.values()] == [{}, {"t": "<A.output>"}]


def test_a_fragment_survives_as_text() -> None:
    """The clipboard holds the API's graph; a whole workflow and our file can be pasted as well."""
    workflow = graph({"a": "step", "b": "step"}, "a>b")
    fragment = edits.copy_fragment(workflow, ["a", "b", "not there"])
    text = edits.fragment_to_json(fragment)

    assert edits.fragment_from_json(text) == fragment
    assert edits.fragment_from_json(json.dumps({"name": "N", **json.loads(text)})) == fragment
    with pytest.raises(FileError):
        edits.fragment_from_json("just a note")


class Editing(RuleBasedStateMachine):
    """Random edits, each kept: undo is going back to the object, so nothing may ever change it."""

    def __init__(self) -> None:
        super().__init__()
        self.workflow = graph({"a": "step", "b": "code"}, "a>b")
        self.history = [(self.workflow, repr(self.workflow))]

    def keep(self, workflow: Workflow) -> None:
        self.workflow = workflow
        self.history.append((workflow, repr(workflow)))

    def some(self, data: st.DataObject) -> str | None:
        return data.draw(st.sampled_from(sorted(self.workflow.blocks))) if self.workflow.blocks else None

    @rule(name=names, config=objects)
    def add(self, name: str, config: dict[str, object]) -> None:
        self.keep(edits.add_blocks(self.workflow, [Block(new_id(), "step", name, config=config)]))

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        if block_id := self.some(data):
            self.keep(edits.remove(self.workflow, [block_id]))

    @rule(data=st.data())
    def connect(self, data: st.DataObject) -> None:
        if (source := self.some(data)) and (target := self.some(data)):
            self.keep(edits.add_edge(self.workflow, Edge(new_id(), source, target)))

    @rule(data=st.data(), name=names)
    def rename(self, data: st.DataObject, name: str) -> None:
        if block_id := self.some(data):
            self.keep(edits.rename_block(self.workflow, block_id, name, raw_fields))

    @rule(data=st.data(), other=st.sampled_from(["A", "B", "zz"]))
    def refer(self, data: st.DataObject, other: str) -> None:
        if block_id := self.some(data):
            self.keep(edits.configure(self.workflow, block_id, "t", f"<{other}.output>"))

    @rule(data=st.data())
    def duplicate(self, data: st.DataObject) -> None:
        if block_id := self.some(data):
            self.keep(paste(self.workflow, edits.copy_fragment(self.workflow, [block_id])))

    @rule(data=st.data(), dx=st.integers(-9, 9))
    def move(self, data: st.DataObject, dx: int) -> None:
        if block_id := self.some(data):
            self.keep(edits.move_blocks(self.workflow, [block_id], dx, 0))

    @invariant()
    def keys_are_ids_and_edges_have_ends(self) -> None:
        assert all(key == block.id for key, block in self.workflow.blocks.items())
        assert all(key == edge.id for key, edge in self.workflow.edges.items())
        ends = {end for edge in self.workflow.edges.values() for end in (edge.source, edge.target)}
        assert ends <= self.workflow.blocks.keys()

    def teardown(self) -> None:
        for workflow, picture in reversed(self.history):
            assert repr(workflow) == picture


TestEditing = Editing.TestCase
TestEditing.__doc__ = "After any sequence of edits every earlier document is as it was."
