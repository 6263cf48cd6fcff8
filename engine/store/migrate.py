"""Brings the tables of a database to what this version of the program expects."""

from pathlib import Path

from sqlalchemy import Connection, text

_LOCK = 7_364_115_020
"""Any number: all processes must take the same."""


def migrate(connection: Connection, to: str = "head") -> None:
    """Create or change the tables, inside the transaction of this connection. One process at a time does it.

    `to` is the revision to stop at.
    """
    from alembic import command
    from alembic.config import Config

    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    command.upgrade(config, to)
