"""Garbage is collected on the UI thread alone.

Python collects wherever it happens to allocate, also on a worker's thread, and an object of Qt that is destroyed on a
thread that is not its own can take the program down.
"""

import gc

from PySide6.QtCore import QObject, QTimer

LOOK_EVERY_MS = 200


class Collector(QObject):
    """Takes over from Python's automatic collection while it lives, by the same thresholds."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        gc.disable()
        gc.freeze()  # what is there at the start stays: no need to look at it ever again
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_EVERY_MS)
        self._timer.timeout.connect(self.look)
        self._timer.start()

    def look(self) -> None:
        """Collect the oldest generation that is due."""
        counts, thresholds = gc.get_count(), gc.get_threshold()
        for generation in (2, 1, 0):
            if counts[generation] > thresholds[generation]:
                gc.collect(generation)
                break

    def stop(self) -> None:
        """Leave it to Python again."""
        self._timer.stop()
        gc.unfreeze()
        gc.enable()
