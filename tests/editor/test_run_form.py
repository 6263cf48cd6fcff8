"""The form before a run: values typed, read from files, or refused with a reason."""

import asyncio

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog

from editor.panels.run_form import JSON, MAX_FILE_BYTES, DropEdit, RunForm, read_text_file
from editor.theme import Theme
from engine import RunInput

INPUTS = (RunInput("text", "from the starter"), RunInput("options", {"a": 1}), RunInput("loose", None, declared=False))


@pytest.fixture
def open_form(qtbot):
    kept = []

    def open_it(inputs=INPUTS, values=None):
        theme = Theme("light")
        form = RunForm(inputs, values or {}, theme)
        kept.append((theme, form))
        qtbot.addWidget(form)
        form.show()
        return form

    return open_it


def test_fields_start_with_the_defaults_and_their_types(open_form):
    """Text starts as text, an object as JSON; a variable without a value is left out."""
    form = open_form()

    assert form.values() == {"text": "from the starter", "options": {"a": 1}}
    assert form.fields[1].kind.currentIndex() == JSON


def test_values_of_the_last_run_come_before_the_defaults(open_form):
    """What was typed last time is there again, in its type."""
    form = open_form(values={"text": "again", "loose": [1, 2]})

    assert form.values() == {"text": "again", "options": {"a": 1}, "loose": [1, 2]}


def test_typed_text_is_the_value_with_its_size(open_form):
    """Typing changes the value, and the size is told."""
    form = open_form((RunInput("text", ""),))

    QTest.keyClicks(form.fields[0].text, "x" * 1200)

    assert form.values() == {"text": "x" * 1200}
    assert form.fields[0].size_label.text() == "1,200 characters"


def test_broken_json_holds_the_run_back_and_is_told(open_form):
    """While a JSON value does not parse, Run is off and the place is named."""
    form = open_form((RunInput("options", {"a": 1}),))

    form.fields[0].set_text('{"a": }')

    assert not form.run_button.isEnabled()
    assert form.fields[0].message.text().startswith("Line 1, column 7")
    form.accept()
    assert form.isVisible()


def test_the_type_decides_how_the_text_is_read(open_form):
    """The same text is a number as JSON and a text as text."""
    form = open_form((RunInput("n", "42"),))
    as_text = form.values()

    form.fields[0].kind.setCurrentIndex(JSON)

    assert as_text == {"n": "42"}
    assert form.values() == {"n": 42}


def test_escape_cancels_and_ctrl_enter_runs(open_form):
    """The keyboard answers the form both ways."""
    first, second = open_form(), open_form()

    QTest.keyClick(first.fields[0].text, Qt.Key.Key_Escape)
    QTest.keyClick(second.fields[0].text, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)

    assert first.result() == QDialog.DialogCode.Rejected
    assert second.result() == QDialog.DialogCode.Accepted


def test_a_file_fills_the_field(open_form, tmp_path):
    """A UTF-8 file's text becomes the value."""
    path = tmp_path / "text.txt"
    path.write_text("Grüße\nfrom a file", encoding="utf-8")
    form = open_form()

    asyncio.run(form.read_into(form.fields[0], path))

    assert form.values()["text"] == "Grüße\nfrom a file"


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"\xff\xfe\x00", "not UTF-8 text"), (b"x" * (MAX_FILE_BYTES + 1), "bigger than 10 MB")],
)
def test_a_file_that_cannot_be_taken_is_told_and_changes_nothing(open_form, tmp_path, data, words):
    """Binary and huge files are refused beside the field, and its text stays."""
    path = tmp_path / "data.bin"
    path.write_bytes(data)
    form = open_form()

    asyncio.run(form.read_into(form.fields[0], path))

    assert words in form.fields[0].message.text()
    assert form.values()["text"] == "from the starter"
    assert form.run_button.isEnabled()


def test_a_missing_file_and_a_folder_are_told(tmp_path):
    """What is no file is named as such."""
    with pytest.raises(ValueError, match="not a file"):
        read_text_file(tmp_path)
    with pytest.raises(ValueError, match="not a file"):
        read_text_file(tmp_path / "missing.txt")


def test_a_dropped_file_is_asked_to_be_read(qtbot, tmp_path):
    """Dropping a file on a field reads it, instead of putting its address into the text."""
    edit = DropEdit()
    qtbot.addWidget(edit)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path / "a.txt"))])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier

    with qtbot.waitSignal(edit.file_dropped) as dropped:
        edit.dropEvent(QDropEvent(QPoint(5, 5), Qt.DropAction.CopyAction, data, buttons, keys))

    assert dropped.args == [str(tmp_path / "a.txt")]
    assert edit.toPlainText() == ""


def test_reading_goes_on_while_the_form_is_open(open_form, tmp_path, loop, qtbot):
    """The chosen file is read by a task of the form, off the UI thread."""
    path = tmp_path / "text.txt"
    path.write_text("from a task", encoding="utf-8")
    form = open_form()

    form._on_file_dropped(form.fields[0], str(path))

    qtbot.waitUntil(lambda: form.values()["text"] == "from a task")


def test_the_form_asks_by_name_and_says_who_wants_it(open_form):
    """A variable that no starter declares says that some block uses it."""
    from PySide6.QtWidgets import QLabel

    form = open_form()
    words = [label.text() for label in form.fields[2].findChildren(QLabel)]

    assert any("nothing gives it a value" in text for text in words)
    assert form.fields[2].text.accessibleName() == "loose"
