"""The local library: agents and orchestrations in one file of the user's data folder, for work without a server."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import platformdirs

from engine.directory.port import StoredAgent, StoredOrchestration
from engine.errors import DirectoryError, FileError
from engine.safewrite import reason, replace_file

FILE_NAME = "library.json"
MAX_BYTES = 32 * 1024 * 1024


class Contents(msgspec.Struct, frozen=True):
    """Everything in the library, by id."""

    agents: Mapping[str, StoredAgent] = {}
    orchestrations: Mapping[str, StoredOrchestration] = {}


class Library:
    """Agents and orchestrations kept on this machine. It is read anew whenever it is asked, so that several programs
    can share it, and may be asked from any thread.

    Raises, from every method: `DirectoryError`; a file that cannot be read is never overwritten.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or default_path()
        self._writing = threading.Lock()

    async def agents(self) -> list[StoredAgent]:
        """All agents, by name."""
        return sorted(self.read().agents.values(), key=lambda item: (item.name.casefold(), item.id))

    async def agent(self, agent_id: str) -> StoredAgent | None:
        """The agent with this id, None when there is none."""
        return self.read().agents.get(agent_id)

    async def orchestrations(self) -> list[StoredOrchestration]:
        """All orchestrations, by name."""
        return sorted(self.read().orchestrations.values(), key=lambda item: (item.name.casefold(), item.id))

    async def orchestration(self, orchestration_id: str) -> StoredOrchestration | None:
        """The orchestration with this id, None when there is none."""
        return self.read().orchestrations.get(orchestration_id)

    def read(self) -> Contents:
        """What is in the file; nothing when there is no file yet."""
        try:
            if self.path.stat().st_size > MAX_BYTES:
                raise DirectoryError(f"The library {self.path} is larger than {MAX_BYTES >> 20} MB and was not read.")
            return msgspec.json.decode(self.path.read_bytes(), type=Contents)
        except FileNotFoundError:
            return Contents()
        except OSError as error:
            raise DirectoryError(f"The library of agents cannot be read: {reason(error)}.") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            text = f"The library of agents is damaged ({error}). Mend or remove {self.path}, then try again."
            raise DirectoryError(text, retryable=False) from None

    def save_agent(self, agent: StoredAgent) -> None:
        """Keep a new or changed agent."""
        self._change(lambda held: msgspec.structs.replace(held, agents={**held.agents, agent.id: agent}))

    def save_orchestration(self, orchestration: StoredOrchestration) -> None:
        """Keep a new or changed orchestration."""

        def change(held: Contents) -> Contents:
            kept = {**held.orchestrations, orchestration.id: orchestration}
            return msgspec.structs.replace(held, orchestrations=kept)

        self._change(change)

    def remove(self, entity_id: str) -> None:
        """Forget the agent or orchestration of this id."""

        def change(held: Contents) -> Contents:
            agents = {key: item for key, item in held.agents.items() if key != entity_id}
            orchestrations = {key: item for key, item in held.orchestrations.items() if key != entity_id}
            return Contents(agents, orchestrations)

        self._change(change)

    def _change(self, change: Callable[[Contents], Contents]) -> None:
        with self._writing:
            contents = change(self.read())
            content = msgspec.json.format(msgspec.json.encode(contents, order="sorted"), indent=2)
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                replace_file(self.path, content)
            except OSError as error:
                raise DirectoryError(f"The library of agents cannot be saved: {reason(error)}.") from None
            except FileError as error:
                raise DirectoryError(str(error)) from None


def default_path() -> Path:
    """The library of whoever runs the program."""
    return Path(platformdirs.user_data_dir("blockloom", appauthor=False)) / FILE_NAME
