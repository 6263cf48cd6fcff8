"""What a worker may say: its answer, or a request for one web address. Anything else is misbehaviour.

Nothing in here is believed before it fits one of these shapes.
"""

from typing import Annotated, Literal

import msgspec

from engine.code.fetching import MAX_TIMEOUT_S
from engine.code.pieces import decode
from engine.code.values import MAX_DEPTH, deeper_than
from engine.document import Json

Limit = Literal["cpu", "wall", "memory", "output", "calls", "crash"]


class WorkerMisbehaved(Exception):
    """The worker said what no worker may say, or more often than it may; the text says what."""

    def __init__(self, text: str, limit: Limit = "crash") -> None:
        super().__init__(text)
        self.limit: Limit = limit


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="answer", tag_field="kind"):
    """What a block came to."""

    output: msgspec.Raw
    error: str | None
    limit: Literal["memory", "output"] | None


class Call(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="call", tag_field="kind"):
    """One web address that a block asks for. `body` travels as base64."""

    url: str
    method: str
    params: list[tuple[str, str]]
    headers: list[tuple[str, str]]
    body: bytes | None
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=MAX_TIMEOUT_S)]


_DECODER: msgspec.json.Decoder[Answer | Call] = msgspec.json.Decoder(Answer | Call)


def message_in(frame: bytes | bytearray) -> Answer | Call:
    """The message in a frame; an answer's output is not read yet.

    Raises:
        WorkerMisbehaved: there is none.
    """
    try:
        return _DECODER.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WorkerMisbehaved(f"its answer is no answer ({error})") from None


def output_of(answer: Answer) -> Json:
    """The value that a block answered.

    Raises:
        WorkerMisbehaved: it is no JSON, or deeper than anything may be.
    """
    try:
        output = decode(answer.output)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WorkerMisbehaved(f"its answer is no answer ({error})") from None
    if deeper_than(MAX_DEPTH, output):
        raise WorkerMisbehaved(f"its answer is nested deeper than {MAX_DEPTH} levels")
    return output
