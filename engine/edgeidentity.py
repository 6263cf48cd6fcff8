"""Which edge of one version is which edge of another, where a server gives edges new ids at each save.

Source: contract 2.5, edge ids.
"""

from collections import defaultdict, deque

from engine.document import Edge, Workflow

Wire = tuple[str, str, str, str, str | None]


def wire_of(edge: Edge) -> Wire:
    """What an edge connects, and on which condition: its identity where ids do not last."""
    return edge.source, edge.source_port, edge.target, edge.target_port, edge.condition


def with_edge_ids_of(known: Workflow, workflow: Workflow) -> Workflow:
    """The workflow with the ids that `known` has for the same edges; what it has no edge for keeps its own.

    An id that both have means the same edge, wherever it leads by now. Of several wires that are alike the first is
    the first.
    """
    if workflow.edges.keys() <= known.edges.keys():
        return workflow
    free: defaultdict[Wire, deque[str]] = defaultdict(deque)
    for edge in known.edges.values():
        if edge.id not in workflow.edges:
            free[wire_of(edge)].append(edge.id)
    edges = {}
    for edge in workflow.edges.values():
        ids = free.get(wire_of(edge)) if edge.id not in known.edges else None
        named = edge.changed(id=ids.popleft()) if ids else edge
        edges[named.id] = named
    return workflow.changed(edges=edges)
