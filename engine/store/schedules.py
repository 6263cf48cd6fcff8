"""Schedules that are due, taken by one process each: a tick is used up in the same transaction that finds it.

So no tick runs twice, whichever processes look at the same moment, and none is repeated after a crash. The lease beside
it keeps the next tick from starting while a run of this one goes on, and ends by itself when its owner dies.

Source: contract 5.9, W16.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, null, or_, select, update

from engine.store.database import Record
from engine.store.dbtime import US, from_datetime, read_now, to_datetime
from engine.store.schema import WORKFLOWS
from engine.store.workflows import DEPLOYED

_W = WORKFLOWS.c
NextFire = Callable[[str, datetime, int], datetime | None]
"""When a schedule (JSON) that has just run for the so-many-th time comes next; None for never."""


@dataclass(frozen=True)
class Tick:
    """A run that is due. `late_s` is how long ago it should have started."""

    workflow_id: str
    late_s: float


def take_due(connection: Connection, owner: str, lease_s: float, limit: int, next_fire: NextFire) -> list[Tick]:
    """The workflows that are due now, at most `limit`, the longest overdue first, and theirs for `lease_s`.

    Their last run is now, their counter one more, and their next time what `next_fire` says, whatever comes of the run.
    """
    now = read_now(connection)
    is_free = or_(_W.schedule_lease_until.is_(None), _W.schedule_lease_until <= now)
    due = (
        select(_W.id, _W.schedule_config, _W.schedule_next_at, _W.schedule_run_count)
        .where(_W.schedule_next_at <= now, _W.state == DEPLOYED, is_free)
        .order_by(_W.schedule_next_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [_take(connection, row, now, owner, lease_s, next_fire) for row in connection.execute(due).all()]


def renew(connection: Connection, owner: str, workflow_ids: Collection[str], lease_s: float) -> None:
    """Hold these leases for longer, as far as they are still the owner's."""
    is_held = _W.id.in_(workflow_ids) & (_W.schedule_owner == owner)
    until = read_now(connection) + int(lease_s * US)
    connection.execute(update(WORKFLOWS).where(is_held).values(schedule_lease_until=until))


def release(connection: Connection, owner: str, workflow_id: str) -> None:
    """The run is over: the next tick may come."""
    is_held = (_W.id == workflow_id) & (_W.schedule_owner == owner)
    values = {"schedule_owner": null(), "schedule_lease_until": null()}
    connection.execute(update(WORKFLOWS).where(is_held).values(values))


def _take(connection: Connection, row: Record, now: int, owner: str, lease_s: float, next_fire: NextFire) -> Tick:
    count = row.schedule_run_count + 1
    following = next_fire(row.schedule_config, to_datetime(now), count)
    values = {
        "schedule_last_run_at": now,
        "schedule_run_count": count,
        "schedule_next_at": None if following is None else from_datetime(following),
        "schedule_owner": owner,
        "schedule_lease_until": now + int(lease_s * US),
    }
    connection.execute(update(WORKFLOWS).where(_W.id == row.id).values(values))
    return Tick(row.id, (now - row.schedule_next_at) / US)
