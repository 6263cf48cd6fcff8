"""What a run of a workflow asks for: the variables that its entry declares and those that its blocks refer to."""

from collections.abc import Iterator
from dataclasses import dataclass

from engine.blocks import Catalog
from engine.blocks._fields import declared_variables
from engine.document import Json, JsonObject, Workflow
from engine.references import Template


@dataclass(frozen=True)
class RunInput:
    """One variable of a run. `default` is None when nothing gives it a value; `declared` says who asks for it."""

    name: str
    default: Json = None
    declared: bool = True


def run_inputs(workflow: Workflow, catalog: Catalog) -> tuple[RunInput, ...]:
    """Variables a person is asked for before a run, declared ones first.

    Declared are the keys of a starter's `input`; a variable that some block refers to as `{{variables.name}}` is asked
    for as well, and so is what a webhook's caller sends, unless the workflow has a value for it. Defaults are the
    starter's, overlaid by the workflow's own variables (contract 3.1).
    """
    declared: JsonObject = {}
    referred: dict[str, None] = {}
    webhooks = _names_of_webhooks(workflow, catalog)
    for block in workflow.blocks.values():
        block_type = catalog.find(block.type)
        if block_type is None or not block.enabled:
            continue
        if block_type.type == "starter":
            declared |= declared_variables(block.config.get("input"))
        template = Template(block.config, block_type.raw_fields)
        referred |= dict.fromkeys(path.split(".", 1)[0] for path in template.variables)
        sent = _sent_by_callers(template, webhooks)
        referred |= dict.fromkeys(name for name in sent if name not in workflow.variables)
    defaults = declared | workflow.variables
    known = tuple(RunInput(name, defaults[name]) for name in declared)
    loose = (name for name in referred if name not in declared)
    return known + tuple(RunInput(name, defaults.get(name), declared=False) for name in loose)


def _names_of_webhooks(workflow: Workflow, catalog: Catalog) -> frozenset[str]:
    """Names and ids by which blocks refer to the workflow's webhooks."""
    kinds = ((block, catalog.find(block.type)) for block in workflow.blocks.values())
    hooks = [block for block, kind in kinds if kind is not None and kind.trigger == "webhook"]
    return frozenset(name for block in hooks for name in (block.name, block.id) if name)


def _sent_by_callers(template: Template, webhooks: frozenset[str]) -> Iterator[str]:
    """The keys that a config reads of what a webhook's caller sends: `name` of `<Webhook.output.name>`."""
    for reference in template.references:
        keys = reference.keys
        if reference.kind == "block" and reference.name in webhooks and len(keys) > 1 and keys[0] == "output":
            yield keys[1]
