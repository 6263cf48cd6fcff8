"""Keys of connections: in the system's keyring, or for this session only where there is none."""

from typing import Protocol

SERVICE = "blockloom"


class KeyStore(Protocol):
    """Where keys are kept. Asking may wait for a person to unlock it, so not on a UI thread."""

    is_lasting: bool
    """Whether keys are still there after the program ended."""

    def get(self, connection_id: str) -> str:
        """The key of this connection, "" when there is none."""

    def set(self, connection_id: str, key: str) -> None:
        """Keep a key; an empty one is forgotten."""


class MemoryKeys:
    """Keys that end with the program."""

    is_lasting = False

    def __init__(self) -> None:
        self._keys: dict[str, str] = {}

    def get(self, connection_id: str) -> str:
        """The key of this connection, "" when there is none."""
        return self._keys.get(connection_id, "")

    def set(self, connection_id: str, key: str) -> None:
        """Keep a key; an empty one is forgotten."""
        self._keys[connection_id] = key


class KeyringKeys:
    """Keys in the system's keyring. One that stops working keeps what it is given for the session."""

    def __init__(self) -> None:
        self.is_lasting = True
        self._session = MemoryKeys()

    def get(self, connection_id: str) -> str:
        """The key of this connection, "" when there is none."""
        import keyring
        from keyring.errors import KeyringError

        held = self._session.get(connection_id)
        if held:
            return held
        try:
            return keyring.get_password(SERVICE, _entry(connection_id)) or ""
        except (KeyringError, RuntimeError, OSError):
            self.is_lasting = False
            return ""

    def set(self, connection_id: str, key: str) -> None:
        """Keep a key; an empty one is forgotten. Where the keyring refuses, for this session."""
        import keyring
        from keyring.errors import KeyringError, PasswordDeleteError

        try:
            if key:
                keyring.set_password(SERVICE, _entry(connection_id), key)
                self._session.set(connection_id, "")
            else:
                self._session.set(connection_id, "")
                keyring.delete_password(SERVICE, _entry(connection_id))
        except PasswordDeleteError:
            return
        except (KeyringError, RuntimeError, OSError):
            self.is_lasting = False
            self._session.set(connection_id, key)


def key_store() -> KeyStore:
    """The keyring where this machine has one that works, else memory."""
    import keyring
    from keyring.backends.fail import Keyring as NoKeyring

    return MemoryKeys() if isinstance(keyring.get_keyring(), NoKeyring) else KeyringKeys()


def _entry(connection_id: str) -> str:
    return f"connection:{connection_id}"
