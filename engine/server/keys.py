"""The API key of a server: made when it starts for the first time, and kept where only its owner can read it.

The server itself needs no more than a hash. The key goes to the system's keyring for its owner to look up; on a machine
without one it lies in a file of mode 0600 in the data folder, since it would be lost otherwise.
"""

import hashlib
import hmac
import os
import re
import secrets
import threading
from dataclasses import dataclass
from pathlib import Path

from engine.errors import BlockloomError

KEY_FILE = "api-key"
HASH_FILE = "api-key.sha256"
PREFIX = "bl_"
_KEY_BYTES = 32
_KEYRING_WAIT_S = 5
"""A keyring that is locked may wait for somebody to unlock it; a server has nobody to do that."""
_HEX_DIGEST = re.compile(r"[0-9a-f]{64}")
_VISIBLE = re.compile(r"[!-~]+")


class KeyUnusable(BlockloomError):
    """The API key cannot be used or kept; the text says what to do."""


class ApiKey:
    """A key that this server accepts, known by its hash. Keys are long and random, so a plain hash is enough."""

    def __init__(self, digest: bytes) -> None:
        self._digest = digest

    @classmethod
    def of(cls, key: str) -> "ApiKey":
        """The key that is spelled like this.

        Raises:
            KeyUnusable: it could not be sent in a header.
        """
        if not _VISIBLE.fullmatch(key):
            raise KeyUnusable("The API key must be one word of letters, digits and signs, without spaces.")
        return cls(_hash(key.encode()))

    def matches(self, token: str | bytes) -> bool:
        """Whether the token is this key, in a time that does not depend on where they differ."""
        return hmac.compare_digest(self._digest, _hash(token.encode() if isinstance(token, str) else token))


@dataclass(frozen=True)
class KeptKey:
    """The key of a data folder. `made` is its text when it was made just now, to be shown once; else None.

    `place` says in words where its owner finds it.
    """

    key: ApiKey
    made: str | None
    place: str


def key_of(folder: Path) -> KeptKey:
    """The key of the server whose data are in this folder, made now if it has none.

    Raises:
        KeyUnusable: a file with a key cannot be read or written, holds something else, or can be read by others.
    """
    key_file, hash_file = folder / KEY_FILE, folder / HASH_FILE
    if key_file.exists():
        return KeptKey(ApiKey.of(_read_private(key_file)), None, f"in {key_file}")
    if hash_file.exists():
        digest = _read_private(hash_file)
        if not _HEX_DIGEST.fullmatch(digest):
            raise KeyUnusable(f"{hash_file} holds no key. Delete it, and the next start makes a new key.")
        return KeptKey(ApiKey(bytes.fromhex(digest)), None, _keyring_words(folder))
    made = PREFIX + secrets.token_urlsafe(_KEY_BYTES)
    if _keep_in_keyring(_entry(folder), made):
        _write_private(hash_file, _hash(made.encode()).hex())
        return KeptKey(ApiKey.of(made), made, _keyring_words(folder))
    _write_private(key_file, made)
    return KeptKey(ApiKey.of(made), made, f"in {key_file}, which only you can read")


def _hash(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def _entry(folder: Path) -> str:
    return f"server:{folder.resolve()}"


def _keyring_words(folder: Path) -> str:
    return f"in the system's keyring; “keyring get blockloom {_entry(folder)}” shows it"


def _keep_in_keyring(entry: str, key: str) -> bool:
    """Whether the keyring has the key now, read back to be sure."""
    from engine.llm.settings import store_key, stored_key

    kept = threading.Event()

    def keep() -> None:
        try:
            store_key(entry, key)
        except Exception:  # noqa: BLE001 - backends are foreign and raise anything; without one there is the file
            return
        if stored_key(entry) == key:
            kept.set()

    worker = threading.Thread(target=keep, daemon=True)
    worker.start()
    worker.join(_KEYRING_WAIT_S)
    return kept.is_set()


def _read_private(path: Path) -> str:
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise KeyUnusable(f"{path} can be read by others. Take that away (chmod 600), or delete it for a new key.")
        return path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise KeyUnusable(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}.") from None


def _write_private(path: Path, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{text}\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise KeyUnusable(f"The key cannot be kept in {path}: {error.strerror or error}.") from None
