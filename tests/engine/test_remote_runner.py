"""The thread on which runs of a server are followed, and runs of the past."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager

import httpx
import pytest

from engine.client import Execution
from engine.document import Block, Edge, Json, JsonObject, Workflow
from engine.errors import AccessDenied, RunError
from engine.events import AnyEvent, BlockStarted, RunFinished
from engine.run.remote import RemoteRunner, past_run
from engine.runstate import replay
from tests.engine.remote_bench import (
    CATALOG,
    DONE,
    FOREVER,
    FRAMES,
    HERE,
    LOGS,
    ROW,
    Bench,
    batch,
    flow,
    own_bench,
    shown,
)

PATIENCE = 10


# --- on its thread --------------------------------------------------------------------------------------------------


class Heard:
    """Keeps events and tells when a block has begun."""

    def __init__(self) -> None:
        self.events: list[AnyEvent] = []
        self.begun = threading.Event()

    def __call__(self, event: AnyEvent) -> None:
        self.events.append(event)
        if isinstance(event, BlockStarted):
            self.begun.set()


@contextmanager
def runner_of(bench: Bench) -> Iterator[RemoteRunner]:
    runner = RemoteRunner(bench.server.client, "w", catalog=CATALOG)
    try:
        yield runner
    finally:
        runner.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "server runs"]


def test_the_runner_has_the_shape_of_the_local_one() -> None:
    """Start, events on its thread, a future with the last one."""
    bench, heard = Bench(), Heard()
    bench.server.stream = [*FRAMES, DONE]

    with runner_of(bench) as runner:
        handle = runner.start(flow(), {}, heard)

        assert handle.done.result(PATIENCE).output == 1
        assert handle.execution_id == "e1"
    assert heard.events[-1] == handle.done.result()


def test_a_server_does_not_run_half_a_workflow() -> None:
    """Running up to a block is for runs here, and a closed runner runs nothing."""
    with runner_of(Bench()) as runner:
        with pytest.raises(RunError, match="whole workflows"):
            runner.start(flow(), {}, Heard(), until="ask")
        runner.close()
        with pytest.raises(RunError):
            runner.start(flow(), {}, Heard())


@pytest.mark.parametrize("kind", ["platform", "ours"])
def test_cancelling_ends_the_run_there_too(kind: str) -> None:
    """By its route where there is one, with its last words; a platform server stops when the stream is closed."""
    bench, heard = (Bench() if kind == "platform" else own_bench()), Heard()
    bench.server.stream = [*FRAMES[:3], FOREVER]
    last = RunFinished(4, 9.0, status="cancelled", duration_ms=5.0)

    async def events(request: httpx.Request) -> JsonObject:
        if "cancel" in bench.server.asked:
            return batch([last], True)
        if request.url.params["after"] == "0":
            return batch(HERE[:3])
        await asyncio.Event().wait()
        raise AssertionError

    bench.server.answers |= {"events": events, "cancel": {"ok": True, "status": "failed"}}
    with runner_of(bench) as runner:
        handle = runner.start(flow(), {}, heard)
        assert heard.begun.wait(PATIENCE)

        handle.cancel()

        with pytest.raises(CancelledError):
            handle.done.result(PATIENCE)
    assert isinstance(heard.events[-1], RunFinished)
    assert heard.events[-1].status == "cancelled"
    assert ("cancel" in bench.server.asked) is (kind == "ours")
    assert heard.events[-1] == last or kind == "platform"
    assert bench.server.is_stream_closed


@pytest.mark.parametrize("how", ["closed", "followed"])
def test_a_run_goes_on_when_it_is_only_followed_no_more(how: str) -> None:
    """Closing the window, or cancelling the following of somebody else's run, asks nobody to end it."""
    bench, heard = own_bench(), Heard()

    async def events(request: httpx.Request) -> JsonObject:
        if request.url.params["after"] == "0":
            return batch(HERE[:3])
        await asyncio.Event().wait()
        raise AssertionError

    bench.server.answers["events"] = events
    with runner_of(bench) as runner:
        handle = runner.start(flow(), {}, heard) if how == "closed" else runner.follow(flow(), "e1", heard)
        assert heard.begun.wait(PATIENCE)

        runner.close() if how == "closed" else handle.cancel()

        with pytest.raises(CancelledError):
            handle.done.result(PATIENCE)
    assert "cancel" not in bench.server.asked
    assert "may go on" in str(replay(heard.events).error)


def test_an_error_reaches_the_handle() -> None:
    """A run that could not begin is the handle's error."""
    bench = Bench()
    bench.server.answers["health"] = {"extensions": []}
    bench.server.answers["execute/stream"] = (401, {"error": "Invalid token"})

    with runner_of(bench) as runner, pytest.raises(AccessDenied):
        runner.start(flow(), {}, Heard()).done.result(PATIENCE)


# --- the past -------------------------------------------------------------------------------------------------------


def opened(bench: Bench, workflow: Workflow, **row: Json) -> list[AnyEvent]:
    execution = Execution(**{**ROW, "started_at": "2026-01-02T03:04:05+00:00", **row})

    async def work() -> list[AnyEvent]:
        async with bench.server.client() as client:
            return await past_run(client, workflow, "w", execution, CATALOG)

    return asyncio.run(work())


def test_a_past_run_is_made_of_its_logs() -> None:
    """Results, inputs and reasons as they were, times from how long each took."""
    bench = Bench()
    bench.server.answers["logs"] = {"block_logs": [{**log, "duration_ms": 500.0} for log in reversed(LOGS)]}

    events = opened(bench, flow(), completed_at="2026-01-02T03:04:15+00:00")

    state = replay(events)
    assert shown(state) == shown(replay(HERE))
    assert (state.run_id, state.status, state.output, state.duration_ms) == ("e1", "completed", 1, 10_000)
    assert state.inputs_of("ask") == replay(HERE).inputs_of("ask")
    assert state.blocks["ask"].started_at == state.started_at + 0.5  # type: ignore[operator]


def test_a_past_run_on_our_server_is_its_events() -> None:
    """As many replies as it takes."""
    bench = own_bench(batch(HERE[:4]), batch(HERE[4:], True))

    assert opened(bench, flow()) == HERE


def test_a_past_run_is_shown_on_a_document_that_has_changed() -> None:
    """Blocks that are gone are told of; new ones, and those in a circle, did not run."""
    bench = Bench()
    blocks = {"start": flow().block("start"), "new": Block("new", "split", "New")}
    circle = {"1": Edge("1", "start", "new"), "2": Edge("2", "new", "start")}

    state = replay(opened(bench, Workflow(blocks=blocks, edges=circle), status="failed", error="It broke."))

    assert (state.status, state.error, state.output) == ("failed", "It broke.", None)
    assert state.blocks["ask"].status == "done"
    assert state.blocks["new"].status == "skipped"


def test_a_run_that_goes_on_has_no_end_yet() -> None:
    """What is known of it is told, and no more."""
    bench = Bench()
    bench.server.answers["logs"] = {"block_logs": LOGS[:1]}

    state = replay(opened(bench, flow(), status="running"))

    assert state.status == "running"
    assert state.blocks["start"].status == "done"
    assert state.blocks["yes"].status == "waiting"
