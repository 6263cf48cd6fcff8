"""The beginning of a JSON value as text, however big the value is. No Qt."""

import json
from typing import Any

from engine import references

LIMIT = 200_000
"""Characters that are shown of one value."""
MAX_DEPTH = 60
_CUT = "…"


def preview(value: Any, limit: int = LIMIT) -> tuple[str, bool]:
    """The value as readable text, and whether that is all of it. Takes time by `limit`, not by the value's size.

    Text is shown as it is, everything else as indented JSON.
    """
    if isinstance(value, str):
        return value[:limit], len(value) <= limit
    clipped = _Clipper(limit)
    text = json.dumps(clipped.clip(value, MAX_DEPTH), indent=2, ensure_ascii=False)
    return text[:limit], not clipped.was_cut and len(text) <= limit


def full_text(value: Any) -> str:
    """All of a value as text, as it is copied and saved. Takes time by the value's size."""
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def one_line_value(value: Any, limit: int = 120) -> str:
    """A value on one line, cut at `limit` characters: for rows of a tree."""
    if isinstance(value, str):
        shown = json.dumps(value[:limit], ensure_ascii=False)
        return shown if len(value) <= limit else f"{shown[:-1]}{_CUT}"
    if isinstance(value, dict):
        return f"{{{len(value):,}}}" if value else "{}"
    if isinstance(value, list):
        return f"[{len(value):,}]" if value else "[]"
    return references.text_of(value)


class _Clipper:
    """Copies a value as far as a number of characters goes."""

    def __init__(self, room: int) -> None:
        self._room = room
        self.was_cut = False

    def clip(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self._clip_text(value)
        if isinstance(value, dict | list) and (depth == 0 or self._room <= 0):
            self.was_cut = True
            return _CUT
        if isinstance(value, dict):
            return self._clip_object(value, depth)
        if isinstance(value, list):
            return self._clip_list(value, depth)
        self._room -= 8
        return value

    def _clip_text(self, text: str) -> str:
        room = max(self._room, 0)
        self._room -= len(text) + 4
        if len(text) > room:
            self.was_cut = True
            return text[:room] + _CUT
        return text

    def _clip_object(self, value: dict[str, Any], depth: int) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for key, item in value.items():
            if self._room <= 0:
                self.was_cut = True
                kept[_CUT] = f"{len(value) - len(kept):,} more"
                break
            self._room -= len(key) + 8
            kept[key[:1000]] = self.clip(item, depth - 1)
        return kept

    def _clip_list(self, value: list[Any], depth: int) -> list[Any]:
        kept: list[Any] = []
        for item in value:
            if self._room <= 0:
                self.was_cut = True
                kept.append(f"{_CUT} {len(value) - len(kept):,} more")
                break
            self._room -= 4
            kept.append(self.clip(item, depth - 1))
        return kept
