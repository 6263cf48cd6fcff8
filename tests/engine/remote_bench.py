"""A scripted server on a clock that jumps, and a run that is followed on it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx

from engine.blocks import Catalog, default_catalog
from engine.client import Connection, PlatformClient
from engine.document import Block, Edge, Json, JsonObject, Workflow
from engine.events import AnyEvent, RunFinished, encode_event
from engine.run.clock import FakeClock
from engine.run.executionlog import FollowedRun
from engine.run.following import Following
from engine.run.runner import run
from engine.run.translation import Translation
from engine.runstate import RunState, replay
from engine.server.sse import FrameWriter

CATALOG: Catalog = default_catalog()
FOREVER = "the stream stays open and says nothing"
BROKEN = "the connection breaks"
EVENTS = ("revision", "events", "cancel", "idempotency")

Part = JsonObject | bytes | str | float
"""Of a stream: a frame, bytes as they are, one of the two words above, or seconds of silence."""


def flow() -> Workflow:
    """start > ask, which goes to yes; no is not taken; off is switched off."""
    blocks = [
        Block("start", "starter", "Start", config={"input": {"n": 1}}),
        Block("ask", "condition", "Ask", config={"branches": [{"expression": "<Start.output.n> == 1"}]}),
        Block("yes", "response", "Yes", config={"output": "<Start.output.n>"}),
        Block("no", "response", "No", config={"output": "no"}),
        Block("off", "split", "Off", enabled=False),
    ]
    wires = [("start", "ask", None), ("ask", "yes", "if"), ("ask", "no", "else"), ("start", "off", None)]
    edges = {f"{a}>{b}": Edge(f"{a}>{b}", a, b, route, None, route) for a, b, route in wires}
    return Workflow("Flow", blocks={block.id: block for block in blocks}, edges=edges, variables={"v": 2})


def ran_here(workflow: Workflow, variables: JsonObject | None = None) -> list[AnyEvent]:
    """The events of a run in this process."""
    events: list[AnyEvent] = []
    asyncio.run(
        run(workflow, events.append, catalog=CATALOG, variables=variables or {}, run_id="e1", clock=FakeClock())
    )
    return events


def frames_of(events: list[AnyEvent]) -> list[JsonObject]:
    """The frames that a server makes of them, without the last one."""
    writer = FrameWriter()
    texts = [text for event in events if (text := writer.frame_of(event)) is not None]
    return [json.loads(text.removeprefix(b"data: ")) for text in texts]


def logs_of(events: list[AnyEvent]) -> list[JsonObject]:
    """The logs that a server keeps of them."""
    followed = FollowedRun(events)
    return [{**followed.log_entry(run_), "execution_order": at} for at, run_ in enumerate(followed.ended_runs())]


DONE: JsonObject = {"type": "done", "execution_id": "e1"}
HERE = ran_here(flow())
FRAMES = frames_of(HERE)
LOGS = logs_of(HERE)
ROW: JsonObject = {"id": "e1", "status": "completed", "output": 1, "input": {"v": 2}, "error": None}


class Scripted:
    """A server whose answers are laid out beforehand. A list of answers is given one by one, the last one for ever.

    An answer is a JSON value, a status, or a pair of status and JSON value; an exception breaks the connection.
    """

    def __init__(self, clock: FakeClock, extensions: tuple[str, ...] = ()) -> None:
        self.stream: list[Part] = []
        self.answers: dict[str, Any] = {
            "health": {"status": "ok", "extensions": list(extensions)},
            "executions": [[], [ROW]],
            "execution": 404,
            "logs": {"block_logs": LOGS},
            "execute/stream": "stream",
        }
        self.asked: list[str] = []
        self.keys: list[str | None] = []
        self.is_stream_closed = False
        self._clock = clock

    def client(self) -> PlatformClient:
        return PlatformClient(
            Connection("test", "http://server", "key"), httpx.MockTransport(self._answer), retries=False
        )

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        name = self._name(request)
        self.asked.append(name)
        self.keys.append(request.headers.get("Idempotency-Key"))
        answer = self.answers.get(name, 404)
        if callable(answer):
            answer = await answer(request) if asyncio.iscoroutinefunction(answer) else answer(request)
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, Exception):
            raise answer
        if answer == "stream":
            headers = {"Content-Type": "text/event-stream"}
            if "events" in self.answers["health"]["extensions"]:
                headers["X-Execution-Id"] = "e1"
            return httpx.Response(200, headers=headers, stream=_Body(self))
        if isinstance(answer, int):
            return httpx.Response(answer, html="<html><h1>An error page</h1></html>")
        status, value = answer if isinstance(answer, tuple) else (200, answer)
        if name == "executions" and isinstance(value, list):
            value = {"executions": value}
        return httpx.Response(status, json=value)

    def _name(self, request: httpx.Request) -> str:
        path = request.url.path
        if path.endswith("/health"):
            return "health" if path == "/api/health" else "old health"
        rest = path.removeprefix("/api/workflows/w/").removeprefix("executions/e1/")
        return "execution" if rest == "executions/e1" else rest

    async def parts(self) -> AsyncIterator[bytes]:
        for part in self.stream:
            if part == FOREVER:
                await asyncio.Event().wait()
            elif part == BROKEN:
                raise httpx.ReadError("reset by peer")
            elif isinstance(part, float):
                await self._clock.sleep(part)
            else:
                yield part if isinstance(part, bytes) else f"data: {json.dumps(part)}\n\n".encode()


class _Body(httpx.AsyncByteStream):
    def __init__(self, server: Scripted) -> None:
        self._server = server

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._server.parts():
            yield part

    async def aclose(self) -> None:
        self._server.is_stream_closed = True


class Bench:
    """One run followed by hand: a scripted server, a clock that jumps, and what was told."""

    def __init__(self, *extensions: str) -> None:
        self.clock = FakeClock()
        self.server = Scripted(self.clock, extensions)
        self.events: list[AnyEvent] = []
        self.links: list[str] = []
        self.following: Following | None = None

    @property
    def state(self) -> RunState:
        return replay(self.events)

    def run(self, workflow: Workflow | None = None, variables: JsonObject | None = None) -> RunFinished:
        """Run to the end, with no real time spent."""
        return self._drive(workflow, lambda following: following.run(variables or {}))

    def follow(self) -> RunFinished:
        return self._drive(None, lambda following: following.follow("e1"))

    def _drive(self, workflow: Workflow | None, begin: Callable[[Following], Any]) -> RunFinished:
        async def work() -> RunFinished:
            async with self.server.client() as client:
                await client.call("GET", "/warm-up")  # the first call prepares the client on another thread
                self.server.asked.clear()
                self.following = self.following_of(client, workflow or flow())
                return await self.clock.drive(begin(self.following))

        return asyncio.run(work())

    def following_of(self, client: PlatformClient, workflow: Workflow) -> Following:
        def translate() -> Translation:
            return Translation(workflow, CATALOG, self.events.append, self.clock.time)

        return Following(client, "w", translate, self.clock, self.links.append)


def shown(state: RunState) -> dict[str, tuple[str, Json, str | None, str]]:
    """What people see of each block."""
    return {run_.block_id: (run_.status, run_.result, run_.error, run_.skip_text) for run_ in state.blocks.values()}


def own_bench(*batches: Any) -> Bench:
    """A server that keeps events; `batches` are its answers to those who ask for them."""
    bench = Bench(*EVENTS)
    bench.server.answers["events"] = list(batches)
    bench.server.stream = [FOREVER]
    return bench


def batch(events: list[AnyEvent], is_over: bool = False) -> JsonObject:
    return {"events": [json.loads(encode_event(event)) for event in events], "finished": is_over}
