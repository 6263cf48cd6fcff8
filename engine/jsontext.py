"""Strict JSON: text to value, where anything doubtful is an error that names its line, column and path.

Stricter than the standard library, because what is read here is written again: twice the same key, NaN, numbers too
large to hold, half characters and NUL would be lost or changed on the way. Nesting is limited, so that no input can
exhaust the stack.
"""

import json
import math
import re
from typing import Any, NoReturn

from engine.document import Json
from engine.errors import FileError

MAX_DEPTH = 200
MAX_DIGITS = 4300
"""Longest integer in decimal digits; also what CPython converts at most."""
REPLACEMENT = "\ufffd"

_TOKEN = re.compile(r'[\s,:]*("[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]]|[^\s,:{}\[\]"]+)', re.DOTALL)
_SUSPECT = re.compile(r"\\u(?:[dD][89a-fA-F]|0000)")
_UNSTORABLE = re.compile("[\ud800-\udfff\0]")
_PLAIN_KEY = re.compile(r"[A-Za-z_]\w*")
_ADVICE = {
    "Expecting value": "a value is missing or misspelt here: text in double quotes, a number, true, false or null",
    "Expecting property name enclosed in double quotes": "a key in double quotes must follow, or no comma before",
    "Expecting ':' delimiter": "a colon must follow the key",
    "Expecting ',' delimiter": "a comma or a closing bracket must follow here",
    "Unterminated string starting at": "this text has no closing double quote",
    "Invalid control character at": "a line break or control character inside text must be written as \\n or \\u00XX",
    "Illegal trailing comma before end of object": "remove this comma: nothing follows it",
    "Illegal trailing comma before end of array": "remove this comma: nothing follows it",
    "Extra data": "the JSON value ends before this; remove what follows",
}


class _Doubtful(Exception):
    """Raised inside the decoder, which does not know where it is."""


def decode_utf8(data: bytes) -> str:
    """The text in UTF-8 bytes, a byte order mark at the front taken off.

    Raises:
        FileError: the bytes are in another encoding; `place` is the line and column of the first wrong one.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise FileError("the text is in UTF-16; save it as UTF-8 and open it again", "line 1, column 1")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        message = f"the byte 0x{data[error.start]:02x} is not UTF-8 text; save the file as UTF-8, or restore a copy"
        raise FileError(message, _line_and_column(before, len(before))) from None


def parse_json(text: str, *, repair: bool = False) -> Json:
    """The value in a JSON text. `repair` replaces half characters and NUL by U+FFFD, and NaN and infinity by null.

    Raises:
        FileError: `place` is the line and column, with the path of the value where it has one.
    """
    try:
        value = _decode(text, repair)
        _refuse_deep(value)
        if _SUSPECT.search(text):
            if repair:
                return repaired(value)
            _refuse_unstorable(value)
    except json.JSONDecodeError as error:
        raise _syntax_error(text, error) from None
    except (_Doubtful, RecursionError, ValueError):
        _tell_first_fault(text)
    return value


def repaired(value: Json) -> Json:
    """The value with half characters and NUL replaced by U+FFFD, and NaN and infinity by null: what JSON can hold."""
    if isinstance(value, str):
        return _UNSTORABLE.sub(REPLACEMENT, value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [repaired(item) for item in value]
    if isinstance(value, dict):
        return {repaired(key): repaired(item) for key, item in value.items()}
    return value


def _decode(text: str, repair: bool) -> Json:
    def constant(_name: str) -> None:
        if not repair:
            raise _Doubtful

    def number(digits: str) -> float | None:
        value = float(digits)
        return value if math.isfinite(value) else constant(digits)  # type: ignore[func-returns-value]

    return json.loads(text, object_pairs_hook=_object, parse_constant=constant, parse_float=number)


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Doubtful
    return found


def _refuse_deep(value: Json) -> None:
    """Level by level instead of recursively: the limit must hold before anything recurses."""
    level: list[Any] = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        if not level:
            return
        level = [
            item
            for container in level
            for item in (container.values() if type(container) is dict else container)
            if type(item) in (dict, list)
        ]
    if level:
        raise _Doubtful


def _refuse_unstorable(value: Json) -> None:
    if repaired(value) != value:
        raise _Doubtful


def _syntax_error(text: str, error: json.JSONDecodeError) -> FileError:
    if not text.strip():
        return FileError("the file is empty; a workflow file holds a JSON object", "line 1, column 1")
    end = len(text.rstrip())
    place = _line_and_column(text, min(error.pos, end))
    is_open_text = error.msg.startswith("Unterminated string") and "\n" not in text[error.pos :]
    if error.pos >= end or is_open_text:
        return FileError("the text ends in the middle of a value, so its end is missing; restore a whole copy", place)
    advice = _ADVICE.get(error.msg, error.msg)
    return FileError(advice, place)


def _tell_first_fault(text: str) -> NoReturn:
    """Raise the error for the first doubtful token. Slow, so only asked when there is one."""
    walk = _Walk()
    for match in _TOKEN.finditer(text):
        fault = walk.take(match[1])
        if fault:
            message, can_repair = fault
            place = _line_and_column(text, match.start(1))
            path = walk.path()
            raise FileError(
                message, f"{place} ({path})" if path else place, repairable=can_repair and _can_repair(text)
            )
    raise FileError("the text is no JSON that can be kept; restore a whole copy", "line 1, column 1")


def _can_repair(text: str) -> bool:
    try:
        parse_json(text, repair=True)
    except FileError:
        return False
    return True


class _Walk:
    """Where in the JSON tree a sequence of tokens has come to."""

    def __init__(self) -> None:
        self._steps: list[str | int] = []
        self._keys: list[set[str] | None] = []
        self._at_key = False

    def take(self, token: str) -> tuple[str, bool] | None:
        """Step over one token; tells what is wrong with it, and whether `repair` can help."""
        if token in ("}", "]"):
            if self._keys:
                self._keys.pop()
                self._steps.pop()
            self._at_key = bool(self._keys) and self._keys[-1] is not None
            return None
        if self._at_key:
            return self._take_key(token)
        if self._keys and self._keys[-1] is None:
            self._steps[-1] = int(self._steps[-1]) + 1
        if token in ("{", "["):
            return self._enter(token)
        self._at_key = bool(self._keys) and self._keys[-1] is not None
        return _fault_in_text(token) if token.startswith('"') else _fault_in_number(token)

    def path(self) -> str:
        """The path of the value reached, such as `blocks[3].config.url`."""
        text = ""
        for step in self._steps:
            if isinstance(step, int):
                text += f"[{max(step, 0)}]"
            elif _PLAIN_KEY.fullmatch(step):
                text += f".{step}" if text else step
            elif step:
                text += f"[{json.dumps(step)}]"
        return text if len(text) < 120 else f"{text[:50]} ... {text[-50:]}"

    def _enter(self, token: str) -> tuple[str, bool] | None:
        if len(self._keys) >= MAX_DEPTH:
            return f"values are nested more than {MAX_DEPTH} levels deep; a workflow needs far fewer", False
        is_object = token.startswith("{")
        self._keys.append(set() if is_object else None)
        self._steps.append("" if is_object else -1)
        self._at_key = is_object
        return None

    def _take_key(self, token: str) -> tuple[str, bool] | None:
        self._at_key = False
        try:
            key = str(json.loads(token))
        except ValueError:
            return None  # no key at all: a syntax error, told elsewhere
        seen = self._keys[-1]
        self._steps[-1] = key
        if seen is not None:
            if key in seen:
                return f"the key {json.dumps(key[:80])} stands twice in one object; keep one of them", False
            seen.add(key)
        return _fault_in_text(token)


def _fault_in_text(token: str) -> tuple[str, bool] | None:
    if not _SUSPECT.search(token):
        return None
    found = _UNSTORABLE.search(json.loads(token))
    if not found:
        return None
    what = "a NUL character" if found[0] == "\0" else f"half a character (\\u{ord(found[0]):04x})"
    return f"this text holds {what}, which no file can keep; remove it", True


def _fault_in_number(token: str) -> tuple[str, bool] | None:
    if token.lstrip("-") in ("NaN", "Infinity"):
        return f"{token} is not a JSON value; write a number or null", True
    digits = token.lstrip("-")
    if digits.isdecimal():
        too_long = len(digits) > MAX_DIGITS
        return (f"this number has {len(digits)} digits; at most {MAX_DIGITS} can be read", False) if too_long else None
    try:
        overflows = math.isinf(float(token))
    except ValueError:
        return None
    return (f"the number {token[:40]} is too large; write a smaller one or null", True) if overflows else None


def _line_and_column(text: str, position: int) -> str:
    line_start = text.rfind("\n", 0, position) + 1
    return f"line {text.count(chr(10), 0, position) + 1}, column {position - line_start + 1}"
