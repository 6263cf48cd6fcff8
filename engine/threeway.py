"""Three-way merge of JSON values: two versions that grew out of one, key by key where all of them are objects."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from engine.change import same_json
from engine.document import Json, JsonObject
from engine.edits import ABSENT as ABSENT

Side = Literal["mine", "theirs"]
Path = tuple[str, ...]
"""The keys that lead to a value; `()` is the whole."""


class Clash(NamedTuple):
    """A value that both sides changed, to different ones. Values may be `ABSENT`."""

    path: Path
    base: Json
    mine: Json
    theirs: Json


class Gain(NamedTuple):
    """A value that only the other side changed, and that was taken over. Values may be `ABSENT`."""

    path: Path
    before: Json
    after: Json


@dataclass
class Findings:
    """What a merge came across, in the order of the keys."""

    clashes: list[Clash] = field(default_factory=list)
    gains: list[Gain] = field(default_factory=list)


_NOTHING: Final[Any] = {}


def merge_values(
    base: Json,
    mine: Json,
    theirs: Json,
    found: Findings,
    *,
    choices: Mapping[Path, Side] = _NOTHING,
    units: Collection[Path] = (),
    path: Path = (),
) -> Json:
    """The value that has both changes in it; a clash goes to `mine`, or where `choices` says.

    Any of the three may be `ABSENT`, and so may the result. Objects are merged key by key, except for those at the
    paths in `units`; everything else, lists included, is one value.
    """
    if same_json(mine, theirs) or same_json(base, theirs):
        return mine
    are_objects = isinstance(mine, dict) and isinstance(theirs, dict)
    if are_objects and (base is ABSENT or isinstance(base, dict)) and path not in units:
        origin = {} if base is ABSENT else base
        return _merge_objects(origin, mine, theirs, found, choices=choices, units=units, path=path)
    if same_json(base, mine):
        found.gains.append(Gain(path, base, theirs))
        return theirs
    found.clashes.append(Clash(path, base, mine, theirs))
    return theirs if choices.get(path) == "theirs" else mine


def _merge_objects(
    base: JsonObject,
    mine: JsonObject,
    theirs: JsonObject,
    found: Findings,
    *,
    choices: Mapping[Path, Side],
    units: Collection[Path],
    path: Path,
) -> JsonObject:
    merged = {}
    for key in dict.fromkeys([*mine, *theirs, *base]):
        old, my, their = (version.get(key, ABSENT) for version in (base, mine, theirs))
        value = merge_values(old, my, their, found, choices=choices, units=units, path=(*path, key))
        if value is not ABSENT:
            merged[key] = value
    return merged
