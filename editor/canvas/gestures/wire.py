"""Drawing a wire: from a port, forwards or backwards, or taking an end of a wire that is there."""

import numpy as np
from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath

from editor.canvas.card_painting import draw_centered
from editor.canvas.cards import Side
from editor.canvas.geometry import Ends, Rect
from editor.canvas.gestures.base import Gesture, Pointer, Stage
from editor.canvas.hits import block_at, port_hit, ports_within
from editor.canvas.picture import Picture
from editor.canvas.style import Detail, faded
from editor.canvas.wire_painting import draw_wires
from engine import Edge, Workflow, edits, wiring

CATCH_PX, MAX_CATCH = 40.0, 60.0
"""How far a port catches the wire: pixels, and never more scene units than this."""
MAX_MARKED = 300
MAX_EDGES_MARKED = 2000
"""In a larger graph the question whether a wire may be drawn takes too long to ask it of every block in view."""


class Wire(Gesture):
    """Drag the loose end of a wire. `side` is the side of the fixed port; `edge_id` a wire whose end was taken.

    The wire goes to the nearest port that accepts it; over a block's body to the first that does. What refuses it says
    why. Dropped where nothing is, a new wire asks for a block, and one that was there is taken away.
    """

    cursor = Qt.CursorShape.CrossCursor

    def __init__(self, stage: Stage, start: Pointer, block_id: str, port: str, side: Side, edge_id: str = "") -> None:
        self._stage = stage
        self._start = start
        self._fixed = (block_id, port)
        self._side: Side = side
        self._edge_id = edge_id
        self._loose = (start.x, start.y)
        self._caught: tuple[str, str] | None = None
        self._refusal = ""
        self._is_drag = False
        self._answers: dict[tuple[str, str], str | None] = {}

    # --- the gesture --------------------------------------------------------------------------------------------

    def move(self, pointer: Pointer) -> None:
        if not self._is_drag:
            self._is_drag = pointer.is_drag_from(self._start)
            if not self._is_drag:
                return
            self._stage.part_edge("")
        self._loose = (pointer.x, pointer.y)
        self._caught, self._refusal = self._look_around(pointer)
        if self._caught:
            row = self._stage.columns.row_of[self._caught[0]]
            self._loose = self._stage.columns.anchor(row, self._other_side, self._caught[1])

    def finish(self, pointer: Pointer) -> None:
        if not self._is_drag:
            self._click()
            return
        self.move(pointer)
        if self._caught:
            self._connect(*self._ends(self._caught))
        elif self._refusal:
            self._stage.say(self._refusal)
        elif self._edge_id:
            self._stage.workspace.edit("Disconnect", edits.remove, (), [self._edge_id])
        else:
            is_out = self._side == "out"
            self._stage.ask_block(pointer, self._fixed if is_out else None, None if is_out else self._fixed)

    def _click(self) -> None:
        workspace = self._stage.workspace
        if self._edge_id:
            workspace.select((), [self._edge_id])
        else:
            workspace.select([self._fixed[0]])

    def _connect(self, source: str, source_port: str, target: str, target_port: str) -> None:
        workspace = self._stage.workspace

        def connect(workflow: Workflow) -> Workflow:
            edge = wiring.edge_between(workflow, workspace.catalog, source, source_port, target, target_port)
            if not self._edge_id:
                return edits.add_edge(workflow, edge)
            old = workflow.edge(self._edge_id)
            return edits.replace_edge(workflow, self._edge_id, _with_identity(edge, old))

        workspace.edit("Reconnect" if self._edge_id else "Connect", connect)

    # --- looking for a port ---------------------------------------------------------------------------------------

    @property
    def _other_side(self) -> Side:
        return "in" if self._side == "out" else "out"

    def _ends(self, loose: tuple[str, str]) -> tuple[str, str, str, str]:
        """Source, its port, target, its port, with the loose end at this port."""
        return (*self._fixed, *loose) if self._side == "out" else (*loose, *self._fixed)

    def _problem(self, loose: tuple[str, str]) -> str | None:
        if loose not in self._answers:
            workspace = self._stage.workspace
            self._answers[loose] = wiring.connection_problem(
                workspace.workflow, workspace.catalog, *self._ends(loose), ignore_edge=self._edge_id or None
            )
        return self._answers[loose]

    def _look_around(self, pointer: Pointer) -> tuple[tuple[str, str] | None, str]:
        """The port that takes the wire here, or the reason why none does ("" where there is nothing)."""
        columns = self._stage.columns
        row = block_at(columns, pointer.x, pointer.y)
        reach = min(CATCH_PX / self._stage.camera.zoom, MAX_CATCH)
        refusal = ""
        for port_row in ports_within(columns, pointer.x, pointer.y, reach):
            port = port_hit(columns, port_row)
            if port.side == self._side or (row is not None and columns.port_block[port_row] != row):
                continue
            problem = self._problem((port.block_id, port.port))
            if problem is None:
                return (port.block_id, port.port), ""
            refusal = refusal or problem
        if row is None or columns.ids[row] == self._fixed[0]:
            return None, refusal
        return self._first_on_body(columns.ids[row], refusal)

    def _first_on_body(self, block_id: str, refusal: str) -> tuple[tuple[str, str] | None, str]:
        workspace, columns = self._stage.workspace, self._stage.columns
        names = [port.name for port in columns.faces[columns.row_of[block_id]].ports(self._other_side)]
        used = {edge.source_port for edge in workspace.workflow.edges_from(block_id)} if self._side == "in" else set()
        for name in sorted(names, key=lambda name: name in used):
            problem = self._problem((block_id, name))
            if problem is None:
                return (block_id, name), ""
            refusal = refusal or problem
        return None, refusal or self._problem((block_id, "")) or ""

    # --- painting -------------------------------------------------------------------------------------------------

    def bounds(self) -> Rect | None:
        if not self._is_drag:
            return None
        return self._stage.camera.shown()

    def paint(self, painter: QPainter, picture: Picture) -> None:
        if not self._is_drag:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_ports(painter, picture)
        style = picture.style
        painter.setBrush(Qt.BrushStyle.NoBrush)
        color = style.error if self._refusal else style.selection
        line = Qt.PenStyle.SolidLine if self._caught else Qt.PenStyle.DashLine
        draw_wires(painter, self._wire_ends(), picture.camera, style.pen(color, 2.5, line))
        if self._refusal:
            paint_bubble(painter, picture, self._refusal, *self._loose)

    def _wire_ends(self) -> Ends:
        columns = self._stage.columns
        row = columns.row_of[self._fixed[0]]
        fixed, card = columns.anchor(row, self._side, self._fixed[1]), columns.card(row)
        loose_card = Rect(*self._loose, *self._loose)
        if self._caught:
            loose_card = columns.card(columns.row_of[self._caught[0]])
        first, second = (fixed, card), (self._loose, loose_card)
        if self._side == "in":
            first, second = second, first
        (source, source_card), (target, target_card) = first, second
        values = (*source, *target, source_card.top, source_card.bottom, target_card.top, target_card.bottom)
        return Ends(*(np.array([value], dtype=np.float64) for value in values))

    def _paint_ports(self, painter: QPainter, picture: Picture) -> None:
        """Ports that would take the wire grow, blocks that have none fade."""
        if picture.style.detail < Detail.TITLE or len(picture.columns.edge_ids) > MAX_EDGES_MARKED:
            return
        columns = picture.columns
        shown = picture.shown_blocks(picture.scene_rect(picture_rect(picture), 0)).tolist()[:MAX_MARKED]
        grown = picture.atlas.port(picture.style.selection, filled=False, grown=True)
        full = picture.atlas.port(picture.style.selection, filled=True, grown=True)
        for row in shown:
            block_id = columns.ids[row]
            fits = False
            for port in columns.faces[row].ports(self._other_side):
                if self._problem((block_id, port.name)) is None:
                    fits = True
                    x, y = picture.camera.device(*columns.anchor(row, self._other_side, port.name))
                    draw_centered(painter, full if self._caught == (block_id, port.name) else grown, x, y)
            if not fits and block_id != self._fixed[0]:
                self._fade(painter, picture, row)

    def _fade(self, painter: QPainter, picture: Picture, row: int) -> None:
        card = picture.columns.card(row).grown(6)
        left, top = picture.camera.device(card.left, card.top)
        right, bottom = picture.camera.device(card.right, card.bottom)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(faded(picture.style.canvas, 0.55))
        painter.drawRoundedRect(QRectF(left, top, right - left, bottom - top), 12, 12)


def picture_rect(picture: Picture) -> QRect:
    """All device pixels of the picture's view."""
    return QRect(0, 0, *picture.camera.device_size)


def paint_bubble(painter: QPainter, picture: Picture, text: str, x: float, y: float) -> None:
    """Say something in a small bubble beside a scene point."""
    style, ratio = picture.style, picture.style.ratio
    at_x, at_y = picture.camera.device(x, y)
    painter.setFont(style.label_font)
    flags = int(Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextWordWrap)
    room = QRectF(0, 0, 280 * ratio, 400 * ratio)
    size = painter.boundingRect(room, flags, text)
    width, height = picture.camera.device_size
    left = min(at_x + 16 * ratio, width - size.width() - 28 * ratio)
    top = min(at_y + 16 * ratio, height - size.height() - 20 * ratio)
    frame = QRectF(left, top, size.width() + 20 * ratio, size.height() + 12 * ratio)
    path = QPainterPath()
    path.addRoundedRect(frame, 6 * ratio, 6 * ratio)
    painter.fillPath(path, style.raised)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(style.pen(style.error, 1.0))
    painter.drawPath(path)
    painter.setPen(style.text)
    painter.drawText(frame.adjusted(10 * ratio, 6 * ratio, -10 * ratio, -6 * ratio), flags, text)


def _with_identity(edge: Edge, old: Edge) -> Edge:
    """The new ends under the old wire's id and with its unknown fields."""
    return edge.changed(id=old.id, extra=old.extra) if old.extra else edge.changed(id=old.id)
