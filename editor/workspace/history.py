"""Undo and redo: the list of documents that were, each with the name of the step that led away from it."""

from dataclasses import dataclass
from time import monotonic

from editor.workspace.selection import Selection
from engine import Workflow

MERGE_WINDOW_S = 3.0
BYTES_KEPT = 64 * 1024 * 1024
_BYTES_PER_SLOT = 104  # a dict entry and its key's reference; blocks themselves are shared between the documents


@dataclass(frozen=True)
class Step:
    """One undoable step. `merge_key` joins steps of one intent, such as the keystrokes in one field."""

    label: str
    before: Workflow
    after: Workflow
    selection_before: Selection
    selection_after: Selection
    merge_key: str | None = None
    at_s: float = 0.0

    @property
    def cost_bytes(self) -> int:
        """About how much memory only this step keeps alive."""
        blocks = len(self.after.blocks) if self.after.blocks is not self.before.blocks else 0
        edges = len(self.after.edges) if self.after.edges is not self.before.edges else 0
        return 2048 + _BYTES_PER_SLOT * (blocks + edges)


class History:
    """Steps done and steps undone. The oldest go when together they keep more than `BYTES_KEPT` alive."""

    def __init__(self) -> None:
        self._done: list[Step] = []
        self._undone: list[Step] = []
        self._bytes = 0

    @property
    def undo_label(self) -> str | None:
        """Name of the step that undo would take back."""
        return self._done[-1].label if self._done else None

    @property
    def redo_label(self) -> str | None:
        """Name of the step that redo would do again."""
        return self._undone[-1].label if self._undone else None

    def push(self, step: Step) -> None:
        """Record a step; it joins the last one when both have the same merge key and little time lies between."""
        self._undone.clear()
        last = self._done[-1] if self._done else None
        if last and step.merge_key and last.merge_key == step.merge_key and step.at_s - last.at_s < MERGE_WINDOW_S:
            self._bytes -= self._done.pop().cost_bytes
            step = Step(
                step.label,
                last.before,
                step.after,
                last.selection_before,
                step.selection_after,
                step.merge_key,
                step.at_s,
            )
        self._done.append(step)
        self._bytes += step.cost_bytes
        while self._bytes > BYTES_KEPT and len(self._done) > 1:
            self._bytes -= self._done.pop(0).cost_bytes

    def undo(self) -> Step | None:
        """The step to take back, None when there is none."""
        if not self._done:
            return None
        step = self._done.pop()
        self._bytes -= step.cost_bytes
        self._undone.append(step)
        return step

    def redo(self) -> Step | None:
        """The step to do again, None when there is none."""
        if not self._undone:
            return None
        step = self._undone.pop()
        self._bytes += step.cost_bytes
        self._done.append(step)
        return step

    def seal(self) -> None:
        """End the current intent: the next step starts a new entry whatever its merge key."""
        if self._done and self._done[-1].merge_key:
            last = self._done[-1]
            self._done[-1] = Step(
                last.label, last.before, last.after, last.selection_before, last.selection_after, None, last.at_s
            )

    def clear(self) -> None:
        """Forget everything."""
        self._done.clear()
        self._undone.clear()
        self._bytes = 0


def now_s() -> float:
    """The clock of the merge window: seconds that only go forward."""
    return monotonic()
