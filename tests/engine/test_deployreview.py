"""The review before a deploy: what differs from the live version in words, and when the schedule will run."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from engine import edits
from engine.blocks import default_catalog
from engine.change import difference
from engine.deployreview import FieldChange, changes, planned_schedule, running_schedule
from engine.document import Block, Edge, JsonObject, Workflow, workflow_from_api
from tests.engine.strategies import api_workflows, graph

CATALOG = default_catalog()
NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)


def live() -> Workflow:
    """Start > Fetch > Done, with a webhook beside them."""
    flow = graph({"start": "starter", "fetch": "code", "done": "response", "hook": "webhook"}, "start>fetch")
    flow = edits.set_config(flow, "fetch", {"code": "first = 1\noutput = first", "timeout": 1000})
    return edits.set_config(flow, "hook", {"webhook_id": "old", "webhook_secret": "s3cret-1"})


def with_config(workflow: Workflow, block_id: str, **config: object) -> Workflow:
    return edits.set_config(workflow, block_id, {**workflow.block(block_id).config, **config})


def test_each_changed_field_is_named_as_the_form_names_it() -> None:
    """Old and new value stand beside the field's own label, and code as its differing lines."""
    now = with_config(live(), "fetch", code="first = 2\noutput = first", timeout=2000)
    now = now.with_blocks([now.block("fetch").changed(enabled=False)])

    (item,) = changes(live(), now, CATALOG).items

    assert (item.done, item.name, item.type_name, item.block_id) == ("changed", "Fetch", "Code", "fetch")
    assert {field.label: field for field in item.fields} == {
        "Takes part in runs": FieldChange("Takes part in runs", "yes", "no"),
        "Code": FieldChange("Code", lines=("- first = 1", "+ first = 2")),
        "Time limit": FieldChange("Time limit", "1000", "2000"),
    }


def test_blocks_and_connections_that_came_or_went_are_one_item_each() -> None:
    """A block takes its connections with it unsaid; a connection is called by its ends."""
    now = edits.remove(live(), ["fetch"])
    now = edits.add_blocks(now, [Block("new", "agent", "Ask")], [Edge("e", "start", "new"), Edge("f", "new", "done")])

    found = changes(live(), now, CATALOG)

    assert [(item.kind, item.done, item.name) for item in found.items] == [
        ("block", "added", "Ask"),
        ("block", "deleted", "Fetch"),
        ("connection", "added", "Start → Ask"),
        ("connection", "added", "Ask → Done"),
    ]
    assert found.summary == "1 block added, 1 deleted, 2 connections added"


def test_a_secret_is_never_in_a_review() -> None:
    """That it changed is said, and neither its old nor its new value."""
    now = with_config(live(), "hook", webhook_secret="s3cret-2", webhook_id="new")

    found = changes(live(), now, CATALOG)

    assert "s3cret" not in repr(found)
    assert FieldChange("Secret", "hidden", "hidden") in found.items[0].fields


def test_what_does_not_change_a_run_is_no_change() -> None:
    """Moved blocks are counted; a name and variables of the workflow are no part of a deploy."""
    now = edits.move_blocks(live(), ["fetch", "done"], 40, 0).changed(name="Other", variables={"a": 1})

    found = changes(live(), now, CATALOG)

    assert found.is_empty
    assert found.moved == 2
    assert found.summary == "2 blocks moved"


workflows = api_workflows.map(workflow_from_api)


@given(workflows, workflows)
def test_every_block_that_differs_is_in_the_review(old: Workflow, new: Workflow) -> None:
    """Whatever the graphs are: nothing that runs differently goes unsaid, and nothing is said of what is the same."""
    found = changes(old, new, CATALOG)
    differs = difference(old, new)

    told = {item.block_id for item in found.items if item.kind == "block"}
    assert told == differs.blocks_added | differs.blocks_removed | differs.blocks_changed
    assert changes(old, old, CATALOG) == changes(new, new, CATALOG)
    assert changes(old, old, CATALOG).is_empty


def starter(**config: object) -> Workflow:
    return edits.set_config(graph({"start": "starter"}), "start", {"schedule_enabled": True, **config})


def test_the_next_fires_are_told_in_the_zone_of_the_schedule() -> None:
    """Nine in Berlin is nine, on both sides of the change to summer time, whatever UTC says."""
    plan = planned_schedule(
        starter(schedule_type="cron", schedule_cron="0 9 * * 0", schedule_timezone="Europe/Berlin"), NOW
    )

    assert plan is not None
    assert [fire.strftime("%d.%m. %H:%M") for fire in plan.next_fires] == [
        "07.03. 09:00",
        "14.03. 09:00",
        "21.03. 09:00",
        "28.03. 09:00",
        "04.04. 09:00",
    ]
    assert [fire.astimezone(UTC).hour for fire in plan.next_fires] == [8, 8, 8, 7, 7]
    assert "Sunday" in plan.words
    assert not plan.problems


def test_a_schedule_that_cannot_run_says_why() -> None:
    """The problem names the field, and no time is promised."""
    plan = planned_schedule(starter(schedule_type="cron", schedule_cron="99 * * * *"), NOW)

    assert plan is not None
    assert [problem.field for problem in plan.problems] == ["schedule_cron"]
    assert not plan.next_fires


def test_no_schedule_is_planned_where_none_is_switched_on() -> None:
    """A starter without one, or no starter at all."""
    assert planned_schedule(graph({"start": "starter", "a": "code"}), NOW) is None
    assert planned_schedule(Workflow(), NOW) is None


captured_configs = st.fixed_dictionaries(
    {},
    optional={
        key: st.none() | st.text(max_size=8) | st.integers(-5, 10**9) | st.booleans()
        for key in ("enabled", "type", "timezone", "start_at", "end_at", "max_runs", "interval_seconds", "cron")
    },
)


@given(captured_configs, st.lists(st.text(max_size=25) | st.datetimes().map(str), max_size=3))
def test_whatever_a_server_tells_of_a_schedule_can_be_shown(captured: JsonObject, told: list[str]) -> None:
    """Nothing that another server keeps as a schedule makes the window fail."""
    shown = running_schedule(captured, NOW, told)

    assert len(shown.next_fires) <= 5
    assert isinstance(shown.words, str)


def test_the_times_that_the_server_tells_come_before_those_that_are_worked_out() -> None:
    """It knows when an interval ran last; without its word none is promised."""
    captured: JsonObject = {"enabled": True, "type": "interval", "timezone": "Europe/Berlin", "interval_seconds": 600}

    told = running_schedule(captured, NOW, ["2027-03-01T12:07:00+00:00", "nonsense"])

    assert [fire.strftime("%H:%M") for fire in told.next_fires] == ["13:07"]
    assert running_schedule(captured, NOW).next_fires == ()
    assert told.words == "Every 10 minutes"
