"""Scheduled runs on a real store: each tick once, whoever looks, and the next one only after this one's run."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from engine.document import JsonObject
from engine.server.scheduler import Scheduler
from engine.store import StoreUnavailable
from engine.store.dbtime import US, now_us
from engine.store.schema import WORKFLOWS
from tests.server.support import Api, Play, serving

HOURLY = {"schedule_enabled": True, "schedule_interval_value": 1, "schedule_interval_unit": "hours"}
SLOW = {"code": "import time\ntime.sleep(0.3)"}


async def deployed(api: Api, config: JsonObject = HOURLY, code: JsonObject | None = None) -> str:
    """A deployed workflow with this starter: what it runs with comes out."""
    workflow_id: str = (await api.post("/api/workflows", json={"name": "Hourly"})).json()["id"]
    blocks: list[JsonObject] = [
        {"id": "start", "type": "starter", "name": "Start", "config": {"input": {"text": "hi"}, **config}},
        {"id": "out", "type": "response", "name": "Out", "config": {"output": "<Start.output>"}},
    ]
    if code is not None:
        blocks.append({"id": "code", "type": "code", "name": "Code", "config": code})
    graph = {"blocks": blocks, "edges": [{"source": "start", "target": block["id"]} for block in blocks[1:]]}
    assert (await api.put(f"/api/workflows/{workflow_id}/graph", json=graph)).status_code == 200
    reply = await api.post(f"/api/workflows/{workflow_id}/deploy")
    assert reply.status_code == 200, reply.text
    return workflow_id


def scheduler(api: Api) -> Scheduler:
    services = api.services
    return Scheduler(services.db, services.workflows, services.runs, deadline_s=5)


async def tick(api: Api, times: int = 1) -> None:
    """Look for due runs, and wait until those have ended."""
    for _ in range(times):
        looking = scheduler(api)
        await looking.tick()
        await looking.idle()


async def make_due(api: Api, **values: Any) -> None:
    """Let the next time of every schedule be a second ago."""
    await api.services.db.write(
        lambda connection: (
            connection.execute(update(WORKFLOWS).values({"schedule_next_at": now_us() - US, **values})).rowcount
        )
    )


async def row_of(api: Api, workflow_id: str) -> Any:
    return await api.services.db.read(
        lambda connection: connection.execute(WORKFLOWS.select().where(WORKFLOWS.c.id == workflow_id)).one()
    )


async def executions(api: Api, workflow_id: str) -> list[JsonObject]:
    found: list[JsonObject] = (await api.get(f"/api/workflows/{workflow_id}/executions")).json()["executions"]
    return found


def test_a_due_workflow_runs_as_the_contract_says(play: Play) -> None:
    """With `_trigger` over the declared defaults (X20); its last run and counter move, and the next time is set."""

    async def story(api: Api) -> None:
        workflow_id = await deployed(api)

        await tick(api, times=2)

        [run] = await executions(api, workflow_id)
        assert (run["status"], run["output"]) == ("completed", {"_trigger": "schedule", "text": "hi"})
        assert run["input"] == {"_trigger": "schedule"}
        row = await row_of(api, workflow_id)
        assert row.schedule_run_count == 1
        assert row.schedule_next_at == row.schedule_last_run_at + 3600 * US
        assert (row.schedule_owner, row.schedule_lease_until) == (None, None)

    play(story)


def test_the_first_run_of_a_cron_schedule_is_not_the_deploy(play: Play) -> None:
    """It waits for the first time that the expression names (W15)."""

    async def story(api: Api) -> None:
        cron = {"schedule_enabled": True, "schedule_type": "cron", "schedule_cron": "0 4 1 1 *"}
        workflow_id = await deployed(api, cron)

        await tick(api)

        assert await executions(api, workflow_id) == []

    play(story)


def test_a_tick_runs_once_however_many_look(play: Play) -> None:
    """Several processes look at the same moment, again and again (W16)."""

    async def story(api: Api) -> None:
        ids = [await deployed(api) for _ in range(3)]
        lookers = [scheduler(api) for _ in range(4)]
        for _ in range(3):
            await make_due(api)
            await asyncio.gather(*(looker.tick() for looker in lookers for _ in range(3)))
            await asyncio.gather(*(looker.idle() for looker in lookers))

        for workflow_id in ids:
            assert len(await executions(api, workflow_id)) == 3
            assert (await row_of(api, workflow_id)).schedule_run_count == 3

    play(story)


def test_a_tick_waits_for_the_run_of_the_one_before(play: Play) -> None:
    """A run that takes longer than its interval is not overtaken by itself; what is missed meanwhile is run once."""

    async def story(api: Api) -> None:
        workflow_id = await deployed(api, code=SLOW)
        first, second = scheduler(api), scheduler(api)
        await first.tick()
        for _ in range(3):
            await make_due(api)
            await second.tick()
        assert (await row_of(api, workflow_id)).schedule_run_count == 1

        await first.idle()
        await tick(api, times=3)

        assert len(await executions(api, workflow_id)) == 2

    play(story)


def test_a_dead_owner_holds_a_schedule_only_as_long_as_its_lease(play: Play) -> None:
    """After a crash nobody releases it; its tick is used up, and the next one comes."""

    async def story(api: Api) -> None:
        workflow_id = await deployed(api)
        await make_due(api, schedule_owner="dead", schedule_lease_until=now_us() + 60 * US)
        await tick(api)
        assert await executions(api, workflow_id) == []

        await make_due(api, schedule_lease_until=now_us() - US)
        await tick(api)

        assert len(await executions(api, workflow_id)) == 1

    play(story)


def test_runs_are_counted_whatever_comes_of_them(play: Play) -> None:
    """A run that fails counts, and the last one that is allowed ends the schedule (contract 5.9)."""

    async def story(api: Api) -> None:
        failing = [
            {"id": "start", "type": "starter", "config": {**HOURLY, "schedule_max_runs": 2}},
            {"id": "again", "type": "split", "config": {}},
        ]
        edges = [{"source": "start", "target": "again"}, {"source": "again", "target": "start"}]
        workflow_id = (await api.post("/api/workflows", json={"name": "Cycle"})).json()["id"]
        await api.put(f"/api/workflows/{workflow_id}/graph", json={"blocks": failing, "edges": edges})
        assert (await api.post(f"/api/workflows/{workflow_id}/deploy")).status_code == 200

        await tick(api)
        await make_due(api)
        await tick(api)

        assert [run["status"] for run in await executions(api, workflow_id)] == ["failed", "failed"]
        assert (await row_of(api, workflow_id)).schedule_next_at is None

    play(story)


def test_what_is_not_deployed_does_not_run(play: Play) -> None:
    """Also when it was taken back between two looks."""

    async def story(api: Api) -> None:
        workflow_id = await deployed(api)
        await api.post(f"/api/workflows/{workflow_id}/undeploy")

        await tick(api)

        assert await executions(api, workflow_id) == []

    play(story)


def test_many_due_at_once_start_bit_by_bit(tmp_path: Path) -> None:
    """Schedules never fill the queue in front of everybody else's runs."""

    async def main() -> None:
        async with serving(tmp_path) as api:
            for _ in range(20):
                await deployed(api)
            looking = scheduler(api)
            await looking.tick()
            assert len(looking._under_way) == 16
            await looking.idle()
            await looking.tick()
            await looking.idle()
            listed = (await api.get("/api/workflows")).json()["workflows"]
            assert [row["execution_count"] for row in listed] == [1] * 20

    asyncio.run(main())


@pytest.mark.parametrize("failure", [RuntimeError("broken"), TimeoutError()])
def test_a_fault_does_not_end_all_schedules(
    tmp_path: Path, failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A workflow that cannot be loaded is logged and let go; the next look goes on."""

    async def main() -> None:
        async with serving(tmp_path) as api:
            workflow_id = await deployed(api)
            with monkeypatch.context() as broken:
                broken.setattr(api.services.workflows, "load", _raising(failure))
                await tick(api)
            await make_due(api)
            await tick(api)
            assert len(await executions(api, workflow_id)) == 1

    asyncio.run(main())


def _raising(failure: Exception) -> Callable[..., Awaitable[Any]]:
    async def load(_workflow_id: str) -> Any:
        raise failure

    return load


def test_leaving_ends_the_looking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is entered it looks by itself, again after a fault; afterwards nothing of it is left."""
    monkeypatch.setattr("engine.server.scheduler.TICK_S", 0.001)
    looked_thrice = asyncio.Event()
    looks = 0

    class Broken(Scheduler):
        async def tick(self) -> None:
            nonlocal looks
            looks += 1
            if looks == 3:
                looked_thrice.set()
            raise StoreUnavailable("gone") if looks == 1 else RuntimeError("broken")

    async def main() -> None:
        async with serving(tmp_path) as api:
            services = api.services
            async with Broken(services.db, services.workflows, services.runs, 5), asyncio.timeout(10):
                await looked_thrice.wait()
            assert not [task for task in asyncio.all_tasks() if "schedule" in task.get_name()]

    asyncio.run(main())
