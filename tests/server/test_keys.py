"""The API key of a server: made once, kept where only its owner reads it, and recognised by its hash."""

import stat
from pathlib import Path
from typing import Any

import keyring
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyring.backend import KeyringBackend

from engine.server.keys import HASH_FILE, KEY_FILE, ApiKey, KeyUnusable, key_of


class MemoryKeyring(KeyringBackend):
    """A keyring that works, for this test alone."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password


@pytest.fixture
def own_keyring() -> Any:
    before, mine = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(mine)
    yield mine
    keyring.set_keyring(before)


def test_a_key_is_made_once_and_recognised_ever_after(tmp_path: Path) -> None:
    """Its text is told at the first start only; 256 bits, so nobody guesses it."""
    first = key_of(tmp_path)
    again = key_of(tmp_path)

    assert first.made is not None
    assert len(first.made) >= 43
    assert again.made is None
    assert again.key.matches(first.made)
    assert not again.key.matches(first.made + "x")
    assert key_of(tmp_path / "..").made != first.made


def test_without_a_keyring_the_key_lies_in_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    """It would be lost otherwise; where it is, is said."""
    kept = key_of(tmp_path)

    path = tmp_path / KEY_FILE
    assert path.read_text().strip() == kept.made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert str(path) in kept.place


def test_with_a_keyring_the_folder_has_only_a_hash(tmp_path: Path, own_keyring: MemoryKeyring) -> None:
    """Whoever reads the folder, a backup of it for instance, cannot use the server."""
    kept = key_of(tmp_path)

    assert list(own_keyring.kept.values()) == [kept.made]
    assert [path.name for path in tmp_path.iterdir()] == [HASH_FILE]
    assert kept.made is not None
    assert kept.made not in (tmp_path / HASH_FILE).read_text()
    assert "keyring get blockloom server:" in kept.place
    assert key_of(tmp_path).key.matches(kept.made)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """Its secret may be known already."""
    key_of(tmp_path)
    (tmp_path / KEY_FILE).chmod(0o644)

    with pytest.raises(KeyUnusable, match="can be read by others"):
        key_of(tmp_path)


@pytest.mark.parametrize("content", ["", "zz", "0" * 63])
def test_a_damaged_hash_is_told(tmp_path: Path, content: str) -> None:
    """It must not turn into a server that nobody can use."""
    (tmp_path / HASH_FILE).write_text(content)
    (tmp_path / HASH_FILE).chmod(0o600)

    with pytest.raises(KeyUnusable, match="next start makes a new key"):
        key_of(tmp_path)


@pytest.mark.parametrize("key", ["", "two words", "naïve", "tab\t", "line\n"])
def test_a_key_that_no_header_can_carry_is_refused(key: str) -> None:
    """It would lock everybody out."""
    with pytest.raises(KeyUnusable):
        ApiKey.of(key)


@given(st.text() | st.binary())
def test_any_token_can_be_compared(token: str | bytes) -> None:
    """Whatever a caller sends is the key or is not."""
    try:
        data = token.encode() if isinstance(token, str) else token
    except UnicodeEncodeError:
        return
    assert ApiKey.of("right").matches(token) == (data == b"right")
