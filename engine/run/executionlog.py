"""A run as the platform's API tells it: what each block gave, and a log entry for each block that ended.

Source: contract 2.7 and 2.8. Blocks that were skipped are not told of.
"""

from collections.abc import Iterable

from engine.document import JsonObject
from engine.events import AnyEvent
from engine.runstate import BlockRun, RunState


class FollowedRun:
    """A run as it is known so far."""

    def __init__(self, events: Iterable[AnyEvent] = ()) -> None:
        self.state = RunState()
        for event in events:
            self.take(event)

    def take(self, event: AnyEvent) -> None:
        """Take one event in."""
        self.state.fold(event)

    def ended_runs(self) -> list[BlockRun]:
        """The blocks with a result or an error, in the order in which they end one after another (contract 5.6)."""
        return self.state.log

    def block_outputs(self) -> dict[str, JsonObject]:
        """What each block gave, by its id."""
        return {run.block_id: output_of(run) for run in self.ended_runs()}

    def log_entry(self, run: BlockRun) -> JsonObject:
        """The part of a block's log that does not depend on who tells it."""
        return {
            "block_id": run.block_id,
            "block_type": run.block_type,
            "block_name": run.block_name,
            "status": "error" if run.error else "success",
            "duration_ms": round(run.duration_ms or 0.0, 2),
            "output": output_of(run),
            "input": self.state.inputs_of(run.block_id) or None,
        }


def output_of(run: BlockRun) -> JsonObject:
    """A block's result; one that raised has an error text and no `output` (contract 3.0, shape a)."""
    return run.result if run.result is not None else {"error": run.error}
