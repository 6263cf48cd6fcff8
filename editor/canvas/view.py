"""The surface with a camera to steer: zoom steps, fitting, going to a block, pinching, and tooltips."""

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QHelpEvent, QNativeGestureEvent
from PySide6.QtWidgets import QToolTip, QWidget

from editor.canvas.camera import Camera
from editor.canvas.geometry import Rect
from editor.canvas.surface import Surface
from editor.text import tooltip_text
from editor.theme import Theme
from editor.workspace.workspace import Workspace

READABLE_ZOOM = 0.6


class View(Surface):
    """Shows the graph and goes where it is told to."""

    def __init__(self, workspace: Workspace, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(workspace, theme, parent)
        self._camera_before_fit: Camera | None = None

    def zoom_in(self) -> None:
        """One step closer."""
        self.zoom_by_step(1)

    def zoom_out(self) -> None:
        """One step farther."""
        self.zoom_by_step(-1)

    def zoom_100(self) -> None:
        """One scene unit is one pixel."""
        self.fly_to(self.camera.zoomed(1.0, self.width() / 2, self.height() / 2))

    def fit(self) -> None:
        """Show the selected blocks, or all; asked again, go back to where the view was."""
        columns, blocks = self.columns, self.workspace.selection.blocks
        bounds = columns.bounds(columns.rows(blocks)) if blocks else columns.bounds()
        if bounds is None:
            return
        wanted = self.camera.fitted(bounds)
        if wanted == self.camera and self._camera_before_fit is not None:
            self.fly_to(self._camera_before_fit)
        else:
            self._camera_before_fit = self.camera
            self.fly_to(wanted)

    def center_on(self, block_id: str) -> None:
        """Bring a block to the middle of the view."""
        row = self.columns.row_of.get(block_id)
        if row is not None:
            self._center(self.columns.card(row))

    def center_on_edge(self, edge_id: str) -> None:
        """Bring a wire to the middle of the view."""
        row = self.columns.edge_row_of.get(edge_id)
        if row is not None:
            self._center(Rect(*self.columns.edge_boxes[row].tolist()))

    def scene_to_view(self, x: float, y: float) -> QPoint:
        """Where in the widget a scene point is."""
        return QPointF(*self.camera.to_view(x, y)).toPoint()

    def event(self, event: QEvent) -> bool:
        """Tooltips and pinching."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            self._show_tooltip(event)
            return True
        if isinstance(event, QNativeGestureEvent) and event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
            place = event.position()
            self.set_camera(self.camera.zoomed(self.zoom * (1 + event.value()), place.x(), place.y()))
            return True
        return super().event(event)

    def _center(self, rect: Rect) -> None:
        zoom = max(self.zoom, READABLE_ZOOM)
        near = self.camera.zoomed(zoom, self.width() / 2, self.height() / 2)
        self.fly_to(near.centered((rect.left + rect.right) / 2, (rect.top + rect.bottom) / 2))

    def _show_tooltip(self, event: QHelpEvent) -> None:
        x, y = self.camera.to_scene(event.pos().x(), event.pos().y())
        under = self.hit(x, y)
        text = ""
        if under.kind in ("block", "port"):
            row = self.columns.row_of[under.block_id]
            face = self.columns.faces[row]
            text = self.marks.problem_texts.get(row) or "\n".join(filter(None, (face.title, face.kind, face.summary)))
        if text:
            QToolTip.showText(event.globalPos(), tooltip_text(text), self)
        else:
            QToolTip.hideText()
