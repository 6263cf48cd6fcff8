"""What listing and triggering cost while the history grows, on SQLite and PostgreSQL.

    python tests/bench/history.py [--json] [--rows 100000]

Each figure is the median time in milliseconds of a call over the whole application without a socket, with some runs in
the database and then with many. A call that takes more than twice as long with many is named at the end.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).parents[2]))

from engine.server.runs.ids import new_execution_id
from engine.store import recording
from tests.server.postgres import programs, running_postgres
from tests.server.support import Api, block, new_workflow, serving, wires

FEW = 1_000
TRIES = 41
MAX_RATIO = 2.0
SLACK_MS = 1.0
"""Below this difference a ratio says more about the machine than about the server."""
EVENTS = b'{"type":"RunStarted","seq":1,"at":0}\n' * 8


async def measured(where: Path | str, rows: int) -> dict[str, Any]:
    """Times with few runs and with many."""
    async with serving(where) as api:
        webhook_id = str(uuid4())
        hook = block("hook", "webhook", webhook_id=webhook_id, webhook_secret="s")
        workflow_id = await new_workflow(api, [hook, block("out", "response")], wires("hook>out"))
        await api.post(f"/api/workflows/{workflow_id}/deploy")
        first = (await api.post(f"/api/workflows/{workflow_id}/execute", json={})).json()["execution_id"]
        path, secret = f"/api/workflows/{workflow_id}", {"Authorization": "Bearer s"}
        calls: dict[str, Callable[[], Awaitable[Any]]] = {
            "list workflows": lambda: api.get("/api/workflows?sort=last_execution_at"),
            "list executions": lambda: api.get(f"{path}/executions"),
            "one execution": lambda: api.get(f"{path}/executions/{first}"),
            "logs": lambda: api.get(f"{path}/executions/{first}/logs"),
            "webhook": lambda: api.post(f"/api/webhooks/{webhook_id}", json={"a": 1}, headers=secret),
            "execute": lambda: api.post(f"{path}/execute", json={}),
        }
        figures: dict[str, Any] = {name: {} for name in calls}
        known = 0
        for count in (FEW, rows):
            await add_runs(api, workflow_id, count - known)
            known = count
            for name, call in calls.items():
                figures[name][count] = await milliseconds(call)
    return figures


async def milliseconds(call: Callable[[], Awaitable[Any]]) -> float:
    """The median of some calls."""
    took = []
    for _ in range(TRIES):
        began = time.perf_counter()
        reply = await call()
        took.append((time.perf_counter() - began) * 1000)
        assert reply.status_code == 200, reply.text
    return round(statistics.median(took), 2)


async def add_runs(api: Api, workflow_id: str, count: int) -> None:
    """Add completed runs with their events, as the server would have."""
    workflow = await api.services.workflows.load(workflow_id)
    assert workflow is not None
    stamp, revision = workflow.stamp, workflow.revision

    def whole() -> recording.Whole:
        run_id = new_execution_id()
        begun = recording.Start(run_id, workflow_id, stamp, 2, revision, "webhook", '{"a": 1}', "o")
        return begun, recording.Finish(run_id, "o", "completed", "1", None, None, 0, 0, EVENTS, 8)

    await api.services.db.write(lambda connection: recording.record(connection, [whole() for _ in range(count)]))


def misses(figures: dict[str, Any]) -> list[str]:
    """Calls that got slower with the history, in words."""
    found = []
    for database, calls in figures.items():
        for name, times in calls.items():
            few, many = times.values()
            if many > MAX_RATIO * few and many - few > SLACK_MS:
                found.append(f"{database}, {name}: {few} ms with few runs, {many} ms with many")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rows", type=int, default=100_000)
    options = parser.parse_args()
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        figures["SQLite"] = asyncio.run(measured(Path(folder), options.rows))
    with running_postgres() if programs() else nullcontext() as new_database:
        if new_database is not None:
            figures["PostgreSQL"] = asyncio.run(measured(new_database(), options.rows))
    if options.json:
        print(json.dumps(figures))
    else:
        for database, calls in figures.items():
            for name, times in calls.items():
                print(
                    f"{database:12} {name:16} " + "  ".join(f"{count:,} runs: {ms} ms" for count, ms in times.items())
                )
    for miss in misses(figures):
        print(miss, file=sys.stderr)


if __name__ == "__main__":
    main()
