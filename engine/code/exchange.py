"""One block's exchange with its worker: hand over the job, collect what it prints, check what it answers.

Nothing that comes back is believed: lengths are capped before reading, the answer is decoded into a fixed shape, and a
worker that does anything else is killed.
"""

import asyncio
import codecs
import contextlib
import os
import re
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from engine.code import frames
from engine.code.limits import CodeLimits
from engine.code.modules import INSTALLED
from engine.code.session import LOST, Fork
from engine.code.values import MAX_DEPTH, deeper_than
from engine.document import Json, JsonObject

Limit = Literal["cpu", "wall", "memory", "output", "crash"]

_ENVELOPE_BYTES = 1 << 16
_MAX_ERROR = 8000
_LARGE = 256 << 10
_EXIT_S = 2.0
# Code with one of these words may look at names that it does not spell out.
_LOOKS_AROUND = frozenset({"input_data", "globals", "locals", "vars", "dir"})
_WORD = re.compile(r"\w+")
_IMPORT = re.compile(r"^[ \t]*(?:import|from)[ \t]+(\w+)", re.MULTILINE)


@dataclass(frozen=True)
class CodeResult:
    """What a block came to. `limit` names the limit it ran into, or "crash" when the interpreter died of it."""

    output: Json = None
    error: str | None = None
    printed: str = ""
    duration_ms: float = 0.0
    limit: Limit | None = None


@dataclass(frozen=True)
class Job:
    """The two frames of a job, and the installed packages that its code imports."""

    header: bytes
    payload: bytes
    packages: tuple[str, ...]


class _Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    output: Json
    error: str | None
    limit: Literal["memory", "output"] | None


_DECODER = msgspec.json.Decoder(_Answer)


class WorkerEnded(Exception):
    """The worker went away without an answer."""


class WorkerMisbehaved(Exception):
    """The worker answered out of turn."""


def job(
    source: str, scope: Mapping[str, JsonObject], input_data: Mapping[str, JsonObject], imports: Sequence[str] | None
) -> Job:
    """The frames for one block. Results that the code cannot name are not sent; one under two names is sent once.

    Raises:
        ValueError: an input is no JSON, or the inputs are too large together.
    """
    words = set(_WORD.findall(source))
    # Python reads identifiers in a normal form, so other letters cannot be compared as they are written.
    if source.isascii() and not words & _LOOKS_AROUND:
        scope = {name: result for name, result in scope.items() if name.replace("-", "_") in words}
        input_data = {}
    places: dict[int, int] = {}
    results: list[JsonObject] = []
    for result in (*scope.values(), *input_data.values()):
        if id(result) not in places:
            places[id(result)] = len(results)
            results.append(result)
    header = {
        "source": source,
        "scope": {name: places[id(result)] for name, result in scope.items()},
        "input_data": {name: places[id(result)] for name, result in input_data.items()},
        "imports": list(imports or ()),
    }
    encoded = Job(msgspec.json.encode(header), msgspec.json.encode(results), packages_of(source, imports))
    if len(encoded.payload) > frames.MAX_JOB:
        raise ValueError(f"the results that the code looks at are {len(encoded.payload):,} bytes together")
    return encoded


def packages_of(source: str, imports: Sequence[str] | None) -> tuple[str, ...]:
    """The installed packages that this code imports, as far as that can be seen."""
    return tuple(sorted({*_IMPORT.findall(source), *(imports or ())} & INSTALLED))


async def exchange(fork: Fork, work: Job, limits: CodeLimits, prints: "Prints", wall_s: float) -> CodeResult:
    """Give the fork its job and wait for the end; the fork is gone afterwards, whatever happened."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    try:
        async with asyncio.timeout(wall_s):
            result = await _result(fork, work, limits)
    except TimeoutError:
        result = CodeResult(error=f"The code took longer than {wall_s:g} s and was stopped.", limit="wall")
    except WorkerMisbehaved as misbehaved:
        result = CodeResult(error=f"The code was stopped: {misbehaved}.", limit="crash")
    finally:
        fork.kill()
        fork.sock.close()
        prints.close()
    duration_ms = (loop.time() - started) * 1000
    return CodeResult(result.output, result.error, prints.text, duration_ms, result.limit)


class Prints:
    """What a worker prints: text that grows while it runs, cut at the limit. `on_print` hears each piece."""

    def __init__(self, descriptor: int, limits: CodeLimits, on_print: Callable[[str], None] | None) -> None:
        self._descriptor = descriptor
        self._most = self._left = limits.print_bytes
        self._on_print = on_print
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pieces: list[str] = []
        self._loop = asyncio.get_running_loop()
        self._open = True
        self._loop.add_reader(descriptor, self._read)

    @property
    def text(self) -> str:
        """All of it so far."""
        return "".join(self._pieces)

    def close(self) -> None:
        """Take what is there already and stop listening."""
        while self._open and self._read():
            pass
        self._stop(self._decoder.decode(b"", final=True))

    def _read(self) -> bool:
        """Take one piece; False when there is none now."""
        try:
            data = os.read(self._descriptor, 1 << 16)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._stop("")
            return False
        self._add(self._decoder.decode(data[: self._left]))
        self._left -= len(data)
        if self._left < 0:
            self._stop(f"\n[cut here: a block may print {self._most:,} bytes]\n")
        return True

    def _stop(self, last: str) -> None:
        if self._open:
            self._open = False
            self._loop.remove_reader(self._descriptor)
            # A flood hits a closed pipe from here on, instead of our time.
            os.close(self._descriptor)
            self._add(last)

    def _add(self, piece: str) -> None:
        if piece:
            self._pieces.append(piece)
            if self._on_print is not None:
                self._on_print(piece)


async def _result(fork: Fork, work: Job, limits: CodeLimits) -> CodeResult:
    loop = asyncio.get_running_loop()
    try:
        for body in (work.header, work.payload):
            await loop.sock_sendall(fork.sock, frames.HEADER.pack(len(body)) + body)
        frame = await _frame(fork, limits.output_bytes + _ENVELOPE_BYTES)
    except (WorkerEnded, ConnectionError):
        return await _post_mortem(fork, limits)
    answer = await asyncio.to_thread(_checked, frame) if len(frame) > _LARGE else _checked(frame)
    return CodeResult(answer.output, answer.error and answer.error[:_MAX_ERROR], limit=answer.limit)


async def _frame(fork: Fork, most: int) -> bytes:
    (length,) = frames.HEADER.unpack(await _exactly(fork, frames.HEADER.size))
    if length > most:
        raise WorkerMisbehaved(f"it answered {length:,} bytes where {most:,} are allowed")
    return await _exactly(fork, length)


async def _exactly(fork: Fork, count: int) -> bytes:
    loop = asyncio.get_running_loop()
    parts = bytearray()
    while len(parts) < count:
        part = await loop.sock_recv(fork.sock, min(count - len(parts), 1 << 20))
        if not part:
            raise WorkerEnded
        parts += part
    return bytes(parts)


def _checked(frame: bytes) -> _Answer:
    try:
        answer = _DECODER.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WorkerMisbehaved(f"its answer is no answer ({error})") from None
    if deeper_than(MAX_DEPTH, answer.output):
        raise WorkerMisbehaved(f"its answer is nested deeper than {MAX_DEPTH} levels")
    return answer


async def _post_mortem(fork: Fork, limits: CodeLimits) -> CodeResult:
    """Why a worker ended without an answer, from its wait status."""
    status = LOST
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_EXIT_S):
            status = await fork.exited
    if status == LOST:
        return CodeResult(error="The process for code blocks ended while the code ran; run it again.", limit="crash")
    if not os.WIFSIGNALED(status):
        return CodeResult(error="The code ended its own process before it had a result.", limit="crash")
    number = os.WTERMSIG(status)
    if number == signal.SIGXCPU:
        text = f"The code used more than {limits.cpu_s} s of processor time and was stopped."
        return CodeResult(error=text, limit="cpu")
    if number == signal.SIGKILL:
        text = "The code was stopped by the system: too much processor time or memory."
        return CodeResult(error=text, limit="cpu")
    if number == signal.SIGSYS:
        return CodeResult(error="The code was stopped: it made a call that code blocks may not make.", limit="crash")
    name = signal.Signals(number).name if number in {item.value for item in signal.Signals} else str(number)
    text = f"The Python interpreter crashed while it ran the code ({name}); very deep recursion is the usual reason."
    return CodeResult(error=text, limit="crash")
