"""Colours, fonts, sizes and icons, light and dark. Nothing else in the editor names a colour.

`Theme` holds which of the two is shown and tells when that changes. Widgets take colours from `theme.colors`, block
accents from `theme.hue(...)`, icons from `theme.icon(...)`; plain widgets get theirs by palette and style sheet.
"""

from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from string import Template
from typing import Literal

from PySide6.QtCore import QByteArray, QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QIcon, QImage, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

RESOURCES = Path(__file__).resolve().parents[1] / "resources"
ThemeChoice = Literal["system", "light", "dark"]


@dataclass(frozen=True)
class Colors:
    """Named colours of one theme, as #rrggbb."""

    window: str
    panel: str
    raised: str
    field: str
    hover: str
    pressed: str
    border: str
    border_strong: str
    text: str
    text_muted: str
    text_faint: str
    accent: str
    accent_soft: str
    on_accent: str
    canvas: str
    dot: str
    dot_strong: str
    block: str
    block_border: str
    wire: str
    wire_hover: str
    selection: str
    running: str
    success: str
    warning: str
    error: str
    error_soft: str
    warning_soft: str
    success_soft: str
    skipped: str
    code_keyword: str
    code_string: str
    code_number: str
    code_comment: str
    code_name: str
    code_reference: str


LIGHT = Colors(
    window="#eef0f3",
    panel="#f8f9fb",
    raised="#ffffff",
    field="#ffffff",
    hover="#e8ebf0",
    pressed="#dde2ea",
    border="#d9dee6",
    border_strong="#b9c1cd",
    text="#1b2330",
    text_muted="#566173",
    text_faint="#6d788a",
    accent="#2f5fe0",
    accent_soft="#e3eafd",
    on_accent="#ffffff",
    canvas="#f3f5f8",
    dot="#d3d9e2",
    dot_strong="#bcc5d1",
    block="#ffffff",
    block_border="#cfd6e0",
    wire="#8b97a8",
    wire_hover="#4f5c70",
    selection="#2f5fe0",
    running="#2f5fe0",
    success="#1a7f4b",
    warning="#9a6200",
    error="#c62f3b",
    error_soft="#fdeaec",
    warning_soft="#fdf3de",
    success_soft="#e3f5ea",
    skipped="#7a8597",
    code_keyword="#8a3ea8",
    code_string="#1a7f4b",
    code_number="#9a5b00",
    code_comment="#6d788a",
    code_name="#1f55b5",
    code_reference="#0d7a80",
)

DARK = Colors(
    window="#14171c",
    panel="#1a1e25",
    raised="#222731",
    field="#14181e",
    hover="#2a303b",
    pressed="#333a47",
    border="#2f3642",
    border_strong="#4a5465",
    text="#e7ebf2",
    text_muted="#a4aebd",
    text_faint="#8b96a7",
    accent="#6f9bff",
    accent_soft="#243150",
    on_accent="#0c1220",
    canvas="#111419",
    dot="#262c36",
    dot_strong="#363e4b",
    block="#1f242d",
    block_border="#3a4351",
    wire="#66738a",
    wire_hover="#a9b5c8",
    selection="#6f9bff",
    running="#6f9bff",
    success="#4cc38a",
    warning="#e3a53c",
    error="#ff7680",
    error_soft="#3a2026",
    warning_soft="#372b16",
    success_soft="#183327",
    skipped="#8b96a7",
    code_keyword="#c792ea",
    code_string="#8fd3a1",
    code_number="#e8b26a",
    code_comment="#8b96a7",
    code_name="#82aaff",
    code_reference="#5fd0d6",
)


@dataclass(frozen=True)
class Hue:
    """The accent of a block type: `solid` for bars and icons, `soft` as a background behind the icon."""

    solid: str
    soft: str


_HUES_LIGHT = {
    "emerald": Hue("#0f8a5f", "#dff3ea"),
    "sky": Hue("#0b7fb8", "#dcf0fa"),
    "rose": Hue("#cf3460", "#fce5ec"),
    "orange": Hue("#c2560c", "#fdebdc"),
    "teal": Hue("#0c857d", "#dbf2f0"),
    "violet": Hue("#6d45d9", "#ece6fc"),
    "amber": Hue("#a76a00", "#faefd6"),
    "indigo": Hue("#4650d6", "#e6e8fc"),
    "blue": Hue("#2468d6", "#e1ebfc"),
    "fuchsia": Hue("#b02fc0", "#f9e4fb"),
    "grey": Hue("#6b7686", "#e9ecf0"),
}
_HUES_DARK = {
    "emerald": Hue("#3fc592", "#173229"),
    "sky": Hue("#4bb8ec", "#152d3b"),
    "rose": Hue("#f5718f", "#3a1d28"),
    "orange": Hue("#f2934d", "#3a2616"),
    "teal": Hue("#3cc4ba", "#143231"),
    "violet": Hue("#a98bfa", "#2b2348"),
    "amber": Hue("#e5b04a", "#362a14"),
    "indigo": Hue("#8b93fb", "#23264a"),
    "blue": Hue("#6ea6ff", "#192c4c"),
    "fuchsia": Hue("#e280f0", "#3a1d40"),
    "grey": Hue("#97a2b3", "#272d37"),
}


class Theme(QObject):
    """Which theme is shown; the one object that colours come from.

    Signals:
        changed(): colours changed; whoever paints or made icons does so anew.
    """

    changed = Signal()

    def __init__(self, choice: ThemeChoice = "system", parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._choice: ThemeChoice = choice
        hints = QGuiApplication.styleHints()
        self._dark = self._wants_dark()
        hints.colorSchemeChanged.connect(self._on_system_changed)

    @property
    def choice(self) -> ThemeChoice:
        """What the person chose: to follow the system, or one of the two."""
        return self._choice

    @property
    def is_dark(self) -> bool:
        """Whether the dark colours are shown."""
        return self._dark

    @property
    def colors(self) -> Colors:
        """The colours of the theme that is shown."""
        return DARK if self._dark else LIGHT

    def hue(self, name: str) -> Hue:
        """The accent colours of a block type; grey for a name nobody knows."""
        hues = _HUES_DARK if self._dark else _HUES_LIGHT
        return hues.get(name, hues["grey"])

    def choose(self, choice: ThemeChoice) -> None:
        """Follow the system, or stay light or dark."""
        self._choice = choice
        self._update()

    def apply(self, app: QApplication) -> None:
        """Give the application palette, font and style sheet of this theme."""
        app.setStyle("Fusion")
        app.setPalette(_palette(self.colors))
        app.setStyleSheet(_style_sheet(self.colors, self._dark))

    def icon(self, name: str, color: str | None = None) -> QIcon:
        """An icon from `resources/icons`, drawn in the text colour or the given one, crisp at any scale."""
        normal = color or self.colors.text_muted
        return _icon(name, normal, self.colors.border_strong, self.colors.accent)

    def pixmap(self, name: str, size: int, color: str, ratio: float = 1.0) -> QPixmap:
        """The icon as a square pixmap of `size` logical pixels for this device pixel ratio."""
        return _pixmap(name, size, color, ratio)

    def _wants_dark(self) -> bool:
        if self._choice == "system":
            return QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
        return self._choice == "dark"

    def _on_system_changed(self) -> None:
        self._update()

    def _update(self) -> None:
        dark = self._wants_dark()
        if dark != self._dark:
            self._dark = dark
            app = QApplication.instance()
            if isinstance(app, QApplication):
                self.apply(app)
            self.changed.emit()


def mono_font(point_size: float = 0.0) -> QFont:
    """The system's fixed-width font, at the application's size or the given one."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    font.setStyleHint(QFont.StyleHint.Monospace)
    font.setPointSizeF(point_size or QGuiApplication.font().pointSizeF())
    return font


@lru_cache(maxsize=128)
def _svg(name: str) -> str:
    path = RESOURCES / "icons" / f"{name}.svg"
    if not path.exists():
        path = RESOURCES / "icons" / "unknown.svg"
    return path.read_text("utf-8")


@lru_cache(maxsize=1024)
def _pixmap(name: str, size: int, color: str, ratio: float) -> QPixmap:
    renderer = QSvgRenderer(QByteArray(_svg(name).replace("currentColor", color).encode()))
    pixels = max(1, round(size * ratio))
    image = QImage(QSize(pixels, pixels), QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    renderer.render(painter, QRectF(0, 0, pixels, pixels))
    painter.end()
    pixmap = QPixmap.fromImage(image)
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


@lru_cache(maxsize=256)
def _icon(name: str, normal: str, disabled: str, active: str) -> QIcon:
    icon = QIcon()
    for size in (16, 20, 24, 32, 48):
        icon.addPixmap(_pixmap(name, size, normal, 1.0), QIcon.Mode.Normal)
        icon.addPixmap(_pixmap(name, size, disabled, 1.0), QIcon.Mode.Disabled)
        icon.addPixmap(_pixmap(name, size, active, 1.0), QIcon.Mode.Normal, QIcon.State.On)
    return icon


def _palette(colors: Colors) -> QPalette:
    roles = QPalette.ColorRole
    palette = QPalette()
    for role, color in (
        (roles.Window, colors.panel),
        (roles.WindowText, colors.text),
        (roles.Base, colors.field),
        (roles.AlternateBase, colors.panel),
        (roles.Text, colors.text),
        (roles.PlaceholderText, colors.text_faint),
        (roles.Button, colors.raised),
        (roles.ButtonText, colors.text),
        (roles.ToolTipBase, colors.raised),
        (roles.ToolTipText, colors.text),
        (roles.Highlight, colors.accent),
        (roles.HighlightedText, colors.on_accent),
        (roles.Link, colors.accent),
        (roles.Light, colors.border),
        (roles.Mid, colors.border),
        (roles.Dark, colors.border_strong),
        (roles.Shadow, colors.border_strong),
    ):
        palette.setColor(role, QColor(color))
    for role in (roles.WindowText, roles.Text, roles.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(colors.text_faint))
    return palette


def _style_sheet(colors: Colors, dark: bool) -> str:
    template = Template((RESOURCES / "themes" / "editor.qss").read_text("utf-8"))
    arrow = RESOURCES / "themes" / ("chevron-dark.svg" if dark else "chevron-light.svg")
    check = RESOURCES / "themes" / ("check-dark.svg" if dark else "check-light.svg")
    names = {item.name: getattr(colors, item.name) for item in fields(colors)}
    return template.substitute(names, arrow=arrow.as_posix(), check=check.as_posix())
