"""Python blocks in a restricted interpreter, for machines where nothing isolates the real one.

pydantic-monty is an interpreter of its own, written to run foreign code: it has no way to files, programs or network,
and lacks parts of the language (inheritance, generators, most modules). Which of the two runs is the person's choice in
the settings, never the workflow's. Names, result and prints follow the rules of contract section 3.8.
"""

import asyncio
import builtins
import re
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from engine.code import language, pieces
from engine.code.broker import Broker
from engine.code.exchange import CodeResult
from engine.code.fetching import Reply, question_of
from engine.code.job import Task
from engine.code.limits import CodeLimits
from engine.code.messages import Call, Limit, WorkerMisbehaved
from engine.code.modules import FETCH_CURE, STANDARD, refusal
from engine.code.prints import cut_note
from engine.code.values import ValueProblem, to_json
from engine.document import Json

_AT_ONCE = 16
_GRACE_S = 1.0
_RESULTS = ("output", "result")
_MISSING_PART = re.compile(r"NotImplementedError: The monty syntax parser does not yet support (.*)", re.DOTALL)
_MISSING_MODULE = re.compile(r"ModuleNotFoundError: No module named '([^']+)'")
_MISSING_NAME = re.compile(r"NameError: name '([^']+)' is not defined")
_HERE = "the restricted Python interpreter, which this machine uses because it cannot isolate the full one,"

# The same `fetch` as in a worker, in the part of the language that this interpreter has.
_FETCH = """
from dataclasses import dataclass

@dataclass
class Reply:
    status: int
    ok: bool
    headers: dict
    text: str

    def json(self):
        import json
        return json.loads(self.text)

def fetch(url, method="GET", params=None, headers=None, body=None, timeout=30):
    answer = call_web_address(url, method, params, headers, body, timeout)
    if "error" in answer:
        if answer["timeout"]:
            raise TimeoutError(answer["error"])
        raise OSError(answer["error"])
    return Reply(answer["status"], answer["ok"], answer["headers"], answer["text"])
"""
_CALL = "call_web_address"
_SLEEPS = ("system.sleep", "system.async_sleep")
# Under this name and the own one an earlier result is the same object, until the code gives that name another one.
_EARLIER = "_blockloom_earlier_"


class Restricted:
    """The restricted interpreters of one run; each block has a process of its own. Nothing starts before the first."""

    def __init__(self, limits: CodeLimits) -> None:
        self._limits = limits
        self._pool: Any = None
        self._starting = asyncio.Lock()

    async def run(
        self, task: Task, on_print: Callable[[str], None] | None, wall_s: float, broker: Broker
    ) -> CodeResult:
        """What the code came to, as a worker would have it."""
        started = time.monotonic()
        prints = _Prints(self._limits, on_print)
        try:
            async with asyncio.timeout(wall_s):
                result = await self._result(task, prints, broker)
        except TimeoutError:
            result = CodeResult(error=f"The code took longer than {wall_s:g} s and was stopped.", limit="wall")
        except WorkerMisbehaved as misbehaved:
            result = CodeResult(error=f"The code was stopped: {misbehaved}.", limit=misbehaved.limit)
        duration_ms = (time.monotonic() - started) * 1000
        return CodeResult(result.output, result.error, prints.close(), duration_ms, result.limit)

    async def close(self) -> None:
        """End all interpreters."""
        if self._pool is not None:
            await self._pool.__aexit__(None, None, None)

    async def _result(self, task: Task, prints: "_Prints", broker: Broker) -> CodeResult:
        import pydantic_monty as monty

        try:
            language.refuse_dunders(task.source)
            async with (await self._live_pool()).checkout(limits=self._monty_limits()) as session:
                return await self._answer(session, task, prints, broker)
        except language.Refused as refused:
            return CodeResult(error=str(refused))
        except monty.MontyCrashedError as crashed:
            return CodeResult(error=f"The restricted Python interpreter stopped: {crashed}", limit="crash")
        except monty.MontyError as error:
            return self._explained(error, 1 if task.may_call else 0)
        except ValueProblem as problem:
            return CodeResult(error=f"ValueError: {problem}".replace("a MontyClassProxy", "an object of its own kind"))

    async def _answer(self, session: Any, task: Task, prints: "_Prints", broker: Broker) -> CodeResult:
        names = await asyncio.to_thread(_names, task)
        earlier = [name for name in _RESULTS if name in names]
        names |= {_EARLIER + name: names[name] for name in earlier}
        if task.may_call:
            await session.feed_run(_FETCH)
        await _drive(session, task.source, broker, inputs=names, print_callback=prints.hear)
        encoded = await asyncio.to_thread(to_json, await _result_of(session, earlier))
        if len(encoded) > self._limits.output_bytes:
            most = f"{self._limits.output_bytes:,}"
            text = f"The output is {len(encoded):,} bytes of JSON; a block may return {most}. Return less."
            return CodeResult(error=text, limit="output")
        return CodeResult(await asyncio.to_thread(pieces.decode, encoded))

    async def _live_pool(self) -> Any:
        import pydantic_monty as monty

        async with self._starting:
            if self._pool is None:
                pool = monty.AsyncMonty(
                    min_processes=1,
                    max_processes=_AT_ONCE,
                    max_checkouts_per_worker=1,
                    request_timeout=self._limits.wall_s + _GRACE_S,
                )
                self._pool = await pool.__aenter__()
            return self._pool

    def _monty_limits(self) -> Any:
        return {"max_feed_duration_secs": float(self._limits.cpu_s), "max_memory": self._limits.memory_bytes}

    def _explained(self, error: Any, feed: int) -> CodeResult:
        """The error in one line, with the limit that the code ran into, or what the full language would have.

        The code was what the session ran as number `feed`.
        """
        text = error.display("type-msg") if hasattr(error, "traceback") else f"{type(error).__name__}: {error}"
        if text.startswith("TimeoutError: feed time limit"):
            most = self._limits.cpu_s
            return CodeResult(error=f"The code used more than {most} s of processor time and was stopped.", limit="cpu")
        limit: Limit | None = None
        if text.startswith("MemoryError: memory limit"):
            text = f"MemoryError: more memory than the {self._limits.memory_mb} MB that a block may use"
            limit = "memory"
        frames = error.traceback() if hasattr(error, "traceback") else []
        lines = [frame.line for frame in frames if frame.filename == f"<python-input-{feed}>"]
        told = _with_cure(text) + (f" (line {lines[-1]})" if lines else "")
        return CodeResult(error=told, limit=limit)


class _Prints:
    """What a block prints, cut at the limit. It is heard on a thread of the interpreter's and told on the loop's."""

    def __init__(self, limits: CodeLimits, on_print: Callable[[str], None] | None) -> None:
        self._left = limits.print_bytes
        self._note = cut_note(limits)
        self._on_print = on_print
        self._loop = asyncio.get_running_loop()
        self._heard: deque[str] = deque()
        self._told: list[str] = []

    def hear(self, _stream: str, text: str) -> None:
        """Take a piece, on whichever thread."""
        if self._left < 0:
            return
        data = text.encode("utf-8", "replace")
        self._heard.append(data[: self._left].decode("utf-8", "ignore"))
        self._left -= len(data)
        if self._left < 0:
            self._heard.append(self._note)
        self._loop.call_soon_threadsafe(self._tell)

    def close(self) -> str:
        """All that was printed, told to the last piece."""
        self._tell()
        return "".join(self._told)

    def _tell(self) -> None:
        while self._heard:
            piece = self._heard.popleft()
            self._told.append(piece)
            if self._on_print is not None and piece:
                self._on_print(piece)


def _names(task: Task) -> dict[str, Any]:
    """The variables of a block; those of `input_data` are copies, so that changing one does not change the other."""
    copies: Json = pieces.decode(b"".join(pieces.encode(dict(task.input_data))))
    return {**language.names_in_scope(task.scope), "input_data": copies}


async def _drive(session: Any, source: str, broker: Broker, **options: Any) -> None:
    """Run a source to its end, and do on the way what it has to ask for: to call a web address, to wait."""
    import pydantic_monty as monty

    state = await session.feed_start(source, **options)
    while not isinstance(state, monty.MontyComplete):
        asked = state.function_name if isinstance(state, monty.AsyncFunctionSnapshot) else ""
        if asked == _CALL:
            state = await state.resume({"return_value": await _call(broker, *state.args)})
        elif asked in _SLEEPS:
            (seconds,) = state.args
            # So that NaN is no time at all.
            await asyncio.sleep(seconds if seconds > 0 else 0)
            state = await state.resume({"return_value": None})
        else:
            state = await state.resume_auto()


async def _result_of(session: Any, earlier: Sequence[str]) -> Any:
    """`output`, else `result`, else None; an earlier block of that name is no result of this one."""
    import pydantic_monty as monty

    for name in _RESULTS:
        try:
            if name not in earlier or not await session.feed_run(f"{name} is {_EARLIER}{name}"):
                return await session.feed_run(name)
        except monty.MontyRuntimeError as error:
            if not error.display("type-msg").startswith("NameError"):
                raise
    return None


async def _call(broker: Broker, *arguments: Any) -> dict[str, Any]:
    """What `fetch` of `_FETCH` asked for."""
    try:
        call = Call(**question_of(*arguments))
    except (TypeError, ValueError, RecursionError) as error:
        return {"error": str(error), "timeout": False}
    head, body = await broker.answer(call)
    told = msgspec.json.decode(head)
    return told if "error" in told else Reply(told["status"], told["headers"], body).model_dump()


def _with_cure(text: str) -> str:
    """The error, with what to do where this interpreter is not all of Python."""
    if part := _MISSING_PART.match(text):
        return f"NotImplementedError: {_HERE} does not have {part[1].removeprefix('the ')}; write it another way"
    if module := _MISSING_MODULE.match(text):
        name = module[1]
        if name.partition(".")[0] in STANDARD:
            return f"ModuleNotFoundError: {_HERE} does not have the module {name!r}"
        return f"ImportError: {refusal(name)}"
    if (name_found := _MISSING_NAME.match(text)) and name_found[1] == "fetch":
        return f"{text}: {FETCH_CURE}"
    if name_found and hasattr(builtins, name_found[1]):
        return f"NameError: {_HERE} does not have {name_found[1]}"
    if text.startswith("PermissionError"):
        return f"{text}: code blocks have no files; take the data from an earlier block"
    return text
