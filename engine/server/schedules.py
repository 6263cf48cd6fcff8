"""The schedule of a workflow: captured from its starter when it is deployed, and when it comes next.

Source: contract 3.1 and 5.9; W15.
"""

from datetime import UTC, datetime

import msgspec

from engine.blocks import Catalog
from engine.document import JsonObject, Workflow
from engine.schedule import captured, next_fires, problems
from engine.server.errors import invalid
from engine.store.database import Record
from engine.store.dbtime import to_datetime

SHOWN_RUNS = 5


def schedule_of(workflow: Workflow, catalog: Catalog) -> JsonObject | None:
    """The schedule that deploying captures: that of the first starter block that has one switched on.

    Raises:
        engine.server.errors.ApiError: 400, when it could never run; the text names block and field.
    """
    for block in workflow.blocks.values():
        block_type = catalog.find(block.type)
        if block_type is None or block_type.trigger != "manual" or (schedule := captured(block.config)) is None:
            continue
        for problem in problems(block.config):
            if problem.severity == "error":
                raise invalid(f"Block “{block.label}”, {problem.field}: {problem.message}")
        return schedule
    return None


def next_runs(row: Record) -> list[str]:
    """When a deployed workflow runs next by its schedule, as the API writes instants; `[]` without a schedule."""
    if row.schedule_config is None:
        return []
    last_run = None if row.schedule_last_run_at is None else to_datetime(row.schedule_last_run_at)
    schedule: JsonObject = msgspec.json.decode(row.schedule_config)
    fires = next_fires(schedule, datetime.now(UTC), SHOWN_RUNS, last_run, row.schedule_run_count)
    return [fire.isoformat(timespec="microseconds") for fire in fires]
