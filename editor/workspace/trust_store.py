"""Which workflows this person has agreed to run: fingerprints in one file of the data folder, and what was allowed.

The file holds hashes and choices, never a part of a workflow. One that is missing, broken or writable by others counts
as empty, so the person is asked again.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import platformdirs

from editor.workspace.private_json import read_object, write_object

FILE_NAME = "trusted.json"
MOST_KEPT = 4_000
CodeChoice = Literal["", "restricted", "unisolated"]
"""Where code cannot be isolated: "" for not decided, the restricted interpreter, or the whole language unprotected."""


@dataclass(frozen=True)
class Choices:
    """What the person allowed one workflow beyond the usual. `hosts` are local ones, with or without a port."""

    hosts: tuple[str, ...] = ()
    code: CodeChoice = ""


class TrustStore:
    """Fingerprints with their choices. It is read anew each time, since other windows write it as well."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or Path(platformdirs.user_data_dir("blockloom", appauthor=False)) / FILE_NAME

    def find(self, fingerprint: str) -> Choices | None:
        """What was allowed to the workflow of this fingerprint; None when nobody has agreed to run it."""
        entry = self._entries().get(fingerprint)
        return _choices(entry) if isinstance(entry, dict) else None

    def add(self, fingerprint: str, choices: Choices) -> None:
        """Remember that this workflow may run. The oldest are forgotten when there are many."""
        entries = self._entries()
        entry = {"hosts": list(choices.hosts), "code": choices.code, "at": round(time.time())}
        kept = sorted(entries.items(), key=_age)[-(MOST_KEPT - 1) :]
        write_object(self._path, {"version": 1, "workflows": {**dict(kept), fingerprint: entry}})

    def _entries(self) -> dict[str, Any]:
        found = read_object(self._path, only_own=True).get("workflows")
        return found if isinstance(found, dict) else {}


def _choices(entry: dict[str, Any]) -> Choices:
    hosts, code = entry.get("hosts"), entry.get("code")
    named = tuple(host for host in hosts if isinstance(host, str)) if isinstance(hosts, list) else ()
    if code == "unisolated":
        return Choices(named, "unisolated")
    return Choices(named, "restricted" if code == "restricted" else "")


def _age(item: tuple[str, Any]) -> float:
    at = item[1].get("at") if isinstance(item[1], dict) else None
    return float(at) if isinstance(at, int | float) else 0.0
