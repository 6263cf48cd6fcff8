"""Stored agents and orchestrations: on this machine, on a server, and both as one."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.client import Connection, PlatformClient
from engine.directory import Directory, Entity, Library, StoredAgent, StoredOrchestration
from engine.directory.joined import JoinedDirectory
from engine.directory.remote import RemoteDirectory
from engine.errors import DirectoryError

ADA = StoredAgent(id="a1", name="Ada", model="m", system_prompt="Be exact.", settings={"temperature": 0.2})
BEN = StoredAgent(id="b1", name="ben")
TEAM = StoredOrchestration(
    id="o1",
    name="Team",
    strategy="sequential",
    entities=(Entity(id="e1", entity_ref_id="a1", role_description="first"),),
)


def filled(path: Path) -> Library:
    library = Library(path)
    library.save_agent(BEN)
    library.save_agent(ADA)
    library.save_orchestration(TEAM)
    return library


class ServerWithDirectory:
    """Speaks contract 2.10 and 2.11 about the agents and orchestrations above."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        routes: dict[str, Any] = {
            "/api/agents": {"agents": [agent_row(ADA), agent_row(BEN)], "total": 2},
            "/api/agents/a1": agent_row(ADA),
            "/api/agents/a1/knowledge-bases": {
                "knowledge_bases": [{"id": "x", "knowledge_base_id": "kb", "config": {}}]
            },
            "/api/agents/b1": agent_row(BEN),
            "/api/orchestrations": {"orchestrations": [{"id": "o1", "name": "Team", "strategy": "sequential"}]},
            "/api/orchestrations/o1": {
                "id": "o1",
                "name": "Team",
                "description": None,
                "strategy": "sequential",
                "entities": [
                    {
                        "id": "e1",
                        "entity_type": "agent",
                        "entity_ref_id": "a1",
                        "role_description": "first",
                        "config": None,
                    }
                ],
            },
        }
        found = routes.get(request.url.path)
        return httpx.Response(200, json=found) if found else httpx.Response(404, json={"error": "Agent not found"})


def agent_row(agent: StoredAgent) -> dict[str, Any]:
    names = ("id", "name", "model", "system_prompt", "settings")
    return {name: getattr(agent, name) or None for name in names}


def answers(directory: Directory) -> dict[str, Any]:
    """What a directory says to every question that the port has."""

    async def ask() -> dict[str, Any]:
        return {
            "agents": [agent.name for agent in await directory.agents()],
            "agent": await directory.agent("a1"),
            "missing": (await directory.agent("none"), await directory.orchestration("none")),
            "orchestrations": [item.name for item in await directory.orchestrations()],
            "orchestration": await directory.orchestration("o1"),
        }

    return asyncio.run(ask())


def remote(handler: Any) -> RemoteDirectory:
    return RemoteDirectory(
        PlatformClient(Connection("s", "http://localhost"), httpx.MockTransport(handler), retries=False)
    )


def test_the_library_and_a_server_answer_alike(tmp_path: Path) -> None:
    """A block does not know where an agent is kept."""
    local, distant = answers(filled(tmp_path / "library.json")), answers(remote(ServerWithDirectory()))

    assert distant["agent"].knowledge_bases == ("kb",)
    distant["agent"] = local["agent"]
    assert local == distant
    assert local["agents"] == ["Ada", "ben"]
    assert local["orchestration"] == TEAM


def test_what_is_removed_is_gone(tmp_path: Path) -> None:
    """And what is left is left."""
    library = filled(tmp_path / "library.json")

    library.remove("a1")

    assert [agent.name for agent in asyncio.run(library.agents())] == ["ben"]
    assert asyncio.run(library.orchestration("o1")) == TEAM


def test_a_damaged_library_is_told_and_never_overwritten(tmp_path: Path) -> None:
    """Its content may still be saved by hand."""
    path = tmp_path / "library.json"
    path.write_text("{oops")
    library = Library(path)

    with pytest.raises(DirectoryError, match="damaged"):
        library.save_agent(ADA)

    assert path.read_text() == "{oops"


def test_the_first_source_that_knows_an_id_has_the_say(tmp_path: Path) -> None:
    """And one that cannot be asked is passed over while another one knows."""
    local = filled(tmp_path / "library.json")
    broken = remote(lambda _request: httpx.Response(500))

    joined = JoinedDirectory([broken, local])

    assert asyncio.run(joined.agent("a1")) == ADA
    with pytest.raises(DirectoryError, match="status 500"):
        asyncio.run(joined.agent("nobody"))
