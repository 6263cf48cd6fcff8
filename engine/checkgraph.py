"""Rules about the graph: circles, loose wires, ports and routes, entries, blocks that nothing reaches.

Errors are what makes a run impossible or its outcome a matter of chance. What the platform runs all the same is a
warning: a graph without an entry, a wire out of a response, a block that nothing leads to.
"""

from collections import Counter
from collections.abc import Iterator

from engine import edits, renaming, wiring
from engine.blocks._spec import BlockType, Port
from engine.document import Block, Edge, Workflow, has_duplicate_id
from engine.facts import Facts
from engine.problem import Edit, Fix, Problem, Severity

MAX_CIRCLES = 20


def graph_problems(facts: Facts) -> Iterator[Problem]:
    """Everything that is wrong with how blocks are named and joined."""
    yield from _circles(facts)
    yield from _identities(facts)
    yield from _names(facts)
    yield from _entries(facts)
    seen: set[tuple[str, str, str, str]] = set()
    for edge in facts.workflow.edges.values():
        yield from _edge_problems(facts, edge, seen)
    for block in facts.workflow.blocks.values():
        yield from _place_problems(facts, block)


def _circles(facts: Facts) -> Iterator[Problem]:
    if not facts.stuck:
        return
    import networkx

    graph: networkx.DiGraph[str] = networkx.DiGraph()
    graph.add_edges_from((edge.source, edge.target) for block_id in facts.stuck for edge in facts.outgoing[block_id])
    groups = (group for group in networkx.strongly_connected_components(graph) if len(group) > 1)
    for _, group in zip(range(MAX_CIRCLES), groups, strict=False):
        path: list[tuple[str, str]] = networkx.find_cycle(graph.subgraph(group))
        names = " → ".join(f"“{facts.label(block_id)}”" for block_id in (*(pair[0] for pair in path), path[0][0]))
        closing = next(edge for edge in facts.outgoing[path[-1][0]] if edge.target == path[-1][1])
        yield Problem(
            "cycle",
            "error",
            f"These blocks form a circle: {names}. A run could never finish; remove one of the wires.",
            path[0][0],
            closing.id,
            fix=_removal(closing, f"Remove the wire to “{facts.label(closing.target)}”"),
        )


def _identities(facts: Facts) -> Iterator[Problem]:
    for block in facts.workflow.blocks.values():
        if has_duplicate_id(block):
            yield Problem(
                "duplicate-id",
                "error",
                f"“{block.label}” has the id {block.extra['id']!r}, which another block has too; each needs its own.",
                block.id,
                fix=Fix("Give It an Id of Its Own", _own_block_id(block)),
            )
    for edge in facts.workflow.edges.values():
        if has_duplicate_id(edge):
            yield Problem(
                "duplicate-edge-id",
                "warning",
                f"This wire has the id {edge.extra['id']!r}, which another wire has too; each needs its own.",
                edge.source,
                edge.id,
                fix=Fix("Give It an Id of Its Own", _own_edge_id(edge)),
            )


def _own_block_id(block: Block) -> Edit:
    return lambda workflow: workflow.with_blocks([workflow.block(block.id).changed(id=block.id)])


def _own_edge_id(edge: Edge) -> Edit:
    return lambda workflow: workflow.with_edges([workflow.edge(edge.id).changed(id=edge.id)])


def _names(facts: Facts) -> Iterator[Problem]:
    blocks = facts.workflow.blocks
    owners: dict[str, str] = {}
    for block in blocks.values():
        other = block.name if block.name in blocks and block.name != block.id else owners.get(block.name)
        owners.setdefault(block.name, block.id)
        if block.name and other:
            what = "name" if blocks[other].name == block.name else "id"
            yield Problem(
                "duplicate-name",
                "error",
                f"“{block.name}” is the {what} of another block too, so references to it are a matter of chance; "
                "give this one another name.",
                block.id,
                fix=Fix("Give It a Free Name", _rename_to_free(facts, block)),
            )


def _rename_to_free(facts: Facts, block: Block) -> Edit:
    def apply(workflow: Workflow) -> Workflow:
        taken = {name for item in workflow.blocks.values() for name in (item.id, item.name)}
        return wiring.rename(workflow, facts.catalog, block.id, renaming.free_name(block.name, taken))

    return apply


def _entries(facts: Facts) -> Iterator[Problem]:
    blocks = facts.workflow.blocks
    if blocks and not facts.entries:
        message = "Nothing begins this workflow. Add a Starter or a Webhook and connect it to the first block."
        yield Problem("no-entry", "warning", message)
    counts = Counter(kind.type for kind in facts.types.values() if kind)
    first: set[str] = set()
    for block_id, kind in facts.types.items():
        if kind and kind.singleton and counts[kind.type] > 1:
            if kind.type in first:
                message = f"There should be one {kind.label} only; remove this one or the other."
                yield Problem("several-of-one", "warning", message, block_id)
            first.add(kind.type)
    triggers = {kind.type for block_id in facts.entries if (kind := facts.types[block_id])}
    if len(triggers) > 1:
        message = "This workflow has several entries; a run begins at all of them."
        yield Problem("several-entries", "info", message, facts.entries[1])


def _edge_problems(facts: Facts, edge: Edge, seen: set[tuple[str, str, str, str]]) -> Iterator[Problem]:
    blocks = facts.workflow.blocks
    missing = [end for end in (edge.source, edge.target) if end not in blocks]
    if missing:
        message = (
            f"This wire leads {'from' if missing[0] == edge.source else 'to'} {missing[0]!r}, which is no block here."
        )
        at = edge.target if edge.target in blocks else edge.source if edge.source in blocks else None
        yield Problem("dangling-edge", "error", message, at, edge.id, fix=_removal(edge, "Remove the Wire"))
        return
    if edge.source == edge.target:
        message = f"“{facts.label(edge.source)}” is connected to itself; connect it to another block."
        yield Problem("self-loop", "error", message, edge.source, edge.id, fix=_removal(edge, "Remove the Wire"))
        return
    ends = (edge.source, edge.source_port, edge.target, edge.target_port)
    if ends in seen:
        message = f"“{facts.label(edge.target)}” is connected to “{facts.label(edge.source)}” twice in the same way."
        yield Problem("duplicate-edge", "warning", message, edge.target, edge.id, fix=_removal(edge, "Remove One Wire"))
    seen.add(ends)
    source_type, target_type = facts.types[edge.source], facts.types[edge.target]
    if source_type:
        yield from _source_problems(facts, edge, source_type)
    if target_type:
        yield from _target_problems(facts, edge, target_type)


def _source_problems(facts: Facts, edge: Edge, source_type: BlockType) -> Iterator[Problem]:
    label = facts.label(edge.source)
    remove = _removal(edge, "Remove the Wire")
    ports = facts.catalog.outputs(facts.workflow.blocks[edge.source])
    routes = {port.route for port in ports} - {None}
    port = next((port for port in ports if port.name == edge.source_port), None)
    port = port or next((port for port in ports if edge.source_port in port.older_names), None)
    if not ports:
        message = f"“{label}” ends the workflow, yet a wire leaves it; put what follows before it."
        yield Problem("edge-after-end", "warning", message, edge.source, edge.id, fix=remove)
    elif routes:
        yield from _route_problems(facts, edge, port, routes)
    elif edge.condition is not None:
        message = (
            f"This wire waits for the route “{edge.condition}”, but a {source_type.label} has no routes, "
            f"so “{facts.label(edge.target)}” never runs by it; take the condition away."
        )
        cure = Fix("Take the Condition Away", _with_condition(edge, None))
        yield Problem("condition-never-met", "warning", message, edge.source, edge.id, fix=cure)
    elif port is None and edge.source_port:
        message = f"This wire leaves “{label}” at “{edge.source_port}”, which it does not have; connect it anew."
        yield Problem("unknown-port", "warning", message, edge.source, edge.id, fix=remove)


def _route_problems(facts: Facts, edge: Edge, port: Port | None, routes: set[str | None]) -> Iterator[Problem]:
    label = facts.label(edge.source)
    listed = ", ".join(f"“{route}”" for route in sorted(map(str, routes)))
    if edge.condition is not None and edge.condition not in routes:
        message = f"This wire waits for the route “{edge.condition}”; “{label}” has only {listed}. Connect it anew."
        cure = Fix(f"Use the Route “{port.route}”", _with_condition(edge, port.route)) if port else None
        yield Problem("unknown-route", "warning", message, edge.source, edge.id, fix=cure)
    elif port and edge.condition is not None and edge.condition != port.route:
        message = f"This wire is drawn from “{port.name}” but follows the route “{edge.condition}”; make both the same."
        cure = Fix(f"Follow “{port.route}”", _with_condition(edge, port.route))
        yield Problem("route-mismatch", "warning", message, edge.source, edge.id, fix=cure)
    elif port is None and edge.condition is None:
        if edge.source_port:
            why = f"at “{edge.source_port}”, which it does not have, so it is never followed"
        else:
            why = "at none of its branches, so it is followed on every route"
        message = f"This wire leaves “{label}” {why}; connect it to one of {listed}."
        yield Problem("unknown-port", "warning", message, edge.source, edge.id, fix=_removal(edge, "Remove the Wire"))


def _target_problems(facts: Facts, edge: Edge, target_type: BlockType) -> Iterator[Problem]:
    label, remove = facts.label(edge.target), _removal(edge, "Remove the Wire")
    if not target_type.inputs:
        message = f"“{label}” begins the workflow, yet a wire leads to it; remove the wire."
        yield Problem("edge-before-entry", "warning", message, edge.target, edge.id, fix=remove)
    elif edge.target_port and all(port.name != edge.target_port for port in target_type.inputs):
        message = f"This wire arrives at “{edge.target_port}” of “{label}”, which it does not have; connect it anew."
        yield Problem("unknown-port", "warning", message, edge.target, edge.id, fix=remove)


def _place_problems(facts: Facts, block: Block) -> Iterator[Problem]:
    kind = facts.types[block.id]
    dead_by = facts.dead.get(block.id)
    is_loose = block.id not in facts.reached and block.id not in facts.stuck
    if kind and facts.entries and is_loose and not dead_by:
        yield _unreached(facts, block)
    if dead_by and dead_by != block.id:
        message = f"“{block.label}” does not run, because “{facts.label(dead_by)}” before it is switched off."
        yield Problem("disabled-upstream", "info", message, block.id)
    if kind and block.enabled:
        yield from _open_branches(facts, block)


def _unreached(facts: Facts, block: Block) -> Problem:
    if facts.incoming[block.id]:
        message = f"No entry leads to “{block.label}”; it runs all the same, after what stands before it."
        return Problem("unreachable", "info", message, block.id)
    message = f"“{block.label}” runs anyway, since it has no incoming edge; connect it, switch it off or remove it."
    cure = Fix("Switch It Off", lambda workflow: edits.set_enabled(workflow, [block.id], False))
    return Problem("unreachable", "warning", message, block.id, fix=cure)


def _open_branches(facts: Facts, block: Block) -> Iterator[Problem]:
    routed = [port for port in facts.catalog.outputs(block) if port.route is not None]
    if not routed:
        return
    outgoing = facts.outgoing[block.id]
    taken = {edge.source_port for edge in outgoing} | {edge.condition for edge in outgoing}
    for port in routed:
        if taken.isdisjoint({port.name, port.route, *port.older_names}):
            # An open "else" is how one says "and otherwise nothing".
            severity: Severity = "info" if port is routed[-1] else "warning"
            message = (
                f"Nothing follows “{port.label or port.name}” of “{block.label}”; connect it or leave it on purpose."
            )
            yield Problem("open-branch", severity, message, block.id)


def _removal(edge: Edge, label: str) -> Fix:
    return Fix(label, lambda workflow: edits.remove(workflow, (), (edge.id,)))


def _with_condition(edge: Edge, condition: str | None) -> Edit:
    return lambda workflow: workflow.with_edges([workflow.edge(edge.id).changed(condition=condition)])
