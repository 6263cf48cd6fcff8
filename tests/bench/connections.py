"""What hostile connections cost a server: ours, beside plain uvicorn with the same application, attacked the same way.

    python tests/bench/connections.py [--json] [--half-open 3000] [--without-plain]

Rows: how many of the bad requests of the tests got a 5xx or no reply; after how many seconds a silent connection, a
slow head and a slow body are ended ("never" after 15); memory that a body of 100 MB takes, announced and in chunks; the
slowest of 50 ordinary calls beside half-open connections, and the memory those take; seconds from SIGTERM to the end
with all of them open and a run under way. Bounds of ours that were missed are named at the end.

Source: reliability B9.
"""

import argparse
import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from engine.server.places import allow_many_connections
from tests.faults.server_process import KEY, ServerProcess, environment, free_port, started, wait_until_it_answers
from tests.faults.test_server_requests import NEW, REQUESTS, request
from tests.server.http.conftest import Wire

ROOT = Path(__file__).parents[2]
PATIENCE_S = 15.0
END_PATIENCE_S = 15.0
DRIP_S = 0.5
HEAD = request(*NEW, b"Content-Type: application/json").removesuffix(b"\r\n")
HEAVY = 100_000_000
PIECE = b"%x\r\n%s\r\n" % (1_000_000, b"x" * 1_000_000)
BEGINNINGS = (b"", b"GET /api/wor", HEAD + b"X: a", HEAD + b"Content-Length: 99\r\n\r\n{")
BOUNDS = {
    "bad requests with 5xx": 0,
    "bad requests without reply": 0,
    "silent connection ends, s": 10.5,
    "slow head ends, s": 10.5,
    "slow body ends, s": 10.5,
    "100 MB announced, MB": 64,
    "100 MB in chunks, MB": 64,
    "slowest call beside half-open, ms": 250,
    "SIGTERM to end, s": 5,
}
PLAIN = """
import asyncio, sys
from pathlib import Path
import uvicorn
from engine.server.app import create_app
from engine.server.keys import ApiKey
from engine.server.services import open_services

async def main(port, data, key):
    async with open_services(Path(data), [ApiKey.of(key)]) as services:
        config = uvicorn.Config(create_app(services), port=int(port), http="httptools", ws="none", lifespan="off",
                                access_log=False, log_level="critical")
        await uvicorn.Server(config).serve()

asyncio.run(main(*sys.argv[1:]))
"""


@contextlib.contextmanager
def plain_server(folder: Path) -> Iterator[ServerProcess]:
    """The same application under uvicorn as it comes."""
    port, data = free_port(), folder / "data"
    data.mkdir()
    with (folder / "out").open("ab") as out, (folder / "err").open("ab") as err:
        arguments = [sys.executable, "-c", PLAIN, str(port), str(data), KEY]
        process = subprocess.Popen(arguments, stdout=out, stderr=err, env=environment(), cwd=ROOT)
    server = ServerProcess(process, port, data)
    try:
        wait_until_it_answers(server)
        yield server
    finally:
        process.kill()
        process.wait()


def attacked(server: ServerProcess, half_open: int) -> dict[str, float]:
    """All rows for this server; infinity stands for never."""
    rows = {**bad_requests(server), **slow_clients(server), **heavy_bodies(server)}
    before, began = server.memory_mb(), time.monotonic()
    wires = [Wire(server.port).send(BEGINNINGS[number % len(BEGINNINGS)]) for number in range(half_open)]
    try:
        while server.descriptors() < half_open and time.monotonic() - began < PATIENCE_S:
            time.sleep(0.005)
        rows["half-open connections are accepted, s"] = time.monotonic() - began
        rows["slowest call beside half-open, ms"] = max(milliseconds_of_a_call(server) for _ in range(50))
        rows["half-open connections, MB"] = server.memory_mb() - before
        rows["SIGTERM to end, s"] = seconds_to_end(server)
    finally:
        for wire in wires:
            wire.socket.close()
    return rows


def bad_requests(server: ServerProcess) -> dict[str, float]:
    statuses = []
    for data, _ in REQUESTS.values():
        try:
            statuses.append(server.send(data).status)
        except (TimeoutError, ConnectionError):
            statuses.append(0)
    failed = sum(status >= 500 for status in statuses)
    return {
        "bad requests": len(statuses),
        "bad requests with 5xx": failed,
        "bad requests without reply": statuses.count(0),
    }


def slow_clients(server: ServerProcess) -> dict[str, float]:
    """All at the same time, since each waits for its end."""
    kinds = {
        "silent connection ends, s": (b"", b""),
        "slow head ends, s": (HEAD + b"X: ", b"a"),
        "slow body ends, s": (HEAD + b"Content-Length: 9999\r\n\r\n", b"a"),
    }
    rows: dict[str, float] = {}

    def drip(name: str, beginning: bytes, drop: bytes) -> None:
        rows[name] = seconds_until_ended(Wire(server.port).send(beginning), drop)

    threads = [threading.Thread(target=drip, args=(name, *kind)) for name, kind in kinds.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return rows


def seconds_until_ended(wire: Wire, drop: bytes) -> float:
    began = time.monotonic()
    wire.socket.settimeout(DRIP_S)
    with contextlib.closing(wire.socket):
        while time.monotonic() - began < PATIENCE_S:
            wire.send(drop)
            try:
                wire.reply()
            except TimeoutError:
                continue
            return time.monotonic() - began
    return float("inf")


def heavy_bodies(server: ServerProcess) -> dict[str, float]:
    kind = b"Content-Type: application/json"
    bodies = {
        "100 MB announced, MB": request(*NEW, kind, b"Content-Length: %d" % HEAVY) + b"x" * HEAVY,
        "100 MB in chunks, MB": request(*NEW, kind, b"Transfer-Encoding: chunked") + PIECE * 100 + b"0\r\n\r\n",
    }
    rows = {}
    for name, data in bodies.items():
        before = server.memory_mb()
        Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")  # the peak is counted from here
        with contextlib.suppress(TimeoutError, ConnectionError):
            server.send(data)
        rows[name] = server.memory_mb("VmHWM") - before
    return rows


def milliseconds_of_a_call(server: ServerProcess) -> float:
    began = time.perf_counter()
    server.call("GET", "/api/workflows")
    return (time.perf_counter() - began) * 1000


def seconds_to_end(server: ServerProcess) -> float:
    """With a run under way that lasts longer than anybody waits."""
    _, created = server.call("POST", "/api/workflows", {"name": "Long"})
    path = f"/api/workflows/{created['id']}"
    code = {"id": "code", "type": "code", "name": "Code", "config": {"code": "import time\ntime.sleep(60)"}}
    server.call("PUT", f"{path}/graph", {"blocks": [code]})
    wire = Wire(server.port).send(request("POST", f"{path}/execute".encode(), body=b"{}"))
    with contextlib.closing(wire.socket):
        time.sleep(0.5)
        try:
            return server.end(within_s=END_PATIENCE_S)[1]
        except subprocess.TimeoutExpired:
            return float("inf")


def measured(half_open: int, with_plain: bool) -> dict[str, dict[str, float]]:
    """The rows of ours, and of plain uvicorn."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        with started(Path(folder) / "ours", "--rate-limit", "off", "--log-level", "error") as server:
            found["ours"] = attacked(server, half_open)
        if with_plain:
            (Path(folder) / "plain").mkdir()
            with plain_server(Path(folder) / "plain") as server:
                found["plain"] = attacked(server, half_open)
    return found


def shown(value: float) -> Any:
    return "never" if value == float("inf") else round(value, 2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--half-open", type=int, default=3000)
    parser.add_argument("--without-plain", action="store_true")
    options = parser.parse_args()
    socket.setdefaulttimeout(END_PATIENCE_S)
    allow_many_connections()
    found = measured(options.half_open, not options.without_plain)
    missed = [name for name, bound in BOUNDS.items() if found["ours"][name] > bound]
    if options.json:
        rows = {who: {name: shown(value) for name, value in values.items()} for who, values in found.items()}
        print(json.dumps({**rows, "missed": missed}))
    else:
        print(f"{'':36}{''.join(f'{who:>12}' for who in found)}{'bound':>12}")
        for name in found["ours"]:
            figures = "".join(f"{shown(values[name]):>12}" for values in found.values())
            print(f"{name:36}{figures}{BOUNDS.get(name, ''):>12}")
        print(f"missed: {', '.join(missed) or 'nothing'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
