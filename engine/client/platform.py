"""The platform's API, one method a route. Every method that reads tries again when the server stumbles; none that
changes something does, because nobody can know whether the first try arrived.

Source: contract section 2; methods marked "extension" are routes of our server only.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import msgspec

from engine.client import transport as http
from engine.client.connection import Connection
from engine.client.records import (
    AgentRecord,
    BlockLog,
    Deployment,
    EntityRecord,
    Execution,
    OrchestrationRecord,
    Page,
    RunReply,
    SavedGraph,
    ServerReport,
    StoredWorkflow,
    WorkflowFacts,
    WorkflowRow,
    deployment,
    stored_workflow,
    workflow_facts,
)
from engine.client.sse import FrameTooLarge, frames
from engine.client.transport import RUN_TIMEOUT_S, Reply, Transport, raise_for
from engine.document import Json, JsonObject
from engine.errors import FileError, NotAWorkflowServer, NotOnServer, ServerError, ServerFault, ServerUnreachable

T = TypeVar("T")
PAGE_SIZE = 50
READ_ATTEMPTS = 3
_WORKFLOW_MISSING = "WORKFLOW_NOT_FOUND"


class RunStream:
    """A run that is followed while it goes on. `execution_id` is known at once on our server, else only at the end."""

    def __init__(self, execution_id: str | None, frames_: AsyncIterator[JsonObject]) -> None:
        self.execution_id = execution_id
        self.frames = frames_


class PlatformClient:
    """One server, spoken to in its own terms. `async with` closes its connections.

    Raises, from every method: `ServerError`, one of its kinds; the text is fit to be shown.
    """

    def __init__(self, connection: Connection, transport: Any = None, *, retries: bool = True) -> None:
        self.connection = connection
        self.clock_offset_s: float | None = None
        """How far the server's clock is ahead of ours, as its last reply told."""
        self._transport = Transport(connection, transport)
        self._attempts = READ_ATTEMPTS if retries else 1

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End all connections."""
        await self._transport.close()

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Json] | None = None,
        body: Json = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Reply:
        """One exchange, whatever its status; a path such as `/api/agents`.

        Raises:
            ServerUnreachable: no whole reply came.
        """
        reply = await self._transport.exchange(
            method, path, params=params, body=body, headers=headers, timeout_s=timeout_s
        )
        self.clock_offset_s = reply.clock_offset_s if reply.clock_offset_s is not None else self.clock_offset_s
        return reply

    # --- the server itself --------------------------------------------------------------------------------------

    async def extensions(self) -> frozenset[str]:
        """What our server offers beside the contract; empty for others."""
        told = await self._health()
        listed = told.get("extensions")
        return frozenset(item for item in listed if isinstance(item, str)) if isinstance(listed, list) else frozenset()

    async def test(self) -> ServerReport:
        """Whether this connection works, in words. Never raises: what is wrong is the report."""
        try:
            told = await self._health()
            page = await self.workflows(limit=1)
        except ServerError as error:
            return ServerReport(False, str(error), clock_offset_s=self.clock_offset_s)
        product, version = str(told.get("service") or ""), str(told.get("version") or "")
        count = f"{page.total} workflow{'' if page.total == 1 else 's'}"
        name = f"{product} {version}".strip() or "a workflow server"
        listed = told.get("extensions")
        extensions = frozenset(str(item) for item in listed) if isinstance(listed, list) else frozenset[str]()
        words = f"Connected to {name} with {count}."
        return ServerReport(True, words, product, version, extensions, page.total, self.clock_offset_s)

    # --- workflows ----------------------------------------------------------------------------------------------

    async def workflows(
        self,
        *,
        search: str = "",
        sort: str = "created_at",
        order: str = "desc",
        limit: int = PAGE_SIZE,
        offset: int = 0,
    ) -> Page[WorkflowRow]:
        """One page of the list; `sort` is created_at, name, updated_at or last_execution_at."""
        params = {"q": search or None, "sort": sort, "order": order, "limit": limit, "offset": offset}
        return self._page(await self._read("/api/workflows", params), "workflows", WorkflowRow, limit, offset)

    async def create_workflow(
        self, name: str, *, description: str = "", variables: JsonObject | None = None, color: str | None = None
    ) -> str:
        """A new, empty workflow; returns its id."""
        body = {"name": name, "description": description, "variables": variables or {}, "color": color}
        told = await self._object("POST", "/api/workflows", body)
        return self._parsed(lambda: str(told["id"]))

    async def workflow(self, workflow_id: str) -> StoredWorkflow:
        """The workflow with its graph."""
        told = await self._read(f"/api/workflows/{_part(workflow_id)}")
        return self._parsed(lambda: stored_workflow(told))

    async def facts(self, workflow_id: str) -> WorkflowFacts:
        """What the server tells about the workflow beside its graph: cheap to ask again and again."""
        reply = await self.call("GET", f"/api/workflows/{_part(workflow_id)}")
        raise_for(reply, self.connection)
        return self._parsed(lambda: workflow_facts(reply.body))

    async def update_workflow(self, workflow_id: str, fields: JsonObject) -> None:
        """Change name, description, variables or color."""
        await self._object("PATCH", f"/api/workflows/{_part(workflow_id)}", fields)

    async def delete_workflow(self, workflow_id: str) -> None:
        """Delete it with its runs; one that is gone already is fine."""
        await self._done("DELETE", f"/api/workflows/{_part(workflow_id)}")

    async def save_graph(
        self,
        workflow_id: str,
        blocks: Sequence[JsonObject],
        edges: Sequence[JsonObject],
        *,
        if_match: str | None = None,
    ) -> SavedGraph:
        """Replace the whole graph. With the revision of the base in `if_match` (extension) only if nobody else did.

        Raises:
            RevisionMoved: somebody did.
        """
        headers = None if if_match is None else {"If-Match": f'"{if_match}"'}
        body = {"blocks": blocks, "edges": edges}
        reply = await self.call("PUT", f"/api/workflows/{_part(workflow_id)}/graph", body=body, headers=headers)
        told = await self._value(reply)
        # Our server names the new revision and version in headers, since the body is the contract's to the letter.
        version = reply.headers.get("x-workflow-version", "")
        known = {"revision": revision_in(reply), "version": int(version) if version.isdecimal() else None}
        return self._parsed(lambda: msgspec.convert({**known, **told}, SavedGraph))

    async def validate(self, workflow_id: str, graph: JsonObject | None = None) -> list[JsonObject]:
        """The problems that the server sees in this graph, else in the stored one (extension)."""
        told = await self._object("POST", f"/api/workflows/{_part(workflow_id)}/validate", graph or {})
        return self._parsed(lambda: msgspec.convert(told["problems"], list[JsonObject]))

    async def deployment(self, workflow_id: str) -> Deployment | None:
        """The graph at the last deploy (extension); None when there was none, or the server keeps none."""
        try:
            told = await self._read(f"/api/workflows/{_part(workflow_id)}/deployment")
        except (NotOnServer, NotAWorkflowServer):
            return None
        return self._parsed(lambda: deployment(told))

    async def deploy(self, workflow_id: str) -> None:
        """Let its webhook take calls and its schedule run."""
        await self._object("POST", f"/api/workflows/{_part(workflow_id)}/deploy")

    async def undeploy(self, workflow_id: str) -> None:
        """Let its webhook refuse calls and its schedule rest; an armed window ends too."""
        await self._object("POST", f"/api/workflows/{_part(workflow_id)}/undeploy")

    async def arm(self, workflow_id: str) -> str:
        """Let its webhook take exactly one call; returns until when, by the server's clock (ISO 8601)."""
        told = await self._object("POST", f"/api/workflows/{_part(workflow_id)}/arm")
        return self._parsed(lambda: str(told["armed_until"]))

    # --- runs ---------------------------------------------------------------------------------------------------

    async def execute(self, workflow_id: str, variables: JsonObject, *, idempotency_key: str | None = None) -> RunReply:
        """Run the saved graph and wait for its end."""
        told = await self._object(
            "POST",
            f"/api/workflows/{_part(workflow_id)}/execute",
            {"variables": variables},
            headers=_idempotency(idempotency_key),
            timeout_s=RUN_TIMEOUT_S,
        )
        return self._parsed(lambda: msgspec.convert(told, RunReply))

    @asynccontextmanager
    async def execute_stream(
        self, workflow_id: str, variables: JsonObject, *, idempotency_key: str | None = None
    ) -> AsyncIterator[RunStream]:
        """Run the saved graph and follow it. The frames are those of contract 2.7, unchecked.

        Raises:
            ServerUnreachable: the connection broke, also while frames are read; the run goes on at the server.
        """
        path = f"/api/workflows/{_part(workflow_id)}/execute/stream"
        headers = {"Accept": "text/event-stream", **(_idempotency(idempotency_key) or {})}
        async with self._transport.opened("POST", path, body={"variables": variables}, headers=headers) as reply:
            if reply.status_code != 200 or "text/event-stream" not in reply.headers.get("content-type", ""):
                await self._refused_stream(reply)
            yield RunStream(reply.headers.get("x-execution-id"), _bounded(frames(reply.aiter_bytes()), self.connection))

    async def executions(
        self, workflow_id: str, *, limit: int = 20, offset: int = 0, status: str | None = None
    ) -> list[Execution]:
        """Its runs, newest first. `offset`, `status` and the details are extensions: others know nothing of them."""
        params = {"limit": limit, "offset": offset or None, "status": status, "detail": True}
        told = await self._read(f"/api/workflows/{_part(workflow_id)}/executions", params)
        return self._parsed(lambda: msgspec.convert(told["executions"], list[Execution]))

    async def execution(self, workflow_id: str, execution_id: str) -> Execution:
        """One run; found in the list where the server has no route for it (extension)."""
        try:
            told = await self._read(f"/api/workflows/{_part(workflow_id)}/executions/{_part(execution_id)}")
            return self._parsed(lambda: msgspec.convert(told, Execution))
        except (NotOnServer, NotAWorkflowServer):
            listed = await self.executions(workflow_id, limit=100)
            found = next((item for item in listed if item.id == execution_id), None)
            if found is None:
                raise
            return found

    async def block_logs(self, workflow_id: str, execution_id: str) -> list[BlockLog]:
        """What each block of a run did, in the order in which they ended."""
        told = await self._read(f"/api/workflows/{_part(workflow_id)}/executions/{_part(execution_id)}/logs")
        return self._parsed(lambda: msgspec.convert(told["block_logs"], list[BlockLog]))

    async def execution_events(
        self, workflow_id: str, execution_id: str, *, after: int = 0, wait_s: float = 0
    ) -> tuple[list[JsonObject], bool]:
        """Events of a run numbered above `after`, and whether the run is over; waits for the first (extension)."""
        told = await self._read(
            f"/api/workflows/{_part(workflow_id)}/executions/{_part(execution_id)}/events",
            {"after": after, "wait_s": wait_s},
            timeout_s=wait_s + http.READ_TIMEOUT_S,
        )
        return self._parsed(lambda: (msgspec.convert(told["events"], list[JsonObject]), bool(told["finished"])))

    async def cancel_execution(self, workflow_id: str, execution_id: str) -> None:
        """End a run (extension)."""
        await self._object("POST", f"/api/workflows/{_part(workflow_id)}/executions/{_part(execution_id)}/cancel")

    async def trigger(self, webhook_id: str, secret: str, body: Json, *, idempotency_key: str | None = None) -> Reply:
        """Call a webhook as a foreign program would: with its secret and without our key. Any status is a reply."""
        return await self._transport.exchange(
            "POST",
            f"/api/webhooks/{_part(webhook_id)}",
            body=body,
            headers={**_bearer(secret), **(_idempotency(idempotency_key) or {})},
            timeout_s=RUN_TIMEOUT_S,
            authenticated=False,
        )

    # --- agents and orchestrations ------------------------------------------------------------------------------

    async def agents(
        self, *, search: str = "", sort: str = "name", order: str = "asc", limit: int = 100, offset: int = 0
    ) -> Page[AgentRecord]:
        """One page of the stored agents."""
        params = {"q": search or None, "sort": sort, "order": order, "limit": limit, "offset": offset}
        return self._page(await self._read("/api/agents", params), "agents", AgentRecord, limit, offset)

    async def agent(self, agent_id: str) -> AgentRecord:
        """One stored agent."""
        told = await self._read(f"/api/agents/{_part(agent_id)}")
        return self._parsed(lambda: msgspec.convert(told, AgentRecord))

    async def agent_knowledge_bases(self, agent_id: str) -> list[str]:
        """Ids of the knowledge bases that an agent reads."""
        told = await self._read(f"/api/agents/{_part(agent_id)}/knowledge-bases")
        return self._parsed(lambda: [str(row["knowledge_base_id"]) for row in told["knowledge_bases"]])

    async def create_agent(self, fields: JsonObject) -> AgentRecord:
        """A new agent from name, model, system_prompt and settings."""
        told = await self._object("POST", "/api/agents", fields)
        return self._parsed(lambda: msgspec.convert(told, AgentRecord))

    async def update_agent(self, agent_id: str, fields: JsonObject) -> AgentRecord:
        """Change some of name, model, system_prompt and settings."""
        told = await self._object("PATCH", f"/api/agents/{_part(agent_id)}", fields)
        return self._parsed(lambda: msgspec.convert(told, AgentRecord))

    async def delete_agent(self, agent_id: str) -> None:
        """Delete a stored agent."""
        await self._done("DELETE", f"/api/agents/{_part(agent_id)}")

    async def orchestrations(self, *, search: str = "", limit: int = 100, offset: int = 0) -> Page[OrchestrationRecord]:
        """One page of the stored orchestrations, without their agents."""
        params = {"q": search or None, "limit": limit, "offset": offset}
        told = await self._read("/api/orchestrations", params)
        return self._page(told, "orchestrations", OrchestrationRecord, limit, offset)

    async def orchestration(self, orchestration_id: str) -> OrchestrationRecord:
        """One stored orchestration with its agents."""
        told = await self._read(f"/api/orchestrations/{_part(orchestration_id)}")
        return self._parsed(lambda: msgspec.convert(told, OrchestrationRecord))

    async def create_orchestration(self, fields: JsonObject) -> OrchestrationRecord:
        """A new orchestration from name, description, strategy, orchestrator_config and settings."""
        told = await self._object("POST", "/api/orchestrations", fields)
        return self._parsed(lambda: msgspec.convert(told, OrchestrationRecord))

    async def update_orchestration(self, orchestration_id: str, fields: JsonObject) -> OrchestrationRecord:
        """Change some of the fields of `create_orchestration`."""
        told = await self._object("PUT", f"/api/orchestrations/{_part(orchestration_id)}", fields)
        return self._parsed(lambda: msgspec.convert(told, OrchestrationRecord))

    async def delete_orchestration(self, orchestration_id: str) -> None:
        """Delete a stored orchestration."""
        await self._done("DELETE", f"/api/orchestrations/{_part(orchestration_id)}")

    async def add_entity(self, orchestration_id: str, fields: JsonObject) -> EntityRecord:
        """Give an orchestration one more agent."""
        told = await self._object("POST", f"/api/orchestrations/{_part(orchestration_id)}/entities", fields)
        return self._parsed(lambda: msgspec.convert(told, EntityRecord))

    async def update_entity(self, orchestration_id: str, entity_id: str, fields: JsonObject) -> None:
        """Change an agent's role, config or position."""
        path = f"/api/orchestrations/{_part(orchestration_id)}/entities/{_part(entity_id)}"
        await self._done("PUT", path, fields)

    async def remove_entity(self, orchestration_id: str, entity_id: str) -> None:
        """Take an agent out of an orchestration; the agent itself stays."""
        await self._done("DELETE", f"/api/orchestrations/{_part(orchestration_id)}/entities/{_part(entity_id)}")

    # --- exchanges ----------------------------------------------------------------------------------------------

    async def _health(self) -> JsonObject:
        """What the server says about itself, from the first of the two routes that it has (X19)."""
        for path in ("/api/health", "/health"):
            reply = await self.call("GET", path)
            if reply.is_success:
                value = reply.value()
                return value if isinstance(value, dict) else {}
            if reply.status not in (401, 403, 404, 405):
                raise_for(reply, self.connection)
        return {}

    async def _read(
        self, path: str, params: Mapping[str, Json] | None = None, *, timeout_s: float | None = None
    ) -> JsonObject:
        """The object at this path, asked for again when the server stumbles."""
        import stamina

        stamina.instrumentation.set_on_retry_hooks(())  # which would print each try on standard output
        async for attempt in stamina.retry_context(
            on=(ServerUnreachable, ServerFault), attempts=self._attempts, wait_initial=0.2, wait_max=2.0
        ):
            with attempt:
                return await self._object("GET", path, params=params, timeout_s=timeout_s)
        raise AssertionError("the last attempt returns or raises")

    async def _object(
        self,
        method: str,
        path: str,
        body: Json = None,
        *,
        params: Mapping[str, Json] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> JsonObject:
        """The JSON object at this path, or what was made of the body."""
        reply = await self.call(method, path, params=params, body=body, headers=headers, timeout_s=timeout_s)
        return await self._value(reply)

    async def _value(self, reply: Reply) -> JsonObject:
        """The JSON object of a successful reply."""
        raise_for(reply, self.connection)
        try:
            value = await http.decoded(reply)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise self._strange()
        return value

    async def _done(self, method: str, path: str, body: Json = None) -> None:
        """A call whose reply holds nothing of interest."""
        raise_for(await self.call(method, path, body=body), self.connection)

    async def _refused_stream(self, reply: Any) -> None:
        refusal = Reply(reply.status_code, dict(reply.headers), await self._transport.content(reply))
        raise_for(refusal, self.connection)
        raise self._strange()

    def _page(self, told: JsonObject, key: str, kind: type[T], limit: int, offset: int) -> Page[T]:
        def parse() -> Page[T]:
            items = msgspec.convert(told[key], tuple[kind, ...])  # type: ignore[valid-type]
            total = told.get("total", len(items))
            return Page(items, int(total), int(told.get("limit", limit)), int(told.get("offset", offset)))

        return self._parsed(parse)

    def _parsed(self, parse: Callable[[], T]) -> T:
        try:
            return parse()
        except (KeyError, TypeError, ValueError, FileError) as error:
            raise self._strange(error) from None

    def _strange(self, error: Exception | None = None) -> NotAWorkflowServer:
        why = f" ({error})" if error is not None else ""
        text = f"{self.connection.host} answers, but not as a workflow server does{why}. Check the address."
        return NotAWorkflowServer(text)


async def _bounded(frames_: AsyncIterator[JsonObject], connection: Connection) -> AsyncIterator[JsonObject]:
    try:
        async for frame in frames_:
            yield frame
    except FrameTooLarge as error:
        raise ServerUnreachable(f"The run of {connection.host} cannot be followed: {error}.") from None


def revision_in(reply: Reply) -> str | None:
    """The revision that a reply's `ETag` names (extension), None when it has none."""
    return reply.headers.get("etag", "").removeprefix("W/").strip('"') or None


def _part(identifier: str) -> str:
    """An id as one part of a path, whatever it holds."""
    return quote(identifier, safe="")


def _idempotency(key: str | None) -> dict[str, str] | None:
    return None if key is None else {"Idempotency-Key": key}


def _bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"} if secret else {}
