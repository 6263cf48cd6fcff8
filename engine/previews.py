"""The beginning of a JSON value: what is shown, stored or sent of one that is too large to be kept whole.

A value that fits is returned itself. One that does not keeps its shape: small parts stay whole, long texts and lists
are cut at the end, and what is left out is told by an ellipsis. Takes time by the size that is asked for, not by the
value's.
"""

from typing import Any

from engine.document import Json

CUT = "…"
MAX_DEPTH = 50
_ATOM_SIZE = 8


def preview_of(value: Json, max_size: int) -> Json:
    """The value, or its beginning when it has more than about `max_size` characters as JSON."""
    if type(value) not in (str, dict, list) or size_up_to(value, max_size) <= max_size:
        return value
    return _cut(value, max_size, MAX_DEPTH)


def size_up_to(value: Json, limit: int) -> int:
    """About how many characters the value has as JSON; anything above `limit` means that it has more."""
    if isinstance(value, str):
        return len(value) + 2
    if not isinstance(value, dict | list):
        return _ATOM_SIZE
    size, open_values = 0, [value]
    while open_values and size <= limit:
        container = open_values.pop()
        size += 2
        for item in container.items() if isinstance(container, dict) else container:
            if isinstance(container, dict):
                size += len(item[0]) + 4
                item = item[1]
            if isinstance(item, str):
                size += len(item) + 3
            elif isinstance(item, dict | list):
                open_values.append(item)
            else:
                size += _ATOM_SIZE
            if size > limit:
                break
    return size


def _cut(value: Json, room: int, depth: int) -> Json:
    if isinstance(value, str):
        return value if len(value) <= room else value[: max(room, 0)] + CUT
    if not isinstance(value, dict | list):
        return value
    if depth == 0 or room <= 0:
        return CUT if value else value
    return _cut_object(value, room, depth) if isinstance(value, dict) else _cut_list(value, room, depth)


def _cut_object(value: dict[str, Any], room: int, depth: int) -> dict[str, Json]:
    """Small values first, so that a huge one does not push them out; keys stay in their order."""
    sizes: dict[str, int] = {}
    taken = 0
    for key, item in value.items():
        if taken > room:
            break
        sizes[key] = size_up_to(item, room)
        taken += len(key) + 5
    left = room
    parts: dict[str, Json] = {}
    for key in sorted(sizes, key=sizes.__getitem__):
        left -= len(key) + 5
        parts[key] = value[key] if sizes[key] <= left else _cut(value[key], left, depth - 1)
        left -= min(sizes[key], max(left, 0))
    kept = {key[: max(room, 16)]: parts[key] for key in sizes}
    return kept if len(sizes) == len(value) else {**kept, CUT: f"{len(value) - len(sizes):,} more"}


def _cut_list(value: list[Json], room: int, depth: int) -> list[Json]:
    kept: list[Json] = []
    for item in value:
        if room <= 0:
            return [*kept, f"{CUT} {len(value) - len(kept):,} more"]
        size = size_up_to(item, room)
        kept.append(item if size <= room else _cut(item, room, depth - 1))
        room -= size + 1
    return kept
