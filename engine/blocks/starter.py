"""Starter: where a run begins by hand, and which values it asks for."""

from engine.blocks._fields import Choice, Field, Visible, declared_variables
from engine.blocks._spec import NO_PORTS, BlockContext, BlockType, FieldProblem, Outcome, OutputField
from engine.document import JsonObject

MAX_SHOWN = 4
MAX_NAME_LENGTH = 40
_SCHEDULED = Visible("schedule_enabled", (True,))
_AT_INTERVALS = Visible("schedule_type", (None, "", "interval"))
_BY_CRON = Visible("schedule_type", ("cron",))


def run(ctx: BlockContext, config: JsonObject) -> Outcome:
    """The run's variables: declared defaults, overlaid by the workflow's and by those given to the run."""
    return Outcome({"output": {**declared_variables(config.get("input")), **ctx.variables}})


def check(config: JsonObject) -> list[FieldProblem]:
    """What is wrong with the schedule, if it is switched on."""
    from engine import schedule

    found = schedule.problems(config)
    return [FieldProblem(item.field, item.message, item.severity, "bad-schedule") for item in found]


def summary(config: JsonObject) -> str:
    """The names it asks for."""
    names = [" ".join(name.split())[:MAX_NAME_LENGTH] for name in declared_variables(config.get("input"))]
    more = f" and {len(names) - MAX_SHOWN} more" if len(names) > MAX_SHOWN else ""
    return f"asks for {', '.join(names[:MAX_SHOWN])}{more}" if names else "starts the run"


def output_fields(config: JsonObject) -> tuple[OutputField, ...]:
    """All values together, then each one that is declared."""
    names = declared_variables(config.get("input"))
    each = (OutputField(f"output.{name}", "any", f"The value given for {name}.") for name in names)
    return (OutputField("output", "object", "All values this run was started with."), *each)


BLOCK = BlockType(
    type="starter",
    label="Starter",
    description="Begins the run, with values",
    category="Start",
    icon="play",
    hue="emerald",
    keywords=("start", "begin", "input", "variables", "manual", "entry", "trigger", "parameters"),
    trigger="manual",
    singleton=True,
    inputs=NO_PORTS,
    run=run,
    fields=(
        Field(
            "input",
            "Values to ask for",
            "variables",
            help="Each name becomes a value that you fill in when you run the workflow. "
            "What you enter here is used when nothing else is given.",
            default={},
            placeholder="Name",
        ),
        Field(
            "schedule_enabled",
            "Run by a schedule",
            "switch",
            help="Once the workflow is deployed, the server starts it by itself.",
            default=False,
            advanced=True,
        ),
        Field(
            "schedule_type",
            "How often",
            "choice",
            help="At intervals, or at times that a cron expression gives.",
            default="interval",
            choices=(Choice("interval", "At intervals"), Choice("cron", "By a cron expression")),
            visible=(_SCHEDULED,),
            advanced=True,
        ),
        Field(
            "schedule_interval_value",
            "Every",
            "number",
            help="How many of the units pass from one run to the next.",
            default=5,
            minimum=1,
            visible=(_SCHEDULED, _AT_INTERVALS),
            advanced=True,
        ),
        Field(
            "schedule_interval_unit",
            "Unit",
            "choice",
            default="minutes",
            choices=(Choice("minutes", "Minutes"), Choice("hours", "Hours"), Choice("days", "Days")),
            visible=(_SCHEDULED, _AT_INTERVALS),
            advanced=True,
        ),
        Field(
            "schedule_cron",
            "Cron expression",
            "text",
            help="Five fields: minute, hour, day of month, month, day of week, such as 0 9 * * 1-5.",
            default="0 * * * *",
            visible=(_SCHEDULED, _BY_CRON),
            advanced=True,
        ),
        Field(
            "schedule_timezone",
            "Time zone",
            "text",
            help="Whose clock is meant, such as Europe/Berlin.",
            default="UTC",
            visible=(_SCHEDULED,),
            advanced=True,
        ),
        Field(
            "schedule_start_at",
            "Not before",
            "text",
            help="The date and time from which it runs. Without one it begins when it is deployed.",
            placeholder="2027-01-31T09:00",
            visible=(_SCHEDULED,),
            advanced=True,
        ),
        Field(
            "schedule_end_at",
            "Not after",
            "text",
            help="The date and time after which it runs no more.",
            placeholder="2027-12-31T18:00",
            visible=(_SCHEDULED,),
            advanced=True,
        ),
        Field(
            "schedule_max_runs",
            "At most",
            "number",
            help="After so many runs it stops. Without a number it goes on.",
            minimum=1,
            unit="runs",
            visible=(_SCHEDULED,),
            advanced=True,
        ),
    ),
    output_fields=output_fields,
    summary=summary,
    check=check,
    help="Other blocks use a value as <Start.output.name>, with the name of this block and of the value.",
)
