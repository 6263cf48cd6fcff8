"""Shout: makes a text loud."""

from engine.blocks._fields import Choice, Field
from engine.blocks._spec import BlockContext, BlockType, FieldProblem, Outcome, OutputField
from engine.document import Json, JsonObject

MARKS = {"loud": "!", "very loud": "!!!"}
MAX_LENGTH = 1000


def run(ctx: BlockContext, config: JsonObject) -> Outcome:
    """The text in capitals; the result of the block before where there is none."""
    text = config.get("text")
    if text in (None, "") and ctx.inputs:
        text = ctx.inputs[-1][1].get("output")
    if not isinstance(text, str):
        return Outcome({"output": None, "error": "Only text can be shouted."}, "Only text can be shouted.")
    return Outcome({"output": text.upper() + mark(config.get("volume")), "length": len(text)})


def mark(volume: Json) -> str:
    """What stands at the end."""
    return MARKS.get(volume, "!") if isinstance(volume, str) else "!"


def check(config: JsonObject) -> list[FieldProblem]:
    """A text that nobody would listen to."""
    text = config.get("text")
    if isinstance(text, str) and len(text) > MAX_LENGTH:
        return [FieldProblem("text", f"Nobody listens to more than {MAX_LENGTH} characters; say it shorter.")]
    return []


BLOCK = BlockType(
    type="example_shout",
    label="Shout",
    description="Makes a text loud",
    category="Data",
    icon="message-square",
    hue="grey",
    aliases=("example_yell",),
    keywords=("loud", "capitals", "upper case"),
    run=run,
    fields=(
        Field("text", "Text", "long_text", help="What is shouted. Values of other blocks can be put into it."),
        Field(
            "volume",
            "Volume",
            "choice",
            help="How loud it is.",
            default="loud",
            choices=(Choice("loud", "Loud"), Choice("very loud", "Very loud")),
        ),
    ),
    output_fields=lambda _config: (
        OutputField("output", "text", "The text, loud."),
        OutputField("length", "number", "How many characters were shouted."),
        OutputField("error", "text", "What was no text, only when there was none."),
    ),
    summary=lambda config: f"shouts{mark(config.get('volume'))}",
    check=check,
)
