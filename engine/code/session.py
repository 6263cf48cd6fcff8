"""Our side of one template process: ask it for forks, hear how they ended, take everything down with it."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import msgspec

from engine.code import launch
from engine.code.limits import CodeLimits
from engine.code.modules import ModulePolicy
from engine.errors import BlockError

LOST = -1
"""In place of a wait status: the template itself went away."""

_START_S = 20.0
_END_S = 2.0
_REAP_AGAIN_S = 0.005
_MAX_MESSAGE = 1 << 16


class CodeUnavailable(BlockError):
    """Code blocks cannot run here; the text says why and what would help."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False)


class Facts(msgspec.Struct, frozen=True):
    """What the template could lock: Landlock's version, whether seccomp is on, and why not."""

    landlock: int = 0
    seccomp: bool = False
    problem: str = ""


class _Message(msgspec.Struct, frozen=True):
    ready: Facts | None = None
    pid: int = 0
    forked: int | None = None
    exited: int | None = None
    status: int = 0


_DECODER = msgspec.json.Decoder(_Message)


@dataclass
class Fork:
    """One worker process. `sock` carries job and answer, `output` is the reading end of what it prints."""

    number: int
    sock: socket.socket
    output: int
    exited: asyncio.Future[int] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    _pidfd: int | None = None
    _doomed: bool = False

    def kill(self) -> None:
        """End the process and all its threads now, or the moment it is known."""
        self._doomed = True
        if self._pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)  # type: ignore[attr-defined,unused-ignore]

    def born(self, pidfd: int) -> None:
        """The template made the process: from here on it can be killed without asking anybody."""
        self._pidfd = pidfd
        if self._doomed:
            self.kill()

    def ended(self, status: int) -> None:
        """The process is gone, with this wait status."""
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None
        if not self.exited.done():
            self.exited.set_result(status)


class Session:
    """A running template. Make one with `Session.start`; `close` ends it and every fork."""

    def __init__(self, started: launch.Started) -> None:
        self._process = started.process
        self._control = started.control
        self._loop = asyncio.get_running_loop()
        self._forks: dict[int, Fork] = {}
        self._last_number = 0
        self._ready: asyncio.Future[Facts] = self._loop.create_future()
        self._lost = False
        self._has_javascript = False
        self._loop.add_reader(self._control.fileno(), self._on_control)

    @classmethod
    async def start(cls, limits: CodeLimits, modules: ModulePolicy, *, wrapped: bool, harden: bool = True) -> Self:
        """Start a template and wait until it has locked itself in.

        Raises:
            CodeUnavailable: it did not come up; the text has what it said.
        """
        try:
            session = cls(launch.start(wrapped=wrapped))
        except OSError as error:
            raise CodeUnavailable(f"The process for code blocks did not start: {error}") from error
        try:
            await session._set_up(limits, modules, wrapped=wrapped, harden=harden)
        except BaseException:
            await session.close()
            raise
        return session

    @property
    def facts(self) -> Facts:
        """What the template could lock."""
        return self._ready.result()

    @property
    def is_lost(self) -> bool:
        """Whether the template has gone, so that another session is needed."""
        return self._lost

    def fork(self, load: Sequence[str] = (), javascript: bytes | None = None) -> Fork:
        """A fresh worker; the template imports the modules in `load` first, once, if it may.

        `javascript` is the machine code of the engine, for a block in that language.

        Raises:
            CodeUnavailable: the template is gone.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        output, printed = os.pipe2(os.O_CLOEXEC)
        self._last_number += 1
        request = {"fork": self._last_number, "load": load, "javascript": javascript is not None}
        descriptors = [theirs.fileno(), printed]
        try:
            if javascript is not None and not self._has_javascript:
                descriptors.append(_file_with(javascript))
            socket.send_fds(self._control, [msgspec.json.encode(request)], descriptors)
        except OSError as error:
            ours.close()
            os.close(output)
            raise CodeUnavailable(f"The process for code blocks does not answer: {error}") from error
        finally:
            theirs.close()
            for descriptor in descriptors[1:]:
                os.close(descriptor)
        self._has_javascript = self._has_javascript or javascript is not None
        ours.setblocking(False)
        os.set_blocking(output, False)
        fork = Fork(self._last_number, ours, output)
        self._forks[fork.number] = fork
        return fork

    async def close(self) -> None:
        """End the template and all its forks; returns when the processes are gone."""
        self._lose()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._wait_for_end()
        if self._process.stderr is not None:
            self._process.stderr.close()

    async def _set_up(self, limits: CodeLimits, modules: ModulePolicy, *, wrapped: bool, harden: bool) -> None:
        setup = {
            "readable": launch.readable(),
            "packages": launch.packages(),
            "limits": asdict(limits),
            "modules": sorted(modules.allowed),
            "own_namespace": wrapped,
            "harden": harden,
        }
        try:
            self._control.send(msgspec.json.encode(setup))
            async with asyncio.timeout(_START_S):
                await self._ready
        except (OSError, TimeoutError, EOFError) as error:
            raise CodeUnavailable(f"The process for code blocks did not start: {self._last_words() or error}") from None

    def _on_control(self) -> None:
        """One packet from the template; anything out of the protocol ends it."""
        try:
            packet, descriptors, _, _ = socket.recv_fds(self._control, _MAX_MESSAGE, 1)
        except BlockingIOError:
            return
        except OSError:
            packet, descriptors = b"", []
        try:
            message = _DECODER.decode(packet)
        except msgspec.DecodeError:
            for descriptor in descriptors:
                os.close(descriptor)
            self._lose()
            return
        self._take(message, descriptors)

    def _take(self, message: _Message, descriptors: list[int]) -> None:
        if message.ready is not None and not self._ready.done():
            self._ready.set_result(message.ready)
        fork = self._forks.get(message.forked) if message.forked is not None else None
        if fork is not None and descriptors:
            fork.born(descriptors.pop())
        if message.exited is not None and message.exited in self._forks:
            self._forks.pop(message.exited).ended(message.status)
        for descriptor in descriptors:
            os.close(descriptor)

    def _lose(self) -> None:
        if self._lost:
            return
        self._lost = True
        self._loop.remove_reader(self._control.fileno())
        self._control.close()
        forks, self._forks = self._forks, {}
        for fork in forks.values():
            fork.kill()
            fork.ended(LOST)
        if not self._ready.done():
            self._ready.set_exception(EOFError("it ended before it was ready"))
            # Nobody may be waiting for it any more.
            self._ready.exception()

    async def _wait_for_end(self) -> None:
        """Reap the process without blocking the loop and without a thread."""
        if self._process.poll() is not None:
            return
        ended = asyncio.Event()
        pidfd = os.pidfd_open(self._process.pid)
        self._loop.add_reader(pidfd, ended.set)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_END_S):
                    await ended.wait()
                    # A debugger that is attached can hold back what the process leaves for a moment more.
                    while self._process.poll() is None:  # noqa: ASYNC110  nobody could set an event
                        await asyncio.sleep(_REAP_AGAIN_S)
        finally:
            self._loop.remove_reader(pidfd)
            os.close(pidfd)

    def _last_words(self) -> str:
        """What the process wrote before it ended, its last line only."""
        if self._process.stderr is None:
            return ""
        os.set_blocking(self._process.stderr.fileno(), False)
        written: Any = self._process.stderr.read() or b""
        return launch.last_line(written)


def _file_with(content: bytes) -> int:
    """A descriptor of a file without a name that holds this content."""
    descriptor = os.memfd_create("blockloom")
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(content)
        os.lseek(descriptor, 0, os.SEEK_SET)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
