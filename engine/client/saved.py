"""The servers a person has connected: names and addresses in one small file, keys in a key store."""

import json
from pathlib import Path

import msgspec
import platformdirs

from engine.client.connection import Connection, tidy_address
from engine.client.keys import KeyStore, key_store
from engine.document import new_id
from engine.errors import BlockloomError
from engine.safewrite import replace_file


class UnknownConnection(BlockloomError):
    """No saved connection has this name."""


class _Saved(msgspec.Struct, frozen=True):
    id: str
    name: str
    url: str


class _File(msgspec.Struct, frozen=True):
    connections: tuple[_Saved, ...] = ()
    active: str = ""


class Connections:
    """The saved servers, one of them the active one. Reads the file at first and before every change, which it writes.

    So what another window has saved meanwhile is kept; `reload` shows it.

    A file that cannot be read counts as empty and is kept aside when something is saved.
    """

    def __init__(self, path: Path | None = None, keys: KeyStore | None = None) -> None:
        self._path = path or Path(platformdirs.user_config_dir("blockloom", appauthor=False)) / "connections.json"
        self._keys = keys
        self._file, self._is_damaged = _read(self._path)

    def reload(self) -> None:
        """Take over what other programs have saved."""
        self._file, self._is_damaged = _read(self._path)

    @property
    def keys(self) -> KeyStore:
        """Where the keys are; found out when first asked for, which may wait."""
        if self._keys is None:
            self._keys = key_store()
        return self._keys

    def all(self) -> list[Connection]:
        """Every saved server, without its key."""
        return [Connection(item.name, item.url, "", item.id) for item in self._file.connections]

    @property
    def active(self) -> Connection | None:
        """The server that is used when none is named, without its key; None when none is."""
        return next((item for item in self.all() if item.connection_id == self._file.active), None)

    def with_key(self, connection: Connection) -> Connection:
        """The connection with its key; may ask the keyring."""
        return connection.with_key(connection.key or self.keys.get(connection.connection_id))

    def find(self, name: str) -> Connection:
        """The saved server of this name or id, without its key.

        Raises:
            UnknownConnection: there is none.
        """
        for item in self.all():
            if name in (item.connection_id, item.name):
                return item
        known = ", ".join(f"“{item.name}”" for item in self.all()) or "none is saved"
        raise UnknownConnection(f"There is no connection called “{name}” ({known}).")

    def save(self, connection: Connection) -> Connection:
        """Keep a new or changed server, and its key when it has one; returns it with its id."""
        self.reload()
        connection_id = connection.connection_id or new_id()
        row = _Saved(connection_id, connection.name, tidy_address(connection.url))
        others = tuple(item for item in self._file.connections if item.id != connection_id)
        rows = tuple(row if item.id == connection_id else item for item in self._file.connections)
        rows = rows if len(others) < len(self._file.connections) else (*rows, row)
        self._write(_File(rows, self._file.active or connection_id))
        if connection.key:
            self.keys.set(connection_id, connection.key)
        return Connection(row.name, row.url, connection.key, connection_id)

    def remove(self, connection_id: str) -> None:
        """Forget a server and its key."""
        self.reload()
        rows = tuple(item for item in self._file.connections if item.id != connection_id)
        active = "" if self._file.active == connection_id else self._file.active
        self._write(_File(rows, active))
        self.keys.set(connection_id, "")

    def activate(self, connection_id: str) -> None:
        """Use this server when none is named; "" for none."""
        self.reload()
        self._write(msgspec.structs.replace(self._file, active=connection_id))

    def _write(self, file: _File) -> None:
        if self._is_damaged:
            self._path.replace(self._path.with_suffix(".damaged.json"))
            self._is_damaged = False
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path.touch(mode=0o600)  # which the file then keeps
        content = json.dumps(msgspec.to_builtins(file), indent=2, ensure_ascii=False)
        replace_file(self._path, content.encode(), keep_old=False)
        self._file = file


def _read(path: Path) -> tuple[_File, bool]:
    """What the file holds, and whether there is a file that cannot be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=_File), False
    except FileNotFoundError:
        return _File(), False
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _File(), True
