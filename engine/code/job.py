"""What a block is given to run: its source and the results it may look at, as the two frames of a job."""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec

from engine.code import frames
from engine.code.modules import INSTALLED
from engine.code.pieces import encode, is_large
from engine.document import JsonObject

Language = Literal["python", "javascript"]

# Code with one of these words may look at names that it does not spell out.
_LOOKS_AROUND = frozenset({"input_data", "globals", "locals", "vars", "dir", "globalThis", "this", "eval", "Function"})
_WORD = re.compile(r"\w+")
_IMPORT = re.compile(r"^[ \t]*(?:import|from)[ \t]+(\w+)", re.MULTILINE)


@dataclass(frozen=True)
class Task:
    """One block's code and what it may see.

    `scope` are earlier results under the names that are variables, `input_data` the same for look-up by any name.
    `imports` are the modules of the old setting of that name; `may_call` says that web addresses may be called.
    """

    source: str
    scope: Mapping[str, JsonObject]
    input_data: Mapping[str, JsonObject]
    language: Language = "python"
    imports: Sequence[str] | None = None
    may_call: bool = False


@dataclass(frozen=True)
class Job:
    """The two frames of a job, the second in pieces, and the installed packages that its code imports."""

    header: bytes
    payload: Sequence[bytes]
    packages: tuple[str, ...] = ()
    language: Language = "python"


async def job(task: Task) -> Job:
    """The frames for one block, made in a thread where that takes long.

    Results that the code cannot name are not sent; one under two names is sent once.

    Raises:
        ValueError: an input is no JSON, or the inputs are too large together.
    """
    seen = _without_unnamed(task)
    is_long = is_large([*seen.scope.values(), *seen.input_data.values()])
    return await asyncio.to_thread(_job, seen, is_long) if is_long else _job(seen, is_long)


def _job(task: Task, is_long: bool) -> Job:
    places: dict[int, int] = {}
    results: list[JsonObject] = []
    for result in (*task.scope.values(), *task.input_data.values()):
        if id(result) not in places:
            places[id(result)] = len(results)
            results.append(result)
    header: dict[str, Any] = {
        "source": task.source,
        "language": task.language,
        "scope": {name: places[id(result)] for name, result in task.scope.items()},
        "input_data": {name: places[id(result)] for name, result in task.input_data.items()},
        "imports": list(task.imports or ()),
        "may_call": task.may_call,
    }
    payload = encode(results) if is_long else [msgspec.json.encode(results)]
    size = sum(map(len, payload))
    if size > frames.MAX_JOB:
        raise ValueError(f"the results that the code looks at are {size:,} bytes together")
    packages = packages_of(task.source, task.imports) if task.language == "python" else ()
    return Job(msgspec.json.encode(header), payload, packages, task.language)


def packages_of(source: str, imports: Iterable[str] | None) -> tuple[str, ...]:
    """The installed packages that this Python code imports, as far as that can be seen."""
    return tuple(sorted({*_IMPORT.findall(source), *(imports or ())} & INSTALLED))


def _without_unnamed(task: Task) -> Task:
    """The task without results that its source cannot name."""
    words = set(_WORD.findall(task.source))
    # Python reads identifiers in a normal form and JavaScript takes escapes in them, so such letters cannot be
    # compared as they are written.
    if not task.source.isascii() or "\\u" in task.source or words & _LOOKS_AROUND:
        return task
    scope = {name: result for name, result in task.scope.items() if name.replace("-", "_") in words}
    return replace(task, scope=scope, input_data={})
