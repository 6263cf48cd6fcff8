"""Workflows ready to run: read once, compiled once, kept as long as they are what the store says.

`stamp` counts every change of a workflow that can matter to a run. What was loaded may be out of date by the time it is
used, since other processes write too; a run is only recorded if the stamp is still the same.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from engine.blocks import Catalog
from engine.document import Workflow, workflow_from_api
from engine.errors import CycleError, RunError
from engine.references import find_all
from engine.run.plan import Plan
from engine.store import Database
from engine.store import workflows as stored
from engine.store.database import Record

MAX_BLOCKS = 10_000
MAX_KEPT = 1_024
CYCLE_TEXT = "Workflow graph contains a cycle"
"""The words of the contract, which clients look for (2.7)."""


class Asked(NamedTuple):
    """A stored agent, or else a model, that a block asks; "" for none."""

    agent_id: str
    model: str


@dataclass
class LoadedWorkflow:
    """A workflow as it was read. `plan` is None when it cannot run, and `flaw` says why.

    `has_entry` says whether its runs record their input (contract 1), `secrets` are those of its webhooks by their id.
    `can_wait` says whether any block does more than compute, `is_used` whether a run of this graph is known. `asks`
    are the models and stored agents that its blocks name.
    """

    id: str
    stamp: int
    version: int
    revision: str
    workflow: Workflow
    plan: Plan | None
    flaw: str
    has_entry: bool
    secrets: Mapping[str, str]
    can_wait: bool
    is_used: bool
    asks: tuple[Asked, ...] = ()


class Workflows:
    """Loads workflows and keeps the last ones."""

    def __init__(self, db: Database, catalog: Catalog) -> None:
        self._db = db
        self._catalog = catalog
        self._kept: OrderedDict[str, LoadedWorkflow] = OrderedDict()

    def kept(self, workflow_id: str) -> LoadedWorkflow | None:
        """The workflow if it is at hand; it may be out of date."""
        kept = self._kept.get(workflow_id)
        if kept is not None:
            self._kept.move_to_end(workflow_id)
        return kept

    async def load(self, workflow_id: str) -> LoadedWorkflow | None:
        """The workflow as it is now; None when there is none."""
        row = await self._db.read(lambda connection: stored.find(connection, workflow_id))
        if row is None:
            self._kept.pop(workflow_id, None)
            return None
        kept = self._kept.get(workflow_id)
        if kept is None or kept.stamp != row.stamp:
            kept = await self._compile(workflow_id)
        if kept is not None:
            self._kept[workflow_id] = kept
            self._kept.move_to_end(workflow_id)
            if len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        return kept

    async def _compile(self, workflow_id: str) -> LoadedWorkflow | None:
        row = await self._db.read(lambda connection: stored.find_with_graph(connection, workflow_id))
        return None if row is None else await asyncio.to_thread(compiled, row, self._catalog)


def compiled(row: Record, catalog: Catalog) -> LoadedWorkflow:
    """The workflow in a row with its graph, compiled. One that cannot run is loaded all the same, with its flaw."""
    graph = {"blocks": msgspec.json.decode(row.blocks), "edges": msgspec.json.decode(row.edges)}
    variables = msgspec.json.decode(row.variables)
    workflow = workflow_from_api({**graph, "name": row.name, "variables": variables})
    plan, flaw = None, ""
    try:
        if len(workflow.blocks) > MAX_BLOCKS:
            raise RunError(f"The workflow has {len(workflow.blocks):,} blocks; at most {MAX_BLOCKS:,} can run.")
        plan = Plan(workflow, catalog)
    except CycleError:
        flaw = CYCLE_TEXT
    except RunError as error:
        flaw = str(error)
    block_types = [catalog.find(block.type) for block in workflow.blocks.values()]
    return LoadedWorkflow(
        id=row.id,
        stamp=row.stamp,
        version=row.version,
        revision=row.revision,
        workflow=workflow,
        plan=plan,
        flaw=flaw,
        has_entry=any(block_type is not None and block_type.trigger is not None for block_type in block_types),
        secrets=_secrets(workflow, catalog),
        can_wait=plan is not None and not all(step.inline for step in plan.steps),
        is_used=bool(row.used),
        asks=_asked(workflow, catalog),
    )


def _asked(workflow: Workflow, catalog: Catalog) -> tuple[Asked, ...]:
    """For each block, the stored agent and the model that it names; what only the run will tell is left out."""
    found: dict[Asked, None] = {}
    for block in workflow.blocks.values():
        block_type = catalog.find(block.type)
        effects = block_type.effects(block.config) if block_type is not None and block.enabled else ()
        named = {effect.kind: effect.target for effect in effects if not any(find_all(effect.target))}
        asked = Asked(named.get("agent", ""), named.get("model", ""))
        if any(asked):
            found[asked] = None
    return tuple(found)


def _secrets(workflow: Workflow, catalog: Catalog) -> dict[str, str]:
    """Secrets of webhook blocks by webhook id. Where two share an id, the first one answers."""
    found: dict[str, str] = {}
    for block in workflow.blocks.values():
        block_type = catalog.find(block.type)
        webhook_id, secret = block.config.get("webhook_id"), block.config.get("webhook_secret")
        if block_type is not None and block_type.trigger == "webhook" and isinstance(webhook_id, str):
            found.setdefault(webhook_id, secret if isinstance(secret, str) else "")
    return found


async def stored_document(db: Database, workflow_id: str, revision: str) -> Workflow:
    """The graph that a past run had. One that is not kept any more is an empty one: logs then show no configs."""
    row = await db.read(lambda connection: stored.graph_of(connection, workflow_id, revision))
    if row is None:
        return Workflow()
    return await asyncio.to_thread(
        lambda: workflow_from_api({"blocks": msgspec.json.decode(row.blocks), "edges": msgspec.json.decode(row.edges)})
    )
