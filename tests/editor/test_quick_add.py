"""Quick-add: a few letters, Enter, and the block is there."""

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtTest import QTest

from editor.panels.quick_add import HEIGHT, WIDTH, QuickAddPopup
from editor.theme import Theme
from editor.workspace.workspace import Workspace
from engine import Block, Workflow, default_catalog


@pytest.fixture
def workspace(qapp):
    return Workspace(default_catalog(), Workflow(blocks={"a": Block("a", "agent", "Agent")}))


@pytest.fixture
def open_popup(qtbot, workspace):
    def open_it(accepts=None, text="", **more):
        popup = QuickAddPopup(workspace, Theme("light"), accepts, text, **more)
        popup.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
        qtbot.addWidget(popup)
        popup.resize(WIDTH, HEIGHT)
        return popup

    return open_it


def types(popup) -> list[str]:
    rows = [popup.view.types.row(popup.view.types.index(number)) for number in range(popup.view.types.rowCount())]
    return [row.block_type.type for row in rows]


def test_the_popup_paints_all_of_itself(open_popup, qapp):
    """Nothing shows through, also where the screen cannot mix windows."""
    theme = Theme("light")
    theme.apply(qapp)
    popup = open_popup()
    popup.search.setText("nothing is called this")

    image = popup.grab().toImage()

    assert image.pixelColor(WIDTH // 2, HEIGHT - 60).name() == theme.colors.raised


def test_the_first_row_is_selected_and_enter_takes_it(open_popup, qtbot):
    """Enter alone adds what usually follows, and the popup goes."""
    popup = open_popup(previous_type="agent")
    popup.show()

    with qtbot.waitSignals([popup.chosen, popup.closed]):
        QTest.keyClick(popup.search, Qt.Key.Key_Return)

    assert not popup.isVisible()


def test_it_shows_only_what_can_be_connected(open_popup):
    """The list holds the block types that the place accepts."""
    popup = open_popup(lambda name: name in ("code", "response"))

    assert set(types(popup)) == {"code", "response"}


def test_text_typed_before_it_opened_filters_at_once(open_popup):
    """What was typed on the canvas is in the search field and has filtered the list."""
    popup = open_popup(text="cond")

    assert popup.search.text() == "cond"
    assert types(popup)[0] == "condition"


def test_shift_enter_takes_and_stays(open_popup, qtbot):
    """Shift+Enter adds a block and is ready for the next."""
    popup = open_popup(text="code")
    popup.show()

    with qtbot.waitSignal(popup.chosen) as taken:
        QTest.keyClick(popup.search, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)

    assert taken.args == ["code"]
    assert popup.isVisible()
    assert popup.search.text() == ""


def test_escape_closes_without_a_choice(open_popup, qtbot):
    """Escape closes and adds nothing."""
    popup = open_popup()
    popup.show()

    with qtbot.assertNotEmitted(popup.chosen):
        QTest.keyClick(popup.search, Qt.Key.Key_Escape)

    assert not popup.isVisible()


def test_the_selected_block_ranks_what_follows(open_popup, workspace):
    """Without another hint the selected block says what usually comes next."""
    workspace.select(["a"])

    assert types(open_popup())[:2] == ["response", "condition"]


def test_nothing_that_fits_is_said(open_popup, qtbot):
    """With no match there are words, and Enter does nothing."""
    popup = open_popup(text="zzzz")
    popup.show()

    with qtbot.assertNotEmitted(popup.chosen):
        QTest.keyClick(popup.search, Qt.Key.Key_Return)

    assert popup.empty.isVisible()


def test_it_stays_on_the_screen(open_popup, qapp):
    """At the corner of the screen the popup moves so that all of it is seen."""
    popup = open_popup()
    area = qapp.primaryScreen().availableGeometry()

    popup.show_at(QPoint(area.right(), area.bottom()))

    # The platform without a screen gives every window a frame of two pixels.
    assert area.adjusted(0, 0, 2, 2).contains(QRect(popup.pos(), popup.size()))
