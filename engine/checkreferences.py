"""Rules about references: is the block there, does it come before, is it switched on, has the variable a value?

A reference to a block that is not there is a warning, because the platform leaves such text as it is and HTML may look
the same. It is an error when its name is nearly that of a block: that is a slip, and the run would carry it on.
"""

import difflib
from collections.abc import Iterator

from engine import edits, renaming
from engine.blocks._fields import declared_variables
from engine.checkblock import BlockReport, Mention
from engine.document import Block, Workflow
from engine.facts import Facts
from engine.problem import Edit, Fix, Problem, Severity

MAX_GUESSES = 50
MAX_CANDIDATES = 2_000
CLOSENESS = 0.8


class ReferenceRules:
    """The rules for one check; remembers guesses, which are the only slow part."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._guesses: dict[str, str | None] = {}
        self._variables = set(facts.workflow.variables)
        self._any_variable = False
        for block_id in facts.entries:
            block, kind = facts.workflow.blocks[block_id], facts.types[block_id]
            self._variables |= declared_variables(block.config.get("input")).keys()
            # A webhook's payload brings variables that nobody can know here.
            self._any_variable |= kind is not None and kind.trigger == "webhook"

    def problems(self, block: Block, report: BlockReport) -> Iterator[Problem]:
        """What is wrong with the references of one block, each name once per field."""
        seen: set[tuple[str, str, str]] = set()
        for mention in report.mentions:
            key = (mention.field, mention.kind, mention.name)
            if key not in seen:
                seen.add(key)
                found = self._variable(block, mention) if mention.kind == "variable" else self._block(block, mention)
                if found:
                    yield found

    def _variable(self, block: Block, mention: Mention) -> Problem | None:
        if self._any_variable or mention.name in self._variables:
            return None
        message = (
            f"The variable “{mention.name}” has no default; the run asks for it. "
            "Declare it in the Starter or the workflow's variables."
        )
        return Problem("unknown-variable", "warning", message, block.id, field=mention.field)

    def _block(self, block: Block, mention: Mention) -> Problem | None:
        if mention.kind != "block":
            return None
        facts = self._facts
        meant = facts.meanings.get(mention.name)
        if meant is None:
            return self._unknown(block, mention)
        label = facts.label(meant)
        if meant == block.id:
            return _warning(
                "own-reference", f"{mention.text} refers to its own block, which has no result yet.", block, mention
            )
        if not facts.workflow.blocks[meant].enabled:
            text = f"{mention.text} refers to “{label}”, which is switched off; the text will stay as it is."
            return _warning("disabled-reference", text, block, mention)
        if facts.comes_before(meant, block.id):
            return None
        order = "comes after it" if facts.comes_before(block.id, meant) else "is on no path to it"
        text = (
            f"{mention.text} in “{block.label}” refers to “{label}”, which {order} and may have no result yet; "
            "connect it so that it comes before."
        )
        return _warning("not-upstream", text, block, mention)

    def _unknown(self, block: Block, mention: Mention) -> Problem:
        guess = self._guess(mention.name)
        if guess is None:
            text = f"{mention.text} refers to “{mention.name}”, which is no block here; the text will stay as it is."
            return _warning("unknown-reference", text, block, mention)
        text = f"{mention.text} refers to “{mention.name}”, which is no block here; did you mean “{guess}”?"
        cure = Fix(f"Use “{guess}”", self._replacing(block.id, mention.name, guess))
        severity: Severity = "error" if block.enabled else "warning"
        return Problem("unknown-reference", severity, text, block.id, field=mention.field, fix=cure)

    def _replacing(self, block_id: str, old: str, new: str) -> Edit:
        kind = self._facts.types[block_id]
        raw = kind.raw_fields if kind else frozenset()

        def apply(workflow: Workflow) -> Workflow:
            config, _ = renaming.rename_in_config(workflow.block(block_id).config, old, new, raw)
            return edits.set_config(workflow, block_id, config)

        return apply

    def _guess(self, name: str) -> str | None:
        if name not in self._guesses:
            self._guesses[name] = self._closest(name) if len(self._guesses) < MAX_GUESSES else None
        return self._guesses[name]

    def _closest(self, name: str) -> str | None:
        if len(name.strip()) < 3:
            return None
        names = [block.label for block in self._facts.workflow.blocks.values()][:MAX_CANDIDATES]
        folded = name.strip().casefold()
        same = next((item for item in names if item.strip().casefold() == folded), None)
        return same or next(iter(difflib.get_close_matches(name, names, 1, CLOSENESS)), None)


def _warning(code: str, text: str, block: Block, mention: Mention) -> Problem:
    return Problem(code, "warning", text, block.id, field=mention.field)
