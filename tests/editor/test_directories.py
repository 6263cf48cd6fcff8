"""Stored agents and orchestrations from several places, with names that stay known while a place is away."""

import pytest

from editor.aio import Tasks
from editor.workspace.directories import Directories, LibrarySource
from engine import DirectoryError
from engine.directory import Library, StoredAgent, StoredOrchestration


class AwaySource:
    """A server that can be reached or not."""

    name = "Office server"
    can_write = False

    def __init__(self) -> None:
        self.is_away = False

    async def agents(self) -> list[StoredAgent]:
        if self.is_away:
            raise DirectoryError("Office server does not answer.")
        return [StoredAgent(id="far", name="Far helper")]

    async def orchestrations(self) -> list[StoredOrchestration]:
        return []


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "library.json")


@pytest.fixture
def do(loop, qtbot):
    def run(awaitable):
        task = loop.create_task(awaitable)
        qtbot.waitUntil(task.done, timeout=5_000)
        return task.result()

    return run


@pytest.fixture
def directories(loop, qtbot, library, tmp_path):
    tasks = Tasks()
    yield Directories([LibrarySource(library)], tasks, tmp_path / "names.json")
    task = loop.create_task(tasks.close())
    qtbot.waitUntil(task.done)


def test_what_is_kept_is_listed_by_name(do, directories):
    """Agents and orchestrations come back with the place that keeps them."""
    source = directories.sources[0]

    do(directories.save(StoredAgent(id="b", name="Writer"), source))
    do(directories.save(StoredAgent(id="a", name="editor"), source))
    do(directories.save(StoredOrchestration(id="t", name="Team"), source))

    assert [(item.name, item.source.name) for item in directories.known("agent")] == [
        ("editor", "On this machine"),
        ("Writer", "On this machine"),
    ]
    assert directories.name_of("orchestration", "t") == "Team"
    assert directories.name_of("agent", "t") is None


def test_what_is_removed_is_gone(do, directories):
    """A removed agent has no name any more."""
    do(directories.save(StoredAgent(id="a", name="Editor"), directories.sources[0]))

    do(directories.remove(directories.find("agent", "a")))

    assert directories.known("agent") == []
    assert directories.name_of("agent", "a") is None


def test_a_source_that_is_away_keeps_its_names(do, qtbot, directories):
    """What a server had is still shown, and why it is not asked is said."""
    server = AwaySource()
    directories.add_source(server)
    qtbot.waitUntil(lambda: directories.name_of("agent", "far") is not None)

    server.is_away = True
    do(directories.refresh())

    assert [item.name for item in directories.known("agent")] == ["Far helper"]
    assert directories.problems == {"Office server": "Office server does not answer."}


def test_names_are_known_at_the_next_start(do, qtbot, directories, tmp_path):
    """Before anybody was asked again, offline too, a stored agent has its name."""
    directories.add_source(AwaySource())
    qtbot.waitUntil(lambda: (tmp_path / "names.json").exists())

    later = Directories([], Tasks(), tmp_path / "names.json")
    do(later.refresh())

    assert later.name_of("agent", "far") == "Far helper"


def test_a_damaged_library_is_told_and_not_overwritten(do, directories, library):
    """Somebody's agents are not thrown away because of one wrong byte."""
    library.path.write_text('{"agents": ')

    do(directories.refresh())

    assert "damaged" in directories.problems["On this machine"]
    with pytest.raises(DirectoryError):
        do(directories.save(StoredAgent(id="a", name="Editor"), directories.sources[0]))
    assert library.path.read_text() == '{"agents": '
