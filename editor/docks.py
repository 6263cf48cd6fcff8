"""The panels around the canvas: where they dock, how large they begin, and their state from one start to the next."""

import base64
import binascii
from collections.abc import Callable, Mapping

from PySide6.QtCore import QByteArray, QSize, Qt, QTimer
from PySide6.QtWidgets import QDockWidget, QMainWindow, QTabWidget, QWidget

from editor.workspace.settings import Settings

_LEFT, _RIGHT, _BOTTOM = (
    Qt.DockWidgetArea.LeftDockWidgetArea,
    Qt.DockWidgetArea.RightDockWidgetArea,
    Qt.DockWidgetArea.BottomDockWidgetArea,
)
_AREAS = {
    "palette": ("Blocks", _LEFT),
    "outline": ("Outline", _LEFT),
    "inspector": ("Inspector", _RIGHT),
    "runs": ("Run", _BOTTOM),
    "problems": ("Problems", _BOTTOM),
    "history": ("Server Runs", _BOTTOM),
    "compare": ("Comparison", _BOTTOM),
}
_BOTTOM_TABS = ("runs", "problems", "history", "compare")
DEFAULT_SIZE = (1280, 800)
TITLE_BAR_HEIGHT = 40
SIDE_WIDTHS = (236, 316)
MIN_SIDE_WIDTH = 180
"""Below it no field or name can be read."""
BOTTOM_HEIGHT = 232


class Docks:
    """The dock of each panel, by the panel's name."""

    def __init__(self, window: QMainWindow, panels: Mapping[str, QWidget]) -> None:
        self._window = window
        self._docks = {name: self._dock(name, panels[name]) for name in _AREAS}
        window.setCorner(Qt.Corner.BottomRightCorner, _RIGHT)
        window.setCorner(Qt.Corner.BottomLeftCorner, _LEFT)
        window.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, QTabWidget.TabPosition.North)
        window.tabifyDockWidget(self._docks["palette"], self._docks["outline"])
        for name in _BOTTOM_TABS[1:]:
            window.tabifyDockWidget(self._docks["runs"], self._docks[name])
        for name in ("palette", "runs"):
            self._docks[name].raise_()

        for group in (("palette", "outline"), _BOTTOM_TABS):
            for name in group:
                # Their tabs carry the names already.
                self._docks[name].setTitleBarWidget(QWidget(self._docks[name]))

    def __getitem__(self, name: str) -> QDockWidget:
        return self._docks[name]

    def names(self) -> list[str]:
        """Names of all panels."""
        return list(self._docks)

    def show(self, name: str) -> None:
        """Bring a panel to the front."""
        self._docks[name].show()
        self._docks[name].raise_()

    def shown_panels(self) -> list[QWidget]:
        """Panels that can be seen, for moving the keyboard from one to the next."""
        return [dock.widget() for dock in self._docks.values() if not dock.visibleRegion().isEmpty()]

    def save(self, settings: Settings) -> None:
        """Remember size and arrangement."""
        settings.set("geometry", _text(self._window.saveGeometry()))
        settings.set("docks", _text(self._window.saveState()))

    def restore(self, settings: Settings) -> None:
        """Bring size and arrangement of the last time back, or the defaults."""
        if not _restore(self._window.restoreGeometry, settings.get("geometry", "")):
            self._give_default_size()
        if not _restore(self._window.restoreState, settings.get("docks", "")):
            # Sizes are kept only once the window has laid itself out.
            QTimer.singleShot(0, self._window, self.give_default_sizes)

    def _give_default_size(self) -> None:
        """The size that suits most, or the whole screen where that and a title bar would reach beyond it."""
        room = self._window.screen().availableSize()
        if room.width() < DEFAULT_SIZE[0] or room.height() < DEFAULT_SIZE[1] + TITLE_BAR_HEIGHT:
            self._window.setWindowState(Qt.WindowState.WindowMaximized)
        self._window.resize(QSize(*DEFAULT_SIZE).boundedTo(room - QSize(0, TITLE_BAR_HEIGHT)))

    def give_default_sizes(self) -> None:
        """Widths and heights of the panels as on the first start."""
        sides = [self._docks["palette"], self._docks["inspector"]]
        self._window.resizeDocks(sides, list(SIDE_WIDTHS), Qt.Orientation.Horizontal)
        self._window.resizeDocks([self._docks["runs"]], [BOTTOM_HEIGHT], Qt.Orientation.Vertical)

    def _dock(self, name: str, panel: QWidget) -> QDockWidget:
        title, area = _AREAS[name]
        dock = QDockWidget(title, self._window)
        dock.setObjectName(f"dock-{name}")
        dock.setWidget(panel)
        if area != _BOTTOM:
            panel.setMinimumWidth(MIN_SIDE_WIDTH)
        features = QDockWidget.DockWidgetFeature
        dock.setFeatures(features.DockWidgetClosable | features.DockWidgetMovable)
        self._window.addDockWidget(area, dock)
        return dock


def _text(state: QByteArray) -> str:
    return base64.b64encode(state.data()).decode("ascii")


def _restore(restore: Callable[[QByteArray], bool], text: str) -> bool:
    """Hand state that was saved as text back to Qt; False when there is none or it is broken."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return bool(data) and restore(QByteArray(data))
