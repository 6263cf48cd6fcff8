"""Runs in this process, with the engine's runner.

A run is recorded before it starts and closed when it ends, whatever ends it: its last block, its deadline, a cancel,
the end of the server, or a fault of ours. The task of a run belongs to this service and not to the request that asked
for it, so a caller who leaves changes nothing.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from structlog import get_logger

from engine.document import Json, new_id
from engine.events import RunFinished, RunStarted
from engine.run.context import RunSettings, open_services
from engine.run.context import Services as RunServices
from engine.run.runner import run_plan
from engine.server.errors import EXECUTION_CANCELLED, EXECUTION_FAILED, EXECUTION_INTERRUPTED, EXECUTION_TIMEOUT
from engine.server.runs.live import LiveRun
from engine.server.runs.port import (
    FinishedRun,
    KeyUsedOtherwise,
    Run,
    RunOrder,
    WebhookNotActive,
    WorkflowChanged,
)
from engine.server.runs.record import as_json, finish_row
from engine.server.runs.slots import Slots
from engine.server.runs.stored import StoredRun
from engine.store import Database, StoreUnavailable, executions

CANCELLED_TEXT = "The run was cancelled."
INTERRUPTED_TEXT = "The server was stopped while this was running."
MAX_PAUSE_S = 10.0
ObserveRun = Callable[[str, str, float], None]
"""Hears trigger, status and seconds of each run once it is closed."""


def _ignore(_trigger: str, _status: str, _seconds: float) -> None:
    return


class LocalRuns:
    """Runs of this process, and a way to those of others. `owner` is the process's id in the store."""

    def __init__(
        self,
        db: Database,
        owner: str,
        settings: RunSettings,
        places: int,
        max_waiting: int,
        observe: ObserveRun = _ignore,
    ) -> None:
        self._db = db
        self._observe = observe
        self._owner = owner
        self._settings = settings
        self._slots = Slots(places, max_waiting)
        self._tasks: dict[asyncio.Task[None], LiveRun | None] = {}
        self._live: dict[str, LiveRun] = {}
        self._is_closing = False

    @property
    def live(self) -> list[LiveRun]:
        """The runs under way."""
        return list(self._live.values())

    @property
    def waiting(self) -> int:
        """How many runs wait for a place."""
        return self._slots.waiting

    async def start(self, order: RunOrder) -> Run:
        """Record the run and begin it."""
        if self._is_closing:
            raise StoreUnavailable("The server is stopping. Try again in a moment.")
        started: asyncio.Future[Run] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._see_through(order, started), name="run")
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)
        return await started

    async def find(self, execution_id: str) -> Run | None:
        """The run with this id, of whichever process."""
        if execution_id in self._live:
            return self._live[execution_id]
        found = await self._db.read(lambda connection: executions.find(connection, execution_id))
        return None if found is None else StoredRun(self._db, execution_id)

    async def cancel(self, execution_id: str) -> None:
        """Ask the run to end, here or in the process that has it."""
        if execution_id in self._live:
            self.cancel_here(execution_id)
        else:
            await self._db.write(lambda connection: executions.ask_to_cancel(connection, execution_id))

    def cancel_here(self, execution_id: str) -> None:
        """End a run of this process, if it is still under way."""
        for task, live in self._tasks.items():
            if live is not None and live.execution_id == execution_id and not live.is_cancelled:
                live.is_cancelled = True
                task.cancel()

    async def drain(self, wait_s: float) -> None:
        """Take no more runs, give those under way this long, then end them. All are closed in the store afterwards."""
        self._is_closing = True
        if self._tasks:
            _, late = await asyncio.wait(list(self._tasks), timeout=wait_s)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    async def _see_through(self, order: RunOrder, started: "asyncio.Future[Run]") -> None:
        """All of a run, from its place in the queue to its closed row. `started` is told once it is recorded."""
        try:
            async with self._slots.place(order.workflow.id):
                live = await self._record(order, started)
                if live is not None:
                    await self._run(order, live)
        except Exception as error:  # noqa: BLE001 - the border: it is raised where the run was asked for
            if started.done():
                get_logger().error("run failed outside of its blocks", exc_info=error)
            else:
                started.set_exception(error)
        finally:
            if not started.done():
                started.cancel()

    async def _record(self, order: RunOrder, started: "asyncio.Future[Run]") -> LiveRun | None:
        """The run, once it is in the store; None when an earlier one has been found, which `started` then has."""
        row = self._start_row(order)
        answer = await self._db.write_row(executions.start, row)
        if answer.how == "inactive":
            raise WebhookNotActive("Webhook is not active")
        if answer.how == "changed":
            raise WorkflowChanged("The workflow has changed. Load it again.")
        if answer.how == "mismatch":
            raise KeyUsedOtherwise("This Idempotency-Key came with a different request before. Use a new key.")
        if answer.how == "known":
            earlier = await self.find(answer.execution_id)
            started.set_result(earlier or StoredRun(self._db, answer.execution_id))
            return None
        live = self._live[row.execution_id] = LiveRun(row.execution_id, row.revision)
        task = asyncio.current_task()
        assert task is not None
        self._tasks[task] = live
        if not started.done():
            started.set_result(live)
        return live

    def _start_row(self, order: RunOrder) -> executions.Start:
        workflow, key = order.workflow, order.idempotency
        return executions.Start(
            execution_id=new_id(),
            workflow_id=workflow.id,
            stamp=workflow.stamp,
            version=workflow.version,
            revision=workflow.revision,
            trigger=order.trigger,
            input=as_json(order.variables) if workflow.has_entry else None,
            owner=self._owner,
            claims_webhook=order.claims_webhook,
            first_of_graph=not workflow.is_used,
            key=None if key is None else (key.scope, key.key, key.fingerprint),
        )

    async def _run(self, order: RunOrder, live: LiveRun) -> None:
        order.workflow.is_used = True
        try:
            finished = await self._played(order, live)
        except asyncio.CancelledError:
            finished = self._stopped(live)
        except Exception as error:  # noqa: BLE001 - the border: whatever it was, the row must be closed
            get_logger().error("run failed outside of its blocks", execution_id=live.execution_id, exc_info=error)
            finished = _failed(live, f"The run failed inside the server: {type(error).__name__}.", EXECUTION_FAILED)
        try:
            await self._close(live, finished, order)
        finally:
            del self._live[live.execution_id]

    async def _played(self, order: RunOrder, live: LiveRun) -> FinishedRun:
        plan, variables = order.workflow.plan, order.variables
        if plan is None:
            return _failed(live, order.workflow.flaw, EXECUTION_FAILED)
        if not isinstance(variables, dict):
            return _failed(live, f"variables must be an object, not {_kind(variables)}.", EXECUTION_FAILED)
        play = partial(
            run_plan, plan, live.emit, variables=variables, run_id=live.execution_id, deadline_s=order.deadline_s
        )
        if order.workflow.can_wait:
            async with open_services(self._settings) as services:
                end = await play(services=services)
        else:
            end = await play(services=RunServices())
        if end.status == "completed":
            return live.finished_as("completed", output=end.output)
        return live.finished_as("failed", f"Execution timed out after {order.deadline_s:g}s", EXECUTION_TIMEOUT)

    def _stopped(self, live: LiveRun) -> FinishedRun:
        text, code = (CANCELLED_TEXT, EXECUTION_CANCELLED) if live.is_cancelled else _INTERRUPTED
        return _failed(live, text, code)

    async def _close(self, live: LiveRun, finished: FinishedRun, order: RunOrder) -> None:
        """Record the end. While the store does not take it, whoever waits is told so, and it is tried again."""
        unsaved = finished.events[live.saved :]
        row = finish_row(finished, self._owner, unsaved, order.workflow.workflow)
        pause_s = 0.1
        while True:
            try:
                is_ours = await self._db.write_row(executions.finish, row)
            except StoreUnavailable as error:
                live.fail(error)
                if self._is_closing:
                    return
                pause_s = min(pause_s * 2, MAX_PAUSE_S)
                await asyncio.sleep(pause_s)
                continue
            live.close(finished if is_ours else await StoredRun(self._db, live.execution_id).finished())
            self._observe(order.trigger, finished.status, finished.events[-1].at - finished.events[0].at)
            return


_INTERRUPTED = (INTERRUPTED_TEXT, EXECUTION_INTERRUPTED)


def _failed(live: LiveRun, text: str, code: str) -> FinishedRun:
    """A run that could not go on, with the events that say so."""
    now = time.time()
    if not live.recorded:
        live.emit(RunStarted(1, now, run_id=live.execution_id))
    if not isinstance(live.recorded[-1], RunFinished):
        live.emit(RunFinished(len(live.recorded) + 1, now, status="failed", error=text))
    return live.finished_as("failed", text, code)


def _kind(value: Json) -> str:
    kinds = {list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return kinds.get(type(value), "null")


@asynccontextmanager
async def open_runs(
    db: Database,
    run: RunSettings,
    *,
    places: int,
    max_waiting: int,
    drain_s: float,
    observe: ObserveRun = _ignore,
) -> AsyncIterator[LocalRuns]:
    """The runs of a new server process, registered in the store. Leaving lets them end, and signs off."""
    from engine.server.runs.housekeeping import Housekeeping

    owner = new_id()
    runs = LocalRuns(db, owner, run, places, max_waiting, observe)
    async with Housekeeping(db, owner, runs):
        try:
            yield runs
        finally:
            await runs.drain(drain_s)
