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


def encode(value: Json) -> list[bytes]:
    """The value as JSON, in pieces that follow each other.

    Raises:
        ValueError, TypeError, RecursionError: it is no JSON.
    """
    pieces: list[bytes] = []
    _encode(value, pieces, _LEVELS_IN_PIECES)
    return pieces


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


def _encode(value: Json, pieces: list[bytes], levels: int) -> None:
    if isinstance(value, str) and len(value) > _PIECE:
        pieces.append(b'"')
        starts = range(0, len(value), _PIECE)
        pieces.extend(msgspec.json.encode(value[start : start + _PIECE])[1:-1] for start in starts)
        pieces.append(b'"')
    elif isinstance(value, list) and len(value) > _ITEMS:
        for start in range(0, len(value), _ITEMS):
            pieces.append(b"," if start else b"[")
            pieces.append(msgspec.json.encode(value[start : start + _ITEMS])[1:-1])
        pieces.append(b"]")
    elif levels and isinstance(value, list) and value:
        for index, item in enumerate(value):
            pieces.append(b"," if index else b"[")
            _encode(item, pieces, levels - 1)
        pieces.append(b"]")
    elif levels and isinstance(value, dict) and value:
        for index, (key, item) in enumerate(value.items()):
            pieces.append((b"," if index else b"{") + _key(key))
            _encode(item, pieces, levels - 1)
        pieces.append(b"}")
    else:
        pieces.append(msgspec.json.encode(value))


def _key(key: object) -> bytes:
    if not isinstance(key, str):
        raise TypeError(f"a key is {key!r:.60}, which is no text")
    return msgspec.json.encode(key) + b":"
