"""One save of a document to a server, as a conversation with its client. Runs on the network thread; no Qt, no state.

Nothing is written over what somebody else has saved: a server of ours is told which revision is meant, and any other is
looked at first. Nor is anything sent again blindly: where a reply was lost, the next save begins with a look.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

import msgspec

from engine import (
    Catalog,
    JsonObject,
    NotAWorkflowServer,
    PlatformClient,
    PlatformGraph,
    RevisionMoved,
    ServerFault,
    ServerUnreachable,
    StoredWorkflow,
    Workflow,
    difference,
    from_platform,
    same_graph,
    same_json,
    to_own_server,
    to_platform,
)

MAY_HAVE_ARRIVED = (ServerUnreachable, ServerFault, NotAWorkflowServer)
"""After these nobody knows whether the server did what it was asked: the reply was lost, or was no reply."""
UNTITLED = "Untitled"
_ADOPTED_ROWS = 100


@dataclass(frozen=True)
class Draft:
    """What is to be saved over what. `unconfirmed` is a document that was sent before and whose reply was lost.

    `is_partial` says that `base` and perhaps the document lack the secrets of the server's version.
    """

    workflow: Workflow
    base: StoredWorkflow
    is_partial: bool = False
    unconfirmed: Workflow | None = None


@dataclass(frozen=True)
class Saved:
    """The server has the document. `base.workflow` says the same in the form in which it was sent.

    `warnings` are sentences about what will not do the same there, `rewritten` about what was written in another form.
    """

    base: StoredWorkflow
    warnings: tuple[str, ...] = ()
    rewritten: tuple[str, ...] = ()


@dataclass(frozen=True)
class Moved:
    """Nothing was written, because the server has something else than `base`: `theirs`, told in the words of `base`.

    `mine` is the document in the form in which it would be sent.
    """

    base: StoredWorkflow
    theirs: StoredWorkflow
    mine: Workflow


@dataclass(frozen=True)
class Partial:
    """Nothing was written: the secrets that the copy on this machine lacks are in `fresh`."""

    fresh: StoredWorkflow


@dataclass(frozen=True)
class Refused:
    """Nothing was sent, because the server would refuse it; `bad_ids` are blocks whose ids are the reason."""

    reasons: tuple[str, ...]
    bad_ids: frozenset[str]


Outcome = Saved | Moved | Partial | Refused


async def save_document(client: PlatformClient, draft: Draft, catalog: Catalog) -> Outcome:
    """Save the draft, or say why not.

    Raises:
        ServerError: the server did not take it; after one of `MAY_HAVE_ARRIVED` it may have, all the same.
    """
    base, written = draft.base, _written(draft.workflow, draft.base, catalog)
    if written.refused:
        return Refused(tuple(note.text for note in written.refused), written.refused_ids)
    if _must_look(draft, written.workflow):
        fresh = await client.workflow(base.id)
        if draft.is_partial:
            return Partial(fresh)
        sent = _written(draft.unconfirmed, base, catalog).workflow if draft.unconfirmed else None
        found = _after_look(fresh, base, sent)
        if found is None:
            return _moved(base, fresh, written.workflow)
        base = found
    if _graph_differs(base.workflow, written.workflow):
        try:
            saved = await client.save_graph(base.id, written.blocks, written.edges, if_match=base.revision)
        except RevisionMoved:
            return _moved(base, await client.workflow(base.id), written.workflow)
        graph = base.workflow.changed(blocks=written.workflow.blocks, edges=written.workflow.edges)
        version = saved.version if saved.version is not None else base.version + 1
        base = msgspec.structs.replace(base, workflow=graph, revision=saved.revision, version=version)
    fields = changed_fields(base.workflow, written.workflow)
    if fields:
        await client.update_workflow(base.id, fields)
    warnings, rewritten = (_texts(written, severity) for severity in ("warning", "changed"))
    return Saved(msgspec.structs.replace(base, workflow=written.workflow), warnings, rewritten)


@dataclass
class Creation:
    """A workflow on its way to being created. One object for all tries: it knows what was there before the first."""

    name: str
    _before: Collection[str] | None = field(default=None)
    _may_exist: bool = False

    async def create(self, client: PlatformClient, workflow: Workflow) -> StoredWorkflow:
        """A new workflow on the server, still without blocks; one that a lost reply left behind is taken.

        Raises:
            ServerError: it could not be created.
        """
        if self._before is None:
            self._before = frozenset(await self._ids(client))
        workflow_id = await self._left_behind(client) if self._may_exist else None
        if workflow_id is None:
            color = workflow.extra.get("color")
            try:
                workflow_id = await client.create_workflow(
                    self.name,
                    description=workflow.description,
                    variables=workflow.variables,
                    color=color if isinstance(color, str) else None,
                )
            except MAY_HAVE_ARRIVED:
                self._may_exist = True
                raise
        self._may_exist = True
        return await client.workflow(workflow_id)

    async def _ids(self, client: PlatformClient) -> list[str]:
        page = await client.workflows(search=self.name, limit=_ADOPTED_ROWS)
        return [row.id for row in page.items if row.name == self.name]

    async def _left_behind(self, client: PlatformClient) -> str | None:
        """A workflow of this name that came since the first try and that nobody has saved anything to."""
        for workflow_id in await self._ids(client):
            if workflow_id not in (self._before or ()):
                stored = await client.workflow(workflow_id)
                if stored.version == 1 and not stored.workflow.blocks:
                    return workflow_id
        return None


def changed_fields(base: Workflow, workflow: Workflow) -> JsonObject:
    """What PATCH has to be told beside the graph; empty when nothing of it differs."""
    fields: JsonObject = {}
    if (workflow.name or UNTITLED) != (base.name or UNTITLED):
        fields["name"] = workflow.name or UNTITLED
    if workflow.description != base.description:
        fields["description"] = workflow.description
    if not same_json(workflow.variables, base.variables):
        fields["variables"] = workflow.variables
    color = workflow.extra.get("color")
    if color is not None and color != base.extra.get("color"):
        fields["color"] = color
    return fields


def largest_block(workflow: Workflow) -> str:
    """The block that takes most room in a request, in words; "" when there is none."""
    sizes = {block.id: len(msgspec.json.encode(block.config)) for block in workflow.blocks.values()}
    if not sizes:
        return ""
    block = workflow.block(max(sizes, key=lambda block_id: sizes[block_id]))
    return f"The largest block is “{block.label}” with {sizes[block.id] / 1e6:.1f} MB."


def _written(workflow: Workflow, base: StoredWorkflow, catalog: Catalog) -> PlatformGraph:
    """The document in the form for this server: only ours tells revisions."""
    return to_own_server(workflow) if base.revision is not None else to_platform(workflow, catalog)


def _must_look(draft: Draft, written: Workflow) -> bool:
    """Whether the server has to be read before anything is written."""
    base = draft.base
    if draft.is_partial or draft.unconfirmed is not None or base.revision is None:
        return True
    # The revision is about the graph alone. And whoever saves what is saved wants to know that it still is.
    return bool(changed_fields(base.workflow, written)) or not _graph_differs(base.workflow, written)


def _after_look(fresh: StoredWorkflow, base: StoredWorkflow, sent: Workflow | None) -> StoredWorkflow | None:
    """What to save over, after a look: the base with what is known anew, or what was sent before and did arrive.

    None when the server has something else, graph or fields: somebody has changed it.
    """
    known = [(item, from_platform(fresh.workflow, item)) for item in (sent, base.workflow) if item is not None]
    if fresh.revision is not None and fresh.revision == base.revision:
        graph: Workflow | None = base.workflow
    else:
        graph = next((item for item, told in known if same_graph(item, told)), None)
    # Fields arrive after the graph, so what was sent before may be there in part.
    fields = next((item for item, told in known if not changed_fields(item, told)), None)
    if graph is None or fields is None:
        return None
    workflow = fields.changed(blocks=graph.blocks, edges=graph.edges)
    return msgspec.structs.replace(fresh, workflow=workflow)


def _moved(base: StoredWorkflow, fresh: StoredWorkflow, mine: Workflow) -> Moved:
    told = fresh.workflow if fresh.revision is not None else from_platform(fresh.workflow, base.workflow)
    return Moved(base, msgspec.structs.replace(fresh, workflow=told), mine)


def _texts(written: PlatformGraph, severity: str) -> tuple[str, ...]:
    return tuple(note.text for note in written.notes if note.severity == severity)


def _graph_differs(one: Workflow, other: Workflow) -> bool:
    return not msgspec.structs.replace(difference(one, other), meta=False).is_empty
