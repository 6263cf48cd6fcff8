"""Agents and orchestrations of the document's server: listed, made and changed there, known by name when it is away."""

from typing import Any

import pytest

from editor.workspace.directories import Directories, LibrarySource
from editor.workspace.server_directory import ServerDirectory
from engine import Connection, DirectoryError, directory
from tests.editor.server_desk import Desk, OpenDesk


class AgentDesk:
    """A desk with directories that know of its server."""

    def __init__(self, desk: Desk, folder: Any) -> None:
        self.desk = desk
        self.platforms: list[Connection | None] = []
        library = LibrarySource(directory.Library(folder / "library.json"))
        self.directories = Directories([library], desk.tasks, folder / "names.json")
        self.watch = ServerDirectory(desk.link, self.directories, self.platforms.append, desk.tasks)
        desk.open_stored()
        desk.wait(lambda: len(self.directories.sources) == 2)
        self.settle()

    def settle(self) -> None:
        """Wait until everybody has been asked."""
        self.desk.wait(
            lambda: not self.desk.tasks.is_busy("directories") and not self.desk.tasks.is_busy("platform-key")
        )

    def ask(self, coroutine: Any) -> Any:
        return self.desk.run(coroutine)


@pytest.fixture
def agents(open_desk: OpenDesk, tmp_path: Any) -> AgentDesk:
    return AgentDesk(open_desk(), tmp_path)


def test_agents_of_the_server_are_made_and_changed_there(agents: AgentDesk) -> None:
    """A new one gets the server's id, a changed one keeps it, a deleted one is gone."""
    there = agents.directories.sources[1]
    made = directory.StoredAgent(id="made-here", name="Writer", system_prompt="Write.")

    kept = agents.ask(agents.directories.save(made, there))

    assert kept != "made-here"
    assert agents.desk.running.agents[kept]["system_prompt"] == "Write."
    listed = agents.directories.find("agent", kept)
    assert listed is not None
    assert (listed.name, listed.source.name) == ("Writer", "Fake")
    changed = directory.StoredAgent(id=kept, name="Writer", system_prompt="Write well.")
    assert agents.ask(agents.directories.save(changed, there)) == kept
    assert agents.desk.running.agents[kept]["system_prompt"] == "Write well."
    agents.ask(agents.directories.remove(listed))
    assert not agents.desk.running.agents


def test_an_orchestration_keeps_its_agents_in_step(agents: AgentDesk) -> None:
    """Members that are new are added, changed ones changed, and those that went are taken out."""
    there = agents.directories.sources[1]
    first = directory.Entity(id="1", entity_ref_id="a", role_description="plans")
    team = directory.StoredOrchestration(id="new", name="Team", entities=(first,))
    kept = agents.ask(agents.directories.save(team, there))
    (added,) = agents.ask(there.orchestration(kept)).entities
    assert (added.entity_ref_id, added.role_description) == ("a", "plans")

    other = directory.Entity(id="2", entity_ref_id="b", position=1)
    agents.ask(agents.directories.save(directory.StoredOrchestration(id=kept, name="Team", entities=(other,)), there))

    assert [item.entity_ref_id for item in agents.ask(there.orchestration(kept)).entities] == ["b"]


def test_names_stay_known_while_the_server_is_away(agents: AgentDesk) -> None:
    """The picker has what was there last, and says why it is not fresh."""
    there = agents.directories.sources[1]
    kept = agents.ask(agents.directories.save(directory.StoredAgent(id="x", name="Writer"), there))
    fault = agents.desk.server.fail("refused", times=99)

    agents.ask(agents.directories.refresh())

    assert [item.name for item in agents.directories.known("agent")] == ["Writer"]
    assert agents.directories.name_of("agent", kept) == "Writer"
    assert "Nothing answers" in agents.directories.problems["Fake"]
    with pytest.raises(DirectoryError, match="Nothing answers"):
        agents.ask(agents.directories.save(directory.StoredAgent(id="y", name="Editor"), there))
    fault.times = 0


def test_the_server_is_a_source_as_long_as_the_document_lives_there(agents: AgentDesk) -> None:
    """Runs here may ask it meanwhile, with the key; afterwards nobody does."""
    keyed = agents.platforms[-1]
    assert keyed is not None
    assert keyed.key == "right-key"
    assert "right-key" not in repr(keyed)

    agents.desk.link.detach()
    agents.settle()

    assert [source.name for source in agents.directories.sources] == ["On this machine"]
    assert agents.platforms[-1] is None
