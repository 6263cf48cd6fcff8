"""Models behind a network, through pydantic-ai: one streamed request for each question.

pydantic-ai takes about a second to import, so that happens inside functions only. It reports to nobody unless an
application asks it to instrument requests, and this module asks it not to.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from engine.document import JsonObject
from engine.errors import ModelError
from engine.llm.port import Completion, ModelRequest, OnText
from engine.llm.settings import OPENAI_URL, ModelSettings, is_anthropic, key_name_of, missing_key

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse
    from pydantic_ai.models import Model
    from pydantic_ai.models import ModelRequestParameters as Parameters
    from pydantic_ai.settings import ModelSettings as RequestSettings
    from pydantic_ai.usage import RequestUsage, RunUsage

_NO_KEY = "no-key"


async def complete(name: str, request: ModelRequest, on_text: OnText, settings: ModelSettings) -> Completion:
    """The answer of the provider that has the model `name`; pieces go to `on_text` as they arrive.

    Raises:
        ModelError: no key, or the provider refused, broke off, or answered without text; the key is in no text.
    """
    if not request.prompt.strip():
        raise ModelError(
            f'The prompt for the model "{name}" is empty: write one, or check its references.', retryable=False
        )
    async with opened_model(name, settings) as (model, key):
        return await ask(model, name, request, on_text, secret=key, tells_why_it_ends=True)


@asynccontextmanager
async def opened_model(name: str, settings: ModelSettings) -> "AsyncIterator[tuple[Model, str]]":
    """The pydantic-ai model of this name, and the key that it is asked with.

    Raises:
        ModelError: it needs a key that is not there.
    """
    key = await _key_for(name, settings)
    async with _model(name, key, settings) as model:
        yield model, key


async def ask(
    model: "Model",
    name: str,
    request: ModelRequest,
    on_text: OnText,
    *,
    secret: str = "",
    tells_why_it_ends: bool = False,
) -> Completion:
    """One streamed request to a pydantic-ai model. `secret` is taken out of whatever an error text repeats.

    With `tells_why_it_ends` an answer that ends without a reason counts as broken off: every provider gives one.
    """
    from pydantic_ai.direct import model_request_stream

    from engine.llm.failures import in_words

    try:
        async with model_request_stream(
            model,
            _messages(request),
            model_settings=_request_settings(request),
            model_request_parameters=_parameters(request),
            instrument=False,
        ) as stream:
            async for event in stream:
                piece = _text_of(event)
                if piece:
                    on_text(piece)
            response = stream.get()
    except Exception as error:  # noqa: BLE001 - the border to three libraries that raise errors of their own
        raise in_words(error, name, secret) from None
    completion = _completion(response, name, request)
    # pydantic-ai fills a missing reason with "stop"; what the provider itself said is among the details.
    if tells_why_it_ends and not (response.provider_details or {}).get("finish_reason"):
        length = len(completion.text)
        raise ModelError(f'The answer of the model "{name}" broke off after {length} characters; run it again.')
    return completion


def _bare_name(name: str) -> str:
    return name.removeprefix("anthropic/").removeprefix("anthropic:").removeprefix("openai:")


async def _key_for(name: str, settings: ModelSettings) -> str:
    # A keyring may ask its service, or the user, before it answers.
    problem = await asyncio.to_thread(missing_key, name, settings)
    if problem is not None:
        raise ModelError(problem, retryable=False)
    return await asyncio.to_thread(settings.find_key, key_name_of(name)) or _NO_KEY


@asynccontextmanager
async def _model(name: str, key: str, settings: ModelSettings) -> "AsyncIterator[Model]":
    """A pydantic-ai model with a client of its own, which is closed at the end.

    The client is made in a thread: importing the provider's package and reading certificates takes a second.
    """
    make = _anthropic_model if is_anthropic(name) else _openai_model
    model, client = await asyncio.to_thread(make, _bare_name(name), key, settings)
    async with client:
        yield model


def _openai_model(name: str, key: str, settings: ModelSettings) -> "tuple[Model, Any]":
    from openai import AsyncOpenAI, Timeout
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.profiles.openai import OpenAIModelProfile
    from pydantic_ai.providers.openai import OpenAIProvider
    from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

    client = AsyncOpenAI(
        base_url=settings.openai_base_url or OPENAI_URL,
        api_key=key,
        max_retries=settings.retries,
        timeout=Timeout(settings.answer_timeout_s, connect=settings.connect_timeout_s),
    )
    if not settings.is_own_server:
        return OpenAIChatModel(name, provider=OpenAIProvider(openai_client=client)), client
    # Other servers know the older `max_tokens`; only OpenAI's own newer models insist on its successor.
    profile = OpenAIModelProfile(openai_chat_supports_max_completion_tokens=False)
    return OpenAIChatModel(
        name, provider=OpenAICompatibleProvider("own", openai_client=client, profile=profile)
    ), client


def _anthropic_model(name: str, key: str, settings: ModelSettings) -> "tuple[Model, Any]":
    from anthropic import AsyncAnthropic, Timeout
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    client = AsyncAnthropic(
        base_url=settings.anthropic_base_url or None,
        api_key=key,
        max_retries=settings.retries,
        timeout=Timeout(settings.answer_timeout_s, connect=settings.connect_timeout_s),
    )
    return AnthropicModel(name, provider=AnthropicProvider(anthropic_client=client)), client


def _messages(request: ModelRequest) -> list[Any]:
    """What was said before and what is asked now; the system prompt comes first of all."""
    from pydantic_ai.messages import ModelRequest as Message
    from pydantic_ai.messages import ModelResponse, SystemPromptPart, TextPart, UserPromptPart

    messages: list[Any] = [
        ModelResponse(parts=[TextPart(turn.text)]) if turn.role == "assistant" else Message([UserPromptPart(turn.text)])
        for turn in request.history
    ]
    if not request.system_prompt.strip():
        return [*messages, Message([UserPromptPart(request.prompt)])]
    system = SystemPromptPart(request.system_prompt)
    if messages:
        return [Message([system]), *messages, Message([UserPromptPart(request.prompt)])]
    return [Message([system, UserPromptPart(request.prompt)])]


def _request_settings(request: ModelRequest) -> "RequestSettings":
    from pydantic_ai.settings import ModelSettings as RequestSettings

    chosen = RequestSettings()
    if request.temperature is not None:
        chosen["temperature"] = request.temperature
    if request.max_tokens is not None:
        chosen["max_tokens"] = request.max_tokens
    return chosen


def _parameters(request: ModelRequest) -> "Parameters":
    from pydantic_ai.models import ModelRequestParameters as Parameters
    from pydantic_ai.output import OutputObjectDefinition

    if request.schema is None:
        return Parameters()
    wanted = OutputObjectDefinition(json_schema=request.schema, name="answer")
    return Parameters(output_mode="native", output_object=wanted)


def _text_of(event: Any) -> str:
    """The text that a stream event adds to the answer; reasoning and tool calls add none."""
    from pydantic_ai.messages import PartDeltaEvent, PartStartEvent, TextPart, TextPartDelta

    if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
        return event.part.content
    if isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
        return event.delta.content_delta
    return ""


def _completion(response: "ModelResponse", name: str, request: ModelRequest) -> Completion:
    text = "".join(part.content for part in response.parts if part.part_kind == "text")
    if not text.strip():
        raise ModelError(_why_empty(name, response.finish_reason))
    if request.schema is not None:
        _require_json(text, name)
    return Completion(text, response.model_name or name, usage_of(response.usage))


def _why_empty(name: str, reason: str | None) -> str:
    if reason == "length":
        return (
            f'The model "{name}" used up the allowed tokens before it wrote anything: allow more of them (max_tokens).'
        )
    if reason == "content_filter":
        return f'The provider of the model "{name}" withheld the answer for its content; change the prompt.'
    return f'The model "{name}" answered without any text; run it again or change the prompt.'


def _require_json(text: str, name: str) -> None:
    try:
        json.loads(text)
    except ValueError:
        raise ModelError(f'The model "{name}" was asked for JSON and answered {text[:60]!r}; run it again.') from None


def usage_of(used: "RequestUsage | RunUsage") -> JsonObject | None:
    """Token counts under the platform's names (contract 3.6); None when the provider counted nothing."""
    if not used.input_tokens and not used.output_tokens:
        return None
    total = used.input_tokens + used.output_tokens
    usage = {"prompt_tokens": used.input_tokens, "completion_tokens": used.output_tokens, "total_tokens": total}
    reasoning = getattr(used, "output_reasoning_tokens", 0)
    if reasoning:
        usage["reasoning_tokens"] = reasoning
    if used.cache_read_tokens:
        usage["cached_tokens"] = used.cache_read_tokens
    return usage
