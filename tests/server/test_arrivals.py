"""Whole runs that are recorded with one call to SQLite: it comes to what recording them step by step comes to."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import Connection

from engine.store import arrivals, recording
from engine.store.migrate import migrate
from engine.store.recording import AgentRun, Finish, Start, Whole
from engine.store.sqlite import open_engines

STATES = ("internal", "deployed", "armed", "over")
STAMP = 3
MODEL = AgentRun("a", "r", None, "b", "completed", "{}")
SHOWN = {
    "workflows": "id, state, armed_until IS NULL, execution_count, last_execution_at IS NULL, updated_at = 0",
    "executions": "id, workflow_id, version, revision, trigger, input, owner, status, output, error, error_code, "
    "error_count, skipped, created_at > 0 AND created_at = started_at AND created_at = completed_at",
    "run_events": "execution_id, last_seq, events",
}


@dataclass(frozen=True)
class Call:
    """A run of the workflow that is in this state; a webhook's if it `claims`, of an older graph if it `is_late`."""

    state: str
    claims: bool
    is_late: bool

    def run(self, number: int) -> Whole:
        stamp = STAMP - self.is_late
        begun = Start(f"e{number}", self.state, stamp, 2, "r", "webhook", '{"a": 1}', "me", claims_webhook=self.claims)
        return begun, Finish(f"e{number}", "me", "failed", "{}", "No.", "CODE", 1, 2, b"events\n", 7)


CALLS = st.lists(st.builds(Call, st.sampled_from(STATES), st.booleans(), st.sampled_from((False, False, True))))


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """The writing connection of a database, with the view that runs are inserted into."""
    folder: Path = tmp_path_factory.mktemp("arrivals")
    writer, readers = open_engines(folder / "arrivals.db")
    with writer.connect() as opened:
        with opened.begin():
            migrate(opened)
        arrivals.set_up(driver(opened))
        yield opened
    writer.dispose()
    readers.dispose()


def driver(connection: Connection) -> sqlite3.Connection:
    found = connection.connection.dbapi_connection
    assert isinstance(found, sqlite3.Connection)
    return found


def renew(connection: Connection) -> None:
    """A workflow in each state, and no runs."""
    with connection.begin():
        connection.exec_driver_sql("DELETE FROM workflows")
        for state in STATES:
            until = {"armed": "9e15", "over": "1"}.get(state, "NULL")
            stored = "deployed" if state == "deployed" else "internal"
            connection.exec_driver_sql(
                "INSERT INTO workflows (id, name, variables, version, revision, stamp, state, armed_until, created_at,"
                f" updated_at) VALUES ('{state}', 'W', '{{}}', 2, 'r', {STAMP}, '{stored}', {until}, 0, 0)"
            )


def tables(connection: Connection) -> dict[str, Any]:
    with connection.begin():
        return {
            name: sorted(map(tuple, connection.exec_driver_sql(f"SELECT {columns} FROM {name}")))
            for name, columns in SHOWN.items()
        }


@given(CALLS.filter(bool))
@example([Call("deployed", claims=True, is_late=False), Call("internal", claims=False, is_late=False)] * 3)
@example([Call("deployed", claims=True, is_late=False), Call("armed", claims=True, is_late=False)])
def test_one_call_comes_to_what_many_come_to_or_to_nothing(connection: Connection, calls: list[Call]) -> None:
    """Nothing exactly when one of the runs may not start, or may start only once."""
    runs = [call.run(number) for number, call in enumerate(calls)]
    renew(connection)
    before = tables(connection)
    with connection.begin():
        answers = recording.record(connection, runs)
    expected = tables(connection)

    renew(connection)
    try:
        arrivals.record_at_once(driver(connection), runs)
    except sqlite3.IntegrityError:
        assert tables(connection) == before
        assert any(call.is_late or (call.claims and call.state != "deployed") for call in calls)
    else:
        assert {answer.how for answer in answers} == {"started"}
        assert tables(connection) == expected


def test_what_has_to_be_asked_about_is_not_recorded_at_once() -> None:
    """A key may be known, a graph has to be marked as used, models are kept beside the events; large ones cost room."""
    begun, ended = Call("deployed", claims=True, is_late=False).run(1)

    assert arrivals.is_simple((begun, ended))
    assert not arrivals.is_simple((replace(begun, key=("scope", "key", "print")), ended))
    assert not arrivals.is_simple((replace(begun, first_of_graph=True), ended))
    assert not arrivals.is_simple((begun, replace(ended, agent_runs=(MODEL,))))
    assert not arrivals.is_simple((begun, replace(ended, events=b"")))
    assert not arrivals.is_simple((begun, replace(ended, output="x" * arrivals.MAX_SIZE)))
