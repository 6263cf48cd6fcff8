"""Where a server keeps its data and listens: prepared before anything starts, with plain words when it cannot be."""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from engine.errors import BlockloomError

LOCK_FILE = "server.lock"
BACKLOG = 16_384
"""Connections that may wait to be accepted, as far as the system allows; who finds no place tries again later."""
_PRIVATE = 0o700
_WANTED_DESCRIPTORS = 65_536


class CannotServe(BlockloomError):
    """The server cannot begin; the text says what is in the way and what would help."""


def default_folder() -> Path:
    """Where the data of this person's server are, unless told otherwise."""
    return Path(platformdirs.user_data_dir("blockloom", appauthor=False)) / "server"


def prepare_folder(folder: Path) -> Path:
    """The data folder, made if it is missing, and readable by its owner only.

    Raises:
        CannotServe: it cannot be made or written to, or others can read what is in it.
    """
    try:
        folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        is_empty = not any(folder.iterdir())
        if os.name == "posix" and folder.stat().st_mode & 0o077:
            if not is_empty:
                raise CannotServe(f"The data folder {folder} can be read by others. Close it with: chmod 700 {folder}")
            folder.chmod(_PRIVATE)
        # Only writing shows whether it can be written to: a disk may be mounted read-only, whatever the mode says.
        probe = folder / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        reason = error.strerror or str(error)
        raise CannotServe(f"The data folder {folder} cannot be used: {reason}. Choose another with --data.") from None
    return folder


@contextmanager
def only_server_in(folder: Path) -> Iterator[None]:
    """Hold the folder against other servers. The system lets go of it when this process ends, however it ends.

    Raises:
        CannotServe: another server has it.
    """
    lock = FileLock(folder / LOCK_FILE, mode=0o600, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise CannotServe(
            f"Another server uses the data folder {folder} already. Stop it first, choose another folder with --data, "
            "or let both use a PostgreSQL database with --database."
        ) from None
    try:
        yield
    finally:
        lock.release()


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes any that is free.

    Raises:
        CannotServe: the address does not exist here, or the port is taken or not allowed.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (socket.gaierror, UnicodeError, OverflowError):
        raise CannotServe(f"There is no address called {host}. Give one with --host, such as 127.0.0.1.") from None
    try:
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        raise CannotServe(_why_not(host, port, error)) from None


def allow_many_connections() -> None:
    """Let this process have as many open connections as the system allows; the usual 1,024 are soon used up."""
    try:
        import resource
    except ImportError:
        return  # Windows has no such limit
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _WANTED_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is in use, perhaps by another server. Choose another with --port."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine. Give one of its own with --host, such as 127.0.0.1."
    if error.errno == errno.EACCES:
        return f"Port {port} needs rights that this process does not have. Choose one above 1023 with --port."
    return f"Port {port} of {host} cannot be listened on: {error.strerror or error}."
