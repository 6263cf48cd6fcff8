"""The painted surface: shows the workspace's document, selection, problems and run, and the part of the scene in view.

It follows signals and paints; it edits nothing. Two layers: the still picture, kept in a pixmap and repaired where it
went stale, and what moves, painted over it.
"""

from dataclasses import dataclass
from math import exp, log

import numpy as np
from PySide6.QtCore import QRect, Qt, QTimer, Signal
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QWidget

from editor.canvas.atlas import SHADOW, Atlas
from editor.canvas.camera import Camera, next_step
from editor.canvas.columns import Columns
from editor.canvas.far import FarView
from editor.canvas.geometry import Rect, Rows
from editor.canvas.hits import NOTHING, Hit, hit
from editor.canvas.layers import MAX_SPOILED, Layer, view_rect
from editor.canvas.marks import RUNNING, Marks
from editor.canvas.motion import PULSE_S, ZOOM_S, Clock, Glide, Motion, eased
from editor.canvas.overlay import Lively, lively_bounds, paint_lively
from editor.canvas.picture import Picture, render
from editor.canvas.style import Style, Texts
from editor.theme import Theme
from editor.workspace.directories import Directories
from editor.workspace.selection import Selection
from editor.workspace.workspace import Workspace
from engine import Change, Workflow

MAX_GLIDING, MAX_PULSES = 400, 120
LARGEST_IMAGE_PX = 12_000
_NO_ROWS = np.empty(0, dtype=np.intp)


@dataclass(frozen=True)
class _Flight:
    """The view on its way to another place and zoom."""

    start: Camera
    end: Camera
    began_at: float

    def at(self, now: float) -> Camera:
        part = eased((now - self.began_at) / ZOOM_S)
        if part >= 1.0:
            return self.end
        start, end = self.start, self.end
        zoom = exp(log(start.zoom) + (log(end.zoom) - log(start.zoom)) * part)
        x0, y0 = start.to_scene(start.width / 2, start.height / 2)
        x1, y1 = end.to_scene(end.width / 2, end.height / 2)
        return start.zoomed(zoom, 0, 0).centered(x0 + (x1 - x0) * part, y0 + (y1 - y0) * part)


class Surface(QWidget):
    """Shows the graph.

    Signals:
        view_changed(): the part of the scene in view, or the graph in it, changed.
        zoom_changed(): the zoom changed.
    """

    view_changed = Signal()
    zoom_changed = Signal()

    def __init__(self, workspace: Workspace, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.workspace = workspace
        self.theme = theme
        self.animated = True
        """Whether things glide to their places; off where people asked for less motion."""
        self.has_painted_blocks = False
        self.columns = Columns(workspace.workflow, workspace.catalog)
        self._directories: Directories | None = None
        self._prepared: tuple[Workflow, Columns] | None = None
        self.marks = Marks(self.columns)
        self._camera = Camera()
        self._texts = Texts()
        self._far = FarView()
        self._still = Layer()
        self._lively = Lively()
        self._lively_rect = QRect()
        self._motion: Motion | None = None
        self._glide: Glide | None = None
        self._flight: _Flight | None = None
        self._wants_fit = True
        self._clock = Clock(self)
        self._clock.ticked.connect(self._on_tick)
        self._make_style()
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMinimumSize(160, 120)
        self._follow(workspace)
        theme.changed.connect(self._on_theme_changed)
        self._mark_all()

    def use_names(self, directories: Directories) -> None:
        """Show stored agents and orchestrations by the names that these directories know."""
        self._directories = directories
        directories.changed.connect(self._on_names_changed)
        self._on_names_changed()

    def set_animated(self, animated: bool) -> None:
        """Have things glide to their places, or be there at once."""
        self.animated = animated

    # --- the view -----------------------------------------------------------------------------------------------

    @property
    def camera(self) -> Camera:
        """What part of the scene is shown."""
        return self._camera

    @property
    def zoom(self) -> float:
        """Logical pixels per scene unit."""
        return self._camera.zoom

    def set_camera(self, camera: Camera) -> None:
        """Look from there, at once."""
        self._flight = None
        self._look(camera)

    def fly_to(self, camera: Camera) -> None:
        """Look from there, getting there in a moment."""
        if self.animated and self.isVisible():
            self._flight = _Flight(self._camera, camera, self._clock.now)
            self._clock.run(True)
        else:
            self.set_camera(camera)

    def zoom_by_step(self, direction: int) -> None:
        """The next zoom step, closer (+1) or farther (-1), around the middle."""
        target = self._flight.end if self._flight else self._camera
        self.fly_to(target.zoomed(next_step(target.zoom, direction), self.width() / 2, self.height() / 2))

    def reveal(self, rect: Rect) -> None:
        """Move the view just so far that this scene rectangle is in it."""
        camera, margin = self._camera, 24.0
        left, top = camera.to_view(rect.left, rect.top)
        right, bottom = camera.to_view(rect.right, rect.bottom)
        dx = max(margin - left, 0.0) or min(camera.width - margin - right, 0.0)
        dy = max(margin - top, 0.0) or min(camera.height - margin - bottom, 0.0)
        if dx or dy:
            self.fly_to(camera.panned(dx, dy))

    def hit(self, x: float, y: float) -> Hit:
        """What lies under a scene point."""
        return hit(self.columns, x, y, self.zoom)

    def picture(self) -> Picture:
        """All that is painted now."""
        motion = self._lively.motion
        moving = motion.rows if motion and not motion.as_copies else _NO_ROWS
        return Picture(self.columns, self.marks, self._camera, self._style, self._atlas, self._far, moving)

    def render_document(self, ratio: float = 2.0) -> QImage:
        """An image of the whole graph, at this many pixels per scene unit or as many as fit in 12,000 pixels."""
        bounds = (self.columns.bounds() or Rect(0, 0, 400, 300)).grown(48)
        ratio = min(ratio, LARGEST_IMAGE_PX / max(bounds.width, bounds.height))
        camera = Camera(1.0, ratio, 0, 0, round(bounds.width), round(bounds.height))
        camera = camera.with_point_at(bounds.left, bounds.top, 0, 0)
        style = Style(self.theme, self._texts, camera.zoom, ratio)
        return render(Picture(self.columns, self.marks, camera, style, Atlas(style), FarView(), _NO_ROWS))

    # --- what moves ---------------------------------------------------------------------------------------------

    def set_motion(self, motion: Motion | None) -> None:
        """Show blocks away from their place in the document."""
        self._motion = motion
        if motion is not None:
            self._glide = None
        self._update_motion()

    def part_edge(self, edge_id: str) -> None:
        """Show the wire that a drop would go into; "" for none."""
        self._lively.parted_edge = edge_id
        self.refresh_lively()

    def set_hover(self, under: Hit) -> None:
        """Light up what is under the pointer."""
        if under != self._lively.hover:
            self._lively.hover = under
            self.refresh_lively()

    def refresh_lively(self) -> None:
        """Paint the moving layer anew, where it was and where it is."""
        bounds = self._moving_bounds()
        now = view_rect(self._camera, bounds, 4) if bounds is not None else QRect()
        self.update(now.united(self._lively_rect))
        self._lively_rect = now

    def paint_over(self, painter: QPainter, picture: Picture) -> None:
        """For subclasses: paint over everything, in device pixels."""

    def over_bounds(self) -> Rect | None:
        """For subclasses: the part of the scene that `paint_over` may touch."""
        return None

    # --- painting -----------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """The still picture first, then what moves."""
        picture = self.picture()
        self._lively.now = self._clock.now
        painter = QPainter(self)
        ratio = self._camera.ratio
        painter.scale(1 / ratio, 1 / ratio)  # from here on in device pixels
        rect = event.rect()
        device = QRect(
            int(rect.left() * ratio),
            int(rect.top() * ratio),
            int(rect.width() * ratio) + 2,
            int(rect.height() * ratio) + 2,
        )
        self._still.draw(painter, picture, device.intersected(QRect(0, 0, *self._camera.device_size)))
        paint_lively(painter, picture, self._lively)
        self.paint_over(painter, picture)
        painter.end()
        self.has_painted_blocks = bool(len(self.columns))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the corner of the scene where it is."""
        super().resizeEvent(event)
        self._resize_camera()

    def showEvent(self, event: QShowEvent) -> None:
        """The size is known now."""
        super().showEvent(event)
        self._resize_camera()

    # --- following the workspace --------------------------------------------------------------------------------

    def _prepare(self, workflow: Workflow) -> None:
        """Build the columns of a document that is about to be shown; not on the UI thread."""
        self._prepared = (workflow, self.columns.for_another(workflow))

    def _follow(self, workspace: Workspace) -> None:
        workspace.preparations.append(self._prepare)
        workspace.workflow_replaced.connect(self._on_workflow_replaced)
        workspace.workflow_changed.connect(self._on_workflow_changed)
        workspace.selection_changed.connect(self._on_selection_changed)
        workspace.problems_changed.connect(self._on_problems_changed)
        workspace.run_changed.connect(self._on_run_changed)
        workspace.run_replaced.connect(self._on_run_replaced)

    def _on_workflow_replaced(self) -> None:
        self._wants_fit = True

    def _on_workflow_changed(self, change: Change) -> None:
        before = self._shown_places(change)
        rows_changed = bool(change.blocks_added or change.blocks_removed or change.order_changed)
        edges_changed = bool(change.edges_added or change.edges_removed or change.edges_changed)
        # Rows are about to mean other blocks; whoever shows a motion sets it anew.
        self._motion = self._glide = None
        prepared, self._prepared = self._prepared, None
        if prepared is not None and prepared[0] is self.workspace.workflow:
            self.columns.take_over(prepared[1])
        else:
            self.columns.update(self.workspace.workflow, change)
        if rows_changed or edges_changed or change.blocks_changed:
            self._mark_all()
        self._start_glide(before)
        self._update_motion()
        self.paint_anew()
        if self._wants_fit and len(self.columns):
            self._fit_when_shown()
        self.view_changed.emit()

    def _shown_places(self, change: Change) -> dict[str, tuple[float, float]]:
        """Where the blocks that are about to move are seen now."""
        if self._wants_fit or not self.animated or not self.isVisible() or len(change.blocks_moved) > MAX_GLIDING:
            return {}
        motion = self._lively.motion
        shown = motion.displaced(self.columns) if motion and not motion.as_copies else self.columns
        rows = {block_id: shown.row_of[block_id] for block_id in change.blocks_moved if block_id in shown.row_of}
        return {block_id: (float(shown.x[row]), float(shown.y[row])) for block_id, row in rows.items()}

    def _start_glide(self, before: dict[str, tuple[float, float]]) -> None:
        columns = self.columns
        rows = columns.rows(before)
        if not len(rows):
            return
        old = np.array([before[columns.ids[row]] for row in rows.tolist()], dtype=np.float64)
        dx, dy = old[:, 0] - columns.x[rows], old[:, 1] - columns.y[rows]
        if np.any(np.abs(dx) + np.abs(dy) > 1.0):
            self._glide = Glide(rows, dx, dy, self._clock.now)
            self._clock.run(True)

    def _on_selection_changed(self, selected: Selection) -> None:
        before = self.marks.selected.copy(), self.marks.edge_selected.copy()
        self.marks.set_selection(selected)
        self._spoil_rows(np.flatnonzero(self.marks.selected != before[0]))
        self._spoil_edges(np.flatnonzero(self.marks.edge_selected != before[1]))
        self._lively.carried.spoil()
        self.update()

    def _on_problems_changed(self) -> None:
        self.marks.set_problems(self.workspace.problems)
        self.paint_anew()

    def _on_run_replaced(self) -> None:
        self._lively.pulses.clear()
        self.marks.set_run(self.workspace.run)
        self.paint_anew()

    def _on_run_changed(self, block_ids: frozenset[str]) -> None:
        run = self.workspace.run
        if run is None:
            return
        fired = self.marks.edge_fired.copy()
        self.marks.update_run(run, block_ids)
        rows = self.columns.rows(block_ids)
        self._spoil_rows(rows)
        self._lively.carried.spoil()
        self._pulse(np.flatnonzero(self.marks.edge_fired & ~fired).tolist())
        self._clock.run(self._is_lively())
        self.update()
        self.view_changed.emit()

    def _pulse(self, edge_rows: list[int]) -> None:
        if self.animated:
            now = self._clock.now
            self._lively.pulses |= dict.fromkeys(edge_rows[:MAX_PULSES], now)

    def _mark_all(self) -> None:
        self.marks.resize()
        self.marks.set_selection(self.workspace.selection)
        self.marks.set_problems(self.workspace.problems)
        self.marks.set_run(self.workspace.run)
        self._lively.pulses.clear()
        self._lively.hover = NOTHING

    def _on_names_changed(self) -> None:
        if self._directories is not None:
            self.columns.use_names(self.workspace.workflow, self._directories.name_of)
            self._mark_all()
            self.paint_anew()

    def _on_theme_changed(self) -> None:
        self._make_style()
        self.paint_anew()

    # --- inside -------------------------------------------------------------------------------------------------

    def _look(self, camera: Camera) -> None:
        if camera == self._camera:
            return
        zoomed = (camera.zoom, camera.ratio) != (self._camera.zoom, self._camera.ratio)
        self._camera = camera
        if zoomed:
            self._lively.hover = NOTHING  # what is in reach depends on the zoom
            self._make_style()
            self.zoom_changed.emit()
        self.update()
        bounds = self._moving_bounds()
        self._lively_rect = view_rect(camera, bounds, 4) if bounds is not None else QRect()
        self.view_changed.emit()

    def _make_style(self) -> None:
        self._style = Style(self.theme, self._texts, self._camera.zoom, self._camera.ratio)
        self._atlas = Atlas(self._style)

    def _spoil_rows(self, rows: Rows) -> None:
        """These blocks look different now, and so may their wires."""
        edges = self.columns.edges_of(rows)
        if len(rows) + len(edges) > MAX_SPOILED:
            self._still.spoil()
            return
        for row in rows.tolist():
            self._still.spoil_rect(self.columns.card(row).grown(SHADOW + 20))
        self._spoil_edges(edges)

    def _spoil_edges(self, edges: Rows) -> None:
        margin = 8.0 / min(self.zoom, 1.0)
        for edge_row in edges.tolist():
            self._still.spoil_rect(Rect(*self.columns.edge_boxes[edge_row].tolist()).grown(margin))

    def paint_anew(self) -> None:
        """Paint the whole picture again."""
        self._still.spoil()
        self._lively.carried.spoil()
        self.update()

    def _moving_bounds(self) -> Rect | None:
        own, other = lively_bounds(self.picture(), self._lively), self.over_bounds()
        if own is None or other is None:
            return own or other
        return Rect(
            min(own.left, other.left),
            min(own.top, other.top),
            max(own.right, other.right),
            max(own.bottom, other.bottom),
        )

    def _update_motion(self) -> None:
        """Show the motion that a gesture sets, or else the glide that is under way."""
        before = self._lively.motion
        self._lively.motion = self._motion or (self._glide.at(self._clock.now) if self._glide else None)
        if _still_rows(before) != _still_rows(self._lively.motion):
            self.paint_anew()
        self.refresh_lively()

    def _on_tick(self, now: float) -> None:
        if self._flight is not None:
            flight = self._flight
            camera = flight.at(now)
            self._look(camera)
            self._flight = None if camera == flight.end else flight
        if self._glide is not None and self._motion is None:
            if self._glide.at(now) is None:
                self._glide = None
            self._update_motion()
        pulses = self._lively.pulses
        for edge_row in [row for row, began in pulses.items() if now - began > PULSE_S]:
            del pulses[edge_row]
        self._lively.now = now
        self.refresh_lively()
        self.tick(now)
        if not self._is_lively():
            self._clock.run(False)

    def tick(self, now: float) -> None:
        """For subclasses: a frame begins."""

    def _is_lively(self) -> bool:
        has_running = bool(np.any(self.marks.status == RUNNING))
        return has_running or bool(self._lively.pulses or self._glide or self._flight)

    def _resize_camera(self) -> None:
        self._look(self._camera.resized(self.width(), self.height(), self.devicePixelRatioF()))
        if self._wants_fit and len(self.columns) and self.isVisible():
            self._fit_when_shown()

    def _fit_when_shown(self) -> None:
        """Show the whole of a document that was just opened, once the window has given the canvas its size."""
        bounds = self.columns.bounds()
        if self.isVisible() and bounds is not None:
            self.set_camera(self._camera.fitted(bounds))
            QTimer.singleShot(0, self, self._stop_fitting)

    def _stop_fitting(self) -> None:
        self._wants_fit = False


def _still_rows(motion: Motion | None) -> object:
    """The rows that the still picture leaves out; the same object while the same blocks move."""
    return None if motion is None or motion.as_copies else motion.rows.tobytes()
