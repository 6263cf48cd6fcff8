"""What server tests share: an application without a socket, on SQLite and on a throw-away PostgreSQL."""

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.server.support import Live, Play, Story, serving

POSTGRES_FOLDERS = (Path("/usr/lib/postgresql/15/bin"), *sorted(Path("/usr/lib/postgresql").glob("*/bin")))


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """An empty database of each kind: the folder of a SQLite file, or the URL of a PostgreSQL one."""
    if request.param == "sqlite":
        return tmp_path / "data"
    url: str = request.getfixturevalue("postgres")()
    return url


@pytest.fixture
def play(database: Path | str) -> Play:
    """Run a coroutine function with the client of an application on each kind of database."""

    def run(story: Story) -> None:
        async def main() -> None:
            async with serving(database) as api:
                await story(api)

        asyncio.run(main())

    return run


@pytest.fixture
def live(database: Path | str) -> Iterator[Live]:
    """An application on each kind of database that stays open, for tests that come back to it many times."""
    with asyncio.Runner() as runner:
        context = serving(database)
        api = runner.run(context.__aenter__())
        yield Live(runner, api)
        runner.run(context.__aexit__(None, None, None))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[], str]]:
    """A function that makes an empty database on a PostgreSQL of our own and returns its URL."""
    folder = next((folder for folder in POSTGRES_FOLDERS if (folder / "initdb").exists()), None)
    if folder is None:
        pytest.skip("the programs of PostgreSQL are not installed, so there is no server to test with")
    with tempfile.TemporaryDirectory(prefix="blockloom-pg-") as home, _started(folder, Path(home)) as address:
        numbers = iter(range(1, 10_000))

        def new_database() -> str:
            name = f"test_{next(numbers)}"
            with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}".encode())
            return f"{address.replace('postgresql', 'postgresql+psycopg')}/{name}"

        yield new_database


@contextlib.contextmanager
def _started(programs: Path, home: Path) -> Iterator[str]:
    """A PostgreSQL that listens on loopback while the context is open; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    as_user = _unprivileged(home)
    data = home / "data"

    def run(*words: str | Path) -> None:
        subprocess.run([*as_user, *map(str, words)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    run(programs / "initdb", "-D", data, "-A", "trust", "-U", "tester", "--no-sync", "-E", "UTF8")
    options = f"-k {home} -p {port} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200"
    run(programs / "pg_ctl", "-D", data, "-l", home / "log", "-o", options, "-w", "start")
    try:
        yield f"postgresql://tester@127.0.0.1:{port}"
    finally:
        run(programs / "pg_ctl", "-D", data, "-m", "immediate", "stop")


def _unprivileged(home: Path) -> list[str]:
    """How to start programs as somebody else: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    user = "postgres" if _has_user("postgres") else "nobody"
    shutil.chown(home, user)
    return ["setpriv", f"--reuid={user}", "--clear-groups"]


def _has_user(name: str) -> bool:
    import pwd

    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
