"""The workflow file: reading three shapes of JSON, writing one canonical form, and never losing what was there.

Our own form has one key a line, blocks and edges in the order of their ids, and positions in a section of their own, so
that two versions compare well and moving a block changes only its lines of `layout`. The order of the lists, which runs
depend on, is in `order` where it is another one. The same document always gives the same bytes.
"""

import hashlib
import json
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from engine import jsontext, safewrite
from engine.document import (
    Block,
    Edge,
    Json,
    JsonObject,
    Workflow,
    block_to_api,
    edge_to_api,
    has_duplicate_id,
    workflow_from_api,
)
from engine.errors import FileChangedOnDisk as FileChangedOnDisk
from engine.errors import FileError
from engine.errors import FileMissing as FileMissing

FORMAT = "blockloom-workflow/1"
MAX_BYTES = 32 * 1024 * 1024
MAX_BLOCKS = 100_000
Shape = Literal["file", "graph", "workflow"]
T = TypeVar("T")

_FORMAT_FAMILY = "blockloom-workflow/"
# A foreign workflow may have unknown fields with the names of our own sections: those get one underscore more.
_OWN_KEY = re.compile(r"_*(?:format|layout|order)")
_ESCAPED_KEY = re.compile(r"_+(?:format|layout|order)")


@dataclass(frozen=True)
class Opened:
    """A workflow that was read. `digest` is that of the bytes on disk, to notice later that somebody changed them."""

    workflow: Workflow
    shape: Shape
    digest: str
    path: Path


def read(path: Path, *, repair: bool = False) -> Opened:
    """The workflow in this file.

    Raises:
        FileMissing: there is no such file.
        FileError: it cannot be read, is too large, or holds no workflow; the text names the place and the cure.
    """
    try:
        data = _read_bytes(path)
    except FileNotFoundError:
        raise FileMissing(f"{path} does not exist. It may have been moved, renamed or deleted.") from None
    except OSError as error:
        raise FileError(f"{path} could not be read: {safewrite.reason(error)}") from None
    workflow, shape = parse(data, repair=repair)
    return Opened(workflow, shape, digest(data), path)


def parse(data: bytes, *, repair: bool = False) -> tuple[Workflow, Shape]:
    """The workflow in these bytes and the shape it had.

    `repair` replaces values that JSON cannot hold (NaN, halves of characters) instead of refusing the file.

    Raises:
        FileError: it is no JSON or no workflow; `place` is a line and column, or a path such as `blocks[3].id`.
    """
    try:
        return _parse(data, repair)
    except FileError as error:
        error.repairable = error.repairable and _can_repair(data)
        raise


def encode(workflow: Workflow) -> bytes:
    """The canonical bytes of a workflow file.

    What JSON cannot hold is written as `parse(..., repair=True)` would read it, so that work can always be stored.

    Raises:
        FileError: a value is nested too deeply to be written.
    """
    data = _to_file(workflow)
    try:
        return _formatted(data)
    except ValueError:
        return _formatted(jsontext.repaired(data))
    except RecursionError:
        raise FileError("a value in the workflow is nested too deeply to be written; make it flatter") from None


def save(path: Path, workflow: Workflow, expected_digest: str | None = None) -> str:
    """Write the workflow to the file and return the digest of its bytes; the version before is kept beside it.

    Whatever goes wrong leaves the old file as it was. With `expected_digest` nothing is written when the file on disk
    is another one.

    Raises:
        FileChangedOnDisk, FileMissing: it is not the file that was read.
        FileError: it cannot be written, or could not be opened again afterwards.
    """
    data = encode(workflow)
    _require_readable(data)

    def refuse_changed() -> None:
        if expected_digest is not None:
            _refuse_changed(path, expected_digest)

    refuse_changed()
    safewrite.replace_file(path, data, before_replace=refuse_changed, keep_old=_deserves_keeping(path, expected_digest))
    return digest(data)


def keep_beside(path: Path) -> Path:
    """Copy what is on disk to a new file beside it, and return that: before somebody's work is written over.

    Raises:
        FileError: it cannot be copied.
    """
    stem = path.name.removesuffix(".json").removesuffix(".workflow")
    number = 1
    while (copy := path.with_name(f"{stem} (theirs {number}).workflow.json")).exists():
        number += 1
    try:
        data = _read_bytes(path)
    except OSError as error:
        raise FileError(f"{path.name} could not be copied: {safewrite.reason(error)}") from None
    safewrite.replace_file(copy, data, keep_old=False)
    return copy


def backup_path(path: Path) -> Path:
    """Where `save` keeps the version before; there may be none."""
    return safewrite.backup_path(path)


def digest(data: bytes) -> str:
    """A text that is the same for the same bytes only."""
    return hashlib.sha256(data).hexdigest()


def digest_of(path: Path) -> str:
    """The digest of a file's bytes; `OSError` when it cannot be read."""
    return digest(_read_bytes(path))


def _read_bytes(path: Path) -> bytes:
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise FileError(f"{path} is a folder; choose a workflow file in it.")
    if not stat.S_ISREG(found.st_mode):
        # A pipe or device would make the read wait for ever.
        raise FileError(f"{path} is a pipe or a device; choose a workflow file.")
    if found.st_size > MAX_BYTES:
        size, limit = found.st_size / 1e6, MAX_BYTES / 1e6
        raise FileError(f"{path.name} has {size:.0f} MB; a workflow file may have {limit:.0f} MB.")
    return path.read_bytes()


def _parse(data: bytes, repair: bool) -> tuple[Workflow, Shape]:
    if len(data) > MAX_BYTES:
        raise FileError(f"it has {len(data) / 1e6:.0f} MB; a workflow may have {MAX_BYTES / 1e6:.0f} MB.")
    text = jsontext.decode_utf8(data)
    if not text.strip():
        raise FileError("it is empty. Open another file, or the version that was kept beside it.", "line 1, column 1")
    value = jsontext.parse_json(text, repair=repair)
    if not isinstance(value, dict):
        raise FileError("a workflow is an object in braces with “blocks” and “edges”", "line 1, column 1")
    _refuse_too_many(value)
    kind = value.get("format")
    if isinstance(kind, str) and kind.startswith(_FORMAT_FAMILY):
        return _from_file(value), "file"
    if "blocks" not in value and "edges" not in value:
        raise FileError("this is JSON, but no workflow: it has neither “blocks” nor “edges”", "line 1, column 1")
    shape: Shape = "graph" if value.keys() <= {"blocks", "edges"} else "workflow"
    return workflow_from_api(value), shape


def _can_repair(data: bytes) -> bool:
    try:
        _parse(data, True)
    except FileError:
        return False
    return True


def _formatted(data: JsonObject) -> bytes:
    """Canonical JSON; ValueError when there is something in it that JSON cannot hold."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False)
    if "\\u0000" in text and jsontext.repaired(data) != data:
        raise ValueError("a text holds NUL")
    return msgspec.json.format(text.encode(), indent=2) + b"\n"


def _require_readable(data: bytes) -> None:
    """A file that only we could write would be lost work."""
    try:
        _parse(data, False)
    except FileError as error:
        raise FileError(f"this workflow cannot be saved, because it could not be opened again: {error}") from error


def _deserves_keeping(path: Path, expected_digest: str | None) -> bool:
    """Whether what is on disk may be the last good version; a broken file must not push a good one out."""
    if expected_digest is not None:
        return True  # it is what was read
    try:
        _parse(_read_bytes(path), False)
    except (OSError, FileError):
        return False
    return True


def _refuse_changed(path: Path, expected: str) -> None:
    try:
        found = digest_of(path)
    except FileNotFoundError:
        message = f"{path.name} was deleted or moved away since it was opened. Save it under a name to keep your work."
        raise FileMissing(message) from None
    except OSError as error:
        raise FileError(f"{path.name} could not be compared: {safewrite.reason(error)}") from None
    if found != expected:
        message = f"{path.name} was changed by another program since it was opened. Nothing was written."
        raise FileChangedOnDisk(message)


def _refuse_too_many(value: JsonObject) -> None:
    blocks = value.get("blocks")
    if isinstance(blocks, list) and len(blocks) > MAX_BLOCKS:
        raise FileError(f"there are {len(blocks)} blocks; {MAX_BLOCKS} can be opened", "blocks")


def _from_file(value: JsonObject) -> Workflow:
    if value["format"] != FORMAT:
        kind = value["format"][:80]
        raise FileError(f"the format {kind!r} is not known here; a newer Blockloom may read it", "format")
    layout = value.get("layout", {})
    if not isinstance(layout, dict):
        raise FileError("expected an object with the position of each block", "layout")
    left: JsonObject = dict(layout)
    order = value.get("order", {})
    if not _is_order(order):
        raise FileError("expected lists of the ids of blocks and edges", "order")
    ours = {key: item for key, item in value.items() if key not in ("format", "layout", "order")}
    rest = {key[1:] if _ESCAPED_KEY.fullmatch(key) else key: item for key, item in ours.items()}
    blocks = rest.get("blocks")
    if isinstance(blocks, list):
        rest["blocks"] = [_with_position(block, left) for block in blocks]
    if left and "layout" not in rest:
        rest["layout"] = left  # positions of blocks that are not there are kept as well
    workflow = workflow_from_api(rest)
    return workflow.changed(
        blocks=_in_order(workflow.blocks, order.get("blocks", ())),
        edges=_in_order(workflow.edges, order.get("edges", ())),
    )


def _is_order(value: Json) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(key, []), list) for key in ("blocks", "edges"))


def _in_order(items: Mapping[str, T], ids: Iterable[Json]) -> dict[str, T]:
    """The items in this order; those that it does not name follow as they are."""
    first = {item_id: items[item_id] for item_id in ids if isinstance(item_id, str) and item_id in items}
    return {**first, **{item_id: item for item_id, item in items.items() if item_id not in first}}


def _order_of(workflow: Workflow, blocks: list[Block], edges: list[Edge]) -> JsonObject:
    """The order of the lists where it is not that of the file: a run and the drawing depend on it (contract 5.1)."""
    sorted_ids = {"blocks": [block.id for block in blocks], "edges": [edge.id for edge in edges]}
    real = {"blocks": list(workflow.blocks), "edges": list(workflow.edges)}
    order = {key: ids for key, ids in real.items() if ids != sorted_ids[key]}
    return {"order": order} if order else {}


def _with_position(block: Json, layout: JsonObject) -> Json:
    """The block with its position, which leaves the layout: of blocks with one id only the first gets it."""
    block_id = block.get("id") if isinstance(block, dict) else None
    if not isinstance(block_id, str) or block_id not in layout:
        return block
    return {**block, "position": layout.pop(block_id)}


def _to_file(workflow: Workflow) -> JsonObject:
    blocks = sorted(workflow.blocks.values(), key=_stable_order)
    edges = sorted(workflow.edges.values(), key=_stable_order)
    layout = {block.id: block_to_api(block)["position"] for block in blocks if not has_duplicate_id(block)}
    extra, strays = dict(workflow.extra), workflow.extra.get("layout")
    if isinstance(strays, dict) and strays and not strays.keys() & workflow.blocks.keys():
        layout |= extra.pop("layout")
    return {
        "format": FORMAT,
        "name": workflow.name,
        "description": workflow.description,
        "variables": workflow.variables,
        "blocks": [_block_form(block) for block in blocks],
        "edges": [edge_to_api(edge) for edge in edges],
        "layout": dict(sorted(layout.items())),
        **_order_of(workflow, blocks, edges),
        **{f"_{key}" if _OWN_KEY.fullmatch(key) else key: item for key, item in extra.items()},
    }


def _block_form(block: Block) -> JsonObject:
    """A block as the file has it: its place is in the layout, unless it shares its id with another block."""
    form = block_to_api(block)
    if not has_duplicate_id(block):
        del form["position"]
    return form


def _stable_order(item: Block | Edge) -> tuple[str, bool]:
    """By the id as it is written; of several with the same id the true owner first, the others as they stand."""
    return str(item.extra.get("id", item.id)), has_duplicate_id(item)
