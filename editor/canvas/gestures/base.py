"""What every gesture is: begun by a press, told of each move, then finished or cancelled exactly once."""

from dataclasses import dataclass
from typing import Protocol

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QPainter

from editor.canvas.camera import Camera
from editor.canvas.columns import Columns
from editor.canvas.geometry import Rect
from editor.canvas.hits import Hit
from editor.canvas.motion import Motion
from editor.canvas.picture import Picture
from editor.workspace.workspace import Workspace

DRAG_PX = 4.0
"""A press that moves less than this is a click."""


@dataclass(frozen=True)
class Pointer:
    """Where the pointer is: in the view (logical pixels), in the scene, and on the screen; and which keys are held."""

    view_x: float
    view_y: float
    x: float
    y: float
    screen: QPoint
    keys: Qt.KeyboardModifier

    def holds(self, key: Qt.KeyboardModifier) -> bool:
        """Whether this modifier is held."""
        return bool(self.keys & key)

    @property
    def alt(self) -> bool:
        """Whether Alt is held: it suspends snapping and splicing."""
        return self.holds(Qt.KeyboardModifier.AltModifier)

    def is_drag_from(self, start: "Pointer") -> bool:
        """Whether this is far enough from a press to be more than a click."""
        return abs(self.view_x - start.view_x) >= DRAG_PX or abs(self.view_y - start.view_y) >= DRAG_PX


class Stage(Protocol):
    """What gestures may see and do of the canvas."""

    workspace: Workspace
    columns: Columns

    @property
    def camera(self) -> Camera: ...

    def set_camera(self, camera: Camera) -> None:
        """Look from there."""

    def set_motion(self, motion: Motion | None) -> None:
        """Show blocks away from their place."""

    def part_edge(self, edge_id: str) -> None:
        """Show the wire that a drop would go into; "" for none."""

    def snap(self, x: float, y: float, pointer: Pointer) -> tuple[float, float]:
        """The place on the grid, unless snapping is off or suspended."""

    def hit(self, x: float, y: float) -> Hit:
        """What lies under a scene point."""

    def say(self, text: str) -> None:
        """Tell the person something short."""

    def ask_block(self, pointer: Pointer, source: tuple[str, str] | None, target: tuple[str, str] | None) -> None:
        """Offer blocks to add here, wired to this output or input."""


class Gesture:
    """One drag with the mouse. Subclasses override what they need."""

    cursor: Qt.CursorShape | None = None
    follows_edges = True
    """Whether the view moves along when the pointer nears its edge."""

    def move(self, pointer: Pointer) -> None:
        """The pointer is here now."""

    def finish(self, pointer: Pointer) -> None:
        """The button was released here."""

    def cancel(self) -> None:
        """Put everything back as it was before the press."""

    def bounds(self) -> Rect | None:
        """The part of the scene that `paint` may touch."""
        return None

    def paint(self, painter: QPainter, picture: Picture) -> None:
        """Paint what belongs to the gesture, over everything, in device pixels."""
