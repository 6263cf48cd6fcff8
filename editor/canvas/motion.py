"""What moves on the canvas: blocks away from their place in the document, and the one clock that animates."""

from dataclasses import dataclass
from time import perf_counter

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from editor.canvas.columns import Columns
from editor.canvas.geometry import Floats, Rows

GLIDE_S, ZOOM_S, PULSE_S = 0.12, 0.12, 0.5
FRAME_MS = 16


@dataclass(frozen=True)
class Motion:
    """Blocks shown away from where the document has them, by `dx` and `dy` scene units (one number, or one per row).

    With `as_copies` the blocks themselves stay and copies of them are shown.
    """

    rows: Rows
    dx: float | Floats
    dy: float | Floats
    as_copies: bool = False

    def displaced(self, columns: Columns) -> Columns:
        """The columns with the blocks where they are shown."""
        x, y = columns.x.copy(), columns.y.copy()
        x[self.rows] += self.dx
        y[self.rows] += self.dy
        return columns.displaced(x, y)

    def edges(self, columns: Columns) -> Rows:
        """The wires that move along: all that touch a moving block, or those between copies."""
        touched = columns.edges_of(self.rows)
        if not self.as_copies:
            return touched
        within = np.zeros(len(columns), dtype=np.bool_)
        within[self.rows] = True
        return touched[within[columns.source[touched]] & within[columns.target[touched]]]


@dataclass(frozen=True)
class Glide:
    """Blocks on their way to a new place: how far they were from it when the glide began."""

    rows: Rows
    dx: Floats
    dy: Floats
    began_at: float

    def at(self, now: float) -> Motion | None:
        """The motion at this moment, None when all have arrived."""
        left = 1.0 - eased((now - self.began_at) / GLIDE_S)
        return Motion(self.rows, self.dx * left, self.dy * left) if left > 0 else None


class Clock(QObject):
    """Ticks once a frame while somebody needs it, and stands still otherwise.

    Signals:
        ticked(float): a frame begins; carries the seconds since the clock was made.
    """

    ticked = Signal(float)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._began_at = perf_counter()
        self._timer = QTimer(self)
        self._timer.setInterval(FRAME_MS)
        self._timer.timeout.connect(self._on_timeout)

    @property
    def now(self) -> float:
        """Seconds since the clock was made."""
        return perf_counter() - self._began_at

    def run(self, wanted: bool) -> None:
        """Tick from now on, or stop."""
        if wanted and not self._timer.isActive():
            self._timer.start()
        elif not wanted:
            self._timer.stop()

    def _on_timeout(self) -> None:
        self.ticked.emit(self.now)


def eased(part: float) -> float:
    """How far a movement has come after this part of its time: fast at first, gentle at the end; 1 from 1 on."""
    part = min(max(part, 0.0), 1.0)
    return 1.0 - (1.0 - part) ** 3
