"""Which block types a few typed letters mean, best first. No Qt."""

from collections.abc import Iterable, Mapping

from engine import BlockType

_BOUNDARY = " _-/."

USUALLY_FOLLOWS: Mapping[str, tuple[str, ...]] = {
    "starter": ("agent", "code", "general_api", "platform_api", "condition", "response"),
    "webhook": ("code", "condition", "agent", "general_api", "response"),
    "agent": ("response", "condition", "code", "agent", "general_api"),
    "orchestration": ("response", "condition", "code"),
    "code": ("response", "condition", "agent", "general_api", "code"),
    "condition": ("agent", "response", "code", "general_api", "condition"),
    "split": ("agent", "code", "general_api", "platform_api"),
    "general_api": ("code", "agent", "condition", "response"),
    "platform_api": ("code", "agent", "condition", "response"),
}
"""What people usually put behind a block of each type, the most usual first."""


def match_score(query: str, text: str) -> float | None:
    """How well the letters of `query` fit `text`, in this order and with gaps allowed; None when they do not.

    From 1 (scattered letters) up to 100 (the whole text). Beginnings of words count more than their middles.
    """
    wanted, found = query.casefold(), text.casefold()
    if not wanted:
        return 1.0
    if wanted == found:
        return 100.0
    place = found.find(wanted)
    if place == 0:
        return 90.0 - min(len(found), 40) / 10
    if place > 0:
        return (75.0 if found[place - 1] in _BOUNDARY else 50.0) - min(place, 40) / 10
    return _scattered_score(wanted.replace(" ", ""), found)


def rank(query: str, block_types: Iterable[BlockType], previous_type: str = "") -> list[BlockType]:
    """The block types that fit, best first; equal ones by what usually follows `previous_type`, then as they came."""
    follows = USUALLY_FOLLOWS.get(previous_type, ())
    scored = []
    for place, block_type in enumerate(block_types):
        score = type_score(query, block_type)
        if score is not None:
            usual = follows.index(block_type.type) if block_type.type in follows else len(follows)
            scored.append((-round(score), usual, place, block_type))
    return [item[3] for item in sorted(scored, key=lambda item: item[:3])]


def type_score(query: str, block_type: BlockType) -> float | None:
    """How well a query fits a block type: its label best, then its other names, keywords and description."""
    query = query.strip()
    if not query:
        return 1.0
    scores = [match_score(query, block_type.label)]
    scores += [_weighted(match_score(query, name), 0.9) for name in (block_type.type, *block_type.aliases)]
    scores += [_weighted(match_score(query, word), 0.7) for word in block_type.keywords]
    if query.casefold() in block_type.description.casefold():
        scores.append(20.0)
    return max((score for score in scores if score is not None), default=None)


def _weighted(score: float | None, weight: float) -> float | None:
    # Scattered letters are a guess good enough for a name people see, and noise in words they do not.
    return None if score is None or score < 40 else score * weight


def _scattered_score(wanted: str, found: str) -> float | None:
    """Letters in order with gaps; the first must begin a word, so that noise does not match."""
    place, bonus = -1, 0.0
    for index, letter in enumerate(wanted):
        start = place + 1
        place = found.find(letter, start)
        if place < 0:
            return None
        begins_word = place == 0 or found[place - 1] in _BOUNDARY
        if index == 0 and not begins_word:
            return None
        bonus += 2.0 if begins_word or place == start else 0.0
    return min(39.0, 10.0 + 20.0 * bonus / (2 * len(wanted)))
