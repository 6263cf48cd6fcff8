"""What went wrong at a model's provider, in words that say what to do. No key ever gets into such a text."""

from typing import Any

from pydantic_ai import exceptions as reasons

from engine.errors import ModelError
from engine.llm.settings import ANTHROPIC_KEY, OPENAI_KEY

_MAX_DETAIL = 300


def in_words(error: Exception, name: str, secret: str) -> ModelError:
    """The error to show for what pydantic-ai raised about the model `name`; `secret` is cut out of quoted replies."""
    detail = _detail(error, secret)
    said = f" The provider says: {detail}" if detail else ""
    for kind, sentence, retryable in _SENTENCES:
        if isinstance(error, kind):
            hint = sentence.format(name=name, key=_key_name(name), wait=_wait(error))
            return ModelError(hint + said, retryable=retryable)
    status = getattr(error, "status_code", None)
    what = f"answered with status {status}" if status else f"failed ({type(error).__name__})"
    return ModelError(f'The provider of the model "{name}" {what}.{said}')


# The first that fits counts, so a kind stands before the more general one it belongs to.
_SENTENCES: tuple[tuple[type[Exception], str, bool], ...] = (
    (
        reasons.ModelAuthenticationError,
        'The key for the model "{name}" was refused: check {key} in the environment or the keyring, and that '
        "it may use this model.",
        False,
    ),
    (
        reasons.ModelNotFoundError,
        'The server does not know the model "{name}": check the spelling of its name and the address of the server.',
        False,
    ),
    (
        reasons.ModelContextWindowExceededError,
        'The prompt is too long for the model "{name}": shorten it, or choose a model that reads more.',
        False,
    ),
    (reasons.ModelRequestRejectedError, 'The provider of the model "{name}" refused the request as it is.', False),
    (reasons.ModelQuotaExceededError, 'The account behind {key} has no credit left for the model "{name}".', False),
    (reasons.ModelRateLimitError, 'Too many requests to the model "{name}": try again {wait}.', True),
    (reasons.ModelUnavailableError, 'The model "{name}" is overloaded or away: try again {wait}.', True),
    (reasons.ModelServerError, 'The provider of the model "{name}" has a fault on its side: try again {wait}.', True),
    (
        reasons.ModelTimeoutError,
        'The model "{name}" did not answer in time: try again {wait}, or send it a shorter prompt.',
        True,
    ),
    (
        reasons.ModelConnectionError,
        'No connection to the server of the model "{name}", or it broke off: check the network, that the server runs, '
        "and its address (OPENAI_BASE_URL, ANTHROPIC_BASE_URL).",
        True,
    ),
    (reasons.UnexpectedModelBehavior, 'The model "{name}" gave an answer that cannot be read.', True),
)


def _key_name(name: str) -> str:
    return ANTHROPIC_KEY if name.startswith(("claude-", "anthropic")) else OPENAI_KEY


def _wait(error: Exception) -> str:
    seconds = getattr(error, "retry_after", None)
    return f"in {seconds:.0f} seconds" if seconds else "in a moment"


def _detail(error: Exception, secret: str) -> str:
    """The provider's own sentence, on one line, shortened, without the key."""
    text = _message_in(getattr(error, "body", None)) or ""
    if secret:
        text = text.replace(secret, "…")
    folded = " ".join(_without_masked_keys(text).split())
    return folded if len(folded) <= _MAX_DETAIL else folded[: _MAX_DETAIL - 1] + "…"


def _message_in(body: Any) -> str | None:
    if isinstance(body, dict):
        inner = body.get("error", body)
        found = inner.get("message") if isinstance(inner, dict) else inner
        return found if isinstance(found, str) else None
    return body if isinstance(body, str) and not body.lstrip().startswith("<") else None


def _without_masked_keys(text: str) -> str:
    """OpenAI repeats a refused key with its middle starred out; its ends are nobody's business either."""
    return " ".join("…" if word.startswith(("sk-", "sk_")) else word for word in text.split())
