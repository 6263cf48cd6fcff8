"""Agent: asks a language model and passes its answer on."""

import math

from engine.blocks._fields import Field
from engine.blocks._spec import BlockContext, BlockType, Outcome, OutputField
from engine.document import Json, JsonObject
from engine.errors import BlockError
from engine.references import text_of

PROMPT_KEYS = ("input", "message", "messages", "prompt")
"""Where a prompt may stand, in the order in which they are asked (X3)."""
DEFAULT_MODEL = "local/extractive"
MAX_SHOWN = 60


async def run(ctx: BlockContext, config: JsonObject) -> Outcome:
    """The model's answer, told piece by piece while it arrives. A model that cannot answer fails the block (W3)."""
    prompt = prompt_of(config)
    if not prompt.strip():
        raise BlockError("The prompt is empty; say in it what the model shall do.", retryable=False)
    answer = await ctx.ask_model(
        prompt,
        model=text_of(config.get("model") or "").strip(),
        system_prompt=text_of(config.get("system_prompt") or ""),
        temperature=_number(config, "temperature"),
        max_tokens=_whole(_number(config, "max_tokens")),
    )
    result: JsonObject = {"output": answer.text, "model": answer.model}
    return Outcome(result if answer.usage is None else {**result, "usage": answer.usage})


def prompt_of(config: JsonObject) -> str:
    """The first prompt that is not empty, as text."""
    prompts = (config.get(key) for key in PROMPT_KEYS)
    return next((text_of(prompt) for prompt in prompts if prompt not in (None, "", [], {})), "")


def summary(config: JsonObject) -> str:
    """Which model is asked what."""
    model = config.get("model") or DEFAULT_MODEL
    text = " ".join(prompt_of(config).split())
    shown = f"{text[:MAX_SHOWN]}…" if len(text) > MAX_SHOWN else text
    return f"{model}: {shown}" if shown else f"{model}"


def _number(config: JsonObject, key: str) -> float | None:
    value = config.get(key)
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or isinstance(value, bool):
        raise BlockError(f'"{key}" must be a number, not {text_of(value)[:60]!r}.', retryable=False)
    return number


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _output_fields(_config: Json) -> tuple[OutputField, ...]:
    return (
        OutputField("output", "text", "The answer."),
        OutputField("model", "text", "The model that answered."),
        OutputField("usage", "object", "How much was read and written, where the model tells it."),
        OutputField("usage.total_tokens", "number", "Pieces of text read and written together."),
    )


BLOCK = BlockType(
    type="agent",
    label="Agent",
    description="Asks a language model",
    category="AI",
    icon="agent",
    hue="violet",
    keywords=("ai", "llm", "model", "gpt", "claude", "prompt", "chat", "ask", "write", "summarize", "text"),
    run=run,
    fields=(
        Field(
            "input",
            "Prompt",
            "long_text",
            help="What the model shall do. Values of other blocks can be put into the text.",
            placeholder="Summarize the following text:",
            required=True,
            older_keys=PROMPT_KEYS[1:],
        ),
        Field(
            "model",
            "Model",
            "model",
            help="local/extractive works at once, without a key or a network: it picks the most important sentences.",
            default=DEFAULT_MODEL,
        ),
        Field(
            "system_prompt",
            "System prompt",
            "long_text",
            help="How the model shall behave whatever it is asked, such as its tone or what it must leave out.",
            placeholder="You are a careful editor.",
        ),
        Field(
            "temperature",
            "Temperature",
            "number",
            help="Low values answer the same way each time, high values vary more. Empty leaves it to the model.",
            minimum=0,
            maximum=2,
            step=0.1,
            advanced=True,
        ),
        Field(
            "max_tokens",
            "Max tokens",
            "number",
            help="The most pieces of text the model may write; a word is one or two. Empty sets no limit.",
            minimum=1,
            maximum=1_000_000,
            unit="tokens",
            advanced=True,
        ),
    ),
    output_fields=_output_fields,
    summary=summary,
)
