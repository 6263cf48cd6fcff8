"""The palette: finding, adding and dragging block types."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from editor.panels.block_list import BLOCK_TYPE_MIME, BlockTypeView
from editor.panels.palette import PalettePanel
from editor.panels.search import match_score, rank
from editor.theme import Theme
from editor.workspace.workspace import Workspace
from engine import Block, Workflow, default_catalog, edits


@pytest.fixture
def theme(qapp):
    return Theme("light")


@pytest.fixture
def workspace(qapp):
    return Workspace(default_catalog())


@pytest.fixture
def palette(qtbot, workspace, theme):
    panel = PalettePanel(workspace, theme)
    qtbot.addWidget(panel)
    panel.resize(280, 700)
    panel.show()
    return panel


def titles(view: BlockTypeView) -> list[str]:
    return [view.types.row(view.types.index(number)).title for number in range(view.types.rowCount())]


def index_of(view: BlockTypeView, title: str):
    return view.types.index(titles(view).index(title))


def test_every_block_type_is_listed_under_its_category(palette, workspace):
    """The palette shows each type of the catalog once, below a heading for its category."""
    shown = titles(palette.view)

    assert {item.label for item in workspace.catalog} <= set(shown)
    assert shown[0] == "Start"


def test_enter_adds_the_best_match(palette, qtbot):
    """Typing a few letters and Enter asks for the block whose name fits best."""
    QTest.keyClicks(palette.search, "cond")

    with qtbot.waitSignal(palette.add_requested) as asked:
        QTest.keyClick(palette.search, Qt.Key.Key_Return)

    assert asked.args == ["condition"]


def test_arrow_keys_walk_the_matches_from_the_search_field(palette, qtbot):
    """Down in the search field moves the selection; Enter adds what is selected then."""
    QTest.keyClicks(palette.search, "a")
    first = palette.view.selected_type()

    QTest.keyClick(palette.search, Qt.Key.Key_Down)
    second = palette.view.selected_type()
    with qtbot.waitSignal(palette.add_requested) as asked:
        QTest.keyClick(palette.search, Qt.Key.Key_Return)

    assert first
    assert second != first
    assert asked.args == [second]


def test_a_click_adds(palette, qtbot):
    """A click on a row asks for its block."""
    place = palette.view.visualRect(index_of(palette.view, "Agent")).center()

    with qtbot.waitSignal(palette.add_requested) as asked:
        QTest.mouseClick(palette.view.viewport(), Qt.MouseButton.LeftButton, pos=place)

    assert asked.args == ["agent"]


def test_nothing_found_is_said_in_words(palette):
    """A search without matches shows what was searched instead of an empty list."""
    QTest.keyClicks(palette.search, "zzzz")

    assert palette.empty.isVisible()
    assert "zzzz" in palette.empty.text.text()


def test_escape_clears_the_search(palette):
    """Escape in the search field brings all block types back."""
    QTest.keyClicks(palette.search, "zzzz")

    QTest.keyClick(palette.search, Qt.Key.Key_Escape)

    assert palette.view.isVisible()
    assert palette.search.text() == ""


def test_a_second_starter_is_greyed_with_the_reason(palette, workspace, qtbot):
    """A type that a workflow has once is shown with the reason, and cannot be taken."""
    workspace.edit("Add", edits.add_blocks, [Block("s", "starter", "Start")])

    index = index_of(palette.view, "Starter")
    with qtbot.assertNotEmitted(palette.add_requested):
        QTest.mouseClick(
            palette.view.viewport(), Qt.MouseButton.LeftButton, pos=palette.view.visualRect(index).center()
        )

    assert palette.view.types.row(index).reason == "Already in this workflow"


def test_a_drag_carries_the_type_under_our_own_mime(palette, workspace):
    """What is dragged is the type's name as UTF-8 text under our MIME type, with a picture."""
    drag = palette.view.drag_for(workspace.catalog.find("agent"))

    assert drag.mimeData().formats() == [BLOCK_TYPE_MIME]
    assert bytes(drag.mimeData().data(BLOCK_TYPE_MIME)) == b"agent"
    assert not drag.pixmap().isNull()
    assert max(drag.hotSpot().x(), drag.hotSpot().y()) < 0, "the place under the cursor stays in sight"


def test_moving_a_pressed_row_starts_a_drag_and_not_an_add(palette, qtbot, monkeypatch):
    """A press that moves is a drag; its release adds nothing."""
    dragged = []
    monkeypatch.setattr(BlockTypeView, "drag_for", lambda _self, item: dragged.append(item.type) or FakeDrag())
    place = palette.view.visualRect(index_of(palette.view, "Code")).center()
    viewport = palette.view.viewport()

    with qtbot.assertNotEmitted(palette.add_requested):
        QTest.mousePress(viewport, Qt.MouseButton.LeftButton, pos=place)
        QTest.mouseMove(viewport, place + QPoint(30, 4))
        QTest.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=place + QPoint(30, 4))

    assert dragged == ["code"]


class FakeDrag:
    def exec(self, _action):
        return Qt.DropAction.IgnoreAction


def test_the_view_takes_no_drops(palette):
    """Nothing that is dragged from elsewhere is ever taken."""
    assert not palette.view.acceptDrops()
    assert not palette.view.viewport().acceptDrops()


@pytest.mark.parametrize(
    ("query", "best"), [("resp", "response"), ("fetch", "general_api"), ("python", "code"), ("branch", "condition")]
)
def test_search_knows_names_and_other_words(query, best):
    """People find a block by its name and by words that mean the same."""
    assert rank(query, default_catalog())[0].type == best


def test_usual_followers_come_first_without_a_query():
    """With nothing typed, what usually follows the block before stands first."""
    order = [item.type for item in rank("", default_catalog(), "agent")]

    assert order[0] == "response"
    assert order[1] == "condition"


def test_letters_in_order_match_with_gaps_only_from_a_word_start():
    """ "gapi" finds "General API", letters from the middle of words find nothing."""
    assert match_score("gapi", "General API") is not None
    assert match_score("eral", "Gxexrxaxl") is None


def test_theme_change_repaints_without_error(palette, theme):
    """Switching the theme keeps the list and its icons."""
    theme.choose("dark")
    palette.grab()
    theme.choose("light")

    assert palette.view.types.rowCount() > 5


def test_an_opened_workflow_counts_for_singletons(palette, workspace):
    """Opening a workflow that has a starter greys the starter."""
    workspace.replace(Workflow(blocks={"s": Block("s", "starter", "Start")}))

    assert palette.view.types.row(index_of(palette.view, "Starter")).reason
