"""Saved connections: names and addresses in a file, keys in a key store and nowhere else."""

from pathlib import Path

import pytest

from engine.client import Connection, Connections
from engine.client.keys import KeyringKeys, MemoryKeys, key_store
from engine.client.saved import UnknownConnection

KEY = "key-that-nobody-may-see"


def test_a_saved_server_is_there_again_and_its_key_is_not_in_the_file(tmp_path: Path) -> None:
    """The file holds what anybody may read."""
    keys = MemoryKeys()
    path = tmp_path / "connections.json"

    saved = Connections(path, keys).save(Connection("Work", "flows.example/api", KEY))
    again = Connections(path, keys)

    found = again.find("Work")
    assert (found.url, found.key) == ("https://flows.example", "")
    assert again.with_key(found).key == KEY
    assert again.active == found
    assert KEY not in path.read_text()
    assert saved.connection_id == found.connection_id


def test_a_change_keeps_the_place_and_a_removal_forgets_the_key(tmp_path: Path) -> None:
    """The list stays in order; nothing is left of what was removed."""
    keys = MemoryKeys()
    connections = Connections(tmp_path / "connections.json", keys)
    first = connections.save(Connection("One", "http://localhost:1", KEY))
    connections.save(Connection("Two", "http://localhost:2"))

    connections.save(Connection("First", first.url, "", first.connection_id))
    names = [item.name for item in connections.all()]
    connections.remove(first.connection_id)

    assert names == ["First", "Two"]
    assert [item.name for item in connections.all()] == ["Two"]
    assert connections.active is None
    assert keys.get(first.connection_id) == ""
    with pytest.raises(UnknownConnection, match="“Two”"):
        connections.find("First")


def test_a_damaged_file_is_kept_aside(tmp_path: Path) -> None:
    """It counts as empty, and the next save does not destroy it."""
    path = tmp_path / "connections.json"
    path.write_text("{ not json")

    connections = Connections(path, MemoryKeys())
    connections.save(Connection("New", "http://localhost:1"))

    assert [item.name for item in connections.all()] == ["New"]
    assert (tmp_path / "connections.damaged.json").read_text() == "{ not json"


def test_without_a_keyring_keys_last_for_the_session() -> None:
    """And the store says so, for the person to know."""
    store = key_store()

    store.set("a", KEY)

    assert not store.is_lasting
    assert store.get("a") == KEY


def test_a_keyring_that_fails_keeps_the_key_for_the_session() -> None:
    """Nobody has to type it again because a service went away."""
    store = KeyringKeys()  # the tests' keyring refuses everything

    store.set("a", KEY)

    assert store.get("a") == KEY
    assert not store.is_lasting
    store.set("a", "")
    assert store.get("a") == ""


def test_two_windows_do_not_write_over_each_others_connections(tmp_path: Path) -> None:
    """Each keeps what the other has saved, and shows it when it looks again."""
    path = tmp_path / "connections.json"
    one, other = Connections(path, MemoryKeys()), Connections(path, MemoryKeys())

    first = one.save(Connection("One", "http://127.0.0.1:1"))
    other.save(Connection("Other", "http://127.0.0.1:2"))
    one.activate(first.connection_id)

    assert [item.name for item in one.all()] == ["One", "Other"]
    other.reload()
    assert other.active == first
    assert path.stat().st_mode & 0o777 == 0o600
