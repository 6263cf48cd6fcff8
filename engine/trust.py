"""What a workflow would do outside of its run, and a fingerprint of the part of it that does it.

A workflow file is data until somebody runs it. Before the first run of one that came from elsewhere a person is asked
with `effects_of`, and the answer is remembered by `fingerprint`. Nothing here runs, resolves or fetches anything.
"""

import hashlib
import ipaddress
import json
import re
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from engine.blocks import Catalog
from engine.blocks._spec import BlockType, Effect
from engine.document import Block, Edge, Json, JsonObject, Workflow
from engine.llm.port import LOCAL_MODEL
from engine.llm.settings import ANTHROPIC_KEY, OPENAI_KEY, is_anthropic
from engine.references import contains, input_mappings, strings_in
from engine.run.addresses import AddressPolicy

UNKNOWN_UNTIL_RUN = "<unknown.until_run>"
"""Stands for a value that another block gives, where a config leaves a field to be filled."""
_SEES_ALL_NAMES = frozenset({"input_data", "globals", "locals", "vars", "dir", "eval", "exec", "globalThis", "this"})
_WORD = re.compile(r"\w+")
_ENCODER = json.JSONEncoder(sort_keys=True)
_LOCAL_ENDINGS = (".localhost", ".local", ".internal", ".lan", ".home.arpa")


@dataclass(frozen=True)
class WorkflowEffect:
    """One thing that a run would do, and the ids of the blocks that do it, in drawing order.

    A `target` of "" is not known before the run: a value or a setting decides. `key_name` is the person's key that a
    model is asked with, "" for none or one that is not known either.
    """

    effect: Effect
    block_ids: tuple[str, ...]
    key_name: str = ""

    @property
    def kind(self) -> str:
        """The kind of the effect, such as "http"."""
        return self.effect.kind

    @property
    def target(self) -> str:
        """The host, model, id or operation."""
        return self.effect.target


def effects_of(workflow: Workflow, catalog: Catalog, *, also_disabled: bool = False) -> list[WorkflowEffect]:
    """What the blocks that are switched on would do, each thing once, in the order in which blocks name it."""
    found: dict[Effect, list[str]] = {}
    for block in workflow.blocks.values():
        block_type = catalog.find(block.type)
        if (block.enabled or also_disabled) and block_type is not None:
            for effect in _effects_of_block(block, block_type):
                found.setdefault(effect, []).append(block.id)
    return [WorkflowEffect(effect, tuple(dict.fromkeys(ids)), _key_name(effect)) for effect, ids in found.items()]


def local_hosts(effects: Iterable[WorkflowEffect]) -> tuple[str, ...]:
    """The hosts among these effects that are this machine or one near it, as far as their spelling tells."""
    hosts = dict.fromkeys(item.target for item in effects if item.kind == "http")
    return tuple(host for host in hosts if is_local_host(host))


def is_local_host(target: str) -> bool:
    """Whether a host, with or without a port, is this machine or near it by its spelling: no name is looked up."""
    name = (urlsplit(f"//{target}").hostname or "").rstrip(".")
    if not name:
        return False
    if name == "localhost" or name.endswith(_LOCAL_ENDINGS):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        try:
            # `127.1`, `0x7f.1` and `2130706433` are addresses to every program that connects.
            address = ipaddress.ip_address(socket.inet_aton(name))
        except (OSError, UnicodeError, ValueError):
            return "." not in name and ":" not in name  # a name without a domain is one of the own network
    return AddressPolicy().refusal(name, address) is not None


def fingerprint(workflow: Workflow, catalog: Catalog) -> str:
    """A text that is the same as long as a run would do the same: types, configs, switches, wires and variables count.

    Places, descriptions and the order in which blocks are drawn or written do not, and neither does what is minted for
    each copy, such as a webhook's address. A block's name counts where some block may refer to it.
    """
    counted = _names_that_count(workflow, catalog)
    digest = hashlib.sha256(_encoded(workflow.variables))
    # Piece by piece, so that a large workflow does not keep other threads waiting.
    for block in sorted(workflow.blocks.values(), key=_id_of):
        name = block.name if block.name in counted else None
        digest.update(_encoded([block.id, block.type, name, block.enabled, _without_minted(block, catalog)]))
    for edge in sorted(workflow.edges.values(), key=_id_of):
        digest.update(_encoded([edge.source, edge.target, edge.source_port, edge.target_port, edge.condition]))
    return digest.hexdigest()


def _without_minted(block: Block, catalog: Catalog) -> JsonObject:
    block_type = catalog.find(block.type)
    minted = block_type.mint() if block_type else {}
    return {key: value for key, value in block.config.items() if key not in minted} if minted else block.config


def _effects_of_block(block: Block, block_type: BlockType) -> Iterator[Effect]:
    mapped = {mapping.target_field: UNKNOWN_UNTIL_RUN for mapping in input_mappings(block.config)}
    empty = {key: value for key, value in mapped.items() if block.config.get(key) in (None, "")}
    try:
        effects = block_type.effects({**block.config, **empty})
    except Exception:  # noqa: BLE001 - a foreign package's function may raise anything
        effects = (Effect("code"),)
    for effect in effects:
        yield Effect(effect.kind) if contains(effect.target) else effect


def _key_name(effect: Effect) -> str:
    if effect.kind != "model" or effect.target in ("", LOCAL_MODEL):
        return ""
    return ANTHROPIC_KEY if is_anthropic(effect.target) else OPENAI_KEY


def _names_that_count(workflow: Workflow, catalog: Catalog) -> set[str]:
    """Names that a config may mean. Rather too many: all, where code can look at every result by its name."""
    words: set[str] = set()
    for block in workflow.blocks.values():
        block_type = catalog.find(block.type)
        raw_fields = block_type.raw_fields if block_type else frozenset()
        for key, value in block.config.items():
            found = _words_of(value)
            words |= found
            if key in raw_fields and not _SEES_ALL_NAMES.isdisjoint(found):
                return {block.name for block in workflow.blocks.values()}
    return {block.name for block in workflow.blocks.values() if _may_be_meant(block.name, words)}


def _words_of(value: Json) -> set[str]:
    return {word for text in strings_in(value) for word in _WORD.findall(text)}


def _may_be_meant(name: str, words: set[str]) -> bool:
    # Code calls `a-b` by the variable `a_b`.
    return words.issuperset(_WORD.findall(name)) or name.replace("-", "_") in words


def _encoded(value: Json) -> bytes:
    return _ENCODER.encode(value).encode() + b"\n"


def _id_of(item: Block | Edge) -> str:
    return item.id
