"""Cards: laid out from pixmaps of the atlas and texts that were cut to their width before."""

from math import floor

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPixmap

from editor.canvas.atlas import STATUS_SIZE, TILE, TILE_AT, Atlas, field_line_center
from editor.canvas.camera import Camera
from editor.canvas.cards import HEADER, WIDTH, Face, anchors, has_rows
from editor.canvas.columns import Columns
from editor.canvas.geometry import Rows
from editor.canvas.marks import NONE, Marks
from editor.canvas.style import Detail, Style

TEXT_LEFT = TILE_AT + TILE + 10.0
TEXT_RIGHT = WIDTH - 14.0
TITLE_BASE, KIND_BASE = 27.0, 44.5
OFF_WIDTH = 26.0


def paint_cards(
    painter: QPainter, columns: Columns, marks: Marks, camera: Camera, style: Style, atlas: Atlas, rows: Rows
) -> None:
    """Paint these blocks' cards, one after the other; those seen before at this scale come ready from the atlas."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    margin = atlas.margin
    for row, (x, y) in zip(rows.tolist(), corners(columns, camera, rows).tolist(), strict=True):
        key = _card_key(columns.faces[row], marks, row)
        card = atlas.cards.find(key)
        if card is None and atlas.cards.is_worth_keeping(key):
            card = _whole_card(columns, marks, style, atlas, row)
            atlas.cards.keep(key, columns.faces[row], card)
        if card is not None:
            painter.drawPixmap(x - margin, y - margin, card)
        else:
            _Card(painter, columns, marks, style, atlas, row, x, y).paint()


def _card_key(face: Face, marks: Marks, row: int) -> tuple[object, ...]:
    """What a card's looks depend on; faces are told apart by identity, which the store keeps from being used again."""
    status = int(marks.status[row])
    text = marks.texts.get(row, "") if status else ""
    return id(face), status, bool(marks.selected[row]), int(marks.errors[row]), int(marks.warnings[row]), text


def _whole_card(columns: Columns, marks: Marks, style: Style, atlas: Atlas, row: int) -> QPixmap:
    """A card with its shadow on a pixmap of its own."""
    margin = atlas.margin
    width, height = round(WIDTH * style.scale), round(columns.faces[row].height * style.scale)
    pixmap = QPixmap(width + 2 * margin, height + 2 * margin)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    _Card(painter, columns, marks, style, atlas, row, margin, margin).paint()
    painter.end()
    return pixmap


def paint_boxes(painter: QPainter, columns: Columns, marks: Marks, camera: Camera, atlas: Atlas, rows: Rows) -> None:
    """Paint these blocks as coloured boxes with icon and state, for when titles cannot be read anyway."""
    places = corners(columns, camera, rows) - atlas.margin
    look, height = columns.look[rows].tolist(), columns.height[rows].tolist()
    selected, enabled = marks.selected[rows].tolist(), columns.enabled[rows].tolist()
    status = marks.status[rows].tolist()
    for index, (x, y) in enumerate(places.tolist()):
        icon, hue = columns.looks[look[index]]
        box = atlas.box(icon, hue, height[index], selected[index], enabled[index], status[index])
        painter.drawPixmap(x, y, box)


def corners(columns: Columns, camera: Camera, rows: Rows) -> Rows:
    """The device pixels `(n, 2)` of cards' corners, rounded as `Camera.device` rounds."""
    places = np.stack([columns.x[rows], columns.y[rows]], axis=1)
    return np.rint(places * camera.scale).astype(np.intp) - np.array([camera.left, camera.top], dtype=np.intp)


class _Card:
    """One card while it is painted; `x` and `y` are its corner in device pixels."""

    def __init__(
        self,
        painter: QPainter,
        columns: Columns,
        marks: Marks,
        style: Style,
        atlas: Atlas,
        row: int,
        x: int,
        y: int,
    ) -> None:
        self.painter, self.style, self.atlas, self.marks = painter, style, atlas, marks
        self.row, self.x, self.y = row, x, y
        self.face: Face = columns.faces[row]
        self.status = int(marks.status[row])
        self.selected = bool(marks.selected[row])

    def paint(self) -> None:
        face, margin = self.face, self.atlas.margin
        is_full = self.style.detail is Detail.FULL
        has_line = is_full and bool(face.summary)
        body = self.atlas.body(face.height, has_line, self.selected, face.enabled, self.status)
        self.painter.drawPixmap(self.x - margin, self.y - margin, body)
        self._draw(self.atlas.tile(face.icon, face.hue, face.enabled), TILE_AT, TILE_AT)
        self._paint_title()
        if is_full:
            self._paint_kind_and_status()
            self._paint_field_line()
            self._paint_port_labels()
        elif self.status != NONE:
            self._draw(self.atlas.status(self.status), TEXT_RIGHT - STATUS_SIZE, HEADER / 2 - STATUS_SIZE / 2)
        self._paint_ports()
        self._paint_badge()

    def _paint_title(self) -> None:
        style, face = self.style, self.face
        is_full = style.detail is Detail.FULL
        has_mark = not is_full and self.status != NONE
        room = TEXT_RIGHT - TEXT_LEFT - (0 if face.enabled else OFF_WIDTH) - (STATUS_SIZE + 4 if has_mark else 0)
        self.painter.setFont(style.title_font)
        color = style.text if face.enabled else style.faint
        base = TITLE_BASE if is_full else HEADER / 2 + 4.5
        self._write(style.texts.cut(face.title, room, True), TEXT_LEFT, base, color)
        if not face.enabled:
            self.painter.setFont(style.small_font)
            self._write("Off", TEXT_RIGHT - style.texts.width("Off"), base, style.faint)

    def _paint_kind_and_status(self) -> None:
        style, face = self.style, self.face
        self.painter.setFont(style.small_font)
        right = TEXT_RIGHT
        if self.status != NONE:
            text = self.marks.texts.get(self.row, "")
            right -= style.texts.width(text)
            self._write(text, right, KIND_BASE, style.status_color(self.status))
            right -= STATUS_SIZE + 4.0
            self._draw(self.atlas.status(self.status), right, KIND_BASE - STATUS_SIZE + 3.0)
            right -= 6.0
        color = style.muted if face.enabled else style.faint
        self._write(style.texts.cut(face.kind, right - TEXT_LEFT), TEXT_LEFT, KIND_BASE, color)

    def _paint_field_line(self) -> None:
        style, face = self.style, self.face
        if not face.summary:
            return
        text = style.texts.cut(face.summary, WIDTH - 28.0)
        self._write(text, 14.0, field_line_center() + 5.0, style.muted if face.enabled else style.faint)

    def _paint_port_labels(self) -> None:
        style, face = self.style, self.face
        for port, (x, y) in zip(face.outputs, anchors(face, "out"), strict=True):
            if has_rows(face.outputs):
                text = style.texts.cut(port.label or port.name, WIDTH / 2 - 20.0)
                self._write(text, x - 14.0 - style.texts.width(text), y + 4.0, style.muted)
        for port, (x, y) in zip(face.inputs, anchors(face, "in"), strict=True):
            if has_rows(face.inputs):
                self._write(style.texts.cut(port.label or port.name, WIDTH / 2 - 20.0), x + 14.0, y + 4.0, style.muted)

    def _paint_ports(self) -> None:
        dot = self.atlas.port(self.style.wire_hover if self.selected else self.style.wire, filled=False)
        for x, y in (*anchors(self.face, "in"), *anchors(self.face, "out")):
            draw_centered(self.painter, dot, self.x + x * self.style.scale, self.y + y * self.style.scale)

    def _paint_badge(self) -> None:
        errors, warnings = int(self.marks.errors[self.row]), int(self.marks.warnings[self.row])
        if errors or warnings:
            badge, scale = self.atlas.badge(errors, warnings), self.style.scale
            draw_centered(self.painter, badge, self.x + (WIDTH - 6.0) * scale, self.y + 2.0 * scale)

    def _draw(self, pixmap: QPixmap, x: float, y: float) -> None:
        scale = self.style.scale
        self.painter.drawPixmap(self.x + round(x * scale), self.y + round(y * scale), pixmap)

    def _write(self, text: str, x: float, base: float, color: QColor) -> None:
        scale = self.style.scale
        self.painter.setPen(color)
        self.painter.drawText(QPointF(self.x + x * scale, self.y + round(base * scale)), text)


def draw_centered(painter: QPainter, pixmap: QPixmap, x: float, y: float) -> None:
    """Draw a pixmap with its middle at this device point."""
    # `round` goes to the even neighbour: the same port would sit elsewhere after a pan by an odd number of pixels.
    painter.drawPixmap(floor(x - pixmap.width() / 2 + 0.5), floor(y - pixmap.height() / 2 + 0.5), pixmap)


def paint_preview(painter: QPainter, style: Style, face: Face, text: str, x: float, y: float) -> None:
    """Show the last line of streamed text on a running card: in the line of its fields, or in one hung below it."""
    if style.detail is not Detail.FULL:
        return
    scale = style.scale
    top = HEADER if face.summary else face.height + 4.0
    box = QRectF(x + 8 * scale, y + (top + 3.0) * scale, (WIDTH - 16) * scale, 22.0 * scale)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(style.theme.colors.accent_soft))
    painter.drawRoundedRect(box, 6 * scale, 6 * scale)
    painter.setPen(style.text)
    painter.setFont(style.small_font)
    shown = style.texts.cut(text, WIDTH - 30.0)
    painter.drawText(QPointF(box.left() + 7 * scale, round(box.center().y() + 4.0 * scale)), shown)
