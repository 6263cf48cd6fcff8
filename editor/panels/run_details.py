"""What the run panel shows of a run, a block or a delegation: its tabs, and the value behind each of them. No Qt."""

from typing import Any, NamedTuple

from editor.panels.decision import decision_text
from editor.panels.inputs_section import short_value
from editor.panels.usage import usage_words
from editor.text import count_text
from engine import BlockRun, Delegation, RunState, decisions

RUN_TABS = ("Result", "Variables", "Error")
BLOCK_TABS = ("Decision", "Output", "Input", "Config", "Printed", "Error")
DELEGATION_TABS = ("Answer", "Task", "Error")
OPENING = {"Error", "Decision"}
"""Tabs that are seen first where there are any: they are why somebody looks."""
_MAIN = ("Result", "Output", "Answer", "Decision")
MAX_FACTS = 6


class Shown(NamedTuple):
    """A value to show, the note above it, and what the tree shows in its place where that is something else."""

    value: Any
    note: str = ""
    tree: Any = None


def tab_names(run: RunState, block_run: BlockRun | None, delegation: Delegation | None) -> list[str]:
    """The tabs that have something in them, in order."""
    if delegation is not None:
        return [name for name in DELEGATION_TABS if name != "Error" or delegation.error]
    if block_run is None:
        return [name for name in RUN_TABS if name != "Error" or run.error]
    holds = {
        "Decision": bool(block_run.result and decisions(block_run.result)),
        "Printed": bool(block_run.printed),
        "Error": bool(block_run.error),
    }
    return [name for name in BLOCK_TABS if holds.get(name, True)]


def first_tab(names: list[str], wanted: str) -> str:
    """The tab to open: the one that was open where it is there, else what matters most."""
    if wanted in ("", *_MAIN, *OPENING):
        for name in ("Error", "Decision"):
            if name in names:
                return name
    if wanted in names:
        return wanted
    return next((name for name in names if name in _MAIN), names[0])


def run_value(run: RunState, tab: str) -> Shown:
    """What a tab of the run shows."""
    if tab == "Error":
        return Shown(run.error or "")
    if tab == "Variables":
        return Shown(run.variables, "Variables of the run")
    if run.output is None and run.is_finished:
        return Shown("", "Nothing: no Response block gave a value.")
    return Shown("" if run.output is None else run.output, _amount(run.output))


def block_value(run: RunState, block_run: BlockRun, tab: str) -> Shown:
    """What a tab of a block shows."""
    if tab == "Decision":
        return Shown(decision_text(block_run.result or {}, block_run.config), "Asked from top to bottom")
    if tab == "Config":
        return Shown(block_run.config, "Config with references resolved")
    if tab == "Printed":
        return Shown(block_run.printed)
    if tab == "Error":
        return Shown(block_run.error or "")
    if tab == "Input":
        return Shown(run.inputs_of(block_run.block_id), "Results of the blocks before")
    return _output(block_run)


def delegation_value(delegation: Delegation, tab: str) -> Shown:
    """What a tab of a delegation shows."""
    if tab == "Task":
        return Shown(delegation.task, f"What {delegation.agent} was asked")
    if tab == "Error":
        return Shown(delegation.error or "")
    if delegation.duration_ms is None:
        return Shown("", "Still working…")
    return Shown(delegation.answer, usage_words(delegation.usage) or _amount(delegation.answer))


def remarks(block_run: BlockRun) -> list[str]:
    """Sentences about what did not go as set, though the block went on."""
    told = block_run.result.get("warnings") if block_run.result else None
    in_result = [item for item in told if isinstance(item, str)] if isinstance(told, list) else []
    return list(dict.fromkeys([*block_run.warnings, *in_result]))


def _output(block_run: BlockRun) -> Shown:
    result = block_run.result
    if result is None:
        return Shown(block_run.text, "Arriving…" if block_run.status == "running" and block_run.text else "")
    if "output" not in result:
        return Shown(result)
    others = [key for key in result if key not in ("output", "warnings") and not key.startswith("_")]
    facts = decisions(result) or [_fact(key, result[key]) for key in others[:MAX_FACTS]]
    output = result["output"]
    note = " · ".join(facts) or ("Nothing (null)" if output is None else _amount(output))
    return Shown("" if output is None else output, note, result)


def _fact(key: str, value: Any) -> str:
    words = usage_words(value) if key == "usage" and isinstance(value, dict) else ""
    return words or f"{key}: {short_value(value)[:60]}"


def _amount(value: Any) -> str:
    return count_text(len(value), "character") if isinstance(value, str) and value else ""
