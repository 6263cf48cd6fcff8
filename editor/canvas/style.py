"""Colours, pens and fonts of the canvas at one scale, and how much detail is drawn at one zoom."""

from enum import IntEnum
from functools import cached_property

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QGuiApplication, QPen

from editor.canvas.marks import DONE, FAILED, RUNNING, SKIPPED, WAITING
from editor.theme import Theme

TITLE_PX, SMALL_PX = 13.0, 11.0
_MAX_CACHED_TEXTS = 20_000


class Detail(IntEnum):
    """What can be read at a zoom: boxes only; boxes with icon and state; also titles; everything."""

    FAR = 0
    BOX = 1
    TITLE = 2
    FULL = 3


def detail_at(zoom: float) -> Detail:
    """The level of detail at this zoom. Source: craft notes, drawing budget."""
    if zoom >= 0.6:
        return Detail.FULL
    if zoom >= 0.35:
        return Detail.TITLE
    return Detail.BOX if zoom >= 0.15 else Detail.FAR


class Texts:
    """Texts cut to a width, measured once for all zooms: fonts are laid out unhinted, so widths scale exactly."""

    def __init__(self) -> None:
        self._cut: dict[tuple[str, float, bool], str] = {}

    def cut(self, text: str, width: float, bold: bool = False) -> str:
        """The text with an ellipsis where it is wider than `width` scene units."""
        key = (text, width, bold)
        found = self._cut.get(key)
        if found is None:
            if len(self._cut) >= _MAX_CACHED_TEXTS:
                self._cut.clear()
            metrics = self._bold_metrics if bold else self._plain_metrics
            found = self._cut[key] = metrics.elidedText(text[:300], Qt.TextElideMode.ElideRight, width)
        return found

    def width(self, text: str, bold: bool = False) -> float:
        """How wide a short text is, in scene units."""
        return (self._bold_metrics if bold else self._plain_metrics).horizontalAdvance(text[:300])

    @cached_property
    def _bold_metrics(self) -> QFontMetricsF:
        return QFontMetricsF(_font(TITLE_PX, bold=True))

    @cached_property
    def _plain_metrics(self) -> QFontMetricsF:
        return QFontMetricsF(_font(SMALL_PX))


class Style:
    """Everything painting takes its looks from. One per theme, zoom and device pixel ratio."""

    def __init__(self, theme: Theme, texts: Texts, zoom: float, ratio: float) -> None:
        self.theme = theme
        self.texts = texts
        self.zoom, self.ratio, self.scale = zoom, ratio, zoom * ratio
        self.detail = detail_at(zoom)
        colors = theme.colors
        self.canvas, self.dot, self.dot_strong = QColor(colors.canvas), QColor(colors.dot), QColor(colors.dot_strong)
        self.block, self.border = QColor(colors.block), QColor(colors.block_border)
        self.text, self.muted, self.faint = QColor(colors.text), QColor(colors.text_muted), QColor(colors.text_faint)
        self.wire, self.wire_hover = QColor(colors.wire), QColor(colors.wire_hover)
        self.selection, self.field = QColor(colors.selection), QColor(colors.hover)
        self.error, self.warning = QColor(colors.error), QColor(colors.warning)
        self.on_accent, self.raised = QColor(colors.on_accent), QColor(colors.raised)

    @cached_property
    def title_font(self) -> QFont:
        """The font of titles, at this scale."""
        return _font(TITLE_PX * self.scale, bold=True)

    @cached_property
    def small_font(self) -> QFont:
        """The font of everything else on a card, at this scale."""
        return _font(SMALL_PX * self.scale)

    @cached_property
    def label_font(self) -> QFont:
        """The font of notes beside the cursor: the same on screen at any zoom."""
        return _font(12.0 * self.ratio)

    def status_color(self, status: int) -> QColor:
        """The colour of a run state; the icon's shape and the words say the same."""
        colors = self.theme.colors
        names = {
            WAITING: colors.text_faint,
            RUNNING: colors.running,
            DONE: colors.success,
            FAILED: colors.error,
            SKIPPED: colors.skipped,
        }
        return QColor(names.get(status, colors.block_border))

    def pen(self, color: QColor, width_px: float, style: Qt.PenStyle = Qt.PenStyle.SolidLine) -> QPen:
        """A pen `width_px` logical pixels wide, for painting in device pixels."""
        pen = QPen(color, width_px * self.ratio, style)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap if style == Qt.PenStyle.SolidLine else Qt.PenCapStyle.FlatCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        return pen

    @cached_property
    def wire_px(self) -> float:
        """How wide a wire is, in logical pixels."""
        return 2.0 if self.detail is Detail.FULL else 1.0


def faded(color: QColor, alpha: float) -> QColor:
    """The colour with this opacity."""
    other = QColor(color)
    other.setAlphaF(alpha)
    return other


def _font(pixels: float, bold: bool = False) -> QFont:
    font = QFont(QGuiApplication.font())
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    # Cards are painted on clear pixmaps, where letters cannot have coloured edges; they look alike everywhere.
    font.setStyleStrategy(QFont.StyleStrategy.NoSubpixelAntialias)
    # Pixel sizes are whole numbers in Qt, point sizes are not.
    font.setPointSizeF(max(pixels, 1.0) * 72.0 / _dots_per_inch())
    if bold:
        font.setWeight(QFont.Weight.DemiBold)
    return font


def _dots_per_inch() -> float:
    screen = QGuiApplication.primaryScreen()
    return screen.logicalDotsPerInch() if screen else 96.0
