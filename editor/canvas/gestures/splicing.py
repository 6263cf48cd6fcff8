"""Finding the wire that a dropped block would go into."""

from editor.canvas.columns import Columns
from editor.canvas.geometry import Rect, Rows
from editor.canvas.hits import SPLICE_PX, edge_near, splice_points
from engine import Catalog, EditError, Workflow, wiring


class SpliceFinder:
    """Looks for wires under one block while it is dragged. `workflow` holds the block; the document may not yet."""

    def __init__(self, columns: Columns, catalog: Catalog, workflow: Workflow, block_id: str) -> None:
        self._columns = columns
        self._catalog = catalog
        self._workflow = workflow
        self._block_id = block_id
        self._answers: dict[str, bool] = {}

    def edge_under(self, card: Rect, offsets: list[tuple[float, float]], zoom: float, ignored: Rows) -> str:
        """The id of the wire that the card would be dropped into at this place, "" when there is none."""
        points = splice_points(card, offsets)
        row = edge_near(self._columns, points, SPLICE_PX / max(zoom, 0.5), ignored)
        if row is None:
            return ""
        edge_id = self._columns.edge_ids[row]
        if edge_id not in self._answers:
            self._answers[edge_id] = self._fits(edge_id)
        return edge_id if self._answers[edge_id] else ""

    def _fits(self, edge_id: str) -> bool:
        try:
            wiring.splice(self._workflow, self._catalog, self._block_id, edge_id, size=self._columns.size)
        except EditError:
            return False
        return True
