"""A disk that is full at the commit: nothing that was not recorded is answered as done."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.document import new_id
from engine.store.opening import FILE_NAME
from tests.server.support import Api, serving

resource = pytest.importorskip("resource", reason="only Unix can keep a file of this process from growing")
SECRET = new_id()


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """SQLite's log cannot grow, so that its commits fail as on a full disk."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = folder.joinpath(f"{FILE_NAME}-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


async def hook(api: Api) -> tuple[str, str]:
    """A workflow whose webhook answers at once; returns its id and the webhook's."""
    workflow_id, webhook_id = (await api.post("/api/workflows", json={"name": "Hook"})).json()["id"], new_id()
    blocks = [
        {"id": "h", "type": "webhook", "config": {"webhook_id": webhook_id, "webhook_secret": SECRET}},
        {"id": "r", "type": "response"},
    ]
    graph = {"blocks": blocks, "edges": [{"source": "h", "target": "r"}]}
    assert (await api.put(f"/api/workflows/{workflow_id}/graph", json=graph)).status_code == 200
    return workflow_id, webhook_id


async def called(api: Api, webhook_id: str, key: str = "") -> httpx.Response:
    headers = {"Authorization": f"Bearer {SECRET}", **({"Idempotency-Key": key} if key else {})}
    return await api.post(f"/api/webhooks/{webhook_id}", headers=headers, json={"a": 1})


async def runs_of(api: Api, workflow_id: str) -> int:
    total: int = (await api.get(f"/api/workflows/{workflow_id}/executions?detail=true")).json()["total"]
    return total


def play(story: Any, folder: Path) -> None:
    async def main() -> None:
        async with serving(folder) as api:
            await story(api)

    asyncio.run(main())


def test_an_armed_call_is_not_used_up(tmp_path: Path) -> None:
    """503 for every way to start a run, also with an idempotency key; afterwards the armed call is still there."""

    async def story(api: Api) -> None:
        workflow_id, webhook_id = await hook(api)
        await api.post(f"/api/workflows/{workflow_id}/arm")

        with full_disk(tmp_path):
            refused = [await called(api, webhook_id, "one") for _ in range(2)]
            refused.append(await api.post(f"/api/workflows/{workflow_id}/execute", json={}))
            refused.append(await api.post(f"/api/workflows/{workflow_id}/execute/stream", json={}))
        runs = await runs_of(api, workflow_id)
        after = [await called(api, webhook_id, "one") for _ in range(2)]

        assert [reply.status_code for reply in refused] == [503] * 4
        assert all("The database cannot be used" in reply.json()["error"] for reply in refused)
        assert runs == 0
        assert [reply.status_code for reply in after] == [200, 200]
        assert after[0].json() == after[1].json(), "the second is the first, told again"

    play(story, tmp_path)


def test_of_many_calls_none_is_answered_that_is_not_recorded(tmp_path: Path) -> None:
    """Calls of a deployed workflow are recorded together, and refused together."""

    async def story(api: Api) -> None:
        workflow_id, webhook_id = await hook(api)
        await api.post(f"/api/workflows/{workflow_id}/deploy")
        before = [await called(api, webhook_id) for _ in range(2)]

        with full_disk(tmp_path):
            refused = await asyncio.gather(*(called(api, webhook_id) for _ in range(30)))
        runs = await runs_of(api, workflow_id)
        after = await asyncio.gather(*(called(api, webhook_id) for _ in range(30)))

        assert [reply.status_code for reply in before] == [200] * 2
        assert [reply.status_code for reply in refused] == [503] * 30
        assert runs == 2
        assert [reply.status_code for reply in after] == [200] * 30
        assert await runs_of(api, workflow_id) == 32

    play(story, tmp_path)
