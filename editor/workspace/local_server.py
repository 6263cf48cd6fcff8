"""The server on this machine that the editor starts and stops: a child process, its state, and its log.

It is a process of its own session that writes to a log file, so it can stay when the editor goes; the next start finds
it again by a small file. A window ends it only if it owns it: it started it, or took it over from one that is gone. The
key is handed over in the environment and never among the arguments, which anybody on the machine may read.
"""

import asyncio
import os
import secrets
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import platformdirs
from PySide6.QtCore import QObject, QTimer, Signal

from editor.aio import in_thread
from editor.workspace.connections import ServerConnections
from editor.workspace.private_json import read_object, write_object
from editor.workspace.processes import is_running
from editor.workspace.server_process import COMMAND, free_port, is_our_server, is_taken, launch
from engine import Connection, ServerReport

LOCAL_ID = "local-server"
"""The id of the connection to it; there is one at most."""
NAME = "Local server"
START_S, STOP_S = 30.0, 8.0
LOG_SHOWN_BYTES = 64 * 1024
_LOOK_MS = 300
_STARTS = 3
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
        command: Sequence[str] = COMMAND,
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
        for attempt in range(_STARTS):
            known = self.connection
            port = await in_thread(free_port, known.url if known and not attempt else "")
            # Whoever was quicker at the port may have been shown the key.
            key = await self._connections.key_of(known) if known and not attempt else ""
            key = key or f"bl_{secrets.token_urlsafe(32)}"
            connection = await self._connections.save(Connection(NAME, f"http://127.0.0.1:{port}", key, LOCAL_ID))
            try:
                self._process = await in_thread(launch, self._command, port, key, self.log_path)
            except OSError as error:
                self._fail(f"It could not be started: {error.strerror or error}.")
                return None
            self._pid = self._process.pid
            words = await self._comes_up(self._process, connection)
            if not words:
                self._run_as(self._process.pid, connection.url, is_owner=True)
                await in_thread(self._write_note, self._process.pid, connection.url)
                return connection
            if attempt == _STARTS - 1 or not await in_thread(is_taken, port):
                self._fail(words)
                return None
            # Somebody else took the port while the server was starting.
        return None

    async def _comes_up(self, process: "subprocess.Popen[bytes]", connection: Connection) -> str:
        """Wait until it answers: "", or why it does not; then the process is gone."""
        words = ""
        try:
            async with asyncio.timeout(START_S):
                while process.poll() is None:
                    report = await self._ask(process, connection)
                    if report is not None and report.is_fine:
                        return ""
                    words = report.words if report else words
                    await asyncio.sleep(0.1)
        except TimeoutError:
            await self._end_process(process.pid)
            return f"It did not answer within {START_S:.0f} s. {words}"
        return await in_thread(self._last_words)

    async def _ask(self, process: "subprocess.Popen[bytes]", connection: Connection) -> ServerReport | None:
        """Whether the server answers; None when it ended before: whoever listens there then is somebody else."""
        asking = asyncio.ensure_future(self._connections.test(connection))
        try:
            while process.poll() is None and not asking.done():
                await asyncio.wait({asking}, timeout=0.1)
            return asking.result() if asking.done() else None
        finally:
            asking.cancel()

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
        return is_our_server(pid)

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
        if noted == self._pid or not (isinstance(noted, int) and is_our_server(noted)):
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
        if not (isinstance(pid, int) and isinstance(url, str) and is_our_server(pid)):
            return None
        return _Note(pid, url, isinstance(owner, int) and owner != os.getpid() and is_running(owner))


@dataclass(frozen=True)
class _Note:
    """A server that runs. `is_owned` says that the window that started it is open still."""

    pid: int
    url: str
    is_owned: bool
