"""What server tests share: an application without a socket, on SQLite and on a throw-away PostgreSQL."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.server.postgres import programs, running_postgres
from tests.server.support import Live, Play, Story, serving


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
    if programs() is None:
        pytest.skip("the programs of PostgreSQL are not installed, so there is no server to test with")
    with running_postgres() as new_database:
        yield new_database
