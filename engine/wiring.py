"""What the catalog knows about wires: which may be drawn, where they attach, and edits that keep them right.

`connection_problem` is the one answer to "may these be joined?"; hover, drop, checks and commands all ask it.
"""

from collections import deque
from collections.abc import Collection, Iterator, Mapping

from engine import edits
from engine.blocks import Catalog
from engine.blocks._spec import Port
from engine.document import Block, Edge, Json, JsonObject, Workflow, new_id
from engine.errors import NotConnectable
from engine.fragment import Fragment
from engine.makeroom import GAP_ACROSS, GAP_ALONG, Size, make_room


def connection_problem(
    workflow: Workflow,
    catalog: Catalog,
    source: str,
    source_port: str,
    target: str,
    target_port: str,
    ignore_edge: str | None = None,
) -> str | None:
    """Why no edge may go from this port to that one, in a sentence for a person; None when it may.

    `source` and `target` are block ids. `ignore_edge` is an edge that would go, as while its end is dragged.
    """
    from_block, to_block = workflow.block(source), workflow.block(target)
    if source == target:
        return f"“{from_block.label}” cannot feed itself; connect it to another block."
    problem = _port_problem(catalog, from_block, source_port, to_block, target_port)
    if problem:
        return problem
    others = [edge for edge in workflow.edges.values() if edge.id != ignore_edge]
    wanted = (source, source_port, target, target_port)
    if any((edge.source, edge.source_port, edge.target, edge.target_port) == wanted for edge in others):
        return f"“{from_block.label}” is connected to “{to_block.label}” here already."
    if _leads_to(others, target, source):
        return (
            f"“{to_block.label}” already leads to “{from_block.label}”: this wire would close a circle without an end."
        )
    return None


def edge_between(
    workflow: Workflow, catalog: Catalog, source: str, source_port: str, target: str, target_port: str
) -> Edge:
    """A new edge between two ports, as the studio writes it: an unnamed port gives null, a route goes in `condition`.

    Source: contract section 3.0 and X21.
    """
    route = next((port.route for port in catalog.outputs(workflow.block(source)) if port.name == source_port), None)
    return Edge(new_id(), source, target, source_port or None, target_port or None, route)


def first_compatible_ports(
    workflow: Workflow, catalog: Catalog, source_id: str, target_id: str
) -> tuple[str, str] | None:
    """The ports that a wire drawn between two blocks as wholes should join, free output ports first; None for none."""
    used = {edge.source_port for edge in workflow.edges_from(source_id)}
    outputs = sorted(catalog.outputs(workflow.block(source_id)), key=lambda port: port.name in used)
    for output in outputs:
        for entry in catalog.inputs(workflow.block(target_id)):
            if connection_problem(workflow, catalog, source_id, output.name, target_id, entry.name) is None:
                return output.name, entry.name
    return None


def splice(
    workflow: Workflow,
    catalog: Catalog,
    block_id: str,
    edge_id: str,
    *,
    size: Size,
    gap: float = GAP_ALONG,
    gap_across: float = GAP_ACROSS,
) -> Workflow:
    """The workflow with a block put into an edge, and what follows pushed along the flow to make room.

    `size` gives a block's width and height; gaps are in scene units. The first half keeps the edge's id and route.

    Raises:
        NotConnectable: the block cannot take the edge in and pass it on; the text says why.
    """
    edge, block = workflow.edge(edge_id), workflow.block(block_id)
    if block_id in (edge.source, edge.target):
        raise NotConnectable(f"“{block.label}” is at an end of this wire already; drop it on another one.")
    entry = _first_port(catalog.inputs(block), block, "takes")
    way_out = _first_port(_free_outputs(workflow, catalog, block), block, "gives")
    for ends in ((edge.source, edge.source_port, block_id, entry), (block_id, way_out, edge.target, edge.target_port)):
        problem = connection_problem(workflow, catalog, *ends, ignore_edge=edge_id)
        if problem:
            raise NotConnectable(problem)
    first = edge.changed(target=block_id, target_handle=entry or None)
    second = edge_between(workflow, catalog, block_id, way_out, edge.target, edge.target_port)
    second = second.changed(target_handle=edge.target_handle)
    wired = edits.add_edge(edits.replace_edge(workflow, edge_id, first), second)
    return make_room(wired, edge.source, block_id, edge.target, size, gap, gap_across)


def heal(workflow: Workflow, catalog: Catalog, block_ids: Collection[str]) -> Workflow:
    """The workflow without these blocks, and with what came in joined to what went out.

    A join that may not be drawn is left out. The first join of an edge keeps its id.
    """
    gone = {workflow.block(block_id).id for block_id in block_ids}
    joins = list(_joins(workflow, gone))
    healed = edits.remove(workflow, gone)
    for incoming, outgoing in joins:
        joined = incoming.changed(target=outgoing.target, target_handle=outgoing.target_handle)
        if joined.id in healed.edges:
            joined = joined.changed(id=new_id())
        ends = (joined.source, joined.source_port, joined.target, joined.target_port)
        if connection_problem(healed, catalog, *ends) is None:
            healed = edits.add_edge(healed, joined)
    return healed


def configure(workflow: Workflow, catalog: Catalog, block_id: str, key: str, value: Json) -> Workflow:
    """As `edits.configure`; edges at ports that are there no more are removed with it.

    Another language brings its own template, where nobody has written anything over that of the language before.
    """
    changed = edits.configure(workflow, block_id, key, value)
    for code_key, template in _new_templates(workflow.block(block_id), catalog, key, value):
        changed = edits.configure(changed, block_id, code_key, template)
    return _without_lost_edges(workflow, changed, catalog, block_id)


def set_config(workflow: Workflow, catalog: Catalog, block_id: str, config: JsonObject) -> Workflow:
    """As `edits.set_config`; edges at ports that are there no more are removed with it."""
    return _without_lost_edges(workflow, edits.set_config(workflow, block_id, config), catalog, block_id)


def rename(workflow: Workflow, catalog: Catalog, block_id: str, name: str) -> Workflow:
    """As `edits.rename_block`, with the catalog's knowledge of which fields hold code and conditions."""
    return edits.rename_block(workflow, block_id, name, _raw_fields(catalog))


def count_references(workflow: Workflow, catalog: Catalog, name: str) -> int:
    """How many places refer to a block by this name or id."""
    return edits.count_references(workflow, name, _raw_fields(catalog))


def count_rewritten(workflow: Workflow, catalog: Catalog, block_id: str, name: str) -> int:
    """How many references `rename` would rewrite: those that mean this block, by its name or id, and no other."""
    renamed = rename(workflow, catalog, block_id, name)
    label = renamed.block(block_id).label
    return count_references(renamed, catalog, label) - count_references(workflow, catalog, label)


def paste(
    workflow: Workflow,
    catalog: Catalog,
    fragment: Fragment,
    dx: float,
    dy: float,
    ids: Mapping[str, str] | None = None,
) -> Workflow:
    """As `edits.paste`; what a block type mints for each new block, such as webhook ids, is minted anew."""

    def remint(block: Block) -> Block:
        return _minted_anew(block, catalog)

    return edits.paste(workflow, fragment, dx, dy, ids=ids or {}, remint=remint, raw_fields=_raw_fields(catalog))


def mint_anew(workflow: Workflow, catalog: Catalog) -> Workflow:
    """A copy whose webhooks have addresses and secrets of their own, so that it can live beside the original."""
    changed = [new for block in workflow.blocks.values() if (new := _minted_anew(block, catalog)) is not block]
    return workflow.with_blocks(changed) if changed else workflow


def upstream(workflow: Workflow, block_id: str) -> list[str]:
    """Ids of the blocks whose results come before this block, nearest first; the block itself is not among them."""
    sources: dict[str, list[str]] = {}
    for edge in workflow.edges.values():
        sources.setdefault(edge.target, []).append(edge.source)
    return [item for item in _reach(sources, block_id) if item in workflow.blocks]


def downstream(workflow: Workflow, block_id: str) -> list[str]:
    """Ids of the blocks that come after this block, nearest first; the block itself is not among them."""
    targets: dict[str, list[str]] = {}
    for edge in workflow.edges.values():
        targets.setdefault(edge.source, []).append(edge.target)
    return [item for item in _reach(targets, block_id) if item in workflow.blocks]


def _port_problem(catalog: Catalog, source: Block, source_port: str, target: Block, target_port: str) -> str | None:
    outputs, inputs = catalog.outputs(source), catalog.inputs(target)
    if not outputs:
        return f"“{source.label}” ends the workflow: nothing can come after it."
    if not inputs:
        return f"“{target.label}” begins the workflow: nothing can come before it."
    if all(port.name != source_port for port in outputs):
        return f"“{source.label}” has no output {_named(source_port)}; it has {_list_of(outputs)}."
    if all(port.name != target_port for port in inputs):
        return f"“{target.label}” has no input {_named(target_port)}; it has {_list_of(inputs)}."
    return None


def _named(port_name: str) -> str:
    return f"“{port_name}”" if port_name else "without a name"


def _list_of(ports: Collection[Port]) -> str:
    return ", ".join(f"“{port.name}”" if port.name else "one without a name" for port in ports)


def _leads_to(edges: Collection[Edge], start: str, end: str) -> bool:
    targets: dict[str, list[str]] = {}
    for edge in edges:
        targets.setdefault(edge.source, []).append(edge.target)
    return end in _reach(targets, start)


def _reach(followers: Mapping[str, list[str]], start: str) -> list[str]:
    """What can be reached from `start`, breadth first, without `start` itself."""
    seen = {start: None}
    queue = deque([start])
    while queue:
        for item in followers.get(queue.popleft(), ()):
            if item not in seen:
                seen[item] = None
                queue.append(item)
    return list(seen)[1:]


def _free_outputs(workflow: Workflow, catalog: Catalog, block: Block) -> tuple[Port, ...]:
    used = {edge.source_port for edge in workflow.edges_from(block.id)}
    return tuple(sorted(catalog.outputs(block), key=lambda port: port.name in used))


def _first_port(ports: tuple[Port, ...], block: Block, does: str) -> str:
    if not ports:
        raise NotConnectable(f"“{block.label}” {does} nothing, so it cannot stand in the middle of a wire.")
    return ports[0].name


def _joins(workflow: Workflow, gone: set[str]) -> Iterator[tuple[Edge, Edge]]:
    """Each edge into the removed blocks with each edge out of them that it leads to."""
    leaving: dict[str, list[Edge]] = {}
    for edge in workflow.edges.values():
        if edge.source in gone:
            leaving.setdefault(edge.source, []).append(edge)
    inner = {source: [edge.target for edge in found if edge.target in gone] for source, found in leaving.items()}
    for incoming in workflow.edges.values():
        if incoming.target in gone and incoming.source not in gone:
            for block_id in (incoming.target, *_reach(inner, incoming.target)):
                for outgoing in leaving.get(block_id, ()):
                    if outgoing.target not in gone:
                        yield incoming, outgoing


def _without_lost_edges(before: Workflow, after: Workflow, catalog: Catalog, block_id: str) -> Workflow:
    if before is after:
        return after
    old, new = catalog.outputs(before.block(block_id)), catalog.outputs(after.block(block_id))
    lost = {port.name for port in old} - {port.name for port in new}
    lost_edges = [edge.id for edge in after.edges_from(block_id) if edge.source_port in lost] if lost else []
    return edits.remove(after, (), lost_edges)


def _raw_fields(catalog: Catalog) -> edits.RawFields:
    def raw_fields(type_name: str) -> frozenset[str]:
        block_type = catalog.find(type_name)
        return block_type.raw_fields if block_type else frozenset()

    return raw_fields


def _minted_anew(block: Block, catalog: Catalog) -> Block:
    block_type = catalog.find(block.type)
    minted = block_type.mint() if block_type else {}
    return block.changed(config={**block.config, **minted}) if minted else block


def _new_templates(block: Block, catalog: Catalog, key: str, value: Json) -> Iterator[tuple[str, str]]:
    """Config keys that hold an untouched template in the language that `key` named so far, with the one in the new."""
    block_type = catalog.find(block.type)
    for field in block_type.fields if block_type else ():
        if field.language_key == key and isinstance(value, str):
            before = field.templates.get(str(block.config.get(key) or field.language))
            if value in field.templates and block.config.get(field.key) in (None, "", before):
                yield field.key, field.templates[value]
