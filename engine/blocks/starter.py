"""Starter: where a run begins by hand, and which values it asks for."""

from engine.blocks._fields import Field, declared_variables
from engine.blocks._spec import NO_PORTS, BlockContext, BlockType, Outcome, OutputField
from engine.document import JsonObject

MAX_SHOWN = 4


def run(ctx: BlockContext, config: JsonObject) -> Outcome:
    """The run's variables: declared defaults, overlaid by the workflow's and by those given to the run."""
    return Outcome({"output": {**declared_variables(config.get("input")), **ctx.variables}})


def summary(config: JsonObject) -> str:
    """The names it asks for."""
    names = list(declared_variables(config.get("input")))
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
    ),
    output_fields=output_fields,
    summary=summary,
    help="Other blocks use a value as <Start.output.name>, with the name of this block and of the value.",
)
