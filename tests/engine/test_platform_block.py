"""The Platform API block: every row of its table, and what is sent for each form."""

import asyncio
import json
from typing import Any

import pytest

from engine.blocks import default_catalog
from engine.blocks.platform_api import RESOURCES
from engine.client import Reply
from engine.document import Block, JsonObject, Workflow
from engine.errors import ServerUnreachable
from engine.events import AnyEvent
from engine.run.context import Services
from engine.run.runner import run
from engine.runstate import BlockRun, replay

ROUTES = {
    ("agents", "list"): ("GET", "/api/agents"),
    ("agents", "get"): ("GET", "/api/agents/i%2F1"),
    ("agents", "run"): ("POST", "/api/agents/i%2F1/run"),
    ("agents", "create"): ("POST", "/api/agents"),
    ("agents", "update"): ("PATCH", "/api/agents/i%2F1"),
    ("agents", "delete"): ("DELETE", "/api/agents/i%2F1"),
    ("knowledge_bases", "list"): ("GET", "/api/knowledge-bases"),
    ("knowledge_bases", "get"): ("GET", "/api/knowledge-bases/i%2F1"),
    ("knowledge_bases", "search"): ("POST", "/api/knowledge-bases/i%2F1/search"),
    ("knowledge_bases", "create"): ("POST", "/api/knowledge-bases"),
    ("knowledge_bases", "update"): ("PATCH", "/api/knowledge-bases/i%2F1"),
    ("knowledge_bases", "delete"): ("DELETE", "/api/knowledge-bases/i%2F1"),
    ("sources", "list"): ("GET", "/api/sources"),
    ("sources", "get"): ("GET", "/api/sources/i%2F1"),
    ("sources", "delete"): ("DELETE", "/api/sources/i%2F1"),
    ("sessions", "get"): ("GET", "/api/sessions/i%2F1"),
    ("sessions", "list_messages"): ("GET", "/api/sessions/i%2F1/messages"),
    ("sessions", "delete"): ("DELETE", "/api/sessions/i%2F1"),
    ("context_handlers", "list"): ("GET", "/api/context-handlers"),
    ("context_handlers", "get"): ("GET", "/api/context-handlers/i%2F1"),
    ("context_handlers", "create"): ("POST", "/api/context-handlers"),
    ("database", "list_tables"): ("GET", "/api/database/tables"),
    ("database", "list"): ("GET", "/api/database/tables/t_1"),
    ("database", "get"): ("GET", "/api/database/tables/t_1/7"),
    ("database", "create"): ("POST", "/api/database/tables/t_1"),
    ("database", "update"): ("PATCH", "/api/database/tables/t_1/7"),
    ("database", "delete"): ("DELETE", "/api/database/tables/t_1/7"),
}


class ScriptedPlatform:
    """A connected server that gives one reply and remembers what it was asked."""

    def __init__(self, reply: Reply | Exception | None = None) -> None:
        self.asked: list[tuple[str, str, JsonObject | None, Any]] = []
        self._reply = reply or Reply(200, {}, b'{"ok": true}')

    async def call(self, method: str, path: str, *, params: JsonObject | None = None, body: Any = None) -> Reply:
        self.asked.append((method, path, params, body))
        if isinstance(self._reply, Exception):
            raise self._reply
        return self._reply


def ran(config: JsonObject, platform: ScriptedPlatform | None = None) -> BlockRun:
    events: list[AnyEvent] = []
    workflow = Workflow(blocks={"x": Block("x", "platform_api", "X", config=config)})
    services = Services(platform=platform)
    asyncio.run(run(workflow, events.append, catalog=default_catalog(), services=services))
    return replay(events).blocks["x"]


def sent(config: JsonObject) -> tuple[str, str, JsonObject | None, Any]:
    platform = ScriptedPlatform()
    ran(config, platform)
    return platform.asked[0]


def test_the_table_has_every_row_of_the_contract() -> None:
    """No row more and none less (3.10)."""
    assert {(name, key) for name, resource in RESOURCES.items() for key in resource.operations} == set(ROUTES)


@pytest.mark.parametrize("row", sorted(ROUTES), ids=".".join)
def test_a_row_calls_its_route(row: tuple[str, str]) -> None:
    """Method and path as the contract has them; an id cannot leave its place in the path."""
    resource, operation = row
    config = {"resource": resource, RESOURCES[resource].operation_key: operation, "resource_id": " i/1 "}

    method, path, _, _ = sent({**config, "db_table": "t_1", "db_row_id": 7})

    assert (method, path) == ROUTES[row]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, "Resource is required"),
        ({"resource": "x"}, "Unknown resource: 'x'"),
        ({"resource": "agents"}, "Operation is required"),
        ({"resource": "agents", "agents_operation": "o"}, "Unknown route: resource='agents', operation='o'"),
        (
            {"resource": "database", "db_operation": "list", "db_table": "a;b"},
            "Invalid table name: 'a;b' (alphanumeric and underscores only)",
        ),
        (
            {"resource": "database", "db_operation": "get", "db_table": "t"},
            "db_row_id is required for this operation",
        ),
        ({"resource": "agents", "agents_operation": "get"}, "resource_id is required for this operation"),
        (
            {"resource": "agents", "agents_operation": "get", "resource_id": "."},
            "resource_id must be an id, not '.'",
        ),
        (
            {"resource": "database", "db_operation": "delete", "db_table": "t", "db_row_id": ".."},
            "db_row_id must be an id, not '..'",
        ),
    ],
)
def test_what_cannot_be_sent_is_reported(config: JsonObject, words: str) -> None:
    """In the platform's words; the blocks behind it still run (shape b)."""
    block = ran(config, ScriptedPlatform())

    assert block.status == "done"
    assert block.result == {"output": None, "error": words}


def test_any_reply_is_a_success() -> None:
    """A 404 is an answer like any other."""
    block = ran(
        {"resource": "agents", "agents_operation": "get", "resource_id": "x"},
        ScriptedPlatform(Reply(404, {}, b'{"error": "Agent not found"}')),
    )

    assert block.result == {"output": {"error": "Agent not found"}, "status_code": 404}
    assert block.error is None


def test_a_form_is_sent_with_its_values_as_json() -> None:
    """Text that reads as JSON becomes JSON; empty values are left out."""
    config = {
        "resource": "agents",
        "agents_operation": "create",
        "agents_cu_name": "123",
        "agents_cu_model": "gpt",
        "agents_cu_system_prompt": "  ",
        "agents_cu_settings": '{"temperature": 0}',
    }

    assert sent(config)[3] == {"name": 123, "model": "gpt", "settings": {"temperature": 0}}


def test_the_body_wins_over_the_form_key_by_key() -> None:
    """And with `use_raw_json` nothing else is sent."""
    config = {
        "resource": "agents",
        "agents_operation": "create",
        "agents_cu_name": "form",
        "agents_cu_model": "m",
        "_extra_body_fields": {"more": 1},
        "body": json.dumps({"name": "body"}),
    }

    assert sent(config)[3] == {"name": "body", "model": "m", "more": 1}
    assert sent({**config, "use_raw_json": True})[3] == {"name": "body"}


def test_reading_has_a_query_and_no_body() -> None:
    """Form fields, and over them what `params` holds; `all` sources have no status (W39)."""
    config = {
        "resource": "sources",
        "sources_operation": "list",
        "sources_list_limit": "5",
        "sources_list_offset": 0,
        "sources_list_status": "all",
        "params": '{"limit": 7}',
        "body": {"a": 1},
    }

    assert sent(config)[2:] == ({"limit": 7, "offset": 0}, None)


def test_a_schema_other_than_the_usual_goes_along() -> None:
    """Its name has the rule of table names."""
    config = {
        "resource": "database",
        "db_operation": "create",
        "db_table": "t",
        "db_schema": "other",
        "db_body": {"a": 1},
    }

    assert sent(config)[2:] == ({"schema": "other"}, {"a": 1})
    assert "Invalid schema name" in str(ran({**config, "db_schema": "o-o"}, ScriptedPlatform()).error)


def test_without_a_server_the_block_says_which_connection_it_would_need() -> None:
    """Nobody has to guess what is missing."""
    block = ran({"resource": "agents", "agents_operation": "list"})

    assert "No server is connected" in str(block.error)


def test_a_server_that_cannot_be_reached_is_reported() -> None:
    """In the words of the client, and the blocks behind it still run."""
    block = ran(
        {"resource": "agents", "agents_operation": "list"}, ScriptedPlatform(ServerUnreachable("Nothing answers."))
    )

    assert (block.status, block.error) == ("done", "Nothing answers.")
