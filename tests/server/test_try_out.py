"""What a first try-out of the server found, held for good."""

import asyncio
import time
from pathlib import Path
from typing import Any

from engine.document import new_id
from tests.server.support import Api, Play, serving


async def workflow(api: Api, blocks: list[dict[str, Any]], edges: list[dict[str, Any]] | None = None) -> str:
    workflow_id: str = (await api.post("/api/workflows", json={"name": "x"})).json()["id"]
    graph = {"blocks": blocks, "edges": edges or []}
    assert (await api.put(f"/api/workflows/{workflow_id}/graph", json=graph)).status_code == 200
    return workflow_id


def test_a_large_output_is_told_the_same_again(play: Play) -> None:
    """The same idempotency key gives the same reply, whole, also from the store."""

    async def story(api: Api) -> None:
        text = "x" * 400_000
        workflow_id = await workflow(api, [{"id": "r", "type": "response", "config": {"output": text}}])
        path, headers = f"/api/workflows/{workflow_id}/execute", {"Idempotency-Key": "one"}

        first = await api.post(path, json={}, headers=headers)
        again = await api.post(path, json={}, headers=headers)

        assert first.json()["output"] == text
        assert (again.json()["execution_id"], again.json()["output"]) == (first.json()["execution_id"], text)

    play(story)


def test_deleting_a_workflow_ends_its_runs(tmp_path: Path) -> None:
    """What was deleted does not go on having effects."""

    async def story() -> None:
        async with serving(tmp_path / "data") as api:
            code = {"code": "import time\ntime.sleep(30)\noutput = 1"}
            workflow_id = await workflow(api, [{"id": "c", "type": "code", "config": code}])
            run = asyncio.create_task(api.post(f"/api/workflows/{workflow_id}/execute", json={}))
            path = f"/api/workflows/{workflow_id}/executions"
            while not (await api.get(path)).json()["executions"]:  # noqa: ASYNC110 - what is awaited is the store
                await asyncio.sleep(0)
            began = time.monotonic()

            deleted = await api.delete(f"/api/workflows/{workflow_id}")
            reply = await run

            assert deleted.status_code == 204
            assert reply.status_code == 500
            assert time.monotonic() - began < 15, "the code would have slept for 30 s"

    asyncio.run(story())


def test_a_session_belongs_to_its_agent(play: Play) -> None:
    """Another agent's address does not reach it."""

    async def story(api: Api) -> None:
        ada, ben = [(await api.post("/api/agents", json={"name": name})).json()["id"] for name in ("Ada", "Ben")]
        session = (await api.post(f"/api/agents/{ben}/sessions", json={})).json()["session_id"]

        assert (await api.delete(f"/api/agents/{ada}/sessions/{session}")).status_code == 404
        assert (await api.get(f"/api/sessions/{session}")).status_code == 200
        assert (await api.delete(f"/api/agents/{ben}/sessions/{session}")).status_code == 200

    play(story)


def test_an_orchestration_takes_only_agents_that_there_are(play: Play) -> None:
    """A mistyped id is told when it is added, not when it is missed in a run (2.11)."""

    async def story(api: Api) -> None:
        team = (await api.post("/api/orchestrations", json={"name": "Team"})).json()["id"]

        for unknown in (new_id(), "nobody"):
            reply = await api.post(f"/api/orchestrations/{team}/entities", json={"entity_ref_id": unknown})
            assert (reply.status_code, reply.json()) == (404, {"error": "Agent not found"})

    play(story)


def test_a_missing_body_is_told_as_such(play: Play) -> None:
    """Not by the framework's words, which name nothing."""

    async def story(api: Api) -> None:
        reply = await api.post("/api/workflows")

        assert reply.status_code == 400
        assert reply.json()["error"] == "A JSON object is required as the body."

    play(story)
