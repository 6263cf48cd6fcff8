"""The inspector: shows what is selected, edits it, names what is wrong beside the field."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from editor.panels.inspector import InspectorPanel
from editor.theme import Theme
from editor.workspace.workspace import Workspace
from engine import Block, Checker, Edge, RunState, Workflow, default_catalog, edits, wiring
from engine.events import BlockFinished, BlockStarted, RunStarted

REFERENCE = "<Start.output>"


def workflow() -> Workflow:
    blocks = [
        Block("start", "starter", "Start", config={"input": {"text": "hello"}}),
        Block("sum", "agent", "Summarizer", config={"input": f"Shorten {REFERENCE}", "model": "local/extractive"}),
        Block("check", "condition", "Check", config={"branches": [{"expression": '<Summarizer.output> == "a"'}]}),
        Block("call", "general_api", "Call", config={"url": "https://a.example", "method": "GET"}),
        Block("code", "code", "Code", config={"code": "output = 1"}),
        Block("odd", "acme_ocr", "Scan", config={"dpi": 300}),
        Block("end", "response", "End", config={"output": "<Summarizer.output>"}),
    ]
    wires = [
        Edge("e1", "start", "sum"),
        Edge("e2", "sum", "check"),
        Edge("e3", "check", "call", "if", None, "if"),
        Edge("e4", "check", "end", "elif_1", None, "elif_1"),
        Edge("e5", "check", "code", "else", None, "else"),
    ]
    return Workflow("Demo", blocks={item.id: item for item in blocks}, edges={item.id: item for item in wires})


@pytest.fixture
def theme(qapp):
    theme = Theme("light")
    theme.apply(qapp)
    return theme


@pytest.fixture
def workspace(qapp):
    return Workspace(default_catalog(), workflow())


@pytest.fixture
def panel(qtbot, workspace, theme):
    panel = InspectorPanel(workspace, theme)
    qtbot.addWidget(panel)
    panel.resize(300, 800)
    with qtbot.waitActive(panel):
        panel.show()
        panel.activateWindow()
    return panel


def config(workspace: Workspace, block_id: str) -> dict:
    return workspace.workflow.block(block_id).config


def type_at_end(edit, text: str) -> None:
    edit.setFocus()
    edit.moveCursor(edit.textCursor().MoveOperation.End)
    QTest.keyClicks(edit, text)


# --- what is shown --------------------------------------------------------------------------------------------------


def test_the_selected_block_is_shown_with_its_values(panel, workspace):
    """Selecting a block shows its name and the values of its config."""
    workspace.select(["sum"])

    assert panel.header.name.text() == "Summarizer"
    assert panel.form.rows["input"].editor.edit.toPlainText() == f"Shorten {REFERENCE}"


def test_nothing_selected_shows_the_workflow(panel, workspace):
    """With an empty selection the workflow's own name is edited, as one step."""
    edit = panel.workflow_page.rows["name"].editor.edit

    type_at_end(edit, "!")
    type_at_end(edit, "?")

    assert workspace.workflow.name == "Demo!?"
    workspace.undo()
    assert workspace.workflow.name == "Demo"


def test_workflow_variables_must_be_an_object(panel, workspace):
    """Text that is no object is kept visible, told with its place, and not stored."""
    row = panel.workflow_page.rows["variables"]

    type_at_end(row.editor.edit, '{"language": ')
    half = row.problem
    type_at_end(row.editor.edit, '"en"}')

    assert half.startswith("Line 1, column")
    assert row.problem == ""
    assert workspace.workflow.variables == {"language": "en"}


def test_an_edge_shows_its_ends_and_its_condition(panel, workspace):
    """A selected edge names both blocks; its condition can be changed."""
    workspace.select([], ["e3"])

    type_at_end(panel.edge_page.condition.editor.edit, "x")

    assert panel.edge_page.source.text() == "Check"
    assert panel.edge_page.target.text() == "Call"
    assert workspace.workflow.edges["e3"].condition == "ifx"


def test_several_blocks_show_their_count_and_a_common_switch(panel, workspace):
    """Several selected blocks are counted, and switched off together as one step."""
    workspace.select(["sum", "check", "call"])

    panel.many_page.enabled.click()

    assert panel.many_page.title.text() == "3 blocks selected"
    assert not any(workspace.workflow.block(block_id).enabled for block_id in ("sum", "check", "call"))
    workspace.undo()
    assert workspace.workflow.block("sum").enabled


def test_an_unknown_type_shows_its_json_read_only(panel, workspace):
    """A block of a type nobody knows is shown as it is stored, in words and unchanged."""
    workspace.select(["odd"])

    assert panel.unknown.isVisible()
    assert '"dpi": 300' in panel.unknown.text.toPlainText()
    assert panel.unknown.text.isReadOnly()
    assert "acme_ocr" in panel.unknown.words.text()


@pytest.mark.parametrize("name", sorted(item.type for item in default_catalog()))
def test_every_block_type_has_a_form_that_shows_and_edits_nothing_by_itself(panel, workspace, name):
    """Showing a fresh block of any type, switching the theme and refreshing make no edit."""
    block = workspace.catalog.new_block(name, [])
    workspace.replace(Workflow(blocks={block.id: block}))
    before = workspace.workflow

    workspace.select([block.id])
    panel.refresh()
    panel.grab()

    assert workspace.workflow is before
    assert workspace.undo_label is None


@pytest.mark.parametrize("name", sorted(item.type for item in default_catalog()))
def test_no_text_is_cut_at_the_least_width(panel, workspace, name, qapp):
    """At 280 pixels every label that does not wrap or elide itself has room for its text."""
    block = workspace.catalog.new_block(name, [])
    workspace.replace(Workflow(blocks={block.id: block}))
    panel.resize(280, 800)
    workspace.select([block.id])
    panel.form.more.set_open(True)
    qapp.processEvents()

    labels = [label for label in panel.findChildren(QLabel) if label.isVisible() and label.text()]
    cut = [label.text() for label in labels if not label.wordWrap() and label.width() < label.sizeHint().width() - 1]

    assert cut == []
    assert panel.scroller.widget().width() <= panel.scroller.viewport().width()


def test_labels_show_markup_as_plain_text(panel, workspace):
    """No label of the inspector reads markup from a document."""
    workspace.edit("Rename", wiring.rename, workspace.catalog, "odd", "<b>x</b>")
    workspace.select(["odd"])

    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in panel.findChildren(QLabel))


# --- typing, undo ---------------------------------------------------------------------------------------------------


def test_typing_in_a_field_is_one_undo_step(panel, workspace):
    """Some keystrokes in one field are taken back together."""
    workspace.select(["sum"])
    edit = panel.form.rows["input"].editor.edit

    type_at_end(edit, " now please")
    typed = config(workspace, "sum")["input"]
    workspace.undo()

    assert typed == f"Shorten {REFERENCE} now please"
    assert config(workspace, "sum")["input"] == f"Shorten {REFERENCE}"
    assert edit.toPlainText() == f"Shorten {REFERENCE}"


def test_leaving_the_field_ends_the_step(panel, workspace):
    """What is typed before and after the caret left the field are two steps."""
    workspace.select(["sum"])
    edit = panel.form.rows["input"].editor.edit
    type_at_end(edit, " a")
    panel.form.rows["system_prompt"].editor.edit.setFocus()

    type_at_end(edit, " b")
    workspace.undo()

    assert config(workspace, "sum")["input"] == f"Shorten {REFERENCE} a"


def test_undo_with_the_caret_in_the_field_keeps_the_caret_near(panel, workspace):
    """Undo changes the text under the caret without throwing the caret to an end."""
    workspace.select(["sum"])
    edit = panel.form.rows["input"].editor.edit
    edit.setFocus()
    cursor = edit.textCursor()
    cursor.setPosition(3)
    edit.setTextCursor(cursor)
    QTest.keyClicks(edit, "XY")

    workspace.undo()

    assert edit.toPlainText() == f"Shorten {REFERENCE}"
    assert edit.textCursor().position() == 3


def test_undo_keys_are_left_to_the_window(panel, workspace):
    """Ctrl+Z in a field is not taken by the field: it has no history of its own."""
    workspace.select(["sum"])
    edit = panel.form.rows["input"].editor.edit
    type_at_end(edit, "abc")

    QTest.keyClick(edit, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)

    assert edit.toPlainText().endswith("abc")
    assert not edit.isUndoRedoEnabled()


def test_a_change_from_elsewhere_shows_and_is_no_edit(panel, workspace):
    """A value that is changed by another part of the editor appears in the field and makes no second step."""
    workspace.select(["sum"])
    workspace.edit("Elsewhere", edits.configure, "sum", "input", "new text")

    assert panel.form.rows["input"].editor.edit.toPlainText() == "new text"
    assert workspace.undo_label == "Elsewhere"


def test_what_could_not_be_stored_stays_with_its_own_block(panel, workspace, qapp):
    """Half-typed values of one block are not seen in the next block of the same type."""
    workspace.edit("Add", edits.add_blocks, [Block("call2", "general_api", "Call 2", config={"url": "x"})])
    workspace.select(["call"])
    panel.form.more.set_open(True)
    number = panel.form.rows["timeout"].editor
    number.edit.setFocus()
    QTest.keyClicks(number.edit, "abc")

    workspace.edit("Elsewhere", edits.configure, "sum", "input", "x")
    kept = number.edit.text()
    workspace.select(["call2"])

    assert kept.endswith("abc")
    assert "abc" not in number.edit.text()
    assert panel.form.rows["timeout"].problem == ""


def test_another_document_with_the_same_ids_starts_clean(panel, workspace):
    """Opening another workflow drops what was typed and could not be stored."""
    row = panel.workflow_page.rows["variables"]
    type_at_end(row.editor.edit, "{")

    workspace.replace(workflow())

    assert row.editor.edit.toPlainText() == ""
    assert row.problem == ""


# --- name and switch ------------------------------------------------------------------------------------------------


def rename_to(panel, name: str) -> None:
    panel.header.focus_name()
    QTest.keyClicks(panel.header.name, name)


def test_enter_renames_with_all_references_in_one_step(panel, workspace, qtbot):
    """A new name and the references to it change together, and the number of references is told."""
    workspace.select(["sum"])
    rename_to(panel, "Writer")

    with qtbot.waitSignal(panel.message) as told:
        QTest.keyClick(panel.header.name, Qt.Key.Key_Return)

    assert workspace.workflow.block("sum").name == "Writer"
    assert config(workspace, "end")["output"] == "<Writer.output>"
    assert told.args == ["Renamed; 2 references updated"]
    workspace.undo()
    assert config(workspace, "end")["output"] == "<Summarizer.output>"


def test_a_taken_name_is_refused_beside_the_field(panel, workspace):
    """A name another block has is named as such while it is typed, and not given."""
    workspace.select(["sum"])
    rename_to(panel, "Start")
    said = panel.header.name_message.text()

    QTest.keyClick(panel.header.name, Qt.Key.Key_Return)

    assert "Start" in said
    assert workspace.workflow.block("sum").name == "Summarizer"
    assert panel.header.name.text() == "Summarizer"


def test_escape_gives_a_name_up(panel, workspace):
    """Escape while a name is typed brings the old one back."""
    workspace.select(["sum"])
    rename_to(panel, "Other")

    QTest.keyClick(panel.header.name, Qt.Key.Key_Escape)

    assert panel.header.name.text() == "Summarizer"
    assert workspace.undo_label is None


def test_selecting_another_block_keeps_the_typed_name_for_the_first(panel, workspace):
    """A name that was typed but not confirmed counts for its own block, not for the one selected next."""
    workspace.select(["sum"])
    rename_to(panel, "Writer")

    workspace.select(["call"])

    assert workspace.workflow.block("sum").name == "Writer"
    assert workspace.workflow.block("call").name == "Call"


def test_the_switch_disables_the_block(panel, workspace):
    """The switch in the head takes the block out of runs, as one step."""
    workspace.select(["sum"])

    panel.header.enabled.click()

    assert not workspace.workflow.block("sum").enabled
    assert workspace.undo_label == "Disable block"


# --- problems -------------------------------------------------------------------------------------------------------


def test_a_problem_of_the_document_stands_beside_its_field(panel, workspace):
    """What the check says of a field is shown with that field, and goes when it is right again."""
    workspace.edit("Empty", edits.configure, "call", "url", "")
    workspace.select(["call"])
    workspace.set_problems(Checker(workspace.catalog).problems(workspace.workflow))
    row = panel.form.rows["url"]
    said = row.problem

    workspace.edit("Fill", edits.configure, "call", "url", "https://a.example")
    workspace.set_problems(Checker(workspace.catalog).problems(workspace.workflow))

    assert said
    assert row.problem == ""


def test_a_broken_branch_tells_its_own_error(panel, workspace):
    """A condition that does not parse is marked in its own row while it is typed."""
    workspace.select(["check"])
    row = panel.form.rows["branches"].editor.rows[0]

    type_at_end(row.editor.edit, " and (")

    assert row.message.isVisible()
    assert row.editor.edit.property("invalid") == "true"


# --- input section --------------------------------------------------------------------------------------------------


def run_of(workspace: Workspace) -> RunState:
    run = RunState()
    run.fold(RunStarted(1, 0.0, run_id="r", blocks=("start", "sum")))
    run.fold(BlockStarted(2, 0.0, block_id="sum"))
    run.fold(BlockFinished(3, 1.0, block_id="sum", result={"output": "short text", "model": "m"}))
    return run


def test_upstream_outputs_are_listed_with_their_last_values(panel, workspace, qapp):
    """The outputs of blocks before are offered, and show what they were in the run."""
    workspace.set_run(run_of(workspace))
    workspace.select(["check"])
    qapp.processEvents()

    rows = {row.reference: row for row in panel.inputs.rows}

    assert rows["<Summarizer.output>"].value.accessibleName() == "short text"


def test_a_chip_goes_to_the_caret(panel, workspace, qapp):
    """A click on a chip puts its reference where the caret is."""
    workspace.select(["sum"])
    qapp.processEvents()
    edit = panel.form.rows["system_prompt"].editor.edit
    edit.setFocus()

    panel.inputs.rows[0].chip.click()

    assert config(workspace, "sum")["system_prompt"] == panel.inputs.rows[0].reference


def test_a_chip_becomes_python_in_code(panel, workspace, qapp):
    """Code is never resolved, so a chip writes there how code gets at the value."""
    workspace.select(["code"])
    qapp.processEvents()
    edit = panel.form.rows["code"].editor.edit
    edit.selectAll()
    edit.setFocus()
    row = next(row for row in panel.inputs.rows if row.reference == "<Summarizer.output>")

    row.chip.click()

    assert config(workspace, "code")["code"] == 'input_data["Summarizer"]["output"]'


def test_a_chip_is_copied_when_no_field_has_the_caret(panel, workspace, qapp, qtbot):
    """Without a caret in a field the reference goes to the clipboard, and that is said."""
    workspace.select(["sum"])
    qapp.processEvents()
    panel.header.enabled.setFocus()

    with qtbot.waitSignal(panel.message) as told:
        panel.inputs.rows[0].chip.click()

    assert QGuiApplication.clipboard().text() == panel.inputs.rows[0].reference
    assert told.args[0].startswith("Copied")


def test_focus_first_field_and_escape_make_a_loop(panel, workspace, qtbot):
    """Enter on a block leads to its first field, Escape in the field asks to go back."""
    workspace.select(["sum"])
    panel.focus_first_field()
    edit = panel.form.rows["input"].editor.edit

    assert edit.hasFocus()
    with qtbot.waitSignal(panel.leave_requested):
        QTest.keyClick(edit, Qt.Key.Key_Escape)


def test_another_language_swaps_the_untouched_template(qtbot, workspace, theme):
    """Choosing JavaScript in the form changes the code nobody has touched, in one step of undo."""
    catalog = workspace.catalog
    block = catalog.new_block("code", ())
    workspace.edit("Add", lambda now: now.with_blocks([block]))
    panel = InspectorPanel(workspace, theme)
    qtbot.addWidget(panel)
    workspace.select([block.id])
    row = panel.form.rows["language"]

    row.editor.tell("javascript")

    assert workspace.workflow.block(block.id).config["code"].startswith("// input_data")
    assert panel.form.rows["code"].editor.edit.toPlainText().startswith("// input_data")
    workspace.undo()
    assert workspace.workflow.block(block.id).config == block.config
