"""What is selected: ids of blocks and edges."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from engine import Workflow


@dataclass(frozen=True)
class Selection:
    """Ids of the selected blocks and edges. Always a part of the document."""

    blocks: frozenset[str] = field(default_factory=frozenset)
    edges: frozenset[str] = field(default_factory=frozenset)

    def __bool__(self) -> bool:
        return bool(self.blocks or self.edges)

    @property
    def only_block(self) -> str | None:
        """The id of the one selected block; None when none or several are."""
        return next(iter(self.blocks)) if len(self.blocks) == 1 and not self.edges else None

    def within(self, workflow: Workflow) -> "Selection":
        """The part of it that the workflow has."""
        blocks = frozenset(block_id for block_id in self.blocks if block_id in workflow.blocks)
        edges = frozenset(edge_id for edge_id in self.edges if edge_id in workflow.edges)
        return self if len(blocks) == len(self.blocks) and len(edges) == len(self.edges) else Selection(blocks, edges)


def selection(blocks: Iterable[str] = (), edges: Iterable[str] = ()) -> Selection:
    """A selection of these ids."""
    return Selection(frozenset(blocks), frozenset(edges))
