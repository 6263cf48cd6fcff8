"""What can be referred to from a block: results of the blocks before it, and run variables."""

from dataclasses import dataclass

from engine import wiring
from engine.blocks import Catalog
from engine.document import Workflow
from engine.inputs import run_inputs
from engine.renaming import handle


@dataclass(frozen=True)
class Suggestion:
    """One reference to offer. `insert` is the text to put in, `kind` the sort of its value, such as "text"."""

    insert: str
    label: str
    kind: str = "any"
    help: str = ""


def suggestions(workflow: Workflow, catalog: Catalog, block_id: str) -> list[Suggestion]:
    """References that make sense in this block: nearest blocks first, variables last."""
    found = []
    for source_id in wiring.upstream(workflow, block_id):
        block = workflow.blocks[source_id]
        block_type = catalog.find(block.type)
        name = handle(workflow, block, block.name)
        if block_type is None or name is None:
            continue
        for output in block_type.output_fields(block.config):
            label = f"{block.label} · {output.name}"
            found.append(Suggestion(f"<{name}.{output.name}>", label, output.kind, output.help))
    names = [item.name for item in run_inputs(workflow, catalog) if item.name.isidentifier()]
    variables = [Suggestion("{{variables." + name + "}}", name, "variable", "Run variable") for name in names]
    return found + variables
