"""The value in the body of a reply, read piece by piece: a large one must not hold up whoever shares the event loop.

Source: contract 3.9; section 2.6 of the reliability notes.
"""

import asyncio
import json
import re

import msgspec

from engine.document import Json
from engine.jsontext import repaired

LARGE = 256 * 1024
"""Bytes that are decoded before others on the event loop get a turn."""
_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


async def decoded_body(body: bytes, content_type: str) -> Json:
    """The JSON in a reply, else its text; "" for nothing. Numbers that JSON does not have make it text.

    Halves of characters, which JSON can spell and text cannot hold, become U+FFFD.
    """
    data = _as_utf8(body, content_type)
    if not data:
        return ""
    try:
        return await _Reader().value(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    return _tolerant(data) if _HALF_CHARACTER.search(data) else data.decode("utf-8", "replace")


class _Reader:
    """Decodes what is large member by member, and gives way to others in between."""

    def __init__(self) -> None:
        self._since_turn = 0

    async def value(self, data: bytes | msgspec.Raw) -> Json:
        size = len(data)
        if size < LARGE:
            self._since_turn += size
            if self._since_turn >= LARGE:
                self._since_turn = 0
                await asyncio.sleep(0)
            return msgspec.json.decode(data)
        self._since_turn = 0
        await asyncio.sleep(0)
        start = b"".join(bytes(memoryview(data)[:64]).split())[:2]
        if start[:1] == b"{":
            return {key: await self.value(part) for key, part in _OBJECT.decode(data).items()}
        if start in (b"[{", b"[[", b'["'):
            return [await self.value(part) for part in _LIST.decode(data)]
        # One long text, or a list of numbers: quicker in one go than cut in pieces.
        return msgspec.json.decode(data)


def _as_utf8(body: bytes, content_type: str) -> bytes:
    charset = content_type.lower().partition("charset=")[2].partition(";")[0].strip("\"' ")
    if charset not in ("", "utf-8", "utf8", "us-ascii", "ascii"):
        try:
            return body.decode(charset, "replace").encode("utf-8", "replace")
        except LookupError:
            pass
    return body.removeprefix(_BYTE_ORDER_MARK)


def _tolerant(data: bytes) -> Json:
    text = data.decode("utf-8", "replace")
    try:
        return repaired(json.loads(text, parse_constant=_refuse, parse_float=_finite))
    except (ValueError, RecursionError):
        return text


def _finite(text: str) -> float:
    number = float(text)
    return number if abs(number) != float("inf") else _refuse(text)


def _refuse(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")
