"""What a workflow server answers, as frozen records. Unknown keys are passed over, missing ones have defaults.

Source: contract 2.4 to 2.8, 2.10, 2.11. Fields marked "extension" are told by our server only.
"""

import json
from collections.abc import Mapping
from typing import Any, Generic, Literal, TypeVar

import msgspec

from engine.document import Json, JsonObject, Workflow, workflow_from_api

T = TypeVar("T")
State = Literal["internal", "deployed"]

# What a server tells about a workflow and what is no part of the document.
_BOOKKEEPING = frozenset(
    (
        *("id", "version", "created_at", "updated_at", "state", "schedule_config", "execution_count"),
        *("last_execution_at", "webhook_armed_until", "revision", "armed_until", "deployed_at", "deployed_version"),
        *("deployed_revision", "next_runs"),
    )
)


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list. `total` counts all that fit the search, whatever the page holds."""

    items: tuple[T, ...]
    total: int
    limit: int
    offset: int


class WorkflowRow(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow in a list. Times are ISO 8601 texts with offset."""

    id: str
    name: str | None = ""
    description: str | None = None
    variables: JsonObject | None = None
    version: int = 1
    color: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    state: str = "internal"
    schedule_config: JsonObject | None = None
    execution_count: int = 0
    last_execution_at: str | None = None

    @property
    def is_deployed(self) -> bool:
        """Whether its webhook takes calls without being armed."""
        return self.state == "deployed"


class StoredWorkflow(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow as it is on the server: the document, and what the server tells about it.

    `revision`, `armed_until`, `deployed_at`, `deployed_version` and `next_runs` are extensions, None or empty
    elsewhere. `tells_arming` is False for a server that never says whether a workflow is armed.
    """

    id: str
    workflow: Workflow
    version: int = 1
    state: str = "internal"
    created_at: str | None = None
    updated_at: str | None = None
    schedule_config: JsonObject | None = None
    revision: str | None = None
    armed_until: str | None = None
    tells_arming: bool = False
    deployed_at: str | None = None
    deployed_version: int | None = None
    next_runs: tuple[str, ...] = ()

    @property
    def is_deployed(self) -> bool:
        """Whether its webhook takes calls without being armed."""
        return self.state == "deployed"


class WorkflowFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a server tells about a workflow beside the document; fields as in `StoredWorkflow`."""

    id: str
    version: int = 1
    state: str = "internal"
    created_at: str | None = None
    updated_at: str | None = None
    schedule_config: JsonObject | None = None
    revision: str | None = None
    armed_until: str | None = None
    tells_arming: bool = False
    deployed_at: str | None = None
    deployed_version: int | None = None
    next_runs: tuple[str, ...] = ()


class SavedGraph(msgspec.Struct, frozen=True):
    """What a save came to. `revision` and `version` are extensions."""

    blocks: int
    edges: int
    revision: str | None = None
    version: int | None = None


class Deployment(msgspec.Struct, frozen=True):
    """The graph at the time of the last deploy (extension)."""

    version: int
    workflow: Workflow
    revision: str | None = None
    deployed_at: str | None = None


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """One run in a workflow's history. `output` of a failed or running one is `{}` (contract 2.8)."""

    id: str
    status: str = "completed"
    input: Json = None
    output: Json = None
    error: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    created_at: str | None = None
    trigger: str | None = None
    version: int | None = None
    error_count: int | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status not in ("pending", "running")


class BlockLog(msgspec.Struct, frozen=True, kw_only=True):
    """What one block did in a past run; `input` maps source block ids to their results."""

    block_id: str
    block_type: str = ""
    block_name: str | None = ""
    status: str = "success"
    duration_ms: float | None = None
    input: JsonObject | None = None
    output: JsonObject | None = None
    error: str | None = None
    config_snapshot: JsonObject | None = None
    execution_order: int = 0
    agent_run_id: str | None = None


class RunReply(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was waited for (contract 2.7); a webhook call tells only the first three (2.9)."""

    execution_id: str
    status: str = "completed"
    output: Json = None
    block_outputs: JsonObject = {}
    block_logs: tuple[JsonObject, ...] = ()


class AgentRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A stored agent as servers tell it (contract 2.10)."""

    id: str
    name: str | None = ""
    model: str | None = ""
    system_prompt: str | None = None
    settings: JsonObject | None = None
    updated_at: str | None = None


class EntityRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An agent's place in an orchestration (contract 2.11)."""

    id: str
    entity_ref_id: str
    entity_type: str = "agent"
    role_description: str | None = ""
    config: JsonObject | None = None
    position: int | None = 0


class OrchestrationRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A stored orchestration; rows of a list have `entity_count` in place of `entities`."""

    id: str
    name: str | None = ""
    description: str | None = ""
    strategy: str = "supervisor"
    orchestrator_config: JsonObject | None = None
    settings: JsonObject | None = None
    entities: tuple[EntityRecord, ...] = ()
    entity_count: int | None = None


class ServerReport(msgspec.Struct, frozen=True):
    """What a connection test found. `words` is a sentence for people; `clock_offset_s` is server minus ours."""

    is_fine: bool
    words: str
    product: str = ""
    version: str = ""
    extensions: frozenset[str] = frozenset()
    workflow_count: int | None = None
    clock_offset_s: float | None = None


def stored_workflow(data: Mapping[str, Any]) -> StoredWorkflow:
    """The record in the reply of `GET /api/workflows/{id}`.

    Raises:
        FileError: the graph in it has a shape that no document can take.
        msgspec.ValidationError: what the server tells about it has another shape than the contract's.
    """
    told = _facts({key: data[key] for key in _BOOKKEEPING & data.keys()})
    document = {key: value for key, value in data.items() if key not in _BOOKKEEPING}
    return StoredWorkflow(
        id=told.id,
        workflow=workflow_from_api(_without_nulls(document)),
        version=told.version,
        state=told.state,
        created_at=told.created_at,
        updated_at=told.updated_at,
        schedule_config=told.schedule_config,
        revision=told.revision,
        armed_until=told.armed_until,
        tells_arming=told.tells_arming,
        deployed_at=told.deployed_at,
        deployed_version=told.deployed_version,
        next_runs=told.next_runs,
    )


def workflow_facts(body: bytes) -> WorkflowFacts:
    """What the reply of `GET /api/workflows/{id}` tells beside the graph, which is passed over unread.

    Raises:
        ValueError: it is no JSON object, or what it tells has another shape than the contract's.
    """
    try:
        parts = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        # This one takes the NaN that the contract's servers write into a graph now and then.
        data = msgspec.convert(json.loads(body), dict[str, Any])
        return _facts({key: data[key] for key in _BOOKKEEPING & data.keys()})
    return _facts({key: msgspec.json.decode(parts[key]) for key in _BOOKKEEPING & parts.keys()})


def deployment(data: Mapping[str, Any]) -> Deployment:
    """The record in the reply of `GET /api/workflows/{id}/deployment`; errors as in `stored_workflow`."""
    told = msgspec.convert({**data, "id": ""}, WorkflowFacts, strict=False)
    graph = workflow_from_api({"blocks": data.get("blocks"), "edges": data.get("edges")})
    return Deployment(told.version, graph, told.revision, told.deployed_at)


def _facts(told: JsonObject) -> WorkflowFacts:
    given = {key: value for key, value in told.items() if value is not None}
    return msgspec.convert({**given, "tells_arming": "armed_until" in told}, WorkflowFacts, strict=False)


def _without_nulls(document: JsonObject) -> JsonObject:
    """The document without name, description, variables and color where the server stores null for "not given"."""
    optional = ("name", "description", "variables", "color")
    return {key: value for key, value in document.items() if not (key in optional and value is None)}
