"""When a workflow runs by itself: the schedule in a starter's config, and the instants it comes to.

Pure: the time of day is an argument. Deploying captures the schedule, so that later edits change nothing until the next
deploy (contract 3.1). Where the platform reads times in UTC and lets a bad expression die in silence (contract W15),
this honours the time zone and names what is wrong.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import Literal
from zoneinfo import ZoneInfo

from engine.document import Json, JsonObject

MIN_INTERVAL_S = 60
DEFAULT_INTERVAL = 5
DEFAULT_CRON = "0 * * * *"
_SECONDS_IN = {"minutes": 60, "hours": 3600, "days": 86_400}
_EMPTY = (None, "")
_SHORTHANDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_MAX_CRON_LENGTH = 255
_SECOND = timedelta(seconds=1)
_BEFORE_WEEKDAY = re.compile(r" on (?=(?:Sun|Mon|Tues|Wednes|Thurs|Fri|Satur)day)")
_EVERY_N_MINUTES = re.compile(r"\*/(2|3|4|5|6|10|12|15|20|30) \* \* \* \*")
_CRON_FIELDS = ("minute", "hour", "day-of-month", "month", "day-of-week")
_CRON_ADVICE = "it has five fields: minute, hour, day of month, month, day of week, as in “0 9 * * 1-5”"


@dataclass(frozen=True)
class ScheduleProblem:
    """Something wrong in a schedule. `field` is the key in the starter's config.

    An error keeps the workflow from being deployed; a warning says what is used in place of what was written.
    """

    field: str
    message: str
    severity: Literal["error", "warning"] = "error"


@dataclass(frozen=True)
class _Window:
    """A captured schedule as values. `zone` is also what naive bounds are read in."""

    zone: ZoneInfo
    start: datetime | None
    end: datetime | None


def captured(config: JsonObject) -> JsonObject | None:
    """The `schedule_config` that deploying takes from a starter's config; None when no schedule is switched on.

    Shape: exactly the keys of contract 3.1, with its fallbacks for what cannot be read. Nothing is refused here.
    """
    if not config.get("schedule_enabled"):
        return None
    is_interval = config.get("schedule_type") in (None, "interval")
    return {
        "enabled": True,
        "type": "interval" if is_interval else "cron",
        "timezone": _text(config.get("schedule_timezone")) or "UTC",
        "start_at": _text(config.get("schedule_start_at")) or None,
        "end_at": _text(config.get("schedule_end_at")) or None,
        "max_runs": _at_least_one(config.get("schedule_max_runs")),
        "interval_seconds": _interval_seconds(config) if is_interval else None,
        "cron": None if is_interval else _cron_text(config),
    }


def problems(config: JsonObject) -> list[ScheduleProblem]:
    """What is wrong with the schedule in a starter's config; nothing when it is switched off."""
    schedule_config = captured(config)
    return [] if schedule_config is None else list(_problems(config, schedule_config))


def next_fires(
    schedule_config: JsonObject,
    after: datetime,
    count: int = 1,
    last_run: datetime | None = None,
    run_count: int = 0,
) -> list[datetime]:
    """The next `count` instants at which a captured schedule runs, oldest first, in UTC; fewer when it ends before.

    A cron schedule runs at its times later than `after`. An interval is counted from `last_run`: one that is over, or
    was never begun, is due at `after` itself, and at most one run makes up for all that were missed. A schedule that
    cannot be read never runs. Instants given without an offset are read in the schedule's time zone.
    """
    window = _read_window(schedule_config)
    if window is None or not schedule_config.get("enabled"):
        return []
    max_runs = schedule_config.get("max_runs")
    if isinstance(max_runs, int):
        count = min(count, max_runs - run_count)
    fires = _fires(schedule_config, window, after.astimezone(UTC), last_run)
    end = window.end or datetime.max.replace(tzinfo=UTC)
    return list(takewhile(lambda fire: fire <= end, islice(fires, max(0, count))))


def describe(schedule_config: JsonObject) -> str:
    """A captured schedule in words, such as `Every 5 minutes` or `At 09:00, Monday to Friday, Europe/Berlin`."""
    if schedule_config.get("type") == "interval":
        words = [_interval_in_words(schedule_config.get("interval_seconds"))]
    else:
        words = [_cron_in_words(_text(schedule_config.get("cron"))), _text(schedule_config.get("timezone")) or "UTC"]
    start, end = _text(schedule_config.get("start_at")), _text(schedule_config.get("end_at"))
    words += [f"from {_readable(start)}"] if start else []
    words += [f"until {_readable(end)}"] if end else []
    max_runs = schedule_config.get("max_runs")
    if isinstance(max_runs, int):
        words.append("once" if max_runs == 1 else f"{max_runs} times at most")
    return ", ".join(words)


def _problems(config: JsonObject, schedule_config: JsonObject) -> Iterator[ScheduleProblem]:
    if schedule_config["type"] == "cron" and (fault := _cron_fault(_text(schedule_config["cron"]))):
        yield ScheduleProblem("schedule_cron", fault)
    zone = _zone(_text(schedule_config["timezone"]))
    if zone is None:
        yield ScheduleProblem("schedule_timezone", _zone_fault(_text(schedule_config["timezone"])))
    bounds = {}
    for key in ("start_at", "end_at"):
        text = _text(schedule_config[key])
        bounds[key] = _instant(text, zone or ZoneInfo("UTC"))
        if text and bounds[key] is None:
            message = f"“{text}” is not a date and time; write it as 2027-03-01T09:00, with an offset or without."
            yield ScheduleProblem(f"schedule_{key}", message)
    start, end = bounds["start_at"], bounds["end_at"]
    if start is not None and end is not None and end <= start:
        yield ScheduleProblem("schedule_end_at", "The schedule ends before it starts; give a later end.")
    yield from _fallbacks(config, schedule_config)


def _fallbacks(config: JsonObject, schedule_config: JsonObject) -> Iterator[ScheduleProblem]:
    """Warnings about values that the contract replaces in silence."""
    if schedule_config["type"] == "interval":
        value, unit = config.get("schedule_interval_value"), config.get("schedule_interval_unit")
        if value not in _EMPTY and _int(value) is None:
            message = f"“{value}” is not a whole number, so {DEFAULT_INTERVAL} is used."
            yield ScheduleProblem("schedule_interval_value", message, "warning")
        if unit not in _EMPTY and _text(unit) not in _SECONDS_IN:
            message = f"“{unit}” is not a unit of time (minutes, hours or days), so minutes are used."
            yield ScheduleProblem("schedule_interval_unit", message, "warning")
    max_runs = config.get("schedule_max_runs")
    if max_runs not in _EMPTY and _int(max_runs) is None:
        message = f"“{max_runs}” is not a whole number, so the number of runs is not limited."
        yield ScheduleProblem("schedule_max_runs", message, "warning")


def _interval_seconds(config: JsonObject) -> int:
    value = _int(config.get("schedule_interval_value"))
    seconds = _SECONDS_IN.get(_text(config.get("schedule_interval_unit")), _SECONDS_IN["minutes"])
    return max(MIN_INTERVAL_S, (DEFAULT_INTERVAL if value is None else value) * seconds)


def _at_least_one(value: Json) -> int | None:
    number = _int(value)
    return None if number is None else max(1, number)


def _cron_text(config: JsonObject) -> str:
    value = config.get("schedule_cron")
    return DEFAULT_CRON if value is None else _text(value).strip()


def _text(value: Json) -> str:
    return "" if value is None else value if isinstance(value, str) else str(value)


def _int(value: Json) -> int | None:
    if value in _EMPTY or not isinstance(value, str | int | float):
        return None
    try:
        return int(value)
    except (ValueError, OverflowError):
        return None


def _read_window(schedule_config: JsonObject) -> _Window | None:
    """The time zone and the bounds; None when one of them cannot be read, and the schedule with it."""
    zone = _zone(_text(schedule_config.get("timezone")) or "UTC")
    if zone is None:
        return None
    texts = [_text(schedule_config.get(key)) for key in ("start_at", "end_at")]
    start, end = (_instant(text, zone) for text in texts)
    if any(text and bound is None for text, bound in zip(texts, (start, end), strict=True)):
        return None
    return _Window(zone, start, end)


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # an OSError for the name of a folder, such as "America"
        return None


def _zone_fault(name: str) -> str:
    from zoneinfo import available_timezones

    wanted = name.strip().replace(" ", "_").casefold()
    meant = [known for known in sorted(available_timezones()) if known.casefold() == wanted]
    return (
        f"“{name}” is not a time zone; {f'did you mean {meant[0]}?' if meant else 'write it as Europe/Berlin or UTC.'}"
    )


def _instant(text: str, zone: ZoneInfo) -> datetime | None:
    """The instant of an ISO text, in UTC. Without an offset it is meant in `zone`."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _fires(
    schedule_config: JsonObject, window: _Window, after: datetime, last_run: datetime | None
) -> Iterator[datetime]:
    """Instants without end, limits not yet applied."""
    if schedule_config.get("type") == "interval":
        return _interval_fires(schedule_config.get("interval_seconds"), window, after, last_run)
    # A time that is the start itself still counts.
    return _cron_fires(_text(schedule_config.get("cron")), window.zone, max(after, (window.start or after) - _SECOND))


def _interval_fires(seconds: Json, window: _Window, after: datetime, last_run: datetime | None) -> Iterator[datetime]:
    if not isinstance(seconds, int):
        return
    try:
        interval = timedelta(seconds=max(seconds, MIN_INTERVAL_S))
        fire = max(after, window.start or after, last_run.astimezone(UTC) + interval if last_run else after)
        while True:
            yield fire
            fire += interval
    except OverflowError:
        return  # past the year 9999


def _cron_fires(expression: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    from cronsim import CronSim, CronSimError

    if _cron_fault(expression):
        return
    latest = after
    try:
        for local in CronSim(_spelled_out(expression), after.astimezone(zone)):
            # Where clocks are put forward or back, several local times can come to one instant, or to an earlier one.
            if (fire := local.astimezone(UTC)) > latest:
                yield fire
                latest = fire
    except (CronSimError, OverflowError, ValueError):
        return  # past the year 9999


def _spelled_out(expression: str) -> str:
    return _SHORTHANDS.get(expression.strip().lower(), expression)


def _cron_fault(expression: str) -> str | None:
    """What is wrong with a cron expression, in a sentence; None when nothing is."""
    from cronsim import CronSim, CronSimError

    expression = _spelled_out(expression)
    if not expression.strip():
        return f"The cron expression is empty; {_CRON_ADVICE}."
    if len(expression) > _MAX_CRON_LENGTH or len(expression.split()) != 5:
        return f"“{expression[:_MAX_CRON_LENGTH]}” is not a cron expression; {_CRON_ADVICE}."
    try:
        next(CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC)))
    except (CronSimError, ValueError) as error:
        return f"The cron expression “{expression}” is wrong: {_cron_fault_at(expression, str(error))}; {_CRON_ADVICE}."
    except StopIteration:
        return f"The cron expression “{expression}” names a date that never comes; {_CRON_ADVICE}."
    return None


def _cron_fault_at(expression: str, error: str) -> str:
    """Which field it is, from an error of cronsim such as `Bad day-of-week`."""
    name = error.removeprefix("Bad ")
    if name not in _CRON_FIELDS:
        return "it cannot be read"
    return f"“{expression.split()[_CRON_FIELDS.index(name)]}” is not a possible {name.replace('-', ' ')}"


def _interval_in_words(seconds: Json) -> str:
    if not isinstance(seconds, int):
        return "Never"
    names = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))
    name, size = next((name, size) for name, size in names if seconds % size == 0)
    number = seconds // size
    return f"Every {name}" if number == 1 else f"Every {number} {name}s"


def _cron_in_words(expression: str) -> str:
    from cronsim.explain import explain

    if _cron_fault(expression):
        return f"Never: “{expression}” is not a cron expression"
    expression = _spelled_out(expression)
    if even := _EVERY_N_MINUTES.fullmatch(expression):
        return f"Every {even[1]} minutes"
    words = explain(expression).replace(" through ", " to ")
    return _BEFORE_WEEKDAY.sub(", ", words, count=1)


def _readable(instant: str) -> str:
    return instant.replace("T", " ", 1)
