"""What the rules of `check` ask about a graph, worked out once per check."""

from collections import deque
from collections.abc import Iterable
from functools import cached_property

from engine.blocks import Catalog
from engine.blocks._spec import BlockType
from engine.document import Block, Edge, Workflow

MAX_EXACT_BLOCKS = 20_000
"""Up to this many blocks "comes before" is exact; its memory grows with the square of them."""


class Facts:
    """Neighbours, order and reach of the blocks of one workflow. Edges with a missing end, and loops, are left out."""

    def __init__(self, workflow: Workflow, catalog: Catalog) -> None:
        self.workflow = workflow
        self.catalog = catalog
        self.types: dict[str, BlockType | None] = {
            item.id: catalog.find(item.type) for item in workflow.blocks.values()
        }
        self.incoming: dict[str, list[Edge]] = {block_id: [] for block_id in workflow.blocks}
        self.outgoing: dict[str, list[Edge]] = {block_id: [] for block_id in workflow.blocks}
        for edge in workflow.edges.values():
            if edge.source in self.outgoing and edge.target in self.incoming and edge.source != edge.target:
                self.outgoing[edge.source].append(edge)
                self.incoming[edge.target].append(edge)
        self.entries = [block_id for block_id, kind in self.types.items() if kind and kind.trigger]
        self.order = self._order()

    @cached_property
    def meanings(self) -> dict[str, str]:
        """The block that each name or id means in a reference."""
        names: dict[str, str] = {}
        for block in self.workflow.blocks.values():
            if block.name:
                names.setdefault(block.name, block.id)
        return {**names, **{block_id: block_id for block_id in self.workflow.blocks}}

    @cached_property
    def stuck(self) -> set[str]:
        """Blocks in a cycle or behind one."""
        return self.workflow.blocks.keys() - self.order.keys()

    @cached_property
    def reached(self) -> set[str]:
        """Blocks that an entry leads to, entries included."""
        return self.reach(self.entries)

    @cached_property
    def dead(self) -> dict[str, str]:
        """Blocks that cannot run because of a disabled one, with that one's id; disabled blocks mean themselves."""
        found: dict[str, str] = {}
        for block_id in self.order:
            sources = self.incoming[block_id]
            if not self.workflow.blocks[block_id].enabled:
                found[block_id] = block_id
            elif sources and all(edge.source in found for edge in sources):
                found[block_id] = found[sources[0].source]
        return found

    def reach(self, starts: Iterable[str]) -> set[str]:
        """The blocks that these lead to, these included."""
        seen = set(starts)
        waiting = list(seen)
        while waiting:
            for edge in self.outgoing[waiting.pop()]:
                if edge.target not in seen:
                    seen.add(edge.target)
                    waiting.append(edge.target)
        return seen

    def comes_before(self, block_id: str, other: str) -> bool:
        """Whether a path leads from `block_id` to `other`; by order alone in very large graphs."""
        if block_id not in self.order or other not in self.order:
            return True  # told as a cycle
        if any(edge.source == block_id for edge in self.incoming[other]):
            return True
        if self.order[block_id] >= self.order[other]:
            return False
        exact = len(self.workflow.blocks) <= MAX_EXACT_BLOCKS
        return not exact or bool(self._ancestors[other] >> self.order[block_id] & 1)

    def label(self, block_id: str) -> str:
        """How a block is called on screen."""
        block: Block | None = self.workflow.blocks.get(block_id)
        return block.label if block else block_id

    @cached_property
    def _ancestors(self) -> dict[str, int]:
        """For each block the bits of those before it, by their place in the order."""
        found: dict[str, int] = {}
        for block_id in self.order:
            bits = 0
            for edge in self.incoming[block_id]:
                bits |= found[edge.source] | 1 << self.order[edge.source]
            found[block_id] = bits
        return found

    def _order(self) -> dict[str, int]:
        """The place of each block in a topological order; blocks in a cycle or behind one have none."""
        left = {block_id: len(edges) for block_id, edges in self.incoming.items()}
        queue = deque(block_id for block_id, count in left.items() if not count)
        order: dict[str, int] = {}
        while queue:
            block_id = queue.popleft()
            order[block_id] = len(order)
            for edge in self.outgoing[block_id]:
                left[edge.target] -= 1
                if not left[edge.target]:
                    queue.append(edge.target)
        return order
