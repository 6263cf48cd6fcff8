"""What a run of a workflow asks for: the variables that its entry declares and those that its blocks refer to."""

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
    for as well. Defaults are the starter's, overlaid by the workflow's own variables (contract 3.1).
    """
    declared: JsonObject = {}
    referred: dict[str, None] = {}
    for block in workflow.blocks.values():
        block_type = catalog.find(block.type)
        if block_type is None or not block.enabled:
            continue
        if block_type.type == "starter":
            declared |= declared_variables(block.config.get("input"))
        template = Template(block.config, block_type.raw_fields)
        referred |= dict.fromkeys(path.split(".", 1)[0] for path in template.variables)
    defaults = declared | workflow.variables
    known = tuple(RunInput(name, defaults[name]) for name in declared)
    loose = (name for name in referred if name not in declared)
    return known + tuple(RunInput(name, defaults.get(name), declared=False) for name in loose)
