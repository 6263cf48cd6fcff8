"""Runs on a server, followed through everything that networks and servers do to them."""

import asyncio
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.client.records import BlockLog
from engine.compare import differences
from engine.document import Block, Edge, JsonObject, Workflow
from engine.errors import AccessDenied, NotOnServer, RefusedByServer, ServerFault, ServerUnreachable, TooManyRequests
from engine.events import AnyEvent, RunStarted, encode_event
from engine.run.clock import FakeClock
from engine.run.following import PATIENCE_S
from engine.run.frames import STALL_S
from engine.run.translation import Translation
from engine.runstate import replay
from tests.engine.remote_bench import (
    BROKEN,
    CATALOG,
    DONE,
    FOREVER,
    FRAMES,
    HERE,
    LOGS,
    ROW,
    Bench,
    Part,
    batch,
    flow,
    frames_of,
    own_bench,
    ran_here,
    shown,
)

# --- a stream that goes well ----------------------------------------------------------------------------------------


def test_a_streamed_run_looks_like_one_here() -> None:
    """Same blocks, results, reasons for skips and output; the record is asked again until it is written."""
    bench = Bench()
    bench.server.stream = [*FRAMES, DONE]
    bench.server.answers["executions"] = [[], [{**ROW, "status": "running", "output": {}}], [ROW]]

    last = bench.run()

    assert (last.status, last.output) == ("completed", 1)
    assert isinstance(bench.events[0], RunStarted)
    assert bench.events[0].blocks == HERE[0].blocks  # type: ignore[union-attr]
    assert bench.events[0].variables == {"n": 1, "v": 2}
    assert [event.seq for event in bench.events] == list(range(1, len(bench.events) + 1))
    assert shown(bench.state) == shown(replay(HERE))
    assert differences(replay(HERE), bench.state) == []
    assert bench.links == ["following"]
    assert bench.server.asked.count("execute/stream") == 1
    assert bench.following is not None
    assert bench.following.execution_id == "e1"


@st.composite
def small_flows(draw: st.DrawFn) -> Workflow:
    """A few blocks in a row, each fed by some before it, with conditions that go either way and blocks switched off."""
    kinds = draw(st.lists(st.sampled_from(["split", "condition", "response", "nobody knows"]), min_size=1, max_size=6))
    blocks, edges = [Block("b0", "starter", "Start")], []
    for number, kind in enumerate(kinds, 1):
        expression = draw(st.sampled_from(["1", "0", "<Start.output.x> == 1", "("]))
        config = {"branches": [{"expression": expression}]} if kind == "condition" else {}
        blocks.append(Block(f"b{number}", kind, f"B{number}", config=config, enabled=draw(st.integers(0, 4)) > 0))
        for source in draw(st.lists(st.integers(0, number - 1), max_size=2, unique=True)):
            route = draw(st.sampled_from(["if", "else"])) if blocks[source].type == "condition" else None
            edges.append(Edge(f"{source}>{number}", f"b{source}", f"b{number}", route, None, route))
    return Workflow(blocks={block.id: block for block in blocks}, edges={edge.id: edge for edge in edges})


@given(small_flows())
def test_any_run_looks_the_same_from_afar(workflow: Workflow) -> None:
    """What a server streams of a run is enough to show it as a run here, down to why a block was skipped."""
    here = ran_here(workflow, {"x": 1})
    events: list[AnyEvent] = []
    translation = Translation(workflow, CATALOG, events.append, FakeClock().time)
    translation.begin("e1", {"x": 1})

    for frame in frames_of(here):
        translation.take_frame(frame)
    translation.tell_skips()

    assert not translation.has_gaps
    translation.finish("completed", output=translation.likely_output)
    assert shown(replay(events)) == shown(replay(here))
    assert differences(replay(here), replay(events)) == []
    assert [run_.inputs for run_ in replay(events).blocks.values()] == [
        run_.inputs for run_ in replay(here).blocks.values()
    ]


def test_a_record_that_never_comes_is_not_waited_for() -> None:
    """The run is over by its own words; its output is that of its response block."""
    bench = Bench()
    bench.server.stream = [*FRAMES, DONE]
    bench.server.answers["executions"] = [[], [{**ROW, "status": "running"}]]

    last = bench.run()

    assert (last.status, last.output) == ("completed", 1)
    assert bench.clock.elapsed < 10


def test_text_arrives_in_pieces_and_secrets_do_not_arrive() -> None:
    """Chunks of an answer, and a config with its secret hidden."""
    workflow = Workflow(
        blocks={"h": Block("h", "webhook", "Hook", config={"webhook_secret": "s3cret", "webhook_id": "i"})}
    )
    bench = Bench()
    pieces: list[Part] = [{"type": "block_chunk", "block_id": "h", "chunk": text} for text in ("He", "llo")]
    bench.server.stream = [*pieces, {"type": "block_complete", "block_id": "h", "data": {"output": 1}}, DONE]

    bench.run(workflow)

    assert bench.state.blocks["h"].text == "Hello"
    assert b"s3cret" not in b"".join(map(encode_event, bench.events))


def test_ids_in_another_spelling_are_the_same_block() -> None:
    """A platform server gives UUIDs back in lower case."""
    block_id = "6F1F5C1E-2A53-4A0E-9D4E-3B1D6C1A7E10"
    bench = Bench()
    bench.server.stream = [{"type": "block_complete", "block_id": block_id.lower(), "data": {"output": 1}}, DONE]

    bench.run(Workflow(blocks={block_id: Block(block_id, "split", "A")}))

    assert [*bench.state.blocks] == [block_id]


def test_a_failing_block_and_a_reported_error_are_told_apart() -> None:
    """One has no result and skips what follows; the other ran (contract 3.0)."""
    bench = Bench()
    bench.server.stream = [
        {"type": "block_complete", "block_id": "start", "data": {"output": None, "error": "timed out"}},
        {"type": "block_error", "block_id": "ask", "data": {"error": "no branch"}, "duration_ms": 3},
        DONE,
    ]

    bench.run()

    blocks = bench.state.blocks
    assert (blocks["start"].status, blocks["start"].error) == ("done", "timed out")
    assert (blocks["ask"].status, blocks["ask"].error, blocks["ask"].duration_ms) == ("failed", "no branch", 3)
    assert (blocks["yes"].status, blocks["yes"].skip_text) == ("skipped", "“Ask” failed.")


def test_an_error_frame_ends_the_run() -> None:
    """What was open is closed with the server's words."""
    bench = Bench()
    bench.server.stream = [
        *FRAMES[:3],
        {"type": "error", "error": "Execution timed out", "error_code": "EXECUTION_TIMEOUT"},
    ]

    last = bench.run()

    assert (last.status, last.error) == ("failed", "Execution timed out")
    assert {run_.status for run_ in bench.state.blocks.values()} <= {"done", "failed", "skipped"}
    assert bench.state.blocks["ask"].error == "Execution timed out"


# --- a stream that does not ---------------------------------------------------------------------------------------


garbage = st.sampled_from(
    [
        {"type": "block_start"},
        {"type": 5, "block_id": "ask"},
        {"type": "block_start", "block_id": ["ask"]},
        {"type": "block_novelty", "block_id": "ask"},
        {"type": "block_complete", "block_id": "nobody", "data": "text", "duration_ms": "soon"},
        {},
    ]
)


@given(st.data())
def test_any_stream_and_the_logs_tell_the_same_run(data: st.DataObject) -> None:
    """Frames missing, repeated and mixed with nonsense: with the logs each block ends as it did, told once."""
    kept = [frame for frame in FRAMES if data.draw(st.booleans())]
    frames: list[JsonObject] = []
    for frame in kept:
        frames += [frame] * data.draw(st.integers(1, 2))
        frames += data.draw(st.lists(garbage, max_size=2))
    events: list[AnyEvent] = []
    translation = Translation(flow(), CATALOG, events.append, FakeClock().time)
    translation.begin("e1", {})

    for frame in frames:
        translation.take_frame(frame)
    for log in LOGS:
        translation.take_log(BlockLog(**{key: log[key] for key in log}))
    translation.finish("completed", output=1)

    told, expected = shown(replay(events)), shown(replay(HERE))
    assert {block_id: told[block_id] for block_id in expected} == expected
    ends = [event for event in events if type(event).__name__ in ("BlockFinished", "BlockFailed", "BlockSkipped")]
    assert len({event.block_id for event in ends}) == len(ends)


@pytest.mark.parametrize("end", [[], [BROKEN], [b"data: {not json}\n\n", b"data: [1]\n\n", b": comment\n\n"]])
@pytest.mark.parametrize("told", [0, 3, len(FRAMES)])
def test_a_stream_that_ends_early_is_made_up_for_by_the_record(told: int, end: list[Part]) -> None:
    """The connection is lost, the run is not: it is shown so, and then as its logs have it. It is never run again."""
    bench = Bench()
    bench.server.stream = [*FRAMES[:told], *end]
    running = {**ROW, "status": "running", "output": {}}
    bench.server.answers["executions"] = [[], [running], [running], 503, httpx.ConnectError("down"), [ROW]]

    last = bench.run()

    assert (last.status, last.output) == ("completed", 1)
    assert shown(bench.state) == shown(replay(HERE))
    assert bench.links == ["following", "lost"]
    assert bench.server.asked.count("execute/stream") == 1
    assert "execute" not in bench.server.asked


def test_a_run_that_the_server_cut_short_is_not_called_complete() -> None:
    """A platform server stores a run whose caller left as completed (W8); blocks that should have run say otherwise."""
    bench = Bench()
    bench.server.stream = FRAMES[:2]
    bench.server.answers["logs"] = {"block_logs": LOGS[:1]}

    last = bench.run()

    assert last.status == "failed"
    assert "before all blocks had run" in str(last.error)
    assert bench.state.blocks["yes"].status == "skipped"


def test_of_several_new_runs_ours_is_the_one_with_our_input() -> None:
    """Somebody else may have started one at the same time."""
    bench = Bench()
    other = {**ROW, "id": "other", "input": {"n": 7}}
    bench.server.answers["executions"] = [
        [{**ROW, "id": "old"}],
        [{**ROW, "input": {"n": 5}}, other, {**ROW, "id": "old"}],
    ]
    bench.server.answers["execute/stream"] = httpx.ReadError("reset")

    last = bench.run(variables={"n": 5})

    assert last.status == "completed"
    assert bench.following is not None
    assert bench.following.execution_id == "e1"


def test_silence_is_not_the_end() -> None:
    """A block may take its time: the stream stays open, and goes on where it was."""
    bench = Bench()
    bench.server.stream = [*FRAMES[:3], STALL_S * 3.5, *FRAMES[3:], DONE]
    bench.server.answers["executions"] = [[], *[[{**ROW, "status": "running"}]] * 4, [ROW]]

    assert bench.run().status == "completed"

    assert shown(bench.state) == shown(replay(HERE))
    assert "logs" not in bench.server.asked


def test_a_stalled_stream_ends_when_the_record_does() -> None:
    """Nobody waits for a stream that will never say anything again."""
    bench = Bench()
    bench.server.stream = [*FRAMES[:3], FOREVER]
    bench.server.answers["executions"] = [[], [{**ROW, "status": "running"}], [ROW]]

    assert bench.run().output == 1

    assert shown(bench.state) == shown(replay(HERE))
    assert bench.server.is_stream_closed


def test_a_server_that_never_answers_is_not_waited_for_for_ever() -> None:
    """A connection that was taken and forgotten ends after the time that a run may take, and the record is asked."""
    bench = Bench()

    async def forget(_request: httpx.Request) -> None:
        await asyncio.Event().wait()

    bench.server.answers["execute/stream"] = forget

    assert bench.run().output == 1

    assert shown(bench.state) == shown(replay(HERE))
    assert 300 < bench.clock.elapsed < 330


def test_a_server_that_stays_away_is_given_up_some_time() -> None:
    """The run ends here with what is known, and says where to look later."""
    bench = Bench()
    bench.server.stream = [*FRAMES[:3], BROKEN]
    bench.server.answers["executions"] = [[], httpx.ConnectError("down")]

    last = bench.run()

    assert last.status == "failed"
    assert "Its history may, later" in str(last.error)
    assert PATIENCE_S <= bench.clock.elapsed <= PATIENCE_S * 1.1


# --- no stream ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("refusal", [404, 405, 501, (404, {"detail": "Not Found"})])
def test_where_streams_are_refused_the_run_is_waited_for(refusal: Any) -> None:
    """Nothing is known until it ends, and then everything."""
    bench = Bench()
    bench.server.answers["execute/stream"] = refusal
    reply = {"execution_id": "e1", "status": "completed", "output": 1, "block_logs": [*LOGS, {"nonsense": 1}]}
    bench.server.answers["execute"] = reply

    assert bench.run().output == 1

    assert shown(bench.state) == shown(replay(HERE))
    assert bench.links == ["waiting"]


@pytest.mark.parametrize("answer", [httpx.ReadTimeout("slow"), 504, 502])
def test_a_reply_that_does_not_come_is_looked_up(answer: Any) -> None:
    """A proxy may lose patience long before the server does; the run is not ordered again."""
    bench = Bench()
    bench.server.answers |= {"execute/stream": 405, "execute": answer}

    assert bench.run().output == 1

    assert shown(bench.state) == shown(replay(HERE))
    assert bench.server.asked.count("execute") == 1


def test_a_run_that_failed_as_a_whole_says_why() -> None:
    """The server's words are those of its record."""
    bench = Bench()
    failed = {"error": "Execution timed out after 300s", "error_code": "EXECUTION_TIMEOUT", "execution_id": "e1"}
    bench.server.answers |= {"execute/stream": 405, "execute": (504, failed), "logs": {"block_logs": []}}
    bench.server.answers["executions"] = [[], [{**ROW, "status": "failed", "error": failed["error"]}]]

    last = bench.run()

    assert (last.status, last.error) == ("failed", "Execution timed out after 300s")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((401, {"error": "Invalid token"}), AccessDenied),
        ((404, {"error": "Workflow not found", "error_code": "WORKFLOW_NOT_FOUND"}), NotOnServer),
        ((429, {"error": "Rate limit exceeded."}), TooManyRequests),
        (400, RefusedByServer),
        (500, ServerFault),
        (httpx.ConnectError("refused"), ServerUnreachable),
        (httpx.ReadError("reset"), ServerUnreachable),
    ],
)
def test_a_run_that_cannot_begin_is_an_error_and_no_run(answer: Any, error: type[Exception]) -> None:
    """Nothing is told, so nothing is shown as running; nothing is tried twice."""
    bench = Bench()
    bench.server.answers |= {"execute/stream": answer, "executions": [[]]}

    with pytest.raises(error):
        bench.run()

    assert bench.events == []
    assert bench.server.asked.count("execute/stream") == 1
    assert "execute" not in bench.server.asked


# --- a server of ours ---------------------------------------------------------------------------------------------


def test_our_server_tells_the_events_themselves() -> None:
    """Word for word, retries and skips included, however they are cut into replies and whatever is repeated."""
    bench = own_bench(batch(HERE[:3]), batch([]), batch(HERE[1:5]), batch(HERE[5:], True))

    last = bench.run()

    assert bench.events == HERE
    assert last == HERE[-1]
    assert bench.server.is_stream_closed
    assert bench.server.asked == ["health", "execute/stream", *["events"] * 4]


def test_a_lost_connection_only_takes_time() -> None:
    """Following goes on after the last event that arrived."""
    busy = (429, {"error": "slow down"})
    bench = own_bench(batch(HERE[:3]), httpx.ConnectError("down"), 502, busy, batch(HERE[3:], True))

    bench.run()

    assert bench.events == HERE
    assert bench.links == ["following", "lost", "following"]


def test_an_order_whose_reply_was_lost_is_given_again_under_its_key() -> None:
    """The server runs it once, because it knows the key."""
    bench = own_bench(batch(HERE, True))
    bench.server.answers["execute/stream"] = [httpx.ReadError("reset"), "stream"]

    assert bench.run() == HERE[-1]

    first, second = (key for key in bench.server.keys if key is not None)
    assert first == second


def test_events_of_a_newer_server_are_passed_over() -> None:
    """A kind that nobody here knows is no reason to stop, and is not asked for again."""
    told = batch(HERE, True)
    told["events"].insert(3, {"type": "BlockDreamt", "seq": HERE[2].seq, "at": 0.0, "block_id": "ask"})
    told["events"][1]["a new field"] = {"x": 1}

    bench = own_bench(told)
    bench.run()

    assert bench.events == HERE


def test_times_are_told_by_our_clock() -> None:
    """A server whose clock is an hour ahead does not make a run of an hour."""
    bench = own_bench(batch(HERE, True))

    async def work() -> None:
        async with bench.server.client() as client:
            following = bench.following_of(client, flow())
            await client.call("GET", "/warm-up")
            client.clock_offset_s = 3600.0
            await bench.clock.drive(following.run({}))

    asyncio.run(work())

    assert [event.at for event in bench.events] == [event.at - 3600 for event in HERE]


def test_events_that_are_gone_are_made_up_for_by_the_record() -> None:
    """A server that cleared its events still has the logs."""
    bench = own_bench(batch(HERE[:2]), batch([], True))
    bench.server.answers["execution"] = ROW

    assert bench.run().output == 1

    assert shown(bench.state) == shown(replay(HERE))


def test_a_key_that_is_revoked_while_a_run_goes_on_ends_the_following() -> None:
    """The run gets a last event that says why nobody follows it any more."""
    bench = own_bench(batch(HERE[:2]), (401, {"error": "Invalid token"}))

    last = bench.run()

    assert last.status == "failed"
    assert "does not accept the key" in str(last.error)


def test_a_run_that_somebody_else_started_is_followed() -> None:
    """Such as a webhook's: block by block on our server, at its end on a platform server."""
    ours, other = own_bench(batch(HERE[:3]), batch(HERE[3:], True)), Bench()
    other.server.answers["executions"] = [[{**ROW, "status": "running"}], [{**ROW, "status": "running"}], [ROW]]

    assert ours.follow() == HERE[-1]
    assert other.follow().output == 1

    assert ours.events == HERE
    assert shown(other.state) == shown(replay(HERE))
    assert other.links == ["waiting"]
