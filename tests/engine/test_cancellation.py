"""However and whenever a run is ended, nothing of it is left: no task, no process, no socket, no file."""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.blocks import Catalog, default_catalog
from engine.blocks._spec import BlockType, Outcome
from engine.code import CodeRunner
from engine.document import Block, Edge, JsonObject, Workflow
from engine.events import AnyEvent, BlockFailed, BlockFinished, BlockSkipped, BlockStarted, RunFinished
from engine.llm import Completion, ModelRequest
from engine.run.context import Services
from engine.run.http import HttpClient
from engine.run.runner import run
from engine.runstate import replay
from tests.engine.local_server import LOCAL, Server
from tests.processes import open_descriptors, orphans_come_home, processes_below, until


class SlowModels:
    """Streams a word at each turn of the event loop, for ever."""

    def __init__(self) -> None:
        self.open_streams = 0

    async def complete(self, _request: ModelRequest, on_text: Callable[[str], None]) -> Completion:
        async for word in self._words():
            on_text(word)
        raise AssertionError("the words have no end")

    async def _words(self) -> AsyncIterator[str]:
        self.open_streams += 1
        try:
            while True:
                await asyncio.sleep(0.001)
                yield "word "
        finally:
            self.open_streams -= 1


async def silent(_writer: asyncio.StreamWriter, _request: bytes) -> None:
    await asyncio.Event().wait()


async def dripping(writer: asyncio.StreamWriter, _request: bytes) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b"x" * 100)
        await writer.drain()
        await asyncio.sleep(0.001)


def everything(port: int) -> Workflow:
    """All that can wait, side by side: requests, a model, code, a wait between attempts, a large result."""
    address = f"http://127.0.0.1:{port}/"
    endless = "while True:\n    pass"
    blocks = [
        Block("s", "starter", "S"),
        Block("http", "general_api", "Http", config={"url": address}),
        Block("model", "agent", "Model", config={"input": "go on"}),
        Block("code", "code", "Code", config={"code": endless}),
        Block("code2", "function", "Code 2", config={"code": "print('here')\n" + endless}),
        Block("again", "general_api", "Again", config={"url": "nourl", "retry": {"attempts": 9, "delay_ms": 60_000}}),
        Block("busy", "busy", "Busy"),
        Block("large", "large", "Large"),
        Block("r", "response", "R", config={"output": "<Http.output>"}),
    ]
    edges = {f"s>{block.id}": Edge(f"s>{block.id}", "s", block.id) for block in blocks[1:-1]}
    edges |= {f"{block.id}>r": Edge(f"{block.id}>r", block.id, "r") for block in blocks[1:-1]}
    return Workflow(blocks={block.id: block for block in blocks}, edges=edges)


def catalog() -> Catalog:
    async def busy(_ctx: Any, _config: JsonObject) -> Outcome:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # a block may have something to wait for while it is put away
        return Outcome({})

    async def large(_ctx: Any, _config: JsonObject) -> Outcome:
        return Outcome({"output": [[number] for number in range(50_000)]})

    def made(name: str, function: Any) -> BlockType:
        return BlockType(name, name, "", "Data", "code", "grey", run=function)

    return Catalog([*default_catalog(), made("busy", busy), made("large", large)])


class Traces:
    """What this process has open: descriptors, processes below it, files in its folder for temporary ones."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.before = self.now()

    def now(self) -> tuple[int, set[int], list[Path]]:
        return open_descriptors(), processes_below(os.getpid()), sorted(self._folder.rglob("*"))

    def assert_gone(self) -> None:
        """All is as before; a killed process may take a second to go."""
        give_up_at = time.monotonic() + 1
        while self.now() != self.before and time.monotonic() < give_up_at:
            pass
        assert self.now() == self.before


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which everything temporary of this test is made."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@asynccontextmanager
async def services(models: SlowModels) -> AsyncIterator[Services]:
    async with HttpClient(LOCAL) as http, CodeRunner() as code:
        yield Services(http=http, code=code, models=models)


async def ended(
    stop: Callable[["asyncio.Task[Any]", list[AnyEvent]], Any],
    answer: Any,
    models: SlowModels,
    deadline_s: float | None,
) -> list[AnyEvent]:
    """The events of a run of everything that `stop` ends, or its deadline."""
    events: list[AnyEvent] = []

    async def work(port: int) -> None:
        async with services(models) as opened:
            await run(everything(port), events.append, catalog=catalog(), services=opened, deadline_s=deadline_s)

    async with Server(answer) as server:
        task = asyncio.create_task(work(server.port))
        await stop(task, events)
        await asyncio.gather(task, return_exceptions=True)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return events


def after_turns(turns: int) -> Callable[..., Any]:
    """Cancels when the event loop has turned so often."""

    async def stop(task: "asyncio.Task[Any]", _events: list[AnyEvent]) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()

    return stop


def after_events(count: int) -> Callable[..., Any]:
    """Cancels when so many events have come, twice in a row as impatient people do."""

    async def stop(task: "asyncio.Task[Any]", events: list[AnyEvent]) -> None:
        await until(lambda: len(events) >= count or task.done(), 5.0)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()

    return stop


async def wait(task: "asyncio.Task[Any]", _events: list[AnyEvent]) -> None:
    await asyncio.wait([task])


def assert_told_to_the_end(events: list[AnyEvent], status: str) -> None:
    """The run's last event is its end, and every block that began has ended."""
    if not events:
        return  # cancelled before it began
    assert isinstance(events[-1], RunFinished)
    assert events[-1].status == status
    begun = {event.block_id for event in events if isinstance(event, BlockStarted)}
    over = {event.block_id for event in events if isinstance(event, BlockFinished | BlockFailed)}
    skipped = {event.block_id for event in events if isinstance(event, BlockSkipped)}
    assert begun == over
    assert over | skipped == set(replay(events).blocks)


@pytest.fixture
def traces(temporary: Path) -> Iterator[Traces]:
    """Taken after one such run, so that what is loaded and measured once does not count."""
    asyncio.run(ended(after_events(12), silent, SlowModels(), None))
    with orphans_come_home():
        yield Traces(temporary)


def test_a_cancel_at_any_time_leaves_nothing(traces: Traces) -> None:
    """After any number of turns of the event loop, and of events."""
    stops = [(after_turns(turns), silent) for turns in (*range(12), 16, 30, 60, 120)]
    stops += [(after_events(count), dripping) for count in range(1, 50, 6)]

    for stop, answer in stops:
        models = SlowModels()
        events = asyncio.run(ended(stop, answer, models, None))

        assert_told_to_the_end(events, "cancelled")
        assert models.open_streams == 0
        traces.assert_gone()


def test_a_deadline_at_any_time_leaves_nothing(traces: Traces) -> None:
    """However far the run has come when its time is over; it has failed then."""
    for deadline_s in (0.0, 0.001, 0.005, 0.05, 0.2):
        models = SlowModels()
        events = asyncio.run(ended(wait, dripping, models, deadline_s))

        assert_told_to_the_end(events, "failed")
        assert "longer than" in str(replay(events).error)
        assert models.open_streams == 0
        traces.assert_gone()


def test_a_blocks_own_deadline_ends_it_and_nothing_else(traces: Traces) -> None:
    """Each kind of waiting ends with its time; the others go on, and the run comes to its end."""
    limits = {"http": 60, "model": 40, "code": 300, "code2": 300, "again": 20, "busy": 30}

    async def work() -> list[AnyEvent]:
        events: list[AnyEvent] = []
        async with Server(silent) as server, services(SlowModels()) as opened:
            workflow = everything(server.port)
            limited = [
                workflow.block(block_id).changed(config={**workflow.block(block_id).config, "timeout": limit})
                for block_id, limit in limits.items()
            ]
            limited[4] = limited[4].changed(config={"url": "nourl"})  # its own timeout is that of the request
            await run(workflow.with_blocks(limited), events.append, catalog=catalog(), services=opened)
        return events

    events = asyncio.run(work())

    assert_told_to_the_end(events, "completed")
    state = replay(events)
    assert all(state.blocks[block_id].error for block_id in limits)
    assert state.blocks["r"].status == "done"
    traces.assert_gone()
