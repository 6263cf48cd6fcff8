"""The chip in the toolbar: whether the workflow takes calls on its server, with a countdown while it is armed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from PySide6.QtCore import QEvent, QObject, QPoint, QSize, Qt, Signal
from PySide6.QtWidgets import QToolButton, QWidget

from editor.panels.deploy.review_dialog import fire_text
from editor.text import set_style, set_tooltip
from editor.theme import Theme
from editor.workspace.deployment import Deployment
from editor.workspace.livestate import Kind, LiveState, Told
from engine import deployreview

_WIDEST = "Armed for one call, 10:00 left"
_NARROW_PX = 1000
"""In a narrower window the countdown is told in fewer words, or the chip would not fit into the toolbar."""


@dataclass(frozen=True)
class _Look:
    icon: str
    color: str
    pill: str


_LOOKS: Mapping[Kind, _Look] = {
    "none": _Look("circle-dashed", "text_faint", "quiet"),
    "off": _Look("circle", "text_muted", "plain"),
    "armed": _Look("timer", "warning", "warning"),
    "live": _Look("radio", "success", "success"),
    "unreachable": _Look("unlink", "error", "error"),
    "denied": _Look("key", "error", "error"),
    "gone": _Look("trash-2", "error", "error"),
    "unknown": _Look("circle-dashed", "text_faint", "plain"),
}


class StateChip(QToolButton):
    """Shows `Deployment.state` in a shape, a colour and words.

    Signals:
        menu_requested(QPoint): the chip was pressed; where its menu belongs, on the screen.
    """

    menu_requested = Signal(QPoint)

    def __init__(self, deployment: Deployment, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._deployment = deployment
        self._theme = theme
        self.setObjectName("state-chip")
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setIconSize(QSize(16, 16))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.clicked.connect(self._on_clicked)
        deployment.state_changed.connect(self.refresh)
        deployment.ticked.connect(self.refresh)
        theme.changed.connect(self.refresh)
        if parent is not None:
            parent.window().installEventFilter(self)
        self.refresh()

    def refresh(self) -> None:
        """Show the state as it is now."""
        state = self._deployment.state
        look = _LOOKS[state.kind]
        words = self._deployment.text
        is_narrow = self.window().width() < _NARROW_PX
        # Figures are of different widths in most fonts: a chip that grew and shrank each second would be a nuisance.
        self.setMinimumWidth(self._widest(is_narrow) if state.kind == "armed" else 0)
        self.setText(_shorter(words) if is_narrow else words)
        self.setIcon(self._theme.icon(look.icon, getattr(self._theme.colors, look.color)))
        set_style(self, "pill", look.pill)
        self.setAccessibleName(f"On the server: {self._deployment.text}")
        set_tooltip(self, tip(state))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and self._deployment.state.kind == "armed":
            self.refresh()
        return super().eventFilter(watched, event)

    def _widest(self, is_narrow: bool) -> int:
        return self.fontMetrics().horizontalAdvance(_shorter(_WIDEST) if is_narrow else _WIDEST) + 52

    def _on_clicked(self) -> None:
        self.menu_requested.emit(self.mapToGlobal(QPoint(0, self.height() + 2)))


def _shorter(words: str) -> str:
    return words.replace(" for one call, ", " ").removesuffix(" left")


def tip(state: LiveState) -> str:
    """What the state means and what is behind it, in sentences."""
    if state.kind in ("unreachable", "denied", "gone") and state.trouble:
        before = f"\nBefore that: {_before(state)}." if state.last else ""
        return f"{state.trouble}{before}"
    if state.kind == "off" and not state.is_certain:
        return (
            "Calls of the webhook are refused, as far as can be known: this server does not tell whether somebody "
            "else has armed the workflow."
        )
    schedule = schedule_words(state.last, datetime.now(UTC)) if state.kind == "live" and state.last else ""
    return f"{_TIPS[state.kind]}\n{schedule}".strip()


def schedule_words(told: Told, now: datetime) -> str:
    """The schedule of what is live and when it runs next; "" where there is none."""
    if not told.schedule:
        return ""
    plan = deployreview.running_schedule(dict(told.schedule), now, told.next_runs)
    following = f" Next: {fire_text(plan.next_fires[0])} ({plan.timezone})." if plan.next_fires else ""
    return f"Schedule: {plan.words}.{following}"


def _before(state: LiveState) -> str:
    return "live" if state.last and state.last.is_deployed else "off"


_TIPS: Mapping[Kind, str] = {
    "none": "The workflow is on this machine only. Save it to a server to have it called or run there.",
    "off": "The server refuses calls of the webhook, and a schedule rests. Arm it for one call, or deploy it.",
    "armed": "The server takes exactly one call of the webhook. After that, or when the time is over, it is off again.",
    "live": "The server takes every call of the webhook, and runs the workflow by its schedule if it has one.",
    "unreachable": "The server does not answer.",
    "denied": "The server does not accept the key.",
    "gone": "The workflow is not on the server any more.",
    "unknown": "The server is being asked.",
}
