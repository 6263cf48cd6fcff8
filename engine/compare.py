"""The same input run in two places: what came out differently, block by block.

How long something took, what it cost and how a server explains itself is not compared: that differs every time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from engine.document import Json, JsonObject
from engine.edits import ABSENT as ABSENT
from engine.references import text_of
from engine.runstate import BlockRun, RunState

Kind = Literal["status", "result", "error", "missing"]
IGNORED_KEYS = frozenset({"usage", "duration_ms", "_debug", "warnings"})
"""Keys of a result that are about the run and not of it."""
MAX_VALUES = 20
"""Different values that are listed of one block; how many more there are is said."""
MAX_SHOWN = 60

_STATUS_WORDS = {
    "waiting": "did not begin",
    "running": "did not end",
    "done": "ran",
    "failed": "failed",
    "skipped": "was skipped",
    "completed": "was completed",
    "cancelled": "was cancelled",
}


@dataclass(frozen=True)
class Difference:
    """One thing that differs. `block_id` is "" for the run as a whole; values are JSON, or `ABSENT`.

    `path` leads to the value within the block's result, such as `output.items[2].name`, "" for the result as a whole.
    """

    kind: Kind
    block_id: str
    path: str
    local: Json
    remote: Json
    text: str


def differences(local: RunState, remote: RunState) -> list[Difference]:
    """What differs between a run here and a run on a server; empty when both came to the same.

    Blocks come in the order of the run here, those of the server alone after them, the run as a whole last.
    """
    found: list[Difference] = []
    for block_id in dict.fromkeys([*local.blocks, *remote.blocks]):
        found += _of_block(local.blocks.get(block_id), remote.blocks.get(block_id))
    if local.status != remote.status:
        found.append(_status_differs("", "The run", local.status, remote.status, remote.error or local.error))
    else:
        found += _values("", "The run", "output", local.output, remote.output)
    return found


def _of_block(local: BlockRun | None, remote: BlockRun | None) -> Iterator[Difference]:
    known = local or remote
    assert known is not None
    block_id, name = known.block_id, f"“{_name(local, remote)}”"
    if local is None or remote is None:
        where = "on the server" if local is None else "here"
        yield Difference(
            "missing",
            block_id,
            "",
            local and local.status,
            remote and remote.status,
            f"{name} is part of the run {where} only.",
        )
        return
    if local.status != remote.status:
        yield _status_differs(block_id, name, local.status, remote.status, remote.error or local.error)
        return
    if (local.error or "") != (remote.error or ""):
        yield _errors_differ(block_id, name, local.error, remote.error)
    yield from _values(block_id, name, "", _compared(local.result), _compared(remote.result))


def _status_differs(block_id: str, name: str, local: str, remote: str, error: str | None) -> Difference:
    why = f": {_short(error)}" if error else "."
    text = f"{name} {_STATUS_WORDS[local]} here and {_STATUS_WORDS[remote]} on the server{why}"
    return Difference("status", block_id, "", local, remote, text)


def _errors_differ(block_id: str, name: str, local: str | None, remote: str | None) -> Difference:
    if local and remote:
        text = f"{name} reports {_short(local)} here and {_short(remote)} on the server."
    else:
        where = "here" if local else "on the server"
        text = f"{name} reports an error {where} only: {_short(local or remote)}"
    return Difference("error", block_id, "", local, remote, text)


def _values(block_id: str, name: str, path: str, local: Json, remote: Json) -> Iterator[Difference]:
    """One difference for each value that differs, the first ones in full."""
    pairs = _unequal(local, remote, path)
    for place, here, there in islice(pairs, MAX_VALUES):
        text = f"{name}: {place} is {_short(here)} here and {_short(there)} on the server."
        yield Difference("result", block_id, place, here, there, text)
    left = sum(1 for _ in pairs)
    if left:
        yield Difference("result", block_id, "", local, remote, f"{name} differs in {left} more values.")


def _unequal(local: Json, remote: Json, path: str) -> Iterator[tuple[str, Json, Json]]:
    """The places below `path` at which two values differ, with both values."""
    if isinstance(local, dict) and isinstance(remote, dict):
        for key in dict.fromkeys([*local, *remote]):
            place = f"{path}.{key}" if path else str(key)
            yield from _unequal(local.get(key, ABSENT), remote.get(key, ABSENT), place)
    elif isinstance(local, list) and isinstance(remote, list):
        for index in range(max(len(local), len(remote))):
            here = local[index] if index < len(local) else ABSENT
            there = remote[index] if index < len(remote) else ABSENT
            yield from _unequal(here, there, f"{path}[{index}]")
    elif not _is_equal(local, remote):
        yield path, local, remote


def _is_equal(local: Json, remote: Json) -> bool:
    """Whether two values are the same in JSON, where 1 and 1.0 are one number and true is none."""
    return isinstance(local, bool) is isinstance(remote, bool) and bool(local == remote)


def _compared(result: JsonObject | None) -> JsonObject:
    return {key: value for key, value in (result or {}).items() if key not in IGNORED_KEYS}


def _name(local: BlockRun | None, remote: BlockRun | None) -> str:
    runs = [run for run in (local, remote) if run is not None]
    return next((run.block_name for run in runs if run.block_name), runs[0].block_id)


def _short(value: Json) -> str:
    """The beginning of a value on one line, text in quotes."""
    if value is ABSENT:
        return "missing"
    text = " ".join(text_of(value).split())
    shown = f"{text[:MAX_SHOWN]}…" if len(text) > MAX_SHOWN else text
    return f"“{shown}”" if isinstance(value, str) else shown
