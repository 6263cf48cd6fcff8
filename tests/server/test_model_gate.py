"""A run that would ask a model which cannot be asked does not start, and uses nothing up."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from engine.document import new_id
from engine.llm import ModelSettings
from engine.run.context import RunSettings
from engine.server.services import ServerSettings
from tests.server.support import Api, serving

SECRET = new_id()
NO_KEYS = ServerSettings(run=RunSettings(models=ModelSettings(use_keyring=False)))


async def workflow(api: Api, agent: dict[str, Any]) -> tuple[str, str]:
    """A webhook, an agent with this config and a response; returns the workflow's id and the webhook's."""
    workflow_id, webhook_id = (await api.post("/api/workflows", json={"name": "Ask"})).json()["id"], new_id()
    blocks = [
        {"id": "h", "type": "webhook", "config": {"webhook_id": webhook_id, "webhook_secret": SECRET}},
        {"id": "a", "type": "agent", "config": {"input": "One. Two.", **agent}},
        {"id": "r", "type": "response"},
    ]
    edges = [{"source": "h", "target": "a"}, {"source": "a", "target": "r"}]
    graph = {"blocks": blocks, "edges": edges}
    assert (await api.put(f"/api/workflows/{workflow_id}/graph", json=graph)).status_code == 200
    return workflow_id, webhook_id


def on_server(tmp_path: Path, story: Any) -> None:
    async def play() -> None:
        async with serving(tmp_path / "data", NO_KEYS) as api:
            await story(api)

    asyncio.run(play())


def test_w10_an_armed_call_is_not_used_up_by_a_run_that_cannot_work(tmp_path: Path) -> None:
    """400 that names the model, on every route, with no execution left behind; the window stays open."""

    async def story(api: Api) -> None:
        workflow_id, webhook_id = await workflow(api, {"model": "gpt-4.1-mini"})
        call = {"headers": {"Authorization": f"Bearer {SECRET}"}, "json": {}}
        dormant = await api.post(f"/api/webhooks/{webhook_id}", **call)
        await api.post(f"/api/workflows/{workflow_id}/arm")

        called = await api.post(f"/api/webhooks/{webhook_id}", **call)
        executed = await api.post(f"/api/workflows/{workflow_id}/execute", json={})
        streamed = await api.post(f"/api/workflows/{workflow_id}/execute/stream", json={})

        assert dormant.status_code == 403, "whether it takes calls at all comes first"
        for reply in (called, executed, streamed):
            assert reply.status_code == 400
            assert 'The model "gpt-4.1-mini" needs a key' in reply.json()["error"]
        assert (await api.get(f"/api/workflows/{workflow_id}/executions")).json() == {"executions": []}
        assert (await api.get(f"/api/workflows/{workflow_id}")).json()["armed_until"] is not None

    on_server(tmp_path, story)


@pytest.mark.parametrize("model", ["", "local/extractive", "<Start.output.model>"])
def test_what_can_be_asked_or_is_not_known_yet_runs(tmp_path: Path, model: str) -> None:
    """The offline model needs nothing; a name that only the run will tell is judged by the run."""

    async def story(api: Api) -> None:
        workflow_id, _ = await workflow(api, {"model": model})

        assert (await api.post(f"/api/workflows/{workflow_id}/execute", json={})).status_code == 200

    on_server(tmp_path, story)


def test_w25_a_stored_agent_is_judged_by_its_own_model(tmp_path: Path) -> None:
    """Not by what stands in the block from before it was chosen."""

    async def story(api: Api) -> None:
        fine = (await api.post("/api/agents", json={"name": "Fine", "model": "local/extractive"})).json()["id"]
        needy = (await api.post("/api/agents", json={"name": "Needy", "model": "claude-sonnet-4-6"})).json()["id"]
        with_fine, _ = await workflow(api, {"agent_id": fine, "model": "gpt-4.1-mini"})
        with_needy, _ = await workflow(api, {"agent_id": needy, "model": "local/extractive"})

        assert (await api.post(f"/api/workflows/{with_fine}/execute", json={})).status_code == 200
        assert (await api.post(f"/api/workflows/{with_needy}/execute", json={})).status_code == 400

    on_server(tmp_path, story)
