"""A workflow server in memory that speaks the contract, for tests of the editor; with switches for what goes wrong.

`FakeServer()` is one of ours, `FakeServer(own=False)` a platform server: no revisions, ids that must be UUIDs, edge ids
minted anew, single-precision positions, unknown fields dropped. It is an httpx transport, so no socket is opened.

Source: contract 2.1 to 2.6.
"""

import asyncio
import json
import struct
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, unquote

import httpx

KEY = "right-key"
EXTENSIONS = ["revision", "validate", "armed_until", "deployment", "executions", "events", "cancel", "idempotency"]
HTML_500 = "<html><head><title>500</title></head><body><h1>Internal Server Error</h1></body></html>"
_BLOCK_KEYS = ("id", "type", "name", "position", "config", "enabled")
_EDGE_KEYS = ("id", "source", "target", "sourceHandle", "targetHandle", "condition")
Answer = tuple[int, Any]


@dataclass
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: httpx.Headers
    body: Any


@dataclass
class Fault:
    """What goes wrong with the requests that fit, `times` times. See `FakeServer.fail` for the kinds."""

    kind: str | int
    method: str = ""
    path: str = ""
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None

    def fits(self, method: str, path: str) -> bool:
        return self.times > 0 and self.method in ("", method) and self.path in path


class FakeServer(httpx.AsyncBaseTransport):
    """`workflows` are the stored rows by id, `requests` what arrived. Fields may be changed while it runs."""

    def __init__(self, *, own: bool = True, key: str = KEY, clock_ahead_s: float = 0.0) -> None:
        self.own = own
        self.key = key
        self.clock_ahead_s = clock_ahead_s
        self.workflows: dict[str, dict[str, Any]] = {}
        self.requests: list[Seen] = []
        self.faults: list[Fault] = []
        self.routes: dict[tuple[str, str], Callable[[Seen, str], Answer]] = {}
        """More routes: method and what follows `/api/workflows/{id}/` -> a function of request and workflow id."""
        self.is_holding = threading.Event()
        """Set while a request is held by the fault "slow"."""
        self._held: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    # --- what tests do to it ------------------------------------------------------------------------------------

    def add(self, name: str = "Stored", blocks: Any = (), edges: Any = (), **fields: Any) -> str:
        """A workflow that is there already; returns its id."""
        workflow_id = str(uuid.uuid4())
        stamp = self.now()
        row = {"id": workflow_id, "name": name, "description": "", "variables": {}, "color": None, "version": 1}
        row |= {"state": "internal", "schedule_config": None, "created_at": stamp, "updated_at": stamp}
        row |= {"armed_until": None, "execution_count": 0, "last_execution_at": None}
        self.workflows[workflow_id] = row | {"blocks": [], "edges": []} | fields
        self._store_graph(self.workflows[workflow_id], list(blocks), list(edges))
        return workflow_id

    def edit(self, workflow_id: str, block_id: str, **config: Any) -> None:
        """Somebody else changes a block's config and saves."""
        row = self.workflows[workflow_id]
        for block in row["blocks"]:
            if block["id"] == block_id:
                block["config"] = {**block["config"], **config}
        self._touch(row, version=row["version"] + 1)

    def fail(self, kind: str | int, method: str = "", path: str = "", *, times: int = 1, **more: Any) -> Fault:
        """Let something go wrong from now on.

        Kinds: a status with `headers` and `body`; "refused" nothing listens; "lost" it is done and the reply never
        comes; "cut" it is done and half of the reply comes; "slow" it is held until `release`; "late" it is done at
        once and its reply is held; "html" 500 with a page; "foreign" 200 with a page that is no API; "tls" and
        "proxy" as the network says it.
        """
        self.faults.append(Fault(kind, method, path, times, **more))
        return self.faults[-1]

    def release(self) -> None:
        """Let what is held go on, and hold nothing any more."""
        self.faults = [fault for fault in self.faults if fault.kind not in ("slow", "late")]
        for loop, released in self._held:
            loop.call_soon_threadsafe(released.set)

    def sent(self, method: str, path: str = "") -> list[Seen]:
        """The requests of this method whose path ends so."""
        return [seen for seen in self.requests if seen.method == method and seen.path.endswith(path)]

    def now(self) -> str:
        """The server's own time."""
        return (datetime.now(UTC) + timedelta(seconds=self.clock_ahead_s)).isoformat()

    def revision(self, workflow_id: str) -> str:
        """The content hash of a stored graph."""
        row = self.workflows[workflow_id]
        text = json.dumps([row["blocks"], row["edges"]], sort_keys=True)
        return str(uuid.uuid5(uuid.NAMESPACE_OID, text))

    # --- the transport ------------------------------------------------------------------------------------------

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        content = await request.aread()
        path = request.url.raw_path.decode().partition("?")[0]
        query = {key: values[0] for key, values in parse_qs(request.url.query.decode()).items()}
        seen = Seen(request.method, unquote(path), query, request.headers, json.loads(content) if content else None)
        self.requests.append(seen)
        fault = next((item for item in self.faults if item.fits(request.method, path)), None)
        if fault is not None:
            fault.times -= 1
            return await self._failing(fault, seen, request)
        return self._reply(*self._answer(seen), request)

    async def _failing(self, fault: Fault, seen: Seen, request: httpx.Request) -> httpx.Response:
        kind = fault.kind
        if isinstance(kind, int):
            return self._reply(
                kind, fault.body if fault.body is not None else {"error": "made to fail"}, request, fault
            )
        if kind in ("refused", "tls", "proxy"):
            raise _NETWORK_ERRORS[kind](request)
        if kind == "slow":
            await self._hold()
            return self._reply(*self._answer(seen), request)
        if kind == "html":
            return self._reply(500, HTML_500, request)
        if kind == "foreign":
            return self._reply(200, "<html><body>Welcome to the hotel network</body></html>", request)
        answer = self._answer(seen)
        if kind == "lost":
            raise httpx.ReadError("connection reset", request=request)
        if kind == "late":
            await self._hold()
            return self._reply(*answer, request)
        assert kind == "cut", kind
        whole = json.dumps(answer[1]).encode()
        headers = {"content-type": "application/json", "content-length": str(len(whole))}
        return httpx.Response(answer[0], headers=headers, stream=_Broken(whole[: len(whole) // 2]), request=request)

    async def _hold(self) -> None:
        held = asyncio.get_running_loop(), asyncio.Event()
        self._held.append(held)
        self.is_holding.set()
        try:
            await held[1].wait()
        finally:
            self._held.remove(held)
            self.is_holding.clear()

    def _reply(self, status: int, body: Any, request: httpx.Request, fault: Fault | None = None) -> httpx.Response:
        time = format_datetime(datetime.now(UTC) + timedelta(seconds=self.clock_ahead_s), usegmt=True)
        headers = {"date": time, **(fault.headers if fault else {})}
        if isinstance(body, str):
            return httpx.Response(status, html=body, headers=headers, request=request)
        if body is None:
            return httpx.Response(status, headers=headers, request=request)
        return httpx.Response(status, json=body, headers=headers, request=request)

    # --- the API ------------------------------------------------------------------------------------------------

    def _answer(self, seen: Seen) -> Answer:
        if seen.path == ("/api/health" if self.own else "/health"):
            told = {"status": "ok", "service": "fake", "version": "1"}
            return 200, told | ({"extensions": EXTENSIONS} if self.own else {})
        if not seen.path.startswith("/api/"):
            return 404, "<html><body>Not Found</body></html>"
        if seen.headers.get("authorization", "").split() != ["Bearer", self.key]:
            return 401, {"error": "Invalid token: not the key"}
        parts = seen.path.removeprefix("/api/").split("/")
        if parts[0] != "workflows":
            return 404, {"error": "Not found"}
        if len(parts) == 1:
            return self._list(seen.query) if seen.method == "GET" else self._create(seen.body)
        return self._about(seen, parts[1], "/".join(parts[2:]))

    def _about(self, seen: Seen, workflow_id: str, rest: str) -> Answer:
        row = self.workflows.get(workflow_id)
        if row is None:
            if seen.method == "DELETE":
                return 204, None
            if seen.method == "PATCH":
                return 200, {"ok": True}
            return 404, {"error": "Workflow not found", "error_code": "WORKFLOW_NOT_FOUND"}
        if (seen.method, rest) in self.routes:
            return self.routes[seen.method, rest](seen, workflow_id)
        handlers: dict[tuple[str, str], Callable[[], Answer]] = {
            ("GET", ""): lambda: (200, self._told(row)),
            ("PATCH", ""): lambda: self._patch(row, seen.body),
            ("DELETE", ""): lambda: self._delete(workflow_id),
            ("PUT", "graph"): lambda: self._put(row, seen),
            ("POST", "deploy"): lambda: self._lifecycle(row, "deployed"),
            ("POST", "undeploy"): lambda: self._lifecycle(row, "internal"),
            ("POST", "arm"): lambda: self._arm(row),
            ("GET", "executions"): lambda: (200, {"executions": []}),
        }
        handler = handlers.get((seen.method, rest))
        return handler() if handler else (404, "<html><body>Not Found</body></html>")

    def _list(self, query: dict[str, str]) -> Answer:
        limit, offset = int(query.get("limit", 50)), int(query.get("offset", 0))
        rows = [row for row in self.workflows.values() if query.get("q", "").lower() in (row["name"] or "").lower()]
        sort = query.get("sort", "created_at")
        known = sorted((row for row in rows if row[sort] is not None), key=lambda row: (row[sort], row["id"]))
        if query.get("order", "desc") == "desc":
            known.reverse()
        rows = known + [row for row in rows if row[sort] is None]
        hidden = ("blocks", "edges", "armed_until")
        told = [
            {key: value for key, value in row.items() if key not in hidden} for row in rows[offset : offset + limit]
        ]
        return 200, {"workflows": told, "total": len(rows), "limit": limit, "offset": offset}

    def _create(self, body: Any) -> Answer:
        if not body.get("name"):
            return 400, {"error": "Name is required"}
        fields = {key: body[key] for key in ("description", "variables", "color") if key in body}
        workflow_id = self.add(body["name"], **fields)
        return 201, {"id": workflow_id, "name": body["name"]}

    def _patch(self, row: dict[str, Any], body: Any) -> Answer:
        fields = {key: body[key] for key in ("name", "description", "variables", "color") if key in body}
        if not fields:
            return 400, {"error": "No fields to update"}
        row |= fields
        self._touch(row)
        return 200, {"ok": True}

    def _delete(self, workflow_id: str) -> Answer:
        del self.workflows[workflow_id]
        return 204, None

    def _put(self, row: dict[str, Any], seen: Seen) -> Answer:
        wanted = seen.headers.get("if-match")
        current = self.revision(row["id"])
        if self.own and wanted is not None and wanted.strip('"') != current:
            return 412, {"error": "The workflow has been changed since", "revision": current}
        blocks, edges = seen.body.get("blocks", []), seen.body.get("edges", [])
        if not self.own and not all(_is_uuid(block["id"]) for block in blocks):
            return 500, HTML_500
        taken = {item for row_id, other in self.workflows.items() if row_id != row["id"] for item in _webhooks(other)}
        if self.own and taken & set(_webhooks({"blocks": blocks})):
            return 400, {"error": "Another workflow has this webhook_id", "error_code": "VALIDATION_ERROR"}
        self._store_graph(row, blocks, edges)
        self._touch(row, version=row["version"] + 1)
        told: dict[str, Any] = {"ok": True, "blocks": len(blocks), "edges": len(edges)}
        if self.own:
            told |= {"revision": self.revision(row["id"]), "version": row["version"]}
        return 200, told

    def _lifecycle(self, row: dict[str, Any], state: str) -> Answer:
        row |= {"state": state, "armed_until": None}
        if state == "deployed":
            row["deployed_version"] = row["version"]
        self._touch(row)
        return 200, {"ok": True, "state": state}

    def _arm(self, row: dict[str, Any]) -> Answer:
        until = datetime.now(UTC) + timedelta(seconds=self.clock_ahead_s + 600)
        row["armed_until"] = until.isoformat()
        self._touch(row)
        return 200, {"ok": True, "armed_until": row["armed_until"]}

    def _told(self, row: dict[str, Any]) -> dict[str, Any]:
        hidden = ("execution_count", "last_execution_at", *(() if self.own else ("armed_until", "deployed_version")))
        told = {key: value for key, value in row.items() if key not in hidden}
        return told | ({"revision": self.revision(row["id"])} if self.own else {})

    def _store_graph(self, row: dict[str, Any], blocks: list[Any], edges: list[Any]) -> None:
        # A copy: what is stored must not change with what was sent.
        blocks, edges = json.loads(json.dumps(blocks)), json.loads(json.dumps(edges))
        defaults = {"sourceHandle": "output", "targetHandle": "input", "condition": None}
        edges = [defaults | edge for edge in edges]
        if self.own:
            row["blocks"] = blocks
            row["edges"] = [{"id": str(uuid.uuid4())} | edge for edge in edges]
            return
        row["blocks"] = [{key: block[key] for key in _BLOCK_KEYS if key in block} for block in blocks]
        for block in row["blocks"]:
            block["position"] = {axis: _single(value) for axis, value in block["position"].items()}
        kept = [{key: edge[key] for key in _EDGE_KEYS if key in edge} for edge in edges]
        row["edges"] = [edge | {"id": str(uuid.uuid4())} for edge in reversed(kept)]

    def _touch(self, row: dict[str, Any], **fields: Any) -> None:
        row |= {"updated_at": self.now(), **fields}


class _Broken(httpx.AsyncByteStream):
    """The first half of a reply, and then the connection is gone."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> Any:
        yield self._content
        raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")


def _webhooks(row: Any) -> Iterator[str]:
    for block in row["blocks"]:
        if isinstance(block.get("config"), dict) and block["config"].get("webhook_id"):
            yield block["config"]["webhook_id"]


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _single(value: float) -> float:
    return float(struct.unpack("f", struct.pack("f", value))[0])


_NETWORK_ERRORS: dict[str, Callable[[httpx.Request], Exception]] = {
    "refused": lambda request: httpx.ConnectError("All connection attempts failed", request=request),
    "tls": lambda request: httpx.ConnectError(
        "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate", request=request
    ),
    "proxy": lambda request: httpx.ProxyError("407 Proxy Authentication Required", request=request),
}
