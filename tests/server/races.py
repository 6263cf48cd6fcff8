"""Races over real server processes: many callers for one armed call, and a server that is killed under load.

Small rounds run in the suite (`test_processes.py`). The whole of it, with what it found:

    python -m tests.server.races [--rounds 50] [--callers 200] [--processes 4] [--kills 20]
"""

import argparse
import asyncio
import contextlib
import json
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self
from uuid import uuid4

from tests.faults.server_process import ServerProcess, started, webhook_graph
from tests.server.postgres import running_postgres

SECRET = "a-secret"
LOADED_S = 0.6
LEASE_S = 30
ARMED = 20


class Hooked(NamedTuple):
    """A workflow that can be called."""

    workflow_id: str
    webhook_id: str


Answered = list[tuple[Hooked, str]]
"""Calls that got a 200: what was called, and the execution that the reply named."""


class Kill(NamedTuple):
    """What a kill under load left behind. All but `answered` must be nothing."""

    answered: int
    lost: int
    still_running: int
    slots_burned: int


def hooked(server: ServerProcess, action: str, code: str = "") -> Hooked:
    """A new workflow that gives back what its webhook gets, deployed or armed."""
    webhook_id = str(uuid4())
    workflow_id = server.call("POST", "/api/workflows", {"name": "Race"})[1]["id"]
    server.call("PUT", f"/api/workflows/{workflow_id}/graph", webhook_graph(webhook_id, SECRET, code))
    server.call("POST", f"/api/workflows/{workflow_id}/{action}")
    return Hooked(workflow_id, webhook_id)


class Caller:
    """One connection to a server that is used again and again. Quicker than a client library with many of them."""

    def __init__(self, server: ServerProcess) -> None:
        self._port = server.port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def call(self, target: Hooked, body: Any) -> tuple[int, Any]:
        """Status and JSON of a webhook call.

        Raises:
            OSError, EOFError: the server has gone.
        """
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        content = json.dumps(body).encode()
        lines = (
            f"POST /api/webhooks/{target.webhook_id} HTTP/1.1",
            f"Host: 127.0.0.1:{self._port}",
            f"Authorization: Bearer {SECRET}",
            "Content-Type: application/json",
            f"Content-Length: {len(content)}",
        )
        writer.write("\r\n".join((*lines, "", "")).encode() + content)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].split("\r\n")[0])
        return int(head.split()[1]), json.loads(await reader.readexactly(length))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        if self._streams is not None:
            self._streams[1].close()


async def arm_race(servers: Sequence[ServerProcess], rounds: int, callers: int) -> list[tuple[Counter[int], int]]:
    """For each round the statuses that the callers got, and how many runs there are."""
    outcomes = []
    target = hooked(servers[0], "arm")
    for _ in range(rounds):
        async with contextlib.AsyncExitStack() as stack:
            each = [
                await stack.enter_async_context(Caller(servers[number % len(servers)])) for number in range(callers)
            ]
            replies = await asyncio.gather(*(caller.call(target, {"n": number}) for number, caller in enumerate(each)))
        outcomes.append((Counter(status for status, _ in replies), total(servers[-1], target)))
        servers[-1].call("POST", f"/api/workflows/{target.workflow_id}/arm")
    return outcomes


def total(server: ServerProcess, target: Hooked, query: str = "") -> int:
    """How many runs of the workflow there are."""
    path = f"/api/workflows/{target.workflow_id}/executions?detail=true&limit=1{query}"
    count: int = server.call("GET", path)[1]["total"]
    return count


def kills_under_load(folder: Path, rounds: int, *options: str, lease_s: float = 0) -> list[Kill]:
    """Load a server, kill it, start it again and look, so many times with the same data.

    `lease_s` is how long others take a dead one for alive.
    """
    found: list[Kill] = []
    answered: Answered = []
    deployed: list[Hooked] = []
    armed: list[Hooked] = []
    for number in range(rounds + 1):
        with started(folder, *options) as server:
            if number:
                found.append(_left_behind(server, deployed, armed, answered, lease_s))
            if number < rounds:
                deployed = [hooked(server, "deploy"), hooked(server, "deploy", "output = sum(range(1000))")]
                armed = [hooked(server, "arm") for _ in range(ARMED)]
                answered = asyncio.run(_load_and_kill(server, [*deployed, deployed[0], deployed[0]], armed))
    return found


def _left_behind(
    server: ServerProcess, deployed: list[Hooked], armed: list[Hooked], answered: Answered, lease_s: float
) -> Kill:
    until = time.monotonic() + lease_s
    while time.monotonic() < until and any(total(server, target, "&status=running") for target in deployed):
        time.sleep(0.5)
    completed = {target: _completed(server, target) for target in (*deployed, *armed)}
    lost = sum(execution_id not in completed[target] for target, execution_id in answered)
    running = sum(total(server, target, "&status=running") for target in (*deployed, *armed))
    return Kill(len(answered), lost, running, sum(_is_burned(server, target) for target in armed))


async def _load_and_kill(server: ServerProcess, deployed: Sequence[Hooked], armed: Sequence[Hooked]) -> Answered:
    answered: Answered = []

    async def keep_calling(target: Hooked) -> None:
        async with Caller(server) as caller:
            with contextlib.suppress(OSError, EOFError):
                while True:
                    status, reply = await caller.call(target, {"text": "x" * 50})
                    if status == 200:
                        answered.append((target, reply["execution_id"]))

    async def call_once_each() -> None:
        async with Caller(server) as caller:
            with contextlib.suppress(OSError, EOFError):
                for target in armed:
                    status, reply = await caller.call(target, {})
                    if status == 200:
                        answered.append((target, reply["execution_id"]))
                    await asyncio.sleep(LOADED_S / len(armed))

    calls = [asyncio.create_task(keep_calling(target)) for target in [*deployed] * 3]
    calls.append(asyncio.create_task(call_once_each()))
    await asyncio.sleep(LOADED_S)
    server.process.send_signal(signal.SIGKILL)
    await asyncio.gather(*calls)
    return answered


def _completed(server: ServerProcess, target: Hooked) -> set[str]:
    found: set[str] = set()
    while True:
        path = f"/api/workflows/{target.workflow_id}/executions?status=completed&limit=100&offset={len(found)}"
        rows: list[Any] = server.call("GET", path)[1]["executions"]
        found |= {row["id"] for row in rows}
        if len(rows) < 100:
            return found


def _is_burned(server: ServerProcess, target: Hooked) -> bool:
    """Whether the armed call has gone without a run to show for it."""
    is_armed = server.call("GET", f"/api/workflows/{target.workflow_id}")[1]["armed_until"] is not None
    return not is_armed and total(server, target) == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--callers", type=int, default=200)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--kills", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, running_postgres() as new_database:
        folder = Path(name)
        on_postgres = ("--rate-limit", "off", "--database", new_database())
        with contextlib.ExitStack() as stack:
            many = [
                stack.enter_context(started(folder / f"server {number}", *on_postgres))
                for number in range(options.processes)
            ]
            tell_race(f"PostgreSQL, {len(many)} processes", many, options.rounds, options.callers)
        with started(folder / "alone", "--rate-limit", "off") as alone:
            tell_race("SQLite, one process", [alone], options.rounds, options.callers)
        tell_kills("SQLite", kills_under_load(folder / "killed", options.kills, "--rate-limit", "off"))
        on_postgres = ("--rate-limit", "off", "--database", new_database())
        tell_kills("PostgreSQL", kills_under_load(folder / "killed too", options.kills, *on_postgres, lease_s=LEASE_S))


def tell_race(where: str, servers: Sequence[ServerProcess], rounds: int, callers: int) -> None:
    """Run the race and print what came of it."""
    began = time.monotonic()
    outcomes = asyncio.run(arm_race(servers, rounds, callers))
    good = sum(statuses[200] == 1 and runs == number for number, (statuses, runs) in enumerate(outcomes, 1))
    took = f"{callers} callers each, {time.monotonic() - began:.0f} s"
    print(f"arm race, {where}: {good} of {rounds} rounds with one winner and one run, {took}", flush=True)


def tell_kills(where: str, found: Sequence[Kill]) -> None:
    """Print what kills left behind."""
    answered, lost, running, burned = (sum(column) for column in zip(*found, strict=True))
    left = f"{lost} of them lost, {running} runs still running, {burned} armed calls gone without a run"
    print(f"kill -9, {where}: {len(found)} rounds, {answered} calls answered, {left}", flush=True)


if __name__ == "__main__":
    main()
