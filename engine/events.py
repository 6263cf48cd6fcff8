"""What happens in a run, as a list of frozen, numbered events.

All that anybody knows about a run is a fold over them (`runstate.py`). `seq` counts from 1 without gaps; `at` is
seconds since the epoch. Every event is a JSON object whose `type` is the class name, so a recorded run is a file with
one event a line.
"""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from engine.document import Json, JsonObject
from engine.jsontext import repaired
from engine.previews import CUT, MAX_DEPTH, preview_of

Stream = Literal["output", "print"]
SkipReason = Literal["disabled", "not-taken", "upstream-failed", "upstream-skipped", "not-selected", "cancelled"]
MAX_INT_BITS = 14_000
"""Of an integer that is written with digits; Python writes no more than 4300 of them."""
RunStatus = Literal["running", "completed", "failed", "cancelled"]


class Event(msgspec.Struct, frozen=True, tag_field="type", omit_defaults=True, gc=False):
    """One thing that happened in a run.

    Events hold JSON, which has no cycles, so the garbage collector need not look at them: long runs keep many.
    `is_preview` says that something in it was cut: the whole is where the run took place.
    """

    seq: int
    at: float
    is_preview: bool = False


class RunStarted(Event, frozen=True, tag=True, kw_only=True, gc=False):
    """First event. `blocks` are the ids in the order of the plan; `variables` are the effective run variables."""

    run_id: str
    workflow_name: str = ""
    variables: JsonObject = {}
    blocks: tuple[str, ...] = ()


class BlockStarted(Event, frozen=True, tag=True, kw_only=True, gc=False):
    """A block begins, or begins again (`attempt` 2 and up). `config` is resolved, secrets taken out of it.

    `warnings` are sentences about the config, such as a reference that leads nowhere.
    """

    block_id: str
    block_type: str = ""
    block_name: str = ""
    config: JsonObject = {}
    inputs: tuple[str, ...] = ()
    attempt: int = 1
    warnings: tuple[str, ...] = ()


class BlockChunk(Event, frozen=True, tag=True, kw_only=True, gc=False):
    """A piece of text while a block runs: of its answer ("output") or of what its code prints ("print")."""

    block_id: str
    text: str
    stream: Stream = "output"


class BlockRetrying(Event, frozen=True, tag=True, kw_only=True, gc=False):
    """An attempt failed and another one follows after `delay_s` seconds."""

    block_id: str
    attempt: int
    error: str
    delay_s: float = 0.0


class DelegationStarted(Event, frozen=True, tag=True, kw_only=True, gc=False):
    """An orchestration hands a task to one of its agents. `number` counts the delegations of the block from 1."""

    block_id: str
    number: int
    agent: str
    task: str = ""


class DelegationFinished(Event, frozen=True, tag=True, kw_only=True, gc=False):
    """An agent of an orchestration answered, or failed with `error`. `usage` counts tokens where the model tells."""

    block_id: str
    number: int
    answer: str = ""
    error: str | None = None
    usage: JsonObject | None = None
    duration_ms: float = 0.0


class BlockFinished(Event, frozen=True, tag=True, kw_only=True, gc=False):
    """A block ended and its followers go on. `error` is set when it reports a failure in its result (shape b, 3.0).

    `warnings` are sentences about what went on all the same, such as a condition that could not be evaluated.
    """

    block_id: str
    result: JsonObject
    duration_ms: float = 0.0
    error: str | None = None
    warnings: tuple[str, ...] = ()


class BlockFailed(Event, frozen=True, tag=True, kw_only=True, gc=False):
    """A block raised (shape a): it has no result to refer to, and followers that need it are skipped."""

    block_id: str
    error: str
    duration_ms: float = 0.0


class BlockSkipped(Event, frozen=True, tag=True, kw_only=True, gc=False):
    """A block did not run. `text` says why in a sentence; `because_of` is the block that decided it, if one did."""

    block_id: str
    reason: SkipReason
    text: str = ""
    because_of: str | None = None


class RunFinished(Event, frozen=True, tag=True, kw_only=True, gc=False):
    """Last event. `output` is that of the response block; `error` says why a run as a whole failed."""

    status: RunStatus
    output: Json = None
    error: str | None = None
    duration_ms: float = 0.0


AnyEvent = (
    RunStarted
    | BlockStarted
    | BlockChunk
    | BlockRetrying
    | DelegationStarted
    | DelegationFinished
    | BlockFinished
    | BlockFailed
    | BlockSkipped
    | RunFinished
)


def encode_event(event: Event) -> bytes:
    """The event as one line of JSON, without the newline.

    Never fails: halves of characters become U+FFFD, and what is no JSON becomes its text. Results hold neither, but a
    config is as its document has it, and a text may come from anywhere.
    """
    try:
        return msgspec.json.encode(event)
    except (UnicodeEncodeError, ValueError, TypeError, OverflowError, RecursionError):
        fields = {name: getattr(event, name) for name in event.__struct_fields__}
        return msgspec.json.encode({"type": type(event).__name__, **{key: _encodable(fields[key]) for key in fields}})


def preview(event: AnyEvent, max_bytes: int) -> AnyEvent:
    """The event for followers that store or send it: itself, or a copy in which what is large is cut.

    `max_bytes` is about what each of its values may have as JSON. Texts are cut at the end, lists and objects keep
    their first items (see `engine.previews`), and `is_preview` is set on the copy. Followers in the same process get
    the whole event and take this at the border; a store keeps the whole result under the run and the block.
    """
    cut = {}
    for name in event.__struct_fields__[_HEAD:]:
        value = getattr(event, name)
        if type(value) in (str, dict, list):
            shown = preview_of(value, max_bytes)
            if shown is not value:
                cut[name] = shown
    return msgspec.structs.replace(event, is_preview=True, **cut) if cut else event


def decode_event(line: bytes | str) -> AnyEvent:
    """The event in one line of JSON; `msgspec.DecodeError` when it is none."""
    return _DECODER.decode(line)


def decode_events(lines: Iterable[bytes | str]) -> list[AnyEvent]:
    """The events of a recorded run, empty lines passed over."""
    return [decode_event(line) for line in lines if line.strip()]


def _encodable(value: Any, depth: int = MAX_DEPTH) -> Json:
    """The value as JSON, whatever it is."""
    if isinstance(value, dict | list | tuple) and depth == 0:
        return CUT
    if isinstance(value, dict):
        return {repaired(str(key)): _encodable(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(item, depth - 1) for item in value]
    if value is None or isinstance(value, bool | float | str):
        return repaired(value)
    if isinstance(value, int):
        return value if value.bit_length() < MAX_INT_BITS else f"{CUT} an integer of {value.bit_length():,} bits"
    return repaired(str(value))


_HEAD = len(Event.__struct_fields__)
_DECODER: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
