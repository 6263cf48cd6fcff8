"""A piece of a workflow on its way from one place to another: what the clipboard and the library hold."""

import json
from collections.abc import Collection

import msgspec

from engine.document import (
    Block,
    Edge,
    Workflow,
    block_to_api,
    edge_to_api,
)


class Fragment(msgspec.Struct, frozen=True):
    """Blocks with the edges between them, in drawing order."""

    blocks: tuple[Block, ...]
    edges: tuple[Edge, ...] = ()


def copy_fragment(workflow: Workflow, block_ids: Collection[str]) -> Fragment:
    """These blocks and the edges that begin and end among them. Ids that are not there are passed over."""
    wanted = set(block_ids)
    blocks = tuple(block for block in workflow.blocks.values() if block.id in wanted)
    edges = tuple(edge for edge in workflow.edges.values() if edge.source in wanted and edge.target in wanted)
    return Fragment(blocks, edges)


def fragment_to_json(fragment: Fragment) -> str:
    """The fragment as text: the API's `{"blocks", "edges"}`, so that it can be pasted anywhere."""
    data = {
        "blocks": [block_to_api(block) for block in fragment.blocks],
        "edges": [edge_to_api(edge) for edge in fragment.edges],
    }
    return json.dumps(data, ensure_ascii=False, indent=2)


def fragment_from_json(text: str) -> Fragment:
    """The fragment in a text: our own, the API's graph, a whole workflow, or a workflow file's contents.

    Raises:
        FileError: the text is no workflow JSON; says where and why.
    """
    from engine.files import parse

    workflow, _ = parse(text.encode("utf-8", "surrogatepass"))
    return copy_fragment(workflow, workflow.blocks)
