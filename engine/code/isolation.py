"""How well code blocks are isolated on this machine, found out by attacking.

Nothing is concluded from versions: the attacks of `attacks.py` are run in a real worker, and a level counts only when
every one of them fails.
"""

import asyncio
import functools
import sys
from dataclasses import dataclass
from typing import Literal

from engine.code import attacks, launch
from engine.code.exchange import exchange
from engine.code.job import Task, job
from engine.code.limits import CodeLimits
from engine.code.modules import ModulePolicy
from engine.code.prints import Prints
from engine.code.session import CodeUnavailable, Session
from engine.errors import BlockError

Level = Literal["strong", "basic", "none"]

_PROBE_LIMITS = CodeLimits(cpu_s=5, wall_s=10, memory_mb=128)


@dataclass(frozen=True)
class Isolation:
    """What holds here. `because` is a sentence for people; `held` and `reached` name the attacks tried."""

    level: Level
    because: str
    namespaces: bool = False
    seccomp: bool = False
    landlock: int = 0
    held: tuple[str, ...] = ()
    reached: tuple[str, ...] = ()


async def probe() -> Isolation:
    """The isolation of this machine; measured once per process, about a quarter of a second."""
    return await asyncio.to_thread(measured)


@functools.cache
def measured() -> Isolation:
    """As `probe`, for callers without a loop."""
    return asyncio.run(_measure())


async def _measure() -> Isolation:
    if sys.platform != "linux":
        return Isolation("none", "isolation is built on what Linux offers")
    strong_problem = "bubblewrap (bwrap) is not installed"
    if launch.bubblewrap():
        try:
            strong = await _try_level("strong")
            if not strong.reached:
                return strong
            strong_problem = f"under bubblewrap these attacks succeeded: {', '.join(strong.reached)}"
        except BlockError as error:
            strong_problem = f"bubblewrap does not work here ({error})"
    try:
        basic = await _try_level("basic")
    except BlockError as error:
        return Isolation("none", f"{strong_problem}; without it: {error}")
    because = f"Landlock and seccomp hold; {strong_problem}, so file names outside can be seen"
    if basic.reached:
        because = f"{strong_problem}; without it these attacks succeeded: {', '.join(basic.reached)}"
    level: Level = "none" if basic.reached else "basic"
    return Isolation(level, because, False, basic.seccomp, basic.landlock, basic.held, basic.reached)


async def _try_level(level: Level) -> Isolation:
    session = await open_session(level, _PROBE_LIMITS, ModulePolicy())
    try:
        fork = session.fork()
        prints = Prints(fork.output, _PROBE_LIMITS, None)
        work = await job(Task(attacks.SOURCE, {}, {}))
        result = await exchange(fork, work, _PROBE_LIMITS, prints, _PROBE_LIMITS.wall_s)
        facts = session.facts
    finally:
        await session.close()
    if not isinstance(result.output, dict):
        raise CodeUnavailable(f"the probe did not run: {result.error}")
    outcome = result.output
    held = tuple(name for name in attacks.NAMES if outcome.get(name) == "held")
    reached = tuple(name for name in attacks.NAMES if name not in held)
    because = "bubblewrap, Landlock and seccomp hold" if facts.landlock else "bubblewrap and seccomp hold"
    return Isolation(level, because, level == "strong", facts.seccomp, facts.landlock, held, reached)


async def open_session(level: Level, limits: CodeLimits, modules: ModulePolicy) -> Session:
    """A session at this level, which locks all that the level promises.

    Raises:
        CodeUnavailable: it does not start, or something that the level stands on is missing.
    """
    if sys.platform != "linux":
        raise CodeUnavailable("Code blocks run on Linux only so far.")
    session = await Session.start(limits, modules, wrapped=level == "strong")
    missing = []
    if level != "none" and not session.facts.seccomp:
        missing.append(f"seccomp ({session.facts.problem})")
    if level == "basic" and not session.facts.landlock:
        missing.append("Landlock")
    if missing:
        await session.close()
        raise CodeUnavailable(f"the kernel does not offer {' and '.join(missing)}")
    return session
