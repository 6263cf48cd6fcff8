"""Room for a block that was put into an edge: what follows moves along the flow, as far as it must and no further."""

import heapq
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

from engine.document import Block, Workflow
from engine.edits import place_blocks

GAP_ALONG = 72.0
GAP_ACROSS = 40.0
"""Scene units that should lie between blocks along the flow, and beside it."""

Size = Callable[[Block], tuple[float, float]]


@dataclass(frozen=True)
class _Span:
    """A block in flow coordinates: `start` to `end` along the flow, `low` to `high` across it."""

    start: float
    end: float
    low: float
    high: float


def make_room(
    workflow: Workflow, source: str, block_id: str, target: str, size: Size, gap: float, gap_across: float
) -> Workflow:
    """The workflow with `block_id` standing well between `source` and `target`, and what follows shifted.

    The block stays where it was dropped, unless that is too near its source or a little off the line. The flow goes to
    the right when the target lies more to the right than below, else downwards.
    """
    from_block, to_block = workflow.block(source), workflow.block(target)
    rightwards = abs(to_block.x - from_block.x) >= abs(to_block.y - from_block.y)
    spans = {block.id: _span(block, size, rightwards) for block in workflow.blocks.values()}
    spans[block_id] = _settle(spans[block_id], spans[source], gap, gap_across)
    first_shift = spans[block_id].end + gap - spans[target].start
    shifts = _shifts(workflow, block_id, target, spans, first_shift, gap, gap_across)
    places = {moved: _shifted(workflow.block(moved), shift, rightwards) for moved, shift in shifts.items()}
    start, low = spans[block_id].start, spans[block_id].low
    places[block_id] = (start, low) if rightwards else (low, start)
    return place_blocks(workflow, places)


def _span(block: Block, size: Size, rightwards: bool) -> _Span:
    width, height = size(block)
    if rightwards:
        return _Span(block.x, block.x + width, block.y, block.y + height)
    return _Span(block.y, block.y + height, block.x, block.x + width)


def _settle(dropped: _Span, source: _Span, gap: float, gap_across: float) -> _Span:
    """Where the dropped block comes to rest: not too near the source, and on its line when it nearly is."""
    start = max(dropped.start, source.end + gap)
    middle, line = (dropped.low + dropped.high) / 2, (source.low + source.high) / 2
    low = dropped.low + (line - middle if abs(line - middle) <= gap_across else 0)
    return _Span(start, start + dropped.end - dropped.start, low, low + dropped.high - dropped.low)


def _shifted(block: Block, shift: float, rightwards: bool) -> tuple[float, float]:
    return (block.x + shift, block.y) if rightwards else (block.x, block.y + shift)


def _shifts(
    workflow: Workflow,
    block_id: str,
    target: str,
    spans: dict[str, _Span],
    first_shift: float,
    gap: float,
    gap_across: float,
) -> dict[str, float]:
    """How far each follower moves along the flow.

    A follower gives way to what comes before it, by edge or by standing behind it, once the free room between the two
    beyond `gap` is used up. So no shift is larger than the first, and taking the largest first visits each block once.
    """
    followers = _followers(workflow, target, block_id)
    if first_shift <= 0:
        return {}
    order = sorted(followers, key=lambda item: spans[item].start)
    starts = [spans[item].start for item in order]
    shifts: dict[str, float] = {}
    queue = [(-first_shift, target)]
    while queue:
        negative, moved = heapq.heappop(queue)
        if moved in shifts:
            continue
        shift = shifts[moved] = -negative
        span = spans[moved]
        behind = order[bisect_left(starts, span.end) : bisect_left(starts, span.end + gap + shift)]
        near = (item for item in behind if _is_beside(spans[item], span, gap_across))
        for follower in (*followers[moved], *near):
            slack = max(0.0, spans[follower].start - span.end - gap)
            if follower not in shifts and shift > slack:
                heapq.heappush(queue, (slack - shift, follower))
    return shifts


def _is_beside(one: _Span, other: _Span, gap_across: float) -> bool:
    """Whether two blocks lie in the same lane of the flow, or nearly."""
    return one.low < other.high + gap_across and other.low < one.high + gap_across


def _followers(workflow: Workflow, start: str, excluded: str) -> dict[str, list[str]]:
    """The blocks reached from `start`, with `start` itself, and where each one leads."""
    targets: dict[str, list[str]] = {}
    for edge in workflow.edges.values():
        if edge.target in workflow.blocks and edge.target != excluded:
            targets.setdefault(edge.source, []).append(edge.target)
    found: dict[str, list[str]] = {}
    waiting: list[str] = [start]
    while waiting:
        item = waiting.pop()
        if item not in found:
            found[item] = targets.get(item, [])
            waiting += found[item]
    return found
