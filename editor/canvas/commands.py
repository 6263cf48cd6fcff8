"""What can be done to the graph by name: add, copy, paste, delete, join. Each is one undoable step."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from PySide6.QtCore import QMimeData, QObject, QPoint, Signal
from PySide6.QtGui import QGuiApplication

from editor.canvas.cards import GAP_ACROSS, GAP_ALONG, WIDTH, Side
from editor.canvas.geometry import GRID, Rect, overlapping, snapped
from editor.canvas.surface import Surface
from editor.text import count_text
from engine import Block, FileError, Workflow, edits, new_id, wiring

PASTE_STEP = 2 * GRID
MAX_TRIES = 40
TRUSTED_MIME = "application/x-blockloom-trusted-blocks"
"""Marks blocks that were copied from a workflow that may run. A web page cannot put it on the clipboard."""


@dataclass(frozen=True)
class QuickAddRequest:
    """A wish for a block at a scene point: wired to an output or input, put into a wire, or neither.

    `text` is what was typed already, `global_pos` where to ask.
    """

    x: float
    y: float
    global_pos: QPoint
    source: tuple[str, str] | None = None
    target: tuple[str, str] | None = None
    edge_id: str = ""
    text: str = ""
    beside: str = ""
    """The block that the new one follows, placed and wired beside it, when nothing else is said."""


class Commands(QObject):
    """The commands of one canvas.

    Signals:
        told(str): something short to tell the person.
        foreign_pasted(object): these blocks were pasted that nobody here vouches for, a tuple of `Block`.
    """

    told = Signal(str)
    foreign_pasted = Signal(object)

    def __init__(self, surface: Surface) -> None:
        super().__init__(surface)
        self._surface = surface
        self._workspace = surface.workspace
        self._pasted: tuple[str, int] = ("", 0)
        self.vouches: Callable[[], bool] = _always
        """Whether what is copied from this workflow may run."""

    # --- adding -------------------------------------------------------------------------------------------------

    def add_beside(self, type_name: str) -> None:
        """Add a block after the selected one, wired to it; without a selection in the middle of the view."""
        selected = self._workspace.selection
        if selected.only_block:
            self.add(QuickAddRequest(0, 0, QPoint(), beside=selected.only_block), type_name)
        elif len(selected.edges) == 1 and not selected.blocks:
            self.add(QuickAddRequest(*self._middle(), QPoint(), edge_id=next(iter(selected.edges))), type_name)
        else:
            self.add(QuickAddRequest(*self._middle(), QPoint()), type_name)

    def accepts(self, request: QuickAddRequest, type_name: str) -> bool:
        """Whether a block of this type can be wired as the request wants it."""
        block_type = self._workspace.catalog.find(type_name)
        if block_type is None:
            return False
        has_input, has_output = bool(block_type.inputs), bool(block_type.outputs(block_type.new_config()))
        if request.edge_id:
            return has_input and has_output
        return (has_input or request.source is None) and (has_output or request.target is None)

    def add(self, request: QuickAddRequest, type_name: str) -> None:
        """Add a block of this type as the request wants it, and select it."""
        workspace = self._workspace
        block = workspace.catalog.new_block(type_name, (item.name for item in workspace.workflow.blocks.values()))
        width, height = self._surface.columns.size(block)
        block = block.changed(**self._place(request, width, height))
        workspace.edit_and_select(
            f"Add {block.name}", lambda workflow: self._added(workflow, block, request), [block.id]
        )
        row = self._surface.columns.row_of.get(block.id)
        if row is not None:
            self._surface.reveal(self._surface.columns.card(row))

    def put(self, block: Block, edge_id: str) -> None:
        """Add a ready block where it says, into a wire if one is named, and select it."""

        def put(workflow: Workflow) -> Workflow:
            added = edits.add_blocks(workflow, [block])
            return self._spliced(added, block.id, edge_id) if edge_id else added

        self._workspace.edit_and_select(f"Add {block.name}", put, [block.id])

    def _place(self, request: QuickAddRequest, width: float, height: float) -> dict[str, float]:
        if request.beside in self._surface.columns.row_of:
            return self._free_place_after(request.beside, height)
        if request.source or request.target:
            # The port that gets the wire comes to lie under the pointer.
            x = request.x if request.source else request.x - width
            return self._free_place(snapped(x), snapped(request.y - 30), height)
        x, y = snapped(request.x - width / 2), snapped(request.y - 30)
        return {"x": x, "y": y} if request.edge_id else self._free_place(x, y, height)

    def _free_place_after(self, block_id: str, height: float) -> dict[str, float]:
        columns = self._surface.columns
        row = columns.row_of[block_id]
        x = float(columns.x[row]) + WIDTH + GAP_ALONG
        return self._free_place(snapped(x), snapped(float(columns.y[row])), height)

    def _free_place(self, x: float, y: float, height: float) -> dict[str, float]:
        """The first place at or below this one where no block is in the way."""
        boxes = self._surface.columns.boxes()
        for _ in range(MAX_TRIES):
            blocking = boxes[overlapping(boxes, Rect(x, y, x + WIDTH, y + height).grown(GRID - 1))]
            if not len(blocking):
                break
            y = snapped(float(blocking[:, 3].max()) + GAP_ACROSS)
        return {"x": x, "y": y}

    def _added(self, workflow: Workflow, block: Block, request: QuickAddRequest) -> Workflow:
        added = edits.add_blocks(workflow, [block])
        if request.edge_id:
            return self._spliced(added, block.id, request.edge_id)
        if request.source:
            return self._wired(added, *request.source, block.id, None)
        if request.target:
            return self._wired(added, block.id, None, *request.target)
        is_beside = request.beside in workflow.blocks
        return self._wired(added, request.beside, None, block.id, None) if is_beside else added

    def _wired(
        self, workflow: Workflow, source: str, source_port: str | None, target: str, target_port: str | None
    ) -> Workflow:
        """The workflow with a wire between the two, at the given ports or the first that fit; as it is if none do."""
        catalog = self._workspace.catalog
        ports = wiring.first_compatible_ports(workflow, catalog, source, target)
        if ports is None:
            return workflow
        source_name = ports[0] if source_port is None else source_port
        target_name = ports[1] if target_port is None else target_port
        ends = (source, source_name, target, target_name)
        if wiring.connection_problem(workflow, catalog, *ends) is not None:
            return workflow
        return edits.add_edge(workflow, wiring.edge_between(workflow, catalog, *ends))

    def _spliced(self, workflow: Workflow, block_id: str, edge_id: str) -> Workflow:
        return wiring.splice(workflow, self._workspace.catalog, block_id, edge_id, size=self._surface.columns.size)

    def _middle(self) -> tuple[float, float]:
        surface = self._surface
        return surface.camera.to_scene(surface.width() / 2, surface.height() / 2)

    # --- deleting and joining -----------------------------------------------------------------------------------

    def delete_selection(self) -> None:
        """Delete the selected blocks and wires."""
        selected = self._workspace.selection
        if selected:
            label = f"Delete {_what(selected.blocks, selected.edges)}"
            self._workspace.edit(label, edits.remove, selected.blocks, selected.edges)

    def heal_selection(self) -> None:
        """Delete the selected blocks and join what came before them to what came after."""
        blocks = self._workspace.selection.blocks
        if blocks:
            label = f"Delete {_what(blocks)} and join"
            self._workspace.edit(label, wiring.heal, self._workspace.catalog, blocks)

    def connect_selected(self) -> None:
        """Join the two selected blocks, the one farther to the left first."""
        columns = self._surface.columns
        rows = columns.rows(self._workspace.selection.blocks)
        if len(rows) != 2:
            return
        first, second = (columns.ids[row] for row in sorted(rows.tolist(), key=lambda row: float(columns.x[row])))
        workflow, catalog = self._workspace.workflow, self._workspace.catalog
        ports = wiring.first_compatible_ports(workflow, catalog, first, second)
        if ports is None:
            ends = (first, self._first_port(first, "out"), second, self._first_port(second, "in"))
            self.told.emit(wiring.connection_problem(workflow, catalog, *ends) or "No port is free.")
            return
        self._workspace.edit("Connect", lambda now: self._wired(now, first, ports[0], second, ports[1]))

    def _first_port(self, block_id: str, side: Side) -> str:
        """The name of a block's first port on this side, "" when it has none."""
        ports = self._surface.columns.faces[self._surface.columns.row_of[block_id]].ports(side)
        return ports[0].name if ports else ""

    def toggle_enabled(self) -> None:
        """Turn the selected blocks off, or on when all of them are off."""
        blocks = self._workspace.selection.blocks
        if not blocks:
            return
        turn_on = not any(self._workspace.workflow.block(block_id).enabled for block_id in blocks)
        label = f"Turn {'on' if turn_on else 'off'} {_what(blocks)}"
        self._workspace.edit(label, edits.set_enabled, blocks, turn_on)

    def nudge(self, dx: float, dy: float) -> None:
        """Move the selected blocks a little; held keys make one step."""
        blocks = self._workspace.selection.blocks
        if blocks:
            key = f"nudge:{hash(blocks)}"
            move = edits.move_blocks
            self._workspace.edit_merging(key, f"Move {_what(blocks)}", lambda now: move(now, blocks, dx, dy))

    # --- clipboard ----------------------------------------------------------------------------------------------

    def select_all(self) -> None:
        """Select every block."""
        self._workspace.select(self._workspace.workflow.blocks)

    def copy(self) -> None:
        """Put the selected blocks and the wires between them on the clipboard, as JSON text."""
        blocks = self._workspace.selection.blocks
        if blocks:
            fragment = edits.copy_fragment(self._workspace.workflow, blocks)
            data = QMimeData()
            data.setText(edits.fragment_to_json(fragment))
            if self.vouches():
                data.setData(TRUSTED_MIME, b"1")  # some systems drop what is empty
            QGuiApplication.clipboard().setMimeData(data)
            self.told.emit(f"Copied {count_text(len(blocks), 'block')}")

    def cut(self) -> None:
        """Copy the selected blocks and delete them."""
        if self._workspace.selection.blocks:
            self.copy()
            self.delete_selection()

    def paste(self) -> None:
        """Add the blocks of the JSON on the clipboard: at the pointer, else a little beside where they came from."""
        data = QGuiApplication.clipboard().mimeData()
        text, is_foreign = data.text(), not data.hasFormat(TRUSTED_MIME)
        if not text.strip():
            self.told.emit("The clipboard is empty.")
            return
        try:
            fragment = edits.fragment_from_json(text)
        except FileError as error:
            self.told.emit(f"The clipboard holds no blocks: {error}")
            return
        if not fragment.blocks:
            self.told.emit("The clipboard holds no blocks.")
            return
        self._insert("Paste", fragment, *self._paste_shift(text, fragment.blocks))
        if is_foreign:
            self.foreign_pasted.emit(tuple(fragment.blocks))

    def duplicate(self) -> None:
        """Copy the selected blocks beside themselves."""
        blocks = self._workspace.selection.blocks
        if blocks:
            fragment = edits.copy_fragment(self._workspace.workflow, blocks)
            self._insert("Duplicate", fragment, PASTE_STEP, PASTE_STEP)

    def _insert(self, verb: str, fragment: edits.Fragment, dx: float, dy: float) -> None:
        ids = {block.id: new_id() for block in fragment.blocks}
        catalog = self._workspace.catalog
        label = f"{verb} {_what(ids)}"
        paste = wiring.paste
        self._workspace.edit_and_select(label, lambda now: paste(now, catalog, fragment, dx, dy, ids), ids.values())
        bounds = self._surface.columns.bounds(self._surface.columns.rows(ids.values()))
        if bounds is not None:
            self._surface.reveal(bounds)

    def _paste_shift(self, text: str, blocks: Iterable[Block]) -> tuple[float, float]:
        surface = self._surface
        pointer = surface.mapFromGlobal(surface.cursor().pos())
        if surface.underMouse() and surface.rect().contains(pointer):
            x, y = surface.camera.to_scene(pointer.x(), pointer.y())
            left, top = min(block.x for block in blocks), min(block.y for block in blocks)
            return snapped(x - left), snapped(y - top)
        times = self._pasted[1] + 1 if self._pasted[0] == text else 1
        self._pasted = (text, times)
        return PASTE_STEP * times, PASTE_STEP * times


def _what(blocks: Collection[str], edges: Collection[str] = ()) -> str:
    """Blocks and wires in words: "block", "3 blocks", "wire"."""
    if blocks:
        return "block" if len(blocks) == 1 else f"{len(blocks)} blocks"
    return "wire" if len(edges) == 1 else f"{len(edges)} wires"


def _always() -> bool:
    return True
