"""One block's exchange with its worker: hand over the job, answer what it asks for, check what it says at the end.

Nothing that comes back is believed: lengths are capped before reading, messages are decoded into fixed shapes, and a
worker that does anything else, or speaks while it has to listen, is killed.
"""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from engine.code import frames
from engine.code.broker import Broker
from engine.code.fetching import MAX_BODY
from engine.code.job import Job
from engine.code.limits import CodeLimits
from engine.code.messages import Answer, Call, Limit, WorkerMisbehaved, message_in, output_of
from engine.code.pieces import LARGE
from engine.code.prints import Prints
from engine.code.session import LOST, Fork
from engine.document import Json

_ENVELOPE_BYTES = 1 << 18
_MAX_ERROR = 8000
_EXIT_S = 2.0
T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class CodeResult:
    """What a block came to. `limit` names the limit it ran into, or "crash" when the interpreter died of it."""

    output: Json = None
    error: str | None = None
    printed: str = ""
    duration_ms: float = 0.0
    limit: Limit | None = None


class WorkerEnded(Exception):
    """The worker went away without an answer."""


async def exchange(
    fork: Fork, work: Job, limits: CodeLimits, prints: Prints, wall_s: float, broker: Broker | None = None
) -> CodeResult:
    """Give the fork its job and wait for the end; the fork is gone afterwards, whatever happened."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    try:
        async with asyncio.timeout(wall_s):
            result = await _result(fork, work, limits, broker or Broker(None))
    except TimeoutError:
        result = CodeResult(error=f"The code took longer than {wall_s:g} s and was stopped.", limit="wall")
    except WorkerMisbehaved as misbehaved:
        result = CodeResult(error=f"The code was stopped: {misbehaved}.", limit=misbehaved.limit)
    finally:
        fork.kill()
        prints.close()
        # Last: one that cannot be killed yet, because its process is not known, would go on when it hears of this.
        fork.sock.close()
    duration_ms = (loop.time() - started) * 1000
    return CodeResult(result.output, result.error, prints.text, duration_ms, result.limit)


async def _result(fork: Fork, work: Job, limits: CodeLimits, broker: Broker) -> CodeResult:
    try:
        await _send(fork, [work.header], work.payload)
        while isinstance(message := await _message(fork, limits), Call):
            await _send(fork, *([frame] for frame in await _reply(fork, message, broker)))
    except (WorkerEnded, ConnectionError):
        return await _post_mortem(fork, work, limits)
    output = await _threaded(len(memoryview(message.output)), output_of, message)
    return CodeResult(output, message.error and message.error[:_MAX_ERROR], limit=message.limit)


async def _send(fork: Fork, *bodies: Sequence[bytes]) -> None:
    """Frames, each given in pieces."""
    loop = asyncio.get_running_loop()
    for pieces in bodies:
        first, *rest = pieces
        head = frames.HEADER.pack(sum(map(len, pieces)))
        await loop.sock_sendall(fork.sock, head + first if len(first) < LARGE else head)
        for piece in rest if len(first) < LARGE else pieces:
            await loop.sock_sendall(fork.sock, piece)


async def _message(fork: Fork, limits: CodeLimits) -> Answer | Call:
    # A body travels as base64, four letters for three bytes.
    most = max(limits.output_bytes, 4 * MAX_BODY // 3) + _ENVELOPE_BYTES
    (length,) = frames.HEADER.unpack(await _exactly(fork, frames.HEADER.size))
    if length > most:
        raise WorkerMisbehaved(f"it answered {length:,} bytes where {most:,} are allowed")
    frame = await _exactly(fork, length)
    return await _threaded(length, message_in, frame)


async def _exactly(fork: Fork, count: int) -> bytearray:
    loop = asyncio.get_running_loop()
    frame = bytearray(count)
    rest = memoryview(frame)
    while rest:
        received = await loop.sock_recv_into(fork.sock, rest[: 1 << 20])
        if not received:
            raise WorkerEnded
        rest = rest[received:]
    return frame


async def _threaded(size: int, read: Callable[[T], U], what: T) -> U:
    """What `read` makes of it; in a thread when that takes long."""
    return await asyncio.to_thread(read, what) if size > LARGE else read(what)


async def _reply(fork: Fork, call: Call, broker: Broker) -> tuple[bytes, bytes]:
    """The frames that answer a call. A worker that ends meanwhile ends the request as well."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(None) as request:

            def end_request(_: asyncio.Future[int]) -> None:
                # It may have ended by itself in the same turn of the loop.
                with contextlib.suppress(RuntimeError):
                    request.reschedule(loop.time())

            fork.exited.add_done_callback(end_request)
            try:
                reply = await broker.answer(call)
            finally:
                fork.exited.remove_done_callback(end_request)
    except TimeoutError:
        raise WorkerEnded from None
    _expect_silence(fork.sock)
    return reply


def _expect_silence(sock: socket.socket) -> None:
    """A worker that waits for a reply has nothing to say."""
    with contextlib.suppress(BlockingIOError):
        if sock.recv(1, socket.MSG_PEEK):
            raise WorkerMisbehaved("it spoke while it had to wait for a reply")
        raise WorkerEnded


async def _post_mortem(fork: Fork, work: Job, limits: CodeLimits) -> CodeResult:
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
    interpreter = "JavaScript engine" if work.language == "javascript" else "Python interpreter"
    reason = "very deep recursion is the usual reason"
    return CodeResult(error=f"The {interpreter} crashed while it ran the code ({name}); {reason}.", limit="crash")
