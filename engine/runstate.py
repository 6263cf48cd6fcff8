"""What is known of a run: the fold over its events.

The same fold follows a live run and opens an old one. `RunState` is mutable for speed (one event costs about a
microsecond) and belongs to whoever follows the run; `fold` returns the ids whose shown state changed.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from engine.document import Json, JsonObject
from engine.events import (
    AnyEvent,
    BlockChunk,
    BlockFailed,
    BlockFinished,
    BlockRetrying,
    BlockSkipped,
    BlockStarted,
    DelegationFinished,
    DelegationStarted,
    RunFinished,
    RunStarted,
    RunStatus,
)

BlockStatus = Literal["waiting", "running", "done", "failed", "skipped"]
MAX_KEPT_TEXT = 1_000_000
"""Characters of streamed and of printed text kept per block; more is cut at the front."""


@dataclass(frozen=True, slots=True)
class Delegation:
    """One task that an orchestration gave to an agent. `duration_ms` is None until the agent answered or failed."""

    number: int
    agent: str
    task: str = ""
    answer: str = ""
    error: str | None = None
    usage: JsonObject | None = None
    duration_ms: float | None = None


@dataclass(slots=True)
class BlockRun:
    """One block in one run. Times are seconds since the epoch, `duration_ms` is None until it ended.

    `error` next to status "done" means that the block reported a failure and its followers went on all the same.
    """

    block_id: str
    status: BlockStatus = "waiting"
    block_type: str = ""
    block_name: str = ""
    config: JsonObject = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    result: JsonObject | None = None
    error: str | None = None
    text: str = ""
    printed: str = ""
    attempt: int = 0
    started_at: float | None = None
    duration_ms: float | None = None
    skip_text: str = ""
    because_of: str | None = None
    warnings: tuple[str, ...] = ()
    order: int = -1
    delegations: tuple[Delegation, ...] = ()


@dataclass(slots=True)
class RunState:
    """A run as far as its events tell. `blocks` is in plan order; a block's `order` counts starts and skips."""

    run_id: str = ""
    workflow_name: str = ""
    status: RunStatus = "running"
    variables: JsonObject = field(default_factory=dict)
    blocks: dict[str, BlockRun] = field(default_factory=dict)
    output: Json = None
    error: str | None = None
    started_at: float | None = None
    duration_ms: float | None = None
    frozen_at: float | None = None
    """Set by whoever shows a moment of a run that is over: the time of that moment, at which durations end."""
    last_seq: int = 0
    _next_order: int = 0

    @property
    def is_finished(self) -> bool:
        """Whether the last event has been folded in."""
        return self.status != "running"

    @property
    def failed_blocks(self) -> list[BlockRun]:
        """Blocks that raised or reported an error."""
        return [run for run in self.blocks.values() if run.status == "failed" or run.error]

    @property
    def log(self) -> list[BlockRun]:
        """Blocks that ended with a result or an error, in the order of the plan.

        That is the order in which they end one after another (contract 5.6), however they overlapped in this run.
        """
        return [run for run in self.blocks.values() if run.status in ("done", "failed")]

    def inputs_of(self, block_id: str) -> JsonObject:
        """The results that reached this block: `{source block id: its result}`, as the API's logs have it (2.8)."""
        run = self.blocks.get(block_id)
        sources = (self.blocks.get(source) for source in run.inputs) if run else ()
        return {source.block_id: source.result for source in sources if source and source.result is not None}

    def fold(self, event: AnyEvent) -> frozenset[str]:
        """Take one event in; returns ids of the blocks whose shown state changed. A repeated event changes nothing."""
        if event.seq <= self.last_seq:
            return frozenset()
        self.last_seq = event.seq
        if isinstance(event, RunStarted):
            self._start(event)
            return frozenset(event.blocks)
        if isinstance(event, RunFinished):
            self.status, self.output, self.error = event.status, event.output, event.error
            self.duration_ms = event.duration_ms
            return frozenset(run.block_id for run in self.blocks.values() if run.status in ("waiting", "running"))
        run = self.blocks.get(event.block_id)
        if run is None:
            run = self.blocks[event.block_id] = BlockRun(event.block_id)
        self._fold_block(run, event)
        return frozenset((event.block_id,))

    def _start(self, event: RunStarted) -> None:
        self.run_id, self.workflow_name, self.variables = event.run_id, event.workflow_name, event.variables
        self.started_at = event.at
        self.blocks = {block_id: BlockRun(block_id) for block_id in event.blocks}

    def _fold_block(self, run: BlockRun, event: AnyEvent) -> None:
        if isinstance(event, BlockStarted):
            self._begin(run, event)
        elif isinstance(event, BlockChunk):
            if event.stream == "print":
                run.printed = (run.printed + event.text)[-MAX_KEPT_TEXT:]
            else:
                run.text = (run.text + event.text)[-MAX_KEPT_TEXT:]
        elif isinstance(event, BlockRetrying):
            run.error = event.error
        elif isinstance(event, DelegationStarted):
            run.delegations = (*run.delegations, Delegation(event.number, event.agent, event.task))
        elif isinstance(event, DelegationFinished):
            run.delegations = tuple(_answered(known, event) for known in run.delegations)
        elif isinstance(event, BlockFinished):
            run.status, run.result, run.error = "done", event.result, event.error
            run.duration_ms, run.warnings = event.duration_ms, run.warnings + event.warnings
        elif isinstance(event, BlockFailed):
            run.status, run.error, run.duration_ms = "failed", event.error, event.duration_ms
        elif isinstance(event, BlockSkipped):
            run.status, run.skip_text, run.because_of = "skipped", event.text, event.because_of
            run.order, self._next_order = self._next_order, self._next_order + 1

    def _begin(self, run: BlockRun, event: BlockStarted) -> None:
        run.status, run.attempt, run.config, run.inputs = "running", event.attempt, event.config, event.inputs
        run.block_type, run.block_name, run.warnings = event.block_type, event.block_name, event.warnings
        run.error, run.text, run.printed, run.delegations = None, "", "", ()
        if run.order < 0:
            run.started_at = event.at
            run.order, self._next_order = self._next_order, self._next_order + 1


def _answered(known: Delegation, event: DelegationFinished) -> Delegation:
    if known.number != event.number:
        return known
    return replace(known, answer=event.answer, error=event.error, usage=event.usage, duration_ms=event.duration_ms)


def replay(events: Iterable[AnyEvent]) -> RunState:
    """The state after all these events."""
    state = RunState()
    for event in events:
        state.fold(event)
    return state


def decisions(result: JsonObject) -> list[str]:
    """What a condition asked and found, such as `if: 12 > 10 is true`; empty for the results of other blocks.

    Source: contract 3.4, `_debug`.
    """
    tried = result.get("_debug")
    reports = tried if isinstance(tried, list) else []
    return [_decision(report) for report in reports if isinstance(report, dict) and "branch" in report]


def _decision(report: JsonObject) -> str:
    if "error" in report:
        return f"{report['branch']}: {report.get('raw')} has no answer ({report['error']})"
    return f"{report['branch']}: {report.get('resolved')} is {json.dumps(report.get('result'), ensure_ascii=False)}"
