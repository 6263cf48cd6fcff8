"""What a directory of agents and orchestrations answers, and the records that it answers with."""

from typing import Literal, Protocol, get_args

import msgspec

from engine.document import Json

Strategy = Literal["supervisor", "sequential", "parallel"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)


class StoredAgent(msgspec.Struct, frozen=True, kw_only=True):
    """An agent that blocks refer to by id. A `model` of "" is the one of the settings.

    `settings` may hold `temperature` and `max_tokens`; `knowledge_bases` are ids on the server that keeps the agent.

    Source: contract 2.10.
    """

    id: str
    name: str
    model: str = ""
    system_prompt: str = ""
    settings: dict[str, Json] = {}
    knowledge_bases: tuple[str, ...] = ()


class Entity(msgspec.Struct, frozen=True, kw_only=True):
    """An agent's place in an orchestration. `role_description` says what it is for; `position` counts from 0."""

    id: str
    entity_ref_id: str
    entity_type: str = "agent"
    role_description: str = ""
    config: dict[str, Json] = {}
    position: int = 0


class StoredOrchestration(msgspec.Struct, frozen=True, kw_only=True):
    """Several agents and how they work together.

    `orchestrator_config` may hold `model` and `system_prompt` of the supervisor. Source: contract 2.11.
    """

    id: str
    name: str
    description: str = ""
    strategy: Strategy = "supervisor"
    orchestrator_config: dict[str, Json] = {}
    settings: dict[str, Json] = {}
    entities: tuple[Entity, ...] = ()


class Directory(Protocol):
    """Who to ask for agents and orchestrations. Every question may wait.

    Raises:
        DirectoryError: the source could not be asked; the text says why and what to do.
    """

    async def agents(self) -> list[StoredAgent]:
        """All agents, by name."""

    async def agent(self, agent_id: str) -> StoredAgent | None:
        """The agent with this id, None when there is none."""

    async def orchestrations(self) -> list[StoredOrchestration]:
        """All orchestrations, by name; their `entities` may be left out."""

    async def orchestration(self, orchestration_id: str) -> StoredOrchestration | None:
        """The orchestration with this id and its entities, None when there is none."""
