"""Several directories as one: the first that knows an id has the say."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from engine.directory.port import Directory, StoredAgent, StoredOrchestration
from engine.errors import DirectoryError

T = TypeVar("T")
Item = TypeVar("Item", StoredAgent, StoredOrchestration)


class JoinedDirectory:
    """Asks its sources in turn. One that cannot be asked is passed over as long as another one knows the answer."""

    def __init__(self, sources: Sequence[Directory]) -> None:
        self._sources = tuple(sources)

    async def agents(self) -> list[StoredAgent]:
        """The agents of all sources, by source and name."""
        return _by_first([await source.agents() for source in self._sources])

    async def agent(self, agent_id: str) -> StoredAgent | None:
        """The agent with this id, None when no source has it."""
        return await self._first(lambda source: source.agent(agent_id))

    async def orchestrations(self) -> list[StoredOrchestration]:
        """The orchestrations of all sources, by source and name."""
        return _by_first([await source.orchestrations() for source in self._sources])

    async def orchestration(self, orchestration_id: str) -> StoredOrchestration | None:
        """The orchestration with this id, None when no source has it."""
        return await self._first(lambda source: source.orchestration(orchestration_id))

    async def _first(self, ask: Callable[[Directory], Awaitable[T | None]]) -> T | None:
        failure: DirectoryError | None = None
        for source in self._sources:
            try:
                found = await ask(source)
            except DirectoryError as error:
                failure = failure or error
            else:
                if found is not None:
                    return found
        if failure is not None:
            raise failure
        return None


def _by_first(listed: list[list[Item]]) -> list[Item]:
    """All items, of those with one id the first."""
    found: dict[str, Item] = {}
    for items in listed:
        for item in items:
            found.setdefault(item.id, item)
    return list(found.values())
