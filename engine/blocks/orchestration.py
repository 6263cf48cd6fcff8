"""Orchestration: gives a task to several stored agents that work together, and passes on what they made of it."""

from engine.blocks._fields import Field
from engine.blocks._prompt import PROMPT_KEYS, prompt_of, shown_prompt
from engine.blocks._spec import BlockContext, BlockType, Effect, Outcome, OutputField
from engine.document import JsonObject
from engine.errors import BlockError
from engine.references import text_of


async def run(ctx: BlockContext, config: JsonObject) -> Outcome:
    """What the agents made of the prompt. One that failed is a result like any other: its `status` says so (3.7)."""
    orchestration_id = text_of(config.get("orchestration_id") or "").strip()
    if not orchestration_id:
        raise BlockError("orchestration_id is required", retryable=False)
    prompt = prompt_of(config)
    if not prompt.strip():
        raise BlockError("The task is empty; say in it what the agents shall do.", retryable=False)
    made = await ctx.orchestrate(orchestration_id, prompt)
    result: JsonObject = {"output": made.text, "status": "completed" if made.failure is None else "failed"}
    if made.usage is not None:
        result["usage"] = made.usage
    return Outcome(result if made.failure is None else {**result, "reason": made.failure})


def summary(config: JsonObject) -> str:
    """What the agents shall do."""
    return shown_prompt(config) or "no task yet"


def _effects(config: JsonObject) -> tuple[Effect, ...]:
    return (Effect("orchestration", text_of(config.get("orchestration_id") or "")),)


BLOCK = BlockType(
    type="orchestration",
    label="Orchestration",
    description="Several agents together",
    category="AI",
    icon="orchestration",
    hue="fuchsia",
    keywords=("agents", "team", "supervisor", "multi", "delegate", "crew", "ai", "group"),
    run=run,
    fields=(
        Field(
            "orchestration_id",
            "Orchestration",
            "orchestration",
            help="Which agents work on the task, and how: led by a supervisor, one after another, or all at once.",
            required=True,
        ),
        Field(
            "input",
            "Task",
            "long_text",
            help="What the agents shall do. Values of other blocks can be put into the text.",
            placeholder="Write an answer to this customer:",
            required=True,
            older_keys=PROMPT_KEYS[1:],
        ),
    ),
    output_fields=lambda _config: (
        OutputField("output", "text", "What the agents made of the task."),
        OutputField("status", "text", "“completed” or “failed”."),
        OutputField("usage", "object", "How much all models read and wrote together, where they tell it."),
        OutputField("reason", "text", "Why it failed, only when it did."),
    ),
    summary=summary,
    effects=_effects,
)
