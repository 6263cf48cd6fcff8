"""A recorded run: a file with one event a line, written by `blockloom run --events` and by the editor."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from engine.errors import FileError
from engine.events import AnyEvent, decode_event, encode_event
from engine.runstate import RunState

MAX_BYTES = 256 * 1024 * 1024


def write(path: Path, events: Iterable[AnyEvent]) -> None:
    """Write these events to the file.

    Raises:
        FileError: the file cannot be written.
    """
    try:
        with path.open("wb") as file:
            file.writelines(encode_event(event) + b"\n" for event in events)
    except OSError as error:
        raise FileError(f"{path.name} cannot be written: {error.strerror or error}. Choose another folder.") from None


def read(path: Path) -> tuple[RunState, list[AnyEvent]]:
    """The run in this file, and its events.

    Raises:
        FileError: the file cannot be read, or a line of it is no event; `place` names the line.
    """
    state, events = RunState(), []
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FileError(f"{path.name} is larger than {MAX_BYTES >> 20} MB, too large to be opened here.")
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    events.append(_decode(line, number))
                    state.fold(events[-1])
    except OSError as error:
        raise FileError(f"{path.name} cannot be read: {error.strerror or error}") from None
    if not events:
        raise FileError(f"{path.name} holds no run. Record one with “blockloom run FILE --events {path.name}”.")
    return state, events


def _decode(line: bytes, number: int) -> AnyEvent:
    try:
        return decode_event(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FileError(f"this line is not an event of a run ({error})", f"line {number}") from None
