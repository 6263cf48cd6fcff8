"""A server as its owner starts it, in a process of its own: for tests of what only a real process shows."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.server.http.conftest import Reply, Wire

COMMAND = (sys.executable, "-c", "from engine.cli.main import main; main()", "serve")
ROOT = Path(__file__).parents[2]
KEY = "key-of-the-server-under-test"
START_S = 30


@dataclass
class ServerProcess:
    """A running server. `out` and `err` are what it has written so far."""

    process: subprocess.Popen[bytes]
    port: int
    data: Path
    wires: list[Wire] = field(default_factory=list)

    def wire(self) -> Wire:
        """A new connection, closed with the server."""
        self.wires.append(Wire(self.port))
        return self.wires[-1]

    def send(self, data: bytes) -> Reply:
        """The reply to these bytes on a new connection."""
        wire = Wire(self.port)
        try:
            return wire.send(data).reply()
        finally:
            wire.socket.close()

    def call(self, method: str, path: str, body: Any = None, headers: str = "") -> tuple[int, Any]:
        """Status and JSON of an ordinary call with the key."""
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "Content-Type: application/json\r\n" if body is not None else ""
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n{kind}{headers}"
        reply = self.send(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        return reply.status, json.loads(reply.body) if reply.body else None

    def memory_mb(self, what: str = "VmRSS") -> float:
        """Memory in use now, or with "VmHWM" the most there ever was."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split(f"{what}:")[1].split()[0]) / 1024

    def descriptors(self) -> int:
        """How many files and connections it has open."""
        return sum(1 for _ in Path(f"/proc/{self.process.pid}/fd").iterdir())

    def err(self) -> str:
        """What it has logged so far."""
        return (self.data.parent / "err").read_text()

    def out(self) -> str:
        """What it has told its owner so far."""
        return (self.data.parent / "out").read_text()

    def end(self, number: int = signal.SIGTERM, within_s: float = 10) -> tuple[int, float]:
        """Exit status and seconds to the end after this signal."""
        began = time.monotonic()
        self.process.send_signal(number)
        status = self.process.wait(within_s)
        return status, time.monotonic() - began


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def environment() -> dict[str, str]:
    """As the server is started with: no keyring, and no folders of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BLOCKLOOM_")}
    return {**kept, "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring", "PYTHONPATH": str(ROOT)}


@contextlib.contextmanager
def started(folder: Path, *options: str, key: str = KEY) -> Iterator[ServerProcess]:
    """A server that answers, with its data in `folder/data`; ended with SIGKILL if the test has not ended it."""
    folder.mkdir(parents=True, exist_ok=True)
    port, data = free_port(), folder / "data"
    own_key = ("--api-key", key) if key else ()
    arguments = [*COMMAND, "--port", str(port), "--data", str(data), *own_key, *options]
    with (folder / "out").open("ab") as out, (folder / "err").open("ab") as err:
        process = subprocess.Popen(arguments, stdout=out, stderr=err, env=environment(), cwd=ROOT)
    server = ServerProcess(process, port, data)
    try:
        wait_until_it_answers(server)
        yield server
    finally:
        for wire in server.wires:
            wire.socket.close()
        if process.poll() is None:
            process.kill()
        process.wait()


def wait_until_it_answers(server: ServerProcess) -> None:
    """Wait for `GET /api/health` to answer 200, which is when a server is ready."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert server.process.poll() is None, server.err()
        with contextlib.suppress(ConnectionError):
            if server.send(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 200:
                return
        time.sleep(0.02)
    raise AssertionError(f"the server did not answer within {START_S} s: {server.err()}")


def refused(*options: str, port: int | None = None) -> subprocess.CompletedProcess[str]:
    """What comes of starting a server that cannot start."""
    arguments = [*COMMAND, "--port", str(port or free_port()), *options]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=START_S, env=environment(), cwd=ROOT)


def webhook_graph(webhook_id: str, secret: str, code: str = "") -> dict[str, Sequence[Any]]:
    """A graph that answers a webhook call with its own payload, after running this code."""
    hook = {
        "id": "hook",
        "type": "webhook",
        "name": "Hook",
        "config": {"webhook_id": webhook_id, "webhook_secret": secret},
    }
    out = {"id": "out", "type": "response", "name": "Out", "config": {"output": "<Hook.output>"}}
    if not code:
        return {"blocks": [hook, out], "edges": [{"source": "hook", "target": "out"}]}
    block = {"id": "code", "type": "code", "name": "Code", "config": {"code": code}}
    edges = [{"source": "hook", "target": "code"}, {"source": "code", "target": "out"}]
    return {"blocks": [hook, block, out], "edges": edges}
