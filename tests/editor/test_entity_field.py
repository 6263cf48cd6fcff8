"""Stored agents are chosen by name, never shown by a bare id, and what nobody knows is kept."""

from dataclasses import dataclass, field

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from editor.aio import Tasks
from editor.canvas.cards import face_of
from editor.panels.forms.base import FormContext
from editor.panels.forms.entity_field import EntityField
from editor.panels.forms.factory import make_editor
from editor.theme import Theme
from editor.workspace.directories import Directories, Listed
from engine import Block, default_catalog
from engine.directory import StoredAgent, StoredOrchestration

ONE, TWO = "7b1c1f0e-0000-4000-8000-000000000001", "7b1c1f0e-0000-4000-8000-000000000002"


class Shelf:
    """A source with two agents of the same name, and one more."""

    name = "On this machine"
    can_write = True

    async def agents(self) -> list[StoredAgent]:
        return [StoredAgent(id=ONE, name="Help desk"), StoredAgent(id=TWO, name="Writer", model="gpt-5.4")]

    async def orchestrations(self) -> list[StoredOrchestration]:
        return [StoredOrchestration(id="t", name="Team")]


@dataclass
class FakeLibrary:
    """Hears what the field asks for, and hands over a new agent."""

    directories: Directories
    asked: list[tuple[str, ...]] = field(default_factory=list)
    made: str = TWO

    def new(self, kind, done=None):
        self.asked.append(("new", kind))
        done(self.made)

    def edit(self, kind, entity_id):
        self.asked.append(("edit", kind, entity_id))


@pytest.fixture
def library(loop, qtbot, tmp_path):
    directories = Directories([Shelf()], Tasks(), tmp_path / "names.json")
    task = loop.create_task(directories.refresh())
    qtbot.waitUntil(task.done)
    return FakeLibrary(directories)


@pytest.fixture
def picker(qtbot, library):
    theme = Theme("light")
    shown = EntityField("agent", library, theme)
    shown.keep = theme
    qtbot.addWidget(shown)
    shown.told = []
    shown.edited.connect(shown.told.append)
    shown.show()
    return shown


def choices(picker: EntityField) -> list[str]:
    return [picker.box.itemText(row) for row in range(picker.box.count())]


def test_agents_are_offered_by_name(picker):
    """The first entry takes the stored agent away, the others are names."""
    assert choices(picker) == ["None: the settings below", "Help desk", "Writer"]


def test_a_stored_id_is_shown_by_its_name(picker):
    """Nothing is told as an edit, and the agent can be edited in place."""
    picker.show_value(TWO)

    assert picker.box.currentText() == "Writer"
    assert picker.change.isEnabled()
    assert picker.told == []


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("", "None: the settings below"),
        (None, "None: the settings below"),
        ("99999999-0000-4000-8000-000000000000", "Unknown agent (99999999…)"),
        ("<Start.output.agent>", "<Start.output.agent>"),
    ],
)
def test_what_is_no_known_agent_is_said_so_and_kept(picker, value, shown):
    """An id from another machine or a reference stays until somebody chooses another."""
    picker.show_value(value)
    picker._on_editing_finished()

    assert picker.box.currentText() == shown
    assert not picker.change.isEnabled()
    assert picker.told == []


def test_choosing_a_name_gives_its_id(picker):
    """What goes into the document is the id."""
    picker.show_value("")

    picker.box.setCurrentIndex(1)
    picker.box.activated.emit(1)

    assert picker.told == [ONE]


def test_typing_finds_an_agent(picker):
    """A name typed whole counts on Enter; a beginning of one is offered and goes back when left alone."""
    picker.show_value("")
    edit = picker.box.lineEdit()

    edit.setText("writer")
    QTest.keyClick(edit, Qt.Key.Key_Return)
    assert picker.told == [TWO]
    edit.setText("nonsense")
    QTest.keyClick(edit, Qt.Key.Key_Return)

    assert picker.told == [TWO]
    assert picker.box.currentText() == "Writer"


def test_an_id_can_be_pasted(picker):
    """An agent that this machine does not know may still be meant."""
    picker.show_value("")
    unknown = "99999999-0000-4000-8000-000000000000"

    picker.box.lineEdit().setText(unknown)
    QTest.keyClick(picker.box.lineEdit(), Qt.Key.Key_Return)

    assert picker.told == [unknown]


def test_a_new_agent_is_made_in_place_and_chosen(picker, library):
    """The field takes what was made, and opens what is chosen."""
    picker.show_value(ONE)

    picker.new.click()
    picker.change.click()

    assert library.asked == [("new", "agent"), ("edit", "agent", TWO)]
    assert picker.told == [TWO]
    assert picker.box.currentText() == "Writer"


def test_without_a_library_ids_can_still_be_edited(qtbot):
    """Where nothing is kept, the form is a text field."""
    theme = Theme("light")
    context = FormContext(theme, lambda: ())
    for name in ("agent", "orchestration"):
        block_type = default_catalog().find(name)
        field_of = next(item for item in block_type.fields if item.kind == name)
        editor = make_editor(field_of, context, None)
        qtbot.addWidget(editor)
        editor.show_value("x")


def test_the_card_says_whom_the_block_asks(library):
    """Cards show the name; where nobody knows it they say so and show no id."""
    catalog = default_catalog()
    asks = Block("a", "agent", "Answer", config={"agent_id": ONE, "input": "Hi"})
    stranger = Block("a", "agent", "Answer", config={"agent_id": "99999999", "input": "Hi"})
    team = Block("a", "orchestration", "All", config={"orchestration_id": "t", "input": "Hi"})
    names = library.directories.name_of

    assert face_of(asks, catalog, names).kind == "Help desk · Agent"
    assert face_of(stranger, catalog, names).kind == "unknown agent · Agent"
    assert face_of(team, catalog, names).kind == "Team · Orchestration"
    assert ONE not in face_of(asks, catalog, names).summary


def test_two_of_one_name_are_told_apart(qtbot, library):
    """The place is shown beside names that are there twice, and the id where that is not enough."""
    source = Shelf()
    twins = [Listed("agent", StoredAgent(id=item, name="Twin"), source) for item in ("aaaaaaaa1", "bbbbbbbb2")]
    library.directories._listed = tuple(twins)
    theme = Theme("light")

    shown = EntityField("agent", library, theme)
    qtbot.addWidget(shown)

    assert choices(shown)[1:] == ["Twin · On this machine · aaaaaaaa", "Twin · On this machine · bbbbbbbb"]
