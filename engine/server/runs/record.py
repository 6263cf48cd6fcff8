"""What is kept of a run: its events as JSON lines, large values cut, and a record of every model that was asked."""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from engine.document import Json, JsonObject, Workflow
from engine.events import AnyEvent, BlockFailed, BlockFinished, BlockSkipped, BlockStarted, RunFinished, RunStarted
from engine.server.errors import EXECUTION_FAILED
from engine.server.ids import canonical_id
from engine.server.runs.port import FinishedRun
from engine.store.recording import AgentRun, Finish

MAX_STORED_VALUE = 256 * 1024
"""Bytes of one value that are kept. What is larger is cut, and says so."""
MAX_STORED_OUTPUT = 16 * 1024 * 1024
"""Bytes of a run's final output that are kept: as much as a run may give, so that asking again tells the same."""
PREVIEW = 1_000
AGENT_TYPE = "agent"
_NUL = "\0"
_REPLACEMENT = "\ufffd"
_ENCODER = msgspec.json.Encoder()


def as_json(value: Json, most: int = MAX_STORED_VALUE) -> str:
    """The value as it is kept: whole, or cut if it has more than `most` bytes."""
    text = _ENCODER.encode(value)
    return (text if len(text) <= most else _ENCODER.encode(_cut(text))).decode()


def as_lines(events: Sequence[AnyEvent]) -> bytes:
    """The events as they are kept, one a line."""
    # A list, because msgspec 0.22 never lets go of the iterator that it makes for anything else.
    lines = _ENCODER.encode_lines(list(events))
    # None can be too long where all together are not.
    return lines if len(lines) <= MAX_STORED_VALUE else b"".join([_line(event) + b"\n" for event in events])


def finish_row(run: FinishedRun, owner: str, unsaved: tuple[AnyEvent, ...], workflow: Workflow) -> Finish:
    """What to write when a run has ended. `unsaved` are the events that are not kept yet."""
    errors = skipped = 0
    for event in run.events:
        kind = type(event)
        if kind is BlockFailed or (kind is BlockFinished and event.error is not None):  # type: ignore[union-attr]
            errors += 1
        elif kind is BlockSkipped:
            skipped += 1
    return Finish(
        run.execution_id,
        owner,
        run.status,
        as_json(run.output, MAX_STORED_OUTPUT) if run.status == "completed" else "{}",
        None if run.error is None else run.error.replace(_NUL, _REPLACEMENT),
        run.error_code,
        errors,
        skipped,
        as_lines(unsaved),
        unsaved[-1].seq if unsaved else 0,
        tuple(_agent_runs(run.execution_id, run.events, workflow)),
    )


def unkept(run: FinishedRun) -> FinishedRun:
    """The run as one whose result is lost, because it could not be recorded."""
    text = "The run ended, but what it did could not be recorded."
    return msgspec.structs.replace(run, status="failed", output=None, error=text, error_code=EXECUTION_FAILED)


def bare_row(run: FinishedRun, owner: str) -> Finish:
    """The end of an `unkept` run, and nothing of what it did."""
    return Finish(run.execution_id, owner, run.status, "{}", run.error, run.error_code, 0, 0, b"", 0)


def agent_run_id(execution_id: str, block_id: str) -> str:
    """The id of the model run of an agent block: the same whenever it is asked for, so that logs need no look-up."""
    return str(uuid.uuid5(uuid.UUID(execution_id), block_id))


def _line(event: AnyEvent) -> bytes:
    line = _ENCODER.encode(event)
    return line if len(line) <= MAX_STORED_VALUE else _ENCODER.encode(_without_large_values(event))


def _without_large_values(event: AnyEvent) -> AnyEvent:
    if isinstance(event, BlockFinished):
        return msgspec.structs.replace(event, result=_each_cut(event.result))
    if isinstance(event, BlockStarted):
        return msgspec.structs.replace(event, config=_each_cut(event.config))
    if isinstance(event, RunStarted):
        return msgspec.structs.replace(event, variables=_each_cut(event.variables))
    if isinstance(event, RunFinished):
        return msgspec.structs.replace(event, output=_cut(_ENCODER.encode(event.output)))
    return event


def _each_cut(values: JsonObject) -> JsonObject:
    """The object with its largest values cut until it is small enough."""
    encoded = {key: _ENCODER.encode(value) for key, value in values.items()}
    kept, size = dict(values), sum(map(len, encoded.values()))
    for key in sorted(encoded, key=lambda key: -len(encoded[key])):
        if size <= MAX_STORED_VALUE:
            break
        kept[key] = _cut(encoded[key])
        size -= len(encoded[key])
    return kept


def _cut(encoded: bytes) -> JsonObject:
    """What stands in place of a value that was too large to keep."""
    return {"truncated": True, "bytes": len(encoded), "preview": encoded[:PREVIEW].decode(errors="ignore")}


def _agent_runs(execution_id: str, events: tuple[AnyEvent, ...], workflow: Workflow) -> Iterable[AgentRun]:
    """A record for each agent block that ran. Source: contract 3.6 and 2.10."""
    if not any(block.type == AGENT_TYPE for block in workflow.blocks.values()):
        return
    begun: dict[str, BlockStarted] = {}
    for event in events:
        if isinstance(event, BlockStarted):
            begun.setdefault(event.block_id, event)
        elif isinstance(event, BlockFinished | BlockFailed):
            started = begun.get(event.block_id)
            if started is not None and started.block_type == AGENT_TYPE:
                yield _agent_run(execution_id, started, event)


def _agent_run(execution_id: str, started: BlockStarted, ended: BlockFinished | BlockFailed) -> AgentRun:
    config, result = started.config, ended.result if isinstance(ended, BlockFinished) else {}
    prompts = (config.get(key) for key in ("input", "message", "messages", "prompt"))
    data: dict[str, Any] = {
        "model": result.get("model", config.get("model")),
        "system_prompt": config.get("system_prompt"),
        "prompt": next((prompt for prompt in prompts if prompt), ""),
        "content": result.get("output"),
        "usage": result.get("usage"),
        "error": ended.error,
        "started_at": started.at,
        "duration_ms": ended.duration_ms,
    }
    agent_id = config.get("agent_id")
    status = "failed" if ended.error else "completed"
    return AgentRun(
        id=agent_run_id(execution_id, ended.block_id),
        run_id=f"wfblk_{uuid.uuid4().hex[:12]}",
        agent_id=canonical_id(agent_id) if isinstance(agent_id, str) else None,
        block_id=ended.block_id,
        status=status,
        data=as_json(data),
    )
