"""Split: hands the same value to several branches that run at the same time."""

from engine.blocks._fields import Field
from engine.blocks._spec import BlockContext, BlockType, Outcome, OutputField, Port
from engine.document import Json, JsonObject
from engine.references import input_mappings

MIN_BRANCHES, MAX_BRANCHES = 2, 10


def run(ctx: BlockContext, config: JsonObject) -> Outcome:
    """The input as it is; without one, what the block before gave (contract 3.5, W21)."""
    value = config.get("input")
    if value is None or (value == "" and _is_blank(ctx.raw_config)):
        inputs = ctx.inputs
        value = inputs[-1][1].get("output") if inputs else value
    return Outcome({"output": value})


def outputs(config: JsonObject) -> tuple[Port, ...]:
    """One numbered port for each branch; none of them is a route, so all branches run."""
    return tuple(Port(str(number), str(number)) for number in range(1, branch_count(config.get("branches")) + 1))


def branch_count(value: Json) -> int:
    """How many branches a config value asks for, kept within what the form offers."""
    try:
        wanted = int(value)
    except (TypeError, ValueError, OverflowError):
        return MIN_BRANCHES
    return min(max(wanted, MIN_BRANCHES), MAX_BRANCHES)


def _is_blank(config: JsonObject) -> bool:
    """Whether nothing says what the input is: an empty text is what the form leaves behind."""
    is_mapped = any(mapping.target_field == "input" for mapping in input_mappings(config))
    return config.get("input") in (None, "") and not is_mapped


BLOCK = BlockType(
    type="split",
    label="Split",
    description="Several paths at once",
    category="Logic",
    icon="split",
    hue="teal",
    keywords=("parallel", "fan out", "branch", "copy", "paths", "at once", "pass"),
    run=run,
    fields=(
        Field(
            "input",
            "Value to pass on",
            "long_text",
            help="Each path gets this value. Leave it empty to pass on what the block before gave.",
            placeholder="The result of the block before",
        ),
        Field(
            "branches",
            "Paths",
            "number",
            help="How many paths leave this block.",
            default=2,
            minimum=MIN_BRANCHES,
            maximum=MAX_BRANCHES,
        ),
    ),
    outputs=outputs,
    output_fields=lambda _config: (OutputField("output", "any", "The value that was passed on."),),
    summary=lambda config: f"{branch_count(config.get('branches'))} paths at once",
)
