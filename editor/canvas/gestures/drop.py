"""A block type dragged over the canvas from the palette: a ghost of its card, and the wire it would go into."""

from dataclasses import replace

import numpy as np
from PySide6.QtGui import QPainter

from editor.canvas.atlas import SHADOW
from editor.canvas.cards import anchors
from editor.canvas.columns import Columns
from editor.canvas.geometry import Rect
from editor.canvas.gestures.base import Pointer, Stage
from editor.canvas.gestures.splicing import SpliceFinder
from editor.canvas.marks import Marks
from editor.canvas.picture import Picture, paint_graph
from engine import Block, Workflow, edits

_NOTHING = np.empty(0, dtype=np.intp)


class Ghost:
    """The block that a drop would add. It is not in the document."""

    def __init__(self, stage: Stage, block: Block) -> None:
        self._stage = stage
        self.block = block
        self.edge_id = ""
        workspace = stage.workspace
        self._columns = Columns(Workflow(blocks={block.id: block}), workspace.catalog)
        self._marks = Marks(self._columns)
        with_block = edits.add_blocks(workspace.workflow, [block])
        self._finder = SpliceFinder(stage.columns, workspace.catalog, with_block, block.id)

    def move(self, pointer: Pointer) -> None:
        """The pointer holds the block here now."""
        width, height = self._stage.columns.size(self.block)
        x, y = self._stage.snap(pointer.x - width / 2, pointer.y - min(height / 2, 30.0), pointer)
        self.block = self.block.changed(x=x, y=y)
        self._columns = self._columns.displaced(np.array([x]), np.array([y]))
        face = self._columns.faces[0]
        offsets = [*anchors(face, "in"), *anchors(face, "out")]
        found = ""
        if face.inputs and face.outputs and not pointer.alt:
            found = self._finder.edge_under(self._columns.card(0), offsets, self._stage.camera.zoom, _NOTHING)
        if found != self.edge_id:
            self.edge_id = found
            self._stage.part_edge(found)

    def bounds(self) -> Rect:
        """The part of the scene that `paint` may touch."""
        return self._columns.card(0).grown(SHADOW + 8)

    def paint(self, painter: QPainter, picture: Picture) -> None:
        """Paint the card, a little transparent."""
        painter.setOpacity(0.85)
        ghost = replace(picture, columns=self._columns, marks=self._marks, moving=_NOTHING)
        paint_graph(painter, ghost, np.array([0], dtype=np.intp), _NOTHING)
        painter.setOpacity(1.0)
