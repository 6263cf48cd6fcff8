"""Walking the graph with the arrow keys: along the wires first, else to the nearest block in that direction. No Qt."""

from editor.canvas.columns import Columns
from editor.canvas.geometry import nearest_in_direction
from engine import Workflow

Direction = tuple[int, int]


def step_from(workflow: Workflow, columns: Columns, block_id: str, direction: Direction) -> str | None:
    """The block that this arrow leads to, None when there is none.

    Right and left follow the flow to the next and previous block, up and down go through the blocks beside it.
    """
    row = columns.row_of.get(block_id)
    if row is None:
        return None
    along = direction[0]
    if along:
        edges = workflow.edges_from(block_id) if along > 0 else workflow.edges_to(block_id)
        linked = [edge.target if along > 0 else edge.source for edge in edges]
        shown = [columns.row_of[item] for item in linked if item in columns.row_of]
        if shown:
            # The one that lies most straight ahead.
            return columns.ids[min(shown, key=lambda other: abs(float(columns.y[other] - columns.y[row])))]
    else:
        beside = [columns.row_of[item] for item in _siblings(workflow, block_id) if item in columns.row_of]
        ahead = [other for other in beside if (columns.y[other] - columns.y[row]) * direction[1] > 0]
        if ahead:
            return columns.ids[min(ahead, key=lambda other: abs(float(columns.y[other] - columns.y[row])))]
    nearest = nearest_in_direction(columns.x, columns.y, row, direction)
    return None if nearest is None else columns.ids[nearest]


def _siblings(workflow: Workflow, block_id: str) -> set[str]:
    """Blocks that come from the same block, or go to the same one."""
    sources = {edge.source for edge in workflow.edges_to(block_id)}
    targets = {edge.target for edge in workflow.edges_from(block_id)}
    together = {edge.target for edge in workflow.edges.values() if edge.source in sources}
    together |= {edge.source for edge in workflow.edges.values() if edge.target in targets}
    return together - {block_id}
