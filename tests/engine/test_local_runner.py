"""The thread that runs workflows for the editor."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import CancelledError
from contextlib import asynccontextmanager
from typing import Any

import pytest

from engine.blocks import Catalog, default_catalog
from engine.blocks._spec import BlockContext, BlockType, Outcome
from engine.document import Block, Edge, Workflow
from engine.errors import CycleError, RunError
from engine.events import AnyEvent, BlockStarted, RunFinished
from engine.run.context import Services
from engine.run.local import LocalRunner

PATIENCE_S = 10


class Bench:
    """A runner with a block that waits for ever, and a look at its services and threads."""

    def __init__(self) -> None:
        self.opened = 0
        self.closed = 0
        endless = BlockType("endless", "Endless", "", "Logic", "clock", "grey", run=self._wait)
        self.runner = LocalRunner(catalog=Catalog([*default_catalog(), endless]), services=self._services)

    @asynccontextmanager
    async def _services(self) -> AsyncIterator[Services]:
        self.opened += 1
        try:
            yield Services()
        finally:
            self.closed += 1

    async def _wait(self, _ctx: BlockContext, _config: Any) -> Outcome:
        await asyncio.Event().wait()
        return Outcome({"output": None})


@pytest.fixture
def bench() -> Any:
    bench = Bench()
    yield bench
    bench.runner.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "engine"]


def simple() -> Workflow:
    blocks = {"s": Block("s", "starter", "S"), "r": Block("r", "response", "R")}
    return Workflow(blocks=blocks, edges={"e": Edge("e", "s", "r")})


def endless() -> Workflow:
    return Workflow(blocks={"x": Block("x", "endless", "X")})


class Started:
    """Keeps events and tells when a block has begun."""

    def __init__(self) -> None:
        self.events: list[AnyEvent] = []
        self.threads: set[str] = set()
        self.begun = threading.Event()

    def __call__(self, event: AnyEvent) -> None:
        self.events.append(event)
        self.threads.add(threading.current_thread().name)
        if isinstance(event, BlockStarted):
            self.begun.set()


def test_a_run_is_followed_on_the_engines_thread(bench: Bench) -> None:
    """Events come on that thread, the handle gets the last of them, the services are closed again."""
    follow = Started()

    last = bench.runner.start(simple(), {"n": 1}, follow).done.result(PATIENCE_S)

    assert last.output == {"n": 1}
    assert follow.events[-1] == last
    assert follow.threads == {"engine"}
    assert (bench.opened, bench.closed) == (1, 1)


def test_a_run_can_be_cancelled(bench: Bench) -> None:
    """Its last event says so, and the handle is cancelled after it."""
    follow = Started()
    handle = bench.runner.start(endless(), {}, follow)
    assert follow.begun.wait(PATIENCE_S)

    handle.cancel()

    with pytest.raises(CancelledError):
        handle.done.result(PATIENCE_S)
    assert isinstance(follow.events[-1], RunFinished)
    assert follow.events[-1].status == "cancelled"
    assert bench.closed == 1


def test_cancelling_twice_or_too_late_is_nothing(bench: Bench) -> None:
    """A run that has ended stays as it is."""
    handle = bench.runner.start(simple(), {}, Started())
    handle.done.result(PATIENCE_S)

    handle.cancel()
    handle.cancel()

    assert handle.done.result(0).status == "completed"


def test_runs_do_not_wait_for_each_other(bench: Bench) -> None:
    """One that never ends does not keep another from ending."""
    waiting = bench.runner.start(endless(), {}, Started())

    assert bench.runner.start(simple(), {}, Started()).done.result(PATIENCE_S).status == "completed"
    assert not waiting.done.done()


def test_a_run_that_cannot_begin_tells_its_handle(bench: Bench) -> None:
    """A cycle is the handle's error."""
    cycle = Workflow(blocks={"a": Block("a", "split")}, edges={"e": Edge("e", "a", "a")})

    with pytest.raises(CycleError):
        bench.runner.start(cycle, {}, Started()).done.result(PATIENCE_S)


def test_closing_ends_what_runs(bench: Bench) -> None:
    """Runs are cancelled with their last events, the thread is gone, and nothing can be started."""
    follow = Started()
    handle = bench.runner.start(endless(), {}, follow)
    assert follow.begun.wait(PATIENCE_S)

    bench.runner.close()
    bench.runner.close()

    assert handle.done.cancelled()
    assert isinstance(follow.events[-1], RunFinished)
    assert bench.closed == 1
    handle.cancel()
    with pytest.raises(RunError):
        bench.runner.start(simple(), {}, Started())


def test_closing_an_unused_runner_starts_nothing() -> None:
    """The thread begins with the first run."""
    runner = LocalRunner()

    runner.close()

    assert not [thread for thread in threading.enumerate() if thread.name == "engine"]


def test_starting_does_not_wait(bench: Bench) -> None:
    """Whoever starts a run of ten thousand blocks goes on at once."""
    blocks = {f"b{number}": Block(f"b{number}", "split") for number in range(10_000)}
    began = time.perf_counter()

    handle = bench.runner.start(Workflow(blocks=blocks), {}, Started())

    assert time.perf_counter() - began < 0.25
    assert handle.done.result(PATIENCE_S).status == "completed"


@pytest.mark.parametrize("end", ["cancel", "close"])
def test_a_run_can_be_ended_before_it_began(bench: Bench, end: str) -> None:
    """Ending at once leaves no handle that is never done."""
    handles = [bench.runner.start(endless(), {}, Started()) for _ in range(20)]
    ends: dict[str, Callable[[], Any]] = {
        "cancel": lambda: [handle.cancel() for handle in handles],
        "close": bench.runner.close,
    }

    ends[end]()

    for handle in handles:
        with pytest.raises(CancelledError):
            handle.done.result(PATIENCE_S)
    assert bench.opened == bench.closed
