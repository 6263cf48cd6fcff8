"""One block in one fork: read the job, run the code, send the answer, end.

The fork owns a socket for job and answer, and a pipe on descriptors 1 and 2 for what it prints.
"""

import io
import json
import os
import socket
import sys
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from engine.code import fetching, frames, javascript, language, values
from engine.code.harden import Space, die_with, harden_block
from engine.code.limits import CodeLimits
from engine.code.modules import ModulePolicy
from engine.code.quickjs import MOST_MEMORY, Machine


class Output(io.TextIOBase):
    """`sys.stdout` of a block: whole lines to the pipe, at most `most` bytes, the rest dropped without waiting."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._left = most
        self._waiting: list[str] = []
        self._waiting_size = 0

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if self._left >= 0:
            self._waiting.append(text)
            self._waiting_size += len(text)
            if "\n" in text or self._waiting_size > io.DEFAULT_BUFFER_SIZE:
                self.flush()
        return len(text)

    def flush(self) -> None:
        text, self._waiting, self._waiting_size = "".join(self._waiting), [], 0
        # One byte more than allowed still goes out: it tells the reader that something was cut.
        data = memoryview(text[: self._left + 1].encode("utf-8", "replace"))[: self._left + 1]
        self._left -= len(data)
        try:
            while data:
                data = data[os.write(1, data) :]
        except OSError:
            # The reader has had enough.
            self._left = -1


@dataclass(frozen=True)
class Surroundings:
    """What all blocks of a template share.

    `machine` is the JavaScript engine, in forks for that language; `javascript_problem` says why there is none.
    """

    limits: CodeLimits
    modules: ModulePolicy
    space: Space
    own_namespace: bool
    with_filter: bool
    machine: Machine | None = None
    javascript_problem: str = ""


def work(sock: socket.socket, parent_pid: int, around: Surroundings) -> NoReturn:
    """Run one block in this fork, which ends here."""
    try:
        die_with(parent_pid)
        header = json.loads(frames.receive(sock, frames.MAX_JOB))
        payload = frames.receive(sock, frames.MAX_JOB)
        if header["language"] == "javascript":
            most = min(around.limits.memory_mb, MOST_MEMORY >> 20)
            around = replace(around, limits=replace(around.limits, memory_mb=most))
        harden_block(around.limits, around.space, own_namespace=around.own_namespace, with_filter=around.with_filter)
        line = fetching.Line(sock)
        line.say(answer(header, payload, around, line))
    finally:
        os._exit(0)


def answer(header: dict[str, Any], payload: bytes, around: Surroundings, line: fetching.Line) -> bytes:
    """The frame for the parent: `{"kind": "answer", "output", "error", "limit"}`.

    `header` has the source, the names and their places in the list of results that `payload` is; `payload` is read
    twice, so that changing a name in scope does not change `input_data`.
    """
    limits = around.limits
    printer = Output(limits.print_bytes)
    sys.stdout = sys.stderr = printer
    error: str | None = None
    limit: str | None = None
    output = b"null"
    try:
        output = _LANGUAGES[header["language"]](header, payload, around, printer, line)
    except (language.Refused, javascript.Thrown) as refused:
        error = str(refused)
    except values.ValueProblem as problem:
        error = f"ValueError: {problem}"
    except BaseException as raised:  # noqa: BLE001  this is the border: whatever the code raised is its answer
        limit = "memory" if isinstance(raised, MemoryError) else None
        error = language.describe(raised)
        if limit:
            error = error.replace("the block may use", f"the {limits.memory_mb} MB that a block may use")
    if len(output) > limits.output_bytes:
        error = f"The output is {len(output):,} bytes of JSON; a block may return {limits.output_bytes:,}. Return less."
        output, limit = b"null", "output"
    printer.flush()
    told = json.dumps(error).encode(), json.dumps(limit).encode()
    return b'{"kind":"answer","output":%s,"error":%s,"limit":%s}' % (output, *told)


def _python(
    header: dict[str, Any], payload: bytes, around: Surroundings, _printer: Output, line: fetching.Line
) -> bytes:
    if "numpy.random" in sys.modules:
        # `random` does this by itself after a fork.
        sys.modules["numpy.random"].seed()
    code = language.compiled(header["source"])
    results = json.loads(payload)
    scope = language.names_in_scope({name: results[place] for name, place in header["scope"].items()})
    copies = json.loads(payload) if header["input_data"] else []
    input_data = {name: copies[place] for name, place in header["input_data"].items()}
    globals_ = language.namespace(scope, input_data, around.modules)
    if header["may_call"]:
        globals_.setdefault("fetch", line.fetch)
    language.preload(header["imports"], globals_, around.modules)
    exec(code, globals_)  # noqa: S102  this is what the whole sandbox is for
    return values.to_json(language.result_of(globals_, scope))


def _javascript(
    header: dict[str, Any], payload: bytes, around: Surroundings, printer: Output, line: fetching.Line
) -> bytes:
    if around.machine is None:
        raise javascript.Thrown(f"JavaScript cannot run here: {around.javascript_problem}")
    return javascript.run(around.machine, header, payload, printer.write, line.fetch, around.limits.print_bytes)


_LANGUAGES = {"python": _python, "javascript": _javascript}
