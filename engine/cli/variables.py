"""Run variables as they are typed: NAME=TEXT, NAME=@PATH or NAME:=JSON."""

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from engine.document import Json, JsonObject
from engine.errors import BlockloomError

_ASSIGNMENT = re.compile(r"(?P<name>[^=:@\s][^=:]*?)(?P<mark>:?=)(?P<value>.*)", re.DOTALL)


class BadVariable(BlockloomError):
    """A `--var` that cannot be understood; the text says what would be right."""


def read_variables(assignments: Iterable[str]) -> JsonObject:
    """The variables by name; of two with one name the last counts.

    Raises:
        BadVariable: no name, no equals sign, no such file, or no JSON.
    """
    return dict(_read(assignment) for assignment in assignments)


def _read(assignment: str) -> tuple[str, Json]:
    match = _ASSIGNMENT.fullmatch(assignment)
    if match is None:
        raise BadVariable(f"--var {assignment!r}: write NAME=TEXT, NAME=@PATH or NAME:=JSON.")
    name, mark, value = match["name"].strip(), match["mark"], match["value"]
    if mark == ":=":
        return name, _from_json(name, value)
    if value.startswith("@@"):
        return name, value[1:]
    return name, _from_file(name, value[1:]) if value.startswith("@") else value


def _from_json(name: str, text: str) -> Json:
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise BadVariable(
            f"--var {name}: not JSON ({error}). Text goes in double quotes: {name}:='\"text\"'."
        ) from None


def _refuse(constant: str) -> Json:
    raise ValueError(f"{constant} is no JSON number")


def _from_file(name: str, path: str) -> str:
    hint = f"A text that begins with @ is written {name}=@@text."
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise BadVariable(f"--var {name}: {path} cannot be read: {error.strerror or error}. {hint}") from None
    except UnicodeDecodeError:
        raise BadVariable(f"--var {name}: {path} is not text in UTF-8; save it as UTF-8 first.") from None
