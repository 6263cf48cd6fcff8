"""What a deploy would change: two versions of a graph told apart in words, block by block and field by field.

Pure. Values of secret fields are never in it, so that it can be shown and copied.
"""

import difflib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from engine import schedule
from engine.blocks import Catalog
from engine.blocks._spec import BlockType
from engine.document import Block, Edge, Json, JsonObject, Workflow
from engine.merge import ABSENT, POSITION, Takeover, merge

MAX_SHOWN = 160
"""Characters of a value that are shown."""
HIDDEN = "hidden"
NEXT_FIRES = 5
Done = Literal["added", "changed", "deleted"]
_ORDER: tuple[Done, ...] = ("added", "changed", "deleted")
_POLICY_LABELS = {"timeout": "Time limit", "retry": "Retry", "_inputMappings": "Inputs"}
_BLOCK_LABELS = {"name": "Name", "type": "Type", "enabled": "Takes part in runs", "config": "Settings"}


@dataclass(frozen=True)
class FieldChange:
    """One field that differs. `before` and `after` are its values as short texts, "" where there was none.

    Where a text of several lines changed both are "" and `lines` are its lines as a diff has them, with "+ " or "- ".
    """

    label: str
    before: str = ""
    after: str = ""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class ItemChange:
    """A block or a connection that differs. `block_id` is where to look for it, of a connection the block it leaves."""

    kind: Literal["block", "connection"]
    done: Done
    name: str
    type_name: str = ""
    block_id: str = ""
    fields: tuple[FieldChange, ...] = ()


@dataclass(frozen=True)
class Changes:
    """All that differs between two graphs. Blocks that were only moved run the same, so they are counted only."""

    items: tuple[ItemChange, ...] = ()
    moved: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether both do the same."""
        return not self.items

    @property
    def summary(self) -> str:
        """All of it in one line, such as `1 block added, 2 changed, 1 connection deleted`."""
        words = [*_counted(self.items, "block"), *_counted(self.items, "connection")]
        if self.moved:
            words.append(f"{_count(self.moved, 'block')} moved")
        return ", ".join(words)


@dataclass(frozen=True)
class Schedule:
    """The schedule that a deploy would begin: in words, and when it runs next. `problems` stand in its way."""

    words: str
    timezone: str
    next_fires: tuple[datetime, ...]
    problems: tuple[schedule.ScheduleProblem, ...] = ()


def changes(live: Workflow, now: Workflow, catalog: Catalog) -> Changes:
    """What differs from `live` in `now`: their graphs only, because a deploy keeps no name and no variables."""
    live = Workflow(blocks=live.blocks, edges=live.edges)
    now = Workflow(blocks=now.blocks, edges=now.edges)
    found = merge(live, live, now)
    by_block: dict[str, list[Takeover]] = {}
    connections, moved = [], 0
    for item in found.from_theirs:
        if item.place.kind == "edge":
            connections.append(_connection(found.theirs, live, item))
        elif item.place.path == POSITION:
            moved += 1
        elif item.place.kind == "block":
            by_block.setdefault(item.place.item_id, []).append(item)
    blocks = [_block(live, now, catalog, block_id, items) for block_id, items in by_block.items()]
    return Changes((*sorted(blocks, key=_order), *sorted(connections, key=_order)), moved)


def planned_schedule(workflow: Workflow, after: datetime, count: int = NEXT_FIRES) -> Schedule | None:
    """The schedule that deploying this graph would begin after this instant; None when none is switched on.

    `next_fires` are in the schedule's own time zone, or in UTC where that is not known.
    """
    for block in workflow.blocks.values():
        if block.type == "starter" and (captured := schedule.captured(block.config)) is not None:
            problems = tuple(schedule.problems(block.config))
            return _schedule(captured, after, count, problems)
    return None


def running_schedule(captured: JsonObject, after: datetime, told: Sequence[str] = ()) -> Schedule:
    """The schedule that a deployed workflow runs by. `told` are the next times as the server tells them (ISO 8601).

    Without them they are worked out, except those of an interval: they depend on when it ran last.
    """
    found = _schedule(captured, after, NEXT_FIRES, ())
    if told:
        return replace(found, next_fires=tuple(_in_zone(_instants(told), found.timezone)))
    return replace(found, next_fires=()) if captured.get("type") == "interval" else found


def _schedule(
    captured: JsonObject, after: datetime, count: int, problems: tuple[schedule.ScheduleProblem, ...]
) -> Schedule:
    timezone = str(captured.get("timezone") or "UTC")
    fires = schedule.next_fires(captured, after, count)
    return Schedule(schedule.describe(captured), timezone, tuple(_in_zone(fires, timezone)), problems)


def _instants(texts: Iterable[str]) -> Iterator[datetime]:
    for text in texts:
        with suppress(ValueError):
            moment = datetime.fromisoformat(text)
            yield moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _in_zone(fires: Iterable[datetime], timezone: str) -> Iterator[datetime]:
    from zoneinfo import ZoneInfo

    try:
        zone = ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        return iter(fires)
    return (fire.astimezone(zone) for fire in fires)


def _order(item: ItemChange) -> int:
    return _ORDER.index(item.done)


def _block(live: Workflow, now: Workflow, catalog: Catalog, block_id: str, items: Sequence[Takeover]) -> ItemChange:
    block = now.blocks.get(block_id) or live.block(block_id)
    kind = catalog.find(block.type)
    type_name = kind.label if kind else block.type
    if not items[0].place.path:
        done: Done = "added" if items[0].before is ABSENT else "deleted"
        return ItemChange("block", done, block.label, type_name, block_id)
    fields = tuple(_field(item, kind) for item in items)
    return ItemChange("block", "changed", block.label, type_name, block_id, fields)


def _connection(now: Workflow, live: Workflow, item: Takeover) -> ItemChange:
    is_new, is_gone = item.before is ABSENT, item.after is ABSENT
    edge = (live if is_gone else now).edges[item.place.item_id]
    done: Done = "added" if is_new else "deleted" if is_gone else "changed"
    fields = () if is_new or is_gone else tuple(_edge_fields(item.before, item.after))
    return ItemChange("connection", done, _edge_name(edge, now, live), block_id=edge.source, fields=fields)


def _edge_name(edge: Edge, *versions: Workflow) -> str:
    ends: list[Block | None] = [
        next((version.blocks[end] for version in versions if end in version.blocks), None)
        for end in (edge.source, edge.target)
    ]
    names = [block.label if block else end for block, end in zip(ends, (edge.source, edge.target), strict=True)]
    port = f" ({edge.source_port})" if edge.source_port else ""
    return f"{names[0]}{port} → {names[1]}"


def _edge_fields(before: JsonObject, after: JsonObject) -> Iterator[FieldChange]:
    labels = {"source": "From", "target": "To", "sourceHandle": "Output", "targetHandle": "Input"}
    for key in dict.fromkeys([*before, *after]):
        old, new = before.get(key, ABSENT), after.get(key, ABSENT)
        if old != new:
            yield FieldChange(labels.get(key, key.capitalize()), _short(old), _short(new))


def _field(item: Takeover, kind: BlockType | None) -> FieldChange:
    path = item.place.path
    label = _label(path, kind)
    field = kind.field(path[1]) if kind and path[0] == "config" and len(path) > 1 else None
    if field is not None and field.kind == "secret":
        return FieldChange(label, _hidden(item.before), _hidden(item.after))
    is_code = field is not None and field.kind == "code"
    if is_code or _is_long(item.before) or _is_long(item.after):
        return FieldChange(label, lines=tuple(_differing_lines(item.before, item.after)))
    return FieldChange(label, _short(item.before), _short(item.after))


def _label(path: Sequence[str], kind: BlockType | None) -> str:
    if path[0] != "config" or len(path) == 1:
        return _BLOCK_LABELS.get(path[0], path[0])
    field = kind.field(path[1]) if kind else None
    first = field.label if field else _POLICY_LABELS.get(path[1], path[1])
    return " › ".join((first, *path[2:]))


def _is_long(value: Json) -> bool:
    return isinstance(value, str) and "\n" in value.strip()


def _differing_lines(before: Json, after: Json) -> Iterator[str]:
    old, new = (value.splitlines() if isinstance(value, str) else [_short(value)] for value in (before, after))
    return (line for line in difflib.ndiff([line for line in old if line], new) if line.startswith(("+ ", "- ")))


def _hidden(value: Json) -> str:
    return "" if value is ABSENT or value in (None, "") else HIDDEN


def _short(value: Json) -> str:
    if value is ABSENT or value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    line = " ".join(text[: 2 * MAX_SHOWN].split())
    return line if len(line) <= MAX_SHOWN and len(text) <= 2 * MAX_SHOWN else f"{line[: MAX_SHOWN - 1]}…"


def _counted(items: Sequence[ItemChange], kind: str) -> Iterator[str]:
    """`2 blocks added`, `1 changed`: the noun stands once."""
    noun = True
    for done in _ORDER:
        number = sum(1 for item in items if item.kind == kind and item.done == done)
        if number:
            yield f"{_count(number, kind) if noun else number} {done}"
            noun = False


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
