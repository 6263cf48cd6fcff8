"""What may travel between blocks: JSON and nothing else, so a run can be shown, stored and sent."""

import json
import math

from engine.document import Json, JsonObject
from engine.errors import BlockError

MAX_DEPTH = 200
_ATOMS = frozenset({int, bool, type(None)})


class JsonGuard:
    """Checks the results of one run. What passed is frozen and lives as long as the run, so it is walked once only."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: set[int] = set()

    def check(self, result: JsonObject) -> None:
        """Let a block's result pass if it is a JSON object.

        Raises:
            BlockError: something in it is no JSON; the text says where and what.
        """
        known = self._known
        for key, value in result.items():
            kind = type(value)
            is_fine = value.isascii() if kind is str else kind in _ATOMS or id(value) in known
            if not is_fine or type(key) is not str:
                break
        else:
            return
        self._walk(result)

    def _walk(self, result: JsonObject) -> None:
        """Level by level, because a foreign value may be deeper than the stack."""
        known, seen, is_tangled = self._known, set[int](), False
        level: list[tuple[Json, str]] = [(result, "")]
        for _ in range(MAX_DEPTH + 1):
            below: list[tuple[Json, str]] = []
            for value, place in level:
                kind = type(value)
                if kind is dict or kind is list:
                    if id(value) in known:
                        continue
                    is_tangled = is_tangled or id(value) in seen
                    if id(value) not in seen:
                        seen.add(id(value))
                        below.extend(_children(value, place))
                elif kind not in _ATOMS:
                    _check_leaf(value, place)
            level = below
            if not level:
                break
        else:
            raise _problem(level[0][1], f"is nested deeper than {MAX_DEPTH} levels")
        if is_tangled:
            _check_circle(result)
        known |= seen


def _children(value: Json, place: str) -> list[tuple[Json, str]]:
    if type(value) is list:
        return [(child, f"{place}[{index}]") for index, child in enumerate(value)]
    for key in value:
        if type(key) is not str:
            raise _problem(place, f"has a key that is no text: {key!r:.60}")
    return [(child, f"{place}.{key}" if place else key) for key, child in value.items()]


def _check_leaf(value: Json, place: str) -> None:
    if type(value) is float:
        if not math.isfinite(value):
            raise _problem(place, f"is {value}, which JSON cannot express; give a finite number")
    elif type(value) is str:
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _problem(place, "holds half of a surrogate pair, which is no valid text") from None
    else:
        wanted = "only text, numbers, true, false, null, lists and objects can be passed on"
        raise _problem(place, f"is of the kind {type(value).__name__}; {wanted}")


def _check_circle(result: JsonObject) -> None:
    try:
        json.dumps(result)
    except ValueError:
        raise _problem("", "contains itself, so it has no end") from None


def _problem(place: str, what: str) -> BlockError:
    return BlockError(f"The value {place} {what}." if place else f"The result {what}.", retryable=False)
