"""A throw-away PostgreSQL, where its programs are installed."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg

FOLDERS = (Path("/usr/lib/postgresql/15/bin"), *sorted(Path("/usr/lib/postgresql").glob("*/bin")))


def programs() -> Path | None:
    """Where PostgreSQL's programs are; None where it is not installed."""
    return next((folder for folder in FOLDERS if (folder / "initdb").exists()), None)


@contextlib.contextmanager
def running_postgres() -> Iterator[Callable[[], str]]:
    """A function that makes an empty database on a server of our own and returns its URL."""
    folder = programs()
    assert folder is not None, "PostgreSQL is not installed"
    with tempfile.TemporaryDirectory(prefix="blockloom-pg-") as home, _started(folder, Path(home)) as address:
        numbers = iter(range(1, 10_000))

        def new_database() -> str:
            name = f"test_{next(numbers)}"
            with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}".encode())
            return f"{address.replace('postgresql', 'postgresql+psycopg')}/{name}"

        yield new_database


@contextlib.contextmanager
def _started(folder: Path, home: Path) -> Iterator[str]:
    """The address of a PostgreSQL that listens on loopback while the context is open."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    as_user = _unprivileged(home)
    data = home / "data"

    def run(*words: str | Path) -> None:
        subprocess.run([*as_user, *map(str, words)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    run(folder / "initdb", "-D", data, "-A", "trust", "-U", "tester", "--no-sync", "-E", "UTF8")
    options = f"-k {home} -p {port} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200"
    run(folder / "pg_ctl", "-D", data, "-l", home / "log", "-o", options, "-w", "start")
    try:
        yield f"postgresql://tester@127.0.0.1:{port}"
    finally:
        run(folder / "pg_ctl", "-D", data, "-m", "immediate", "stop")


def _unprivileged(home: Path) -> list[str]:
    """How to start programs as somebody else: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    users = {entry.pw_name for entry in pwd.getpwall()}
    user = "postgres" if "postgres" in users else "nobody"
    shutil.chown(home, user)
    return ["setpriv", f"--reuid={user}", "--clear-groups"]
