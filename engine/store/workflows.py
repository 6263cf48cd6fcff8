"""Workflows: rows, graphs, and what deploying and arming change, inside the transaction of the caller."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, null, select, update

from engine.errors import BlockloomError
from engine.store.database import Record
from engine.store.dbtime import US, now_us, read_now
from engine.store.schema import GRAPHS, WEBHOOKS, WORKFLOWS

INTERNAL, DEPLOYED = "internal", "deployed"
ARMED_FOR_S = 600
_W = WORKFLOWS.c


class NoSuchWorkflow(BlockloomError):
    """There is no workflow with this id."""

    def __init__(self) -> None:
        super().__init__("Workflow not found")


class RevisionMoved(BlockloomError):
    """The graph is not the one that the caller has seen. `revision` is the one that it is now."""

    def __init__(self, revision: str) -> None:
        super().__init__("The workflow was changed by somebody else meanwhile. Load it again and merge your changes.")
        self.revision = revision


class WebhookTaken(BlockloomError):
    """A webhook id of this graph is the address of another workflow already."""

    def __init__(self, webhook_id: str, owner_name: str) -> None:
        super().__init__(
            f"The webhook id {webhook_id} belongs to the workflow “{owner_name}” already. "
            "Give this webhook block an id of its own."
        )


@dataclass(frozen=True)
class Graph:
    """A graph as it is stored. `blocks` and `edges` are JSON lists, `revision` is the hash of what they say."""

    revision: str
    blocks: str
    edges: str
    webhook_ids: Collection[str] = ()


@dataclass(frozen=True)
class Deployment:
    """The graph of the last deploy."""

    version: int
    revision: str
    deployed_at: int
    blocks: str
    edges: str


def create(connection: Connection, workflow_id: str, fields: Mapping[str, Any], graph: Graph) -> None:
    """Add a workflow with an empty graph. `fields` are `name`, `description`, `variables` (JSON) and `color`."""
    now = read_now(connection)
    row = {"version": 1, "revision": graph.revision, "stamp": 1, "state": INTERNAL, "created_at": now}
    connection.execute(insert(WORKFLOWS), {**row, **fields, "id": workflow_id, "updated_at": now})
    _keep_graph(connection, workflow_id, graph)


def find(connection: Connection, workflow_id: str) -> Record | None:
    """The row of a workflow, None when there is none."""
    return connection.execute(select(WORKFLOWS).where(_W.id == workflow_id)).one_or_none()


def find_with_graph(connection: Connection, workflow_id: str) -> Record | None:
    """The row of a workflow with `blocks`, `edges` and `used` of its graph; None when there is none."""
    is_its_graph = (GRAPHS.c.workflow_id == _W.id) & (GRAPHS.c.revision == _W.revision)
    query = select(WORKFLOWS, GRAPHS.c.blocks, GRAPHS.c.edges, GRAPHS.c.used).join(GRAPHS, is_its_graph)
    return connection.execute(query.where(_W.id == workflow_id)).one_or_none()


def change(connection: Connection, workflow_id: str, fields: Mapping[str, Any]) -> bool:
    """Set these columns; tells whether there is such a workflow."""
    values = {**fields, "stamp": _W.stamp + 1, "updated_at": now_us()}
    return connection.execute(update(WORKFLOWS).where(_W.id == workflow_id).values(values)).rowcount == 1


def remove(connection: Connection, workflow_id: str) -> None:
    """Remove a workflow with all that belongs to it, if there is one."""
    connection.execute(delete(WORKFLOWS).where(_W.id == workflow_id))


def save_graph(connection: Connection, workflow_id: str, graph: Graph, expected: str | None = None) -> int:
    """Replace the graph and return the new version. `expected` is the revision that must be there now, None for any.

    Raises:
        NoSuchWorkflow, RevisionMoved, WebhookTaken: nothing was changed.
    """
    row = _lock(connection, workflow_id)
    if expected is not None and expected != row.revision:
        raise RevisionMoved(row.revision)
    _claim_webhooks(connection, workflow_id, graph.webhook_ids)
    version: int = row.version + 1
    values = {"version": version, "revision": graph.revision, "stamp": row.stamp + 1, "updated_at": now_us()}
    connection.execute(update(WORKFLOWS).where(_W.id == workflow_id).values(values))
    _keep_graph(connection, workflow_id, graph)
    _drop_unused_graphs(connection, workflow_id, (graph.revision, row.deployed_revision))
    return version


def deploy(connection: Connection, workflow_id: str, stamp: int, schedule: str | None, next_at: int | None) -> bool:
    """Deploy what was read with this stamp, with the schedule that was captured from it (JSON) and its next time.

    Returns False, with nothing changed, when the workflow has changed since.

    Raises:
        NoSuchWorkflow: there is none.
    """
    row = _lock(connection, workflow_id)
    if row.stamp != stamp:
        return False
    values = {
        "state": DEPLOYED,
        "armed_until": null(),
        "deployed_at": now_us(),
        "deployed_version": row.version,
        "deployed_revision": row.revision,
        "schedule_config": schedule,
        "schedule_run_count": 0,
        "schedule_next_at": next_at,
        "updated_at": now_us(),
    }
    connection.execute(update(WORKFLOWS).where(_W.id == workflow_id).values(values))
    return True


def undeploy(connection: Connection, workflow_id: str) -> None:
    """Take a workflow back; it is not armed afterwards.

    Raises:
        NoSuchWorkflow: there is none.
    """
    values = {
        "state": INTERNAL,
        "armed_until": null(),
        "schedule_config": null(),
        "schedule_last_run_at": null(),
        "schedule_next_at": null(),
        "updated_at": now_us(),
    }
    if connection.execute(update(WORKFLOWS).where(_W.id == workflow_id).values(values)).rowcount == 0:
        raise NoSuchWorkflow


def arm(connection: Connection, workflow_id: str) -> int:
    """Open the window for one webhook call, and return when it closes. A window that is open begins anew.

    Raises:
        NoSuchWorkflow: there is none.
    """
    until = read_now(connection) + ARMED_FOR_S * US
    values = {"armed_until": until, "updated_at": now_us()}
    if connection.execute(update(WORKFLOWS).where(_W.id == workflow_id).values(values)).rowcount == 0:
        raise NoSuchWorkflow
    return until


def armed_until(connection: Connection, workflow_id: str) -> int | None:
    """Until when one webhook call is accepted; None when the workflow is not armed, or deployed anyway."""
    is_open = (_W.id == workflow_id) & (_W.state != DEPLOYED) & (_W.armed_until > now_us())
    return connection.execute(select(_W.armed_until).where(is_open)).scalar_one_or_none()


def takes_calls(connection: Connection, workflow_id: str) -> bool:
    """Whether its webhook takes a call now: it is deployed, or armed."""
    is_open = (_W.id == workflow_id) & ((_W.state == DEPLOYED) | (_W.armed_until > now_us()))
    return connection.execute(select(_W.id).where(is_open)).first() is not None


def deployment(connection: Connection, workflow_id: str) -> Deployment | None:
    """What was deployed last, None when nothing was."""
    is_deployed = (GRAPHS.c.workflow_id == _W.id) & (GRAPHS.c.revision == _W.deployed_revision)
    columns = (_W.deployed_version, _W.deployed_revision, _W.deployed_at, GRAPHS.c.blocks, GRAPHS.c.edges)
    row = connection.execute(select(*columns).join(GRAPHS, is_deployed).where(_W.id == workflow_id)).one_or_none()
    return None if row is None else Deployment(*row)


def graph_of(connection: Connection, workflow_id: str, revision: str) -> Record | None:
    """`blocks` and `edges` of a revision that is still kept."""
    query = select(GRAPHS.c.blocks, GRAPHS.c.edges)
    is_it = (GRAPHS.c.workflow_id == workflow_id) & (GRAPHS.c.revision == revision)
    return connection.execute(query.where(is_it)).one_or_none()


def workflow_of_webhook(connection: Connection, webhook_id: str) -> str | None:
    """The workflow that has this address, spelled exactly so."""
    return connection.execute(
        select(WEBHOOKS.c.workflow_id).where(WEBHOOKS.c.webhook_id == webhook_id)
    ).scalar_one_or_none()


def _lock(connection: Connection, workflow_id: str) -> Record:
    """The row, which nobody else can change before this transaction ends."""
    row = connection.execute(select(WORKFLOWS).where(_W.id == workflow_id).with_for_update()).one_or_none()
    if row is None:
        raise NoSuchWorkflow
    return row


def _claim_webhooks(connection: Connection, workflow_id: str, webhook_ids: Collection[str]) -> None:
    wanted = sorted(set(webhook_ids))
    taken = select(WEBHOOKS.c.webhook_id, _W.name).join(WORKFLOWS, _W.id == WEBHOOKS.c.workflow_id)
    taken = taken.where(WEBHOOKS.c.webhook_id.in_(wanted), WEBHOOKS.c.workflow_id != workflow_id)
    if found := connection.execute(taken.limit(1)).first():
        raise WebhookTaken(found.webhook_id, found.name)
    connection.execute(delete(WEBHOOKS).where(WEBHOOKS.c.workflow_id == workflow_id))
    if wanted:
        connection.execute(insert(WEBHOOKS), [{"webhook_id": item, "workflow_id": workflow_id} for item in wanted])


def _keep_graph(connection: Connection, workflow_id: str, graph: Graph) -> None:
    is_it = (GRAPHS.c.workflow_id == workflow_id) & (GRAPHS.c.revision == graph.revision)
    if connection.execute(select(GRAPHS.c.revision).where(is_it)).first():
        # The same content may be spelled differently; the last spelling is what the caller wants to read again.
        connection.execute(update(GRAPHS).where(is_it).values(blocks=graph.blocks, edges=graph.edges))
        return
    row = {"workflow_id": workflow_id, "revision": graph.revision, "blocks": graph.blocks, "edges": graph.edges}
    connection.execute(insert(GRAPHS), row)


def _drop_unused_graphs(connection: Connection, workflow_id: str, kept: Collection[str | None]) -> None:
    revisions = [revision for revision in kept if revision]
    is_unused = (GRAPHS.c.workflow_id == workflow_id) & (GRAPHS.c.used == 0) & GRAPHS.c.revision.not_in(revisions)
    connection.execute(delete(GRAPHS).where(is_unused))
