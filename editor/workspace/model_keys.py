"""Keys of model providers: from the environment, in the system's keyring, or for this session where there is none.

Methods that ask the keyring may wait for a person to unlock it, so they are called off the UI thread.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from engine import llm

KeyPlace = Literal["environment", "keyring", "session", "none"]


@dataclass(frozen=True)
class Provider:
    """Who gets the key called `key_name`."""

    key_name: str
    label: str


PROVIDERS = (Provider("OPENAI_API_KEY", "OpenAI, or a compatible server"), Provider("ANTHROPIC_API_KEY", "Anthropic"))


class ModelKeys:
    """The keys of `PROVIDERS`. None of them is ever shown again."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment
        self._session: dict[str, str] = {}

    def place(self, key_name: str) -> KeyPlace:
        """Where the key that counts is kept: the environment wins. Asks the keyring."""
        if self._environment.get(key_name, "").strip():
            return "environment"
        if self._session.get(key_name):
            return "session"
        return "keyring" if llm.stored_key(key_name) else "none"

    def keep(self, key_name: str, key: str) -> KeyPlace:
        """Keep a key, in the keyring where there is one; an empty one is forgotten. Asks the keyring."""
        key = key.strip()
        self._session.pop(key_name, None)
        if not llm.keep_key(key_name, key) and key:
            self._session[key_name] = key
        return self.place(key_name)

    def given(self) -> dict[str, str]:
        """The keys that are not in the keyring, by name."""
        names = [provider.key_name for provider in PROVIDERS]
        from_environment = {name: self._environment[name] for name in names if self._environment.get(name, "").strip()}
        return {**self._session, **from_environment}
