"""What is wrong with a workflow: one list of problems for the panel, the canvas, the command line and the run.

Errors keep a workflow from running: circles, loose wires, names or ids that two blocks share, unknown types, empty
required fields, conditions that cannot be read, slips in references. What the platform would run all the same is a
warning, what is merely good to know is an info. The rules are in `checkgraph`, `checkblock` and `checkreferences`.
"""

from engine.blocks import Catalog
from engine.checkblock import BlockReport, report_on
from engine.checkgraph import graph_problems
from engine.checkreferences import ReferenceRules
from engine.completion import Suggestion as Suggestion
from engine.completion import suggestions as suggestions
from engine.document import Block, Workflow
from engine.facts import Facts
from engine.problem import ORDER
from engine.problem import Fix as Fix
from engine.problem import Problem as Problem


def problems(workflow: Workflow, catalog: Catalog) -> tuple[Problem, ...]:
    """All problems of the workflow, errors first, then warnings, then infos; within these in drawing order."""
    return Checker(catalog).problems(workflow)


def field_problems(workflow: Workflow, catalog: Catalog, block_id: str) -> dict[str, Problem]:
    """The worst problem of each field of one block, by config key."""
    found: dict[str, Problem] = {}
    for problem in problems(workflow, catalog):
        if problem.block_id == block_id and problem.field:
            found.setdefault(problem.field, problem)
    return found


class Checker:
    """Checks again and again while a workflow is edited: blocks that are still the same object are not read again."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        # By identity, which is the cheapest test for "unchanged"; the kept block keeps its address from being reused.
        self._reports: dict[int, tuple[Block, BlockReport]] = {}

    def problems(self, workflow: Workflow) -> tuple[Problem, ...]:
        """As the function `problems`."""
        facts = Facts(workflow, self._catalog)
        rules = ReferenceRules(facts)
        found = list(graph_problems(facts))
        reports: dict[int, tuple[Block, BlockReport]] = {}
        for block in workflow.blocks.values():
            kept = self._reports.get(id(block)) or (block, report_on(block, self._catalog))
            reports[id(block)] = kept
            found += kept[1].problems
            if kept[1].mentions:
                found += rules.problems(block, kept[1])
        self._reports = reports
        return tuple(sorted(found, key=lambda problem: ORDER.index(problem.severity)))
