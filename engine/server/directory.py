"""The server's own agents and orchestrations, as blocks ask for them."""

from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Row, select

from engine.directory.port import STRATEGIES, Entity, StoredAgent, StoredOrchestration, Strategy
from engine.errors import DirectoryError
from engine.server.ids import canonical_id
from engine.store import Database, StoreUnavailable, agents, orchestrations, records
from engine.store.agents import ASSIGNED
from engine.store.database import Work
from engine.store.schema import AGENTS, ORCHESTRATIONS

T = TypeVar("T")


class StoreDirectory:
    """What is kept in the server's database. Implements `engine.directory.Directory`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def agents(self) -> list[StoredAgent]:
        """All agents, by name."""

        def read(connection: Connection) -> list[StoredAgent]:
            rows = connection.execute(select(AGENTS).order_by(AGENTS.c.name, AGENTS.c.id))
            return [_agent(row) for row in rows]

        return await self._read(read)

    async def agent(self, agent_id: str) -> StoredAgent | None:
        """The agent with this id and its knowledge bases, None when there is none."""
        known_id = canonical_id(agent_id) or ""

        def read(connection: Connection) -> StoredAgent | None:
            row = agents.find(connection, known_id)
            if row is None:
                return None
            assigned = [msgspec.json.decode(item.data) for item in records.all_of(connection, ASSIGNED, known_id)]
            return _agent(row, tuple(item["knowledge_base_id"] for item in assigned))

        return await self._read(read)

    async def orchestrations(self) -> list[StoredOrchestration]:
        """All orchestrations, by name and without their agents."""

        def read(connection: Connection) -> list[StoredOrchestration]:
            rows = connection.execute(select(ORCHESTRATIONS).order_by(ORCHESTRATIONS.c.name, ORCHESTRATIONS.c.id))
            return [_orchestration(row) for row in rows]

        return await self._read(read)

    async def orchestration(self, orchestration_id: str) -> StoredOrchestration | None:
        """The orchestration with this id and its agents, None when there is none."""
        known_id = canonical_id(orchestration_id) or ""

        def read(connection: Connection) -> StoredOrchestration | None:
            row = orchestrations.find(connection, known_id)
            if row is None:
                return None
            return _orchestration(row, tuple(map(_entity, orchestrations.entities(connection, known_id))))

        return await self._read(read)

    async def _read(self, work: Work[T]) -> T:
        try:
            return await self._db.read(work)
        except StoreUnavailable as error:
            raise DirectoryError(str(error)) from None


def _agent(row: Row[Any], knowledge_bases: tuple[str, ...] = ()) -> StoredAgent:
    return StoredAgent(
        id=row.id,
        name=row.name,
        model=row.model,
        system_prompt=row.system_prompt or "",
        settings=msgspec.json.decode(row.settings),
        knowledge_bases=knowledge_bases,
    )


def _orchestration(row: Row[Any], entities: tuple[Entity, ...] = ()) -> StoredOrchestration:
    strategy: Strategy = next((name for name in STRATEGIES if name == row.strategy), "supervisor")
    return StoredOrchestration(
        id=row.id,
        name=row.name,
        description=row.description,
        strategy=strategy,
        orchestrator_config=msgspec.json.decode(row.orchestrator_config),
        settings=msgspec.json.decode(row.settings),
        entities=entities,
    )


def _entity(row: Row[Any]) -> Entity:
    return Entity(
        id=row.id,
        entity_ref_id=row.entity_ref_id,
        entity_type=row.entity_type,
        role_description=row.role_description,
        config=msgspec.json.decode(row.config),
        position=row.position,
    )
