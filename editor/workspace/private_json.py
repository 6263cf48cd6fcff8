"""Small JSON files for this user alone: read as far as they can be, written beside and then put in place."""

import contextlib
import json
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

from editor.workspace.private_file import make_private_folder

MAX_BYTES = 16 * 1024 * 1024


def read_object(path: Path, *, only_own: bool = False) -> dict[str, Any]:
    """The object in the file; an empty one when it is missing, broken, or no object.

    With `only_own` it is also empty when others may write the file: what decides about safety is not taken from them.
    """
    try:
        found = path.stat()
        if found.st_size > MAX_BYTES or (only_own and others_may_write(found)):
            return {}
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def write_object(path: Path, values: dict[str, Any]) -> bool:
    """Put the object into the file, for its owner alone; False when the folder cannot be written."""
    with contextlib.suppress(OSError):
        make_private_folder(path.parent)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(values, file, indent=2, sort_keys=True)
        Path(name).replace(path)
        return True
    return False


def others_may_write(found: os.stat_result) -> bool:
    """Whether somebody else than this user can change the file."""
    is_foreign = hasattr(os, "getuid") and found.st_uid != os.getuid()
    return is_foreign or bool(found.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
