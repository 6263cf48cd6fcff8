"""Moving blocks: a press that may stay a click, become a drag, and end in a wire."""

import numpy as np
from PySide6.QtCore import Qt

from editor.canvas.cards import anchors
from editor.canvas.geometry import Rect, overlapping
from editor.canvas.gestures.base import Gesture, Pointer, Stage
from editor.canvas.gestures.splicing import SpliceFinder
from editor.canvas.motion import Motion
from engine import Workflow, edits, new_id, wiring


class Move(Gesture):
    """Drag the selected blocks. With Alt held at the start, copies of them are dragged.

    Positions come from the press and the total way, never added up per move. A lone block without wires can be dropped
    into a wire; Alt refuses that.
    """

    def __init__(self, stage: Stage, start: Pointer, block_id: str) -> None:
        self._stage = stage
        self._start = start
        self._grabbed = block_id
        self._copies = start.alt
        self._keys = start.keys
        self._was_selected = block_id in stage.workspace.selection.blocks
        self._before = stage.workspace.selection
        self._shift = (0.0, 0.0)
        self._edge_id = ""
        self._finder: SpliceFinder | None = None
        self._is_drag = False
        self._rows = np.empty(0, dtype=np.intp)
        self._rows_of: object = None
        self._select_on_press()

    @property
    def cursor(self) -> Qt.CursorShape | None:  # type: ignore[override]
        """A copy sign while copies are dragged."""
        if not self._is_drag:
            return None
        return Qt.CursorShape.DragCopyCursor if self._copies else Qt.CursorShape.ClosedHandCursor

    def move(self, pointer: Pointer) -> None:
        if not self._is_drag:
            if not pointer.is_drag_from(self._start):
                return
            self._begin()
        columns = self._stage.columns
        row = columns.row_of[self._grabbed]
        x, y = float(columns.x[row]), float(columns.y[row])
        to_x, to_y = self._stage.snap(x + pointer.x - self._start.x, y + pointer.y - self._start.y, pointer)
        self._shift = (to_x - x, to_y - y)
        if self._rows_of is not columns.version:
            self._rows_of, self._rows = columns.version, columns.rows(self._stage.workspace.selection.blocks)
        self._stage.set_motion(Motion(self._rows, *self._shift, as_copies=self._copies))
        self._look_for_edge(pointer, to_x, to_y)

    def finish(self, pointer: Pointer) -> None:
        if not self._is_drag:
            self._click()
            return
        self.move(pointer)
        self._stage.part_edge("")
        if self._copies:
            self._drop_copies()
        else:
            self._drop()
        self._stage.set_motion(None)

    def cancel(self) -> None:
        self._stage.set_motion(None)
        self._stage.part_edge("")
        self._stage.workspace.select(self._before.blocks, self._before.edges)

    # --- press and click ----------------------------------------------------------------------------------------

    def _select_on_press(self) -> None:
        if self._was_selected or self._is_toggle():
            return
        self._stage.workspace.select([self._grabbed])

    def _is_toggle(self) -> bool:
        return bool(self._keys & (Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.ControlModifier))

    def _click(self) -> None:
        """One of many selected blocks is selected alone on release, so that all of them can be dragged before."""
        workspace = self._stage.workspace
        if self._is_toggle():
            workspace.select(workspace.selection.blocks ^ {self._grabbed}, workspace.selection.edges)
        elif self._was_selected:
            workspace.select([self._grabbed])

    # --- drag and drop ------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._is_drag = True
        workspace, columns = self._stage.workspace, self._stage.columns
        if self._grabbed not in workspace.selection.blocks:
            workspace.select(workspace.selection.blocks | {self._grabbed})
        only = workspace.selection.only_block
        if only and not self._copies and not len(columns.edges_of(columns.rows([only]))):
            self._finder = SpliceFinder(columns, workspace.catalog, workspace.workflow, only)

    def _look_for_edge(self, pointer: Pointer, x: float, y: float) -> None:
        if self._finder is None:
            return
        columns = self._stage.columns
        row = columns.row_of[self._grabbed]
        face = columns.faces[row]
        size = columns.card(row)
        card = Rect(x, y, x + size.width, y + size.height)
        offsets = [*anchors(face, "in"), *anchors(face, "out")]
        nothing = np.empty(0, dtype=np.intp)
        found = "" if pointer.alt else self._finder.edge_under(card, offsets, self._stage.camera.zoom, nothing)
        if found != self._edge_id:
            self._edge_id = found
            self._stage.part_edge(found)

    def _drop(self) -> None:
        workspace = self._stage.workspace
        ids = workspace.selection.blocks
        what = f"“{workspace.workflow.block(self._grabbed).label}”" if len(ids) == 1 else f"{len(ids)} blocks"
        if self._edge_id:
            workspace.edit(f"Put {what} into a wire", self._spliced, ids)
        elif self._shift != (0.0, 0.0):
            workspace.edit(f"Move {what}", self._moved, ids)

    def _moved(self, workflow: Workflow, ids: frozenset[str]) -> Workflow:
        moved = edits.move_blocks(workflow, ids, *self._shift)
        return edits.bring_to_front(moved, ids) if self._covers_others(ids) else moved

    def _spliced(self, workflow: Workflow, ids: frozenset[str]) -> Workflow:
        moved = edits.move_blocks(workflow, ids, *self._shift)
        catalog, size = self._stage.workspace.catalog, self._stage.columns.size
        return wiring.splice(moved, catalog, self._grabbed, self._edge_id, size=size)

    def _covers_others(self, ids: frozenset[str]) -> bool:
        """Whether a dropped block lies on one that stayed: then it comes to the front, where the hand put it."""
        columns = self._stage.columns
        rows = columns.rows(ids)
        boxes = columns.boxes()
        still = np.ones(len(columns), dtype=np.bool_)
        still[rows] = False
        dropped = boxes[rows] + np.array([*self._shift, *self._shift])
        return len(rows) <= 50 and any(overlapping(boxes[still], Rect(*card)).any() for card in dropped.tolist())

    def _drop_copies(self) -> None:
        workspace = self._stage.workspace
        fragment = edits.copy_fragment(workspace.workflow, workspace.selection.blocks)
        ids = {block.id: new_id() for block in fragment.blocks}
        label = "Duplicate block" if len(ids) == 1 else f"Duplicate {len(ids)} blocks"
        workspace.edit_and_select(
            label,
            lambda workflow: wiring.paste(workflow, workspace.catalog, fragment, *self._shift, ids),
            ids.values(),
        )
