"""The server as a process: how it starts, what keeps it from starting, and how it ends whatever hangs on to it.

Source: reliability 3.3 and B9.
"""

import asyncio
import contextlib
import resource
import signal
import socket
import sqlite3
import statistics
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.cli import serve as cli
from engine.server.keys import KEY_FILE
from engine.server.places import CannotServe, allow_many_connections, listen, only_server_in, prepare_folder
from engine.store import StoreUnavailable, open_database
from tests.faults.server_process import free_port, refused, started, webhook_graph

HEAD = b"POST /api/workflows HTTP/1.1\r\nHost: localhost\r\n"
HALF_OPEN = 3_000
HOOK, SECRET = "0123abcd-0000-4000-8000-00000000bbbb", "s3cret-of-the-hook"
OPTIONS = {
    "host": "127.0.0.1",
    "port": 8400,
    "data": None,
    "database": "",
    "api_key": "",
    "rate_limit": "20",
    "allowed_hosts": (),
    "keep_days": None,
    "log_level": "info",
}


def test_thousands_of_half_open_connections_disturb_nobody(tmp_path: Path) -> None:
    """Others are answered as before, memory stays, and a signal ends the server within five seconds all the same."""
    allow_many_connections()
    half_open = min(HALF_OPEN, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 200)
    with started(tmp_path) as server:
        before = server.memory_mb()
        beginnings = (b"", b"GET /api/wor", HEAD + b"X: a", HEAD + b"Content-Length: 99\r\n\r\n{")
        for number in range(half_open):
            server.wire().send(beginnings[number % len(beginnings)])
        wait_for(lambda: server.descriptors() >= half_open)

        times = [seconds_of_a_call(server) for _ in range(20)]
        grown = server.memory_mb() - before
        status, seconds = server.end()

    assert max(times) < 0.25, times
    assert statistics.median(times) < 0.05
    assert grown < 64
    assert status == 0
    assert seconds < 5


def test_head_is_get_without_a_body(tmp_path: Path) -> None:
    """Monitors and load balancers look with it whether a server is there."""
    with started(tmp_path) as server, httpx.Client(base_url=f"http://127.0.0.1:{server.port}") as client:
        for path, status in (("/api/health", 200), ("/api/workflows", 401), ("/api/webhooks/x", 405)):
            got, looked = client.get(path), client.head(path)

            assert (got.status_code, looked.status_code) == (status, status)
            assert looked.content == b""
            assert looked.headers["content-length"] == str(len(got.content))
            assert looked.headers["content-type"] == got.headers["content-type"]
        server.end()

        assert server.err().count('"method":"HEAD"') == 2  # health is not logged


def seconds_of_a_call(server: Any) -> float:
    began = time.perf_counter()
    assert server.call("GET", "/api/workflows")[0] == 200
    return time.perf_counter() - began


def test_a_run_that_does_not_end_in_time_is_recorded_as_cut_off(tmp_path: Path) -> None:
    """Its caller is told, its row is closed with the reason, and the server ends within five seconds."""
    with started(tmp_path) as server:
        _, created = server.call("POST", "/api/workflows", {"name": "Long"})
        path = f"/api/workflows/{created['id']}"
        graph = webhook_graph(HOOK, SECRET, "import time\ntime.sleep(50)")
        assert server.call("PUT", f"{path}/graph", graph)[0] == 200
        answers: list[Any] = []
        caller = threading.Thread(target=lambda: answers.append(server.call("POST", f"{path}/execute", {})))
        caller.start()
        wait_for(lambda: server.call("GET", f"{path}/executions")[1]["executions"])

        status, seconds = server.end()
        caller.join()

    assert (status, answers[0][0]) == (0, 503)
    assert seconds < 5
    with started(tmp_path) as server:
        [run] = server.call("GET", f"{path}/executions")[1]["executions"]
        assert run["status"] == "failed"
        assert "stopped" in run["error"]


def wait_for(question: Any) -> None:
    deadline = time.monotonic() + 10
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_second_signal_ends_the_server_at_once(tmp_path: Path) -> None:
    """Whoever presses Ctrl+C twice does not want to wait for anything."""
    with started(tmp_path) as server:
        _, created = server.call("POST", "/api/workflows", {"name": "Long"})
        path = f"/api/workflows/{created['id']}"
        server.call("PUT", f"{path}/graph", webhook_graph(HOOK, SECRET, "import time\ntime.sleep(50)"))
        wire = server.wire()
        key = b"Authorization: Bearer key-of-the-server-under-test\r\n"
        wire.send(f"POST {path}/execute HTTP/1.1\r\nHost: localhost\r\n".encode() + key + b"Content-Length: 0\r\n\r\n")
        wait_for(lambda: server.call("GET", f"{path}/executions")[1]["executions"])
        server.process.send_signal(signal.SIGINT)
        wait_for(lambda: "answering the last requests" in server.err())

        status, seconds = server.end(signal.SIGINT)

    assert status == 130
    assert seconds < 1


def test_a_killed_server_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    """The folder is free again at once, and the key that was made is still the key."""
    with started(tmp_path, key="") as server:
        made = (server.data / KEY_FILE).read_text().strip()
        assert server.out().count(made) == 1
        assert made not in server.err()
        second = refused("--data", str(server.data))
        assert second.returncode == 2
        assert "Another server uses the data folder" in second.stderr
        server.end(signal.SIGKILL)

    with started(tmp_path, key="") as server:
        assert server.out().count(made) == 1
        reply = server.send(
            f"GET /api/workflows HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {made}\r\n\r\n".encode()
        )
        assert reply.status == 200
        assert server.end(signal.SIGINT)[0] == 0


def test_a_damaged_database_is_not_touched(tmp_path: Path) -> None:
    """Writing to it would make it worse; what helps is a backup."""
    tmp_path.chmod(0o700)
    database = tmp_path / "blockloom.db"
    database.write_bytes(b"SQLite format 3\0" + b"\xff" * 8_000)

    ended = refused("--data", str(tmp_path))

    assert ended.returncode == 2
    assert len(ended.stderr.strip().splitlines()) == 1
    assert "blockloom.db cannot be used" in ended.stderr
    assert "Restore a backup" in ended.stderr
    assert database.read_bytes().endswith(b"\xff" * 8_000)


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    """With what would help; nothing else has been begun."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = refused("--data", str(tmp_path / "data"), port=taken.getsockname()[1])

    assert ended.returncode == 2
    assert "is in use" in ended.stderr
    assert "--port" in ended.stderr
    assert ended.stdout == ""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"host": "0.0.0.0"}, "needs a key that you choose"),
        ({"host": "::"}, "needs a key that you choose"),
        ({"host": "example.com"}, "needs a key that you choose"),
        ({"rate_limit": "many"}, "whole number of runs a minute, or off"),
        ({"rate_limit": "0"}, "whole number"),
        ({"api_key": "two words"}, "without spaces"),
    ],
)
def test_what_would_not_be_safe_does_not_start(
    options: dict[str, Any], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    """One sentence, and status 2."""
    monkeypatch.setattr("os.umask", lambda _mask: 0)

    status = cli.serve(**{**OPTIONS, "data": tmp_path / "data", "port": free_port(), **options})

    assert status == 2
    assert words in capsys.readouterr().err


def test_who_opens_the_server_to_others_is_told_what_that_means(tmp_path: Path) -> None:
    """What can be reached, with the key and without, and that nothing is encrypted."""
    with started(tmp_path, "--host", "0.0.0.0", "--allow-host", "hooks.example.com") as server:
        told = server.out()
        foreign, allowed = (
            server.send(f"GET /api/health HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()).status
            for host in ("evil.example.com", "hooks.example.com")
        )

    assert "Other machines can reach this server" in told
    assert "Nothing is encrypted" in told
    assert (foreign, allowed) == (421, 200)


def test_a_data_folder_must_be_usable_and_private(tmp_path: Path) -> None:
    """Made private when it is new; refused when it is a file, or others can read what is already in it."""
    new = prepare_folder(tmp_path / "a" / "b")
    assert new.stat().st_mode & 0o777 == 0o700
    empty = tmp_path / "empty"
    empty.mkdir(0o755)
    assert prepare_folder(empty).stat().st_mode & 0o777 == 0o700

    (tmp_path / "file").write_text("x")
    with pytest.raises(CannotServe, match="cannot be used"):
        prepare_folder(tmp_path / "file")
    with pytest.raises(CannotServe, match="cannot be used"):
        prepare_folder(tmp_path / "file" / "in it")
    open_folder = tmp_path / "open"
    open_folder.mkdir()
    (open_folder / "old").write_text("x")
    open_folder.chmod(0o755)
    with pytest.raises(CannotServe, match=f"chmod 700 {open_folder}"):
        prepare_folder(open_folder)


def test_a_folder_on_a_read_only_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its mode says: only writing shows it."""

    def touch(_path: Path, *_arguments: Any) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "touch", touch)

    with pytest.raises(CannotServe, match=r"cannot be used: Read-only file system\. Choose another with --data"):
        prepare_folder(tmp_path / "data")


def test_a_folder_has_one_server_at_a_time(tmp_path: Path) -> None:
    """The second is told; once the first is gone the folder is free, and a lock file that is left says nothing."""
    with only_server_in(tmp_path), pytest.raises(CannotServe, match="Another server uses"), only_server_in(tmp_path):
        pass
    (tmp_path / "server.lock").touch()
    with only_server_in(tmp_path):
        pass


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("no.such.host.invalid", "no address called"),
        ("192.0.2.1", "no address of this machine"),
        ("a\0b", "no address"),
    ],
)
def test_an_address_that_cannot_be_listened_on_is_told(host: str, words: str) -> None:
    """In words, with an example that works."""
    with pytest.raises(CannotServe, match=words):
        listen(host, 0)


def test_addresses_of_both_kinds_can_be_listened_on() -> None:
    """IPv4 and, where the machine has it, IPv6."""
    listen("127.0.0.1", 0).close()
    if socket.has_ipv6 and Path("/proc/net/if_inet6").exists():
        listen("::1", 0).close()


def test_the_options_are_those_of_the_documentation() -> None:
    """Scripts depend on these names."""
    from tests.faults.server_process import COMMAND, environment

    told = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, timeout=30, env=environment())

    for option in (
        "--host",
        "--port",
        "--data",
        "--database",
        "--api-key",
        "--rate-limit",
        "--allow-host",
        "--keep-days",
    ):
        assert option in told.stdout


def test_a_database_that_another_program_holds_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not damaged: nobody should restore a backup over it."""
    monkeypatch.setattr("engine.store.sqlite.BUSY_TIMEOUT_S", 0.1)
    asyncio.run(_open_and_close(tmp_path))
    holder = sqlite3.connect(tmp_path / "blockloom.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")

    with contextlib.closing(holder), pytest.raises(StoreUnavailable, match="locked by another program"):
        asyncio.run(_open_and_close(tmp_path))


async def _open_and_close(folder: Path) -> None:
    database = await open_database(folder)
    await database.close()
