"""The server on this machine that the editor starts and stops: a child process, its state, and its log.

It is a process of its own session that writes to a log file, so it can stay when the editor goes; the next start finds
it again by a small file. A window ends it only if it owns it: it started it, or took it over from one that is gone. The
key is handed over in the environment and never among the arguments, which anybody on the machine may read.
"""

import asyncio
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import platformdirs
from PySide6.QtCore import QObject, QTimer, Signal

from editor.aio import in_thread
from editor.workspace.connections import ServerConnections
from editor.workspace.private_file import make_private_folder
from editor.workspace.private_json import read_object, write_object
from editor.workspace.processes import is_running
from engine import Connection

LOCAL_ID = "local-server"
"""The id of the connection to it; there is one at most."""
NAME = "Local server"
FIRST_PORT = 8400
START_S, STOP_S = 30.0, 8.0
LOG_SHOWN_BYTES = 64 * 1024
_LOOK_MS = 300
_COMMAND = (sys.executable, "-P", "-c", "from engine.cli.main import main; main()", "serve")
_KEY_VARIABLE = "BLOCKLOOM_API_KEY"
_OTHERS = (
    "Another window has started it, and this computer keeps no keys from one window to the next. Work with the server "
    "in that window, or stop it there first."
)
Kind = Literal["stopped", "starting", "running", "stopping", "failed"]


@dataclass(frozen=True)
class LocalState:
    """How the local server is. `reason` says why it "failed"."""

    kind: Kind = "stopped"
    url: str = ""
    reason: str = ""


class LocalServer(QObject):
    """One server process at most.

    Signals:
        changed(): `state` is another one.
        ended(str): it ended by itself; the sentence says how.
    """

    changed = Signal()
    ended = Signal(str)

    def __init__(
        self,
        connections: ServerConnections,
        folder: Path | None = None,
        command: Sequence[str] = _COMMAND,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._connections = connections
        self._command = tuple(command)
        folder = folder or Path(platformdirs.user_data_dir("blockloom", appauthor=False))
        self._note = folder / "local-server.json"
        self.log_path = folder / "local-server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None
        self._is_owner = False
        self.state = LocalState()
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self._look)

    @property
    def connection(self) -> Connection | None:
        """The saved connection to it, None before its first start."""
        return self._connections.find(LOCAL_ID)

    async def start(self) -> Connection | None:
        """Start it, or find it running; returns the connection once it answers. None: `state` says why it does not."""
        if self.state.kind in ("running", "starting", "stopping"):
            return self.connection
        self._set(LocalState("starting"))
        try:
            found = await in_thread(self._read_note)
            if found is None:
                return await self._start_anew()
            connection = await self._take(found)
            if connection is None and found.is_owned:
                self._fail(_OTHERS)
            elif connection is None:
                # Nobody is left who could speak to it, such as after its key was lost; it holds the data folder.
                await self._end_process(found.pid)
                return await self._start_anew()
            return connection
        finally:
            if self.state.kind == "starting":
                self._fail("Starting it was stopped.")

    async def find(self) -> None:
        """Use the server that runs already, if there is one that answers; one that does not is left alone."""
        found = await in_thread(self._read_note)
        if found is not None and self.state.kind == "stopped":
            await self._take(found)

    async def stop(self) -> None:
        """End it, and wait until it is gone."""
        if self._pid is None:
            return
        self._timer.stop()
        self._set(LocalState("stopping", self.state.url))
        await self._end_process(self._pid)
        self._forget()
        self._set(LocalState())

    async def leave(self, *, keeps_running: bool) -> None:
        """The editor goes: end its server with it, or let it stay for the next one to find."""
        if self._is_owner and not keeps_running:
            await self.stop()
        elif self._process is not None:
            self._timer.stop()
            self._process.returncode = 0  # left on purpose: it is nobody's lost child
            self._process = None

    def log_text(self) -> str:
        """The last lines of its log; reads a file."""
        try:
            with self.log_path.open("rb") as file:
                file.seek(max(0, self.log_path.stat().st_size - LOG_SHOWN_BYTES))
                return file.read(LOG_SHOWN_BYTES).decode("utf-8", "replace")
        except OSError:
            return ""

    # --- starting -----------------------------------------------------------------------------------------------

    async def _take(self, found: "_Note") -> Connection | None:
        """Work with a server that runs; None when it cannot be spoken to."""
        connection = self.connection
        if connection is None or connection.url != found.url:
            return None
        if not (await self._connections.test(connection)).is_fine:
            return None
        self._run_as(found.pid, found.url, is_owner=not found.is_owned)
        if self._is_owner:
            await in_thread(self._write_note, found.pid, found.url)
        return connection

    async def _start_anew(self) -> Connection | None:
        known = self.connection
        port = await in_thread(_free_port, known.url if known else "")
        key = await self._connections.key_of(known) if known else ""
        key = key or f"bl_{secrets.token_urlsafe(32)}"
        connection = await self._connections.save(Connection(NAME, f"http://127.0.0.1:{port}", key, LOCAL_ID))
        try:
            self._process = await in_thread(self._launch, port, key)
        except OSError as error:
            self._fail(f"It could not be started: {error.strerror or error}.")
            return None
        self._pid = self._process.pid
        if not await self._comes_up(connection):
            return None
        self._run_as(self._process.pid, connection.url, is_owner=True)
        await in_thread(self._write_note, self._process.pid, connection.url)
        return connection

    async def _comes_up(self, connection: Connection) -> bool:
        assert self._process is not None
        words = ""
        try:
            async with asyncio.timeout(START_S):
                while self._process.poll() is None:
                    report = await self._connections.test(connection)
                    if report.is_fine:
                        return True
                    words = report.words
                    await asyncio.sleep(0.1)
        except TimeoutError:
            await self._end_process(self._process.pid)
            self._fail(f"It did not answer within {START_S:.0f} s. {words}")
        else:
            self._fail(await in_thread(self._last_words))
        return False

    def _launch(self, port: int, key: str) -> subprocess.Popen[bytes]:
        make_private_folder(self.log_path.parent)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        log = os.open(self.log_path, flags, 0o600)
        try:
            return subprocess.Popen(  # noqa: S603 - our own program
                [*self._command, "--host", "127.0.0.1", "--port", str(port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, _KEY_VARIABLE: key},
                start_new_session=True,
            )
        finally:
            os.close(log)

    def _run_as(self, pid: int, url: str, *, is_owner: bool) -> None:
        self._pid, self._is_owner = pid, is_owner
        self._set(LocalState("running", url))
        self._timer.start()

    # --- ending -------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Notice when it has ended by itself."""
        if self._pid is None or self._is_alive(self._pid):
            return
        self._timer.stop()
        words = self._last_words()
        self._fail(words)
        self.ended.emit(words)

    def _is_alive(self, pid: int) -> bool:
        if self._process is not None and self._process.pid == pid:
            return self._process.poll() is None
        return _is_our_server(pid)

    async def _end_process(self, pid: int) -> None:
        for sign in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
            try:
                os.kill(pid, sign)
            except OSError:
                return
            try:
                async with asyncio.timeout(STOP_S):
                    while self._is_alive(pid):  # noqa: ASYNC110 - of a process that is no child nobody tells the end
                        await asyncio.sleep(0.05)
                return
            except TimeoutError:
                continue

    def _last_words(self) -> str:
        """How it ended: what it said last that is no log line, else its exit status."""
        lines = [line for line in self.log_text().splitlines() if line.strip() and not line.startswith("{")]
        status = self._process.poll() if self._process else None
        ended = "It has ended" if status is None else f"It has ended with status {status}"
        refusal = next((line for line in reversed(lines) if line.startswith("The server cannot start")), "")
        return refusal or f"{ended}. Its log says more."

    def _fail(self, reason: str) -> None:
        self._forget()
        self._set(LocalState("failed", reason=reason))

    def _forget(self) -> None:
        noted = read_object(self._note).get("pid")
        if noted == self._pid or not (isinstance(noted, int) and _is_our_server(noted)):
            self._note.unlink(missing_ok=True)
        self._process = self._pid = None
        self._is_owner = False

    def _set(self, state: LocalState) -> None:
        if state != self.state:
            self.state = state
            self.changed.emit()

    def _write_note(self, pid: int, url: str) -> None:
        write_object(self._note, {"pid": pid, "url": url, "owner": os.getpid()})

    def _read_note(self) -> "_Note | None":
        """The server that runs, as whoever started it noted it down; None when there is none."""
        note = read_object(self._note, only_own=True)
        pid, url, owner = note.get("pid"), note.get("url"), note.get("owner")
        if not (isinstance(pid, int) and isinstance(url, str) and _is_our_server(pid)):
            return None
        return _Note(pid, url, isinstance(owner, int) and owner != os.getpid() and is_running(owner))


@dataclass(frozen=True)
class _Note:
    """A server that runs. `is_owned` says that the window that started it is open still."""

    pid: int
    url: str
    is_owned: bool


def _is_our_server(pid: int) -> bool:
    """Whether the process of this id is a server of ours: a number alone may belong to anybody by now."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        # A child that has ended and that nobody has asked for its status is still listed, without words.
        return b"serve" in words and b"--port" in words
    except OSError:
        return False


def _free_port(known_url: str) -> int:
    """The port of this address where nobody listens, else the first one, else any."""
    known = known_url.rpartition(":")[2]
    for port in (int(known) if known.isdecimal() else FIRST_PORT, FIRST_PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    return FIRST_PORT
