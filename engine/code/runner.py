"""CodeRunner: runs the code blocks of one workflow run, each in a process of its own."""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from engine.code import isolation
from engine.code.exchange import CodeResult, Job, Prints, exchange, job
from engine.code.isolation import Isolation
from engine.code.limits import CodeLimits
from engine.code.modules import ModulePolicy
from engine.code.session import CodeUnavailable, Session
from engine.document import JsonObject

UNISOLATED_VARIABLE = "BLOCKLOOM_ALLOW_UNISOLATED_CODE"
_LANGUAGES = ("python", "")
# A fork that the template could not make, because the template had just died, is tried once more with a new one.
_TRIES = 2


class CodeRunner:
    """Isolated execution of code blocks. One per run and never shared: the template behind it serves one workflow.

    Nothing is started before the first block. Several blocks may run at the same time. `measured` replaces the probe
    of this machine's isolation; where that is "none", blocks are refused unless `allow_unisolated`.
    """

    def __init__(
        self,
        limits: CodeLimits | None = None,
        modules: ModulePolicy | None = None,
        *,
        measured: Isolation | None = None,
        allow_unisolated: bool = False,
    ) -> None:
        self._limits = limits or CodeLimits()
        self._modules = modules or ModulePolicy.from_environment()
        self._isolation = measured
        self._allow_unisolated = allow_unisolated or os.environ.get(UNISOLATED_VARIABLE) == "1"
        self._session: Session | None = None
        self._starting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def run(
        self,
        source: str,
        scope: Mapping[str, JsonObject],
        input_data: Mapping[str, JsonObject],
        *,
        language: str = "python",
        imports: Sequence[str] | None = None,
        on_print: Callable[[str], None] | None = None,
        timeout_s: float | None = None,
    ) -> CodeResult:
        """What the code came to: its `output`, or an error in the words of the language.

        `scope` holds earlier results by the ids and names that code may use as variables, `input_data` the same for
        look-up by any id or name. Neither is changed by the code. `timeout_s` can only shorten the limit. Cancelling
        ends the worker at once.

        Raises:
            CodeUnavailable: nothing can be run here; the text says why.

        Source: contract section 3.8.
        """
        if language.lower() not in _LANGUAGES:
            return CodeResult(
                error=f"Code blocks run Python; {language!r} is not available. Translate the code to Python."
            )
        if not source.strip():
            return CodeResult()
        try:
            work = job(source, scope, input_data, imports)
        except (ValueError, TypeError, RecursionError) as error:
            return CodeResult(error=f"The results of earlier blocks cannot be handed to the code: {error}.")
        wall_s = self._limits.wall_s if timeout_s is None else min(timeout_s, self._limits.wall_s)
        return await self._run(work, on_print, wall_s)

    async def _run(self, work: Job, on_print: Callable[[str], None] | None, wall_s: float) -> CodeResult:
        for remaining in reversed(range(_TRIES)):
            session = await self._live_session()
            try:
                fork = session.fork(work.packages)
            except CodeUnavailable:
                if not remaining:
                    raise
                continue
            prints = Prints(fork.output, self._limits, on_print)
            return await exchange(fork, work, self._limits, prints, wall_s)
        raise AssertionError("the last try returns or raises")

    async def _live_session(self) -> Session:
        async with self._starting:
            if self._session is not None and self._session.is_lost:
                await self._session.close()
                self._session = None
            if self._session is None:
                self._session = await self._open()
            return self._session

    async def _open(self) -> Session:
        if self._isolation is None:
            self._isolation = await isolation.probe()
        if self._isolation.level == "none" and not self._allow_unisolated:
            raise CodeUnavailable(
                f"Code blocks are off: this machine cannot isolate them ({self._isolation.because}). "
                f"Install bubblewrap, or set {UNISOLATED_VARIABLE}=1 if you trust every workflow that you run."
            )
        return await isolation.open_session(self._isolation.level, self._limits, self._modules)
