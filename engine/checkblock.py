"""Rules about one block on its own: its type, its name, its fields. The answer depends on nothing but the block."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from engine import edits, wiring
from engine.blocks import Catalog
from engine.blocks._fields import Field
from engine.blocks._spec import BlockType
from engine.codenames import code_mentions, without_javascript_comments
from engine.document import Block, Json, Workflow
from engine.errors import ExpressionError
from engine.expressions import Expression
from engine.problem import Fix, Problem
from engine.references import can_be_referenced, contains, find_all, input_mappings, strings_in
from engine.renaming import CONDITION_FIELDS, free_name

_EMPTY: tuple[Json, ...] = (None, "", [], {})
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_UNNAMEABLE = re.compile(r"[^\w \-]+")


@dataclass(frozen=True, slots=True)
class Mention:
    """A place in a config that refers to a block or a run variable. `text` is how it is written."""

    field: str
    kind: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class BlockReport:
    """What a block says about itself: its own problems, and what it refers to elsewhere."""

    problems: tuple[Problem, ...]
    mentions: tuple[Mention, ...]


def report_on(block: Block, catalog: Catalog) -> BlockReport:
    """Problems and mentions of one block. Errors of a disabled block are warnings, since it does not run."""
    block_type = catalog.find(block.type)
    found = [*_name_problems(block, block_type, catalog)]
    if block_type is None:
        found.append(_unknown_type(block))
        return BlockReport(_as_it_runs(block, found), tuple(_mentions(block, frozenset())))
    found += _config_problems(block, block_type)
    return BlockReport(_as_it_runs(block, found), tuple(_mentions(block, block_type.raw_fields)))


def _as_it_runs(block: Block, found: list[Problem]) -> tuple[Problem, ...]:
    if block.enabled:
        return tuple(found)
    severity = {"error": "warning", "warning": "warning", "info": "info"}
    return tuple(
        Problem(item.code, severity[item.severity], item.message, item.block_id, field=item.field, fix=item.fix)  # type: ignore[arg-type]
        for item in found
    )


def _unknown_type(block: Block) -> Problem:
    message = (
        f"Nobody here knows the block type “{block.type}” of “{block.label}”; "
        "install the package it comes from, or replace the block."
    )
    return Problem("unknown-type", "error", message, block.id)


def _name_problems(block: Block, block_type: BlockType | None, catalog: Catalog) -> Iterator[Problem]:
    if not block.name:
        wanted = block_type.label if block_type else block.type
        message = f"This block has no name and goes by its id “{block.id}”; a name makes references readable."
        yield Problem("no-name", "info", message, block.id, fix=_renaming(block, wanted, catalog))
    elif not can_be_referenced(block.name):
        message = f"“{block.name}” cannot stand in a reference; use letters, digits, spaces, “_” and “-” only."
        wanted = " ".join(_UNNAMEABLE.sub(" ", block.name).split()) or "Block"
        fix = _renaming(block, wanted, catalog)
        yield Problem("unreferable-name", "warning", message, block.id, fix=fix)


def _renaming(block: Block, wanted: str, catalog: Catalog) -> Fix:
    def apply(workflow: Workflow) -> Workflow:
        taken = {name for item in workflow.blocks.values() for name in (item.id, item.name)}
        return wiring.rename(workflow, catalog, block.id, free_name(wanted, taken))

    return Fix(f"Name It “{wanted}”", apply)


def _config_problems(block: Block, block_type: BlockType) -> Iterator[Problem]:
    """Problems of fields: the type's own word on a field comes before our general rules about it."""
    own = list(_own_problems(block, block_type))
    yield from own
    told = {problem.field for problem in own}
    mapped = {mapping.target_field for mapping in input_mappings(block.config)}
    for form_field in block_type.fields:
        if form_field.key in told or not form_field.is_visible(block.config):
            continue
        older = any(block.config.get(key) not in _EMPTY for key in form_field.older_keys)
        is_given = form_field.key in mapped or older
        yield from _field_problems(block, form_field, is_given)
    if block_type.trigger == "webhook":
        yield from _webhook_problems(block, block_type, told)


def _own_problems(block: Block, block_type: BlockType) -> Iterator[Problem]:
    try:
        found = list(block_type.check(block.config))
    except Exception as error:  # noqa: BLE001 - a foreign package's check may raise anything
        message = f"“{block.label}” could not be checked: {type(error).__name__}: {error}"
        yield Problem("check-failed", "warning", message, block.id)
        return
    for item in found:
        yield Problem(item.code, item.severity, item.message, block.id, field=item.field)


def _field_problems(block: Block, form_field: Field, is_given: bool) -> Iterator[Problem]:
    value = block.config.get(form_field.key)
    if value in _EMPTY:
        if form_field.required and not is_given:
            message = f"“{form_field.label}” of “{block.label}” is empty; it needs a value."
            yield Problem("missing-required", "error", message, block.id, field=form_field.key)
        return
    if form_field.kind == "branches":
        yield from _branch_problems(block, form_field, value)
    if form_field.check and not contains(value):
        try:
            message_or_none = form_field.check(value)
        except Exception as error:  # noqa: BLE001 - a foreign package's check may raise anything
            message_or_none = f"the value could not be checked: {type(error).__name__}: {error}"
        if message_or_none:
            yield Problem("invalid-value", "error", message_or_none, block.id, field=form_field.key)


def _branch_problems(block: Block, form_field: Field, value: Json) -> Iterator[Problem]:
    for number, branch in enumerate(value if isinstance(value, list) else [], start=1):
        text = branch.get("expression") if isinstance(branch, dict) else None
        if isinstance(text, str):
            try:
                Expression(text)
            except ExpressionError as error:
                message = f"Branch {number} of “{block.label}”: {error}"
                yield Problem("invalid-expression", "error", message, block.id, field=form_field.key)


def _webhook_problems(block: Block, block_type: BlockType, told: set[str | None]) -> Iterator[Problem]:
    """Contract 3.2: the address is a UUID, spelled as the platform spells it; the secret is text."""
    identity, secret = block.config.get("webhook_id"), block.config.get("webhook_secret")
    remint = Fix(
        "Make a New Address and Secret",
        lambda workflow: edits.set_config(workflow, block.id, {**workflow.block(block.id).config, **block_type.mint()}),
    )
    if "webhook_id" not in told and not (isinstance(identity, str) and _UUID.fullmatch(identity)):
        message = f"The address of “{block.label}” must be a UUID in lower case, such as 8-4-4-4-12 hex digits."
        yield Problem("invalid-webhook-id", "error", message, block.id, field="webhook_id", fix=remint)
    if "webhook_secret" not in told and not (isinstance(secret, str) and secret):
        message = f"“{block.label}” has no secret, so every call is refused; make one."
        yield Problem("missing-webhook-secret", "error", message, block.id, field="webhook_secret", fix=remint)


def _mentions(block: Block, raw_fields: frozenset[str]) -> Iterator[Mention]:
    for key, value in block.config.items():
        if key not in raw_fields:
            for item in find_all(value):
                yield Mention(key, item.kind, item.name, item.text)
        elif key not in CONDITION_FIELDS:
            for text in strings_in(value):
                if block.config.get("language") == "javascript":
                    text = without_javascript_comments(text)
                for name in sorted(code_mentions(text)) if "input_data" in text else ():
                    yield Mention(key, "block", name, f'input_data["{name}"]')
        else:
            for text in strings_in(value):
                for item in find_all(text):
                    yield Mention(key, "block" if item.kind == "block" else "foreign", item.name, item.text)
    for mapping in input_mappings(block.config):
        yield Mention(mapping.target_field, "block", mapping.source, f"the mapping from “{mapping.source}”")
