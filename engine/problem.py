"""A problem: what a person may have done wrong in a document, where, and how it can be put right."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from engine.document import JsonObject, Workflow

Severity = Literal["error", "warning", "info"]
Edit = Callable[[Workflow], Workflow]
ORDER: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass(frozen=True)
class Fix:
    """A cure at one click. `label` is what the button says; `apply` is a pure edit of the workflow that was checked."""

    label: str
    apply: Edit = field(compare=False)


@dataclass(frozen=True)
class Problem:
    """One thing to look at. `code` is stable for tools, `message` a sentence that says what would be right.

    `field` is a config key of the block; a problem without block and edge concerns the workflow as a whole.
    """

    code: str
    severity: Severity
    message: str
    block_id: str | None = None
    edge_id: str | None = None
    field: str | None = None
    fix: Fix | None = None


def problem_report(workflow: Workflow, problems: Iterable[Problem]) -> JsonObject:
    """Problems as JSON, for scripts and other programs: `{"errors": n, "warnings": n, "problems": [...]}`."""
    items = [
        {
            "severity": problem.severity,
            "code": problem.code,
            "block_id": problem.block_id,
            "block_name": block.label if (block := workflow.blocks.get(problem.block_id or "")) else None,
            "edge_id": problem.edge_id,
            "field": problem.field,
            "message": problem.message,
        }
        for problem in problems
    ]
    counts = {f"{kind}s": sum(item["severity"] == kind for item in items) for kind in ("error", "warning")}
    return {**counts, "problems": items}
