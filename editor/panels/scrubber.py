"""The bar under a finished run with which one goes back and forth through its moments."""

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QHBoxLayout, QSlider, QWidget

from editor.panels.widgets import IconButton
from editor.text import duration_text, plain_label
from editor.theme import Theme
from editor.workspace.replay import Replay

LABEL_WIDTH = 150


class Scrubber(QWidget):
    """A slider with a step button at each end. Hidden while there is no finished run."""

    def __init__(self, replay: Replay, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._replay = replay
        self.slider = QSlider(Qt.Orientation.Horizontal, self)
        self.slider.setAccessibleName("Moment of the run")
        self.slider.setMinimum(1)
        self.back = IconButton(theme, "chevron-left", "One event back", self)
        self.forward = IconButton(theme, "chevron-right", "One event on", self)
        self.label = plain_label("", self, role="muted")
        self.label.setMinimumWidth(LABEL_WIDTH)
        self.label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 0, 12, 6)
        layout.setSpacing(6)
        layout.addWidget(self.back)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self.forward)
        layout.addWidget(self.label)
        self.slider.valueChanged.connect(replay.show)
        self.back.clicked.connect(self._on_back)
        self.forward.clicked.connect(self._on_forward)
        replay.changed.connect(self._refresh)
        self._refresh()

    def _on_back(self) -> None:
        self._replay.show(self._replay.position - 1)

    def _on_forward(self) -> None:
        self._replay.show(self._replay.position + 1)

    def _refresh(self) -> None:
        length, position = self._replay.length, self._replay.position
        self.setVisible(bool(length))
        if not length:
            return
        with QSignalBlocker(self.slider):
            self.slider.setMaximum(length)
            self.slider.setPageStep(max(1, length // 10))
            self.slider.setValue(position)
        self.back.setEnabled(position > 1)
        self.forward.setEnabled(position < length)
        after = duration_text(self._replay.elapsed_ms)
        self.label.setText("Whole run" if position == length else f"{position:,} of {length:,}, after {after}")
