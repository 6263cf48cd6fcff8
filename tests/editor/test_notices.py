"""The bar over the canvas: what goes by itself, and what waits for an answer."""

from typing import Any

import pytest
from PySide6.QtWidgets import QWidget

from editor import notices
from editor.notices import Level, NoticeBar
from editor.theme import Theme


@pytest.fixture
def window(qtbot: Any) -> QWidget:
    shown = QWidget()
    qtbot.addWidget(shown)
    shown.show()
    return shown


@pytest.mark.parametrize(
    ("level", "action", "goes"),
    [
        ("success", "", True),
        ("success", "Undo", True),
        ("info", "", True),
        ("info", "Save to Server…", False),
        ("warning", "", False),
        ("error", "Try Again", False),
    ],
)
def test_what_asks_for_something_waits_and_the_rest_goes_by_itself(
    qtbot: Any, theme: Theme, window: QWidget, monkeypatch: pytest.MonkeyPatch, level: Level, action: str, goes: bool
) -> None:
    """A button that leads on must not slip away from under the mouse."""
    monkeypatch.setattr(notices, "SHOWN_MS", 20)
    bar, clock = NoticeBar(theme, window), NoticeBar(theme, window)

    bar.show_notice("Something happened.", level, action)
    clock.show_notice("A plain remark, told later.")
    qtbot.waitUntil(lambda: not clock.text)

    if goes:
        qtbot.waitUntil(lambda: not bar.text)
    else:
        assert bar.text == "Something happened."
