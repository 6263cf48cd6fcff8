"""The prompt of blocks that ask models: it may stand under several keys, because servers disagree about its name."""

from engine.document import JsonObject
from engine.references import text_of

PROMPT_KEYS = ("input", "message", "messages", "prompt")
"""Where a prompt may stand, in the order in which they are asked (X3)."""
MAX_SHOWN = 60


def prompt_of(config: JsonObject) -> str:
    """The first prompt that is not empty, as text."""
    prompts = (config.get(key) for key in PROMPT_KEYS)
    return next((text_of(prompt) for prompt in prompts if prompt not in (None, "", [], {})), "")


def shown_prompt(config: JsonObject) -> str:
    """The beginning of the prompt on one line, for a card; "" when there is none."""
    text = " ".join(prompt_of(config).split())
    return f"{text[:MAX_SHOWN]}…" if len(text) > MAX_SHOWN else text
