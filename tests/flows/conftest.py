"""A real window with a real engine, played with mouse and keys."""

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import shiboken6
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QMessageBox, QPushButton, QWidget

from editor.theme import Theme
from editor.window import Window
from editor.workspace.settings import Settings
from editor.workspace.trust_store import Choices, TrustStore
from editor.workspace.workspace import Workspace
from engine import Block, LocalRunner, Workflow, default_catalog

BLOCK_MIME = "application/x-blockloom-block-type"
RUN_MS = 20_000


class TrustingStore(TrustStore):
    """Knows every workflow: for tests of what comes after the question whether one may run."""

    def find(self, fingerprint: str) -> Choices | None:
        return super().find(fingerprint) or Choices()


class Player:
    """Plays a window as a person does, and looks at it."""

    def __init__(self, window: Window, qtbot: Any, pictures: Path | None) -> None:
        self.window = window
        self._qtbot = qtbot
        self._pictures = pictures
        self._number = 0

    def wait(self, condition: Callable[[], object], timeout: int = RUN_MS) -> None:
        """Let the program work until the condition holds."""
        self._qtbot.waitUntil(lambda: bool(condition()), timeout=timeout)

    def picture(self, name: str, widget: QWidget | None = None) -> None:
        """Keep a picture of the window, where pictures are wanted."""
        if self._pictures is not None:
            self._number += 1
            QApplication.processEvents()
            (widget or self.window).grab().save(str(self._pictures / f"{self._number:02} {name}.png"))

    def block(self, name: str) -> Block:
        """The block with this name."""
        found = self.window.workspace.workflow.find_by_name(name)
        assert found is not None, name
        return found

    def place_of(self, name: str) -> QPoint:
        """Where the upper part of a block is in the canvas."""
        block = self.block(name)
        return self.window.canvas.scene_to_view(block.x + 90, block.y + 20)

    def click_block(self, name: str) -> None:
        """Click on a block."""
        QTest.mouseClick(
            self.window.canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, self.place_of(name)
        )

    def drop_block_type(self, type_name: str, at: QPoint) -> None:
        """What the window gets when a row of the palette is dragged over the canvas and dropped there."""
        data = QMimeData()
        data.setData(BLOCK_MIME, type_name.encode())
        copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        canvas = self.window.canvas
        QApplication.sendEvent(canvas, QDragEnterEvent(at, copy, data, left, none))
        QApplication.sendEvent(canvas, QDragMoveEvent(at, copy, data, left, none))
        self.picture(f"dragging {type_name}")
        QApplication.sendEvent(canvas, QDropEvent(QPointF(at), copy, data, left, none, QEvent.Type.Drop))

    def dialog(self, kind: type[Any]) -> Any:
        """The open dialog of this class, once it is there."""

        def shown() -> list[QWidget]:
            return [item for item in QApplication.topLevelWidgets() if isinstance(item, kind) and item.isVisible()]

        self.wait(shown)
        return shown()[-1]

    def choose_file(self, path: Path) -> None:
        """Pick a file in the open file chooser."""
        chooser: QFileDialog = self.dialog(QFileDialog)
        chooser.selectFile(str(path))
        chooser.findChild(QWidget, "fileNameEdit").setProperty("text", str(path))
        chooser.accept()
        self.wait(lambda: not chooser.isVisible())

    def question(self) -> QMessageBox:
        """The question box that is open, once it is there."""
        box: QMessageBox = self.dialog(QMessageBox)
        return box

    def answer(self, key: str) -> None:
        """Press a button of the open question box, by the key of its option, and wait until the box is gone."""
        box = self.question()
        button = box.findChild(QPushButton, f"option-{key}")
        assert button is not None, [item.text() for item in box.buttons()]
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        self.wait(lambda: not shiboken6.isValid(box) or not box.isVisible())

    def open_file(self, path: Path) -> None:
        """Open a file, as dropping it on the window does."""
        self.window.file_flow.open(path)

    def settled(self) -> None:
        """Wait until what happens around the file has ended."""
        self.wait(lambda: not self.window.tasks.is_busy("file"))

    def activate(self) -> None:
        """Give the window the keyboard back after a dialog, as every desktop does by itself."""
        self.window.activateWindow()
        self.wait(self.window.isActiveWindow)

    def action(self, action_id: str) -> None:
        """Do what a menu entry does."""
        self.window.actions_by_id[action_id].trigger()


@pytest.fixture
def open_window(qtbot: Any, loop: asyncio.AbstractEventLoop, tmp_path: Path) -> Iterator[Callable[..., Player]]:
    """Opens windows as the program does at its start; all of them are closed when the test ends."""
    wanted = os.environ.get("BLOCKLOOM_PICTURES")
    pictures = Path(wanted) if wanted else None
    theme = Theme("dark" if os.environ.get("BLOCKLOOM_DARK") else "light")
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    theme.apply(application)
    windows: list[Window] = []

    def open_one(path: Path | None = None, *, asks: bool = False, trusts: bool = True) -> Player:
        """`asks` says that the start ends with a question, which is left open; `trusts` that files may run unasked."""
        workspace = Workspace(default_catalog(), Workflow(name="Untitled"))
        journals = tmp_path / "journals"
        journals.mkdir(exist_ok=True)
        settings = Settings(tmp_path / "settings.json")
        window = Window(workspace, theme, settings, LocalRunner(), journals)
        windows.append(window)
        if trusts:
            window.setup.trust.store = TrustingStore()
        window.show()
        window.tasks.start("first", window.file_flow.show_first, path)
        player = Player(window, qtbot, pictures)
        if not asks:
            player.wait(lambda: not window.tasks.is_busy("first"))
        return player

    yield open_one
    for window in windows:
        window.workspace.mark_saved(window.workspace.workflow)
        window.close()
        qtbot.waitUntil(lambda window=window: not window.isVisible(), timeout=RUN_MS)
        task = loop.create_task(window.tasks.close())
        qtbot.waitUntil(task.done)
        window.deleteLater()
