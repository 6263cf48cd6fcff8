"""An answer's schema as a list of named values, or as JSON where it says more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtTest import QTest

from editor.panels.forms.base import FormContext
from editor.panels.forms.schema_field import KINDS, SchemaField, rows_of, schema_of
from editor.theme import Theme
from engine import edits

SIMPLE = {
    "type": "object",
    "properties": {"summary": {"type": "string"}, "urgent": {"type": "boolean"}},
    "required": ["summary", "urgent"],
    "additionalProperties": False,
}
RICH = {"type": "object", "properties": {"n": {"type": "number", "minimum": 0}}}
names = st.text("abcé _-1", min_size=1, max_size=6)


@pytest.fixture
def field(qtbot):
    theme = Theme("light")
    shown = SchemaField(FormContext(theme, lambda: ()))
    shown.keep = theme
    qtbot.addWidget(shown)
    shown.told = []
    shown.edited.connect(shown.told.append)
    shown.show()
    return shown


@given(st.lists(st.tuples(names, st.integers(0, len(KINDS) - 1)), max_size=6, unique_by=lambda row: row[0]))
def test_rows_and_schema_are_the_same_thing(rows):
    """What is listed is what the schema says, there and back."""
    assert rows_of(schema_of(rows)) == rows


@pytest.mark.parametrize("schema", [RICH, {"type": "array"}, "text", 7, {"type": "object", "properties": {"": {}}}])
def test_a_schema_that_says_more_is_no_list(schema):
    """Nothing that the list cannot show is hidden in it."""
    assert rows_of(schema) is None


def test_a_simple_schema_is_a_list(field):
    """Names and kinds are shown, and nothing is told as an edit."""
    field.show_value(SIMPLE)

    assert [(row.name.text(), row.kind.currentText()) for row in field.rows] == [
        ("summary", "Text"),
        ("urgent", "Yes or no"),
    ]
    assert field.json.isHidden()
    assert field.told == []


def test_values_are_added_named_and_removed(field):
    """Each step gives the schema that stands there; with none left the key goes."""
    field.show_value("")
    field.add.click()

    QTest.keyClicks(field.rows[0].name, "n")
    field.rows[0].kind.setCurrentIndex(1)
    field.rows[0].kind.activated.emit(1)
    field.rows[0].remove.click()

    assert field.told == [schema_of([("n", 0)]), schema_of([("n", 1)]), edits.ABSENT]


def test_two_of_one_name_are_not_stored(field):
    """The list says what is wrong, and the document keeps the last schema that was one."""
    field.show_value(schema_of([("n", 0)]))
    field.add.click()

    QTest.keyClicks(field.rows[1].name, "n")

    assert "two values named “n”" in field.own_problem
    assert field.told == []


def test_a_richer_schema_is_edited_as_json(field):
    """It opens as JSON and cannot be shown as a list; a simple one can again."""
    field.show_value(RICH)
    assert not field.json.isHidden()
    assert field.rows == [] or all(row.isHidden() for row in field.rows)
    assert not field.as_json.isEnabled()

    field.json.edit.setPlainText(
        '{"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"], "additionalProperties": false}'
    )

    assert field.told == [schema_of([("n", 1)])]
    assert field.as_json.isEnabled()
    field.as_json.click()
    assert [row.name.text() for row in field.rows if row.isVisible()] == ["n"]


def test_json_that_cannot_be_read_stays_and_is_told(field):
    """Half a schema is not stored."""
    field.show_value(SIMPLE)
    field.as_json.click()

    field.json.edit.setPlainText('{"type": ')

    assert field.own_problem
    assert field.told == []


def test_another_block_begins_anew(field):
    """Nothing of the block before stays."""
    field.show_value(RICH)

    field.forget()
    field.show_value("")

    assert field.rows == []
    assert field.json.isHidden()
