"""The life of a CodeRunner: lazy start, cancelling, a template that dies, what is left at the end."""

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from engine.code import (
    CodeLimits,
    CodeResult,
    CodeRunner,
    CodeUnavailable,
    Isolation,
    ModulePolicy,
    attacks,
    isolation,
    launch,
)
from engine.code.exchange import exchange
from engine.code.job import Task, job
from engine.code.prints import Prints
from engine.code.session import Session
from tests.processes import orphans_come_home, processes_below, until

WAITS = {"python": "import time\nprint('in')\ntime.sleep(100)", "javascript": "console.log('in'); for (;;);"}
LANGUAGES = sorted(WAITS)


def with_runner(work: Callable[[CodeRunner], Awaitable[Any]], **options: Any) -> Any:
    """What `work` returns for a fresh runner, which is closed afterwards."""

    async def go() -> Any:
        async with CodeRunner(**options) as code:
            return await work(code)

    return asyncio.run(go())


async def idle_template(code: CodeRunner, before: set[int], language: str = "python") -> set[int]:
    """The processes of a template that has run a block in this language and runs none now."""
    # Under bubblewrap the template has a watcher outside and a first process inside.
    count = 3 if (await isolation.probe()).namespaces else 1
    await code.run("output = 1", {}, {}, language=language)
    assert await until(lambda: len(processes_below(os.getpid()) - before) == count)
    return processes_below(os.getpid()) - before


async def started(code: CodeRunner, source: str, language: str = "python") -> "asyncio.Task[CodeResult]":
    """A block that runs: it has printed its first line."""
    inside = asyncio.Event()
    task = asyncio.create_task(code.run(source, {}, {}, language=language, on_print=lambda _: inside.set()))
    await inside.wait()
    return task


@pytest.fixture(autouse=True)
def no_orphan_is_overlooked() -> Iterator[None]:
    """Processes whose parent ends become ours."""
    with orphans_come_home():
        yield


def test_nothing_starts_before_the_first_block() -> None:
    """A run without code blocks pays for no process."""
    before = processes_below(os.getpid())

    async def work(code: CodeRunner) -> set[int]:
        await code.run("   ", {}, {})
        return processes_below(os.getpid()) - before

    assert with_runner(work) == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_block_is_a_process_that_ends_with_it(language: str) -> None:
    """After a block only the template is left, after the runner nothing."""
    before = processes_below(os.getpid())

    async def work(code: CodeRunner) -> bool:
        template = await idle_template(code, before, language)
        task = await started(code, WAITS[language], language)
        assert processes_below(os.getpid()) - before > template
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await until(lambda: processes_below(os.getpid()) - before <= template)

    assert with_runner(work)
    assert asyncio.run(until(lambda: processes_below(os.getpid()) <= before))


@pytest.mark.parametrize("language", LANGUAGES)
def test_cancelling_at_any_moment_leaves_no_process(language: str) -> None:
    """A block that is cancelled before, while or after its process starts leaves none."""
    before = processes_below(os.getpid())

    async def work(code: CodeRunner) -> bool:
        template = await idle_template(code, before, language)
        for turns in range(30):
            task = asyncio.create_task(code.run(WAITS[language], {}, {}, language=language))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        return await until(lambda: processes_below(os.getpid()) - before <= template)

    assert with_runner(work)


@pytest.mark.parametrize("language", LANGUAGES)
def test_closing_takes_running_blocks_along(language: str) -> None:
    """A runner that is closed while a block runs ends it."""
    before = processes_below(os.getpid())

    async def go() -> CodeResult:
        code = CodeRunner()
        task = await started(code, WAITS[language], language)
        await code.__aexit__(None, None, None)
        return await task

    result = asyncio.run(go())

    assert result.limit == "crash"
    assert asyncio.run(until(lambda: processes_below(os.getpid()) <= before))


def test_a_dead_template_costs_its_blocks_and_no_more() -> None:
    """When the template is killed, blocks in flight say so and the next block gets a new template."""
    before = processes_below(os.getpid())

    async def work(code: CodeRunner) -> tuple[CodeResult, CodeResult]:
        template = await idle_template(code, before)
        task = await started(code, WAITS["python"])
        for pid in template:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        lost = await task
        return lost, await code.run("output = 2", {}, {})

    lost, following = with_runner(work)

    assert lost.error == "The process for code blocks ended while the code ran; run it again."
    assert following.output == 2


def test_a_crash_costs_only_its_block() -> None:
    """An interpreter that dies in one block does not disturb another one that runs."""

    async def work(code: CodeRunner) -> tuple[CodeResult, CodeResult]:
        waiting = await started(code, "import time\nprint(1)\ntime.sleep(0.2)\noutput = 1")
        crash = "import json\nsys = json.codecs.sys\nvars(sys.modules['builtins'])['__import__']('ctypes').string_at(0)"
        crashed = await code.run(crash, {}, {})
        return crashed, await waiting

    crashed, other = with_runner(work)

    assert crashed.limit == "crash"
    assert "The Python interpreter crashed" in str(crashed.error)
    assert other.output == 1


def test_the_loop_goes_on_while_code_floods() -> None:
    """Printing and returning as fast as possible never holds the caller's loop for long."""
    gaps: list[float] = []

    async def beat() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0)
            gaps.append(time.perf_counter() - before)

    async def work(code: CodeRunner) -> None:
        await code.run("output = 1", {}, {})
        pulse = asyncio.create_task(beat())
        await code.run("while True: print('x' * 10000)", {}, {}, timeout_s=0.3)
        await code.run("output = ['x' * 1000] * 5000", {}, {})
        pulse.cancel()

    with_runner(work)

    assert max(gaps) < 0.2


def test_a_runner_works_in_another_thread() -> None:
    """The editor runs the engine in a thread of its own."""
    results: list[CodeResult] = []

    async def work(code: CodeRunner) -> None:
        results.append(await code.run("output = 1", {}, {}))

    thread = threading.Thread(target=with_runner, args=(work,))
    thread.start()
    thread.join()

    assert results[0].output == 1


def test_without_isolation_blocks_are_refused() -> None:
    """Where nothing isolates, code is refused with the reason, unless it was allowed on purpose."""
    nothing = Isolation("none", "the kernel offers nothing")

    async def work(code: CodeRunner) -> CodeResult:
        return await code.run("output = 1", {}, {})

    with pytest.raises(CodeUnavailable, match=r"cannot isolate them \(the kernel offers nothing\)"):
        with_runner(work, measured=nothing)
    assert with_runner(work, measured=nothing, allow_unisolated=True).output == 1


def test_the_probe_tells_what_holds() -> None:
    """The level that is reported is one at which every attack of the probe failed."""
    found = isolation.measured()

    assert found.level in ("strong", "basic", "none")
    assert found.because
    assert found.level == "none" or (found.held and not found.reached and found.seccomp)


def test_the_probe_notices_a_missing_sandbox() -> None:
    """The same attacks succeed in a worker that gave nothing up, so that a passed probe means something."""
    limits = CodeLimits(memory_mb=128)

    async def go() -> Any:
        session = await Session.start(limits, ModulePolicy(), wrapped=False, harden=False)
        fork = session.fork()
        prints = Prints(fork.output, limits, None)
        result = await exchange(fork, await job(Task(attacks.SOURCE, {}, {})), limits, prints, 10)
        await session.close()
        return result.output

    reached = {name for name, answer in asyncio.run(go()).items() if answer == "reached"}

    assert reached >= {"read file", "list folder", "write file", "fork process", "start program", "connect out"}
    assert reached >= {"connect local", "signal parent", "limit parent", "renice parent", "share memory"}


def test_without_bubblewrap_the_level_is_basic(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without `bwrap` still isolates by Landlock and seccomp, and says what is lost."""
    if isolation.measured().landlock == 0:
        pytest.skip("no Landlock here")
    monkeypatch.setattr(launch, "bubblewrap", lambda: None)

    found = asyncio.run(isolation._measure())

    assert found.level == "basic"
    assert "bubblewrap (bwrap) is not installed" in found.because


def test_a_template_that_does_not_come_up_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last words of a process that ends at once are in the error."""
    monkeypatch.setattr(launch, "_START", "raise SystemExit('no such luck')")

    with pytest.raises(CodeUnavailable, match="no such luck"):
        asyncio.run(Session.start(CodeLimits(), CodeRunner()._modules, wrapped=False))
