"""Files for this user alone: written beside, flushed, and then put in place."""

import os
from pathlib import Path


def write_private(path: Path, data: bytes) -> None:
    """Put these bytes in the file's place, readable by its owner only; folders that are missing are made.

    Raises:
        OSError: it could not be written; what was there is still there.
    """
    make_private_folder(path.parent)
    beside = path.with_suffix(".part")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    beside.replace(path)


def make_private_folder(folder: Path) -> None:
    """Make this folder, and those above it that are missing, for this user alone. One that is there stays as it is.

    Raises:
        OSError: it cannot be made.
    """
    if not folder.is_dir():
        make_private_folder(folder.parent)
        folder.mkdir(exist_ok=True, mode=0o700)  # `parents=True` would open those above it to everybody
