"""What may run next: the progress of one run through its plan.

No asyncio, no clock, no I/O. A runner takes steps from a `Progress` and reports how each one ended; what that means for
the others is decided here.

Source: contract 5.2 to 5.4.
"""

from collections.abc import Sequence
from heapq import heappop, heappush
from typing import NamedTuple

from engine.document import Json, JsonObject
from engine.events import SkipReason
from engine.run.plan import Plan, Step


class Skip(NamedTuple):
    """Why a step does not run: the reason, a sentence, and the id of the block that decided it."""

    reason: SkipReason
    text: str
    because_of: str | None = None


class Progress:
    """How far one run has come. `selected` are the steps that may run at all; None is all of them.

    `results[i]` is what step i returned, None while it has not run, was skipped or raised.
    """

    def __init__(self, plan: Plan, selected: set[int] | None = None) -> None:
        self.results: list[JsonObject | None] = [None] * len(plan.steps)
        self._steps = plan.steps
        self._selected = selected
        self._waits_for = plan.waits_for.copy()
        self._dead = [0] * len(plan.steps)
        """How many incoming edges of each step will never come alive; known in full once the step can be taken."""
        self._failed: set[int] = set()
        self._skipped: dict[int, Skip] = {}
        self._settled = plan.roots.copy()
        self._finals = plan.finals

    def take(self) -> Step | None:
        """The first step in the order for which everything is known that it waits for; None while there is none."""
        return self._steps[heappop(self._settled)] if self._settled else None

    def why_not(self, step: Step) -> Skip | None:
        """Why this step must not run; None when it shall (contract 5.2)."""
        if self._selected is not None and step.index not in self._selected:
            return Skip("not-selected", "Not part of what was asked to run.")
        if not step.block.enabled:
            return Skip("disabled", f"“{step.block.label}” is switched off.", step.block.id)
        dead = self._dead[step.index]
        return self._explain(step) if dead and dead == len(step.feeders) else None

    def inputs(self, step: Step) -> Sequence[int]:
        """Direct predecessors with a live edge, in the order of the plan."""
        if not self._dead[step.index]:
            return step.sources
        return sorted({source for source, condition in step.feeders if self._is_live(source, condition)})

    def input_ids(self, step: Step) -> tuple[str, ...]:
        """The block ids of `inputs`."""
        if not self._dead[step.index]:
            return step.source_ids
        return tuple([self._steps[source].block.id for source in self.inputs(step)])

    def finish(self, step: Step, result: JsonObject) -> None:
        """The step ran and this is its result; its edges come alive where their condition is the route it took."""
        self.results[step.index] = result
        if step.branches:
            route = _route_of(result)
            self._kill([target for target, condition in step.branches if condition != route])
        waits_for = self._waits_for
        for target in step.dependents:  # as `_release` does, without the call: every block that runs comes by here
            left = waits_for[target] = waits_for[target] - 1
            if not left:
                heappush(self._settled, target)

    def fail(self, step: Step) -> None:
        """The step raised: it has no result, and its edges stay dead."""
        self._failed.add(step.index)
        self._kill_all(step)
        self._release(step.dependents)

    def skip(self, step: Step, skip: Skip) -> None:
        """The step did not run: its edges stay dead."""
        self._skipped[step.index] = skip
        self._kill_all(step)
        self._release(step.dependents)

    def is_settled(self, step: Step) -> bool:
        """Whether it is known how this step ended."""
        return self.results[step.index] is not None or step.index in self._failed or step.index in self._skipped

    def final_output(self) -> Json:
        """`output` of the last response block in the order that ran; None when none did (contract 5.4)."""
        for index in reversed(self._finals):
            result = self.results[index]
            if result is not None:
                return result.get("output")
        return None

    def _is_live(self, source: int, condition: str | None) -> bool:
        result = self.results[source]
        return result is not None and (condition is None or condition == _route_of(result))

    def _kill_all(self, step: Step) -> None:
        self._kill(step.followers)
        self._kill([target for target, _ in step.branches])

    def _kill(self, targets: Sequence[int]) -> None:
        for target in targets:
            self._dead[target] += 1

    def _release(self, targets: Sequence[int]) -> None:
        for target in targets:
            self._waits_for[target] -= 1
            if not self._waits_for[target]:
                heappush(self._settled, target)

    def _explain(self, step: Step) -> Skip:
        """Why no edge into this step is live: a failure says more than a route, a route more than an earlier skip."""
        sources = [self._steps[source] for source, _ in step.feeders]
        for source in sources:
            if source.index in self._failed:
                return Skip("upstream-failed", f"“{source.block.label}” failed.", source.block.id)
        for source in sources:
            if self.results[source.index] is not None:
                return self._not_taken(source, step)
        cause = self._skipped[sources[0].index]
        return Skip("upstream-skipped", cause.text, cause.because_of)

    def _not_taken(self, source: Step, step: Step) -> Skip:
        result = self.results[source.index] or {}
        route = result.get("route")
        if route is not None:
            return Skip("not-taken", f"Not taken: “{source.block.label}” went to “{route}”.", source.block.id)
        wanted = next(condition for index, condition in step.feeders if index == source.index)
        text = f"Not taken: the connection waits for “{wanted}”, and “{source.block.label}” chooses no route."
        return Skip("not-taken", text, source.block.id)


def _route_of(result: JsonObject) -> str | None:
    """The route that a result took, as text; None for a block that does not choose."""
    route = result.get("route")
    return route if route is None or type(route) is str else str(route)
