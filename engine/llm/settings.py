"""Where models are reached and with which keys. Keys live in the keyring or the environment, never in a file."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

from engine.llm.port import LOCAL_MODEL

KEYRING_SERVICE = "blockloom"
OPENAI_KEY = "OPENAI_API_KEY"
ANTHROPIC_KEY = "ANTHROPIC_API_KEY"
KEY_NAMES = (OPENAI_KEY, ANTHROPIC_KEY)
OPENAI_URL = "https://api.openai.com/v1"


@dataclass(frozen=True)
class ModelSettings:
    """How models are reached. An empty URL means the provider's own address.

    `keys` holds keys by name and wins over the keyring; it is not part of `repr`. `answer_timeout_s` is the longest
    silence while an answer is awaited. `retries` counts further attempts after a refused or broken one.
    """

    default_model: str = ""
    openai_base_url: str = ""
    anthropic_base_url: str = ""
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    use_keyring: bool = True
    connect_timeout_s: float = 15
    answer_timeout_s: float = 240
    retries: int = 2

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Settings as environment variables give them: `OPENAI_BASE_URL`, `ANTHROPIC_BASE_URL` and the two keys."""
        values = os.environ if environment is None else environment
        return cls(
            default_model=values.get("BLOCKLOOM_MODEL", ""),
            openai_base_url=values.get("OPENAI_BASE_URL", ""),
            anthropic_base_url=values.get("ANTHROPIC_BASE_URL", ""),
            keys={name: values[name] for name in KEY_NAMES if values.get(name)},
        )

    @property
    def is_own_server(self) -> bool:
        """Whether the OpenAI-compatible address is somebody else's than OpenAI's: such servers often need no key."""
        host = urlsplit(self.openai_base_url).hostname or ""
        return bool(self.openai_base_url) and host != "api.openai.com"

    def find_key(self, name: str) -> str | None:
        """The key called `name`, None where there is none. May ask the keyring, which can wait: not for a UI thread."""
        given = self.keys.get(name, "").strip()
        if given or not self.use_keyring:
            return given or None
        return stored_key(name)


def number_setting(settings: Mapping[str, Any], key: str) -> float | None:
    """A number among an agent's stored settings, given as number or text; None for anything else."""
    value = settings.get(key)
    if isinstance(value, bool) or value in (None, ""):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def is_anthropic(name: str) -> bool:
    """Whether Anthropic has the model of this name."""
    return name.startswith(("claude-", "anthropic/", "anthropic:"))


def key_name_of(model: str) -> str:
    """Which key a model is asked with."""
    return ANTHROPIC_KEY if is_anthropic(model) else OPENAI_KEY


def missing_key(model: str, settings: ModelSettings) -> str | None:
    """What a model needs that is not there, and what to do about it; None when nothing is missing."""
    key_name = key_name_of(model)
    if settings.find_key(key_name) or (settings.is_own_server and not is_anthropic(model)):
        return None
    own = "" if is_anthropic(model) else " A server of your own is named by OPENAI_BASE_URL, and may need no key."
    return (
        f'The model "{model}" needs a key, and {key_name} is not set. {where_to_put(key_name)}{own} '
        f"The model {LOCAL_MODEL} works without a key."
    )


def where_to_put(key_name: str) -> str:
    """What to do with a key that is missing, in a sentence."""
    return (
        f"Keep it in the settings (Models), set the environment variable {key_name}, or put it into the system's "
        f"keyring with: keyring set {KEYRING_SERVICE} {key_name}."
    )


def stored_key(name: str) -> str | None:
    """The key of this name in the system's keyring; None when there is none, or no keyring."""
    import keyring
    from keyring.errors import KeyringError

    try:
        return keyring.get_password(KEYRING_SERVICE, name) or None
    except (KeyringError, RuntimeError, OSError):
        # A machine without a keyring service, or a locked one, is a machine without keys.
        return None


def store_key(name: str, key: str) -> None:
    """Keep a key in the system's keyring; an empty one is forgotten.

    Raises:
        keyring.errors.KeyringError: this machine has no keyring that works.
    """
    import keyring
    from keyring.errors import PasswordDeleteError

    if key.strip():
        keyring.set_password(KEYRING_SERVICE, name, key.strip())
        return
    try:
        keyring.delete_password(KEYRING_SERVICE, name)
    except PasswordDeleteError:
        return


def keep_key(name: str, key: str) -> bool:
    """As `store_key`; False where this machine has no keyring that works, and nothing was kept or forgotten."""
    from keyring.errors import KeyringError

    try:
        store_key(name, key)
    except (KeyringError, RuntimeError, OSError):
        return False
    return True
