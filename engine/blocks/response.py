"""Response: the final value of a run."""

from engine.blocks._fields import Field, pairs_of
from engine.blocks._spec import NO_PORTS, BlockContext, BlockType, Outcome, OutputField
from engine.document import Json, JsonObject
from engine.references import input_mappings, text_of

DEFAULT_STATUS = 200
MAX_SHOWN = 60


def run(ctx: BlockContext, config: JsonObject) -> Outcome:
    """The configured output; with nothing configured, what the last predecessor gave (contract 3.3, X5)."""
    output = config.get("output", "")
    if _is_blank(ctx.raw_config):
        inputs = ctx.inputs
        result = inputs[-1][1] if inputs else {"output": ""}
        output = result.get("output", result)
    status = config.get("status")
    if status is None or status == "":
        status = config.get("status_code")
    return Outcome({"output": output, "status": status_of(status), "headers": dict(pairs_of(config.get("headers")))})


def status_of(value: Json) -> int:
    """A status as a number; 200 for what is none."""
    if isinstance(value, bool):
        return DEFAULT_STATUS
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return DEFAULT_STATUS


def summary(config: JsonObject) -> str:
    """The beginning of what it returns."""
    output = config.get("output")
    if output is None or output == "":
        return "returns the result of the block before"
    text = " ".join(text_of(output).split())
    return f"returns {text[:MAX_SHOWN]}{'…' if len(text) > MAX_SHOWN else ''}"


def _is_blank(config: JsonObject) -> bool:
    is_mapped = any(mapping.target_field == "output" for mapping in input_mappings(config))
    return config.get("output") in (None, "") and not is_mapped


BLOCK = BlockType(
    type="response",
    label="Response",
    description="What the run gives back",
    category="Finish",
    icon="response",
    hue="rose",
    keywords=("end", "result", "return", "output", "finish", "reply", "answer", "final"),
    outputs=lambda _config: NO_PORTS,
    run=run,
    fields=(
        Field(
            "output",
            "Result",
            "long_text",
            help="What the run gives back. Leave it empty to give back the result of the block before.",
            placeholder="The result of the block before",
        ),
        Field(
            "status",
            "Status number",
            "number",
            help="Kept with the result for programs that read it; 200 means that all went well.",
            default=DEFAULT_STATUS,
            minimum=100,
            maximum=599,
            advanced=True,
        ),
        Field(
            "headers",
            "Extra details",
            "pairs",
            help="Names and values that are kept with the result for programs that read them.",
            advanced=True,
        ),
    ),
    output_fields=lambda _config: (
        OutputField("output", "any", "What the run gives back."),
        OutputField("status", "number", "The status number."),
        OutputField("headers", "object", "The extra details."),
    ),
    summary=summary,
)
