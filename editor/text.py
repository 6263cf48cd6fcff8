"""Text from documents, files, runs and models on the screen: always plain, never markup.

Qt guesses rich text from its first characters, and rich text can open files. So labels are made here, with their format
set, and what can only take rich text, such as a tooltip, gets its text escaped.
"""

import html

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QLabel, QWidget

NO_DURATION = "—"


def plain_label(text: str = "", parent: QWidget | None = None, *, role: str = "", wrap: bool = False) -> QLabel:
    """A label that shows exactly this text. `role` is a style of `editor.qss`: "muted", "error", "title" ..."""
    label = QLabel(parent)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setText(text)
    label.setWordWrap(wrap)
    if role:
        label.setProperty("role", role)
    return label


def set_role(widget: QWidget, role: str) -> None:
    """Give the widget another style of `editor.qss`."""
    set_style(widget, "role", role)


def set_style(widget: QWidget, name: str, value: object) -> None:
    """Set a property that `editor.qss` asks for, and have the widget styled anew when it changed."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def set_tooltip(widget: QWidget, text: str) -> None:
    """Show this text as the widget's tooltip, as it stands."""
    widget.setToolTip(tooltip_text(text))


def tooltip_text(text: str) -> str:
    """The text made fit for a tooltip or a message box: escaped, line breaks kept."""
    return f"<span style='white-space: pre-wrap'>{html.escape(text)}</span>" if text else ""


def one_line(text: str, limit: int = 200) -> str:
    """The beginning of a text on one line, with an ellipsis where something is left out."""
    line = " ".join(text[: limit * 2].split())
    return line if len(line) <= limit and len(text) <= limit * 2 else f"{line[: limit - 1]}…"


def elided(text: str, metrics: QFontMetrics, width: int) -> str:
    """The text cut at its end to fit `width` pixels; what cannot fit at all is not measured."""
    return metrics.elidedText(text[:1000], Qt.TextElideMode.ElideRight, max(0, width))


def duration_text(duration_ms: float | None) -> str:
    """A duration as people read it: `0.42 ms`, `12 ms`, `3.05 s`; a dash for none.

    Source: contract section 6, "duration format".
    """
    if duration_ms is None:
        return NO_DURATION
    if duration_ms < 1:
        return f"{duration_ms:.2f} ms"
    if round(duration_ms) < 1000:
        return f"{round(duration_ms)} ms"
    return f"{duration_ms / 1000:.2f} s"


def ago_text(seconds: float) -> str:
    """How long ago something was, as people say it: `just now`, `4 minutes ago`, `3 days ago`."""
    for size, noun in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{count_text(int(seconds // size), noun)} ago"
    return "just now"


def count_text(count: int, one: str, many: str = "") -> str:
    """A count with its noun: `1 block`, `1,204 blocks`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
