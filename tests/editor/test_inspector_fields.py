"""The editors of single fields: what they show, what they make of typing, what they keep."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QVBoxLayout, QWidget

from editor.panels.forms.base import FormContext
from editor.panels.forms.code_edit import CodeEdit, matching_brackets
from editor.panels.forms.completion import typed_reference
from editor.panels.forms.factory import make_editor
from editor.panels.forms.plain_edit import PlainEdit
from editor.panels.forms.retry_field import RetryField
from editor.panels.forms.source_fields import JsonField, json_text, read_json
from editor.theme import Theme
from engine import Field, Suggestion, default_catalog, edits

SUGGESTIONS = (
    Suggestion("<Start.output>", "Start · output", "object"),
    Suggestion("<Agent.output>", "Agent · output", "text"),
    Suggestion("{{variables.city}}", "city", "variable"),
)


@pytest.fixture
def theme(qapp):
    theme = Theme("light")
    theme.apply(qapp)
    return theme


@pytest.fixture
def context(theme):
    return FormContext(theme, lambda: SUGGESTIONS)


@pytest.fixture
def make(qtbot, context):
    """An editor for a field of this kind, shown, and the values it emitted."""
    windows = []

    def make_one(kind: str, **more):
        window = QWidget()
        windows.append(window)
        qtbot.addWidget(window)
        layout = QVBoxLayout(window)
        editor = make_editor(Field("key", "Label", kind, **more), context, window)
        layout.addWidget(editor)
        window.resize(320, 400)
        with qtbot.waitActive(window):
            window.show()
            window.activateWindow()
        values: list = []
        editor.edited.connect(values.append)
        return editor, values

    return make_one


# --- text and completion --------------------------------------------------------------------------------------------


def test_the_list_opens_on_an_angle_and_enter_inserts(make):
    """`<` offers what can be referred to; letters filter it; Enter puts the reference in."""
    editor, values = make("text")
    editor.edit.setFocus()

    QTest.keyClicks(editor.edit, "See <ag")
    offered = [editor.popup.completions.completion(editor.popup.completions.index(0)).insert]
    QTest.keyClick(editor.edit, Qt.Key.Key_Return)

    assert offered == ["<Agent.output>"]
    assert values[-1] == "See <Agent.output>"
    assert not editor.popup.isVisible()


def test_braces_offer_variables_only(make):
    """`{{` offers run variables, and Tab inserts as Enter does."""
    editor, values = make("long_text")
    editor.edit.setFocus()

    QTest.keyClicks(editor.edit, "{{")
    count = editor.popup.completions.rowCount()
    QTest.keyClick(editor.edit, Qt.Key.Key_Tab)

    assert count == 1
    assert values[-1] == "{{variables.city}}"


def test_escape_closes_the_list_and_it_stays_closed_for_this_reference(make):
    """Escape closes the list; further letters of the same word do not open it again."""
    editor, _ = make("text")
    editor.edit.setFocus()
    QTest.keyClicks(editor.edit, "<")

    QTest.keyClick(editor.edit, Qt.Key.Key_Escape)
    QTest.keyClicks(editor.edit, "a")

    assert not editor.popup.isVisible()


def test_raw_fields_complete_nothing(qtbot, context):
    """A field whose text is source code has no list of references."""
    editor = make_editor(Field("key", "Label", "text"), context, None, raw=True)
    qtbot.addWidget(editor)

    assert not hasattr(editor, "popup")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a <", (2, "")),
        ("a <Agent 1.ou", (2, "Agent 1.ou")),
        ("{{ var", (0, "var")),
        ("a < 5", None),
        ("<Agent.output> x", None),
        ("plain", None),
    ],
)
def test_only_an_unfinished_reference_opens_the_list(text, found):
    """A comparison sign with a space, a finished reference and plain text open nothing."""
    assert typed_reference(text) == found


def test_references_are_coloured(make, theme):
    """A reference in a text field is shown in its own colour."""
    editor, _ = make("text")
    editor.show_value("a <Agent.output> b")

    formats = editor.edit.document().firstBlock().layout().formats()

    assert [(item.start, item.length) for item in formats] == [(2, 14)]


def test_one_line_stays_one_line(make):
    """Enter makes no new line in a short field, and pasted lines are joined."""
    editor, values = make("text")
    QGuiApplication.clipboard().setText("two\nlines")
    editor.edit.setFocus()

    QTest.keyClick(editor.edit, Qt.Key.Key_Return)
    editor.edit.paste()

    assert values == ["two lines"]


@settings(max_examples=60, deadline=None)
@given(before=st.text(max_size=30), after=st.text(max_size=30))
def test_showing_a_text_gives_that_text(qapp, before, after):
    """Replacing only what differs ends in the new text, whatever both are, with all of Unicode."""
    edit = PlainEdit(lines=(3, 6))
    edit.show_text(before)
    told: list[str] = []
    edit.text_edited.connect(told.append)

    edit.show_text(after)

    plain = PlainEdit(lines=(3, 6))
    plain.setPlainText(after)
    assert edit.toPlainText() == plain.toPlainText()
    assert told == []


# --- numbers, choices, switches, secrets ----------------------------------------------------------------------------


def test_a_number_is_stored_as_a_number_and_empty_takes_the_key_away(make):
    """Digits make an int, a point a float; an emptied field removes the key."""
    editor, values = make("number")
    editor.edit.setFocus()

    QTest.keyClicks(editor.edit, "0.5")
    editor.edit.selectAll()
    QTest.keyClick(editor.edit, Qt.Key.Key_Delete)

    assert values[0] == 0
    assert values[-2] == 0.5
    assert values[-1] is edits.ABSENT


def test_no_number_is_told_and_not_stored(make):
    """Letters in a number field are named, and the document keeps its value."""
    editor, values = make("number")

    QTest.keyClicks(editor.edit, "abc")

    assert values == []
    assert "number" in editor.own_problem


def test_a_number_out_of_range_is_told_with_the_range(make):
    """The range is part of the message."""
    editor, _ = make("number", minimum=0, maximum=2)

    QTest.keyClicks(editor.edit, "7")

    assert editor.own_problem == "This must be 0 to 2."


def test_a_reference_may_stand_for_a_number(make):
    """A reference in a number field is kept as text."""
    editor, values = make("number")

    editor.edit.setText("<Agent.output>")
    editor.edit.textEdited.emit("<Agent.output>")

    assert values == ["<Agent.output>"]


def test_arrow_keys_step_a_number(make):
    """Up adds one step, within the range."""
    editor, values = make("number", step=0.5, maximum=1)
    editor.show_value(0.5)
    editor.edit.setFocus()

    QTest.keyClick(editor.edit, Qt.Key.Key_Up)
    QTest.keyClick(editor.edit, Qt.Key.Key_Up)

    assert values == [1, 1]


def test_a_choice_keeps_a_value_it_does_not_offer(make):
    """A stored value outside the choices is shown as it is, and not replaced by showing it."""
    from engine.blocks._fields import Choice

    editor, values = make("choice", choices=(Choice("a", "First"), Choice("b", "Second")), default="a")

    editor.show_value("zzz")

    assert editor.box.currentText() == "zzz"
    assert values == []


def test_an_absent_choice_shows_the_default(make):
    """Without a value the default is what is shown."""
    from engine.blocks._fields import Choice

    editor, _ = make("choice", choices=(Choice("a", "First"), Choice("b", "Second")), default="b")

    editor.show_value(None)

    assert editor.box.currentText() == "Second"


def test_a_switch_tells_true_and_false(make):
    """Clicking a switch stores real booleans."""
    editor, values = make("switch")

    editor.box.click()
    editor.box.click()

    assert values == [True, False]


def test_the_wheel_over_a_field_without_focus_changes_nothing(make, qapp):
    """Scrolling the panel does not turn a choice that happens to be under the cursor."""
    from PySide6.QtCore import QPoint, QPointF
    from PySide6.QtGui import QWheelEvent

    from engine.blocks._fields import Choice

    editor, values = make("choice", choices=(Choice("a", "First"), Choice("b", "Second")), default="a")
    none = Qt.MouseButton.NoButton
    event = QWheelEvent(
        QPointF(5, 5),
        QPointF(5, 5),
        QPoint(0, -120),
        QPoint(0, -120),
        none,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    editor.box.clearFocus()

    qapp.sendEvent(editor.box, event)

    assert values == []


def test_a_secret_is_hidden_until_asked_for_and_can_be_copied(make):
    """The secret is dots; the eye shows it; the copy button works either way."""
    editor, _ = make("secret")
    editor.show_value("s3cret")

    hidden = editor.edit.displayText()
    editor.copy.click()
    editor.reveal.click()

    assert "s3cret" not in hidden
    assert QGuiApplication.clipboard().text() == "s3cret"
    assert editor.edit.displayText() == "s3cret"


def test_a_model_can_be_chosen_or_typed(make):
    """The models that are offered are in the list, and any other name can be typed."""
    editor, values = make("model")

    editor.box.lineEdit().setFocus()
    QTest.keyClicks(editor.box.lineEdit(), "my-model")

    assert editor.box.count() > 3
    assert values[-1] == "my-model"


# --- rows -----------------------------------------------------------------------------------------------------------


def test_pairs_are_written_in_the_shape_they_were_read(make):
    """An object stays an object, rows stay rows with whatever else they hold."""
    editor, values = make("pairs")
    editor.show_value({"a": "1", "n": 5})
    QTest.keyClicks(editor.rows[0].value.edit, "0")
    editor.show_value([{"id": "r1", "cells": {"Key": "x", "Value": "y", "Note": "z"}}])
    QTest.keyClicks(editor.rows[0].key.edit, "k")

    assert values[0] == {"a": "01", "n": 5}
    assert values[-1] == [{"id": "r1", "cells": {"Key": "kx", "Value": "y", "Note": "z"}}]


def test_an_added_row_counts_once_something_is_typed(make, qapp):
    """An empty row is only on the screen; its first letter stores it; removing it stores that."""
    editor, values = make("pairs")
    editor.show_value([])
    editor.add.click()
    qapp.processEvents()
    row = editor.rows[0]
    before = list(values)

    QTest.keyClicks(row.key.edit, "h")
    editor.show_value(values[-1])
    kept = editor.rows[0] is row
    row.remove.click()

    assert before == []
    assert kept
    assert values == [[{"cells": {"Key": "h", "Value": ""}}], []]


def test_two_variables_of_one_name_are_told_and_not_stored(make):
    """A name that is there already is named; the document keeps what it had."""
    editor, values = make("variables")
    editor.show_value({"a": "1", "b": "2"})
    editor.rows[1].key.edit.selectAll()

    QTest.keyClicks(editor.rows[1].key.edit, "a")

    assert "two variables named “a”" in editor.own_problem
    assert all(set(value) != {"a"} for value in values)


def test_branches_are_named_added_and_removed_at_the_end(make):
    """The first is If, the others Else if; a branch is added and removed at the end, between one and nine."""
    editor, values = make("branches")
    editor.show_value([{"expression": "true == true", "note": "kept"}])

    for _ in range(12):
        editor.add.click()
    full = len(editor.rows)
    words = [row.word.text() for row in editor.rows[:3]]
    editor.remove.click()

    assert full == 9
    assert words == ["If", "Else if", "Else if"]
    assert len(values[-1]) == 8
    assert values[-1][0] == {"expression": "true == true", "note": "kept"}


def test_the_last_branch_cannot_be_removed(make):
    """One branch always stays."""
    editor, _ = make("branches")
    editor.show_value([])

    assert len(editor.rows) == 1
    assert not editor.remove.isEnabled()


def test_retry_writes_only_what_is_set(qtbot, theme):
    """Each part is stored by itself; with none left the key goes."""
    editor = RetryField()
    qtbot.addWidget(editor)
    values: list = []
    editor.edited.connect(values.append)

    QTest.keyClicks(editor.parts["attempts"].edit, "3")
    QTest.keyClick(editor.parts["attempts"].edit, Qt.Key.Key_Backspace)

    assert values == [{"attempts": 3}, edits.ABSENT]


# --- code and JSON --------------------------------------------------------------------------------------------------


@pytest.fixture
def code(qtbot, theme):
    edit = CodeEdit(theme, "python")
    qtbot.addWidget(edit)
    edit.resize(400, 300)
    with qtbot.waitActive(edit):
        edit.show()
        edit.activateWindow()
    edit.setFocus()
    return edit


def test_tab_indents_and_enter_keeps_the_indent(code):
    """Tab is four spaces; a line after a colon is one indent deeper; Backspace takes a whole indent."""
    QTest.keyClicks(code, "if x:")
    QTest.keyClick(code, Qt.Key.Key_Return)
    QTest.keyClicks(code, "y = 1")
    QTest.keyClick(code, Qt.Key.Key_Return)
    QTest.keyClick(code, Qt.Key.Key_Tab)
    QTest.keyClick(code, Qt.Key.Key_Backspace)
    QTest.keyClicks(code, "z")

    assert code.toPlainText() == "if x:\n    y = 1\n    z"


def test_tab_and_backtab_move_selected_lines(code):
    """With a selection Tab indents every line of it and Shift+Tab takes that back."""
    code.setPlainText("a\nb\nc")
    code.selectAll()

    QTest.keyClick(code, Qt.Key.Key_Tab)
    indented = code.toPlainText()
    QTest.keyClick(code, Qt.Key.Key_Backtab)

    assert indented == "    a\n    b\n    c"
    assert code.toPlainText() == "a\nb\nc"


@pytest.mark.parametrize(
    ("text", "place", "pair"),
    [("f(a[1])", 1, (1, 6)), ("f(a[1])", 7, (6, 1)), ("f(a[1])", 3, (3, 5)), ("(", 0, ()), ("abc", 1, ())],
)
def test_matching_brackets_are_found(text, place, pair):
    """The bracket at or before the caret and its partner are found, nested ones passed over."""
    assert matching_brackets(text, place) == pair


def test_colours_follow_an_open_string_over_lines(code, theme):
    """Opening a long string colours the lines after it as string."""
    code.setPlainText('x = """one\ntwo\n"""\ny = 1')

    second = code.document().findBlockByNumber(1).layout().formats()
    last = code.document().findBlockByNumber(3).layout().formats()

    assert second[0].format.foreground().color().name() == theme.colors.code_string
    assert last[-1].format.foreground().color().name() == theme.colors.code_number


def test_longer_code_is_read_as_a_whole_after_a_pause(code, theme, qtbot):
    """In a text too long to be read at each key, a long string opened above colours the lines below soon after."""
    code.setPlainText('x = """one\ntwo\n"""\n' + "y = 1\n" * 2000)

    def color_of_second_line() -> str:
        formats = code.document().findBlockByNumber(1).layout().formats()
        return formats[0].format.foreground().color().name() if formats else ""

    qtbot.waitUntil(lambda: color_of_second_line() == theme.colors.code_string)


def test_very_long_code_stays_plain_and_quick(code, qtbot):
    """Source text beyond the limit is shown without colours."""
    code.setPlainText("x = 1\n" * 20_000)

    assert code.document().firstBlock().layout().formats() == []


def test_invalid_json_is_told_with_its_place_and_kept(qtbot, context):
    """While JSON is broken the text stays, the place is told and nothing is stored."""
    editor = JsonField(context)
    qtbot.addWidget(editor)
    values: list = []
    editor.edited.connect(values.append)
    editor.show_value({"a": 1})

    editor.edit.setPlainText('{\n  "a": 1,\n}')
    editor.show_value({"a": 1})

    assert values == []
    assert editor.own_problem.startswith("Line 3, column 1") or editor.own_problem.startswith("Line 2")
    assert editor.edit.toPlainText() == '{\n  "a": 1,\n}'


def test_json_typed_in_another_layout_stays_as_typed(qtbot, context):
    """Valid JSON is stored, and its spaces and line breaks are not touched under the caret."""
    editor = JsonField(context)
    qtbot.addWidget(editor)
    values: list = []
    editor.edited.connect(values.append)

    editor.edit.setPlainText('{"a":   [1,2]}')
    editor.show_value(values[-1])

    assert values == [{"a": [1, 2]}]
    assert editor.edit.toPlainText() == '{"a":   [1,2]}'


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "{", '{"a" 1}', '"open', "[1,]", "[" * 5000])
def test_what_is_no_json_gets_a_sentence(text):
    """Every broken text gets a message of its own, and no value."""
    value, problem, _ = read_json(text)

    assert value is None
    assert problem


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=80, deadline=None)
@given(JSON)
def test_json_text_reads_back_as_the_same_value(value):
    """What a JSON field shows is what it stores; null is an empty field."""
    read, problem, _ = read_json(json_text(value))

    assert problem == ""
    assert read is edits.ABSENT if value is None else json.dumps(read) == json.dumps(value)


def test_code_is_coloured_in_the_language_of_the_block(qtbot, context):
    """The language is another value of the block; one that nobody knows is shown without colours."""
    code_field = default_catalog().find("code").field("code")
    editor = make_editor(code_field, context, None, raw=True)
    qtbot.addWidget(editor)

    def colours_of(text: str, language: object) -> list[str]:
        editor.show_beside({"language": language})
        editor.show_value(text)
        formats = editor.edit.document().firstBlock().layout().formats()
        return [item.format.foreground().color().name() for item in formats]

    colors = context.theme.colors
    assert colours_of("const a = 1", "javascript")[:1] == [colors.code_keyword]
    assert colours_of("const a = 1", "python") == [colors.code_number]
    assert colours_of("const a = 1", "klingon") == []
    assert colours_of("def a(): pass", None)[:1] == [colors.code_keyword]
