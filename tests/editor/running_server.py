"""The server in memory with what comes after saving: runs, their streams and history, webhooks, stored agents.

Source: contract 2.7 to 2.11.
"""

import asyncio
import json
import threading
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec

from engine.events import BlockFinished, BlockStarted, RunFinished, RunStarted
from tests.editor.fake_server import Answer, FakeServer, Seen

INACTIVE = {"error": "Webhook is not active"}


class RunningServer(FakeServer):
    """Runs nothing: what a run comes to is what `output` says, block by block in the order of the stored graph.

    `runs` are the rows of each workflow's history, newest first; `logs` belong to a run by its id.
    `stream` says how a streamed run goes wrong: "" not at all, "cut" it breaks off after the first block, "stalls" it
    stands still there until `release`, "garbage" there is nonsense between its frames.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.runs: dict[str, list[dict[str, Any]]] = {}
        self.logs: dict[str, list[dict[str, Any]]] = {}
        self.deployments: dict[str, dict[str, Any]] = {}
        self.agents: dict[str, dict[str, Any]] = {}
        self.orchestrations: dict[str, dict[str, Any]] = {}
        self.output: Any = "hello"
        self.stream = ""
        self.is_stalling = threading.Event()
        self.routes |= {
            ("GET", "executions"): self._list_runs,
            ("POST", "execute"): self._execute,
            ("POST", "deploy"): self._deploy,
        }
        if self.own:
            self.routes["GET", "deployment"] = self._deployment

    # --- what tests do to it ------------------------------------------------------------------------------------

    def run_of(self, workflow_id: str, variables: Any, trigger: str = "manual", **fields: Any) -> dict[str, Any]:
        """A run that is over, with a log of each block; returns its row."""
        row = self.workflows[workflow_id]
        stamp = self.now()
        run = {"id": str(uuid.uuid4()), "status": "completed", "input": variables, "output": self.output, "error": None}
        run |= {"created_at": stamp, "started_at": stamp, "completed_at": stamp}
        if self.own:
            run |= {"trigger": trigger, "version": row["version"], "error_count": 0}
        run |= fields
        self.runs.setdefault(workflow_id, []).insert(0, run)
        self.logs[run["id"]] = [self._log(number, block) for number, block in enumerate(row["blocks"])]
        row["execution_count"] += 1
        row["last_execution_at"] = stamp
        return run

    def call_webhook(self, webhook_id: str, secret: str, body: Any) -> Answer:
        """What a call from outside gets (contract 2.9)."""
        for row in self.workflows.values():
            for block in row["blocks"]:
                config = block.get("config") or {}
                if config.get("webhook_id") == webhook_id:
                    return self._called(row, config, secret, body)
        return 404, {"error": "Webhook not found", "error_code": "WORKFLOW_NOT_FOUND"}

    # --- inside -------------------------------------------------------------------------------------------------

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if request.method == "POST" and path.endswith("/execute/stream") and not self._is_failing("POST", path):
            return await self._streamed(request)
        if path.endswith("/events") and self.stream == "stalls":
            await asyncio.sleep(0.05)  # instead of the long wait for something new
        return await super().handle_async_request(request)

    def _is_failing(self, method: str, path: str) -> bool:
        return any(fault.fits(method, path) for fault in self.faults)

    def _answer(self, seen: Seen) -> Answer:
        parts = seen.path.removeprefix("/api/").split("/")
        if parts[0] == "webhooks" and seen.method == "POST":
            secret = seen.headers.get("authorization", "")[len("Bearer ") :] or seen.query.get("token", "")
            return self.call_webhook(parts[1], secret, seen.body)
        kept = {"agents": self.agents, "orchestrations": self.orchestrations}.get(parts[0])
        if kept is not None and seen.headers.get("authorization", "").split() == ["Bearer", self.key]:
            return self._stored(kept, parts, seen)
        return super()._answer(seen)

    def _about(self, seen: Seen, workflow_id: str, rest: str) -> Answer:
        parts = rest.split("/")
        if parts[0] == "executions" and len(parts) > 1 and workflow_id in self.workflows:
            return self._about_run(seen, workflow_id, parts)
        return super()._about(seen, workflow_id, rest)

    def _about_run(self, seen: Seen, workflow_id: str, parts: list[str]) -> Answer:
        run = next((item for item in self.runs.get(workflow_id, []) if item["id"] == parts[1]), None)
        what = parts[2] if len(parts) > 2 else ""
        if what == "logs" and run is not None:
            return 200, {"block_logs": self.logs[run["id"]]}
        if not self.own or what not in ("", "cancel", "events"):
            return 404, "<html><body>Not Found</body></html>"
        if run is None:
            return 404, {"error": "Execution not found"}
        if what == "events":
            return 200, self._events(run, self.workflows[workflow_id], int(seen.query.get("after", 0)))
        if what == "cancel":
            run |= {"status": "failed", "error": "The run was stopped."}
            self._released.set()
            return 200, {"ok": True}
        return 200, run

    def _events(self, run: dict[str, Any], row: dict[str, Any], after: int) -> dict[str, Any]:
        """Events above `after` (extension). A stalled run tells of its first block only; any other is over now."""
        if self.stream != "stalls":
            self.finish(run)
        is_over = run["status"] != "running"
        blocks = row["blocks"] if is_over else row["blocks"][:1]
        ids = tuple(block["id"] for block in row["blocks"])
        events: list[Any] = [RunStarted(1, 1.0, run_id=run["id"], variables=run["input"] or {}, blocks=ids)]
        for block in blocks:
            fields = {"block_type": block["type"], "block_name": block.get("name", "")}
            events.append(BlockStarted(len(events) + 1, 1.0, block_id=block["id"], **fields))
            result = {"output": run["output"] if is_over else self.output}
            events.append(BlockFinished(len(events) + 1, 1.0, block_id=block["id"], result=result, duration_ms=1.0))
        if is_over:
            status = "completed" if run["status"] == "completed" else "failed"
            events.append(RunFinished(len(events) + 1, 1.0, status=status, output=run["output"], error=run["error"]))
        return {"events": [msgspec.to_builtins(event) for event in events if event.seq > after], "finished": is_over}

    def _called(self, row: dict[str, Any], config: dict[str, Any], secret: str, body: Any) -> Answer:
        if not config.get("webhook_secret") or secret != config["webhook_secret"]:
            return 401, {"error": "Unauthorized"}
        if row["state"] != "deployed" and row["armed_until"] is None:
            return 403, INACTIVE
        row["armed_until"] = None
        run = self.run_of(row["id"], body, "webhook")
        return 200, {"execution_id": run["id"], "status": "completed", "output": self.output}

    def _list_runs(self, seen: Seen, workflow_id: str) -> Answer:
        limit = int(seen.query.get("limit", 20))
        offset = int(seen.query.get("offset", 0)) if self.own else 0
        return 200, {"executions": self.runs.get(workflow_id, [])[offset : offset + limit]}

    def _execute(self, seen: Seen, workflow_id: str) -> Answer:
        run = self.run_of(workflow_id, seen.body["variables"])
        logs = self.logs[run["id"]]
        outputs = {log["block_id"]: log["output"] for log in logs}
        told = {"execution_id": run["id"], "status": "completed", "output": run["output"]}
        return 200, told | {"block_outputs": outputs, "block_logs": logs}

    def _deploy(self, seen: Seen, workflow_id: str) -> Answer:
        row = self.workflows[workflow_id]
        graph = {"blocks": row["blocks"], "edges": row["edges"]}
        told = {"version": row["version"], "revision": self.revision(workflow_id), "deployed_at": self.now()}
        self.deployments[workflow_id] = json.loads(json.dumps(graph)) | told
        return self._lifecycle(row, "deployed")

    def _deployment(self, seen: Seen, workflow_id: str) -> Answer:
        found = self.deployments.get(workflow_id)
        return (200, found) if found else (404, {"error": "Never deployed"})

    def _log(self, number: int, block: dict[str, Any]) -> dict[str, Any]:
        log = {"block_id": block["id"], "block_type": block["type"], "block_name": block.get("name", "")}
        log |= {"status": "success", "duration_ms": 1.0, "input": None, "output": {"output": self.output}}
        return log | {"error": None, "config_snapshot": {}, "execution_order": number, "agent_run_id": None}

    async def _streamed(self, request: httpx.Request) -> httpx.Response:
        content = json.loads(await request.aread())
        workflow_id = request.url.path.split("/")[3]
        seen = Seen("POST", request.url.path, {}, request.headers, content)
        self.requests.append(seen)
        if workflow_id not in self.workflows or request.headers.get("authorization") != f"Bearer {self.key}":
            return self._reply(*self._answer(seen), request)
        run = self.run_of(workflow_id, content["variables"], status="running", output={}, completed_at=None)
        headers = {"content-type": "text/event-stream"} | ({"x-execution-id": run["id"]} if self.own else {})
        frames = _Frames(self, run, self.workflows[workflow_id]["blocks"])
        return httpx.Response(200, headers=headers, stream=frames, request=request)

    async def stall(self) -> None:
        """Stand still until `release`."""
        self.is_stalling.set()
        await self._hold()
        self.is_stalling.clear()

    def finish(self, run: dict[str, Any]) -> None:
        """The run is over, as the history has it."""
        if run["status"] == "running":
            run |= {"status": "completed", "output": self.output, "completed_at": self.now()}

    def _stored(self, kept: dict[str, dict[str, Any]], parts: list[str], seen: Seen) -> Answer:
        if len(parts) == 1:
            if seen.method == "POST":
                return 201, self._keep(kept, {"settings": {}, "model": "", **seen.body, "id": str(uuid.uuid4())})
            rows = [row for row in kept.values() if seen.query.get("q", "").lower() in row["name"].lower()]
            return 200, {parts[0]: rows, "total": len(rows), "limit": 100, "offset": int(seen.query.get("offset", 0))}
        row = kept.get(parts[1])
        if row is None:
            return 404, {"error": "Agent not found"}
        if len(parts) > 2:
            return self._entities(row, parts, seen)
        if seen.method in ("PATCH", "PUT"):
            row |= seen.body
        if seen.method == "DELETE":
            del kept[parts[1]]
        return 200, row

    def _entities(self, row: dict[str, Any], parts: list[str], seen: Seen) -> Answer:
        if parts[2] != "entities":
            return 200, {"knowledge_bases": []}
        entities = row.setdefault("entities", [])
        if seen.method == "POST":
            entities.append({"id": str(uuid.uuid4()), "entity_type": "agent", **seen.body})
            return 201, entities[-1]
        row["entities"] = [item for item in entities if item["id"] != parts[3] or seen.method != "DELETE"]
        return 200, {"ok": True}

    def _keep(self, kept: dict[str, dict[str, Any]], row: dict[str, Any]) -> dict[str, Any]:
        kept[row["id"]] = row
        return row


class _Frames(httpx.AsyncByteStream):
    """The frames of one run (contract 2.7)."""

    def __init__(self, server: RunningServer, run: dict[str, Any], blocks: list[dict[str, Any]]) -> None:
        self._server = server
        self._run = run
        self._blocks = blocks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        server = self._server
        for number, block in enumerate(self._blocks):
            if number == 1 and server.stream == "stalls":
                await server.stall()
            if number == 1 and server.stream == "cut":
                server.finish(self._run)
                raise httpx.ReadError("connection reset")
            if server.stream == "garbage":
                yield b"data: {nonsense\n\ndata: [1, 2]\n\n: keepalive\n\nevent: strange\n\ndata: {}\n\n"
            head = {"block_id": block["id"], "block_type": block["type"]}
            yield _frame({"type": "block_start", **head})
            yield _frame({"type": "block_complete", **head, "data": {"output": server.output}, "duration_ms": 1.0})
            await asyncio.sleep(0)
        server.finish(self._run)
        yield _frame({"type": "done", "execution_id": self._run["id"]})


def _frame(value: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()
