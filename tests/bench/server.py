"""What the server does a second: webhook -> pass-through -> response, every run recorded and on disk before the reply.

    python tests/bench/server.py [--json] [--seconds 5] [--connections 32]

Figures are requests per second and latencies, each beside two of the same machine, taken in the same turn: the same
framework that answers a constant, and the same with one SQLite insert committed with synchronous=FULL. The load comes
from `wrk` where it is installed, else from a client written here, which is slower and flatters the server. The server
is the one that `blockloom serve` starts, with its own protocol, checks and log, and writes into the folder for
temporary files. Targets that were missed are named at the end.
"""

import argparse
import asyncio
import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

MIN_RATIO = 0.65
TURNS = 3
STARTUP_S = 20
HOOK = "3f6f2f5e-6b0a-4c39-9a70-5b6a1a5f7c11"
SECRET = "bench-secret"
BODY = '{"text": "hello"}'
GRAPH = {
    "blocks": [
        {"id": "hook", "type": "webhook", "name": "Hook", "config": {"webhook_id": HOOK, "webhook_secret": SECRET}},
        {"id": "pass", "type": "split", "name": "Pass", "config": {"input": "<Hook.output>"}},
        {"id": "out", "type": "response", "name": "Out", "config": {"output": "<Pass.output>"}},
    ],
    "edges": [{"source": "hook", "target": "pass"}, {"source": "pass", "target": "out"}],
}
COMPARED_APP = """
import os, sqlite3
from fastapi import FastAPI
import uvicorn

app = FastAPI()
database = sqlite3.connect(os.environ["BENCH_DATABASE"], isolation_level=None, check_same_thread=False)
database.execute("PRAGMA journal_mode=WAL")
database.execute("PRAGMA synchronous=FULL")
database.execute("CREATE TABLE runs (id INTEGER PRIMARY KEY, body TEXT)")

@app.post("/constant")
async def constant():
    return {"status": "completed"}

@app.post("/insert")
async def insert():
    database.execute("INSERT INTO runs (body) VALUES ('{}')")
    return {"status": "completed"}

uvicorn.run(app, port=int(os.environ["BENCH_PORT"]), log_level="warning", access_log=False)
"""
WRK_SCRIPT = 'wrk.method = "POST"\nwrk.body = {body}\nwrk.headers["Content-Type"] = "application/json"\n{headers}'


@dataclass(frozen=True)
class Target:
    """One address to be called. `headers` go beside the content type."""

    name: str
    url: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Figure:
    """What came of it. Latencies are in milliseconds; `failed` counts replies that are not 2xx, and broken calls."""

    per_second: float
    p50_ms: float
    p99_ms: float
    failed: int


def measured(seconds: float, connections: int) -> dict[str, Any]:
    """The best of some turns for each target, all targets in each turn."""
    with tempfile.TemporaryDirectory() as folder, compared(Path(folder)) as other, blockloom(Path(folder)) as own:
        targets = [
            Target("constant", f"{other}/constant", {}),
            Target("insert", f"{other}/insert", {}),
            Target("webhook", f"{own.url}/api/webhooks/{HOOK}", {"Authorization": f"Bearer {SECRET}"}),
            Target("execute", f"{own.url}/api/workflows/{own.workflow_id}/execute", own.headers),
        ]
        best: dict[str, Figure] = {}
        for _ in range(TURNS):
            for target in targets:
                figure = loaded(target, seconds / TURNS, connections)
                known = best.get(target.name)
                best[target.name] = figure if known is None or figure.per_second > known.per_second else known
        recorded = own.call("GET", f"/api/workflows/{own.workflow_id}/executions?detail=true&status=completed")["total"]
    figures: dict[str, Any] = {name: vars(figure) for name, figure in best.items()}
    for name in ("webhook", "execute"):
        for other_name in ("constant", "insert"):
            ratio = best[name].per_second / best[other_name].per_second
            figures[name][f"of_{other_name}"] = round(ratio, 2)
    figures["recorded"] = recorded
    return figures


@dataclass(frozen=True)
class Own:
    """A running `blockloom serve` with the workflow in it, deployed."""

    url: str
    key: str
    workflow_id: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """Headers of a caller with the key."""
        return {"Authorization": f"Bearer {self.key}"}

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of a reply."""
        data = None if body is None else json.dumps(body).encode()
        headers = {**self.headers, "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.load(reply)


@contextlib.contextmanager
def blockloom(folder: Path) -> Iterator[Own]:
    """`blockloom serve` on a free port, with the workflow deployed."""
    key = secrets.token_hex(16)
    port = free_port()
    command = [sys.executable, "-c", "from engine.cli.main import main; main()", "serve"]
    command += ["--port", str(port), "--data", str(folder / "data"), "--rate-limit", "off"]
    own = Own(f"http://127.0.0.1:{port}", key)
    with process(command, {"BLOCKLOOM_API_KEY": key}, f"{own.url}/api/health"):
        created = own.call("POST", "/api/workflows", {"name": "Bench"})
        own = Own(own.url, key, created["id"])
        own.call("PUT", f"/api/workflows/{own.workflow_id}/graph", GRAPH)
        own.call("POST", f"/api/workflows/{own.workflow_id}/deploy", {})
        yield own


@contextlib.contextmanager
def compared(folder: Path) -> Iterator[str]:
    """The framework alone, on a free port."""
    port = free_port()
    script = folder / "compared.py"
    script.write_text(COMPARED_APP, encoding="utf-8")
    environment = {"BENCH_PORT": str(port), "BENCH_DATABASE": str(folder / "compared.db")}
    with process([sys.executable, str(script)], environment, f"http://127.0.0.1:{port}/openapi.json"):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def process(command: list[str], environment: dict[str, str], health: str) -> Iterator[None]:
    """A program that runs while the context is open, from the moment on that it answers."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    child = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, **quiet)
    try:
        until = time.monotonic() + STARTUP_S
        while not answers(health):
            if child.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{command} did not come up")
            time.sleep(0.05)
        yield
    finally:
        child.send_signal(signal.SIGINT)
        child.wait(20)


def answers(url: str) -> bool:
    """Whether there is a server at this address."""
    try:
        with urllib.request.urlopen(url, timeout=1):
            return True
    except OSError:
        return False


def free_port() -> int:
    """A port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def loaded(target: Target, seconds: float, connections: int) -> Figure:
    """What the target does while it is called as fast as it answers."""
    if shutil.which("wrk"):
        return with_wrk(target, seconds, connections)
    return asyncio.run(with_asyncio(target, seconds, connections))


def with_wrk(target: Target, seconds: float, connections: int) -> Figure:
    """As measured by wrk."""
    headers = "\n".join(
        f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in target.headers.items()
    )
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(WRK_SCRIPT.format(body=json.dumps(BODY), headers=headers))
        script.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency", "-s", script.name]
        told = subprocess.run([*command, target.url], check=True, capture_output=True, text=True).stdout
    failed = sum(map(int, re.findall(r"(?:Non-2xx or 3xx responses: |connect |read |write |timeout )(\d+)", told)))
    return Figure(
        float(re.search(r"Requests/sec:\s+([\d.]+)", told)[1]),  # type: ignore[index]
        milliseconds(re.search(r"\n\s+50%\s+(\S+)", told)[1]),  # type: ignore[index]
        milliseconds(re.search(r"\n\s+99%\s+(\S+)", told)[1]),  # type: ignore[index]
        failed,
    )


def milliseconds(text: str) -> float:
    """A time as wrk writes it, such as `1.23ms` or `830.00us`."""
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    return round(float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit], 3)


async def with_asyncio(target: Target, seconds: float, connections: int) -> Figure:
    """As measured by a client of our own, for machines without wrk."""
    from urllib.parse import urlsplit

    parts = urlsplit(target.url)
    lines = [f"POST {parts.path} HTTP/1.1", f"Host: {parts.netloc}", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in target.headers.items()]
    request = "\r\n".join([*lines, f"Content-Length: {len(BODY)}", "", BODY]).encode()
    took: list[float] = []
    failed = 0
    until = time.perf_counter() + seconds

    async def caller() -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        while (began := time.perf_counter()) < until:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head.lower())
            await reader.readexactly(int(length[1]) if length else 0)
            took.append(time.perf_counter() - began)
            failed += not head.startswith(b"HTTP/1.1 2")
        writer.close()

    await asyncio.gather(*(caller() for _ in range(connections)))
    took.sort()
    p50, p99 = (round(took[int(len(took) * share)] * 1000, 3) for share in (0.5, 0.99))
    return Figure(len(took) / seconds, p50, p99, failed)


def misses(figures: dict[str, Any]) -> list[str]:
    """The targets that were not met, in words."""
    found = []
    ratio = figures["webhook"]["of_constant"]
    if ratio < MIN_RATIO:
        found.append(f"webhook: {ratio} of a constant, at least {MIN_RATIO} is wanted")
    found += [
        f"{name}: {figure['failed']} calls failed"
        for name, figure in figures.items()
        if name != "recorded" and figure["failed"]
    ]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--seconds", type=float, default=6, help="for each target, all turns together")
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    figures = measured(options.seconds, options.connections)
    if options.json:
        print(json.dumps(figures))
    else:
        for name, figure in figures.items():
            print(f"{name:10} {figure}")
    for failure in misses(figures):
        print(failure, file=sys.stderr)


if __name__ == "__main__":
    main()
