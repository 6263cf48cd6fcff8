"""Connections: the dialog, keys that are in no file, and the local server as a real process."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QLineEdit

from editor.panels.connections.dialog import KEEP_SETTING, ConnectionsDialog
from editor.workspace import local_server, server_process
from editor.workspace.connections import ENVIRONMENT_ID, ServerConnections
from editor.workspace.local_server import LOCAL_ID, LocalServer
from editor.workspace.network import Network
from editor.workspace.private_json import write_object
from editor.workspace.processes import is_running
from engine import Connection, Connections, PlatformClient
from engine.client.keys import MemoryKeys
from tests.editor.fake_server import KEY, FakeServer
from tests.editor.server_window import ServerPlayer, Windows, server_with_orders, windows


@pytest.fixture
def server() -> FakeServer:
    """A server of ours with one workflow."""
    return server_with_orders()


@pytest.fixture
def play(qtbot: Any, loop: Any, tmp_path: Path, server: FakeServer) -> Iterator[Windows]:
    """Opens windows that share settings, journals and the server."""
    yield from windows(qtbot, loop, tmp_path, server)


def connections_dialog(player: ServerPlayer) -> ConnectionsDialog:
    """The open dialog."""
    player.action("connections")
    dialog: ConnectionsDialog = player.dialog(ConnectionsDialog)
    return dialog


def close(player: ServerPlayer, dialog: ConnectionsDialog) -> None:
    player.press(dialog.close_button)
    player.closed()


def test_a_connection_is_tried_added_and_removed(play: Windows, server: FakeServer, tmp_path: Path) -> None:
    """The test says in words what works, and removing forgets the key."""
    player = play(connected=False)
    dialog = connections_dialog(player)
    form = dialog.form
    form.name.setText("Mine")
    form.url.setText("127.0.0.1:8400/api/")
    form.url.textEdited.emit(form.url.text())
    form.key.edit.setText(f"  {KEY} ")

    player.press(form.test_button)
    player.wait(lambda: form.result.text().startswith("Connected to fake 1 with 1 workflow."))
    player.press(form.save_button)
    player.wait(lambda: player.window.connections.all())

    (saved,) = player.window.connections.all()
    assert (saved.name, saved.url, saved.key) == ("Mine", "http://127.0.0.1:8400", "")
    player.wait(lambda: dialog.heading.text() == "Mine" and not player.window.tasks.is_busy("connections-save"))
    player.press(dialog.remove_button)
    player.answer("remove")
    player.wait(dialog.empty.isVisible)
    assert player.window.connections.all() == []
    close(player, dialog)


def test_a_key_is_never_shown_unasked_and_in_no_file(play: Windows, tmp_path: Path) -> None:
    """The field starts hidden and empty; the file holds name and address alone."""
    player = play()
    dialog = connections_dialog(player)
    player.wait(lambda: dialog.heading.text() == "Team")

    assert dialog.form.key.edit.text() == ""
    assert dialog.form.key.edit.echoMode() == QLineEdit.EchoMode.Password
    assert dialog.form.key.edit.placeholderText() == "Kept. Type to replace it"
    assert KEY not in (tmp_path / "connections.json").read_text()
    close(player, dialog)


def test_where_there_is_no_keyring_it_is_said(play: Windows) -> None:
    """Keys that end with the session are announced before one is typed."""
    player = play()
    dialog = connections_dialog(player)

    player.wait(lambda: "no keyring that works" in dialog.form.key_note.text())
    assert dialog.form.key_note.property("role") == "warning"
    close(player, dialog)


@pytest.mark.parametrize(
    ("url", "warns", "problem"),
    [
        ("http://flows.example.com", True, ""),
        ("https://flows.example.com", False, ""),
        ("http://127.0.0.1:8400", False, ""),
        ("ftp://flows.example.com", False, "must begin with https:// or http://"),
        ("https://me:secret@flows.example.com", False, "must not hold a user name or password"),
    ],
)
def test_an_address_is_judged_while_it_is_typed(play: Windows, url: str, warns: bool, problem: str) -> None:
    """Nothing encrypted to another machine is warned about; what cannot be called is said."""
    player = play(connected=False)
    dialog = connections_dialog(player)
    dialog.form.url.setText(url)
    dialog.form.url.textEdited.emit(url)

    assert bool(dialog.form.warning.text()) is warns
    assert problem in dialog.form.problem.text()
    assert dialog.form.save_button.isEnabled() is not bool(problem)
    close(player, dialog)


def test_closing_the_dialog_while_it_asks_ends_the_asking(play: Windows, server: FakeServer) -> None:
    """A server that does not answer keeps nobody in the dialog."""
    player = play()
    dialog = connections_dialog(player)
    player.wait(lambda: dialog.heading.text() == "Team")
    server.fail("slow", times=100)
    player.press(dialog.form.test_button)
    player.wait(server.is_holding.is_set)

    close(player, dialog)

    player.wait(lambda: not server.is_holding.is_set())


# --- the local server, as a real process ----------------------------------------------------------------------------


class Local:
    """A local server of a test's own, with what it needs around it."""

    def __init__(self, qtbot: Any, loop: Any, folder: Path) -> None:
        self._qtbot, self._loop, self._folder = qtbot, loop, folder
        self._keys = MemoryKeys()
        self.made: list[LocalServer] = []
        self._networks: list[Network] = []

    def new(self, command: tuple[str, ...] | None = None) -> LocalServer:
        """As another window has it: the same folder, connections and keys."""
        network = Network()
        self._networks.append(network)
        connections = ServerConnections(network, Connections(self._folder / "connections.json", self._keys))
        more = {"command": command} if command else {}
        server = LocalServer(connections, self._folder, **more)
        self.made.append(server)
        return server

    def run(self, coroutine: Any) -> Any:
        """What the coroutine returns, while Qt goes on."""
        task = self._loop.create_task(coroutine)
        self._qtbot.waitUntil(task.done, timeout=40_000)
        return task.result()

    def wait(self, condition: Any) -> None:
        """Let Qt work until this holds."""
        self._qtbot.waitUntil(condition, timeout=20_000)

    def close(self) -> None:
        """End every server and thread."""
        for server in self.made:
            self.run(server.stop())
            self.run(server._connections.close())
        for network in self._networks:
            network.close()


@pytest.fixture
def local(qtbot: Any, loop: Any, tmp_path: Path) -> Iterator[Local]:
    """Makes local servers; all have ended when the test ends."""
    made = Local(qtbot, loop, tmp_path)
    yield made
    made.close()


@pytest.mark.slow
def test_the_local_server_starts_serves_and_stops(local: Local, tmp_path: Path) -> None:
    """It is among the connections at once, its key stands in no argument and no file, and its log is private."""
    server = local.new()

    connection = local.run(server.start())

    assert connection is not None, server.state
    assert server.state.kind == "running"
    page = local.run(server._connections.call(connection, PlatformClient.workflows))
    assert page.total == 0
    key = local.run(server._connections.key_of(connection))
    pid = server._pid
    assert pid is not None
    assert key.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    assert "serves http://127.0.0.1:" in server.log_text()
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert key.encode() not in everything
    assert stat.S_IMODE(server.log_path.stat().st_mode) == 0o600
    local.run(server.stop())
    assert server.state.kind == "stopped"
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.slow
def test_a_local_server_that_is_killed_is_noticed_and_started_again(local: Local) -> None:
    """It says how it ended; the next start is at the same address, with what was saved before."""
    server = local.new()
    connection = local.run(server.start())
    local.run(server._connections.call(connection, PlatformClient.create_workflow, "Kept"))
    told: list[str] = []
    server.ended.connect(told.append)
    assert server._pid is not None

    os.kill(server._pid, signal.SIGKILL)
    local.wait(lambda: server.state.kind == "failed")

    assert told == ["It has ended with status -9. Its log says more."]
    again = local.run(server.start())
    assert again is not None
    assert again.url == connection.url
    page = local.run(server._connections.call(again, PlatformClient.workflows))
    assert [row.name for row in page.items] == ["Kept"]


@pytest.mark.slow
def test_a_local_server_that_was_asked_to_stay_is_found_again(local: Local) -> None:
    """The next window takes it over, and can stop it."""
    first = local.new()
    connection = local.run(first.start())
    pid = first._pid
    local.run(first.leave(keeps_running=True))
    assert Path(f"/proc/{pid}").exists()

    second = local.new()
    local.run(second.find())

    assert second.state.kind == "running"
    assert second.state.url == connection.url
    local.run(second.stop())
    assert os.waitpid(pid, 0) == (pid, 0)  # our own child here, and it ended as it should


@pytest.mark.slow
def test_a_window_never_ends_the_server_of_another(local: Local, tmp_path: Path) -> None:
    """Neither by looking for one, nor by leaving, nor by starting one without its key; that is said instead."""
    first = local.new()
    connection = local.run(first.start())
    pid = first._pid
    assert pid is not None
    note = tmp_path / "local-server.json"
    other_window = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        write_object(note, {**json.loads(note.read_text()), "owner": other_window.pid})
        second = local.new()
        local.run(second.find())
        assert second.state.kind == "running"
        local.run(second.leave(keeps_running=False))
        assert is_running(pid)

        keyless = local.new()
        local.run(keyless._connections.save(connection.with_key("not its key")))
        local.run(keyless.find())
        assert keyless.state.kind == "stopped"
        assert local.run(keyless.start()) is None
        assert keyless.state.reason.startswith("Another window has started it")
        assert is_running(pid)
        assert note.exists()
    finally:
        other_window.communicate(b"\n")


@pytest.mark.slow
def test_a_port_that_somebody_takes_meanwhile_is_given_up(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server comes up at another one, with a key that nobody has been shown."""
    with socket.create_server(("127.0.0.1", 0)) as thief:
        taken = thief.getsockname()[1]
        ports = [taken]
        monkeypatch.setattr(
            local_server, "free_port", lambda url: ports.pop() if ports else server_process.free_port(url)
        )
        server = local.new()
        keys: list[str] = []
        server._connections.changed.connect(lambda: keys.append(server._connections._keys[LOCAL_ID]))

        connection = local.run(server.start())

    assert connection is not None, server.state
    assert connection.url != f"http://127.0.0.1:{taken}"
    assert len(set(keys)) == 2


def test_a_local_server_that_cannot_start_says_why(local: Local) -> None:
    """Its own words, from its log."""
    script = "print('The server cannot start: the disk is full.'); raise SystemExit(2)"
    server = local.new(("python3", "-c", script))

    assert local.run(server.start()) is None

    assert server.state.kind == "failed"
    assert server.state.reason == "The server cannot start: the disk is full."


def test_a_program_that_is_missing_is_said(local: Local) -> None:
    """No traceback for a broken installation."""
    server = local.new(("/nowhere/blockloom", "serve"))

    assert local.run(server.start()) is None

    assert server.state.reason.startswith("It could not be started:")


def test_a_note_about_another_process_is_not_believed(local: Local, tmp_path: Path) -> None:
    """A number in a file may be anybody's process by now: it is neither taken over nor ended."""
    server = local.new()
    note = {"pid": os.getpid(), "url": "http://127.0.0.1:8400"}
    write_object(tmp_path / "local-server.json", note)

    local.run(server.find())

    assert server.state.kind == "stopped"


@pytest.mark.slow
def test_the_window_starts_the_local_server_and_it_ends_with_the_window(
    play: Windows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The button of the card starts it; closing the window ends it, unless it was asked to stay."""
    play.transport_for = None
    player = play(connected=False)
    dialog = connections_dialog(player)
    player.press(dialog.local_card.button)
    local = player.window.server_flow.local.server
    player.wait(lambda: local.state.kind == "running", 40_000)
    pid = local._pid
    assert [item.connection_id for item in player.window.connections.all()] == [LOCAL_ID]
    assert dialog.local_card.words.text().startswith("Running at http://127.0.0.1:")
    close(player, dialog)
    assert player.window._settings.get(KEEP_SETTING, False) is False

    play.close(player.window)

    assert not Path(f"/proc/{pid}").exists()


def test_two_addresses_of_one_connection_get_two_clients(local: Local) -> None:
    """A changed address or key is used from the next call on."""
    server = local.new()
    connections = server._connections
    first = local.run(connections.save(Connection("A", "http://127.0.0.1:1", "k", "a")))
    pool = connections._pool
    one = pool.client(first.with_key("k"))

    assert pool.client(first.with_key("k")) is one
    assert pool.client(first.with_key("other")) is not one


def test_the_environment_names_a_server_too(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is offered beside the saved ones, with its key, which also serves a saved connection to the same address."""
    monkeypatch.setenv("BLOCKLOOM_URL", "http://127.0.0.1:9999/api")
    monkeypatch.setenv("BLOCKLOOM_API_KEY", "key-of-the-environment")
    connections = local.new()._connections

    (given,) = connections.all()
    assert (given.url, given.key, given.connection_id) == ("http://127.0.0.1:9999", "", ENVIRONMENT_ID)
    assert local.run(connections.key_of(given)) == "key-of-the-environment"
    local.run(connections.save(Connection("Saved", "http://127.0.0.1:9999")))

    (saved,) = connections.all()
    assert saved.name == "Saved"
    assert local.run(connections.key_of(saved)) == "key-of-the-environment"
