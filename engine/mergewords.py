"""What a merge came across, in sentences for people. They name things and never hold values, which may be secret."""

from engine.document import Edge, Workflow


class Words:
    """Sentences about the things of these workflows; the last one that has a thing says what it is called.

    A thing is meant by its kind ("workflow", "block" or "edge"), its id, and the keys that lead to one value of it.
    """

    def __init__(self, *versions: Workflow) -> None:
        self._versions = versions[::-1]

    def conflict(self, kind: str, item_id: str, path: tuple[str, ...], i_deleted: bool, they_deleted: bool) -> str:
        """Why somebody has to decide."""
        name = self._name(kind, item_id, path)
        if (i_deleted or they_deleted) and not path:
            deleted, changed = ("here", "elsewhere") if i_deleted else ("elsewhere", "here")
            return f"{name} was deleted {deleted} and changed {changed}. It stays until you decide."
        return f"{name} was changed here and elsewhere, to different values."

    def takeover(self, kind: str, item_id: str, path: tuple[str, ...], is_new: bool, is_gone: bool) -> str:
        """What the other side did."""
        done = "added" if is_new else "deleted" if is_gone else "changed"
        return f"{self._name(kind, item_id, path)} was {done}."

    def _name(self, kind: str, item_id: str, path: tuple[str, ...]) -> str:
        if kind == "edge":
            return self._edge_name(item_id)
        owner = f"“{self._label(item_id)}”" if kind == "block" else "the workflow"
        if not path:
            return owner
        keys = path[1:] if path[0] in _CONTAINERS else path
        what = _FIELDS.get(path) or f"“{'.'.join(keys)}”"
        return f"{what[0].upper()}{what[1:]} of {owner}"

    def _edge_name(self, edge_id: str) -> str:
        edge: Edge | None = next(
            (version.edges[edge_id] for version in self._versions if edge_id in version.edges), None
        )
        if edge is None:
            return "A connection"
        return f"The connection from “{self._label(edge.source)}” to “{self._label(edge.target)}”"

    def _label(self, block_id: str) -> str:
        found = (version.blocks[block_id] for version in self._versions if block_id in version.blocks)
        return next((block.label for block in found), block_id)


_CONTAINERS = ("config", "variables")
_FIELDS: dict[tuple[str, ...], str] = {
    ("name",): "the name",
    ("description",): "the description",
    ("position",): "the place",
    ("enabled",): "the on/off switch",
    ("type",): "the type",
    ("config",): "the settings",
    ("variables",): "the variables",
}
