"""The store: work on a connection, answered after the commit, on SQLite and on PostgreSQL alike."""

import asyncio
import contextlib
import sqlite3
import stat
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, func, insert, select

from engine.store import Database, StoreUnavailable, executions, open_database, recording
from engine.store.dbtime import check_clock, from_datetime, now_us, read_now, to_datetime, to_iso
from engine.store.manyrows import MAX_ROWS, execute_many
from engine.store.migrate import migrate
from engine.store.opening import FILE_NAME
from engine.store.schema import METADATA, RATE_COUNTERS
from engine.store.servers import orphans, renew
from engine.store.sqlite import open_engines

Story = Callable[[Database], Coroutine[Any, Any, None]]


@contextlib.asynccontextmanager
async def opened(where: Path | str) -> AsyncIterator[Database]:
    db = await open_database(where)
    try:
        yield db
    finally:
        await db.close()


@pytest.fixture
def with_store(database: Path | str) -> Callable[[Story], None]:
    """Run a coroutine function with an open store of each kind."""

    def run(story: Story) -> None:
        async def main() -> None:
            async with opened(database) as db:
                await story(db)

        asyncio.run(main())

    return run


def add(name: str) -> Callable[[Connection], None]:
    def work(connection: Connection) -> None:
        connection.execute(insert(RATE_COUNTERS), {"name": name, "window_start": 0, "hits": 1})

    return work


def names(connection: Connection) -> list[str]:
    return list(connection.execute(select(RATE_COUNTERS.c.name).order_by(RATE_COUNTERS.c.name)).scalars())


def add_many(connection: Connection, rows: Sequence[str]) -> list[int]:
    """A bulk operation: adds these, and tells for each how many it was called with."""
    for name in rows:
        add(name)(connection)
    return [len(rows)] * len(rows)


async def submitted(db: Database, row: str) -> int:
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def on_done(result: int, error: Exception | None) -> None:
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    db.submit(add_many, row, on_done)
    return await future


class TestWork:
    def test_what_was_answered_is_there(self, with_store: Callable[[Story], None]) -> None:
        """A write is visible to every read that begins after its answer."""

        async def story(db: Database) -> None:
            await asyncio.gather(*(db.write(add(f"name {number}")) for number in range(50)))
            assert len(await db.read(names)) == 50

        with_store(story)

    def test_work_that_raises_leaves_nothing_and_harms_nobody(self, with_store: Callable[[Story], None]) -> None:
        """Of work done at the same time, one that fails after writing is taken back alone; the error is its own."""

        def fail(connection: Connection) -> None:
            add("half")(connection)
            raise KeyError("on purpose")

        async def story(db: Database) -> None:
            works = [db.write(add("a")), db.write(fail), db.write(add("b")), db.write(add("c"))]
            answers = await asyncio.gather(*works, return_exceptions=True)

            assert [type(answer) for answer in answers] == [type(None), KeyError, type(None), type(None)]
            assert await db.read(names) == ["a", "b", "c"]

        with_store(story)

    def test_work_that_refuses_before_it_writes_is_told_so(self, with_store: Callable[[Story], None]) -> None:
        """An error raised by a look before the first write reaches whoever asked."""

        def refuse(connection: Connection) -> None:
            raise LookupError(read_now(connection))

        async def story(db: Database) -> None:
            answers = await asyncio.gather(db.write(add("a")), db.write(refuse), return_exceptions=True)
            assert isinstance(answers[1], LookupError)
            assert await db.read(names) == ["a"]

        with_store(story)

    def test_whoever_leaves_is_written_all_the_same(self, database: Path | str) -> None:
        """Cancelling a write that was accepted cancels the waiting, not the writing; closing the store waits for it."""

        async def main() -> None:
            async with opened(database) as db:
                task = asyncio.create_task(db.write(add("left behind")))
                await asyncio.sleep(0)
                task.cancel()
            async with opened(database) as db:
                assert await db.read(names) == ["left behind"]

        asyncio.run(main())


class TestBulk:
    def test_each_row_gets_its_own_result(self, with_store: Callable[[Story], None]) -> None:
        """Rows that come together are written together, and every sender hears of its own row."""

        async def story(db: Database) -> None:
            sizes = await asyncio.gather(*(submitted(db, f"row {number:03}") for number in range(60)))
            assert len(await db.read(names)) == 60
            assert db.is_shared or max(sizes) > 1

        with_store(story)

    def test_a_row_that_fails_fails_alone(self, with_store: Callable[[Story], None]) -> None:
        """Two of the same name cannot be: one is written, one is told so, and all others are written."""

        async def story(db: Database) -> None:
            rows = ["a", "b", "same", "same", "c"]
            answers = await asyncio.gather(*(submitted(db, row) for row in rows), return_exceptions=True)
            assert sum(isinstance(answer, Exception) for answer in answers) == 1
            assert await db.read(names) == ["a", "b", "c", "same"]

        with_store(story)

    def test_many_rows_in_few_statements(self, with_store: Callable[[Story], None]) -> None:
        """Whatever their number, all rows are written and all that is returned comes back."""
        statement = "INSERT INTO rate_counters (name, window_start, hits) VALUES {values} RETURNING hits"

        async def story(db: Database) -> None:
            for count in (0, 1, 2, 3, MAX_ROWS, 2 * MAX_ROWS + 77):
                rows = [(f"{number:05}", count, number) for number in range(count)]
                returned = await db.write(partial(execute_many, statement=statement, rows=rows))
                assert sorted(hits for (hits,) in returned) == list(range(count))

        with_store(story)


class TestTables:
    def test_migrations_lead_to_the_schema(self, with_store: Callable[[Story], None]) -> None:
        """What the migrations have made is what the code expects, down to every column and index."""

        def differences(connection: Connection) -> list[Any]:
            return list(compare_metadata(MigrationContext.configure(connection), METADATA))

        async def story(db: Database) -> None:
            assert await db.read(differences) == []

        with_store(story)

    def test_data_outlives_the_process(self, database: Path | str) -> None:
        """A store that is opened again has what was written before, and its tables are not made again."""

        async def main() -> None:
            async with opened(database) as db:
                await db.write(add("kept"))
            async with opened(database) as db:
                assert await db.read(names) == ["kept"]

        asyncio.run(main())

    def test_what_runs_did_outlives_a_change_of_the_tables(self, tmp_path: Path) -> None:
        """A data folder of an earlier version is brought up to date with all that is in it, leftovers aside."""
        writer, readers = open_engines(tmp_path / FILE_NAME)
        with writer.connect() as connection, connection.begin():
            migrate(connection, "0001")
        with closing(sqlite3.connect(tmp_path / FILE_NAME)) as other, other:  # one that does not check references
            other.execute("INSERT INTO run_events VALUES ('gone', 1, 'x')")
        with writer.connect() as connection, connection.begin():
            insert_run = "INSERT INTO executions (id, workflow_id, version, revision, trigger, status, created_at)"
            connection.exec_driver_sql(
                "INSERT INTO workflows (id, name, variables, version, revision, stamp, state, created_at, updated_at)"
                " VALUES ('w', 'W', '{}', 1, 'r', 1, 'internal', 0, 0)"
            )
            connection.exec_driver_sql(f"{insert_run} VALUES ('e', 'w', 1, 'r', 'manual', 'completed', 0)")
            for last_seq, events in ((2, b"one\ntwo\n"), (3, b"three\n")):
                recording.add_events(connection, "e", last_seq, events)
        writer.dispose()
        readers.dispose()

        async def story() -> None:
            async with opened(tmp_path) as db:
                assert await db.read(lambda c: executions.events_after(c, "e", 0)) == b"one\ntwo\nthree\n"
                assert await db.read(lambda c: executions.events_after(c, "e", 2)) == b"three\n"
                await db.write(lambda c: c.exec_driver_sql("DELETE FROM executions").close())
                assert await db.read(lambda c: executions.last_seq(c, "e")) == 0

        asyncio.run(story())


class TestClock:
    def test_database_tells_the_time(self, with_store: Callable[[Story], None]) -> None:
        """The expression of the time is a number that moves, and comes back as the same instant."""

        async def story(db: Database) -> None:
            await db.read(check_clock)
            now = await db.read(read_now)
            assert await db.read(read_now) >= now
            assert from_datetime(to_datetime(now)) == now
            assert to_iso(now).endswith("+00:00")
            assert len(to_iso(1_700_000_000_000_000)) == len("2023-11-14T22:13:20.000000+00:00")

        with_store(story)

    def test_a_database_without_time_is_refused(self, with_store: Callable[[Story], None]) -> None:
        """Older databases answer NULL to some spellings of now; nothing that depends on time must then begin."""

        class Timeless:
            def execute(self, _query: object) -> Any:
                return self

            def scalar(self) -> None:
                return None

        with pytest.raises(RuntimeError, match="cannot tell the time"):
            check_clock(Timeless())  # type: ignore[arg-type]

    def test_leases_end_by_the_databases_clock(self, with_store: Callable[[Story], None]) -> None:
        """A server whose lease has run out is gone at the next look, and nobody is an orphan without runs."""

        async def story(db: Database) -> None:
            await db.write(lambda connection: renew(connection, "dead", -1))
            await db.write(lambda connection: renew(connection, "alive", 60))
            assert await db.read(lambda connection: orphans(connection, None)) == []
            assert await db.read(lambda c: c.execute(select(func.count()).where(now_us() > 0)).scalar()) == 1

        with_store(story)


class TestSqliteFile:
    """What only a file can suffer. Nothing is answered as written that is not, and the store goes on afterwards."""

    def play(self, folder: Path, story: Story) -> None:
        async def main() -> None:
            async with opened(folder) as db:
                await story(db)

        asyncio.run(main())

    def test_only_its_owner_can_read_it(self, tmp_path: Path) -> None:
        """Folder and file are closed to other users."""

        async def story(db: Database) -> None:
            await db.write(add("secret"))

        self.play(tmp_path / "data", story)

        assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").iterdir()} == {0o600}

    def test_an_answer_means_that_it_is_on_disk(self, tmp_path: Path) -> None:
        """The writing connection waits for the disk at every commit, checks what rows refer to, and needs no folder
        for temporary files, which may be small or not be there.
        """

        async def story(db: Database) -> None:
            def settings(connection: Connection) -> list[Any]:
                names = ("journal_mode", "synchronous", "foreign_keys", "temp_store")
                return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

            assert await db.write(settings) == ["wal", 2, 1, 2]

        self.play(tmp_path, story)

    def test_it_waits_for_another_program_and_then_says_so(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A lock held by somebody else ends in an error in words; when it is gone, writing goes on."""
        monkeypatch.setattr("engine.store.sqlite.BUSY_TIMEOUT_S", 0.05)

        async def story(db: Database) -> None:
            other = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailable, match="locked by another program"):
                await db.write(add("a"))
            other.execute("ROLLBACK")
            other.close()
            await db.write(add("b"))
            assert await db.read(names) == ["b"]

        self.play(tmp_path, story)

    @pytest.mark.parametrize(
        ("pragma", "words"), [("max_page_count=1", "disk is full"), ("query_only=ON", "read-only")]
    )
    def test_a_disk_that_takes_no_more(self, tmp_path: Path, pragma: str, words: str) -> None:
        """Full or read-only: all that wait are told why, nothing is half written, and readers go on."""

        async def story(db: Database) -> None:
            await db.write(add("before"))
            await db.write(lambda connection: connection.exec_driver_sql(f"PRAGMA {pragma}").close())
            works = [db.write(add("x" * 200 + str(number))) for number in range(100)]
            answers = await asyncio.gather(*works, return_exceptions=True)

            assert {type(answer) for answer in answers} <= {type(None), StoreUnavailable}
            refused = [answer for answer in answers if answer is not None]
            assert refused
            assert all(words in str(answer) for answer in refused)
            assert len(await db.read(names)) == 1 + len(answers) - len(refused)

        self.play(tmp_path, story)

    def test_a_damaged_file_is_refused(self, tmp_path: Path) -> None:
        """Writing to a damaged file makes it worse, so the server does not start with one."""

        async def story(db: Database) -> None:
            await asyncio.gather(*(db.write(add("x" * 300 + str(number))) for number in range(200)))

        self.play(tmp_path, story)
        path = tmp_path / FILE_NAME
        data = bytearray(path.read_bytes())
        data[len(data) // 2 : len(data) // 2 + 20_000] = b"\xff" * 20_000
        path.write_bytes(bytes(data))

        with pytest.raises(StoreUnavailable, match="backup"):
            asyncio.run(open_database(tmp_path))

    def test_a_file_that_is_damaged_meanwhile_is_told_of(self, tmp_path: Path) -> None:
        """Everybody who writes hears of it, each time, instead of waiting for ever."""

        async def story(db: Database) -> None:
            await db.write(add("before"))
            damage(tmp_path / FILE_NAME)
            for _ in range(2):
                with pytest.raises(StoreUnavailable, match="damaged"):
                    await db.write(add("after"))

        def damage(path: Path) -> None:
            with sqlite3.connect(path) as other:
                other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            with path.open("r+b") as file:
                file.write(b"x" * 4_096)

        self.play(tmp_path, story)

    def test_readers_cannot_write(self, tmp_path: Path) -> None:
        """Two connections that write could damage the file, so a reading one cannot."""

        async def story(db: Database) -> None:
            with pytest.raises(StoreUnavailable, match="read-only"):
                await db.read(add("a"))

        self.play(tmp_path, story)

    def test_too_much_at_once_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The queue has an end; what was accepted is written."""
        monkeypatch.setattr("engine.store.sqlite.MAX_WAITING", 100)

        async def story(db: Database) -> None:
            works = [db.write(add(str(number))) for number in range(110)]
            answers = await asyncio.gather(*works, return_exceptions=True)
            refused = sum(isinstance(answer, StoreUnavailable) for answer in answers)
            assert refused == 10
            assert len(await db.read(names)) == 100

        self.play(tmp_path, story)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("nonsense", "given as a URL"),
        ("sqlite:///file.db", "PostgreSQL"),
        ("mysql://host/name", "PostgreSQL"),
        ("postgresql://nobody@127.0.0.1:1/none", "cannot be used"),
    ],
)
def test_what_is_no_database_is_told_in_words(where: str, words: str) -> None:
    """A URL that cannot be used ends in a sentence and shows no password."""
    with pytest.raises(StoreUnavailable, match=words):
        asyncio.run(open_database(where))
