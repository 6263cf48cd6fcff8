"""After a crash: nothing stays `running`, runs of the living are left alone, and the dead change nothing any more."""

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest

from engine.events import BlockStarted, RunFinished, RunStarted
from engine.server.runs.record import as_lines
from engine.server.runs.stored import StoredRun
from engine.store import Database, executions, recording, servers
from tests.server.support import Api, block, new_workflow, serving


async def leave_running(api: Api, workflow_id: str, execution_id: str, owner: str) -> None:
    """A run as a process leaves it that is killed in the middle of it."""
    row = await api.services.workflows.load(workflow_id)
    assert row is not None
    begun = recording.Start(execution_id, workflow_id, row.stamp, 1, row.revision, "manual", "{}", owner)
    await api.services.db.write(lambda connection: recording.start(connection, [begun]))
    events = [RunStarted(1, 0, run_id=execution_id, blocks=("s",)), BlockStarted(2, 0, block_id="s")]
    lines = as_lines(events)
    await api.services.db.write(lambda connection: executions.add_events(connection, execution_id, owner, 2, lines))


def test_events_are_written_out_without_leaving_anything_behind() -> None:
    """A server writes those of thousands of runs a second, for months."""
    events = (RunStarted(1, 0, run_id="r", blocks=("s",)), BlockStarted(2, 0, block_id="s"))
    as_lines(events)
    gc.collect()
    before = len(gc.get_objects())

    for _ in range(100):
        as_lines(events)

    assert len(gc.get_objects()) < before + 100


async def status_of(db: Database, execution_id: str) -> tuple[str, str | None]:
    row = await db.read(lambda connection: executions.find(connection, execution_id))
    assert row is not None
    return row.status, row.error_code


def test_runs_of_the_dead_are_closed_at_the_next_start(database: Path | str) -> None:
    """They have failed, say why, keep what had happened, and their last event is there for whoever follows."""

    async def main() -> None:
        async with serving(database) as api:
            workflow_id = await new_workflow(api, [block("s", "starter")])
            await leave_running(api, workflow_id, "left", "a-dead-one")
        async with serving(database) as api:
            path = f"/api/workflows/{workflow_id}/executions"
            row = (await api.get(path)).json()["executions"][0]
            assert (row["status"], row["error"]) == ("failed", "The server stopped while this was running.")
            finished = await StoredRun(api.services.db, "left").finished()
            assert [event.seq for event in finished.events] == [1, 2, 3]
            assert isinstance(finished.events[-1], RunFinished)

    asyncio.run(main())


def test_runs_of_the_living_are_left_alone(postgres: Any) -> None:
    """Several processes share a database: only who has not renewed its lease counts as dead."""

    async def main() -> None:
        url = postgres()
        async with serving(url) as api:
            db = api.services.db
            workflow_id = await new_workflow(api, [block("s", "starter")])
            for owner in ("alive", "late"):
                await leave_running(api, workflow_id, f"of {owner}", owner)
            await db.write(lambda connection: servers.renew(connection, "alive", 60))
            await db.write(lambda connection: servers.renew(connection, "late", -1))
            async with serving(url):
                assert await status_of(db, "of alive") == ("running", None)
                assert await status_of(db, "of late") == ("failed", "EXECUTION_INTERRUPTED")

    asyncio.run(main())


@pytest.mark.parametrize("how", ["closed by others", "of another owner"])
def test_who_was_taken_for_dead_changes_nothing(database: Path | str, how: str) -> None:
    """A process that comes back after its runs were closed writes no row, and keeps no event."""

    async def main() -> None:
        async with serving(database) as api:
            db = api.services.db
            workflow_id = await new_workflow(api, [block("s", "starter")])
            owner = "dead" if how == "closed by others" else "somebody"
            await leave_running(api, workflow_id, "run", owner)
            end = recording.Finish("run", owner, "failed", "{}", "first", None, 0, 0, b"", 0)
            if how == "closed by others":
                assert await db.write(lambda connection: recording.finish(connection, [end])) == [True]
            late = recording.Finish("run", "dead", "completed", '"late"', None, None, 0, 0, b"{}\n", 9)
            assert await db.write(lambda connection: recording.finish(connection, [late])) == [False]
            assert not await db.write(lambda c: executions.add_events(c, "run", "dead", 9, b"{}\n"))
            assert (await status_of(db, "run"))[0] == ("failed" if how == "closed by others" else "running")
            assert await db.read(lambda connection: executions.last_seq(connection, "run")) == 2

    asyncio.run(main())


def test_another_process_can_cancel(postgres: Any) -> None:
    """A cancel reaches the process that has the run through the store."""
    from engine.blocks import Catalog, default_catalog
    from engine.blocks._spec import BlockContext, BlockType, Outcome

    begun = asyncio.Event()

    async def wait_for_ever(_ctx: BlockContext, _config: Any) -> Outcome:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    gate = BlockType("gate", "Gate", "Waits.", "Logic", "clock", "grey", run=wait_for_ever)

    async def main() -> None:
        url = postgres()
        catalog = Catalog([*default_catalog(), gate])
        async with serving(url, catalog=catalog) as owner, serving(url, catalog=catalog) as other:
            workflow_id = await new_workflow(owner, [block("g", "gate")])
            running = asyncio.create_task(owner.post(f"/api/workflows/{workflow_id}/execute", json={}))
            await begun.wait()
            path = f"/api/workflows/{workflow_id}/executions"
            execution_id = (await other.get(path)).json()["executions"][0]["id"]

            assert (await other.post(f"{path}/{execution_id}/cancel")).json() == {"ok": True, "status": "failed"}

            assert (await running).json()["error"] == "The run was cancelled."

    asyncio.run(main())


def test_another_process_can_follow(postgres: Any) -> None:
    """Who asks a process that does not have the run gets its events and its end from the store."""

    async def main() -> None:
        url = postgres()
        async with serving(url) as owner, serving(url) as other:
            workflow_id = await new_workflow(owner, [block("s", "starter"), block("r", "response", output=1)])
            key = {"Idempotency-Key": "k"}
            path = f"/api/workflows/{workflow_id}/execute"
            first = await owner.post(path, json={}, headers=key)
            assert (await other.post(path, json={}, headers=key)).text == first.text
            stream = await other.post(f"{path}/stream", json={}, headers=key)
            assert stream.text.count("block_complete") == 2
            assert first.json()["execution_id"] in stream.text

    asyncio.run(main())
