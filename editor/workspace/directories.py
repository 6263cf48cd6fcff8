"""Stored agents and orchestrations from all places that keep them, and their names also while a place is away.

The local library is one source; a connected server becomes another by `add_source`. Whoever shows a name asks
`name_of`, which never waits; whoever shows lists awaits them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeVar

import platformdirs
from PySide6.QtCore import QObject, Signal

from editor.aio import Tasks, in_thread
from editor.workspace.private_json import read_object, write_object
from engine import DirectoryError, directory

EntityKind = Literal["agent", "orchestration"]
Stored = directory.StoredAgent | directory.StoredOrchestration
NAMES_FILE = "known-names.json"
MOST_NAMES = 5_000
T = TypeVar("T", directory.StoredAgent, directory.StoredOrchestration)


class Source(Protocol):
    """A place that keeps agents and orchestrations. Its methods are called on the UI's event loop and must not block.

    Raises, from every method: `DirectoryError`; the text says why and what to do.
    """

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def can_write(self) -> bool:
        """Whether something can be changed there."""

    async def agents(self) -> list[directory.StoredAgent]: ...

    async def orchestrations(self) -> list[directory.StoredOrchestration]: ...

    async def orchestration(self, orchestration_id: str) -> directory.StoredOrchestration | None: ...

    async def save_agent(self, agent: directory.StoredAgent) -> str:
        """Keep a new or changed agent; returns its id there, which a server may choose itself."""

    async def save_orchestration(self, orchestration: directory.StoredOrchestration) -> str:
        """As `save_agent`."""

    async def remove(self, kind: EntityKind, entity_id: str) -> None: ...


class LibrarySource:
    """The library on this machine."""

    name = "On this machine"
    can_write = True

    def __init__(self, library: directory.Library | None = None) -> None:
        self._library = library or directory.Library()

    async def agents(self) -> list[directory.StoredAgent]:
        """All agents, by name."""
        return _by_name(list((await in_thread(self._library.read)).agents.values()))

    async def orchestrations(self) -> list[directory.StoredOrchestration]:
        """All orchestrations, by name."""
        return _by_name(list((await in_thread(self._library.read)).orchestrations.values()))

    async def orchestration(self, orchestration_id: str) -> directory.StoredOrchestration | None:
        """The orchestration with this id, None when there is none."""
        return (await in_thread(self._library.read)).orchestrations.get(orchestration_id)

    async def save_agent(self, agent: directory.StoredAgent) -> str:
        """Keep a new or changed agent; returns its id."""
        await in_thread(self._library.save_agent, agent)
        return agent.id

    async def save_orchestration(self, orchestration: directory.StoredOrchestration) -> str:
        """Keep a new or changed orchestration; returns its id."""
        await in_thread(self._library.save_orchestration, orchestration)
        return orchestration.id

    async def remove(self, _kind: EntityKind, entity_id: str) -> None:
        """Forget the agent or orchestration of this id."""
        await in_thread(self._library.remove, entity_id)


@dataclass(frozen=True)
class Listed:
    """An agent or orchestration with the place that keeps it."""

    kind: EntityKind
    stored: Stored
    source: Source

    @property
    def id(self) -> str:
        """Its id."""
        return self.stored.id

    @property
    def name(self) -> str:
        """What people call it."""
        return self.stored.name or self.stored.id


class Directories(QObject):
    """All sources together.

    Signals:
        changed(): names, lists or `problems` are others.
    """

    changed = Signal()

    def __init__(
        self, sources: Sequence[Source], tasks: Tasks, names_path: Path | None = None, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._sources = list(sources)
        self._tasks = tasks
        data = Path(platformdirs.user_data_dir("blockloom", appauthor=False))
        self._names_path = names_path or data / NAMES_FILE
        self._names: dict[str, str] = {}
        self._shown_names = self._names
        self._written: dict[str, str] | None = None
        self._listed: tuple[Listed, ...] = ()
        self.problems: dict[str, str] = {}
        """Why a source could not be asked, by its name."""

    @property
    def sources(self) -> tuple[Source, ...]:
        """The places that are asked, in order."""
        return tuple(self._sources)

    def add_source(self, source: Source) -> None:
        """Ask this place as well from now on."""
        self._sources.append(source)
        self.refresh_soon()

    def remove_source(self, source: Source) -> None:
        """Ask this place no longer; names from there stay known."""
        if source in self._sources:
            self._sources.remove(source)
            self.problems.pop(source.name, None)
            self.refresh_soon()

    def known(self, kind: EntityKind) -> list[Listed]:
        """What the sources had when they were asked last, by source and name. Never waits."""
        return [item for item in self._listed if item.kind == kind]

    def find(self, kind: EntityKind, entity_id: str) -> Listed | None:
        """The one of this id among `known`, None when there is none."""
        return next((item for item in self._listed if item.kind == kind and item.id == entity_id), None)

    def name_of(self, kind: EntityKind, entity_id: str) -> str | None:
        """The name last known for an id, also of what a source that is away keeps; None when nobody ever knew it."""
        return self._names.get(_key(kind, entity_id))

    def refresh_soon(self) -> None:
        """Ask all sources again."""
        self._tasks.restart("directories", self.refresh)

    async def refresh(self) -> None:
        """Ask all sources. What one that cannot be asked had before stays known."""
        if self._written is None:
            self._names = self._written = _texts(await in_thread(read_object, self._names_path))
        found: list[Listed] = []
        problems: dict[str, str] = {}
        for source in self.sources:
            try:
                found += [Listed("agent", item, source) for item in await source.agents()]
                found += [Listed("orchestration", item, source) for item in await source.orchestrations()]
            except DirectoryError as error:
                problems[source.name] = str(error)
                found += [item for item in self._listed if item.source is source and item not in found]
        before = self._listed, self.problems, self._shown_names
        self._listed, self.problems = tuple(found), problems
        await self._keep_names()
        self._shown_names = self._names
        if (self._listed, self.problems, self._names) != before:
            self.changed.emit()

    async def agents(self) -> list[Listed]:
        """All agents now, by source and name."""
        await self.refresh()
        return self.known("agent")

    async def orchestrations(self) -> list[Listed]:
        """All orchestrations now, by source and name; their members may be left out."""
        await self.refresh()
        return self.known("orchestration")

    async def save(self, stored: Stored, source: Source) -> str:
        """Keep a new or changed agent or orchestration at this place; returns its id there.

        Raises:
            DirectoryError: it could not be kept.
        """
        if isinstance(stored, directory.StoredAgent):
            kept = await source.save_agent(stored)
        else:
            kept = await source.save_orchestration(stored)
        await self.refresh()
        return kept

    async def remove(self, listed: Listed) -> None:
        """Forget an agent or orchestration for good.

        Raises:
            DirectoryError: it could not be removed.
        """
        await listed.source.remove(listed.kind, listed.id)
        self._names = {key: name for key, name in self._names.items() if key != _key(listed.kind, listed.id)}
        await self.refresh()

    async def _keep_names(self) -> None:
        names = {**self._names, **{_key(item.kind, item.id): item.name for item in self._listed}}
        self._names = dict(list(names.items())[-MOST_NAMES:])
        if self._names != self._written:
            self._written = self._names
            await in_thread(write_object, self._names_path, dict(self._names))


def _key(kind: EntityKind, entity_id: str) -> str:
    return f"{kind}:{entity_id}"


def _by_name(items: list[T]) -> list[T]:
    return sorted(items, key=_name_order)


def _name_order(item: Stored) -> tuple[str, str]:
    return item.name.casefold(), item.id


def _texts(values: dict[str, object]) -> dict[str, str]:
    return {key: value for key, value in values.items() if isinstance(value, str)}
