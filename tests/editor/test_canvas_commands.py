"""What is done on the canvas by key and by name: each is one step, and one undo takes it back whole."""

import json

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit

from editor.canvas.cards import WIDTH
from editor.canvas.commands import QuickAddRequest
from editor.canvas.geometry import GRID
from editor.canvas.minimap import Minimap
from engine import Block, Edge, edits, files

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
RUBBISH = [
    "",
    "  \n",
    "just words",
    "3",
    "[]",
    "{}",
    '{"blocks": 3}',
    '{"blocks": []}',
    '{"blocks": [{"name": "no id"}]}',
]


def heard(signal):
    """Everything that a signal says from now on, as tuples of its arguments."""
    found = []
    signal.connect(lambda *values: found.append(values))
    return found


def ends(workspace):
    return {(edge.source, edge.target) for edge in workspace.workflow.edges.values()}


def place(workspace, block_id):
    block = workspace.workflow.block(block_id)
    return block.x, block.y


def clipboard():
    return QGuiApplication.clipboard().text()


def put_on_clipboard(text):
    QGuiApplication.clipboard().setText(text)


def overlaps(canvas):
    """Pairs of blocks whose cards lie over each other."""
    cards = {block_id: canvas.columns.card(row) for block_id, row in canvas.columns.row_of.items()}
    return {
        (one, other)
        for one, a in cards.items()
        for other, b in cards.items()
        if one < other and a.left < b.right and b.left < a.right and a.top < b.bottom and b.top < a.bottom
    }


@pytest.fixture
def commands(canvas):
    """What the menus call."""
    return canvas.commands


@pytest.fixture
def before(canvas, workspace):
    """The document as it was opened."""
    return workspace.workflow


@pytest.fixture
def added(workspace, before):
    """Asks which blocks are new since `before`, in drawing order."""
    return lambda: [block for block in workspace.workflow.blocks.values() if block.id not in before.blocks]


@pytest.fixture
def assert_one_step(workspace, before):
    """What was done is one step: undo brings `before` back and there is no other."""

    def check():
        assert workspace.workflow is not before
        workspace.undo()
        assert workspace.workflow is before
        assert workspace.undo_label is None

    return check


class TestDeleting:
    def test_delete_takes_blocks_and_their_wires(self, commands, workspace, assert_one_step):
        """Deleted blocks take the wires that touched them along; undo brings all back, selected as before."""
        workspace.select(["fetch", "lone"])

        commands.delete_selection()

        assert set(workspace.workflow.blocks) == {"start", "out"}
        assert ends(workspace) == set()
        assert not workspace.selection
        assert workspace.undo_label == "Delete 2 blocks"
        assert_one_step()
        assert workspace.selection.blocks == {"fetch", "lone"}

    def test_delete_takes_a_selected_wire(self, commands, workspace, assert_one_step):
        """A wire goes alone."""
        workspace.select((), ["first"])

        commands.delete_selection()

        assert ends(workspace) == {("fetch", "out")}
        assert workspace.undo_label == "Delete wire"
        assert_one_step()

    def test_delete_and_join_closes_the_gap(self, commands, workspace, assert_one_step):
        """What came before the deleted block leads to what came after it."""
        workspace.select(["fetch"])

        commands.heal_selection()

        assert "fetch" not in workspace.workflow.blocks
        assert ends(workspace) == {("start", "out")}
        assert_one_step()

    @pytest.mark.parametrize(
        "name",
        ["delete_selection", "heal_selection", "copy", "cut", "duplicate", "toggle_enabled", "connect_selected"],
    )
    def test_without_a_selection_commands_do_nothing(self, commands, workspace, before, name):
        """No step, and the clipboard keeps what it holds."""
        put_on_clipboard("mine")

        getattr(commands, name)()

        assert workspace.workflow is before
        assert clipboard() == "mine"


class TestClipboard:
    def test_copy_puts_json_on_the_clipboard(self, commands, workspace, before, canvas):
        """Blocks and the wires between them, in the API's form, as plain text; the document stays as it is."""
        told = heard(canvas.message)
        workspace.select(["fetch", "out"])

        commands.copy()

        data = json.loads(clipboard())
        assert [block["id"] for block in data["blocks"]] == ["fetch", "out"]
        assert [(edge["source"], edge["target"]) for edge in data["edges"]] == [("fetch", "out")]
        assert told == [("Copied 2 blocks",)]
        assert workspace.workflow is before

    def test_paste_makes_blocks_of_their_own(self, commands, workspace, before, added, assert_one_step):
        """Ids are fresh, names unique, wires and references among the copies lead to the copies."""
        workspace.select(["fetch", "out"])
        commands.copy()

        commands.paste()

        fetch, out = added()
        assert (fetch.name, out.name) == ("Fetch 2", "Result 2")
        assert out.config == {"output": "<Fetch 2.output>"}
        assert fetch.config == before.block("fetch").config
        assert ends(workspace) == {("start", "fetch"), ("fetch", "out"), (fetch.id, out.id)}
        assert workspace.selection.blocks == {fetch.id, out.id}
        assert workspace.undo_label == "Paste 2 blocks"
        assert_one_step()

    def test_pasted_blocks_keep_their_formation(self, commands, workspace, added):
        """All are shifted alike, by steps of the grid."""
        workspace.select(["fetch", "lone"])
        commands.copy()

        commands.paste()

        fetch, lone = added()
        assert (lone.x - fetch.x, lone.y - fetch.y) == (0, 256)
        assert fetch.x % GRID == fetch.y % GRID == 0

    def test_a_second_paste_lies_beside_the_first(self, commands, workspace, added):
        """The same again does not hide what was pasted before."""
        workspace.select(["lone"])
        commands.copy()

        commands.paste()
        commands.paste()

        first, second = added()
        assert len({place(workspace, "lone"), (first.x, first.y), (second.x, second.y)}) == 3
        assert len({block.name for block in workspace.workflow.blocks.values()}) == 6

    def test_pasted_webhooks_get_addresses_of_their_own(self, commands, workspace, before, added):
        """Two blocks never listen at one address; the block copied from keeps its own."""
        hook = workspace.catalog.new_block("webhook", ()).changed(x=0.0, y=256.0)
        workspace.edit("Add", edits.add_blocks, [hook])
        workspace.select([hook.id])
        commands.copy()

        commands.paste()
        commands.duplicate()

        hooks = added()
        assert workspace.workflow.block(hook.id).config == hook.config
        assert len({block.config["webhook_id"] for block in hooks}) == 3
        assert len({block.config["webhook_secret"] for block in hooks}) == 3

    def test_paste_takes_the_api_form(self, commands, workspace, added, assert_one_step):
        """What a script or a server wrote can be pasted, with ids that the document has already."""
        blocks = [
            {"id": "start", "type": "starter", "name": "Begin", "position": {"x": 0, "y": 400}, "config": {}},
            {"id": "b", "type": "code", "name": "Work", "position": {"x": 300, "y": 400}},
        ]
        put_on_clipboard(json.dumps({"blocks": blocks, "edges": [{"id": "e", "source": "start", "target": "b"}]}))

        commands.paste()

        begin, work = added()
        assert (begin.name, work.name) == ("Begin", "Work")
        assert (begin.id, work.id) != ("start", "b")
        assert (begin.id, work.id) in ends(workspace)
        assert work.x - begin.x == 300
        assert_one_step()

    def test_paste_takes_a_whole_workflow(self, commands, workspace, before, added, assert_one_step):
        """The text of a workflow file adds its blocks and leaves the document's own name alone."""
        put_on_clipboard(files.encode(edits.set_name(before, "Another")).decode())

        commands.paste()

        assert len(added()) == len(before.blocks)
        assert len(workspace.workflow.edges) == 2 * len(before.edges)
        assert workspace.workflow.name == before.name
        assert_one_step()

    @pytest.mark.parametrize("text", RUBBISH)
    def test_pasting_rubbish_says_so(self, commands, workspace, before, canvas, text):
        """The person is told that there are no blocks; nothing changes."""
        told = heard(canvas.message)
        put_on_clipboard(text)

        commands.paste()

        assert len(told) == 1
        assert "clipboard" in told[0][0]
        assert workspace.workflow is before

    def test_cut_copies_and_deletes(self, commands, workspace, added, assert_one_step):
        """One step takes the block away, and it can be put back with its name."""
        workspace.select(["lone"])

        commands.cut()

        assert "lone" not in workspace.workflow.blocks
        commands.paste()
        (back,) = added()
        assert back.name == "Lone"
        workspace.undo()
        assert_one_step()

    def test_duplicate_leaves_the_clipboard_alone(self, commands, workspace, added, assert_one_step):
        """Copies lie a little beside, selected, and wired among themselves."""
        put_on_clipboard("mine")
        workspace.select(["fetch", "out"])

        commands.duplicate()

        fetch, out = added()
        assert (fetch.x, fetch.y) == (304 + 2 * GRID, 2 * GRID)
        assert (fetch.id, out.id) in ends(workspace)
        assert workspace.selection.blocks == {fetch.id, out.id}
        assert clipboard() == "mine"
        assert workspace.undo_label == "Duplicate 2 blocks"
        assert_one_step()

    def test_select_all(self, commands, workspace, before):
        """Every block is selected, and that is no step."""
        commands.select_all()

        assert workspace.selection.blocks == set(before.blocks)
        assert workspace.undo_label is None


class TestTogglingAndConnecting:
    def test_toggle_turns_off_and_on(self, commands, workspace, canvas):
        """All on or mixed turns all off; all off turns all on."""
        workspace.edit("Off", edits.set_enabled, ["lone"], False)
        workspace.select(["fetch", "lone"])

        commands.toggle_enabled()
        assert not any(workspace.workflow.block(block_id).enabled for block_id in ("fetch", "lone"))
        assert workspace.undo_label == "Turn off 2 blocks"
        commands.toggle_enabled()

        assert all(workspace.workflow.block(block_id).enabled for block_id in ("fetch", "lone"))
        workspace.undo()
        workspace.undo()
        assert workspace.workflow.block("fetch").enabled
        assert not workspace.workflow.block("lone").enabled

    @pytest.mark.parametrize("order", [("start", "lone"), ("lone", "start")])
    def test_two_selected_blocks_are_connected(self, commands, workspace, assert_one_step, order):
        """From the left one to the right one, in whatever order they were selected."""
        workspace.select(order)

        commands.connect_selected()

        assert ("start", "lone") in ends(workspace)
        assert workspace.undo_label == "Connect"
        assert_one_step()

    @pytest.mark.parametrize(
        ("selected", "words"),
        [(("start", "fetch"), "already"), (("fetch", "behind"), "circle"), (("out", "last"), "ends the workflow")],
    )
    def test_a_refused_connect_says_why(self, commands, workspace, canvas, selected, words):
        """The sentence is the one that a drag would show; nothing changes."""
        behind, last = Block("behind", "code", "Behind", 400, 400), Block("last", "code", "Last", 900, 0)
        workspace.edit("Add", edits.add_blocks, [behind, last], [Edge("back", "behind", "fetch")])
        told, refused_on = heard(canvas.message), workspace.workflow
        workspace.select(selected)

        commands.connect_selected()

        assert len(told) == 1
        assert words in told[0][0]
        assert workspace.workflow is refused_on

    def test_connect_takes_the_first_free_output(self, commands, workspace):
        """Of several outputs the one without a wire is used, with its route."""
        ask, yes = Block("ask", "condition", "Ask", 0, 400), Block("yes", "code", "Yes", 304, 400)
        wired = Edge("wired", "ask", "lone", "if", None, "if")
        workspace.edit("Add", edits.add_blocks, [ask, yes], [wired])
        workspace.select(["ask", "yes"])

        commands.connect_selected()

        (edge,) = [edge for edge in workspace.workflow.edges.values() if edge.target == "yes"]
        assert (edge.source_handle, edge.condition) == ("else", "else")


class TestKeys:
    def test_ctrl_and_arrows_nudge_in_one_step(self, hand, workspace, assert_one_step):
        """Each press moves the selected blocks by one line of the grid; a row of presses is one step."""
        workspace.select(["lone", "fetch"])

        hand.key(Qt.Key.Key_Right, CTRL).key(Qt.Key.Key_Right, CTRL).key(Qt.Key.Key_Down, CTRL)

        assert place(workspace, "lone") == (304 + 2 * GRID, 256 + GRID)
        assert place(workspace, "fetch") == (304 + 2 * GRID, GRID)
        assert workspace.undo_label == "Move 2 blocks"
        assert_one_step()

    def test_nudges_of_different_blocks_are_different_steps(self, hand, workspace):
        """What was moved first stays moved when the second nudge is undone."""
        workspace.select(["lone"])
        hand.key(Qt.Key.Key_Right, CTRL)
        workspace.select(["out"])
        hand.key(Qt.Key.Key_Right, CTRL)

        workspace.undo()

        assert place(workspace, "out") == (608, 0)
        assert place(workspace, "lone") == (304 + GRID, 256)

    def test_arrows_walk_along_the_wires(self, hand, workspace, before):
        """Right follows the flow, left goes back, down finds what lies below."""
        workspace.select(["start"])
        visited = []
        for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_Down):
            hand.key(key)
            visited.append(workspace.selection.only_block)

        assert visited == ["fetch", "out", "fetch", "lone"]
        assert workspace.workflow is before

    def test_shift_and_arrows_select_more(self, hand, workspace):
        """Walking with Shift keeps what is selected, and goes on from the block reached last."""
        workspace.select(["start"])

        hand.key(Qt.Key.Key_Right, SHIFT).key(Qt.Key.Key_Right, SHIFT)

        assert workspace.selection.blocks == {"start", "fetch", "out"}

    def test_an_arrow_begins_somewhere(self, hand, workspace):
        """With nothing selected the first arrow selects a block."""
        hand.key(Qt.Key.Key_Right)

        assert workspace.selection.only_block is not None

    def test_walking_brings_the_block_into_view(self, hand, workspace, canvas):
        """What an arrow selects can be seen."""
        workspace.edit("Move", edits.place_blocks, {"out": (5_000, 3_000)})
        workspace.select(["fetch"])

        hand.key(Qt.Key.Key_Right)

        card, shown = canvas.columns.card(canvas.columns.row_of["out"]), canvas.camera.shown()
        assert shown.left <= card.left < card.right <= shown.right
        assert shown.top <= card.top < card.bottom <= shown.bottom

    @pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Enter])
    def test_enter_asks_to_open(self, hand, workspace, canvas, key):
        """Enter wants the settings of the one selected block; of several, nothing."""
        asked = heard(canvas.open_requested)

        workspace.select(["fetch", "out"])
        hand.key(key)
        workspace.select(["fetch"])
        hand.key(key)

        assert asked == [("fetch",)]

    def test_escape_selects_nothing(self, hand, workspace):
        """With no gesture to give up, Escape clears the selection."""
        workspace.select(["fetch"])

        hand.key(Qt.Key.Key_Escape)

        assert not workspace.selection

    def test_a_letter_asks_for_a_block_with_that_text(self, hand, canvas, before, workspace):
        """Typing is the beginning of a search."""
        asked = heard(canvas.quick_add_requested)

        hand.key("c")

        assert [request.text for (request,) in asked] == ["c"]
        assert workspace.workflow is before

    def test_a_letter_with_a_selection_asks_nothing(self, hand, canvas, workspace):
        """While something is selected a slip on the keyboard opens nothing."""
        asked = heard(canvas.quick_add_requested)
        workspace.select(["fetch"])

        hand.key("c")

        assert asked == []

    @pytest.mark.parametrize("key", [Qt.Key.Key_Tab, Qt.Key.Key_Space])
    def test_tab_and_space_ask_for_the_next_block(self, hand, canvas, workspace, key):
        """With a block selected, the request is for one after it; the keyboard stays with the canvas."""
        asked = heard(canvas.quick_add_requested)

        hand.key(key)
        workspace.select(["lone"])
        hand.key(key)

        assert [(request.beside, request.text) for (request,) in asked] == [("", ""), ("lone", "")]
        assert canvas.hasFocus()

    def test_with_a_wire_selected_the_request_is_for_a_block_in_it(self, hand, canvas, workspace):
        """Tab on a selected wire names the wire."""
        asked = heard(canvas.quick_add_requested)
        workspace.select((), ["second"])

        hand.key(Qt.Key.Key_Tab)

        assert asked[0][0].edge_id == "second"


class TestRenaming:
    @pytest.fixture
    def field(self, canvas):
        """The text field over a title."""
        return canvas.findChild(QLineEdit)

    def test_a_new_name_is_taken_into_every_reference(self, canvas, workspace, field, assert_one_step):
        """Enter renames, rewrites what refers to the block, and says how many places that were."""
        told = heard(canvas.message)
        workspace.select(["fetch"])

        canvas.rename_selected()
        assert field.isVisible()
        assert field.selectedText() == "Fetch"
        QTest.keyClicks(field, "Get page")
        QTest.keyClick(field, Qt.Key.Key_Return)

        assert workspace.workflow.block("fetch").name == "Get page"
        assert workspace.workflow.block("out").config == {"output": "<Get page.output>"}
        assert told == [("Renamed; 1 reference updated",)]
        assert not field.isVisible()
        assert canvas.hasFocus()
        assert_one_step()

    def test_a_double_click_on_the_title_renames(self, hand, canvas, workspace, field, assert_one_step):
        """The name is edited where it stands; code that used the old name uses the new one."""
        opened = heard(canvas.open_requested)

        hand.double_click(hand.title("start"))
        assert field.isVisible()
        QTest.keyClicks(field, "Begin")
        QTest.keyClick(field, Qt.Key.Key_Return)

        assert workspace.workflow.block("start").name == "Begin"
        assert workspace.workflow.block("fetch").config == {"code": 'output = input_data["Begin"]["output"]'}
        assert opened == []
        assert_one_step()

    def test_a_double_click_below_the_title_asks_to_open(self, hand, canvas, field):
        """The rest of the card opens the block's settings."""
        opened = heard(canvas.open_requested)

        hand.double_click("fetch")

        assert opened == [("fetch",)]
        assert not field.isVisible()

    def test_escape_keeps_the_name(self, canvas, workspace, before, field):
        """What was typed is given up, and the canvas has the keyboard again."""
        told = heard(canvas.message)
        workspace.select(["fetch"])
        canvas.rename_selected()

        QTest.keyClicks(field, "Never")
        QTest.keyClick(field, Qt.Key.Key_Escape)

        assert workspace.workflow is before
        assert not field.isVisible()
        assert canvas.hasFocus()
        assert workspace.selection.blocks == {"fetch"}
        assert told == []

    @pytest.mark.parametrize("text", ["Fetch", " ", ""])
    def test_the_same_name_or_none_is_no_step(self, canvas, workspace, before, field, text):
        """A block keeps its name when nothing else was typed."""
        workspace.select(["fetch"])
        canvas.rename_selected()

        QTest.keyClick(field, Qt.Key.Key_Backspace)
        QTest.keyClicks(field, text)
        QTest.keyClick(field, Qt.Key.Key_Return)

        assert workspace.workflow is before

    def test_going_elsewhere_takes_the_name(self, hand, canvas, workspace, field):
        """A click beside the field is as good as Enter."""
        workspace.select(["lone"])
        canvas.rename_selected()

        QTest.keyClicks(field, "Sum")
        hand.click((100, 200))

        assert workspace.workflow.block("lone").name == "Sum"
        assert not field.isVisible()

    def test_only_one_block_can_be_renamed(self, canvas, workspace, field):
        """With none or several selected no field opens."""
        workspace.select(["fetch", "out"])

        canvas.rename_selected()

        assert not field.isVisible()


class TestAdding:
    def request(self, x=0.0, y=400.0, **more):
        return QuickAddRequest(x, y, QPoint(), **more)

    @pytest.mark.parametrize(
        ("wish", "fits", "refused"),
        [
            ({}, {"starter", "code", "response"}, set()),
            ({"source": ("lone", "")}, {"code", "response"}, {"starter", "webhook"}),
            ({"target": ("lone", "")}, {"code", "starter"}, {"response"}),
            ({"edge_id": "second"}, {"code", "condition"}, {"starter", "response"}),
        ],
    )
    def test_only_what_can_be_wired_is_offered(self, commands, wish, fits, refused):
        """Nothing comes before a starter or after a response, and neither stands in a wire."""
        request = self.request(**wish)

        assert {kind for kind in fits | refused if commands.accepts(request, kind)} == fits
        assert not commands.accepts(request, "no such type")

    def test_a_block_after_an_output(self, commands, workspace, canvas, added, assert_one_step):
        """It is wired to the output, its input where the wire was dropped, and selected."""
        commands.add(self.request(640, 300, source=("lone", "")), "code")

        (fresh,) = added()
        assert ("lone", fresh.id) in ends(workspace)
        assert abs(fresh.x - 640) <= GRID / 2
        assert abs(fresh.y + 30 - 300) <= GRID / 2
        assert workspace.selection.blocks == {fresh.id}
        assert overlaps(canvas) == set()
        assert_one_step()

    def test_a_block_before_an_input(self, commands, workspace, canvas, added, assert_one_step):
        """It is wired to the input, its output where the wire was dropped."""
        commands.add(self.request(200, 300, target=("lone", "")), "agent")

        (fresh,) = added()
        assert (fresh.id, "lone") in ends(workspace)
        assert abs(fresh.x + WIDTH - 200) <= GRID / 2
        assert overlaps(canvas) == set()
        assert_one_step()

    def test_a_block_into_a_wire(self, commands, workspace, canvas, added, assert_one_step):
        """The wire goes through it, and what follows makes room."""
        commands.add(self.request(580, 30, edge_id="second"), "condition")

        (fresh,) = added()
        assert ends(workspace) == {("start", "fetch"), ("fetch", fresh.id), (fresh.id, "out")}
        assert workspace.workflow.edge("second").target == fresh.id
        assert overlaps(canvas) == set()
        assert_one_step()

    def test_a_block_beside_another(self, commands, workspace, canvas, added, assert_one_step):
        """It lies to the right of the block, wired after it, where no other is in the way."""
        commands.add(self.request(beside="fetch"), "code")

        (fresh,) = added()
        assert ("fetch", fresh.id) in ends(workspace)
        assert fresh.x >= 304 + WIDTH
        assert overlaps(canvas) == set()
        assert_one_step()

    @pytest.mark.parametrize("at", [(0.0, 0.0), (420.0, 40.0), (424.0, 280.0)])
    def test_a_block_nowhere_in_particular_finds_a_free_place(self, commands, canvas, added, at):
        """Asked for on top of another block, it lies below it."""
        commands.add(self.request(*at), "code")

        (fresh,) = added()
        assert overlaps(canvas) == set()
        assert fresh.x % GRID == fresh.y % GRID == 0

    def test_a_block_wished_for_at_a_route_is_wired_to_that_route(self, commands, workspace, added):
        """The wire leaves from the port that was dragged, not from the first one."""
        workspace.edit("Add", edits.add_blocks, [Block("ask", "condition", "Ask", 0, 500)])

        commands.add(self.request(400, 500, source=("ask", "else")), "code")

        (edge,) = workspace.workflow.edges_from("ask")
        assert (edge.source_handle, edge.condition) == ("else", "else")

    def test_adding_again_and_again_makes_a_chain(self, commands, workspace, canvas, added):
        """Each block follows the one added before, to the right; each is a step of its own."""
        workspace.select(["lone"])

        for _ in range(3):
            commands.add_beside("code")

        one, two, three = added()
        assert {("lone", one.id), (one.id, two.id), (two.id, three.id)} <= ends(workspace)
        assert 304 < one.x < two.x < three.x
        assert overlaps(canvas) == set()
        assert len({block.name for block in workspace.workflow.blocks.values()}) == 7
        workspace.undo()
        assert added() == [one, two]

    def test_adding_beside_a_response_wires_nothing(self, commands, workspace, canvas, added):
        """Where no wire may be drawn the block is added without one."""
        workspace.select(["out"])

        commands.add_beside("code")

        assert len(added()) == 1
        assert len(workspace.workflow.edges) == 2
        assert overlaps(canvas) == set()

    def test_adding_with_a_wire_selected_puts_it_in(self, commands, workspace, added):
        """The block goes into the selected wire."""
        workspace.select((), ["first"])

        commands.add_beside("agent")

        (fresh,) = added()
        assert {("start", fresh.id), (fresh.id, "fetch")} <= ends(workspace)

    def test_adding_without_a_selection_is_seen(self, commands, workspace, canvas, added):
        """The block comes to the part that is in view, without a wire."""
        canvas.set_camera(canvas.camera.panned(-4_000, -4_000))

        commands.add_beside("code")

        (fresh,) = added()
        card, shown = canvas.columns.card(canvas.columns.row_of[fresh.id]), canvas.camera.shown()
        assert shown.left <= card.left < card.right <= shown.right
        assert shown.top <= card.top < card.bottom <= shown.bottom
        assert len(workspace.workflow.edges) == 2


class TestPictures:
    def test_the_image_shows_the_whole_graph(self, canvas, theme):
        """Every card is painted, wherever the view is, at the wished number of pixels per scene unit."""
        canvas.set_camera(canvas.camera.zoomed(4.0, 0, 0).panned(9_000, 9_000))

        image = canvas.render_document(ratio=2.0)

        bounds, background = canvas.columns.bounds(), QColor(theme.colors.canvas)
        margin = (image.width() / 2 - bounds.width) / 2
        assert margin >= 0
        assert abs(image.height() / 2 - bounds.height - 2 * margin) <= 2
        for left, top, _, _ in canvas.columns.boxes().tolist():
            x, y = left - bounds.left + margin, top - bounds.top + margin
            inner = {image.pixelColor(round((x + dx) * 2), round((y + 30) * 2)).rgb() for dx in range(8, 60, 2)}
            assert inner != {background.rgb()}

    def test_the_image_does_not_depend_on_the_view(self, canvas):
        """Zoom and place of the view change nothing in it."""
        first = canvas.render_document(ratio=1.0)

        canvas.set_camera(canvas.camera.zoomed(0.1, 0, 0))

        assert canvas.render_document(ratio=1.0) == first

    def test_a_huge_graph_makes_an_image_of_bearable_size(self, canvas, workspace):
        """No side is longer than 12,000 pixels."""
        workspace.edit("Move", edits.place_blocks, {"out": (100_000, 0)})

        image = canvas.render_document(ratio=2.0)

        assert not image.isNull()
        assert max(image.width(), image.height()) <= 12_001

    def test_an_empty_document_has_an_image(self, canvas, workspace):
        """Nothing but the canvas, but no error."""
        workspace.edit("Clear", edits.remove, list(workspace.workflow.blocks))

        assert not canvas.render_document().isNull()


class TestOverview:
    @pytest.fixture
    def minimap(self, canvas, theme):
        """The overview in the canvas' corner."""
        return Minimap(canvas, theme)

    def test_it_hides_while_all_is_in_view(self, canvas, minimap):
        """It appears when a part of the graph goes out of view, and goes when all is back."""
        assert minimap.isHidden()

        near = canvas.camera
        canvas.set_camera(near.panned(-400, 0))
        assert minimap.isVisible()
        canvas.set_camera(near)

        assert minimap.isHidden()

    def test_it_follows_the_document(self, canvas, workspace, minimap):
        """A block that goes out of view brings it up; undo sends it away."""
        workspace.edit("Move", edits.place_blocks, {"lone": (5_000, 5_000)})
        assert minimap.isVisible()

        workspace.undo()

        assert minimap.isHidden()

    def test_it_stays_away_when_it_is_not_wanted(self, canvas, minimap):
        """Turned off it is never shown; turned on it is when there is more than is seen."""
        minimap.set_wanted(False)
        canvas.set_camera(canvas.camera.panned(-400, 0))
        assert minimap.isHidden()

        minimap.set_wanted(True)

        assert minimap.isVisible()
