"""A small workflow on a real canvas, and a hand that plays mouse and keys in scene coordinates."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from editor.canvas.camera import Camera
from editor.canvas.canvas import Canvas
from editor.theme import Theme
from editor.workspace.workspace import Workspace
from engine import Block, Edge, Workflow, default_catalog
from tests.editor.running_server import RunningServer
from tests.editor.server_desk import Desk

WIDTH, HEIGHT = 900, 600
ORIGIN = (-24, -120)
"""The scene point in the canvas' corner, at 100 %: all blocks of `workspace` are in view, away from its edges."""
STEPS = 4
NO_KEYS = Qt.KeyboardModifier.NoModifier
LEFT, NO_BUTTON = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
Place = str | tuple[float, float]


def small_workflow() -> Workflow:
    """Start -> Fetch -> Result in a row, and below them a block without wires."""
    fetch_code = {"code": 'output = input_data["Start"]["output"]'}
    blocks = [
        Block("start", "starter", "Start", 0, 0),
        Block("fetch", "code", "Fetch", 304, 0, fetch_code),
        Block("out", "response", "Result", 608, 0, {"output": "<Fetch.output>"}),
        Block("lone", "code", "Lone", 304, 256, {"code": "output = 1"}),
    ]
    edges = [Edge("first", "start", "fetch"), Edge("second", "fetch", "out")]
    return Workflow(blocks={item.id: item for item in blocks}, edges={item.id: item for item in edges})


@pytest.fixture
def workspace(qapp: Any) -> Workspace:
    """A workspace with `small_workflow`."""
    return Workspace(default_catalog(), small_workflow())


@pytest.fixture
def theme(qapp: Any) -> Theme:
    """The light theme."""
    return Theme("light")


@pytest.fixture
def canvas(qtbot: Any, workspace: Workspace, theme: Theme) -> Canvas:
    """The canvas as a window of its own, at 100 %, with the keyboard. Nothing glides."""
    shown = Canvas(workspace, theme)
    shown.animated = False
    qtbot.addWidget(shown)
    shown.resize(WIDTH, HEIGHT)
    shown.show()
    qtbot.waitExposed(shown)
    shown.activateWindow()
    qtbot.waitUntil(shown.isActiveWindow)
    shown.setFocus()
    QApplication.processEvents()
    ratio = shown.devicePixelRatioF()
    camera = Camera(1.0, ratio, 0, 0, WIDTH, HEIGHT)
    shown.set_camera(camera.with_point_at(*ORIGIN, 0, 0))
    QGuiApplication.clipboard().clear()
    return shown


class Hand:
    """Mouse and keys over one canvas. Places are scene points, or ids of blocks: a spot on their card, off any port."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._at = QPointF()
        self._button = NO_BUTTON
        self._keys = NO_KEYS

    def on(self, block_id: str) -> tuple[float, float]:
        """A spot on this block's card, right of its title's middle."""
        card = self._canvas.columns.card(self._canvas.columns.row_of[block_id])
        return card.left + 150, card.top + 45

    def title(self, block_id: str) -> tuple[float, float]:
        """A spot on this block's title."""
        card = self._canvas.columns.card(self._canvas.columns.row_of[block_id])
        return card.left + 80, card.top + 20

    def output(self, block_id: str, port: str = "") -> tuple[float, float]:
        """Where this output is."""
        return self._canvas.columns.anchor(self._canvas.columns.row_of[block_id], "out", port)

    def input(self, block_id: str, port: str = "") -> tuple[float, float]:
        """Where this input is."""
        return self._canvas.columns.anchor(self._canvas.columns.row_of[block_id], "in", port)

    def press(self, place: Place, button: Qt.MouseButton = LEFT, keys: Qt.KeyboardModifier = NO_KEYS) -> "Hand":
        """Hold a button here; the keys stay held until `hold` or `release`."""
        self._at, self._button, self._keys = self._view(place), button, keys
        self._send(QEvent.Type.MouseMove, NO_BUTTON, NO_BUTTON)
        self._send(QEvent.Type.MouseButtonPress, button, button)
        return self

    def hold(self, keys: Qt.KeyboardModifier) -> "Hand":
        """From now on these keys are held."""
        self._keys = keys
        return self

    def move(self, dx: float, dy: float) -> "Hand":
        """Go so many scene units further, in several steps."""
        way = QPointF(dx, dy) * self._canvas.zoom
        start = self._at
        for step in range(1, STEPS + 1):
            self._at = start + way * step / STEPS
            self._send(QEvent.Type.MouseMove, NO_BUTTON, self._button)
        return self

    def move_to(self, place: Place) -> "Hand":
        """Go there in several steps."""
        way = (self._view(place) - self._at) / self._canvas.zoom
        return self.move(way.x(), way.y())

    def release(self) -> "Hand":
        """Let go of button and keys."""
        self._send(QEvent.Type.MouseButtonRelease, self._button, NO_BUTTON)
        self._button, self._keys = NO_BUTTON, NO_KEYS
        return self

    def drag(
        self, start: Place, end: Place, keys: Qt.KeyboardModifier = NO_KEYS, button: Qt.MouseButton = LEFT
    ) -> "Hand":
        """Press here, move there, let go."""
        return self.press(start, button, keys).move_to(end).release()

    def click(self, place: Place, keys: Qt.KeyboardModifier = NO_KEYS) -> "Hand":
        """Press and let go without moving."""
        return self.press(place, keys=keys).release()

    def double_click(self, place: Place) -> "Hand":
        """Two clicks, the second as Qt tells it."""
        self.click(place)
        self._send(QEvent.Type.MouseButtonDblClick, LEFT, LEFT)
        self._send(QEvent.Type.MouseButtonRelease, LEFT, NO_BUTTON)
        return self

    def wheel(self, place: Place, delta: int, keys: Qt.KeyboardModifier = NO_KEYS) -> "Hand":
        """Turn the wheel by so many eighths of a degree."""
        at = self._view(place)
        phase, screen = Qt.ScrollPhase.NoScrollPhase, self._canvas.mapToGlobal(at)
        event = QWheelEvent(at, screen, QPoint(), QPoint(0, delta), NO_BUTTON, keys, phase, False)
        QApplication.sendEvent(self._canvas, event)
        return self

    def key(self, key: Qt.Key | str, keys: Qt.KeyboardModifier = NO_KEYS) -> "Hand":
        """Tap a key: one of Qt's, or a letter."""
        if isinstance(key, str):
            QTest.keyClicks(self._canvas, key, keys)
        else:
            QTest.keyClick(self._canvas, key, keys)
        return self

    def key_down(self, key: Qt.Key) -> "Hand":
        """Hold a key."""
        QTest.keyPress(self._canvas, key)
        return self

    def key_up(self, key: Qt.Key) -> "Hand":
        """Let go of a key."""
        QTest.keyRelease(self._canvas, key)
        return self

    def _view(self, place: Place) -> QPointF:
        x, y = self.on(place) if isinstance(place, str) else place
        return QPointF(*self._canvas.camera.to_view(x, y))

    def _send(self, kind: QEvent.Type, button: Qt.MouseButton, held: Qt.MouseButton) -> None:
        screen = self._canvas.mapToGlobal(self._at)
        QApplication.sendEvent(self._canvas, QMouseEvent(kind, self._at, screen, button, held, self._keys))


@pytest.fixture
def hand(canvas: Canvas) -> Hand:
    """Plays the canvas."""
    return Hand(canvas)


@pytest.fixture
def open_desk(qtbot: Any, loop: Any, tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """Makes windows with a server in memory behind them, given its options; all are closed when the test ends."""
    desks: list[Desk] = []

    def make(**server: Any) -> Desk:
        desks.append(Desk(qtbot, loop, tmp_path, RunningServer(**server)))
        return desks[-1]

    yield make
    for desk in desks:
        desk.close()
