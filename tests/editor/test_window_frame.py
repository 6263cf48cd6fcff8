"""The frame of the window: its first size, and that other windows and notices leave the work alone."""

import importlib
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QApplication

from editor.actions import ACTIONS
from editor.app import EMPTY
from editor.command_palette import CommandPalette
from editor.theme import Theme
from editor.view_flow import NEW_WINDOW
from editor.window import Window
from editor.workspace.settings import Settings
from editor.workspace.workspace import Workspace
from engine import Block, LocalRunner, Workflow, default_catalog, edits


@pytest.fixture
def window(loop, qapp, qtbot, tmp_path):
    theme = Theme("light")
    theme.apply(qapp)
    workspace = Workspace(default_catalog(), Workflow("Small", blocks={"a": Block("a", "agent", "Agent")}))
    shown = Window(workspace, theme, Settings(tmp_path / "settings.json"), LocalRunner(), tmp_path)
    shown.show()
    yield shown
    workspace.mark_saved(workspace.workflow)
    shown.close()
    qtbot.waitUntil(lambda: not shown.isVisible())
    task = loop.create_task(shown.tasks.close())
    qtbot.waitUntil(task.done)


def test_a_new_window_is_a_module_that_runs():
    """What a new window is started with names a module that does something when it is run, and an empty workflow."""
    option, module, begin = NEW_WINDOW

    source = Path(importlib.import_module(module).__file__).read_text("utf-8")

    assert (option, begin) == ("-m", EMPTY)
    assert 'if __name__ == "__main__":' in source


def test_the_first_window_fits_the_screen(window):
    """Without a remembered size nothing of the window is beyond the edge of the screen."""
    room = window.screen().availableSize()

    assert window.width() <= room.width()
    assert window.height() <= room.height()


def test_a_notice_lies_over_the_canvas(window):
    """A notice that comes or goes moves and shrinks nothing."""
    before = (window.canvas.mapTo(window, QPoint(0, 0)), window.canvas.size())

    window.notices.show_notice("Saved a.workflow.json", "success")
    QApplication.processEvents()

    assert (window.canvas.mapTo(window, QPoint(0, 0)), window.canvas.size()) == before
    assert window.notices.isVisible()
    assert 0 < window.notices.height() < 100


def test_the_refusal_to_run_goes_when_the_workflow_is_cured(window, qtbot):
    """What is told to be in the way of a run is not told any longer than it is true."""
    window.run_flow.run()
    qtbot.waitUntil(lambda: "cannot run" in window.notices.text)

    window.workspace.edit("Cure", edits.configure, "a", "input", "Say hello.")

    qtbot.waitUntil(lambda: not window.notices.text)


def test_every_row_of_the_command_palette_begins_at_the_same_place(window, qtbot):
    """Rows without an icon keep its room."""
    palette = CommandPalette([(row, window.actions_by_id[row.id]) for row in ACTIONS], window)
    qtbot.addWidget(palette)

    assert not any(palette._list.item(number).icon().isNull() for number in range(palette._list.count()))
