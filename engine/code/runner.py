"""CodeRunner: runs the code blocks of one workflow run, each in a process of its own."""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Literal, Self

from engine.code import isolation
from engine.code.broker import Broker, HttpCalls
from engine.code.exchange import CodeResult, exchange
from engine.code.isolation import Isolation
from engine.code.job import Job, Language, Task, job
from engine.code.limits import CodeLimits
from engine.code.machinecode import machine_code
from engine.code.modules import ModulePolicy
from engine.code.prints import Prints
from engine.code.restricted import Restricted
from engine.code.session import CodeUnavailable, Session
from engine.document import JsonObject

UNISOLATED_VARIABLE = "BLOCKLOOM_ALLOW_UNISOLATED_CODE"
RESTRICTED_VARIABLE = "BLOCKLOOM_RESTRICTED_PYTHON"
LANGUAGES: Mapping[str, Language] = {"": "python", "python": "python", "javascript": "javascript", "js": "javascript"}
"""What a block's `language` may be, and what that means."""

Fallback = Literal["monty"]
# A fork that the template could not make, because the template had just died, is tried once more with a new one.
_TRIES = 2


class CodeRunner:
    """Isolated execution of code blocks. One per run and never shared: the template behind it serves one workflow.

    Nothing is started before the first block. Several blocks may run at the same time. `http` makes the requests of
    blocks that may call web addresses. `measured` replaces the probe of this machine's isolation; where that is
    "none", blocks are refused unless `allow_unisolated`, or run in a restricted interpreter when that is the
    `fallback`.
    """

    def __init__(
        self,
        limits: CodeLimits | None = None,
        modules: ModulePolicy | None = None,
        *,
        measured: Isolation | None = None,
        allow_unisolated: bool = False,
        fallback: Fallback | None = None,
        http: HttpCalls | None = None,
    ) -> None:
        self._limits = limits or CodeLimits()
        self._modules = modules or ModulePolicy.from_environment()
        self._isolation = measured
        self._allow_unisolated = allow_unisolated or os.environ.get(UNISOLATED_VARIABLE) == "1"
        self._fallback = fallback or ("monty" if os.environ.get(RESTRICTED_VARIABLE) == "1" else None)
        self._http = http
        self._session: Session | None = None
        self._starting = asyncio.Lock()
        self._restricted: Restricted | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
        if self._restricted is not None:
            await self._restricted.close()

    async def run(
        self,
        source: str,
        scope: Mapping[str, JsonObject],
        input_data: Mapping[str, JsonObject],
        *,
        language: str = "python",
        imports: Sequence[str] | None = None,
        allow_http: bool = False,
        on_print: Callable[[str], None] | None = None,
        timeout_s: float | None = None,
    ) -> CodeResult:
        """What the code came to: its `output`, or an error in the words of the language.

        `scope` holds earlier results by the ids and names that code may use as variables, `input_data` the same for
        look-up by any id or name. Neither is changed by the code. With `allow_http` it finds `fetch`. `timeout_s` can
        only shorten the limit. Cancelling ends the worker at once.

        Raises:
            CodeUnavailable: nothing can be run here; the text says why.

        Source: contract section 3.8.
        """
        spoken = LANGUAGES.get(language.strip().lower())
        if spoken is None:
            text = f"Code blocks run Python and JavaScript; {language!r} is not available. Translate the code."
            return CodeResult(error=text)
        if not source.strip():
            return CodeResult()
        if allow_http and self._http is None:
            return CodeResult(error="This run has no access to the network, so the code cannot call web addresses.")
        task = Task(source, scope, input_data, spoken, imports, allow_http)
        wall_s = self._limits.wall_s if timeout_s is None else min(timeout_s, self._limits.wall_s)
        if await self._is_restricted(spoken):
            return await self._run_restricted(task, on_print, wall_s)
        try:
            work = await job(task)
        except (ValueError, TypeError, RecursionError) as error:
            return CodeResult(error=f"The results of earlier blocks cannot be handed to the code: {error}.")
        return await self._run(work, on_print, wall_s, self._broker(task))

    async def _run(
        self, work: Job, on_print: Callable[[str], None] | None, wall_s: float, broker: Broker
    ) -> CodeResult:
        engine = await machine_code() if work.language == "javascript" else None
        for remaining in reversed(range(_TRIES)):
            session = await self._live_session()
            try:
                fork = session.fork(work.packages, engine)
            except CodeUnavailable:
                if not remaining:
                    raise
                continue
            prints = Prints(fork.output, self._limits, on_print)
            return await exchange(fork, work, self._limits, prints, wall_s, broker)
        raise AssertionError("the last try returns or raises")

    async def _run_restricted(self, task: Task, on_print: Callable[[str], None] | None, wall_s: float) -> CodeResult:
        if self._restricted is None:
            self._restricted = Restricted(self._limits)
        return await self._restricted.run(task, on_print, wall_s, self._broker(task))

    def _broker(self, task: Task) -> Broker:
        return Broker(self._http if task.may_call else None)

    async def _live_session(self) -> Session:
        async with self._starting:
            if self._session is not None and self._session.is_lost:
                await self._session.close()
                self._session = None
            if self._session is None:
                level = (await self._measured()).level
                self._session = await isolation.open_session(level, self._limits, self._modules)
            return self._session

    async def _measured(self) -> Isolation:
        if self._isolation is None:
            self._isolation = await isolation.probe()
        return self._isolation

    async def _is_restricted(self, language: Language) -> bool:
        """Whether the restricted interpreter takes the place of workers.

        Raises:
            CodeUnavailable: neither may run this block.
        """
        found = await self._measured()
        if found.level != "none" or self._allow_unisolated:
            return False
        if self._fallback == "monty" and language == "python":
            return True
        restricted = (
            f"Choose the restricted Python interpreter (in the settings, or {RESTRICTED_VARIABLE}=1): it is safe but "
            "lacks parts of the language"
        )
        if self._fallback == "monty":
            restricted = "The restricted interpreter runs Python only, so translate the code to Python"
        raise CodeUnavailable(
            f"Code blocks are off: this machine cannot isolate them ({found.because}). {restricted}. Or install "
            f"bubblewrap. Or allow it for this workflow (or set {UNISOLATED_VARIABLE}=1), if you trust its code as you "
            "trust a program that you install."
        )
