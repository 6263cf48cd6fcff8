"""What a caller says to a language model and hears back, whoever provides it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from engine.document import JsonObject

LOCAL_MODEL = "local/extractive"
DEFAULT_MODEL = LOCAL_MODEL
"""The model of a block that names none: works offline and never costs anything, even where a key is at hand."""

OnText = Callable[[str], None]
"""Takes each piece of an answer as it arrives. All pieces together are the answer's text."""


class Turn(NamedTuple):
    """Something that was said before: `role` is "user" or "assistant"."""

    role: str
    text: str


@dataclass(frozen=True)
class ModelRequest:
    """One question to a model. `schema` is a JSON schema that the answer must fit; the answer is then JSON text.

    `history` is what was said before in the same conversation, oldest first; the offline model passes it over.
    A `model` of "" is the one chosen in the settings, else `DEFAULT_MODEL`. `max_tokens` limits the answer.
    """

    model: str
    prompt: str
    system_prompt: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    schema: JsonObject | None = None
    history: tuple[Turn, ...] = ()


@dataclass(frozen=True)
class Completion:
    """An answer. `usage` has the keys `prompt_tokens completion_tokens total_tokens`, and where the provider tells
    them `reasoning_tokens cached_tokens` (contract 3.6). None: the provider counted nothing.

    The offline model counts words instead of tokens, and adds `note` when it read only a part of a very long text.
    """

    text: str
    model: str
    usage: JsonObject | None = None


@dataclass(frozen=True)
class ModelChoice:
    """A model that forms offer. `needs_key` is the name of the key it cannot work without, "" when it needs none."""

    name: str
    label: str
    provider: str
    needs_key: str = ""
    help: str = ""
