"""Runs workflows by their schedules: looks every few seconds for those that are due, and sees each run through.

Any number of processes may do this on one database; each tick is run by one of them, and not before the run of the
tick before has ended. Of ticks that were missed while no server ran, one is made up for.

Source: contract 5.9, X20, W16.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Self

import msgspec
from structlog import get_logger

from engine.document import new_id
from engine.errors import BlockloomError
from engine.schedule import next_fires
from engine.server.runs.loaded import Workflows
from engine.server.runs.port import FinishedRun, RunOrder, RunService, WorkflowChanged
from engine.store import Database, StoreUnavailable, schedules
from engine.store.schedules import Tick

TICK_S = 2.0
LEASE_S = 60.0
RENEW_S = 15.0
AT_ONCE = 16
"""Scheduled runs under way at a time; more wait for the next look, so that they never fill the queue for others."""
VARIABLES = {"_trigger": "schedule"}
_ATTEMPTS = 3


class Scheduler:
    """Looks for due schedules from entering to leaving. Runs that are under way then belong to the run service."""

    def __init__(self, db: Database, workflows: Workflows, runs: RunService, deadline_s: float) -> None:
        self._db = db
        self._workflows = workflows
        self._runs = runs
        self._deadline_s = deadline_s
        self._owner = new_id()
        self._under_way: dict[asyncio.Task[None], str] = {}
        self._loops: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._loops = [
            asyncio.create_task(self._every(TICK_S, self.tick), name="scheduler"),
            asyncio.create_task(self._every(RENEW_S, self._renew), name="scheduler-leases"),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        tasks = [*self._loops, *self._under_way]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def tick(self) -> None:
        """Start whatever is due, as far as there is room.

        Raises:
            StoreUnavailable: the database could not be asked; nothing was started.
        """
        room = AT_ONCE - len(self._under_way)
        if room > 0:
            take = partial(schedules.take_due, owner=self._owner, lease_s=LEASE_S, limit=room, next_fire=following_fire)
            for due in await self._db.write(take):
                task = asyncio.create_task(self._see_through(due), name=f"schedule {due.workflow_id}")
                self._under_way[task] = due.workflow_id
                task.add_done_callback(self._under_way.pop)

    async def idle(self) -> None:
        """Wait until every run that was started has ended."""
        if self._under_way:
            await asyncio.wait(list(self._under_way))

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await work()
            except StoreUnavailable as error:
                get_logger().warning("schedules were put off", reason=str(error))
            except Exception:  # noqa: BLE001 - the border: one fault must not end all schedules for good
                get_logger().exception("schedules could not be looked at")

    async def _renew(self) -> None:
        if held := list(self._under_way.values()):
            await self._db.write(partial(schedules.renew, owner=self._owner, workflow_ids=held, lease_s=LEASE_S))

    async def _see_through(self, due: Tick) -> None:
        log = get_logger().bind(workflow_id=due.workflow_id, trigger="schedule")
        try:
            finished = await self._run(due.workflow_id)
            if finished is not None:
                words = {"execution_id": finished.execution_id, "status": finished.status, "error": finished.error}
                log.info("scheduled run ended", late_s=round(due.late_s, 1), **words)
        except BlockloomError as error:
            log.warning("scheduled run did not start", reason=str(error))
        except Exception:  # the border of a run that nobody waits for
            log.exception("scheduled run failed inside the server")
        finally:
            await self._release(due.workflow_id)

    async def _run(self, workflow_id: str) -> FinishedRun | None:
        """Run the workflow as it is now; None when it is gone."""
        for attempt in range(1, _ATTEMPTS + 1):
            workflow = await self._workflows.load(workflow_id)
            if workflow is None:
                return None
            order = RunOrder(workflow, dict(VARIABLES), "schedule", self._deadline_s)
            try:
                run = await self._runs.start(order)
            except WorkflowChanged:
                if attempt == _ATTEMPTS:
                    raise
                continue
            return await run.finished()
        return None

    async def _release(self, workflow_id: str) -> None:
        try:
            await self._db.write(partial(schedules.release, owner=self._owner, workflow_id=workflow_id))
        except StoreUnavailable:
            return  # the lease runs out by itself


def following_fire(schedule_config: str, last_run: datetime, run_count: int) -> datetime | None:
    """When a captured schedule (JSON) that ran at `last_run`, for the `run_count`-th time, comes next."""
    fires = next_fires(msgspec.json.decode(schedule_config), last_run, 1, last_run, run_count)
    return fires[0] if fires else None
