"""Schedules: what deploying captures, when it runs, what is wrong with it, and how it reads in words."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.document import JsonObject
from engine.schedule import captured, describe, next_fires, problems

KEYS = {"enabled", "type", "timezone", "start_at", "end_at", "max_runs", "interval_seconds", "cron"}
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Chatham")
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2)
)
names = [
    "schedule_enabled",
    "schedule_type",
    "schedule_interval_value",
    "schedule_interval_unit",
    "schedule_cron",
    "schedule_timezone",
    "schedule_start_at",
    "schedule_end_at",
    "schedule_max_runs",
]
configs = st.fixed_dictionaries({}, optional=dict.fromkeys(names, values))
moments = st.datetimes(datetime(2025, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))


def schedule(**values: object) -> JsonObject:
    """The captured form of a schedule; keys without their prefix."""
    found = captured({"schedule_enabled": True, **{f"schedule_{key}": value for key, value in values.items()}})
    assert found is not None
    return found


def cron(expression: str, **values: object) -> JsonObject:
    return schedule(type="cron", cron=expression, **values)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@given(configs, moments)
def test_any_config_is_captured_in_the_contracts_keys(config: JsonObject, now: datetime) -> None:
    """Whatever a starter's config holds, capturing, checking, describing and asking for the next times never fails."""
    problems(config)
    found = captured(config)

    if not config.get("schedule_enabled"):
        assert found is None
    else:
        assert found is not None
        assert found.keys() == KEYS
        assert (found["interval_seconds"] is None) != (found["cron"] is None)
        assert isinstance(describe(found), str)
        assert len(next_fires(found, now, 3)) <= 3


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, {"type": "interval", "interval_seconds": 300, "timezone": "UTC", "cron": None, "max_runs": None}),
        (
            {"interval_value": "15", "interval_unit": "hours", "max_runs": "3"},
            {"interval_seconds": 54_000, "max_runs": 3},
        ),
        ({"interval_value": "0"}, {"interval_seconds": 60}),
        (
            {"interval_value": "abc", "interval_unit": "weeks", "max_runs": "x"},
            {"interval_seconds": 300, "max_runs": None},
        ),
        ({"max_runs": 0}, {"max_runs": 1}),
        ({"type": "cron"}, {"type": "cron", "cron": "0 * * * *", "interval_seconds": None}),
        ({"type": "monthly", "cron": ""}, {"type": "cron", "cron": ""}),
        ({"start_at": "", "end_at": None, "timezone": ""}, {"start_at": None, "end_at": None, "timezone": "UTC"}),
    ],
)
def test_what_cannot_be_read_falls_back_as_the_contract_says(values: JsonObject, expected: JsonObject) -> None:
    """Contract 3.1: numbers as text count, unknown units are minutes, and no interval is under a minute."""
    assert schedule(**values).items() >= expected.items()


def test_text_false_switches_a_schedule_on() -> None:
    """Any truthy value counts (contract 3.1), also a text that reads otherwise."""
    assert captured({"schedule_enabled": "false"}) is not None
    assert captured({"schedule_enabled": ""}) is None


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"type": "cron", "cron": "0 25 * * *"}, "schedule_cron", "“25” is not a possible hour"),
        ({"type": "cron", "cron": "every day"}, "schedule_cron", "five fields"),
        ({"type": "cron", "cron": ""}, "schedule_cron", "empty"),
        ({"type": "cron", "cron": "0 0 30 2 *"}, "schedule_cron", "not a possible day of month"),
        ({"type": "cron", "cron": "9" * 5000 + " * * * *"}, "schedule_cron", "not a cron expression"),
        ({"timezone": "europe/berlin"}, "schedule_timezone", "did you mean Europe/Berlin?"),
        ({"timezone": "America"}, "schedule_timezone", "not a time zone"),
        ({"timezone": "../../etc/passwd"}, "schedule_timezone", "not a time zone"),
        ({"start_at": "tomorrow"}, "schedule_start_at", "not a date and time"),
        ({"start_at": "2026-03-02T00:00", "end_at": "2026-03-01T00:00"}, "schedule_end_at", "before it starts"),
    ],
)
def test_an_error_names_the_field_and_what_is_wrong(values: JsonObject, field: str, words: str) -> None:
    """What keeps a workflow from being deployed is one sentence about one field, and such a schedule never runs."""
    config = {"schedule_enabled": True, **{f"schedule_{key}": value for key, value in values.items()}}

    [problem] = problems(config)

    assert (problem.field, problem.severity) == (field, "error")
    assert words in problem.message
    assert not next_fires(schedule(**values), NOON)


def test_a_value_that_is_replaced_is_a_warning() -> None:
    """The contract deploys these with a fallback, so they are told and not refused."""
    config = {
        "schedule_enabled": True,
        "schedule_interval_value": "abc",
        "schedule_interval_unit": "weeks",
        "schedule_max_runs": "x",
    }

    found = problems(config)

    assert {problem.field for problem in found} == config.keys() - {"schedule_enabled"}
    assert {problem.severity for problem in found} == {"warning"}


def test_an_interval_is_counted_from_the_last_run() -> None:
    """Without a last run it is due at once; one that is over is due once, however many were missed."""
    hourly = schedule(interval_value=1, interval_unit="hours")

    assert next_fires(hourly, NOON, 2) == [NOON, NOON + timedelta(hours=1)]
    assert next_fires(hourly, NOON, last_run=NOON - timedelta(minutes=20)) == [NOON + timedelta(minutes=40)]
    assert next_fires(hourly, NOON, 2, last_run=NOON - timedelta(days=3)) == [NOON, NOON + timedelta(hours=1)]


def test_a_cron_schedule_does_not_run_at_once() -> None:
    """The first run is the first time it names, not the moment of the deploy (contract W15)."""
    assert next_fires(cron("0 9 * * *"), NOON) == [at("2026-06-02T09:00+00:00")]
    assert next_fires(cron("0 12 * * *"), NOON) == [at("2026-06-02T12:00+00:00")]


def test_local_times_are_kept_when_clocks_change() -> None:
    """Nine in Berlin is seven in summer and eight in winter by UTC."""
    daily = cron("0 9 * * *", timezone="Europe/Berlin")

    assert next_fires(daily, at("2026-03-27T12:00+00:00"), 2) == [at("2026-03-28T08:00Z"), at("2026-03-29T07:00Z")]


def test_an_hour_that_comes_twice_runs_a_daily_job_once_and_one_that_is_left_out_still_runs_it() -> None:
    """In Berlin 02:30 does not exist on 29 March 2026 and comes twice on 25 October."""
    nightly = cron("30 2 * * *", timezone="Europe/Berlin")

    spring = next_fires(nightly, at("2026-03-28T12:00Z"), 2)
    autumn = next_fires(nightly, at("2026-10-24T12:00Z"), 2)

    assert spring == [at("2026-03-29T01:00Z"), at("2026-03-30T00:30Z")]
    assert autumn == [at("2026-10-25T00:30Z"), at("2026-10-26T01:30Z")]


def test_bounds_without_an_offset_are_read_in_the_time_zone() -> None:
    """The editor suggests exactly such times; on the platform they end the schedule (contract W15)."""
    window = {"start_at": "2026-06-10T08:00", "end_at": "2026-06-10T10:00", "timezone": "Asia/Tokyo"}

    fires = next_fires(cron("0 * * * *", **window), NOON, 9)

    assert fires == [at(f"2026-06-10T{hour:02}:00+09:00") for hour in (8, 9, 10)]
    assert next_fires(schedule(interval_unit="hours", interval_value=1, **window), NOON, 9) == fires


def test_runs_are_limited_in_number() -> None:
    """`max_runs` counts those that were, and none is left after the last."""
    limited = schedule(max_runs=3)

    assert len(next_fires(limited, NOON, 9)) == 3
    assert len(next_fires(limited, NOON, 9, run_count=2)) == 1
    assert not next_fires(limited, NOON, 9, run_count=5)


def test_an_interval_beyond_the_calendar_never_runs_again() -> None:
    """A number that no calendar holds is an end, not a crash."""
    eternal = schedule(interval_value=10**7, interval_unit="days")

    assert next_fires(eternal, NOON, 5) == [NOON]
    assert not next_fires(eternal, NOON, 5, last_run=NOON)
    assert not next_fires(schedule(interval_value=10**15, interval_unit="days"), NOON)


@given(
    minutes=st.none() | st.sets(st.integers(0, 59), min_size=1, max_size=3),
    hours=st.none() | st.sets(st.integers(0, 23), min_size=1, max_size=3),
    weekdays=st.none() | st.sets(st.integers(0, 6), min_size=1, max_size=3),
    zone=st.sampled_from(ZONES),
    after=st.datetimes(datetime(2026, 3, 1), datetime(2026, 11, 10), timezones=st.just(UTC)),
)
def test_every_time_of_a_cron_schedule_is_found_and_none_twice(
    minutes: set[int] | None, hours: set[int] | None, weekdays: set[int] | None, zone: str, after: datetime
) -> None:
    """Against every minute that follows, looked at one by one: what is found matches, grows, and leaves nothing out.

    Left out or moved may only be times in an hour that is skipped or comes twice.
    """
    fields = [("*" if chosen is None else ",".join(map(str, sorted(chosen)))) for chosen in (minutes, hours, weekdays)]
    fires = next_fires(cron(f"{fields[0]} {fields[1]} * * {fields[2]}", timezone=zone), after, 5)

    assert all(earlier < later for earlier, later in pairwise([after, *fires]))
    minute, last = after.replace(second=0, microsecond=0) + timedelta(minutes=1), fires[-1]
    while minute <= last:
        local = minute.astimezone(ZoneInfo(zone))
        matches = (
            (minutes is None or local.minute in minutes)
            and (hours is None or local.hour in hours)
            and (weekdays is None or local.isoweekday() % 7 in weekdays)
        )
        if not near_a_clock_change(minute, zone):
            assert matches == (minute in fires), f"{minute} is {local} in {zone}"
        minute += timedelta(minutes=1)


def near_a_clock_change(moment: datetime, zone: str) -> bool:
    around = (moment - timedelta(hours=2), moment + timedelta(hours=2))
    return len({instant.astimezone(ZoneInfo(zone)).utcoffset() for instant in around}) > 1


@pytest.mark.parametrize(
    ("schedule_config", "words"),
    [
        (schedule(), "Every 5 minutes"),
        (schedule(interval_value=1, interval_unit="hours"), "Every hour"),
        (schedule(interval_value=36, interval_unit="hours"), "Every 36 hours"),
        (schedule(interval_value=2, interval_unit="days", max_runs=4), "Every 2 days, 4 times at most"),
        (cron("0 9 * * 1-5", timezone="Europe/Berlin"), "At 09:00, Monday to Friday, Europe/Berlin"),
        (cron("*/15 * * * *"), "Every 15 minutes, UTC"),
        (cron("@daily"), "At 00:00 every day, UTC"),
        (
            cron("30 4 1 * *", start_at="2026-06-10T08:00"),
            "At 04:30 on the first day of every month, UTC, from 2026-06-10 08:00",
        ),
        (cron("nonsense"), "Never: “nonsense” is not a cron expression, UTC"),
    ],
)
def test_a_schedule_reads_in_words(schedule_config: JsonObject, words: str) -> None:
    """What the editor and the list of workflows show."""
    assert describe(schedule_config) == words
