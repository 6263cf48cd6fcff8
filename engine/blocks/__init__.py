"""The catalog of block types: one file each in this folder, and those that installed packages add."""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType

from engine.blocks._spec import SINGLE_PORT, BlockType, Port
from engine.document import Block, new_id

ENTRY_POINT_GROUP = "blockloom.blocks"
MAX_NAME_LENGTH = 255


class Catalog:
    """Block types by name and alias. Reading only; made once by `default_catalog`, or by a test from its own types."""

    def __init__(self, block_types: Iterable[BlockType], load_errors: Mapping[str, str] | None = None) -> None:
        self._types = {block_type.type: block_type for block_type in block_types}
        self._by_name = {alias: item for item in self._types.values() for alias in item.aliases} | self._types
        self.load_errors: Mapping[str, str] = MappingProxyType(dict(load_errors or {}))
        """Packages whose blocks could not be loaded, with the reason; shown, never fatal."""

    def __iter__(self) -> Iterator[BlockType]:
        return iter(self._types.values())

    def __contains__(self, type_name: str) -> bool:
        return type_name in self._by_name

    def find(self, type_name: str) -> BlockType | None:
        """The block type with this name or alias, None when nobody knows it."""
        return self._by_name.get(type_name)

    def outputs(self, block: Block) -> tuple[Port, ...]:
        """Ports that edges may leave from. A block of unknown type has one unnamed port."""
        block_type = self.find(block.type)
        try:
            return block_type.outputs(block.config) if block_type else SINGLE_PORT
        except Exception:  # noqa: BLE001 - a foreign package's function may raise anything
            return SINGLE_PORT

    def inputs(self, block: Block) -> tuple[Port, ...]:
        """Ports that edges may arrive at. A block of unknown type has one unnamed port."""
        block_type = self.find(block.type)
        return block_type.inputs if block_type else SINGLE_PORT

    def new_block(self, type_name: str, taken_names: Iterable[str], x: float = 0.0, y: float = 0.0) -> Block:
        """A new block with a fresh id, a name nobody has, and the type's defaults."""
        block_type = self._by_name[type_name]
        name = unique_name(block_type.label, taken_names)
        return Block(id=new_id(), type=block_type.type, name=name, x=x, y=y, config=block_type.new_config())


def unique_name(wanted: str, taken: Iterable[str]) -> str:
    """The wanted name, or the first of `wanted 2`, `wanted 3` ... that is free. A number at its end counts on."""
    names = set(taken)
    if wanted not in names:
        return wanted
    stem, _, tail = wanted.rpartition(" ")
    stem, number = (stem, int(tail)) if stem and tail.isdecimal() and len(tail) < 6 else (wanted, 1)
    while (candidate := f"{stem} {number + 1}"[:MAX_NAME_LENGTH]) in names:
        number += 1
    return candidate


@cache
def default_catalog() -> Catalog:
    """Our own block types and those of installed packages. A package that fails to load is left out and named."""
    block_types = list(_own_types())
    errors: dict[str, str] = {}
    taken = {name for item in block_types for name in (item.type, *item.aliases)}
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        try:
            block_type = entry.load().BLOCK
            clash = taken & {block_type.type, *block_type.aliases}
            if clash:
                raise ValueError(f"the block type {sorted(clash)[0]!r} exists already")
        except Exception as error:  # noqa: BLE001 - a foreign package may raise anything while it is imported
            errors[entry.name] = f"{type(error).__name__}: {error}"
        else:
            block_types.append(block_type)
            taken |= {block_type.type, *block_type.aliases}
    return Catalog(block_types, errors)


def _own_types() -> Iterator[BlockType]:
    found = sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    modules = [importlib.import_module(f"{__name__}.{name}") for name in found]
    block_types = [module.BLOCK for module in modules]
    order = [
        "starter",
        "webhook",
        "agent",
        "orchestration",
        "condition",
        "split",
        "code",
        "general_api",
        "platform_api",
    ]
    yield from sorted(block_types, key=lambda item: (order.index(item.type) if item.type in order else 99, item.type))
