"""Pixmaps of what cards are made of, at one scale: bodies with their shadow, icon tiles, ports, states and badges.

Each is painted when it is first needed and used for every card that looks alike; cards share pixmaps, never own one.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPixmap

from editor.canvas.cards import FIELD_LINE, HEADER, WIDTH
from editor.canvas.geometry import Floats
from editor.canvas.marks import NONE, STATUS_ICONS
from editor.canvas.style import Detail, Style, faded
from editor.theme import Theme

RADIUS = 10.0
SHADOW = 12.0
TILE, TILE_AT = 36.0, 12.0
TILE_RADIUS, TILE_ICON = 9.0, 20.0
PORT_RADIUS = 5.0
STATUS_SIZE = 14.0
MAX_CARD_BYTES = 48 * 1024 * 1024
_Key = tuple[object, ...]


class Atlas:
    """Pixmaps for one `Style`. All sizes are scene units times the style's scale, in device pixels."""

    def __init__(self, style: Style) -> None:
        self._style = style
        self._cells: dict[_Key, QPixmap] = {}
        self.cards = CardStore()

    @property
    def margin(self) -> int:
        """How far a body's pixmap reaches out of the card, in device pixels: room for shadow and ring."""
        return max(2, round(SHADOW * self._style.scale))

    def body(self, height: float, has_field: bool, selected: bool, enabled: bool, status: int) -> QPixmap:
        """The card without its contents. Its corner is `margin` left of and above the card's."""
        key = ("body", height, has_field, selected, enabled, status)
        return self._cell(key, lambda: self._paint_body(height, has_field, selected, enabled, status))

    def ring(self, height: float, color: QColor, width_px: float) -> QPixmap:
        """Only an outline of a card, such as the hovered one's."""
        key = ("ring", height, color.rgba(), width_px)
        return self._cell(key, lambda: self._paint_ring(height, color, width_px))

    def tile(self, icon: str, hue: str, enabled: bool) -> QPixmap:
        """The icon on its soft square."""
        return self._cell(("tile", icon, hue, enabled), lambda: self._paint_tile(icon, hue, enabled))

    def box(self, icon: str, hue: str, height: float, selected: bool, enabled: bool, status: int) -> QPixmap:
        """A whole card as it looks from far: coloured, with its icon, outlined by its run state."""
        key = ("box", icon, hue, height, selected, enabled, status)
        return self._cell(key, lambda: self._paint_box(icon, hue, height, selected, enabled, status))

    def port(self, color: QColor, filled: bool, grown: bool = False) -> QPixmap:
        """A port's dot, centred in its pixmap."""
        key = ("port", color.rgba(), filled, grown)
        return self._cell(key, lambda: self._paint_port(color, filled, grown))

    def status(self, status: int) -> QPixmap:
        """The icon of a run state."""
        color = self._style.status_color(status).name()
        return self._icon(STATUS_ICONS[status], STATUS_SIZE, color)

    def badge(self, errors: int, warnings: int) -> QPixmap:
        """How much is wrong with a block: a filled disc with a count, for the card's corner."""
        return self._cell(("badge", errors, warnings), lambda: self._paint_badge(errors, warnings))

    def _icon(self, name: str, size: float, color: str) -> QPixmap:
        def paint() -> QPixmap:
            pixels = max(1, round(size * self._style.scale))
            return self._theme.pixmap(name, pixels, color, 1.0)

        return self._cell(("icon", name, size, color), paint)

    # --- painting ---------------------------------------------------------------------------------------------------

    @property
    def _theme(self) -> Theme:
        return self._style.theme

    def _cell(self, key: _Key, paint: Callable[[], QPixmap]) -> QPixmap:
        found = self._cells.get(key)
        if found is None:
            found = self._cells[key] = paint()
        return found

    def _canvas(self, width: float, height: float) -> tuple[QPixmap, QPainter]:
        pixmap = QPixmap(max(1, round(width)), max(1, round(height)))
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        return pixmap, painter

    def _card_canvas(self, height: float) -> tuple[QPixmap, QPainter, QRectF]:
        scale, margin = self._style.scale, self.margin
        width, tall = round(WIDTH * scale), round(height * scale)
        pixmap, painter = self._canvas(width + 2 * margin, tall + 2 * margin)
        return pixmap, painter, QRectF(margin, margin, width, tall)

    def _paint_body(self, height: float, has_field: bool, selected: bool, enabled: bool, status: int) -> QPixmap:
        style, scale = self._style, self._style.scale
        pixmap, painter, card = self._card_canvas(height)
        radius = RADIUS * scale
        if style.detail is Detail.FULL and enabled:
            self._paint_shadow(painter, card, radius, strong=selected)
        inner = card.adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setBrush(style.block if enabled else _mixed(style.block, style.canvas, 0.6))
        painter.setPen(self._border_pen(enabled, status))
        painter.drawRoundedRect(inner, radius, radius)
        if has_field:
            painter.setPen(QPen(faded(style.border, 0.6), max(1.0, round(style.ratio))))
            y = card.top() + round(HEADER * scale) - 0.5
            painter.drawLine(QPointF(card.left() + radius, y), QPointF(card.right() - radius, y))
        if selected:
            self._outline(painter, card, radius, style.selection, 2.0)
        painter.end()
        return pixmap

    def _border_pen(self, enabled: bool, status: int) -> QPen:
        style = self._style
        if not enabled:
            pen = QPen(style.faint, max(1.0, style.ratio), Qt.PenStyle.CustomDashLine)
            pen.setDashPattern([4.0, 3.0])
            return pen
        color = style.border if status == NONE else _mixed(style.status_color(status), style.border, 0.65)
        return QPen(color, max(1.0, round(style.ratio)))

    def _paint_shadow(self, painter: QPainter, card: QRectF, radius: float, strong: bool) -> None:
        scale, margin = self._style.scale, self.margin
        depth = 0.5 if self._theme.is_dark else 0.24 if strong else 0.17
        size = round(card.width()) + 2 * margin, round(card.height()) + 2 * margin
        box = card.translated(0, 3 * scale)
        away = distance_to_box(*size, (box.left(), box.top(), box.right(), box.bottom()), radius)
        fade = np.clip(1.0 - away / ((SHADOW - 3) * scale), 0.0, 1.0)
        alpha = np.rint(255 * depth * fade**2.4).astype(np.uint32)
        painter.drawImage(0, 0, _black_with(alpha))

    def _outline(self, painter: QPainter, card: QRectF, radius: float, color: QColor, width_px: float) -> None:
        width = width_px * self._style.ratio
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(color, width))
        half = width / 2
        painter.drawRoundedRect(card.adjusted(-half, -half, half, half), radius + half, radius + half)

    def _paint_ring(self, height: float, color: QColor, width_px: float) -> QPixmap:
        pixmap, painter, card = self._card_canvas(height)
        self._outline(painter, card, RADIUS * self._style.scale, color, width_px)
        painter.end()
        return pixmap

    def _paint_tile(self, icon: str, hue: str, enabled: bool) -> QPixmap:
        scale = self._style.scale
        pixmap, painter = self._canvas(TILE * scale, TILE * scale)
        colors = self._theme.hue(hue if enabled else "grey")
        painter.setBrush(QColor(colors.soft))
        painter.drawRoundedRect(QRectF(pixmap.rect()), TILE_RADIUS * scale, TILE_RADIUS * scale)
        glyph = self._icon(icon, TILE_ICON, colors.solid)
        inset = (pixmap.width() - glyph.width()) // 2
        painter.drawPixmap(inset, inset, glyph)
        painter.end()
        return pixmap

    def _paint_box(self, icon: str, hue: str, height: float, selected: bool, enabled: bool, status: int) -> QPixmap:
        style, scale = self._style, self._style.scale
        pixmap, painter, card = self._card_canvas(height)
        colors = self._theme.hue(hue if enabled else "grey")
        painter.setBrush(QColor(colors.soft))
        border = colors.solid if status == NONE else style.status_color(status).name()
        painter.setPen(QPen(QColor(border), style.ratio * (1.0 if status == NONE else 2.0)))
        painter.drawRoundedRect(card.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS * scale, RADIUS * scale)
        side = min(max(30 * scale, 13 * style.ratio), 0.7 * card.height())
        glyph = self._theme.pixmap(icon, max(1, round(side)), colors.solid, 1.0)
        painter.drawPixmap(round(card.left() + 12 * scale), round(card.center().y() - side / 2), glyph)
        if status != NONE:
            mark = self._theme.pixmap(STATUS_ICONS[status], max(1, round(side)), border, 1.0)
            painter.drawPixmap(round(card.right() - 12 * scale - side), round(card.center().y() - side / 2), mark)
        if selected:
            self._outline(painter, card, RADIUS * scale, style.selection, 2.0)
        painter.end()
        return pixmap

    def _paint_port(self, color: QColor, filled: bool, grown: bool) -> QPixmap:
        style = self._style
        radius = PORT_RADIUS * style.scale * (1.5 if grown else 1.0)
        if grown:
            radius = max(radius, 6.0 * style.ratio)
        line = max(1.0, 1.5 * min(style.scale, 2 * style.ratio))
        side = 2 * (int(radius + line) + 1) + 1
        pixmap, painter = self._canvas(side, side)
        painter.setPen(QPen(color, line))
        painter.setBrush(color if filled else style.block)
        painter.drawEllipse(QPointF(side / 2, side / 2), radius - line / 2, radius - line / 2)
        painter.end()
        return pixmap

    def _paint_badge(self, errors: int, warnings: int) -> QPixmap:
        style, scale = self._style, self._style.scale
        count = errors or warnings
        text = str(count) if count < 100 else "99+"
        height = 18.0 * scale
        width = max(height, (style.texts.width(text) + 10.0) * scale)
        pixmap, painter = self._canvas(width, height)
        painter.setBrush(style.error if errors else style.warning)
        painter.setPen(QPen(style.canvas, max(1.0, 1.5 * scale)))
        inset = max(1.0, 1.5 * scale) / 2
        frame = QRectF(pixmap.rect()).adjusted(inset, inset, -inset, -inset)
        # Errors are round, warnings angular: the shape tells them apart too.
        corner = frame.height() / 2 if errors else frame.height() / 5
        painter.drawRoundedRect(frame, corner, corner)
        painter.setPen(QColor("#ffffff") if not self._theme.is_dark else style.canvas)
        painter.setFont(style.small_font)
        painter.drawText(frame, Qt.AlignmentFlag.AlignCenter, text)
        painter.end()
        return pixmap


class CardStore:
    """Whole cards, kept from their second painting on: while zooming no scale is seen twice."""

    def __init__(self) -> None:
        self._cards: dict[_Key, tuple[object, QPixmap]] = {}
        self._seen: set[_Key] = set()
        self._bytes = 0

    def find(self, key: _Key) -> QPixmap | None:
        """The card that was kept under this key."""
        found = self._cards.get(key)
        return found[1] if found else None

    def is_worth_keeping(self, key: _Key) -> bool:
        """Whether this card was painted before."""
        if key in self._seen:
            return True
        self._seen.add(key)
        return False

    def keep(self, key: _Key, owner: object, pixmap: QPixmap) -> None:
        """Keep a card, and alive with it the object whose identity is in the key."""
        self._bytes += 4 * pixmap.width() * pixmap.height()
        if self._bytes > MAX_CARD_BYTES:
            self._cards.clear()
            self._bytes = 0
        self._cards[key] = (owner, pixmap)


def distance_to_box(width: int, height: int, box: tuple[float, float, float, float], radius: float) -> Floats:
    """How far each pixel of an image is from a rounded rectangle (left, top, right, bottom); 0 inside of it."""
    left, top, right, bottom = box
    x = np.abs(np.arange(width) + 0.5 - (left + right) / 2) - (right - left) / 2 + radius
    y = np.abs(np.arange(height) + 0.5 - (top + bottom) / 2) - (bottom - top) / 2 + radius
    outside = np.hypot(np.maximum(x, 0.0)[None, :], np.maximum(y, 0.0)[:, None])
    return np.asarray(np.maximum(outside - radius, 0.0))


def _black_with(alpha: NDArray[np.uint32]) -> QImage:
    """A black image with these opacities (0 to 255)."""
    height, width = alpha.shape
    pixels = np.ascontiguousarray(alpha << 24)
    return QImage(pixels.tobytes(), width, height, 4 * width, QImage.Format.Format_ARGB32_Premultiplied).copy()


def field_line_center() -> float:
    """The middle of the line with a card's main fields, from its top."""
    return HEADER + FIELD_LINE / 2


def _mixed(color: QColor, other: QColor, part: float) -> QColor:
    """The colour with `1 - part` of the other one in it."""
    rest = 1 - part
    return QColor.fromRgbF(
        color.redF() * part + other.redF() * rest,
        color.greenF() * part + other.greenF() * rest,
        color.blueF() * part + other.blueF() * rest,
    )
