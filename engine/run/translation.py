"""What a server tells about a run, as our events: the frames of its stream, and the logs that it keeps.

A stream may repeat itself, leave something out or say nonsense: what is known is told once, and what is missing can be
filled in from the logs. Servers do not tell of blocks that did not run; why they did not follows from the plan.

Source: contract 2.7 and 2.8.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec

from engine.blocks import Catalog
from engine.client.records import BlockLog, Execution
from engine.document import Block, Json, JsonObject, Workflow
from engine.errors import CycleError
from engine.events import (
    AnyEvent,
    BlockChunk,
    BlockFailed,
    BlockFinished,
    BlockSkipped,
    BlockStarted,
    RunFinished,
    RunStarted,
    RunStatus,
    SkipReason,
)
from engine.platformids import canonical_id
from engine.run.plan import Plan, Step
from engine.run.progress import Progress
from engine.run.runner import HIDDEN, NO_REASON
from engine.runstate import RunState

MIN_CLOCK_OFFSET_S = 2.0
"""Smaller differences between two clocks cannot be told from how a reply travels."""


class Translation:
    """One run in our words. `state` is the fold of all that has been told.

    `workflow` is the document that ran, as well as it is known; a block that is not in it is told of all the same.
    `emit` gets each event, `now` tells seconds since the epoch.
    """

    def __init__(
        self, workflow: Workflow, catalog: Catalog, emit: Callable[[AnyEvent], None], now: Callable[[], float]
    ) -> None:
        self.state = RunState()
        self.is_done = False
        """Whether the stream said that the run reached its end."""
        self.execution_id: str | None = None
        """As the last frame told it."""
        self.error: str | None = None
        """What the stream said of a run that failed as a whole."""
        self._emit = emit
        self._now = now
        self._plan = _plan_of(workflow, catalog)
        self._progress = Progress(self._plan)
        self._ids = {canonical_id(block_id): block_id for block_id in self._plan.block_ids}

    @property
    def is_begun(self) -> bool:
        """Whether anything has been told."""
        return self.state.last_seq > 0

    @property
    def has_gaps(self) -> bool:
        """Whether there are blocks of which nobody knows how they ended."""
        return any(run.status in ("waiting", "running") for run in self.state.blocks.values())

    @property
    def likely_output(self) -> Json:
        """The run's output, as its response blocks have it."""
        return self._progress.final_output()

    def begin(self, run_id: str, variables: JsonObject, at: float | None = None) -> None:
        """Tell that the run began."""
        workflow = self._plan.workflow
        effective = {**self._plan.declared_variables, **workflow.variables, **variables}
        blocks = self._plan.block_ids
        self._put(RunStarted, at, run_id=run_id, workflow_name=workflow.name, variables=effective, blocks=blocks)

    def pass_on(self, event: AnyEvent) -> None:
        """Tell an event of ours that a server of ours has told; one that was told already is left out."""
        if event.seq > self.state.last_seq:
            self.state.fold(event)
            self._emit(event)

    def take_frame(self, frame: JsonObject) -> None:
        """Tell what a frame says; nothing where it says nothing, or nothing new."""
        kind, block_id = frame.get("type"), frame.get("block_id")
        if kind == "done":
            self.is_done, self.execution_id = True, _text(frame.get("execution_id"))
        elif kind == "error":
            self.error = _text(frame.get("error")) or NO_REASON
        elif isinstance(block_id, str):
            self._take_block_frame(str(kind), self._ids.get(canonical_id(block_id), block_id), frame)

    def take_log(self, log: BlockLog, began_at: float | None = None, ended_at: float | None = None) -> None:
        """Tell what a log says, as far as it is news."""
        block_id = self._ids.get(canonical_id(log.block_id), log.block_id)
        if self._has_ended(block_id):
            return
        sources = tuple(self._ids.get(canonical_id(source), source) for source in log.input or {})
        self._start(block_id, log.block_type, log.block_name or "", log.config_snapshot, sources, began_at)
        output = log.output or {}
        error = log.error or _error_in(output)
        if log.status == "error" and "output" not in output:
            self._fail(block_id, error, log.duration_ms or 0.0, ended_at)
        else:
            self._finish(block_id, output, log.duration_ms or 0.0, ended_at)

    def tell_skips(self, at: float | None = None) -> None:
        """Tell of blocks that did not run and why, where that follows from what the others did so far.

        Only once no more is to be expected: a server may see it in another way.
        """
        for step in self._plan.steps:
            run = self.state.blocks.get(step.block.id)
            skip = self._progress.why_not(step) if run is not None and run.status == "waiting" else None
            if skip is not None:
                self._progress.skip(step, skip)
                fields = {"reason": skip.reason, "text": skip.text, "because_of": skip.because_of}
                self._put(BlockSkipped, at, block_id=step.block.id, **fields)

    def finish(
        self,
        status: RunStatus,
        *,
        output: Json = None,
        error: str | None = None,
        why: str = "",
        at: float | None = None,
    ) -> RunFinished:
        """Tell that the run is over, and before that how it left each block; `why` is for those it left open."""
        self.tell_skips(at)
        reason: SkipReason = "not-selected" if status == "completed" else "cancelled"
        for run in list(self.state.blocks.values()):
            if run.status == "running":
                text = why or "The server did not say how this ended."
                self._put(
                    BlockFailed, at, block_id=run.block_id, error=text, duration_ms=self._ms_since(run.started_at)
                )
            elif run.status == "waiting":
                text = why or "The server did not run this."
                self._put(BlockSkipped, at, block_id=run.block_id, reason=reason, text=text)
        duration_ms = self._ms_since(self.state.started_at, at)
        last: RunFinished = self._put(
            RunFinished, at, status=status, output=output, error=error, duration_ms=duration_ms
        )
        return last

    def _take_block_frame(self, kind: str, block_id: str, frame: JsonObject) -> None:
        if self._has_ended(block_id) or kind not in ("block_start", "block_chunk", "block_complete", "block_error"):
            return
        duration_ms = _number(frame.get("duration_ms"))
        data = frame.get("data")
        self._start(block_id, _text(frame.get("block_type")) or "")
        if kind == "block_chunk":
            self._put(BlockChunk, block_id=block_id, text=_text(frame.get("chunk")) or "")
        elif kind == "block_complete":
            self._finish(block_id, data if isinstance(data, dict) else {"output": data}, duration_ms)
        elif kind == "block_error":
            self._fail(block_id, _error_in(data) if isinstance(data, dict) else _text(data), duration_ms)

    def _start(
        self,
        block_id: str,
        block_type: str,
        block_name: str = "",
        config: JsonObject | None = None,
        inputs: tuple[str, ...] | None = None,
        at: float | None = None,
    ) -> None:
        """Tell that a block began, unless that is known."""
        known = self.state.blocks.get(block_id)
        if known is not None and known.status == "running":
            return
        step = self._step(block_id)
        block = step.block if step else Block(block_id, block_type)
        shown = block.config if config is None else config
        secret_keys = step.secret_keys if step else ()
        self._put(
            BlockStarted,
            at,
            block_id=block_id,
            block_type=block_type or block.type,
            block_name=block.name or block_name,
            config={key: HIDDEN if key in secret_keys and value else value for key, value in shown.items()},
            inputs=self._inputs_of(step) if inputs is None else inputs,
        )

    def _inputs_of(self, step: Step | None) -> tuple[str, ...]:
        """What a block that begins is fed by: of its sources those that have a result, and lead here."""
        indexes = self._progress.inputs(step) if step else ()
        return tuple(self._plan.block_ids[index] for index in indexes if self._progress.results[index] is not None)

    def _finish(self, block_id: str, result: JsonObject, duration_ms: float, at: float | None = None) -> None:
        if step := self._step(block_id):
            self._progress.finish(step, result)
        error = _error_in(result)
        self._put(BlockFinished, at, block_id=block_id, result=result, duration_ms=duration_ms, error=error)

    def _fail(self, block_id: str, error: str | None, duration_ms: float, at: float | None = None) -> None:
        if step := self._step(block_id):
            self._progress.fail(step)
        self._put(BlockFailed, at, block_id=block_id, error=error or NO_REASON, duration_ms=duration_ms)

    def _step(self, block_id: str) -> Step | None:
        return self._plan.steps[self._plan.index_of(block_id)] if block_id in self._plan.workflow.blocks else None

    def _has_ended(self, block_id: str) -> bool:
        run = self.state.blocks.get(block_id)
        return run is not None and run.status in ("done", "failed")

    def _ms_since(self, began: float | None, at: float | None = None) -> float:
        return max((self._now() if at is None else at) - began, 0.0) * 1000 if began is not None else 0.0

    def _put(self, kind: Callable[..., Any], at: float | None = None, **fields: Any) -> Any:
        event = kind(self.state.last_seq + 1, self._now() if at is None else at, **fields)
        self.pass_on(event)
        return event


def event_of(raw: JsonObject, clock_offset_s: float | None) -> AnyEvent | None:
    """An event as our server tells it, by our clock; None for a kind that only a newer version knows."""
    try:
        event: AnyEvent = msgspec.convert(raw, AnyEvent)
    except msgspec.ValidationError:
        return None
    if clock_offset_s is None or abs(clock_offset_s) < MIN_CLOCK_OFFSET_S:
        return event
    return msgspec.structs.replace(event, at=event.at - clock_offset_s)


def started_at(row: Execution) -> float | None:
    """When a run began, in seconds since the epoch by the server's clock; None when it does not say."""
    return _seconds(row.started_at) or _seconds(row.created_at)


def ended_at(row: Execution) -> float | None:
    """When a run ended, as `started_at`."""
    return _seconds(row.completed_at)


def _seconds(text: str | None) -> float | None:
    with suppress(ValueError):
        moment = datetime.fromisoformat(text) if text else None
        return None if moment is None else moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    return None


def _plan_of(workflow: Workflow, catalog: Catalog) -> Plan:
    """The plan of the workflow; of one with a circle, in which nothing is behind anything."""
    try:
        return Plan(workflow, catalog)
    except CycleError:
        return Plan(workflow.changed(edges={}), catalog)


def _error_in(result: JsonObject) -> str | None:
    """The error that a result reports, None when it reports none."""
    return _text(result.get("error")) if result.get("error") else None


def _text(value: Json) -> str | None:
    """The value where it is text, and as text where it is something else; None for nothing."""
    return value if value is None or isinstance(value, str) else str(value)


def _number(value: Json) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
