"""Playing a run: the engine's runner on one order, and what its end means to the contract.

Source: contract 2.7 (failures while running); W2, W7, W12.
"""

import asyncio
import time
from functools import partial

from structlog import get_logger

from engine.errors import RunError
from engine.events import RunFinished, RunStarted
from engine.run.context import RunSettings, open_services
from engine.run.context import Services as RunServices
from engine.run.runner import run_plan
from engine.server.errors import EXECUTION_CANCELLED, EXECUTION_FAILED, EXECUTION_INTERRUPTED, EXECUTION_TIMEOUT
from engine.server.runs.live import LiveRun
from engine.server.runs.port import FinishedRun, RunOrder

CANCELLED_TEXT = "The run was cancelled."
INTERRUPTED_TEXT = "The server was stopped while this was running."
_KINDS = {list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}


async def played(order: RunOrder, live: LiveRun, settings: RunSettings) -> FinishedRun:
    """How the run ends, whatever ends it; a cancel of the task ends it too. `live` gets its events.

    The deadline is around the whole run. A run that only computes gives way to nobody while it is short.
    """
    plan, variables = order.workflow.plan, order.variables
    if plan is None:
        return _failed(live, order.workflow.flaw, EXECUTION_FAILED)
    if not isinstance(variables, dict):
        kind = _KINDS.get(type(variables), "null")
        return _failed(live, f"variables must be an object, not {kind}.", EXECUTION_FAILED)
    play = partial(
        run_plan, plan, live.emit, variables=variables, run_id=live.execution_id, deadline_s=order.deadline_s
    )
    try:
        if order.workflow.can_wait:
            async with open_services(settings) as services:
                end = await play(services=services)
        else:
            end = await play(services=RunServices())
    except asyncio.CancelledError:
        return stopped(live)
    except RunError as error:
        return _failed(live, str(error), EXECUTION_FAILED)
    except Exception as error:  # noqa: BLE001 - the border: whatever it was, the run must be closed
        get_logger().error("run failed outside of its blocks", execution_id=live.execution_id, exc_info=error)
        return _failed(live, f"The run failed inside the server: {type(error).__name__}.", EXECUTION_FAILED)
    if end.status == "completed":
        return live.finished_as("completed", output=end.output)
    return live.finished_as("failed", f"Execution timed out after {order.deadline_s:g}s", EXECUTION_TIMEOUT)


def stopped(live: LiveRun) -> FinishedRun:
    """How a run ends that was cancelled, by somebody or by the end of the server."""
    if live.is_cancelled:
        return _failed(live, CANCELLED_TEXT, EXECUTION_CANCELLED)
    return _failed(live, INTERRUPTED_TEXT, EXECUTION_INTERRUPTED)


def _failed(live: LiveRun, text: str, code: str) -> FinishedRun:
    """A run that could not go on, with the events that say so."""
    now = time.time()
    if not live.recorded:
        live.emit(RunStarted(1, now, run_id=live.execution_id))
    if not isinstance(live.recorded[-1], RunFinished):
        live.emit(RunFinished(len(live.recorded) + 1, now, status="failed", error=text))
    return live.finished_as("failed", text, code)
