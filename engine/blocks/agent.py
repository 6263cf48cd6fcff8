"""Agent: asks a language model and passes its answer on."""

import json
import math
import uuid

from engine.blocks._fields import Field, Visible
from engine.blocks._prompt import PROMPT_KEYS, prompt_of, shown_prompt
from engine.blocks._spec import BlockContext, BlockType, Effect, FieldProblem, Outcome, OutputField
from engine.document import Json, JsonObject
from engine.errors import BlockError
from engine.references import text_of

DEFAULT_MODEL = "local/extractive"
_INLINE = (Visible("agent_id", ("", None)),)
"""What a stored agent brings itself is not asked for again."""
MAX_CONTEXT_CHARACTERS = 100_000


async def run(ctx: BlockContext, config: JsonObject) -> Outcome:
    """The model's answer, told piece by piece while it arrives. A model that cannot answer fails the block (W3)."""
    prompt = prompt_of(config)
    if not prompt.strip():
        raise BlockError("The prompt is empty; say in it what the model shall do.", retryable=False)
    schema = _schema(config.get("output_schema"))
    asked, warnings = await _with_stored_agent(ctx, config)
    context, failures = await _found_knowledge(ctx, asked.get("knowledge_bases"), prompt)
    system_prompt = text_of(asked.get("system_prompt") or "")
    answer = await ctx.ask_model(
        prompt,
        model=text_of(asked.get("model") or "").strip(),
        system_prompt=f"{system_prompt}\n\nContext:\n{context}".strip() if context else system_prompt,
        temperature=_number(asked, "temperature"),
        max_tokens=_whole(_number(asked, "max_tokens")),
        schema=schema,
    )
    result: JsonObject = {"output": answer.text if schema is None else json.loads(answer.text), "model": answer.model}
    if answer.usage is not None:
        result["usage"] = answer.usage
    warnings += failures
    return Outcome({**result, "warnings": warnings} if warnings else result)


async def _with_stored_agent(ctx: BlockContext, config: JsonObject) -> tuple[JsonObject, list[Json]]:
    """The config with what a stored agent brings in place of the block's own; an id nobody knows changes nothing.

    Its model, its system prompt where it has one, its knowledge bases and its settings count; what it leaves open is
    the block's (W25).
    """
    agent_id = text_of(config.get("agent_id") or "").strip()
    if not agent_id:
        return config, []
    if _check_id(agent_id) is not None:
        raise BlockError(
            f"{agent_id[:60]!r} is no agent's id; choose an agent in the block's settings.", retryable=False
        )
    agent = await ctx.stored_agent(agent_id)
    if agent is None:
        return config, [f"There is no stored agent with the id {agent_id}; the block's own settings were used."]
    brought: JsonObject = {"model": agent.model, "knowledge_bases": [{"id": item} for item in agent.knowledge_bases]}
    if agent.system_prompt:
        brought["system_prompt"] = agent.system_prompt
    kept = {key: agent.settings[key] for key in ("temperature", "max_tokens") if agent.settings.get(key) is not None}
    return {**config, **brought, **kept}, []


async def _found_knowledge(ctx: BlockContext, knowledge_bases: Json, prompt: str) -> tuple[str, list[Json]]:
    """Text that the connected server's knowledge bases hold about the prompt, and what kept one from being asked."""
    found: list[str] = []
    failures: list[Json] = []
    rows = knowledge_bases if isinstance(knowledge_bases, list) else []
    for knowledge_base_id in [row["id"] for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)]:
        try:
            path = f"/api/knowledge-bases/{_checked_id(knowledge_base_id)}/search"
            reply = await ctx.call_platform("POST", path, body={"query": prompt})
        except BlockError as error:
            failures.append(f"The knowledge base {knowledge_base_id} could not be asked: {error}")
            continue
        value = reply.value()
        if reply.is_success and isinstance(value, dict) and isinstance(value.get("results"), list):
            found += [str(item["text"]) for item in value["results"] if isinstance(item, dict) and item.get("text")]
        else:
            failures.append(f"The knowledge base {knowledge_base_id} could not be asked (status {reply.status}).")
    return "\n\n".join(found)[:MAX_CONTEXT_CHARACTERS], failures


def _checked_id(value: str) -> str:
    try:
        return str(uuid.UUID(value.strip()))
    except ValueError:
        raise BlockError("it has no such id.", retryable=False) from None


def _schema(value: Json) -> JsonObject | None:
    """The JSON schema that the answer must fit, None for any text.

    Raises:
        BlockError: it is no schema.
    """
    if value in (None, "", {}):
        return None
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise BlockError(f"The answer's schema is no JSON: {error}.", retryable=False) from None
    if not isinstance(value, dict):
        raise BlockError('The answer\'s schema must be an object such as {"type": "object"}.', retryable=False)
    return value


def check(config: JsonObject) -> list[FieldProblem]:
    """Whether the schema can be read."""
    try:
        _schema(config.get("output_schema"))
    except BlockError as error:
        return [FieldProblem("output_schema", str(error))]
    return []


def summary(config: JsonObject) -> str:
    """Which model is asked what; a stored agent is named where its name is known."""
    shown = shown_prompt(config)
    if config.get("agent_id"):
        return shown or "no prompt yet"
    who = text_of(config.get("model") or DEFAULT_MODEL)
    return f"{who}: {shown}" if shown else who


def _effects(config: JsonObject) -> tuple[Effect, ...]:
    agent_id, model = text_of(config.get("agent_id") or ""), text_of(config.get("model") or "")
    found = [Effect("agent", agent_id)] if agent_id else []
    if not agent_id or model not in ("", DEFAULT_MODEL):
        found.append(Effect("model", model))  # also where an agent is stored: nobody may know its id
    if config.get("knowledge_bases"):
        found.append(Effect("platform", "POST /api/knowledge-bases/{id}/search"))
    return tuple(found)


def _check_id(value: Json) -> str | None:
    try:
        uuid.UUID(text_of(value))
    except ValueError:
        return "This is no agent's id; choose an agent from the list."
    return None


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


def _output_fields(config: JsonObject) -> tuple[OutputField, ...]:
    kind = "object" if config.get("output_schema") else "text"
    return (
        OutputField("output", kind, "The answer."),
        OutputField("model", "text", "The model that answered."),
        OutputField("usage", "object", "How much was read and written, where the model tells it."),
        OutputField("usage.total_tokens", "number", "Pieces of text read and written together."),
        OutputField("warnings", "list", "What did not go as set, only when something did not."),
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
    check=check,
    fields=(
        Field(
            "agent_id",
            "Stored agent",
            "agent",
            help="An agent that is kept in your library or on the server. It brings its own model and system prompt.",
            default="",
            check=_check_id,
        ),
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
            visible=_INLINE,
        ),
        Field(
            "system_prompt",
            "System prompt",
            "long_text",
            help="How the model shall behave whatever it is asked, such as its tone or what it must leave out.",
            placeholder="You are a careful editor.",
            visible=_INLINE,
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
            visible=_INLINE,
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
            visible=_INLINE,
        ),
        Field(
            "output_schema",
            "Answer as data",
            "schema",
            help="Values that the answer must have, so that later blocks can refer to them. None for plain text.",
            advanced=True,
        ),
    ),
    output_fields=_output_fields,
    summary=summary,
    effects=_effects,
)
