"""Condition: asks questions in order and sends the run down the path of the first one that holds."""

from collections.abc import Iterator

from engine.blocks._fields import Field
from engine.blocks._spec import BlockContext, BlockType, FieldProblem, Outcome, OutputField, Port
from engine.document import Json, JsonObject
from engine.errors import BlockError, ExpressionError
from engine.expressions import Expression
from engine.references import text_of

ELSE = "else"
MAX_BRANCHES = 9
MAX_SHOWN = 48
LABEL_COLUMN = "Case Label"


def run(ctx: BlockContext, config: JsonObject) -> Outcome:
    """The route of the first branch that holds. One that cannot be evaluated counts as false (contract 3.4)."""
    tried: list[JsonObject] = []
    route = ELSE
    for index, branch in enumerate(branches_of(config)):
        is_true, report = _try(ctx, branch, index)
        tried.append({"branch": route_of(index), **report})
        if is_true:
            route = route_of(index)
            break
    # A branch that has no answer is not taken, as on the platform, but never in silence (W34).
    warnings = tuple(f"“{item['branch']}” has no answer: {item['error']}" for item in tried if "error" in item)
    return Outcome({"output": route != ELSE, "result": route, "route": route, "_debug": tried}, warnings=warnings)


def outputs(config: JsonObject) -> tuple[Port, ...]:
    """A port for each branch and one for none of them; each carries its name as its route."""
    count = min(max(len(branches_of(config)), 1), MAX_BRANCHES)
    routes = [*(route_of(index) for index in range(count)), ELSE]
    older = _older_handles(config, routes)
    return tuple(Port(route, _port_label(route), route, older.get(route, ())) for route in routes)


def route_of(index: int) -> str:
    """The route of a branch by its place: `if`, `elif_1`, `elif_2` ..."""
    return "if" if index == 0 else f"elif_{index}"


def branches_of(config: JsonObject) -> list[Json]:
    """The branches of a config, those of an older form included."""
    branches = upgrade(config).get("branches")
    return branches if isinstance(branches, list) else []


def upgrade(config: JsonObject) -> JsonObject:
    """The config with the older `mode`, `expression` and `cases` turned into `branches` that decide the same."""
    if config.get("branches") or not ({"mode", "expression"} & config.keys()):
        return config
    kept = {key: value for key, value in config.items() if key not in ("mode", "expression", "cases")}
    expression = config.get("expression", "True")
    texts = [f"({expression}) == {label!r}" for label in _case_labels(config)] or [expression]
    return {**kept, "branches": [{"expression": text} for text in texts]}


def check(config: JsonObject) -> Iterator[FieldProblem]:
    """Branches that are no objects, and an older expression that does not parse."""
    if not config.get("branches"):
        for branch in branches_of(config):
            if problem := _syntax_problem(branch["expression"]):
                yield FieldProblem("branches", f"The condition cannot be read: {problem}", code="invalid-expression")
    for number, branch in enumerate(branches_of(config), 1):
        if not isinstance(branch, dict):
            text = f'Branch {number} is not an object; write it as {{"expression": "…"}}.'
            yield FieldProblem("branches", text, code="invalid-branch")


def summary(config: JsonObject) -> str:
    """The first question, and what else may happen."""
    branches = branches_of(config)
    first = branches[0].get("expression") if branches and isinstance(branches[0], dict) else None
    text = " ".join(str(first or "…").split())
    shown = f"{text[:MAX_SHOWN]}…" if len(text) > MAX_SHOWN else text
    more = len(branches) - 1
    middle = f", {more} more {'question' if more == 1 else 'questions'}" if more > 0 else ""
    return f"if {shown}{middle}, else"


def _try(ctx: BlockContext, branch: Json, index: int) -> tuple[bool, JsonObject]:
    """Whether a branch holds, and what there is to know about it."""
    if not isinstance(branch, dict):
        raise BlockError(f'Branch {index + 1} is not an object; write it as {{"expression": "…"}}.', retryable=False)
    raw = branch.get("expression", True)
    report: JsonObject = {"raw": raw, "resolved": raw, "variables": {}}
    if not isinstance(raw, str):
        return bool(raw), {**report, "result": bool(raw)}
    try:
        expression = Expression(raw)
        found = expression.evaluate(ctx.result, ctx.variables, ctx.results() if expression.names else {})
    except ExpressionError as error:
        return False, {**report, "error": str(error)}
    report |= {"resolved": found.resolved, "variables": found.variables, "result": found.value}
    return found.is_true, report


def _case_labels(config: JsonObject) -> list[str]:
    """The labels of an older switch, as text; none of a config in another mode."""
    cases = config.get("cases")
    rows = cases if isinstance(cases, list) and config.get("mode") == "switch" else []
    cells = [row.get("cells") for row in rows if isinstance(row, dict)]
    return [text_of(cell.get(LABEL_COLUMN, "")) for cell in cells if isinstance(cell, dict)]


def _older_handles(config: JsonObject, routes: list[str]) -> dict[str, tuple[str, ...]]:
    """Handles that edges of older conditions leave from, by route: `true`, `false`, `default`, labels of cases."""
    labels = [] if config.get("branches") else _case_labels(config)
    by_label = {route: (label,) for route, label in zip(routes[:-1], labels, strict=False) if label}
    return {**by_label, "if": (*by_label.get("if", ()), "true"), ELSE: ("false", "default")}


def _syntax_problem(text: Json) -> str:
    if not isinstance(text, str):
        return ""
    try:
        Expression(text)
    except ExpressionError as error:
        return str(error)
    return ""


def _port_label(route: str) -> str:
    return f"else if {route.removeprefix('elif_')}" if route.startswith("elif_") else route


BLOCK = BlockType(
    type="condition",
    label="Condition",
    description="Takes one of several paths",
    category="Logic",
    icon="condition",
    hue="orange",
    keywords=("if", "else", "branch", "decide", "compare", "route", "switch", "choose", "filter", "when"),
    raw_fields=frozenset({"branches", "expression"}),
    run=run,
    fields=(
        Field(
            "branches",
            "Branches",
            "branches",
            help="Asked from top to bottom; the first one that is true decides the path. "
            "Compare with == != < > and join with and, or, not. Text goes in quotes.",
            default=[{"expression": ""}],
            placeholder="<Block.output> > 10",
        ),
    ),
    outputs=outputs,
    output_fields=lambda _config: (
        OutputField("output", "true or false", "Whether one of the questions was true."),
        OutputField("route", "text", "The path that was taken, such as if or else."),
        OutputField("result", "text", "The same as route."),
    ),
    summary=summary,
    check=lambda config: tuple(check(config)),
    upgrade=upgrade,
    help="If none of the questions is true, or one cannot be answered, the run goes on at else.",
)
