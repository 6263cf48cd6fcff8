"""The bar over the top of the canvas: what happened and what can be done. It never blocks and moves no work."""

from collections.abc import Callable
from typing import Literal

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QWidget

from editor.theme import Theme

Level = Literal["info", "success", "warning", "error"]
_ICONS = {"info": "info", "success": "circle-check", "warning": "triangle-alert", "error": "circle-alert"}
SHOWN_MS = 6000


class NoticeBar(QFrame):
    """One notice at a time; a new one takes the place of the old. Errors stay until closed or replaced.

    A lasting notice comes back after each other one, until it is closed or what it is about is settled.
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notice-bar")
        self._theme = theme
        self._level: Level = "info"
        self._handler: Callable[[], None] | None = None
        self._lasting: dict[str, tuple[str, str, Callable[[], None] | None]] = {}
        self._icon = QLabel(self)
        self._label = QLabel(self)
        self._label.setTextFormat(Qt.TextFormat.PlainText)
        self._label.setWordWrap(True)
        self._label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._button = QPushButton(self)
        self._close = QToolButton(self)
        self._close.setAccessibleName("Close this message")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 7, 8, 7)
        layout.setSpacing(10)
        for widget in (self._icon, self._label, self._button, self._close):
            layout.addWidget(widget)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.dismiss)
        self._close.clicked.connect(self._on_close)
        self._button.clicked.connect(self._on_button)
        theme.changed.connect(self._paint)
        self.hide()

    @property
    def text(self) -> str:
        """The notice that is shown, "" when there is none."""
        return self._label.text() if not self.isHidden() else ""

    def show_notice(
        self, text: str, level: Level = "info", action: str = "", handler: Callable[[], None] | None = None
    ) -> None:
        """Show a notice, with a button `action` that calls `handler` if given.

        Good news goes by itself, and so does a plain remark. A remark with a button waits for its answer.
        """
        self._level, self._handler = level, handler
        self._label.setText(text)
        self._button.setText(action)
        self._button.setVisible(bool(action))
        self._paint()
        self.show()
        self._timer.stop()
        if level == "success" or (level == "info" and not action):
            self._timer.start(SHOWN_MS)

    def show_lasting(
        self, text: str, action: str = "", handler: Callable[[], None] | None = None, *, about: str
    ) -> None:
        """Show an error that holds until `settle`: whatever is told meanwhile only covers it.

        There is one for each thing that it may be `about`, such as "file"; the newest is shown.
        """
        self._lasting.pop(about, None)
        self._lasting[about] = text, action, handler
        self.show_notice(text, "error", action, handler)

    def settle(self, about: str = "") -> None:
        """What the lasting notice about this tells, or all of them, is no longer so."""
        left = {item: told for item, told in self._lasting.items() if about and item != about}
        if len(left) < len(self._lasting):
            self._lasting = left
            self.dismiss()

    @Slot()
    def dismiss(self) -> None:
        """Take the notice away; a lasting one is shown again."""
        self._timer.stop()
        self._handler = None
        if not self._lasting:
            self.hide()
        else:
            text, action, handler = list(self._lasting.values())[-1]
            self.show_notice(text, "error", action, handler)

    def _on_close(self) -> None:
        self._lasting = {about: told for about, told in self._lasting.items() if told[0] != self._label.text()}
        self.dismiss()

    def _on_button(self) -> None:
        handler = self._handler
        self.dismiss()
        if handler:
            handler()

    def _paint(self) -> None:
        colors = self._theme.colors
        accent = {"info": colors.accent, "success": colors.success, "warning": colors.warning, "error": colors.error}
        soft = {
            "info": colors.accent_soft,
            "success": colors.success_soft,
            "warning": colors.warning_soft,
            "error": colors.error_soft,
        }
        self._icon.setPixmap(self._theme.pixmap(_ICONS[self._level], 18, accent[self._level], self.devicePixelRatioF()))
        self._close.setIcon(self._theme.icon("x"))
        self.setStyleSheet(
            f"#notice-bar {{ background: {soft[self._level]}; border: none; "
            f"border-bottom: 1px solid {colors.border}; }} QLabel {{ background: transparent; }}"
        )
