"""A disk that is full at the commit: nothing that was not recorded is answered as done."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import event

from engine.document import new_id
from tests.server.support import Api, serving

SECRET = new_id()


@contextmanager
def full_disk(api: Api) -> Iterator[None]:
    """Every commit of the writing connection fails, as SQLite fails when its log cannot grow."""

    def refuse(_connection: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    engine = api.services.db._writer  # type: ignore[attr-defined]
    event.listen(engine, "commit", refuse)
    try:
        yield
    finally:
        event.remove(engine, "commit", refuse)


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


def test_no_run_is_answered_that_is_not_recorded(tmp_path: Path) -> None:
    """503 for every way to start one, also with an idempotency key; afterwards the armed call is still there."""

    async def story() -> None:
        async with serving(tmp_path / "data") as api:
            workflow_id, webhook_id = await hook(api)
            await api.post(f"/api/workflows/{workflow_id}/arm")
            call = {"headers": {"Authorization": f"Bearer {SECRET}", "Idempotency-Key": "one"}, "json": {"a": 1}}

            with full_disk(api):
                called = [await api.post(f"/api/webhooks/{webhook_id}", **call) for _ in range(2)]
                executed = await api.post(f"/api/workflows/{workflow_id}/execute", json={})
                streamed = await api.post(f"/api/workflows/{workflow_id}/execute/stream", json={})
            listed = (await api.get(f"/api/workflows/{workflow_id}/executions")).json()["executions"]
            after = [await api.post(f"/api/webhooks/{webhook_id}", **call) for _ in range(2)]

            assert [reply.status_code for reply in (*called, executed, streamed)] == [503] * 4
            assert "disk is full" in called[0].json()["error"]
            assert listed == []
            assert [reply.status_code for reply in after] == [200, 200]
            assert after[0].json() == after[1].json(), "the second is the first, told again"

    asyncio.run(story())
