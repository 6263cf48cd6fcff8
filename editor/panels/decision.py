"""What a condition asked, with the values it saw, and which path it took, as text to read. No Qt."""

import json
from typing import Any

from engine import JsonObject

MAX_VALUE = 300
INDENT = "    "


def decision_text(result: JsonObject, config: JsonObject) -> str:
    """Every question of a condition in order: as it was written, the values in it, and its answer.

    Questions behind the one that decided were not asked, and say so. "" for results of other blocks.

    Source: contract 3.4, `_debug`.
    """
    tried = result.get("_debug")
    reports = [report for report in tried if isinstance(report, dict)] if isinstance(tried, list) else []
    if not reports or "route" not in result:
        return ""
    parts = [_asked(number, report, result["route"]) for number, report in enumerate(reports)]
    parts += [_not_asked(number, text) for number, text in list(enumerate(_questions(config)))[len(reports) :]]
    is_else = all(report.get("branch") != result["route"] for report in reports)
    parts.append(f"else\n{INDENT}{'→ taken: none of them was true' if is_else else 'not taken'}")
    return "\n\n".join(parts)


def _asked(number: int, report: JsonObject, route: Any) -> str:
    lines = [f"{_word(number)}  {_shown(report.get('raw'))}"]
    values = report.get("variables")
    for name, value in values.items() if isinstance(values, dict) else ():
        lines.append(f"{INDENT}{name} = {_json(value)}")
    if "error" in report:
        lines.append(f"{INDENT}→ no answer: {report['error']} It counts as false.")
    elif report.get("branch") == route:
        lines.append(f"{INDENT}→ {_json(report.get('result'))}: this path was taken")
    else:
        lines.append(f"{INDENT}→ {_json(report.get('result'))}")
    return "\n".join(lines)


def _not_asked(number: int, text: str) -> str:
    return f"{_word(number)}  {text}\n{INDENT}not asked: the path was decided before"


def _questions(config: JsonObject) -> list[str]:
    branches = config.get("branches")
    rows = branches if isinstance(branches, list) else []
    return [_shown(row.get("expression") if isinstance(row, dict) else row) for row in rows]


def _word(number: int) -> str:
    return "if" if number == 0 else "else if"


def _shown(value: Any) -> str:
    return " ".join(value.split()) if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}…"
