"""Small widgets that the panels share: icon buttons, elided labels, empty states, headings."""

from PySide6.QtCore import QEvent, QObject, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QKeySequence, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from editor.text import elided, plain_label, set_tooltip
from editor.theme import Theme

ICON_PX = 16


class IconButton(QToolButton):
    """A button that shows an icon, and words beside it when it has some. The tip is its accessible name, too."""

    def __init__(self, theme: Theme, icon: str, tip: str, parent: QWidget | None = None, text: str = "") -> None:
        super().__init__(parent)
        self._theme = theme
        self._icon = icon
        self.setText(text)
        style = Qt.ToolButtonStyle
        self.setToolButtonStyle(style.ToolButtonTextBesideIcon if text else style.ToolButtonIconOnly)
        self.setIconSize(QSize(ICON_PX, ICON_PX))
        self.setProperty("compact", True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(tip)
        set_tooltip(self, tip)
        theme.changed.connect(self._show_icon)
        self._show_icon()

    def set_icon(self, icon: str, tip: str) -> None:
        """Show another icon with another meaning."""
        self._icon = icon
        self.setAccessibleName(tip)
        set_tooltip(self, tip)
        self._show_icon()

    def _show_icon(self) -> None:
        self.setIcon(self._theme.icon(self._icon))


class IconLabel(QWidget):
    """A square icon in one of the theme's colours, with a soft tile behind it when `tile` names a hue."""

    def __init__(self, theme: Theme, icon: str, color: str, size: int = ICON_PX, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._icon = icon
        self._color = color
        self._size = size
        self._hue = ""
        self.setFixedSize(size, size)
        theme.changed.connect(self.update)

    def set_icon(self, icon: str, color: str = "") -> None:
        """Show this icon; `color` is a name of `Colors`."""
        self._icon, self._color = icon, color or self._color
        self.update()

    def set_tile(self, icon: str, hue: str) -> None:
        """Show this icon on a tile in the hue of a block type."""
        self._icon, self._hue = icon, hue
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._hue:
            paint_tile(painter, self._theme, QRectF(self.rect()), self._icon, self._hue)
            return
        color = str(getattr(self._theme.colors, self._color))
        painter.drawPixmap(0, 0, self._theme.pixmap(self._icon, self._size, color, self.devicePixelRatioF()))


class ElidedLabel(QWidget):
    """One line of plain text that is cut with an ellipsis where there is no room; the whole is in its tooltip."""

    def __init__(self, text: str = "", role: str = "text", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = text
        self._label = plain_label("", self, role=role)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._fit()

    @property
    def label(self) -> QLabel:
        """The label inside, for its role and its font."""
        return self._label

    def set_text(self, text: str) -> None:
        """Show this text."""
        if text != self._text:
            self._text = text
            self.setAccessibleName(text[:200])
            self._fit()

    def sizeHint(self) -> QSize:
        return QSize(self.fontMetrics().horizontalAdvance(self._text[:200]) + 2, self._label.sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return QSize(16, self._label.sizeHint().height())

    def resizeEvent(self, _event: object) -> None:
        self._fit()

    def _fit(self) -> None:
        self._label.resize(self.width(), self._label.sizeHint().height())
        shown = elided(self._text, self._label.fontMetrics(), self.width())
        self._label.setText(shown)
        set_tooltip(self, self._text[:2000] if shown != self._text else "")


class EmptyState(QWidget):
    """What a panel shows when there is nothing: an icon and a sentence that says what to do."""

    def __init__(self, theme: Theme, icon: str, title: str, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layout = layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 24, 24, 24)
        layout.setSpacing(6)
        layout.addStretch(2)
        self.icon = IconLabel(theme, icon, "text_faint", 28, self)
        layout.addWidget(self.icon, alignment=Qt.AlignmentFlag.AlignHCenter)
        layout.addSpacing(4)
        self.title = plain_label(title, self, role="title", wrap=True)
        self.text = plain_label(text, self, role="muted", wrap=True)
        for label in (self.title, self.text):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
            layout.addWidget(label)
        self.text.setVisible(bool(text))
        layout.addStretch(3)

    def add_button(self, button: QWidget) -> None:
        """Show a button below the words: what they say, at one click."""
        self._layout.insertSpacing(self._layout.count() - 1, 6)
        self._layout.insertWidget(self._layout.count() - 1, button, alignment=Qt.AlignmentFlag.AlignHCenter)

    def set_words(self, title: str, text: str) -> None:
        """Show these words."""
        self.title.setText(title)
        self.text.setText(text)
        self.text.setVisible(bool(text))


class UndoIsTheWindows(QObject):
    """Lets undo and redo keys pass a text field by: the document's history is the only one, and the window's."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress) and isinstance(event, QKeyEvent):
            keys = QKeySequence.StandardKey
            if event.matches(keys.Undo) or event.matches(keys.Redo):
                event.ignore()
                return True
        return super().eventFilter(watched, event)


def heading(text: str, parent: QWidget | None = None) -> QLabel:
    """The heading of a section of a panel."""
    return plain_label(text, parent, role="heading")


def line(parent: QWidget | None = None) -> QFrame:
    """A hairline between two sections."""
    frame = QFrame(parent)
    frame.setProperty("role", "line")
    return frame


def paint_tile(painter: QPainter, theme: Theme, rect: QRectF, icon: str, hue: str, *, faded: bool = False) -> None:
    """Paint a block type's icon on a rounded tile in its hue."""
    colors = theme.hue(hue)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if faded:
        painter.setOpacity(painter.opacity() * 0.45)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colors.soft))
    radius = rect.width() * 0.25
    painter.drawRoundedRect(rect, radius, radius)
    size = round(rect.width() * 0.58)
    device = painter.device()
    pixmap = theme.pixmap(icon, size, colors.solid, device.devicePixelRatioF())
    inset = (rect.width() - size) / 2
    painter.drawPixmap(int(rect.x() + inset), int(rect.y() + inset), pixmap)
    painter.restore()


def make_room_for_bold(button: QPushButton) -> None:
    """Give the button the width that its words need as the default one: the style counts with the plain font."""
    bold = QFont(button.font())
    bold.setWeight(QFont.Weight.DemiBold)
    button.setMinimumWidth(QFontMetrics(bold).horizontalAdvance(button.text()) + 34)
