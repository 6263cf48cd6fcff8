"""Columns that follow the document edit by edit hold what columns built afresh would hold."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, seed
from hypothesis import strategies as st

from editor.canvas.columns import Columns
from editor.workspace.workspace import Workspace
from engine import Block, Edge, Workflow, default_catalog, difference, edits, wiring

CATALOG = default_catalog()
TYPES = ["starter", "condition", "split", "code", "general_api", "response", "a type that nobody knows"]
PORTS = [None, "output", "if", "else", "elif_1", "1", "2", "gone"]
BRANCHES = [[{"expression": "x > 1"}] * count for count in range(4)]
VALUES = [*BRANCHES, "", "output = 1", "https://example.org/", 3, None, {"a": 1}, edits.ABSENT]
KEYS = ["branches", "code", "url", "output"]
NAMES = ["Start", "Fetch", "Ask", "", "two words"]
places = st.integers(-1_000, 1_000)
picks = st.integers(0, 1_000)


def beginning():
    """A condition between two blocks, a block of an unknown type, and wires at ports there are and are not."""
    blocks = [
        Block("start", "starter", "Start", 0, 0),
        Block("ask", "condition", "Ask", 300, 0, {"branches": [{"expression": "<Start.output> > 1"}]}),
        Block("out", "response", "Result", 600, 0, {"output": "<Ask.route>"}),
        Block("odd", "a type that nobody knows", "Odd", 600, 200, enabled=False),
    ]
    edges = [
        Edge("first", "start", "ask"),
        Edge("yes", "ask", "out", "if", None, "if"),
        Edge("no", "ask", "odd", "else", None, "else"),
        Edge("lost", "ask", "odd", "elif_7"),
        Edge("nowhere", "ask", "no such block"),
    ]
    return Workflow(blocks={item.id: item for item in blocks}, edges={item.id: item for item in edges})


@dataclass
class Editor:
    """A workspace with columns that follow it. Numbers pick blocks and edges among those that there are."""

    workspace: Workspace
    columns: Columns
    added: int = 0

    def block_id(self, pick):
        ids = list(self.workspace.workflow.blocks)
        return ids[pick % len(ids)] if ids else "none"

    def edge_id(self, pick):
        ids = list(self.workspace.workflow.edges)
        return ids[pick % len(ids)] if ids else "none"

    def fresh_id(self):
        self.added += 1
        return f"added {self.added}"

    def edit(self, function, *args):
        self.workspace.edit("Edit", function, *args)

    def add(self, kind, x, y):
        block = Block(self.fresh_id(), kind, kind.title(), x, y, enabled=x % 3 != 0)
        self.edit(edits.add_blocks, [block])

    def remove(self, pick, count):
        self.edit(edits.remove, {self.block_id(pick + more) for more in range(count)})

    def cut(self, pick):
        self.edit(edits.remove, (), [self.edge_id(pick)])

    def move(self, pick, dx, dy):
        self.edit(edits.move_blocks, {self.block_id(pick), self.block_id(pick + 1)}, dx, dy)

    def configure(self, pick, key, value):
        self.edit(wiring.configure, CATALOG, self.block_id(pick), key, value)

    def configure_and_move(self, pick, key, value):
        block_id = self.block_id(pick)
        self.edit(lambda now: edits.move_blocks(edits.configure(now, block_id, key, value), [block_id], 16, 0))

    def rename(self, pick, name):
        self.edit(wiring.rename, CATALOG, self.block_id(pick), name)

    def toggle(self, pick, enabled):
        self.edit(edits.set_enabled, [self.block_id(pick)], enabled)

    def retype(self, pick, kind):
        """As when a file that was changed elsewhere is read again."""
        block_id = self.block_id(pick)
        self.edit(lambda now: now.with_blocks([now.block(block_id).changed(type=kind)]))

    def connect(self, source, port, target):
        edge = Edge(self.fresh_id(), self.block_id(source), self.block_id(target), port)
        self.edit(edits.add_edge, edge)

    def reconnect(self, pick, port, target):
        edge_id, to_id = self.edge_id(pick), self.block_id(target)
        self.edit(
            lambda now: edits.replace_edge(now, edge_id, now.edge(edge_id).changed(source_handle=port, target=to_id))
        )

    def splice(self, block, edge):
        block_id, edge_id = self.block_id(block), self.edge_id(edge)
        self.edit(lambda now: wiring.splice(now, CATALOG, block_id, edge_id, size=self.columns.size))

    def heal(self, pick):
        self.edit(wiring.heal, CATALOG, [self.block_id(pick)])

    def front(self, pick):
        self.edit(edits.bring_to_front, [self.block_id(pick)])

    def duplicate(self, pick):
        ids = [self.block_id(pick), self.block_id(pick + 1)]
        self.edit(lambda now: wiring.paste(now, CATALOG, edits.copy_fragment(now, ids), 32, 32))

    def describe(self, text):
        self.edit(edits.set_description, text)

    def undo(self, times):
        for _ in range(times):
            self.workspace.undo()

    def redo(self, times):
        for _ in range(times):
            self.workspace.redo()

    def replace(self):
        self.workspace.replace(beginning())


steps = st.one_of(
    st.tuples(st.just("add"), st.sampled_from(TYPES), places, places),
    st.tuples(st.just("remove"), picks, st.integers(1, 3)),
    st.tuples(st.just("cut"), picks),
    st.tuples(st.just("move"), picks, places, places),
    st.tuples(st.just("configure"), picks, st.sampled_from(KEYS), st.sampled_from(VALUES)),
    st.tuples(st.just("configure_and_move"), picks, st.sampled_from(KEYS), st.sampled_from(VALUES)),
    st.tuples(st.just("rename"), picks, st.sampled_from(NAMES)),
    st.tuples(st.just("toggle"), picks, st.booleans()),
    st.tuples(st.just("retype"), picks, st.sampled_from(TYPES)),
    st.tuples(st.just("connect"), picks, st.sampled_from(PORTS), picks),
    st.tuples(st.just("reconnect"), picks, st.sampled_from(PORTS), picks),
    st.tuples(st.just("splice"), picks, picks),
    st.tuples(st.just("heal"), picks),
    st.tuples(st.just("front"), picks),
    st.tuples(st.just("duplicate"), picks),
    st.tuples(st.just("describe"), st.sampled_from(NAMES)),
    st.tuples(st.just("undo"), st.integers(1, 3)),
    st.tuples(st.just("redo"), st.integers(1, 3)),
    st.tuples(st.just("replace")),
)


@pytest.fixture(scope="module")
def make_editor(qapp):
    """A new workspace with `beginning` and its columns."""

    def make():
        workspace = Workspace(CATALOG, beginning())
        columns = Columns(workspace.workflow, CATALOG)
        workspace.workflow_changed.connect(lambda change: columns.update(workspace.workflow, change))
        return Editor(workspace, columns)

    return make


def held(columns):
    """All that columns say, by name: their arrays, and the answers made from them."""
    numbers = range(len(columns.port_block))
    return {
        "ids": columns.ids,
        "row_of": columns.row_of,
        "faces": columns.faces,
        "looks": [columns.looks[row] for row in columns.look],
        "x": columns.x,
        "y": columns.y,
        "height": columns.height,
        "enabled": columns.enabled,
        "boxes": columns.boxes(),
        "bounds": columns.bounds(),
        "port_block": columns.port_block,
        "port_offset": columns.port_offset,
        "port_is_out": columns.port_is_out,
        "port_number": columns.port_number,
        "port_places": columns.port_places(),
        "port_names": [columns.port_name(row) for row in numbers],
        "edge_ids": columns.edge_ids,
        "edge_row_of": columns.edge_row_of,
        "edge_labels": columns.edge_labels,
        "source": columns.source,
        "target": columns.target,
        "source_offset": columns.source_offset,
        "target_offset": columns.target_offset,
        "edge_boxes": columns.edge_boxes,
        "ends": np.array(columns.ends(slice(None))),
    }


def assert_same(followed, fresh):
    wanted = held(fresh)
    for name, value in held(followed).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, wanted[name], err_msg=name)
            assert value.dtype == wanted[name].dtype, name
        else:
            assert value == wanted[name], name


@seed(1)
@given(st.lists(steps, min_size=1, max_size=14))
def test_columns_that_follow_edits_equal_columns_built_afresh(make_editor, script):
    """Whatever is edited, undone or opened, following each change ends where reading the document anew does."""
    editor = make_editor()

    for name, *values in script:
        getattr(editor, name)(*values)
        # Asked between the edits too: an answer kept from before must not outlive the next one.
        assert_same(editor.columns, Columns(editor.workspace.workflow, CATALOG))


@seed(2)
@given(st.lists(steps, min_size=1, max_size=14))
def test_columns_may_follow_many_edits_at_once(make_editor, script):
    """One change over several edits is followed as well as one change for each of them."""
    editor = make_editor()
    behind, before = Columns(editor.workspace.workflow, CATALOG), editor.workspace.workflow

    for name, *values in script:
        getattr(editor, name)(*values)
    after = editor.workspace.workflow
    behind.update(after, difference(before, after))

    assert_same(behind, Columns(after, CATALOG))


@seed(3)
@given(st.lists(steps, max_size=6), places, places)
def test_displaced_columns_leave_the_others_alone(make_editor, script, dx, dy):
    """Cards shown elsewhere while they are dragged move their ports and ends; the columns they came from do not."""
    editor = make_editor()
    for name, *values in script:
        getattr(editor, name)(*values)
    columns = editor.columns
    boxes, ports, ends = columns.boxes().copy(), columns.port_places().copy(), np.array(columns.ends(slice(None)))

    shown = columns.displaced(columns.x + dx, columns.y + dy)

    assert np.array_equal(shown.boxes() - boxes, np.tile([dx, dy, dx, dy], (len(columns), 1)))
    assert np.array_equal(shown.port_places() - ports, np.tile([dx, dy], (len(ports), 1)))
    assert np.allclose(np.array(shown.ends(slice(None))), ends + np.array([[dx, dy, dx, dy, dy, dy, dy, dy]]).T)
    assert_same(columns, Columns(editor.workspace.workflow, CATALOG))


@seed(4)
@given(st.lists(steps, max_size=6), st.lists(steps, max_size=4))
def test_columns_made_ready_elsewhere_are_as_good(make_editor, script, more):
    """What was built for a document beforehand and taken over follows it from there on."""
    editor = make_editor()
    for name, *values in script:
        getattr(editor, name)(*values)

    editor.columns.take_over(Columns(beginning(), CATALOG).for_another(editor.workspace.workflow))

    assert_same(editor.columns, Columns(editor.workspace.workflow, CATALOG))
    for name, *values in more:
        getattr(editor, name)(*values)
        assert_same(editor.columns, Columns(editor.workspace.workflow, CATALOG))


def test_a_name_that_became_known_reaches_the_cards_that_ask():
    """Only they are made anew; the others stay the very same."""
    blocks = [Block("a", "agent", "Ask", config={"agent_id": "x"}), Block("c", "code", "Code")]
    workflow = Workflow(blocks={block.id: block for block in blocks})
    columns = Columns(workflow, CATALOG)
    code = columns.faces[1]

    columns.use_names(workflow, lambda _kind, _entity_id: "Writer")

    assert columns.faces[0].kind == "Writer · Agent"
    assert columns.faces[1] is code
