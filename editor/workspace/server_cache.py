"""What servers told last, kept on this machine for reading without them: lists of workflows, and each one opened.

One folder a connection in the user's data folder, files for this user alone. Secrets, such as a webhook's, are taken
out before anything is written; whoever opens a copy knows that they are missing. All functions wait for the disk.
"""

import contextlib
import hashlib
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import platformdirs

from editor.workspace.private_file import write_private
from editor.workspace.private_json import read_object
from editor.workspace.secret_fields import without_secrets
from engine import BlockloomError, Catalog, StoredWorkflow, WorkflowRow, files

MAX_WORKFLOWS = 200
"""Copies kept of one server's workflows; the oldest go."""
MAX_ROWS = 1_000
_LIST = "list.json"


@dataclass(frozen=True)
class KeptList:
    """Rows of a server's list as they were, and when that was (seconds since the epoch)."""

    rows: tuple[WorkflowRow, ...]
    kept_at: float


@dataclass(frozen=True)
class KeptWorkflow:
    """A workflow as it was on its server, without secrets."""

    stored: StoredWorkflow
    kept_at: float


class ServerCache:
    """The copies in one folder."""

    def __init__(self, catalog: Catalog, folder: Path | None = None) -> None:
        self._catalog = catalog
        self._folder = folder or Path(platformdirs.user_data_dir("blockloom", appauthor=False)) / "servers"

    def keep(self, connection_id: str, stored: StoredWorkflow) -> None:
        """Keep a workflow that was read or saved. A disk that cannot be written is no reason to stop anybody."""
        bare = without_secrets(stored.workflow, self._catalog)
        facts = {name: getattr(stored, name) for name in stored.__struct_fields__ if name != "workflow"}
        head = {"kept_at": time.time(), "facts": msgspec.to_builtins(facts)}
        with contextlib.suppress(OSError, BlockloomError):
            path = self._path(connection_id, stored.id)
            write_private(path, json.dumps(head).encode() + b"\n" + files.encode(bare))
            _drop_oldest(path.parent)

    def find(self, connection_id: str, workflow_id: str) -> KeptWorkflow | None:
        """The copy of this workflow, None when there is none that can be read."""
        try:
            head, _, body = self._path(connection_id, workflow_id).read_bytes().partition(b"\n")
            told = json.loads(head)
            workflow, _ = files.parse(body, repair=True)
            facts = {key: value for key, value in told["facts"].items() if key in StoredWorkflow.__struct_fields__}
            facts["next_runs"] = tuple(facts.get("next_runs", ()))
            return KeptWorkflow(StoredWorkflow(**facts, workflow=workflow), float(told["kept_at"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, BlockloomError):
            return None

    def keep_list(self, connection_id: str, rows: Sequence[WorkflowRow]) -> None:
        """Keep what the server listed, newest first."""
        told: dict[str, Any] = {"kept_at": time.time(), "rows": msgspec.to_builtins(list(rows[:MAX_ROWS]))}
        with contextlib.suppress(OSError):
            write_private(self._of(connection_id) / _LIST, json.dumps(told).encode())

    def find_list(self, connection_id: str) -> KeptList | None:
        """The list as it was kept, None when there is none that can be read."""
        told = read_object(self._of(connection_id) / _LIST)
        try:
            rows = msgspec.convert(told["rows"], tuple[WorkflowRow, ...])
            return KeptList(rows, float(told["kept_at"]))
        except (KeyError, TypeError, ValueError):
            return None

    def has(self, connection_id: str, workflow_id: str) -> bool:
        """Whether there is a copy of this workflow."""
        return self._path(connection_id, workflow_id).is_file()

    def forget(self, connection_id: str, workflow_id: str = "") -> None:
        """Remove the copy of one workflow, or all of a connection."""
        with contextlib.suppress(OSError):
            if workflow_id:
                self._path(connection_id, workflow_id).unlink(missing_ok=True)
            else:
                shutil.rmtree(self._of(connection_id), ignore_errors=True)

    def _of(self, connection_id: str) -> Path:
        return self._folder / _file_name(connection_id)

    def _path(self, connection_id: str, workflow_id: str) -> Path:
        return self._of(connection_id) / f"{_file_name(workflow_id)}.workflow"


def _file_name(identifier: str) -> str:
    """Ids come from servers: they name no file as they stand."""
    return hashlib.sha256(identifier.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _drop_oldest(folder: Path) -> None:
    kept = sorted(folder.glob("*.workflow"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in kept[MAX_WORKFLOWS:]:
        path.unlink(missing_ok=True)
