"""Agents and orchestrations of a connected server."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from engine.client.platform import PlatformClient
from engine.client.records import AgentRecord, EntityRecord, OrchestrationRecord, Page
from engine.directory.port import STRATEGIES, Entity, StoredAgent, StoredOrchestration, Strategy
from engine.document import JsonObject
from engine.errors import DirectoryError, NotAWorkflowServer, NotOnServer, ServerError

PAGE_SIZE = 100
MAX_LISTED = 2_000
"""More than anybody picks from; a longer list is searched on the server."""


class RemoteDirectory:
    """What a server keeps, asked for anew each time. The client belongs to the caller."""

    def __init__(self, client: PlatformClient) -> None:
        self._client = client

    async def agents(self) -> list[StoredAgent]:
        """All agents, by name."""
        found: list[StoredAgent] = []
        try:
            while True:
                page = await self._client.agents(limit=PAGE_SIZE, offset=len(found))
                found += map(agent_from, page.items)
                if _is_last(page, len(found)):
                    return found
        except ServerError as error:
            raise DirectoryError(str(error)) from None

    async def agent(self, agent_id: str) -> StoredAgent | None:
        """The agent with this id, None when there is none."""
        try:
            agent = agent_from(await self._client.agent(agent_id))
            return msgspec.structs.replace(agent, knowledge_bases=await self._knowledge_bases(agent_id))
        except NotOnServer:
            return None
        except ServerError as error:
            raise DirectoryError(str(error)) from None

    async def orchestrations(self) -> list[StoredOrchestration]:
        """All orchestrations, by name and without their agents."""
        found: list[StoredOrchestration] = []
        try:
            while True:
                page = await self._client.orchestrations(limit=PAGE_SIZE, offset=len(found))
                found += map(orchestration_from, page.items)
                if _is_last(page, len(found)):
                    return sorted(found, key=lambda item: (item.name.casefold(), item.id))
        except ServerError as error:
            raise DirectoryError(str(error)) from None

    async def orchestration(self, orchestration_id: str) -> StoredOrchestration | None:
        """The orchestration with this id and its agents, None when there is none."""
        try:
            return orchestration_from(await self._client.orchestration(orchestration_id))
        except NotOnServer:
            return None
        except ServerError as error:
            raise DirectoryError(str(error)) from None

    async def save_agent(self, agent: StoredAgent) -> str:
        """Change this agent, or make a new one where the server has none of its id; returns its id there."""
        fields: JsonObject = {
            "name": agent.name,
            "system_prompt": agent.system_prompt,
            "settings": agent.settings,
            # Without one the server has a default of its own.
            **({"model": agent.model} if agent.model else {}),
        }
        try:
            try:
                return (await self._client.update_agent(agent.id, fields)).id
            except NotOnServer:
                return (await self._client.create_agent(fields)).id
        except ServerError as error:
            raise DirectoryError(str(error)) from None

    async def save_orchestration(self, orchestration: StoredOrchestration) -> str:
        """Change this orchestration and its agents, or make a new one; returns its id there.

        Agents are changed one by one: where that breaks off, the error says so and saving again does the rest.
        """
        fields: JsonObject = {
            "name": orchestration.name,
            "description": orchestration.description,
            "strategy": orchestration.strategy,
            "orchestrator_config": orchestration.orchestrator_config,
            "settings": orchestration.settings,
        }
        try:
            try:
                kept = (await self._client.update_orchestration(orchestration.id, fields)).id
            except NotOnServer:
                kept = (await self._client.create_orchestration(fields)).id
            await self._save_entities(kept, orchestration.entities)
            return kept
        except ServerError as error:
            raise DirectoryError(str(error)) from None

    async def remove(self, kind: Literal["agent", "orchestration"], entity_id: str) -> None:
        """Delete it for good; one that is gone already is fine."""
        delete = self._client.delete_agent if kind == "agent" else self._client.delete_orchestration
        try:
            await delete(entity_id)
        except NotOnServer:
            return
        except ServerError as error:
            raise DirectoryError(str(error)) from None

    async def _save_entities(self, orchestration_id: str, wanted: Sequence[Entity]) -> None:
        there = {item.id: _entity_from(item) for item in (await self._client.orchestration(orchestration_id)).entities}
        for entity_id in there.keys() - {item.id for item in wanted}:
            await self._client.remove_entity(orchestration_id, entity_id)
        for item in wanted:
            before = there.get(item.id)
            # What an entity is about cannot be changed, so another agent is another entity.
            if before is not None and before.entity_ref_id != item.entity_ref_id:
                await self._client.remove_entity(orchestration_id, item.id)
                before = None
            if before is None:
                await self._client.add_entity(orchestration_id, _entity_fields(item))
            elif before != item:
                await self._client.update_entity(orchestration_id, item.id, _entity_fields(item))

    async def _knowledge_bases(self, agent_id: str) -> tuple[str, ...]:
        """Those that the agent reads; none where the server has no such thing."""
        try:
            return tuple(await self._client.agent_knowledge_bases(agent_id))
        except (NotOnServer, NotAWorkflowServer):
            return ()


def agent_from(record: AgentRecord) -> StoredAgent:
    """The agent in a server's record."""
    return StoredAgent(
        id=record.id,
        name=record.name or "",
        model=record.model or "",
        system_prompt=record.system_prompt or "",
        settings=record.settings or {},
    )


def orchestration_from(record: OrchestrationRecord) -> StoredOrchestration:
    """The orchestration in a server's record; a strategy that we do not know counts as the supervisor's."""
    strategy: Strategy = next((name for name in STRATEGIES if name == record.strategy), "supervisor")
    return StoredOrchestration(
        id=record.id,
        name=record.name or "",
        description=record.description or "",
        strategy=strategy,
        orchestrator_config=record.orchestrator_config or {},
        settings=record.settings or {},
        entities=tuple(map(_entity_from, record.entities)),
    )


def _entity_from(record: EntityRecord) -> Entity:
    return Entity(
        id=record.id,
        entity_ref_id=record.entity_ref_id,
        entity_type=record.entity_type,
        role_description=record.role_description or "",
        config=record.config or {},
        position=record.position or 0,
    )


def _entity_fields(entity: Entity) -> JsonObject:
    return {
        "entity_type": entity.entity_type,
        "entity_ref_id": entity.entity_ref_id,
        "role_description": entity.role_description,
        "config": entity.config,
        "position": entity.position,
    }


def _is_last(page: Page[Any], so_far: int) -> bool:
    return not page.items or so_far >= min(page.total, MAX_LISTED)
