"""What a block's card shows, how large it is and where its ports sit. No Qt here.

A `Face` is all that a card shows of the document apart from its place. It depends on the block and the catalog only, so
it is made once per version of a block.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from editor.workspace.directories import EntityKind
from engine import Block, BlockType, Catalog, Port

WIDTH = 240.0
HEADER = 60.0
FIELD_LINE = 28.0
PORT_ROW = 24.0
BOTTOM = 6.0
GAP_ALONG, GAP_ACROSS = 72.0, 40.0
Side = Literal["in", "out"]
NameOf = Callable[[EntityKind, str], str | None]
"""The name of a stored agent or orchestration by its id, None when nobody knows it."""


def nobody_knows(_kind: EntityKind, _entity_id: str) -> str | None:
    """Where no agents are kept there are no names."""
    return None


@dataclass(frozen=True, slots=True)
class Face:
    """The shown part of one block. `is_known` is False for a type that the catalog does not have.

    `kind` is the type's name, behind that of the stored agent or orchestration that the block asks, if it asks one.
    """

    title: str
    kind: str
    summary: str
    icon: str
    hue: str
    enabled: bool
    is_known: bool
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    @property
    def height(self) -> float:
        """How tall the card is: the header, the line with its main fields, and a row per named port."""
        rows = max(_row_count(self.inputs), _row_count(self.outputs))
        field_line = FIELD_LINE if self.summary else 0.0
        return HEADER + field_line + rows * PORT_ROW + (BOTTOM if rows or self.summary else 0.0)

    @property
    def rows_top(self) -> float:
        """Where the rows of named ports begin."""
        return HEADER + (FIELD_LINE if self.summary else 0.0)

    def ports(self, side: Side) -> tuple[Port, ...]:
        """The ports of one side."""
        return self.inputs if side == "in" else self.outputs


def face_of(block: Block, catalog: Catalog, name_of: NameOf = nobody_knows) -> Face:
    """The face of a block. A type that nobody knows gets a question mark and its own name."""
    block_type = catalog.find(block.type)
    if block_type is None:
        ports = catalog.inputs(block), catalog.outputs(block)
        return Face(block.label, f"Unknown type: {block.type}", "", "unknown", "grey", block.enabled, False, *ports)
    return Face(
        title=block.label,
        kind=f"{_asked(block, block_type, name_of)}{block_type.label}",
        summary=_one_line(block_type.summary(block.config)),
        icon=block_type.icon,
        hue=block_type.hue,
        enabled=block.enabled,
        is_known=True,
        inputs=block_type.inputs,
        outputs=block_type.outputs(block.config),
    )


def asks(block: Block, catalog: Catalog) -> bool:
    """Whether the card shows whom the block asks, so that it depends on the names of stored agents."""
    block_type = catalog.find(block.type)
    return block_type is not None and any(field.kind in ("agent", "orchestration") for field in block_type.fields)


def _asked(block: Block, block_type: BlockType, name_of: NameOf) -> str:
    """The stored agent or orchestration that the block asks, and a dot behind it; "" when it asks none.

    Where there is little room the name is what stays, and the icon tells the type.
    """
    for field in block_type.fields:
        entity_id = block.config.get(field.key)
        if field.kind in ("agent", "orchestration") and isinstance(entity_id, str) and entity_id:
            kind: EntityKind = "agent" if field.kind == "agent" else "orchestration"
            return f"{name_of(kind, entity_id) or f'unknown {kind}'} · "
    return ""


def anchors(face: Face, side: Side) -> list[tuple[float, float]]:
    """Where the ports of one side sit, from the card's top left corner: the one place that knows the flow's direction.

    An only port sits level with the title, so that blocks in a row have straight wires whatever their height.
    """
    x = 0.0 if side == "in" else WIDTH
    ports = face.ports(side)
    if not _row_count(ports):
        return [(x, HEADER / 2)] * len(ports)
    return [(x, face.rows_top + (row + 0.5) * PORT_ROW) for row in range(len(ports))]


def has_rows(ports: tuple[Port, ...]) -> bool:
    """Whether these ports are shown as labelled rows rather than as one dot at the title."""
    return _row_count(ports) > 0


def port_index(ports: tuple[Port, ...], name: str) -> int | None:
    """Which of the ports has this name, None when none has."""
    return next((index for index, port in enumerate(ports) if port.name == name), None)


def _row_count(ports: tuple[Port, ...]) -> int:
    return len(ports) if len(ports) > 1 or (len(ports) == 1 and ports[0].name) else 0


def _one_line(text: str) -> str:
    return " ".join(text[:400].split())
