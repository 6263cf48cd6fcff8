"""Opening a database: by which URL, with which tables, and only where it can be trusted."""

import asyncio
from pathlib import Path

from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError

from engine.store.database import Database, StoreUnavailable
from engine.store.dbtime import check_clock
from engine.store.migrate import migrate
from engine.store.sqlite import SqliteDatabase, open_engines
from engine.store.sqlitewriter import told_in_words as told_by_sqlite

FILE_NAME = "blockloom.db"
_PRIVATE = 0o600


async def open_database(where: Path | str) -> Database:
    """The database with its tables up to date: a path is a folder with an SQLite file in it, a text the URL of a
    PostgreSQL database, such as `postgresql+psycopg://user@host/name`.

    Raises:
        StoreUnavailable: it cannot be opened, or is damaged; the text says what to do.
    """
    if isinstance(where, Path):
        return await _open_sqlite(where / FILE_NAME)
    try:
        url = make_url(where)
    except ArgumentError:
        raise StoreUnavailable(
            "The database must be given as a URL such as postgresql+psycopg://user@host/name."
        ) from None
    if url.get_backend_name() != "postgresql":
        # An SQLite file is for one server process, which is made sure of for the data folder only.
        text = f"A database of the kind {url.get_backend_name()} cannot be used; give the URL of a PostgreSQL one."
        raise StoreUnavailable(f"{text} SQLite is what the data folder has without one.")
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    return await _open_postgres(url.render_as_string(hide_password=False))


async def _open_sqlite(path: Path) -> Database:
    writer, readers = await asyncio.to_thread(_prepare_sqlite, path)
    return SqliteDatabase(writer, readers)


def _prepare_sqlite(path: Path) -> tuple[Engine, Engine]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(_PRIVATE)
        path.chmod(_PRIVATE)  # an existing file keeps its mode when touched
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be opened: {error.strerror or error}.") from None
    writer, readers = open_engines(path)
    try:
        with told_by_sqlite():
            _prepare(writer)
        return writer, readers
    except StoreUnavailable as error:
        writer.dispose()
        raise StoreUnavailable(f"{path} cannot be used. {error}") from error
    except DatabaseError as error:
        writer.dispose()
        raise StoreUnavailable(f"{path} cannot be used: {error.orig}. Restore a backup of it.") from error


async def _open_postgres(url: str) -> Database:
    from engine.store.postgres import PostgresDatabase, open_engine, told_in_words

    engine = open_engine(url)
    try:
        with told_in_words():
            await asyncio.to_thread(_prepare, engine)
    except StoreUnavailable:
        engine.dispose()
        raise
    return PostgresDatabase(engine)


def _prepare(engine: Engine) -> None:
    with engine.begin() as connection:
        check_clock(connection)
        _refuse_damaged(connection)
        migrate(connection)


def _refuse_damaged(connection: Connection) -> None:
    """A damaged file must not be written to, since that makes it worse."""
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if found != "ok":
            raise StoreUnavailable(f"The database file is damaged ({found}). Restore a backup of it.")
