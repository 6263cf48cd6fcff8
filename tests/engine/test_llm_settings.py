"""Where keys come from, and the models that are offered."""

from collections.abc import Iterator

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

from engine.llm import DEFAULT_MODEL, KEY_NAMES, ModelSettings, available_models, store_key, stored_key


class MemoryKeyring(KeyringBackend):
    """A keyring that forgets everything when the test ends."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.is_locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.is_locked:
            raise KeyringLocked
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError


@pytest.fixture
def memory() -> Iterator[MemoryKeyring]:
    before, backend = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


def test_key_is_kept_in_the_keyring_and_forgotten(memory: MemoryKeyring) -> None:
    """A key goes to the keyring without the spaces that pasting adds; an empty one removes it, twice without harm."""
    store_key("OPENAI_API_KEY", " sk-1 \n")
    assert stored_key("OPENAI_API_KEY") == "sk-1"

    store_key("OPENAI_API_KEY", "")
    store_key("OPENAI_API_KEY", "")
    assert stored_key("OPENAI_API_KEY") is None


def test_environment_wins_over_the_keyring(memory: MemoryKeyring) -> None:
    """A key set for this one process is the one that is meant."""
    store_key("OPENAI_API_KEY", "from the keyring")

    from_both = ModelSettings.from_environment({"OPENAI_API_KEY": "from the environment"})

    assert from_both.find_key("OPENAI_API_KEY") == "from the environment"
    assert ModelSettings().find_key("OPENAI_API_KEY") == "from the keyring"
    assert ModelSettings(use_keyring=False).find_key("OPENAI_API_KEY") is None


def test_locked_keyring_is_no_key(memory: MemoryKeyring) -> None:
    """A keyring that cannot be opened is told like a key that is missing."""
    memory.is_locked = True

    assert ModelSettings().find_key("OPENAI_API_KEY") is None


@pytest.mark.parametrize(
    ("address", "is_own"),
    [("", False), ("https://api.openai.com/v1", False), ("http://localhost:11434/v1", True), ("nonsense", True)],
)
def test_own_server_is_told_from_openai(address: str, is_own: bool) -> None:
    """Only OpenAI's own address insists on a key."""
    assert ModelSettings(openai_base_url=address).is_own_server is is_own


def test_offered_models_begin_with_the_one_that_always_works() -> None:
    """The offline model is first, says what it does, and needs no key; the others name theirs."""
    first, *others = available_models()

    assert (first.name, first.needs_key) == (DEFAULT_MODEL, "")
    assert "selects" in first.help
    assert all(choice.needs_key in KEY_NAMES for choice in others)
