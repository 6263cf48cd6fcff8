"""The one strict reader of JSON that comes over the network.

msgspec decides what is JSON: it is quick, and refuses NaN, numbers beyond a float, half characters and other encodings.
What it lets through and we could not keep or pass on, is refused after it: deep nesting, the same key twice, and NUL.
The slow and exact reader of files is asked only when something is wrong, to say what and where.
"""

import asyncio
import re
from typing import Any

import msgspec

from engine.document import Json
from engine.errors import BlockloomError, FileError
from engine.jsontext import MAX_DEPTH, parse_json, repaired

OFF_LOOP_SIZE = 256 * 1024
"""From this many bytes on, parsing takes long enough to be felt by everybody else on the event loop."""
_DECODER = msgspec.json.Decoder()
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


class BadJson(BlockloomError):
    """The bytes are no JSON that can be taken; the text says where and what would be right."""


def read_json(data: bytes) -> Json:
    """The value in these bytes, which must be UTF-8.

    Raises:
        BadJson: they are not JSON, or hold what cannot be kept: NaN, NUL, half a character, a number beyond all
            bounds, the same key twice, or more than 200 levels.
    """
    try:
        value: Json = _DECODER.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise _explained(data) from None
    has_nul = b"\\u0000" in data and repaired(value) != value
    if has_nul or not _is_plain(value, data):
        raise _explained(data)
    return value


async def read_json_off_loop(data: bytes) -> Json:
    """As `read_json`, in a thread when there is much of it.

    Raises:
        BadJson: as `read_json`.
    """
    if len(data) < OFF_LOOP_SIZE:
        return read_json(data)
    return await asyncio.to_thread(read_json, data)


async def read_json_leniently(data: bytes) -> Json:
    """The value as webhooks take it (contract 2.9): what is no JSON is an empty object, and NUL becomes U+FFFD."""
    if len(data) < OFF_LOOP_SIZE:
        return _read_leniently(data)
    return await asyncio.to_thread(_read_leniently, data)


def _read_leniently(data: bytes) -> Json:
    try:
        value: Json = _DECODER.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return {}
    if _measure(value) is None:
        return {}
    return repaired(value) if b"\\u0000" in data else value


def _is_plain(value: Json, data: bytes) -> bool:
    """Whether the value is not too deep, and has as many keys as were written."""
    keys = _measure(value)
    if keys is None:
        return False
    # Every key is followed by a colon; others are in texts. Mostly there are none, and nothing has to be taken out.
    return data.count(b":") == keys or _STRING.sub(b"", data).count(b":") == keys


def _measure(value: Json) -> int | None:
    """How many keys all objects have together; None when it is nested too deeply."""
    keys = 0
    level: list[Any] = [value] if type(value) in (dict, list) else []
    for _ in range(MAX_DEPTH):
        if not level:
            return keys
        deeper: list[Any] = []
        for container in level:
            if type(container) is dict:
                keys += len(container)
                deeper += [item for item in container.values() if type(item) in (dict, list)]
            else:
                deeper += [item for item in container if type(item) in (dict, list)]
        level = deeper
    return None if level else keys


def _explained(data: bytes) -> BadJson:
    """What is wrong with bytes that were refused, said by the reader that knows lines and paths."""
    if not data.strip():
        return BadJson("it is empty; send a JSON object")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        return BadJson(f"byte {error.start + 1} is not UTF-8; encode the body as UTF-8")
    if text.startswith("\ufeff"):
        return BadJson("it begins with a byte order mark; send it without")
    try:
        parse_json(text)
    except FileError as error:
        return BadJson(str(error))
    return BadJson("it holds something that cannot be kept, such as a number with thousands of digits")
