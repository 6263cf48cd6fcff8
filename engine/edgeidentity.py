"""Which edge of one version is which edge of another, where a server gives edges new ids at each save.

Source: contract 2.5, edge ids.
"""

from collections import defaultdict, deque

from engine.document import Edge, Workflow

Wire = tuple[str, str | None, str, str | None, str | None]


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
    ids: dict[str, str] = {}
    taken: set[str] = set()
    for wire in (_written_wire_of, wire_of):  # the same spelling first: a port has two
        free: defaultdict[Wire, deque[str]] = defaultdict(deque)
        for edge in known.edges.values():
            if edge.id not in workflow.edges and edge.id not in taken:
                free[wire(edge)].append(edge.id)
        for edge in workflow.edges.values():
            if edge.id not in known.edges and edge.id not in ids and free.get(wire(edge)):
                ids[edge.id] = free[wire(edge)].popleft()
                taken.add(ids[edge.id])
    edges = [edge.changed(id=ids[edge.id]) if edge.id in ids else edge for edge in workflow.edges.values()]
    return workflow.changed(edges={edge.id: edge for edge in edges})


def _written_wire_of(edge: Edge) -> Wire:
    return edge.source, edge.source_handle, edge.target, edge.target_handle, edge.condition
