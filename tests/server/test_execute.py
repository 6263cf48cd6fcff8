"""Running a workflow over HTTP (contract 2.7 and 2.8): replies, streams, history, limits, cancelling, repeating."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from engine.blocks import Catalog, default_catalog
from engine.blocks._spec import BlockContext, BlockType, Outcome
from engine.document import JsonObject
from engine.errors import BlockError
from engine.events import decode_event
from engine.runstate import replay
from engine.server.runs.stored import StoredRun
from engine.server.services import ServerSettings
from engine.store.opening import FILE_NAME
from tests.server.support import Api, Play, block, new_workflow, save_graph, serving, wires

HOOK = "11111111-2222-4333-8444-555555555555"


class Gate:
    """A block type that waits until the test lets it go on, and tells when it has begun."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.opened = asyncio.Event()
        self.runs = 0

    async def run(self, ctx: BlockContext, config: JsonObject) -> Outcome:
        self.runs += 1
        self.begun.set()
        ctx.emit("waiting", "print")
        await self.opened.wait()
        if config.get("fail"):
            raise BlockError("It was told to fail.")
        return Outcome({"output": config.get("output")})

    def catalog(self) -> Catalog:
        gate = BlockType("gate", "Gate", "Waits.", "Logic", "clock", "grey", run=self.run)
        return Catalog([*default_catalog(), gate])


GatedStory = Callable[[Api, Gate], Any]


@pytest.fixture
def gated(database: Any) -> Callable[..., None]:
    """Run a story with an application that knows the block type `gate`, on each kind of database."""

    def run(story: GatedStory, settings: ServerSettings | None = None, **options: Any) -> None:
        async def main() -> None:
            gate = Gate()
            async with serving(database, settings, catalog=gate.catalog(), **options) as api:
                await story(api, gate)

        asyncio.run(main())

    return run


def pipeline(kind: str = "gate", **config: Any) -> tuple[list[JsonObject], list[JsonObject]]:
    """Start, one block in the middle, and a response."""
    middle = block("middle", kind, **config)
    return [block("start", "starter"), middle, block("out", "response")], wires("start>middle", "middle>out")


def frames(text: str) -> list[JsonObject]:
    """The frames of an event stream; each is one `data:` line."""
    pieces = text.removesuffix("\n\n").split("\n\n")
    assert all(piece.startswith("data: ") and "\n" not in piece for piece in pieces)
    return [json.loads(piece.removeprefix("data: ")) for piece in pieces]


async def history(api: Api, workflow_id: str, **params: object) -> list[JsonObject]:
    reply = await api.get(f"/api/workflows/{workflow_id}/executions", params=params)
    rows: list[JsonObject] = reply.json()["executions"]
    return rows


class TestReplies:
    def test_a_failed_block_is_told_and_the_run_completes(self, play: Play) -> None:
        """The reply counts as completed; the block has its error, its follower ran not at all (contract 5.3, W9)."""
        blocks = [block("start", "starter"), block("bad", "condition", branches=[3]), block("out", "response")]

        async def story(api: Api) -> None:
            workflow_id = await new_workflow(api, blocks, wires("start>bad", "bad>out"))
            reply = (await api.post(f"/api/workflows/{workflow_id}/execute", json={})).json()
            assert (reply["status"], reply["output"]) == ("completed", None)
            assert reply["block_outputs"]["bad"].keys() == {"error"}
            assert [log["status"] for log in reply["block_logs"]] == ["success", "error"]

            detail = (await api.get(f"/api/workflows/{workflow_id}/executions/{reply['execution_id']}")).json()
            assert (detail["error_count"], detail["skipped"], detail["trigger"]) == (1, 1, "manual")
            assert detail["block_outputs"] == reply["block_outputs"]

        play(story)

    def test_logs_are_the_same_later(self, play: Play) -> None:
        """What the reply told is what the log route tells, with the saved configs of that time, secrets left out."""
        blocks = [
            block("hook", "webhook", webhook_id=HOOK, webhook_secret="s3cret"),
            block("pass", "split", input="<hook.output>"),
            block("out", "response", output="{{variables.n}}"),
        ]

        async def story(api: Api) -> None:
            workflow_id = await new_workflow(api, blocks, wires("hook>pass", "pass>out"))
            path = f"/api/workflows/{workflow_id}"
            reply = (await api.post(f"{path}/execute", json={"variables": {"n": 1}})).json()
            await save_graph(api, workflow_id, [block("hook", "starter")])

            logs = (await api.get(f"{path}/executions/{reply['execution_id']}/logs")).json()["block_logs"]

            for log, told in zip(logs, reply["block_logs"], strict=True):
                config = told.pop("config")
                assert log == {**told, "config_snapshot": config, "error": None, "execution_order": logs.index(log)}
            assert logs[0]["config_snapshot"] == {"webhook_id": HOOK}
            assert logs[1]["input"] == {"hook": {"output": {"n": 1}}}
            assert "s3cret" not in json.dumps([reply, logs])
            assert "s3cret" not in (await api.get(f"{path}/executions/{reply['execution_id']}/events")).text

        play(story)

    def test_variables_that_are_no_object_fail_the_run(self, play: Play) -> None:
        """There is an execution, it has failed, and it says why; null and nothing at all are an empty object."""

        async def story(api: Api) -> None:
            workflow_id = await new_workflow(api, [block("s", "starter"), block("r", "response")], wires("s>r"))
            path = f"/api/workflows/{workflow_id}/execute"
            for variables in ([1], "text", 3, True):
                reply = await api.post(path, json={"variables": variables})
                assert (reply.status_code, reply.json()["error_code"]) == (500, "EXECUTION_FAILED"), variables
                row = (await history(api, workflow_id))[0]
                assert (row["id"], row["status"]) == (reply.json()["execution_id"], "failed")
                assert row["error"] == reply.json()["error"]
                assert (row["input"], row["output"]) == (variables, {})
            for body in ({"json": {"variables": None}}, {"json": {}}, {"content": b""}, {"json": {"input": {}}}):
                assert (await api.post(path, **body)).json()["output"] == {}

        play(story)

    def test_input_is_recorded_only_where_somebody_takes_it(self, play: Play) -> None:
        """A graph without starter and webhook records none (contract 2.8)."""

        async def story(api: Api) -> None:
            workflow_id = await new_workflow(api, [block("r", "response", output="x")])
            await api.post(f"/api/workflows/{workflow_id}/execute", json={"variables": {"a": 1}})
            assert (await history(api, workflow_id))[0]["input"] is None

        play(story)

    def test_nul_and_nan_poison_nothing(self, play: Play) -> None:
        """A code block may give NUL and NaN: the run is closed, the rest goes on, everything can be read (W12)."""
        blocks = [
            block("nul", "code", code="output = 'a' + chr(0) + 'b'"),
            block("nan", "code", code="output = float('nan')"),
            block("out", "response", output="<nul.output>"),
        ]

        async def story(api: Api) -> None:
            workflow_id = await new_workflow(api, blocks, wires("nul>out"))
            reply = await api.post(f"/api/workflows/{workflow_id}/execute", json={})
            assert reply.status_code == 200, reply.text
            assert reply.json()["block_outputs"]["nan"]["error"]
            assert (await history(api, workflow_id))[0]["status"] == "completed"
            logs = await api.get(f"/api/workflows/{workflow_id}/executions/{reply.json()['execution_id']}/logs")
            assert len(logs.json()["block_logs"]) == 3

        play(story)

    def test_large_values_are_cut_in_the_store_and_say_so(self, play: Play) -> None:
        """The reply has all of a large value; of what blocks gave, what is kept says how large it was."""
        blocks, edges = pipeline("split", input="<start.output.text>")

        async def story(api: Api) -> None:
            workflow_id = await new_workflow(api, blocks, edges)
            text = "x" * 300_000
            reply = (await api.post(f"/api/workflows/{workflow_id}/execute", json={"variables": {"text": text}})).json()
            assert reply["output"] == text

            path = f"/api/workflows/{workflow_id}/executions/{reply['execution_id']}"
            kept = (await api.get(path)).json()
            value = kept["block_outputs"]["middle"]["output"]
            assert kept["output"] == text, "the final output is what callers may ask for again"
            assert (value["truncated"], value["bytes"]) == (True, 300_002)
            assert value["preview"].startswith('"xxx')
            assert len((await api.get(f"{path}/logs")).content) < 20_000

        play(story)


class TestStream:
    def test_frames_are_the_contracts(self, gated: Callable[..., None]) -> None:
        """Start before end for each block, a result or an error each, `done` with the id last and only there."""

        async def story(api: Api, gate: Gate) -> None:
            gate.opened.set()
            blocks, edges = pipeline(fail=True)
            workflow_id = await new_workflow(api, blocks, edges)
            reply = await api.post(f"/api/workflows/{workflow_id}/execute/stream", json={})
            told = frames(reply.text)

            assert reply.headers["content-type"].startswith("text/event-stream")
            assert (reply.headers["cache-control"], reply.headers["x-accel-buffering"]) == ("no-cache", "no")
            assert [(frame["type"], frame.get("block_id")) for frame in told] == [
                *(("block_start", "start"), ("block_complete", "start")),
                *(("block_start", "middle"), ("block_error", "middle")),
                ("done", None),
            ]
            assert told[3]["data"] == {"error": "It was told to fail."}
            assert told[-1] == {"type": "done", "execution_id": reply.headers["x-execution-id"]}
            assert [row["status"] for row in await history(api, workflow_id)] == ["completed"]

        gated(story)

    def test_a_caller_who_leaves_changes_nothing(self, gated: Callable[..., None]) -> None:
        """The run goes on after its follower has gone, and is stored as what it came to (W8)."""

        async def story(api: Api, gate: Gate) -> None:
            blocks, edges = pipeline(output="whole")
            workflow_id = await new_workflow(api, blocks, edges)
            caller = asyncio.create_task(api.post(f"/api/workflows/{workflow_id}/execute/stream", json={}))
            await gate.begun.wait()
            caller.cancel()
            assert (await history(api, workflow_id))[0]["status"] == "running"

            gate.opened.set()
            execution_id = (await history(api, workflow_id))[0]["id"]
            run = await api.services.runs.find(execution_id)
            assert run is not None
            assert (await run.finished()).output == "whole"

            row = (await history(api, workflow_id))[0]
            assert (row["status"], row["output"]) == ("completed", "whole")

        gated(story)


class TestDeadlines:
    @pytest.mark.parametrize("route", ["execute", "execute/stream"])
    def test_the_whole_run_has_one(self, gated: Callable[..., None], route: str) -> None:
        """A run that takes too long is ended, with what its blocks gave kept, on both routes (W7)."""
        settings = ServerSettings(execute_timeout_s=0.05, stream_timeout_s=0.05)

        async def story(api: Api, gate: Gate) -> None:
            blocks, edges = pipeline()
            workflow_id = await new_workflow(api, blocks, edges)
            reply = await api.post(f"/api/workflows/{workflow_id}/{route}", json={})
            text = "Execution timed out after 0.05s"
            row = (await history(api, workflow_id))[0]
            if route == "execute":
                assert reply.status_code == 504
                assert reply.json() == {"error": text, "error_code": "EXECUTION_TIMEOUT", "execution_id": row["id"]}
            else:
                assert frames(reply.text)[-1] == {"type": "error", "error": text, "error_code": "EXECUTION_TIMEOUT"}
            assert (row["status"], row["error"], row["output"]) == ("failed", text, {})
            kept = (await api.get(f"/api/workflows/{workflow_id}/executions/{row['id']}/logs")).json()["block_logs"]
            assert [log["block_id"] for log in kept] == ["start", "middle"]

        gated(story, settings)


class TestFollowing:
    def test_events_can_be_asked_for_while_it_runs(self, gated: Callable[..., None]) -> None:
        """Asking with the last number neither skips nor repeats, waiting ends early when something happens."""

        async def story(api: Api, gate: Gate) -> None:
            blocks, edges = pipeline(output=7)
            workflow_id = await new_workflow(api, blocks, edges)
            running = asyncio.create_task(api.post(f"/api/workflows/{workflow_id}/execute", json={}))
            await gate.begun.wait()
            execution_id = (await history(api, workflow_id))[0]["id"]
            path = f"/api/workflows/{workflow_id}/executions/{execution_id}/events"

            first = (await api.get(path)).json()
            assert not first["finished"]
            waiting = asyncio.create_task(api.get(path, params={"after": first["events"][-1]["seq"], "wait_s": "20"}))
            gate.opened.set()
            rest = (await waiting).json()["events"]
            await running
            rest += (await api.get(path, params={"after": rest[-1]["seq"]})).json()["events"]

            events = first["events"] + rest
            assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
            state = replay(decode_event(json.dumps(event)) for event in events)
            assert (state.status, state.output, state.run_id) == ("completed", 7, execution_id)
            stored = (await api.get(path)).json()
            assert (stored["events"], stored["finished"]) == (events, True)

        gated(story)

    def test_events_of_a_long_run_are_kept_before_its_end(self, gated: Callable[..., None]) -> None:
        """Other processes, and whoever comes after a crash, see what had happened so far."""

        async def story(api: Api, gate: Gate) -> None:
            blocks, edges = pipeline()
            workflow_id = await new_workflow(api, blocks, edges)
            running = asyncio.create_task(api.post(f"/api/workflows/{workflow_id}/execute", json={}))
            await gate.begun.wait()
            execution_id = (await history(api, workflow_id))[0]["id"]
            assert (await StoredRun(api.services.db, execution_id).more(0, wait_s=10)).events
            detail = (await api.get(f"/api/workflows/{workflow_id}/executions/{execution_id}")).json()
            assert (detail["status"], list(detail["block_outputs"])) == ("running", ["start"])
            gate.opened.set()
            await running

        gated(story)


class TestCancelling:
    def test_a_run_can_be_cancelled(self, gated: Callable[..., None]) -> None:
        """It closes as failed and says so; cancelling again, or one that has ended, tells how it ended."""

        async def story(api: Api, gate: Gate) -> None:
            blocks, edges = pipeline()
            workflow_id = await new_workflow(api, blocks, edges)
            running = asyncio.create_task(api.post(f"/api/workflows/{workflow_id}/execute", json={}))
            await gate.begun.wait()
            row = (await history(api, workflow_id))[0]
            path = f"/api/workflows/{workflow_id}/executions/{row['id']}"

            assert (await api.post(f"{path}/cancel")).json() == {"ok": True, "status": "failed"}
            assert (await api.post(f"{path}/cancel")).json() == {"ok": True, "status": "failed"}

            reply = await running
            assert (reply.status_code, reply.json()["error"]) == (500, "The run was cancelled.")
            detail = (await api.get(path)).json()
            assert (detail["error_code"], detail["error"]) == ("EXECUTION_CANCELLED", "The run was cancelled.")
            assert (await api.get(f"{path}/events")).json()["finished"]

        gated(story)

    def test_deleting_a_workflow_does_not_strand_its_run(self, gated: Callable[..., None]) -> None:
        """A caller who waits for a run whose workflow is deleted hears of it."""

        async def story(api: Api, gate: Gate) -> None:
            blocks, edges = pipeline()
            workflow_id = await new_workflow(api, blocks, edges)
            running = asyncio.create_task(api.post(f"/api/workflows/{workflow_id}/execute", json={}))
            await gate.begun.wait()
            await api.delete(f"/api/workflows/{workflow_id}")
            gate.opened.set()
            reply = await running
            assert reply.status_code == 500
            # Deleting ends the run first; whether that is recorded before the execution is gone is a matter of luck.
            assert reply.json()["error"] in ("The run was cancelled.", "The execution was deleted.")

        gated(story)

    def test_closing_the_server_closes_its_runs(self, database: Any) -> None:
        """What still runs when the server stops is closed as failed, with the reason and the blocks that ended."""
        settings = ServerSettings(drain_s=0.05)

        async def main() -> None:
            gate = Gate()
            async with serving(database, settings, catalog=gate.catalog()) as api:
                blocks, edges = pipeline()
                workflow_id = await new_workflow(api, blocks, edges)
                running = asyncio.create_task(api.post(f"/api/workflows/{workflow_id}/execute", json={}))
                await gate.begun.wait()
            assert (await running).status_code == 500
            async with serving(database) as api:
                row = (await history(api, workflow_id))[0]
                assert (row["status"], row["error"]) == ("failed", "The server was stopped while this was running.")
                logs = await api.get(f"/api/workflows/{workflow_id}/executions/{row['id']}/logs")
                assert len(logs.json()["block_logs"]) == 2

        asyncio.run(main())


class TestTrouble:
    def test_one_that_is_cancelled_before_its_first_step_is_closed(self, gated: Callable[..., None]) -> None:
        """A cancel can come between the record of a run and its first block; it closes, and its place is free again."""

        async def story(api: Api, gate: Gate) -> None:
            runs: Any = api.services.runs
            submit = runs._db.submit

            def submit_and_cancel(bulk: Any, row: Any, on_done: Any) -> None:
                def done(result: Any, error: Exception | None) -> None:
                    on_done(result, error)
                    for live in runs.live:
                        runs.cancel_here(live.execution_id)

                submit(bulk, row, done)

            runs._db.submit = submit_and_cancel
            blocks, edges = pipeline()
            workflow_id = await new_workflow(api, blocks, edges)
            reply = await api.post(f"/api/workflows/{workflow_id}/execute", json={})
            assert (reply.status_code, reply.json()["error"]) == (500, "The run was cancelled.")
            assert gate.runs == 0
            runs._db.submit = submit
            gate.opened.set()
            assert (await api.post(f"/api/workflows/{workflow_id}/execute", json={})).status_code == 200

        gated(story, ServerSettings(max_runs=1))

    def test_an_end_that_the_store_does_not_take_is_told_and_tried_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """While the file is locked nobody reads that a run completed; when it is free the run is closed."""
        monkeypatch.setattr("engine.store.sqlite.BUSY_TIMEOUT_S", 0.02)

        async def main() -> None:
            gate = Gate()
            async with serving(tmp_path, catalog=gate.catalog()) as api:
                blocks, edges = pipeline(output="done")
                workflow_id = await new_workflow(api, blocks, edges)
                running = asyncio.create_task(api.post(f"/api/workflows/{workflow_id}/execute", json={}))
                await gate.begun.wait()
                execution_id = (await history(api, workflow_id))[0]["id"]
                other = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
                other.execute("BEGIN IMMEDIATE")
                gate.opened.set()

                reply = await running
                assert (reply.status_code, reply.headers["retry-after"]) == (503, "2")
                assert "locked" in reply.json()["error"]
                other.execute("ROLLBACK")
                other.close()

                async with asyncio.timeout(20):
                    ended = await StoredRun(api.services.db, execution_id).finished()
                assert (ended.status, ended.output) == ("completed", "done")

        asyncio.run(main())

    def test_a_run_whose_records_are_refused_is_closed_without_them(
        self, gated: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whatever is wrong with what a run did, its row does not stay open (W12)."""

        def refuse(*_arguments: object) -> None:
            raise ValueError("cannot be kept")

        async def story(api: Api, gate: Gate) -> None:
            gate.opened.set()
            blocks, edges = pipeline()
            workflow_id = await new_workflow(api, blocks, edges)
            monkeypatch.setattr("engine.server.runs.local.finish_row", refuse)
            reply = await api.post(f"/api/workflows/{workflow_id}/execute", json={})
            row = (await history(api, workflow_id))[0]
            text = "The run ended, but what it did could not be recorded."
            assert (row["status"], row["error"]) == ("failed", text)
            assert (reply.status_code, reply.json()["error"]) == (500, text)

        gated(story)


class TestRepeating:
    def test_the_same_key_runs_once(self, gated: Callable[..., None]) -> None:
        """Calls with one key and body, at the same time and later, are one run and get one reply (W13)."""

        async def story(api: Api, gate: Gate) -> None:
            blocks, edges = pipeline(output="<start.output.n>")
            workflow_id = await new_workflow(api, blocks, edges)
            path, headers = f"/api/workflows/{workflow_id}/execute", {"Idempotency-Key": "k1"}

            def call(n: int) -> Any:
                return api.post(path, json={"variables": {"n": n}}, headers=headers)

            calls = [asyncio.create_task(call(1)) for _ in range(8)]
            await gate.begun.wait()
            gate.opened.set()
            replies = [await reply for reply in calls] + [await call(1)]

            assert {reply.status_code for reply in replies} == {200}
            assert len({reply.text for reply in replies}) == 1
            assert gate.runs == 1
            assert len(await history(api, workflow_id)) == 1
            other = await call(2)
            assert (other.status_code, other.json()["error_code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
            assert (await api.post(path, json={}, headers={"Idempotency-Key": "k2"})).status_code == 200
            stream = await api.post(f"{path}/stream", json={"variables": {"n": 1}}, headers=headers)
            assert frames(stream.text)[-1]["execution_id"] == replies[0].json()["execution_id"]
            assert gate.runs == 2

        gated(story)

    def test_a_repeated_reply_is_that_of_its_own_graph(self, play: Play) -> None:
        """The workflow was changed since: the reply is still the one of the run that the key had."""

        async def story(api: Api) -> None:
            workflow_id = await new_workflow(api, [block("r", "response", output="old")])
            path, headers = f"/api/workflows/{workflow_id}/execute", {"Idempotency-Key": "k"}
            first = await api.post(path, json={}, headers=headers)
            await save_graph(api, workflow_id, [block("r", "response", output="new")])
            assert (await api.post(path, json={}, headers=headers)).text == first.text
            assert (await api.post(path, json={})).json()["output"] == "new"

        play(story)

    def test_odd_keys_are_refused(self, play: Play) -> None:
        """A key that cannot be kept is a 400."""

        async def story(api: Api) -> None:
            workflow_id = await new_workflow(api)
            for key in ("x" * 256, "a\tb"):
                path = f"/api/workflows/{workflow_id}/execute"
                assert (await api.post(path, json={}, headers={"Idempotency-Key": key})).status_code == 400

        play(story)


class TestLimits:
    def test_only_so_many_run_and_wait(self, gated: Callable[..., None]) -> None:
        """Beyond the places and the queue a call gets a 503 with a time, and leaves no execution behind."""

        async def story(api: Api, gate: Gate) -> None:
            blocks, edges = pipeline()
            workflow_id = await new_workflow(api, blocks, edges)

            def call() -> Any:
                return asyncio.create_task(api.post(f"/api/workflows/{workflow_id}/execute", json={}))

            calls = [call() for _ in range(10)]
            ending = asyncio.as_completed(calls)
            refused = [await next(ending) for _ in range(5)]
            assert {reply.status_code for reply in refused} == {503}
            assert refused[0].headers["retry-after"]
            gate.opened.set()
            statuses = sorted([(await reply).status_code for reply in calls])
            assert statuses == [200] * 5 + [503] * 5
            assert len(await history(api, workflow_id)) == 5

        gated(story, ServerSettings(max_runs=2, max_waiting=3))

    def test_calls_are_counted_before_anything_is_looked_at(self, play: Play, database: Any) -> None:
        """Auth, then the limit, then the body, then whether there is such a workflow (contract 2.7)."""

        class Limit:
            text = "Rate limit exceeded. Max 20 executions per minute."

            async def retry_after(self, _caller: str) -> int | None:
                return 7

        async def main() -> None:
            async with serving(database, run_limit=Limit()) as api:
                for path in ("/api/workflows/nonsense/execute", "/api/workflows/nonsense/execute/stream"):
                    reply = await api.post(path, content=b"{", headers={"Content-Type": "text/plain"})
                    assert (reply.status_code, reply.json()) == (429, {"error": Limit.text})
                    assert reply.headers["retry-after"] == "7"
                    assert (await api.post(path, headers={"Authorization": ""})).status_code == 401

        asyncio.run(main())


class TestHistory:
    def test_it_is_newest_first_and_can_be_narrowed(self, play: Play) -> None:
        """The contract's rows without further parameters; offset, status, since and detail beside it (W37)."""

        async def story(api: Api) -> None:
            workflow_id = await new_workflow(api, [block("s", "starter")])
            for number in range(5):
                await api.post(f"/api/workflows/{workflow_id}/execute", json={"variables": {"n": number}})
            await api.post(f"/api/workflows/{workflow_id}/execute", json={"variables": []})

            rows = await history(api, workflow_id)
            assert [row["input"] for row in rows] == [[], *({"n": number} for number in (4, 3, 2, 1, 0))]
            assert rows[0].keys() == {
                *("id", "status", "input", "output", "error", "started_at", "completed_at", "created_at")
            }
            assert [row["input"] for row in await history(api, workflow_id, limit=2, offset=1)] == [{"n": 4}, {"n": 3}]
            assert len(await history(api, workflow_id, status="failed")) == 1
            assert len(await history(api, workflow_id, since=rows[2]["created_at"])) >= 3
            assert await history(api, workflow_id, since="2999-01-01") == []
            for params in ({"status": "odd"}, {"since": "yesterday"}):
                reply = await api.get(f"/api/workflows/{workflow_id}/executions", params=params)
                assert reply.status_code == 400
            detailed = await api.get(f"/api/workflows/{workflow_id}/executions?detail=true&limit=1")
            assert detailed.json()["total"] == 6
            assert (detailed.json()["executions"][0]["version"], UUID(rows[0]["id"]).version) == (2, 7)

        play(story)

    def test_runs_of_other_workflows_are_not_found(self, play: Play) -> None:
        """An execution belongs to its workflow on every route."""

        async def story(api: Api) -> None:
            mine, other = await new_workflow(api, [block("s", "starter")]), await new_workflow(api)
            execution_id = (await api.post(f"/api/workflows/{mine}/execute", json={})).json()["execution_id"]
            path = f"/api/workflows/{other}/executions/{execution_id}"
            for reply in (
                await api.get(path),
                await api.get(f"{path}/logs"),
                await api.get(f"{path}/events"),
                await api.post(f"{path}/cancel"),
            ):
                assert (reply.status_code, reply.json()) == (404, {"error": "Execution not found"})

        play(story)

    def test_old_runs_are_forgotten_where_that_is_asked_for(self, play: Play) -> None:
        """Retention deletes what ended long ago with all that belongs to it, and what still runs stays."""
        from engine.store import retention

        async def story(api: Api) -> None:
            workflow_id = await new_workflow(api, [block("s", "starter")])
            for _ in range(3):
                await api.post(f"/api/workflows/{workflow_id}/execute", json={})
            db = api.services.db
            assert await db.write(lambda c: retention.forget_executions(c, 3600)) == 0
            assert await db.write(lambda c: retention.forget_executions(c, -1)) == 3
            assert await history(api, workflow_id) == []
            row = (await api.get("/api/workflows")).json()["workflows"][0]
            assert row["execution_count"] == 0

        play(story)
