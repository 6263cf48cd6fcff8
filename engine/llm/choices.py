"""The models that forms offer. Any other name may be typed: it goes to the OpenAI-compatible server."""

from engine.llm.port import LOCAL_MODEL, ModelChoice
from engine.llm.settings import ANTHROPIC_KEY, OPENAI_KEY

_LOCAL_HELP = (
    "Works without a key and without network. It selects the sentences that carry a text and gives them word for word; "
    "it writes nothing itself."
)
_OPENAI_HELP = f"Needs {OPENAI_KEY}, or an OpenAI-compatible server of your own that knows this name."
_ANTHROPIC_HELP = f"Needs {ANTHROPIC_KEY}."


def available_models() -> list[ModelChoice]:
    """The offline model first, then those of the providers by family.

    Source: contract 3.6, without the two families that no provider here reaches.
    """
    return [
        ModelChoice(LOCAL_MODEL, "Offline: selects sentences", "Blockloom", help=_LOCAL_HELP),
        *(ModelChoice(name, name, "OpenAI-compatible", OPENAI_KEY, _OPENAI_HELP) for name in _OPENAI),
        *(ModelChoice(name, name, "Anthropic", ANTHROPIC_KEY, _ANTHROPIC_HELP) for name in _ANTHROPIC),
    ]


_OPENAI = ("gpt-5.4-mini", "gpt-5.4", "gpt-4.1-mini", "gpt-4o-mini")
_ANTHROPIC = ("claude-sonnet-4-6", "claude-opus-4-6", "claude-haiku-4-5")
