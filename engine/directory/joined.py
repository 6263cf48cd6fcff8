"""Several directories as one: the first that knows an id has the say."""

from collections.abc import Sequence

from engine.directory.port import Directory, StoredAgent, StoredOrchestration
from engine.errors import DirectoryError


class JoinedDirectory:
    """Asks its sources in turn. One that cannot be asked is passed over as long as another one knows the answer."""

    def __init__(self, sources: Sequence[Directory]) -> None:
        self._sources = tuple(sources)

    async def agents(self) -> list[StoredAgent]:
        """The agents of all sources, by source and name."""
        found: dict[str, StoredAgent] = {}
        for source in self._sources:
            for item in await source.agents():
                found.setdefault(item.id, item)
        return list(found.values())

    async def agent(self, agent_id: str) -> StoredAgent | None:
        """The agent with this id, None when no source has it."""
        failure: DirectoryError | None = None
        for source in self._sources:
            try:
                found = await source.agent(agent_id)
            except DirectoryError as error:
                failure = failure or error
            else:
                if found is not None:
                    return found
        if failure is not None:
            raise failure
        return None

    async def orchestrations(self) -> list[StoredOrchestration]:
        """The orchestrations of all sources, by source and name."""
        found: dict[str, StoredOrchestration] = {}
        for source in self._sources:
            for item in await source.orchestrations():
                found.setdefault(item.id, item)
        return list(found.values())

    async def orchestration(self, orchestration_id: str) -> StoredOrchestration | None:
        """The orchestration with this id, None when no source has it."""
        failure: DirectoryError | None = None
        for source in self._sources:
            try:
                found = await source.orchestration(orchestration_id)
            except DirectoryError as error:
                failure = failure or error
            else:
                if found is not None:
                    return found
        if failure is not None:
            raise failure
        return None
