"""Recording whole runs in SQLite with a single call: the claim, the rows, the events and the commit.

Between two calls to SQLite the writing thread has to get the interpreter's lock back, from an event loop that computes.
On a busy server that takes longer than the calls. So the runs that came meanwhile are inserted into a view, whose
trigger does what `recording.record` does, and the statement commits itself. It is for small runs of which nothing has
to be asked; with one that may not start nothing is recorded, and all of them are left to `recording.record`.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from engine.store.dbtime import now_text
from engine.store.manyrows import MAX_ROWS
from engine.store.recording import Start, Whole

MAX_SIZE = 64 * 1024
"""Characters of a run that is recorded here: SQLite holds all rows of a statement with a trigger before it begins."""
_RUN = (
    *("id", "workflow_id", "version", "revision", "trigger", "input", "owner"),
    *("status", "output", "error", "error_code", "error_count", "skipped"),
)
# `claims` is for how many runs the row claims, 0 when an earlier row has claimed for it; `is_free` asks for no state.
_COLUMNS = (*_RUN, "last_seq", "events", "claims", "stamp", "is_free")
_NOW = now_text("sqlite")
_VIEW = f"CREATE TEMP VIEW arrivals AS SELECT {', '.join(f'NULL AS {name}' for name in _COLUMNS)}"
_TRIGGER = f"""
    CREATE TEMP TRIGGER arrive INSTEAD OF INSERT ON arrivals BEGIN
        UPDATE workflows SET execution_count = execution_count + NEW.claims, last_execution_at = {_NOW}
        WHERE NEW.claims > 0 AND id = NEW.workflow_id AND stamp = NEW.stamp AND (NEW.is_free OR state = 'deployed');
        SELECT RAISE(ABORT, 'a run may not start') WHERE NEW.claims > 0 AND changes() = 0;
        INSERT INTO executions ({", ".join(_RUN)}, created_at, started_at, completed_at)
        VALUES ({", ".join(f"NEW.{name}" for name in _RUN)}, {_NOW}, {_NOW}, {_NOW});
        INSERT INTO run_events (execution_id, last_seq, events) VALUES (NEW.id, NEW.last_seq, NEW.events);
    END
"""  # noqa: S608 - only names


def set_up(driver: sqlite3.Connection) -> None:
    """Make the view for this connection. It lives as long as the connection, and nobody else sees it."""
    driver.execute(_VIEW)
    driver.execute(_TRIGGER)


def is_simple(run: Whole) -> bool:
    """Whether nothing has to be asked before this run is recorded, nothing kept beside its events, and it is small."""
    begun, ended = run
    has_more = begun.key is not None or begun.first_of_graph or ended.agent_runs or not ended.events
    return not has_more and len(begun.input or "") + len(ended.output or "") + len(ended.events) <= MAX_SIZE


def record_at_once(driver: sqlite3.Connection, runs: Sequence[Whole]) -> None:
    """Record at most `MAX_ROWS` simple runs, outside of any transaction. All are on disk afterwards.

    Raises:
        sqlite3.IntegrityError: one of them may not start, or only once.
        sqlite3.Error: the database did not take them. Either way nothing was recorded.
    """
    values = tuple(chain.from_iterable(_rows(runs)))
    driver.execute(_statement(len(runs)), values).close()


def _rows(runs: Sequence[Whole]) -> Iterable[tuple[Any, ...]]:
    """A row for each run. The first of several that start under the same condition claims for all of them."""
    claims = Counter(_condition(begun) for begun, _ in runs)
    for begun, ended in runs:
        yield (
            *(begun.execution_id, begun.workflow_id, begun.version, begun.revision, begun.trigger, begun.input),
            *(begun.owner, ended.status, ended.output, ended.error, ended.error_code, ended.error_count),
            *(ended.skipped, ended.last_seq, ended.events),
            *(claims.pop(_condition(begun), 0), begun.stamp, not begun.claims_webhook),
        )


def _condition(begun: Start) -> tuple[str, int, bool]:
    return begun.workflow_id, begun.stamp, begun.claims_webhook


@lru_cache(maxsize=MAX_ROWS)
def _statement(rows: int) -> str:
    row = f"({', '.join('?' * len(_COLUMNS))})"
    return f"INSERT INTO arrivals VALUES {', '.join([row] * rows)}"  # noqa: S608 - only marks
