"""JSON of large values, read and written in pieces.

The library that reads and writes JSON holds the interpreter's lock from the first byte to the last. For a value of
50 MB that is a second or more in which nothing else runs, not even in other threads. In pieces, between which the lock
is free, a thread does the work and the rest of the program goes on.
"""

from collections.abc import Sequence

import msgspec

from engine.document import Json

LARGE = 256 << 10
"""Bytes of JSON above which work belongs into a thread."""

_PIECE = 64 << 10
_WEIGHT_OF_A_VALUE = 32
_ITEMS = 1000
_LEVELS_IN_PIECES = 4


def is_large(values: Sequence[Json]) -> bool:
    """Whether the JSON of these values is about `LARGE` or more; looks at a few thousand of them at most."""
    weight, waiting = 0, list(values)
    while waiting:
        value = waiting.pop()
        weight += _WEIGHT_OF_A_VALUE
        if isinstance(value, str):
            weight += len(value)
        elif isinstance(value, dict | list):
            if weight + len(value) * _WEIGHT_OF_A_VALUE > LARGE:
                return True
            waiting.extend(value.values() if isinstance(value, dict) else value)
        if weight > LARGE:
            return True
    return False


def encode(value: Json, levels: int = _LEVELS_IN_PIECES) -> bytes:
    """The value as JSON, its upper `levels` in pieces.

    Raises:
        ValueError, TypeError, RecursionError: it is no JSON.
    """
    if isinstance(value, str) and len(value) > _PIECE:
        texts = (value[start : start + _PIECE] for start in range(0, len(value), _PIECE))
        return b'"' + b"".join(msgspec.json.encode(text)[1:-1] for text in texts) + b'"'
    if isinstance(value, list) and len(value) > _ITEMS:
        slices = (value[start : start + _ITEMS] for start in range(0, len(value), _ITEMS))
        return b"[" + b",".join(msgspec.json.encode(items)[1:-1] for items in slices) + b"]"
    if levels and isinstance(value, list):
        return b"[" + b",".join(encode(item, levels - 1) for item in value) + b"]"
    if levels and isinstance(value, dict):
        return b"{" + b",".join(_key(key) + encode(item, levels - 1) for key, item in value.items()) + b"}"
    return msgspec.json.encode(value)


def decode(text: bytes | msgspec.Raw, levels: int = _LEVELS_IN_PIECES) -> Json:
    """The value in this JSON text, its upper `levels` read in pieces.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: it is no JSON.
    """
    view = memoryview(text)
    if len(view) <= _PIECE or not levels:
        return msgspec.json.decode(text)
    first = bytes(view[:_PIECE]).lstrip()[:1]
    if first == b"[":
        return [decode(item, levels - 1) for item in msgspec.json.decode(text, type=list[msgspec.Raw])]
    if first == b"{":
        parts = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        return {key: decode(item, levels - 1) for key, item in parts.items()}
    return msgspec.json.decode(text)


def _key(key: object) -> bytes:
    if not isinstance(key, str):
        raise TypeError(f"a key is {key!r:.60}, which is no text")
    return msgspec.json.encode(key) + b":"
