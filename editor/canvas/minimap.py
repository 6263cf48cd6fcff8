"""The overview in the canvas' corner: all blocks, the part in view, and a hand to move it."""

from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap, QWheelEvent
from PySide6.QtWidgets import QWidget

from editor.canvas.camera import wheel_factor
from editor.canvas.far import box_colors
from editor.canvas.geometry import Rect
from editor.canvas.style import Style, Texts, faded
from editor.canvas.surface import Surface
from editor.theme import Theme

WIDTH, HEIGHT, MARGIN = 200, 130, 12
FEWEST_BLOCKS = 2
MAX_SCALE = 0.14


class Minimap(QWidget):
    """Shown while some of the graph is out of view and the person wants it. Click jumps, drag moves, wheel zooms."""

    def __init__(self, surface: Surface, theme: Theme) -> None:
        super().__init__(surface)
        self._surface = surface
        self._theme = theme
        self._wanted = True
        self._blocks = QPixmap()
        self._blocks_of: object = None
        self.resize(WIDTH, HEIGHT)
        # Else every change here would paint the canvas below it as well.
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName("Overview")
        surface.view_changed.connect(self._on_view_changed)
        surface.installEventFilter(self)
        theme.changed.connect(self._on_theme_changed)
        self._on_view_changed()

    def set_wanted(self, wanted: bool) -> None:
        """Show it, or not."""
        self._wanted = wanted
        self._on_view_changed()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay in the corner."""
        if watched is self._surface and event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Blocks from a kept pixmap, then the frame of the view."""
        colors = self._theme.colors
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QColor(colors.canvas))
        painter.setPen(QPen(QColor(colors.border_strong), 1))
        painter.setBrush(QColor(colors.raised))
        painter.drawRoundedRect(QRectF(0.5, 0.5, WIDTH - 1, HEIGHT - 1), 8, 8)
        self._update_blocks()
        painter.drawPixmap(0, 0, self._blocks)
        painter.setPen(QPen(QColor(colors.accent), 1.5))
        painter.setBrush(faded(QColor(colors.accent), 0.10))
        frame = self._frame().intersected(QRectF(2, 2, WIDTH - 4, HEIGHT - 4))
        if not frame.isEmpty():
            painter.drawRoundedRect(frame, 3, 3)
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Look there."""
        self._look_at(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """The view follows the hand."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._look_at(event.position())

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom around the middle of the view."""
        surface = self._surface
        factor = wheel_factor(event.angleDelta().y())
        surface.set_camera(surface.camera.zoomed(surface.zoom * factor, surface.width() / 2, surface.height() / 2))
        event.accept()

    def contextMenuEvent(self, event: QEvent) -> None:
        """No menu here: the canvas must not offer one for what lies under the overview."""
        event.accept()

    # --- inside -------------------------------------------------------------------------------------------------

    def _on_view_changed(self) -> None:
        roomy = self._surface.width() > 3 * WIDTH and self._surface.height() > 2 * HEIGHT
        self.setVisible(self._wanted and roomy and self._has_more_than_is_seen())
        self.update()

    def _has_more_than_is_seen(self) -> bool:
        """An overview of what is in view already would only cover it."""
        columns = self._surface.columns
        bounds, shown = columns.bounds(), self._surface.camera.shown()
        if bounds is None or len(columns) < FEWEST_BLOCKS:
            return False
        within = bounds.left >= shown.left and bounds.right <= shown.right
        return not (within and bounds.top >= shown.top and bounds.bottom <= shown.bottom)

    def _on_theme_changed(self) -> None:
        self._blocks_of = None
        self.update()

    def _place(self) -> None:
        self.move(self._surface.width() - WIDTH - MARGIN, self._surface.height() - HEIGHT - MARGIN)
        self._on_view_changed()

    def _bounds(self) -> Rect:
        return (self._surface.columns.bounds() or Rect(0, 0, 1, 1)).grown(80)

    def _mapping(self) -> tuple[float, float, float]:
        """Pixels per scene unit, and where the scene's origin lies."""
        bounds = self._bounds()
        scale = min((WIDTH - 12) / bounds.width, (HEIGHT - 12) / bounds.height, MAX_SCALE)
        left = WIDTH / 2 - (bounds.left + bounds.right) / 2 * scale
        return scale, left, HEIGHT / 2 - (bounds.top + bounds.bottom) / 2 * scale

    def _frame(self) -> QRectF:
        scale, left, top = self._mapping()
        shown = self._surface.camera.shown()
        return QRectF(shown.left * scale + left, shown.top * scale + top, shown.width * scale, shown.height * scale)

    def _look_at(self, place: QPointF) -> None:
        scale, left, top = self._mapping()
        camera = self._surface.camera
        self._surface.set_camera(camera.centered((place.x() - left) / scale, (place.y() - top) / scale))

    def _update_blocks(self) -> None:
        surface, ratio = self._surface, self.devicePixelRatioF()
        columns = surface.columns
        # Runs change a few colours often and places never: places and states together say when to paint anew.
        marks = surface.marks
        key = (id(surface.workspace.workflow), marks.status.tobytes(), marks.selected.tobytes(), ratio)
        if key == self._blocks_of:
            return
        self._blocks_of = key
        self._blocks = QPixmap(round(WIDTH * ratio), round(HEIGHT * ratio))
        self._blocks.setDevicePixelRatio(ratio)
        self._blocks.fill(Qt.GlobalColor.transparent)
        scale, left, top = self._mapping()
        painter = QPainter(self._blocks)
        painter.setPen(Qt.PenStyle.NoPen)
        style = Style(self._theme, Texts(), scale, ratio)
        rows = columns.rows(columns.ids)
        for color, which in box_colors(columns, surface.marks, style, rows):
            painter.setBrush(color)
            boxes = columns.boxes()[which] * scale
            rects = [QRectF(x0 + left, y0 + top, max(x1 - x0, 2), max(y1 - y0, 2)) for x0, y0, x1, y1 in boxes.tolist()]
            painter.drawRects(rects)
        painter.end()
