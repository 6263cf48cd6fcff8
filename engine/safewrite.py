"""Files that are replaced whole or not at all, with the last good version kept beside.

The new bytes go to a file of their own, are flushed to the disk and read back before they take the place of the old
ones. Whatever fails on the way leaves the old file as it was.
"""

import contextlib
import errno
import os
import secrets
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from engine.errors import FileError

CHUNK_BYTES = 64 * 1024
STRAY_AFTER_S = 600
"""Half-written files of this age were left by a program that died; the next save removes them."""

_P = ParamSpec("_P")
_T = TypeVar("_T")
_REASONS = {
    errno.ENOSPC: "the disk is full; free some space or save somewhere else",
    errno.EDQUOT: "your disk quota is used up; free some space or save somewhere else",
    errno.EACCES: "you may not write there; save somewhere else or change the permissions",
    errno.EPERM: "you may not write there; save somewhere else or change the permissions",
    errno.EROFS: "it is on a read-only disk; save somewhere else",
    errno.ENOENT: "the folder does not exist; choose another one or create it",
    errno.ENOTDIR: "its folder is not a folder; choose another one",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.EIO: "the disk reports an error; save to another disk",
}


def system(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Every call that can fail on the way to the disk passes here, so that tests can make each of them fail."""
    return function(*args, **kwargs)


def replace_file(
    path: Path, data: bytes, *, before_replace: Callable[[], None] = lambda: None, keep_old: bool = True
) -> None:
    """Put these bytes in the file's place. A symbolic link keeps pointing; the file keeps its mode.

    `before_replace` is the last chance to refuse, by raising. `keep_old` puts the old version at `backup_path`.

    Raises:
        FileError: it could not be written; what was there is still there.
    """
    try:
        target = Path(os.path.realpath(path))
        mode = _mode_of(target)
        _remove_strays(target)
        temporary = target.with_name(f".{target.name[:40]}.{secrets.token_hex(4)}.part")
        try:
            _write_new(temporary, data, mode)
            before_replace()
            if keep_old and mode is not None:
                _keep_old(target)
            system(os.replace, temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        _flush_folder(target.parent)
    except OSError as error:
        raise FileError(f"{path.name} could not be saved: {reason(error, len(data))}") from error


def backup_path(path: Path) -> Path:
    """Where the version before the last save is kept: hidden, beside the file."""
    target = Path(os.path.realpath(path))
    return target.with_name(f".{target.name}~")


def reason(error: OSError, needed_bytes: int = 0) -> str:
    """What went wrong and what to do about it, in words."""
    words = _REASONS.get(error.errno or 0) or error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT) and needed_bytes:
        words += f" ({needed_bytes / 1000:,.0f} kB are needed)"
    return words


def _mode_of(target: Path) -> int | None:
    """The permission bits of a file that may be written, None where there is none yet."""
    try:
        found = system(os.stat, target)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise FileError(f"{target.name} is a folder or a device, not a file; choose another name")
    if not os.access(target, os.W_OK):
        raise FileError(f"{target.name} is read-only; save under another name or change its permissions")
    return stat.S_IMODE(found.st_mode)


def _remove_strays(target: Path) -> None:
    start, end = f".{target.name[:40]}.", ".part"
    with contextlib.suppress(OSError), os.scandir(target.parent) as entries:
        for entry in entries:
            is_ours = entry.name.startswith(start) and entry.name.endswith(end)
            if is_ours and time.time() - entry.stat(follow_symlinks=False).st_mtime > STRAY_AFTER_S:
                Path(entry.path).unlink()


def _write_new(path: Path, data: bytes, mode: int | None) -> None:
    descriptor = system(os.open, path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600 if mode else 0o666)
    try:
        if mode is not None:
            system(os.fchmod, descriptor, mode)
        _write_all(descriptor, data)
        system(os.fsync, descriptor)
        if _read_back(descriptor, len(data)) != data:
            raise FileError("the disk does not read back what was written; save to another disk")
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        written = system(os.write, descriptor, view[:CHUNK_BYTES])
        if written <= 0:
            raise OSError(errno.ENOSPC, "no more data was taken")
        view = view[written:]


def _read_back(descriptor: int, size: int) -> bytes:
    system(os.lseek, descriptor, 0, os.SEEK_SET)
    parts = []
    while part := system(os.read, descriptor, 1024 * 1024):
        parts.append(part)
        if sum(map(len, parts)) > size:
            break
    return b"".join(parts)


def _keep_old(target: Path) -> None:
    """Best effort: a folder that refuses the backup must not make saving impossible."""
    beside = target.with_name(f".{target.name[:40]}.{secrets.token_hex(4)}.part")
    with contextlib.suppress(OSError):
        try:
            # A second name for the old bytes costs no space, so a full disk cannot lose the backup.
            system(os.link, target, beside)
            system(os.replace, beside, target.with_name(f".{target.name}~"))
        finally:
            beside.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    """The new name is safe from a power cut only when the folder is on the disk too. Some file systems cannot."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            system(os.fsync, descriptor)
        finally:
            os.close(descriptor)
