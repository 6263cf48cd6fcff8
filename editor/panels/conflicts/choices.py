"""What a merge came across, as rows to read and as choices to make. No widgets."""

import json
from collections.abc import Mapping
from itertools import islice
from typing import Literal

from editor.panels.two_line_list import TwoLineRow
from editor.text import count_text
from engine import Catalog, Json, Workflow, merge

HIDDEN = "•••••••• (hidden)"
MAX_SHOWN = 20_000
MAX_TAKEOVERS = 300
"""Changes taken over that are listed one by one; the rest is counted."""
Side = Literal["mine", "theirs"]
Item = merge.Conflict | merge.Takeover


class Choices:
    """The conflicts of one merge and what was decided about each, by place."""

    def __init__(self, merged: merge.Merge, server: str, catalog: Catalog) -> None:
        self.merged = merged
        self._server = server
        self._catalog = catalog
        self.decided: dict[merge.Place, Side] = {}
        items: list[Item] = [*merged.conflicts, *merged.from_theirs]
        self._items = {str(number): item for number, item in enumerate(items)}

    def item(self, key: str) -> Item | None:
        """The conflict or takeover of a row."""
        return self._items.get(key)

    def rows(self) -> list[TwoLineRow]:
        """A row each, conflicts first; of very many changes taken over the last row says how many more there are."""
        count = len(self.merged.conflicts) + MAX_TAKEOVERS
        rows = [self._row(key, item) for key, item in islice(self._items.items(), count)]
        left = len(self._items) - len(rows)
        if left > 0:
            text = count_text(left, "more change", "more changes")
            rows.append(TwoLineRow("", "download", "accent", text, f"Taken over from “{self._server}”"))
        return rows

    def decide(self, item: Item, side: Side) -> None:
        """Decide one conflict."""
        self.decided[item.place] = side

    def decide_all(self, side: Side) -> None:
        """Decide every conflict the same way."""
        self.decided = {conflict.place: side for conflict in self.merged.conflicts}

    @property
    def left(self) -> int:
        """How many conflicts wait for a decision."""
        return len(self.merged.conflicts) - len(self.decided)

    def next_open(self) -> str:
        """The key of the first conflict that is not decided, "" when there is none."""
        open_ones = (key for key, item in self._items.items() if self._is_open(item))
        return next(open_ones, "")

    def workflow(self) -> Workflow:
        """The document that comes of it."""
        return merge.resolve(self.merged, self.decided)

    def marks(self) -> dict[str, str]:
        """A colour for each block that is spoken of: those to decide, those decided, those taken over."""
        marks: dict[str, str] = {}
        for item in reversed(self._items.values()):
            color = "accent"
            if isinstance(item, merge.Conflict):
                color = "success" if item.place in self.decided else "error"
            marks |= dict.fromkeys(self.block_ids(item), color)
        return marks

    def block_ids(self, item: Item) -> list[str]:
        """The blocks that an item is about: the one, or both ends of a wire."""
        kind, item_id, _ = item.place
        if kind == "block":
            return [item_id]
        if kind == "edge":
            versions = (self.merged.mine, self.merged.theirs, self.merged.base)
            edge = next((version.edges[item_id] for version in versions if item_id in version.edges), None)
            return [edge.source, edge.target] if edge else []
        return []

    def text(self, item: Item, value: Json) -> str:
        """A value of this item as text; secrets stay hidden, and what is not there says so."""
        if value is merge.ABSENT:
            return "(not there)"
        if self._is_secret(item):
            return HIDDEN
        shown = value if isinstance(value, str) else json.dumps(self._bare(item, value), indent=2, ensure_ascii=False)
        return shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}\n… and more"

    def _row(self, key: str, item: Item) -> TwoLineRow:
        if isinstance(item, merge.Takeover):
            return TwoLineRow(
                key, "download", "accent", item.text, f"Taken over from “{self._server}”", "", "Taken over"
            )
        side = self.decided.get(item.place)
        if side is None:
            return TwoLineRow(key, "triangle-alert", "error", item.text, "Needs a decision", "", "Conflict", item.text)
        words = "Mine is kept" if side == "mine" else f"Taken from “{self._server}”"
        return TwoLineRow(key, "circle-check", "success", item.text, words, "", "Decided", item.text)

    def _is_open(self, item: Item) -> bool:
        return isinstance(item, merge.Conflict) and item.place not in self.decided

    def _secret_keys(self, item: Item) -> set[str]:
        versions = (self.merged.mine, self.merged.theirs, self.merged.base)
        blocks = (version.blocks.get(item.place.item_id) for version in versions)
        types = (self._catalog.find(block.type) for block in blocks if block is not None)
        return {field.key for kind in types if kind for field in kind.fields if field.kind == "secret"}

    def _is_secret(self, item: Item) -> bool:
        path = item.place.path
        return (
            item.place.kind == "block" and len(path) > 1 and path[0] == "config" and path[1] in self._secret_keys(item)
        )

    def _bare(self, item: Item, value: Json) -> Json:
        """A whole block, or its whole config, with its secrets hidden."""
        if item.place.kind != "block" or not isinstance(value, dict):
            return value
        secrets = self._secret_keys(item)
        config = value.get("config") if not item.place.path else value if item.place.path == ("config",) else None
        if not isinstance(config, Mapping):
            return value
        hidden = {key: HIDDEN if key in secrets else content for key, content in config.items()}
        return {**value, "config": hidden} if not item.place.path else hidden
