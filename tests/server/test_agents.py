"""Agents, their sessions and runs, and orchestrations: the routes that blocks and pickers need."""

from collections.abc import Callable
from typing import Any

import pytest

from engine.client import Connection, PlatformClient
from engine.directory.remote import RemoteDirectory
from engine.llm import Completion, ModelRequest
from engine.llm.models import Models
from tests.server.support import KEY, Api, Play

NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[ModelRequest]:
    """What models are asked; they answer with the prompt."""
    found: list[ModelRequest] = []

    async def complete(
        _self: Models, request: ModelRequest, on_text: Callable[[str], None] | None = None
    ) -> Completion:
        found.append(request)
        return Completion(f"re: {request.prompt}", request.model, {"total_tokens": 1})

    monkeypatch.setattr(Models, "complete", complete)
    return found


async def create(api: Api, path: str, fields: dict[str, Any]) -> dict[str, Any]:
    reply = await api.post(path, json=fields)
    assert reply.status_code == 201, reply.text
    found: dict[str, Any] = reply.json()
    return found


def test_an_agent_lives_as_the_contract_has_it(play: Play) -> None:
    """Created, listed, read, changed and deleted, with exactly these keys and words (2.10)."""

    async def story(api: Api) -> None:
        made = await create(api, "/api/agents", {"name": "Ada", "temperature": 9})
        assert made == {"id": made["id"], "name": "Ada", "model": "gpt-5.4-mini", "system_prompt": None, "settings": {}}
        await create(api, "/api/agents", {"name": "Ben", "model": "m", "settings": {"temperature": 0.5}})

        listed = (await api.get("/api/agents?sort=name&order=asc&limit=1&q=A")).json()
        assert (listed["total"], listed["limit"], listed["offset"]) == (1, 1, 0)
        assert listed["agents"][0].items() >= {"name": "Ada", "session_count": 0, "total_runs": 0}.items()
        assert listed["agents"][0]["last_run_at"] is None

        changed = await api.patch(f"/api/agents/{made['id'].upper()}", json={"system_prompt": "Be exact."})
        assert changed.json().items() >= {"name": "Ada", "system_prompt": "Be exact.", "settings": {}}.items()
        assert (await api.get(f"/api/agents/{made['id']}")).json() == changed.json()

        assert (await api.delete(f"/api/agents/{made['id']}")).json() == {"message": "Agent deleted"}
        assert (await api.delete(f"/api/agents/{made['id']}")).status_code == 200
        assert (await api.get(f"/api/agents/{made['id']}")).json() == {"error": "Agent not found"}

    play(story)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error"),
    [
        ("POST", "/api/agents", {}, 400, "Name is required"),
        ("PATCH", f"/api/agents/{NOBODY}", {}, 400, "No data provided"),
        ("PATCH", f"/api/agents/{NOBODY}", {"zz": 1}, 400, "No valid fields to update"),
        ("PATCH", f"/api/agents/{NOBODY}", {"name": "x"}, 404, "Agent not found"),
        ("GET", "/api/agents/not-an-id", None, 404, "Agent not found"),
        ("GET", "/api/agents?sort=zz", None, 400, None),
        ("POST", f"/api/agents/{NOBODY}/run", {"message": " "}, 400, "message is required"),
        ("POST", f"/api/agents/{NOBODY}/run", {"message": "x"}, 404, "Agent not found"),
        ("POST", f"/api/agents/{NOBODY}/sessions", {}, 404, "Agent not found"),
        ("GET", "/api/agents/runs/run_none", None, 404, "Run not found"),
        ("GET", f"/api/sessions/{NOBODY}", None, 404, "Session not found"),
        ("GET", f"/api/sessions/{NOBODY}/messages", None, 404, "Session not found"),
        ("POST", "/api/orchestrations", {}, 400, "name is required"),
        ("POST", "/api/orchestrations", {"name": "x", "strategy": "zz"}, 400, None),
        ("GET", f"/api/orchestrations/{NOBODY}", None, 404, "Orchestration not found"),
        ("DELETE", f"/api/orchestrations/{NOBODY}", None, 404, "Orchestration not found"),
        ("POST", f"/api/orchestrations/{NOBODY}/entities", {"entity_ref_id": NOBODY}, 404, "Orchestration not found"),
        ("POST", "/api/copilot/sessions", {}, 400, "workflow_id is required"),
        ("POST", "/api/copilot/sessions", {"workflow_id": NOBODY}, 404, "Workflow not found"),
        ("GET", "/api/copilot/sessions", None, 400, "workflow_id query param required"),
        ("PUT", "/api/copilot/settings/model", {}, 400, "model is required"),
        ("GET", f"/api/knowledge-bases/{NOBODY}", None, 404, "Knowledge base not found"),
        ("POST", f"/api/knowledge-bases/{NOBODY}/search", {}, 400, "query is required"),
        ("GET", f"/api/sources/{NOBODY}", None, 404, "Source not found"),
        ("GET", f"/api/context-handlers/{NOBODY}", None, 404, "Context handler not found"),
        ("GET", "/api/database/tables?schema=secret", None, 400, None),
        ("GET", "/api/database/tables/a;b", None, 400, None),
        ("GET", "/api/database/tables/people", None, 404, None),
    ],
)
def test_what_cannot_be_served_says_why(
    play: Play, method: str, path: str, body: Any, status: int, error: str | None
) -> None:
    """In the contract's words where it has some, always as JSON."""

    async def story(api: Api) -> None:
        reply = await api.request(method, path, json=body)

        assert reply.status_code == status, reply.text
        assert isinstance(reply.json()["error"], str)
        if error is not None:
            assert reply.json()["error"] == error

    play(story)


def test_an_agent_remembers_a_conversation(play: Play, asked: list[ModelRequest]) -> None:
    """The second question is asked with what was said before; the run and the messages can be read afterwards."""

    async def story(api: Api) -> None:
        asked.clear()
        agent = await create(api, "/api/agents", {"name": "Ada", "model": "m", "settings": {"max_tokens": "7"}})
        first = (await api.post(f"/api/agents/{agent['id']}/run", json={"message": "one"})).json()
        second = (
            await api.post(f"/api/agents/{agent['id']}/run", json={"message": "two", "session_id": first["session_id"]})
        ).json()

        assert (first["content"], first["status"], first["is_new_session"]) == ("re: one", "completed", True)
        assert (second["session_id"], second["is_new_session"]) == (first["session_id"], False)
        assert [(turn.role, turn.text) for turn in asked[1].history] == [("user", "one"), ("assistant", "re: one")]
        assert asked[1].max_tokens == 7
        said = (await api.get(f"/api/sessions/{first['session_id']}/messages")).json()["messages"]
        assert [item["content"] for item in said] == ["one", "re: one", "two", "re: two"]
        run = (await api.get(f"/api/agents/runs/{second['run_id']}")).json()
        assert (run["content"], run["status"], run["run_id"]) == ("re: two", "completed", second["run_id"])
        assert (await api.get(f"/api/agents/runs/{run['id']}")).json() == run, "either id is accepted (W24)"
        row = (await api.get("/api/agents?sort=last_run_at")).json()["agents"][0]
        assert (row["total_runs"], row["session_count"]) == (2, 1)

        assert (await api.delete(f"/api/agents/{agent['id']}")).status_code == 200
        assert (await api.get(f"/api/sessions/{first['session_id']}")).status_code == 404

    play(story)


def test_only_one_kind_of_context_at_a_time(play: Play, asked: list[ModelRequest]) -> None:
    """And the ones that only streams take are refused in words (2.10)."""

    async def story(api: Api) -> None:
        agent = await create(api, "/api/agents", {"name": "Ada"})
        path = f"/api/agents/{agent['id']}/run"

        two = await api.post(path, json={"message": "x", "context_override": "a", "context_items": []})
        runtime = await api.post(path, json={"message": "x", "runtime_knowledge_bases": []})
        one = await api.post(path, json={"message": "x", "context_override": "Facts."})

        assert (two.status_code, runtime.status_code, one.status_code) == (400, 400, 200)
        assert asked[-1].system_prompt == "Context:\nFacts."

    play(story)


def test_an_orchestration_holds_its_agents_in_order(play: Play) -> None:
    """Added, moved and taken out; the whole is what the typed client and its directory understand."""

    async def story(api: Api) -> None:
        ada, ben = [(await create(api, "/api/agents", {"name": name}))["id"] for name in ("Ada", "Ben")]
        team = await create(api, "/api/orchestrations", {"name": "Team", "orchestrator_config": {"model": "m"}})
        path = f"/api/orchestrations/{team['id']}"
        first = await create(api, f"{path}/entities", {"entity_ref_id": ada, "role_description": "counts"})
        second = await create(api, f"{path}/entities", {"entity_ref_id": ben})
        await api.put(f"{path}/entities/{second['id']}", json={"position": 0})
        await api.put(f"{path}/entities/{first['id']}", json={"position": 1})
        await api.put(path, json={"strategy": "parallel"})

        whole = (await api.get("/api/orchestrations")).json()
        assert set(whole) == {"orchestrations"}, "without limit and offset there is nothing but the list (2.11)"
        assert whole["orchestrations"][0].items() >= {"name": "Team", "entity_count": 2, "last_run_at": None}.items()
        assert (await api.get("/api/orchestrations?limit=5")).json()["total"] == 1
        client = PlatformClient(Connection("x", "http://server", KEY), api._transport)
        found = await RemoteDirectory(client).orchestration(team["id"])
        assert found is not None
        assert (found.strategy, found.orchestrator_config) == ("parallel", {"model": "m"})
        assert [item.entity_ref_id for item in found.entities] == [ben, ada]
        assert (
            await api.services.own.settings_for(api.services.db, api.services.settings.run).directory.orchestration(
                team["id"].upper()
            )
            == found
        )

        assert (await api.delete(f"{path}/entities/{first['id']}")).json() == {"deleted": True}
        assert (await api.delete(f"{path}/entities/{first['id']}")).status_code == 404
        assert (await api.delete(path)).json() == {"deleted": True}

    play(story)


def test_a_knowledge_base_is_kept_and_assigned(play: Play) -> None:
    """Once to an agent, not twice; a search finds nothing, since no documents are read here."""

    async def story(api: Api) -> None:
        agent = await create(api, "/api/agents", {"name": "Ada"})
        base = await create(api, "/api/knowledge-bases", {"name": "Handbook"})
        path = f"/api/agents/{agent['id']}/knowledge-bases"
        given = await create(api, path, {"knowledge_base_id": base["id"]})

        again = await api.post(path, json={"knowledge_base_id": base["id"]})
        found = await api.post(f"/api/knowledge-bases/{base['id']}/search", json={"query": "x"})
        renamed = await api.patch(f"/api/knowledge-bases/{base['id']}", json={"name": "Rules"})

        assert again.status_code == 409
        assert (await api.get(path)).json()["knowledge_bases"][0]["knowledge_base_id"] == base["id"]
        assert (found.json()["results"], found.json()["total_results"]) == ([], 0)
        assert renamed.json()["name"] == "Rules"
        assert (await api.get("/api/knowledge-bases?q=rul")).json()["total"] == 1
        assert (await api.delete(f"{path}/{given['id']}")).json() == {"deleted": True}
        assert (await api.get(path)).json() == {"knowledge_bases": []}
        handler = await create(api, "/api/context-handlers", {"query": "x", "knowledge_bases": [base["id"]]})
        assert (await api.get(f"/api/context-handlers/{handler['id']}")).json() == handler

    play(story)


def test_the_copilot_says_that_it_is_not_there(play: Play) -> None:
    """Sessions, messages and settings live as the contract has them; a chat answers honestly (2.12)."""

    async def story(api: Api) -> None:
        workflow = await create(api, "/api/workflows", {"name": "Flow"})
        session = await create(api, "/api/copilot/sessions", {"workflow_id": workflow["id"]})
        path = f"/api/copilot/sessions/{session['id']}"

        said = await api.post(
            f"{path}/chat", json={"message": "Build it", "workflow_state": {"nodes": [], "edges": []}}
        )
        messages = (await api.get(f"{path}/messages")).json()["messages"]
        kept = await api.post(f"{path}/messages/{messages[1]['id']}/snapshot", json={"pre_snapshot": {"nodes": []}})
        after = (await api.get(f"{path}/messages")).json()["messages"]

        assert said.headers["content-type"].startswith("text/event-stream")
        assert '"event":"error"' in said.text
        assert "No copilot is configured" in said.text
        assert [message["role"] for message in messages] == ["user", "assistant"]
        assert kept.json() == {"ok": True}
        assert after[1]["pre_snapshot"] == {"nodes": []}
        latest = (await api.get(f"/api/copilot/sessions?workflow_id={workflow['id']}")).json()["session"]
        assert latest["id"] == session["id"]
        assert (await api.put("/api/copilot/settings/model", json={"model": "gpt-5.4"})).json()["ok"] is True
        assert (await api.get("/api/copilot/settings/model")).json()["model"] == "gpt-5.4"
        assert (await api.put("/api/copilot/settings/model", json={"model": "zz"})).status_code == 400
        assert (await api.delete(path)).status_code == 204
        assert (await api.get(f"{path}/messages")).json() == {"messages": []}

    play(story)
