"""`blockloom check`: what is wrong with a workflow, for people and for scripts."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from engine import files
from engine.blocks import Catalog, default_catalog
from engine.cli.output import print_result, say
from engine.document import JsonObject, Workflow
from engine.errors import FileError
from engine.problem import problem_report

if TYPE_CHECKING:
    from engine.check import Problem

OK, FAILED, UNUSABLE = 0, 1, 2
_CODE_TYPE = "code"


def check_file(path: Path, *, as_json: bool) -> int:
    """Print the problems of the workflow in this file. 0: no errors, 1: errors, 2: the file cannot be read."""
    from engine.check import problems

    try:
        workflow = files.read(path).workflow
    except FileError as error:
        say(str(error))
        return UNUSABLE
    catalog = default_catalog()
    found = problems(workflow, catalog)
    isolation = code_isolation() if has_code(workflow, catalog) else None
    if as_json:
        print_result(as_object(workflow, found, isolation))
    else:
        _print_lines(workflow, catalog, found, isolation)
    return FAILED if errors_of(found) else OK


def errors_of(found: "Iterable[Problem]") -> "list[Problem]":
    """The problems that keep a workflow from running."""
    return [problem for problem in found if problem.severity == "error"]


def line_for(workflow: Workflow, catalog: Catalog, problem: "Problem") -> str:
    """One problem in one line: severity, block, field, sentence."""
    block = workflow.blocks.get(problem.block_id or "")
    place = f'block "{block.label}"' if block else ""
    if block and problem.field:
        block_type = catalog.find(block.type)
        field = block_type.field(problem.field) if block_type else None
        place += f", {field.label if field else problem.field}"
    return f"{problem.severity}: {place}: {problem.message}" if place else f"{problem.severity}: {problem.message}"


def as_object(workflow: Workflow, found: "Iterable[Problem]", isolation: str | None) -> JsonObject:
    """The report of `check --json`. `code_isolation` is null when the workflow holds no code."""
    return {"name": workflow.name, **problem_report(workflow, found), "code_isolation": isolation}


def has_code(workflow: Workflow, catalog: Catalog) -> bool:
    """Whether an enabled block of this workflow runs code."""
    types = (catalog.find(block.type) for block in workflow.blocks.values() if block.enabled)
    return any(block_type is not None and block_type.type == _CODE_TYPE for block_type in types)


def code_isolation() -> str:
    """How well code blocks are held on this machine, in words."""
    from engine.code.isolation import measured

    isolation = measured()
    return f"{isolation.level}, because {isolation.because}"


def _print_lines(workflow: Workflow, catalog: Catalog, found: "Iterable[Problem]", isolation: str | None) -> None:
    lines = [line_for(workflow, catalog, problem) for problem in found]
    if isolation is not None:
        lines.append(f"code isolation: {isolation}")
    print_result("\n".join(lines) or f"{workflow.name or 'The workflow'}: no problems found.")
