"""The template process: starts once per run, hardens itself, and forks one worker per code block.

It never runs user code and holds no secret. Messages on its control socket are JSON, one per packet:

    in   {"readable", "packages", "limits", "modules", "own_namespace", "harden"}
                                                               first: how to set up
    out  {"ready": facts, "pid": own pid}                      set up and hardened
    in   {"fork": number, "load": [module]} + socket, pipe     start a block
                                            and a file, if the block is the first in JavaScript: the engine's code
    out  {"forked": number, "pid": pid} + pidfd                it lives
    out  {"exited": number, "status": wait status}             it is gone
"""

import _thread
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from engine.code import javascript
from engine.code.harden import Space, die_with, harden_template, space_in_use
from engine.code.limits import CodeLimits
from engine.code.modules import PRELOADED, ModulePolicy
from engine.code.quickjs import Machine
from engine.code.worker import Surroundings, work

_MAX_MESSAGE = 1 << 16
_MAX_DESCRIPTORS = 4096
_NOT_STARTED = 1 << 8
# Stacks of user threads: small enough for 64 of them, deep enough for a thousand nested calls.
_THREAD_STACK = 2 << 20


def main(control_descriptor: int, parent_pid: int) -> None:
    """Serve forks until the other side of the control socket closes."""
    if parent_pid:
        die_with(parent_pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=control_descriptor)
    Template(control, json.loads(control.recv(_MAX_MESSAGE))).serve()


class Template:
    """The loop: one poll over the control socket and over each living fork."""

    def __init__(self, control: socket.socket, setup: dict[str, Any]) -> None:
        self._control = control
        self._limits = CodeLimits(**setup["limits"])
        self._modules = ModulePolicy(frozenset(setup["modules"]))
        self._own_namespace = bool(setup["own_namespace"])
        self._poll = select.poll()
        self._children: dict[int, tuple[int, int]] = {}  # pidfd -> number, pid
        self._machine: Machine | None = None
        self._javascript_problem = ""
        sys.path.extend(setup["packages"])
        self._prepare_interpreter()
        _load(PRELOADED)
        self._harden(setup)
        self._settle()

    def _harden(self, setup: dict[str, Any]) -> None:
        # 0 is nothing to read from; 1 and 2 were for telling why the start failed.
        for descriptor in (1, 2):
            os.dup2(0, descriptor)
        landlock_version, seccomp_problem = 0, "not asked for"
        if setup["harden"]:
            landlock_version, seccomp_problem = harden_template(setup["readable"])
        self._with_filter = not seccomp_problem
        facts = {"landlock": landlock_version, "seccomp": not seccomp_problem, "problem": seccomp_problem}
        self._send({"ready": facts, "pid": os.getpid()})

    def _prepare_interpreter(self) -> None:
        """What every fork would otherwise set for itself."""
        warnings.simplefilter("ignore")
        threading.stack_size(_THREAD_STACK)
        limit_threads(self._limits.threads)

    def _settle(self) -> None:
        """Get ready to be copied: no garbage to collect, memory measured."""
        gc.collect()
        gc.freeze()
        space = space_in_use()
        if self._machine is None:
            self._space = space
        self._space_with_machine = space

    def serve(self) -> None:
        """Answer until the control socket closes; forks then die with this process."""
        self._poll.register(self._control, select.POLLIN)
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor in self._children:
                    self._reap(descriptor)
                elif not self._answer():
                    return

    def _answer(self) -> bool:
        message, descriptors, _, _ = socket.recv_fds(self._control, _MAX_MESSAGE, 3)
        if not message:
            return False
        request = json.loads(message)
        wanted = [name for name in request["load"] if name not in sys.modules and self._modules.allows(name)]
        if wanted:
            _load(wanted)
            self._settle()
        sock, output, *engine = descriptors
        if engine:
            self._start_javascript(engine[0])
        self._fork(request["fork"], request["javascript"], sock, output)
        return True

    def _start_javascript(self, descriptor: int) -> None:
        """Start the engine that forks will have a copy of; where that fails, each block that asks for it says so."""
        with open(descriptor, "rb") as file:
            code = file.read()
        _load(["quickjs_rs"])
        self._settle()
        try:
            self._machine = javascript.boot(code, self._limits.memory_bytes)
        except Exception as error:  # noqa: BLE001  the template must live on for the blocks in Python
            self._javascript_problem = str(error) or type(error).__name__
        self._settle()

    def _fork(self, number: int, is_javascript: bool, sock: int, output: int) -> None:
        template_pid = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            os.close(sock)
            os.close(output)
            self._send({"exited": number, "status": _NOT_STARTED})
            return
        if pid == 0:
            try:
                self._become_worker(is_javascript, sock, output, template_pid)
            finally:
                os._exit(1)
        os.close(sock)
        os.close(output)
        watched = os.pidfd_open(pid)
        self._children[watched] = (number, pid)
        self._poll.register(watched, select.POLLIN)
        self._send({"forked": number, "pid": pid}, [watched])

    def _become_worker(self, is_javascript: bool, sock: int, output: int, template_pid: int) -> None:
        self._control.detach()
        os.dup2(output, 1)
        os.dup2(output, 2)
        # A duplicate above the range first, since 3 itself may be the socket or the pipe.
        kept = os.dup2(os.dup(sock), 3)
        os.closerange(4, _MAX_DESCRIPTORS)
        gc.enable()
        if self._machine is not None and not is_javascript:
            # The addresses that it sets aside would otherwise be memory to have.
            self._machine.close()
            self._machine = None
        work(socket.socket(fileno=kept), template_pid, self._surroundings())

    def _surroundings(self) -> Surroundings:
        space: Space = self._space_with_machine if self._machine is not None else self._space
        return Surroundings(
            self._limits,
            self._modules,
            space,
            self._own_namespace,
            self._with_filter,
            self._machine,
            self._javascript_problem,
        )

    def _reap(self, watched: int) -> None:
        number, pid = self._children.pop(watched)
        self._poll.unregister(watched)
        os.close(watched)
        _, status = os.waitpid(pid, 0)
        self._send({"exited": number, "status": status})

    def _send(self, message: dict[str, Any], descriptors: list[int] | None = None) -> None:
        socket.send_fds(self._control, [json.dumps(message).encode()], descriptors or [])


def limit_threads(most: int) -> None:
    """Let `threading` start at most this many threads in a process, with a clear error.

    Code that goes around it is bounded by memory, and under bubblewrap by the number of tasks in the namespace.
    """

    def counted(start: Callable[..., Any]) -> Callable[..., Any]:
        def start_counted(*arguments: Any, **options: Any) -> Any:
            if _thread._count() >= most:
                raise RuntimeError(f"can't start new thread: a code block may have {most}")
            return start(*arguments, **options)

        return start_counted

    # The second name is that of Python 3.13 and later.
    for name in ("_start_new_thread", "_start_joinable_thread"):
        if hasattr(threading, name):
            setattr(threading, name, counted(getattr(threading, name)))


def _load(names: Iterable[str]) -> None:
    for name in names:
        # A module that does not load here does not load in the block either, and there it is the user's error.
        with contextlib.suppress(Exception):
            importlib.import_module(name)
