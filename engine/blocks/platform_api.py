"""Platform API: one call to the connected server's own REST API, chosen from a table of operations."""

import json
import re
from typing import NamedTuple
from urllib.parse import quote

from engine.blocks._fields import Choice, Field, Visible
from engine.blocks._spec import BlockContext, BlockType, Effect, Outcome, OutputField
from engine.document import Json, JsonObject
from engine.errors import BlockError
from engine.references import text_of

_TABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Operation(NamedTuple):
    """One row of the table of contract 3.10.

    `path` may hold `{id}`, `{table}` and `{row}`. `body` and `params` map config keys of the form to names in the body
    and in the query; `raw_body` is a config key that holds the whole body.
    """

    label: str
    method: str
    path: str
    body: tuple[tuple[str, str], ...] = ()
    params: tuple[tuple[str, str], ...] = ()
    raw_body: str = ""


class Resource(NamedTuple):
    """A kind of thing on the server. `operation_key` is the config key that names the operation."""

    label: str
    operation_key: str
    operations: dict[str, Operation]


def _keys(prefix: str, names: str) -> tuple[tuple[str, str], ...]:
    return tuple((f"{prefix}_{name}", name) for name in names.split())


_AGENT_FIELDS = _keys("agents_cu", "name model system_prompt settings")
_KB_FIELDS = _keys("kb_cu", "name description indexing_config retrieval_config")
_ROW = "/api/database/tables/{table}/{row}"
RESOURCES: dict[str, Resource] = {
    "agents": Resource(
        "Agents",
        "agents_operation",
        {
            "list": Operation("List agents", "GET", "/api/agents", params=_keys("agents_list", "limit offset")),
            "get": Operation("Read one agent", "GET", "/api/agents/{id}"),
            "run": Operation(
                "Ask an agent",
                "POST",
                "/api/agents/{id}/run",
                (
                    ("agents_run_message", "message"),
                    ("agents_run_session_id", "session_id"),
                    ("agents_run_kb", "knowledge_bases"),
                    ("agents_run_context_handler_id", "context_handler_id"),
                    ("agents_run_max_context_tokens", "max_context_tokens"),
                ),
            ),
            "create": Operation("Create an agent", "POST", "/api/agents", _AGENT_FIELDS),
            "update": Operation("Change an agent", "PATCH", "/api/agents/{id}", _AGENT_FIELDS),
            "delete": Operation("Delete an agent", "DELETE", "/api/agents/{id}"),
        },
    ),
    "knowledge_bases": Resource(
        "Knowledge bases",
        "kb_operation",
        {
            "list": Operation("List them", "GET", "/api/knowledge-bases", params=_keys("kb_list", "limit offset")),
            "get": Operation("Read one", "GET", "/api/knowledge-bases/{id}"),
            "search": Operation(
                "Search in one",
                "POST",
                "/api/knowledge-bases/{id}/search",
                _keys("kb_search", "query top_k retrieval_method similarity_threshold filter_metadata"),
            ),
            "create": Operation("Create one", "POST", "/api/knowledge-bases", _KB_FIELDS),
            "update": Operation("Change one", "PATCH", "/api/knowledge-bases/{id}", _KB_FIELDS),
            "delete": Operation("Delete one", "DELETE", "/api/knowledge-bases/{id}"),
        },
    ),
    "sources": Resource(
        "Sources",
        "sources_operation",
        {
            "list": Operation(
                "List sources", "GET", "/api/sources", params=_keys("sources_list", "limit offset status")
            ),
            "get": Operation("Read one source", "GET", "/api/sources/{id}"),
            "delete": Operation("Delete a source", "DELETE", "/api/sources/{id}"),
        },
    ),
    "sessions": Resource(
        "Sessions",
        "sessions_operation",
        {
            "get": Operation("Read one session", "GET", "/api/sessions/{id}"),
            "list_messages": Operation(
                "List its messages", "GET", "/api/sessions/{id}/messages", params=_keys("sessions_messages", "limit")
            ),
            "delete": Operation("Delete a session", "DELETE", "/api/sessions/{id}"),
        },
    ),
    "context_handlers": Resource(
        "Context handlers",
        "ch_operation",
        {
            "list": Operation("List them", "GET", "/api/context-handlers", params=_keys("ch_list", "limit offset")),
            "get": Operation("Read one", "GET", "/api/context-handlers/{id}"),
            "create": Operation(
                "Create one",
                "POST",
                "/api/context-handlers",
                (
                    ("ch_create_query", "query"),
                    ("ch_create_kb", "knowledge_bases"),
                    ("ch_create_max_context_tokens", "max_context_tokens"),
                ),
            ),
        },
    ),
    "database": Resource(
        "Database",
        "db_operation",
        {
            "list_tables": Operation("List tables", "GET", "/api/database/tables"),
            "list": Operation(
                "List rows", "GET", "/api/database/tables/{table}", params=_keys("db_list", "limit offset")
            ),
            "get": Operation("Read one row", "GET", _ROW),
            "create": Operation("Add a row", "POST", "/api/database/tables/{table}", raw_body="db_body"),
            "update": Operation("Change a row", "PATCH", _ROW, raw_body="db_body"),
            "delete": Operation("Delete a row", "DELETE", _ROW),
        },
    ),
}


async def run(ctx: BlockContext, config: JsonObject) -> Outcome:
    """Any reply is a success, whatever its status; what cannot be sent is a reported failure (contract 3.10)."""
    try:
        operation = operation_of(config)
        path = path_of(operation, config)
        params, body = params_of(operation, config), body_of(operation, config)
        sends_body = operation.method in ("POST", "PATCH")
        reply = await ctx.call_platform(
            operation.method,
            path,
            params=params,
            body=body if sends_body else None,
        )
    except BlockError as error:
        return Outcome({"output": None, "error": str(error)}, str(error))
    return Outcome({"output": reply.value(), "status_code": reply.status})


def operation_of(config: JsonObject) -> Operation:
    """The row that the config chooses.

    Raises:
        BlockError: it chooses none that there is.
    """
    name = text_of(config.get("resource") or "").strip()
    if not name:
        raise BlockError("Resource is required", retryable=False)
    resource = RESOURCES.get(name)
    if resource is None:
        raise BlockError(f"Unknown resource: {name!r}", retryable=False)
    chosen = text_of(config.get(resource.operation_key) or "").strip()
    if not chosen:
        raise BlockError("Operation is required", retryable=False)
    operation = resource.operations.get(chosen)
    if operation is None:
        raise BlockError(f"Unknown route: resource={name!r}, operation={chosen!r}", retryable=False)
    return operation


def path_of(operation: Operation, config: JsonObject) -> str:
    """The path with its ids and names filled in.

    Raises:
        BlockError: one is missing or has a shape that no server takes.
    """
    parts: dict[str, str] = {}
    if "{table}" in operation.path:
        parts["table"] = _table_name(text_of(config.get("db_table") or "").strip(), "table")
    for part, key in (("row", "db_row_id"), ("id", "resource_id")):
        if f"{{{part}}}" in operation.path:
            value = text_of(config.get(key) if config.get(key) is not None else "").strip()
            if not value:
                raise BlockError(f"{key} is required for this operation", retryable=False)
            if value in (".", ".."):  # a path would swallow it, and mean another route
                raise BlockError(f"{key} must be an id, not {value!r}", retryable=False)
            parts[part] = quote(value, safe="")
    return operation.path.format(**parts)


def params_of(operation: Operation, config: JsonObject) -> JsonObject | None:
    """The query: form fields, and over them what `params` holds; `params` counts for reading only."""
    params = _form_values(operation.params, config)
    # The studio's "All" would be sent as a status that nothing has (W39).
    if params.get("status") == "all":
        del params["status"]
    if operation.method == "GET":
        params |= _object(config.get("params"))
    schema = text_of(config.get("db_schema") or "").strip()
    if operation.path.startswith("/api/database") and schema not in ("", "public"):
        params["schema"] = _table_name(schema, "schema")
    return params or None


def body_of(operation: Operation, config: JsonObject) -> Json:
    """What is sent: form fields, and over them, key by key, what `body` holds; with `use_raw_json` only that."""
    given = _object(config.get("body"))
    if _is_on(config.get("use_raw_json")):
        return given
    if operation.raw_body:
        return {**_object(config.get(operation.raw_body)), **given}
    return {**_form_values(operation.body, config), **_object(config.get("_extra_body_fields")), **given}


def _form_values(rows: tuple[tuple[str, str], ...], config: JsonObject) -> JsonObject:
    """Values of the form by their names on the wire. Empty ones are left out; text that reads as JSON is JSON."""
    values: JsonObject = {}
    for key, name in rows:
        value = config.get(key)
        if value is None or value in ("", [], {}) or (isinstance(value, str) and not value.strip()):
            continue
        values[name] = _parsed(value)
    return values


def _parsed(value: Json) -> Json:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _object(value: Json) -> JsonObject:
    """An object, or the object in a JSON text; nothing for anything else."""
    parsed = _parsed(value)
    return parsed if isinstance(parsed, dict) else {}


def _is_on(value: Json) -> bool:
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def _table_name(name: str, kind: str) -> str:
    if not _TABLE_NAME.fullmatch(name):
        raise BlockError(f"Invalid {kind} name: {name!r} (alphanumeric and underscores only)", retryable=False)
    return name


def summary(config: JsonObject) -> str:
    """What is done to which kind of thing."""
    try:
        operation = operation_of(config)
    except BlockError:
        return "nothing chosen yet"
    return f"{RESOURCES[text_of(config['resource']).strip()].label}: {operation.label.lower()}"


def _effects(config: JsonObject) -> tuple[Effect, ...]:
    try:
        operation = operation_of(config)
    except BlockError:
        return (Effect("platform"),)
    return (Effect("platform", f"{operation.method} {operation.path}"),)


def _shown(resource: str, *operations: str) -> tuple[Visible, ...]:
    found = RESOURCES[resource]
    return (Visible("resource", (resource,)), Visible(found.operation_key, operations))


def _operation_fields() -> tuple[Field, ...]:
    return tuple(
        Field(
            resource.operation_key,
            "Action",
            "choice",
            choices=tuple(Choice(key, operation.label) for key, operation in resource.operations.items()),
            visible=(Visible("resource", (name,)),),
        )
        for name, resource in RESOURCES.items()
    )


def _paging(prefix: str, resource: str, operation: str = "list") -> tuple[Field, ...]:
    shown = _shown(resource, operation)
    return (
        Field(f"{prefix}_limit", "At most", "number", minimum=1, maximum=200, visible=shown, advanced=True),
        Field(f"{prefix}_offset", "Leave out the first", "number", minimum=0, visible=shown, advanced=True),
    )


def _form_fields() -> tuple[Field, ...]:
    in_agent, asking = _shown("agents", "create", "update"), _shown("agents", "run")
    in_base, searching = _shown("knowledge_bases", "create", "update"), _shown("knowledge_bases", "search")
    handling = _shown("context_handlers", "create")
    rows = (Visible("resource", ("database",)), Visible("db_operation", ("list_tables", None, ""), negate=True))
    one_row = _shown("database", "get", "update", "delete")
    return (
        Field("db_table", "Table", "text", visible=rows, placeholder="customers"),
        Field("db_row_id", "Row id", "text", visible=one_row),
        Field("db_body", "Row", "json", visible=_shown("database", "create", "update"), help="Columns and values."),
        Field("db_schema", "Schema", "text", visible=rows, advanced=True, placeholder="public"),
        Field("agents_run_message", "Message", "long_text", visible=asking, help="What the agent is asked."),
        Field("agents_run_session_id", "Session id", "text", visible=asking, advanced=True),
        Field("agents_run_kb", "Knowledge bases", "json", visible=asking, advanced=True),
        Field("agents_run_context_handler_id", "Context handler id", "text", visible=asking, advanced=True),
        Field("agents_run_max_context_tokens", "Most tokens of context", "number", visible=asking, advanced=True),
        Field("agents_cu_name", "Name", "text", visible=in_agent),
        Field("agents_cu_model", "Model", "text", visible=in_agent),
        Field("agents_cu_system_prompt", "System prompt", "long_text", visible=in_agent),
        Field("agents_cu_settings", "Settings", "json", visible=in_agent, advanced=True),
        Field("kb_search_query", "Search for", "long_text", visible=searching),
        Field("kb_search_top_k", "At most", "number", minimum=1, maximum=200, visible=searching, unit="results"),
        Field("kb_search_retrieval_method", "Method", "text", visible=searching, advanced=True),
        Field("kb_search_similarity_threshold", "Least similarity", "number", visible=searching, advanced=True),
        Field("kb_search_filter_metadata", "Filter", "json", visible=searching, advanced=True),
        Field("kb_cu_name", "Name", "text", visible=in_base),
        Field("kb_cu_description", "Description", "long_text", visible=in_base),
        Field("kb_cu_indexing_config", "Indexing", "json", visible=in_base, advanced=True),
        Field("kb_cu_retrieval_config", "Retrieval", "json", visible=in_base, advanced=True),
        Field("ch_create_query", "Query", "long_text", visible=handling),
        Field("ch_create_kb", "Knowledge bases", "json", visible=handling),
        Field("ch_create_max_context_tokens", "Most tokens of context", "number", visible=handling, advanced=True),
        Field("sources_list_status", "Status", "text", visible=_shown("sources", "list"), advanced=True),
        Field("sessions_messages_limit", "At most", "number", visible=_shown("sessions", "list_messages")),
        *_paging("agents_list", "agents"),
        *_paging("kb_list", "knowledge_bases"),
        *_paging("sources_list", "sources"),
        *_paging("ch_list", "context_handlers"),
        *_paging("db_list", "database"),
    )


def _with_id() -> tuple[Visible, ...]:
    """No rule can say "one of several operations of several resources", so the id shows for all but the database."""
    return (Visible("resource", ("database", None, ""), negate=True),)


BLOCK = BlockType(
    type="platform_api",
    label="Platform API",
    description="Asks the connected server",
    category="Connect",
    icon="platform",
    hue="indigo",
    keywords=("server", "agents", "knowledge", "database", "sources", "sessions", "rest", "table", "row"),
    run=run,
    fields=(
        Field(
            "resource",
            "What",
            "choice",
            help="What on the server is read or changed.",
            choices=tuple(Choice(name, resource.label) for name, resource in RESOURCES.items()),
            required=True,
        ),
        *_operation_fields(),
        Field(
            "resource_id", "Id", "text", visible=_with_id(), help="Which one, where the action is about a single one."
        ),
        *_form_fields(),
        Field(
            "params", "More for the address", "json", advanced=True, help="Added to the address when something is read."
        ),
        Field("body", "Whole data", "json", advanced=True, help="Wins over the fields above, key by key."),
        Field("use_raw_json", "Send only “Whole data”", "switch", advanced=True, default=False),
    ),
    output_fields=lambda _config: (
        OutputField("output", "any", "What the server answered."),
        OutputField("status_code", "number", "200 means that all went well, 404 that there is nothing."),
        OutputField("error", "text", "Why there was no answer, only when there was none."),
    ),
    summary=summary,
    effects=_effects,
    help="Runs with the key of the connected server. Without one the block says which connection it would need.",
)
