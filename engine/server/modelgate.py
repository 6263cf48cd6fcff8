"""Refuses a run whose agents would ask a model that this server cannot ask, before anything is recorded or used up.

An agent block that names a stored agent is judged by the agent's model, not by what stands in the block from before.

Source: contract 2.7 "pre-flight", 2.9 row 8; weaknesses W10 and W25.
"""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

from engine.llm.models import Models
from engine.server.errors import ApiError
from engine.server.ids import canonical_id
from engine.server.runs.loaded import LoadedWorkflow
from engine.server.runs.port import RunOrder, WebhookNotActive
from engine.server.services import Services
from engine.store import agents
from engine.store import workflows as stored


async def require_models(services: Services, order: RunOrder) -> None:
    """Let the run pass if every model that its blocks name can be asked.

    Raises:
        ApiError: 400, one cannot; the text names it and what is missing.
        WebhookNotActive: it is a call of a webhook that takes none now, which comes first.
    """
    if not order.workflow.asks:
        return
    models = Models(services.settings.run.models)
    async for name in _names(services, order.workflow):
        problem = await asyncio.to_thread(models.problem_with, name)
        if problem is None:
            continue
        if order.claims_webhook and not await services.db.read(
            lambda connection: stored.takes_calls(connection, order.workflow.id)
        ):
            raise WebhookNotActive("Webhook is not active")
        raise ApiError(400, problem)


async def _names(services: Services, workflow: LoadedWorkflow) -> AsyncIterator[str]:
    for agent_id, model in workflow.asks:
        known_id = canonical_id(agent_id)
        row = await services.db.read(partial(agents.find, agent_id=known_id)) if known_id else None
        # An agent that nobody knows leaves the block to its own model.
        yield model if row is None else row.model
