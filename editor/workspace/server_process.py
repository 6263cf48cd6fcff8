"""The process of the local server: how it is started, told from others, and given a port. Functions that may wait."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from editor.workspace.private_file import make_private_folder

COMMAND = (sys.executable, "-P", "-c", "from engine.cli.main import main; main()", "serve")
FIRST_PORT = 8400
KEY_VARIABLE = "BLOCKLOOM_API_KEY"


def launch(command: Sequence[str], port: int, key: str, log_path: Path) -> subprocess.Popen[bytes]:
    """Start the server in a session of its own, so that it may outlive us; what it writes goes to a log of its own.

    Raises:
        OSError: it cannot be started.
    """
    make_private_folder(log_path.parent)
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        return subprocess.Popen(  # noqa: S603 - our own program
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, KEY_VARIABLE: key},
            start_new_session=True,
        )
    finally:
        os.close(log)


def is_our_server(pid: int) -> bool:
    """Whether the process of this id is a server of ours: a number alone may belong to anybody by now."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        # A child that has ended and that nobody has asked for its status is still listed, without words.
        return b"serve" in words and b"--port" in words
    except OSError:
        return False


def free_port(known_url: str) -> int:
    """The port of this address where nobody listens, else the first one, else any."""
    known = known_url.rpartition(":")[2]
    wanted = (int(known) if known.isdecimal() else FIRST_PORT, FIRST_PORT, 0)
    return next((port for candidate in wanted if (port := _bindable(candidate))), FIRST_PORT)


def is_taken(port: int) -> bool:
    """Whether somebody listens there."""
    return not _bindable(port)


def _bindable(port: int) -> int:
    """The port, a number for 0, when one may listen there now; 0 when not."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
        return int(probe.getsockname()[1])
