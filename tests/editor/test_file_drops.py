"""Workflow files dropped on the window."""

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QWidget

from editor.file_drops import FileDrops


def offer(widget: QWidget, urls: list[QUrl]) -> bool:
    """Drag these over the widget and drop them; whether it wanted them."""
    data = QMimeData()
    data.setUrls(urls)
    action, button, keys = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    entered = QDragEnterEvent(widget.rect().center(), action, data, button, keys)
    QApplication.sendEvent(widget, entered)
    if entered.isAccepted():
        place = QPointF(widget.rect().center())
        QApplication.sendEvent(widget, QDropEvent(place, action, data, button, keys, QEvent.Type.Drop))
    return entered.isAccepted()


@pytest.fixture
def window(qtbot: Any) -> QWidget:
    widget = QWidget()
    qtbot.addWidget(widget)
    return widget


def test_a_json_file_is_taken(window: QWidget, tmp_path: Path) -> None:
    """Its path is told once, when it is let go."""
    drops, told = FileDrops(window), list[str]()
    drops.dropped.connect(told.append)
    path = tmp_path / "flow.workflow.json"

    assert offer(window, [QUrl.fromLocalFile(str(path))])

    assert told == [str(path)]


@pytest.mark.parametrize(
    "urls",
    [
        [QUrl("https://example.com/flow.json")],
        [QUrl.fromLocalFile("/some/picture.png")],
        [QUrl.fromLocalFile("/a.json"), QUrl.fromLocalFile("/b.json")],
    ],
)
def test_anything_else_is_refused(window: QWidget, urls: list[QUrl]) -> None:
    """An address, another kind of file, or several at once open nothing."""
    drops, told = FileDrops(window), list[str]()
    drops.dropped.connect(told.append)

    assert not offer(window, urls)

    assert told == []
