"""What may travel between blocks: JSON and nothing else, so a run can be shown, stored and sent.

What is no JSON fails the block that gave it, with the place and what would be right. Sizes are those of the value
written out: one that holds another many times over is as large as all of them.
"""

import asyncio
import math
from collections.abc import Iterator
from itertools import islice
from typing import Any

from engine.document import Json, JsonObject
from engine.errors import BlockError

MAX_DEPTH = 200
MAX_SIZE = 128 * 1024 * 1024
"""Characters of one result when it is written as JSON, about."""
MAX_RUN_SIZE = 1024 * 1024 * 1024
"""Characters of all results of one run."""
MAX_DIGITS = 4300
"""Digits of an integer; what JSON readers, our own included, take at most."""
LONG_TEXT = 64 * 1024
SHORT_TEXT, FEW = 256, 16
"""An object with no more values than that, each text below that length, is small."""
TURN = 10_000
"""Values that are looked at before others on the event loop get a turn; a long text counts by its length."""
_TEXT_TURN = 1024 * 1024
_TOO_LARGE = 10**MAX_DIGITS
_LARGE = 1 << 63
_QUICK = frozenset({int, dict})
_ATOMS = frozenset({bool, type(None)})
_ADVICE = {
    "bytes": "decode it to text first",
    "bytearray": "decode it to text first",
    "datetime": "give its text, as isoformat() makes it",
    "date": "give its text, as isoformat() makes it",
    "time": "give its text, as isoformat() makes it",
    "Decimal": "make it a number or text",
    "set": "make a list of it",
    "tuple": "make a list of it",
}
_WANTED = "only text, numbers, true, false, null, lists and objects can be passed on"


class _Fault(Exception):
    """A value that cannot be passed on; the walk that met it does not know its place."""


class JsonGuard:
    """Checks the results of one run. What passed is frozen and lives as long as the run, so it is walked once only."""

    __slots__ = ("_known", "_run_size")

    def __init__(self) -> None:
        self._known: dict[int, int] = {}
        """Sizes of the containers and long texts that passed, by identity."""
        self._run_size = 0

    def check(self, result: JsonObject) -> None:
        """Let a block's result pass if it is a JSON object.

        Raises:
            BlockError: something in it is no JSON, or it is too large; the text says where and what.
        """
        if not self._is_plain(result):
            for _ in self._walk(result):
                pass

    async def check_in_turns(self, result: JsonObject) -> None:
        """As `check`; a large result is checked piece by piece, so that nobody on the event loop waits for it."""
        if not self._is_plain(result):
            for _ in self._walk(result):
                await asyncio.sleep(0)

    def _is_plain(self, result: JsonObject) -> bool:
        """Whether it can be seen at once that all is well: few values, each an atom, a short text, known or small."""
        known = self._known
        for key, value in result.items():
            kind = type(value)
            if kind is str:
                is_fine = value.isascii() and len(value) < LONG_TEXT
            else:
                is_fine = kind in _ATOMS or id(value) in known or (kind in _QUICK and _is_small(value))
            if not is_fine or type(key) is not str or not key.isascii():
                return False
        return True

    def _walk(self, result: JsonObject) -> Iterator[None]:
        """Look at everything that is new in the result; a step of the iteration is a turn.

        With a stack of our own, because a foreign value may be deeper than Python's.
        """
        walk = _Walk(self._known, result)
        try:
            yield from walk.turns()
        except _Fault as fault:
            raise BlockError(_told(_place_of_fault(result, self._known), str(fault)), retryable=False) from None
        self._run_size += walk.added
        if self._run_size > MAX_RUN_SIZE:
            text = f"The results of this run are larger than {MAX_RUN_SIZE >> 20:,} MB together; pass on less."
            raise BlockError(text, retryable=False)
        self._known.update(walk.sizes)


def _is_small(value: int | JsonObject) -> bool:
    """Whether this is a usual number, or an object of a few short values. Most are, and a walk would cost more."""
    if type(value) is not dict:
        return -_LARGE < value < _LARGE  # type: ignore[operator]
    if len(value) > FEW:
        return False
    for key, item in value.items():
        kind = type(item)
        if kind is str:
            is_fine = len(item) < SHORT_TEXT and item.isascii()
        else:
            is_fine = kind in _ATOMS or (kind is int and -_LARGE < item < _LARGE)
        if not is_fine or type(key) is not str or not key.isascii():
            return False
    return True


class _Walk:
    """One walk through a result. `sizes` are those of what was new in it, `added` is all that was new."""

    def __init__(self, known: dict[int, int], result: JsonObject) -> None:
        self.sizes: dict[int, int] = {}
        self.added = 0
        self._known = known
        self._open: set[int] = set()
        self._stack: list[tuple[int, Iterator[Json]]] = []
        self._totals: list[int] = [0]
        self._enter(result)

    def turns(self) -> Iterator[None]:
        """Go on for a turn at a time, until everything has been seen."""
        left = TURN
        while self._stack:
            identity, items = self._stack[-1]
            for item in islice(items, left):
                left -= 1
                kind = type(item)
                if kind is str:
                    if len(item) >= LONG_TEXT:
                        yield from self._take_long_text(item)
                    else:
                        _check_text(item)
                        self._totals[-1] += len(item)
                        self.added += len(item)
                elif kind is dict or kind is list:
                    if not self._take_known(item):
                        self._enter(item)
                        break
                elif kind is int:
                    if not -_TOO_LARGE < item < _TOO_LARGE:
                        _check_atom(item)
                elif kind not in _ATOMS:
                    _check_atom(item)
            else:
                if left:
                    self._leave(identity)
                else:
                    left = TURN
                    yield

    def _take_known(self, item: Json) -> bool:
        size = self._known.get(id(item)) or self.sizes.get(id(item))
        if size is None:
            return False
        self._totals[-1] += size
        return True

    def _take_long_text(self, text: str) -> Iterator[None]:
        if not self._take_known(text):
            for start in range(0, len(text), _TEXT_TURN) if not text.isascii() else ():
                _check_text(text[start : start + _TEXT_TURN])
                yield
            self.sizes[id(text)] = len(text)
            self._totals[-1] += len(text)
            self.added += len(text)
        _check_size(self._totals[-1])

    def _enter(self, container: Json) -> None:
        if id(container) in self._open:
            raise _Fault("contains itself, so it has no end")
        if len(self._stack) > MAX_DEPTH:
            raise _Fault(f"is nested deeper than {MAX_DEPTH} levels")
        self._open.add(id(container))
        if type(container) is dict:
            _check_keys(container)
            self._stack.append((id(container), iter(container.values())))
        else:
            self._stack.append((id(container), iter(container)))
        own_size = 2 + 8 * len(container)  # commas and brackets, and keys and numbers of a usual length
        self._totals.append(own_size)
        self.added += own_size

    def _leave(self, identity: int) -> None:
        self._stack.pop()
        self._open.discard(identity)
        total = self._totals.pop()
        _check_size(total)
        self.sizes[identity] = total
        self._totals[-1] += total


def _check_size(size: int) -> None:
    if size > MAX_SIZE:
        raise _Fault(
            f"is larger than {MAX_SIZE >> 20} MB; pass on less, or leave it where it is and pass on its address"
        )


def _check_keys(container: dict[Any, Any]) -> None:
    for key in container:
        if type(key) is not str:
            raise _Fault(f"has a key that is no text: {key!r:.60}")
        _check_text(key)


def _check_text(text: str) -> None:
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _Fault("holds half of a surrogate pair, which is no valid text") from None


def _check_atom(value: Any) -> None:
    kind = type(value)
    if kind is int:
        if not -_TOO_LARGE < value < _TOO_LARGE:
            raise _Fault(f"is an integer of more than {MAX_DIGITS} digits; give it as text")
    elif kind is float:
        if not math.isfinite(value):
            raise _Fault(f"is {value}, which JSON cannot express; give a finite number")
    else:
        raise _Fault(f"is of the kind {kind.__name__}; {_ADVICE.get(kind.__name__, _WANTED)}")


def _place_of_fault(result: JsonObject, known: dict[int, int]) -> str:
    """Where the first value stands that cannot be passed on, such as `output.rows[3]`; "" for the result as a whole.

    Slow, and asked only when there is one. What concerns a container as a whole is told of the outermost one.
    """
    open_values: list[tuple[Json, str]] = [(result, "")]
    seen = set(known)
    while open_values:
        value, place = open_values.pop()
        try:
            if type(value) is dict:
                _check_keys(value)
            elif type(value) is str:
                _check_text(value)
            elif type(value) is not list and type(value) not in _ATOMS:
                _check_atom(value)
        except _Fault:
            return place
        if type(value) in (dict, list) and id(value) not in seen and len(place) < 500:
            seen.add(id(value))
            open_values.extend(reversed(list(_children(value, place))))
    return ""


def _children(value: Json, place: str) -> Iterator[tuple[Json, str]]:
    if type(value) is list:
        yield from ((child, f"{place}[{index}]") for index, child in enumerate(value))
    else:
        yield from ((child, f"{place}.{key}" if place else key) for key, child in value.items())


def _told(place: str, what: str) -> str:
    return f"The value {place} {what}." if place else f"The result {what}."
