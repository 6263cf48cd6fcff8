"""What the command line does on a server: each function does one command's work and returns what to print.

The server is the one named by `--server`, else that of the environment, else the connection that is active in the
editor.
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from engine import files
from engine.cli.inspection import FAILED, OK, UNUSABLE
from engine.cli.output import print_result, say
from engine.cli.tables import Table, print_table
from engine.client import Connection, Connections, PlatformClient, StoredWorkflow
from engine.client.connection import KEY_VARIABLE, URL_VARIABLE, from_environment
from engine.document import Json, JsonObject, Workflow
from engine.errors import BlockloomError

WEBHOOK_VARIABLE = "BLOCKLOOM_WEBHOOK_SECRET"
MAX_FOUND = 100
Answer = tuple[JsonObject, str | Table]
"""What `--json` prints, and what people read."""


class CommandError(BlockloomError):
    """A command that cannot be done as it was given."""


def run_command(
    work: Callable[[PlatformClient], Awaitable[Answer]], *, server: str, as_json: bool, failed: str = ""
) -> int:
    """Do the work with a client of the server and print what came of it.

    Returns 0, or 2 when it could not be done. `failed` is a key of the answer: when it is true there, the result is 1.
    """

    async def main() -> Answer:
        async with PlatformClient(connection_for(server)) as client:
            return await work(client)

    try:
        answer, text = asyncio.run(main())
    except KeyboardInterrupt:
        say("Interrupted. What the server was asked for may have been done.")
        return 130
    except BlockloomError as error:
        say(str(error))
        if as_json:
            print_result({"error": str(error)})
        return UNUSABLE
    if as_json:
        print_result(answer)
    elif isinstance(text, Table):
        print_table(text)
    else:
        print_result(text)
    return FAILED if failed and answer.get(failed) else OK


def connection_for(server: str) -> Connection:
    """The server to speak to, with its key.

    Raises:
        CommandError: none is named anywhere.
    """
    connections = Connections()
    if server:
        return connections.with_key(connections.find(server))
    chosen = from_environment()
    if chosen is None:
        if connections.active is None:
            raise CommandError(
                f"No server is chosen. Set {URL_VARIABLE} and {KEY_VARIABLE}, or connect one in the editor and name "
                "it with --server."
            )
        chosen = connections.with_key(connections.active)
    return chosen


async def push(client: PlatformClient, path: Path, target: str) -> Answer:
    """Save a workflow file to the server: as a new workflow, or in place of one that is there."""
    workflow = files.read(path).workflow
    is_ours = "revision" in await client.extensions()
    blocks, edges, notes = await asyncio.to_thread(_graph_for, workflow, is_ours)
    if target:
        stored = await find_workflow(client, target)
        workflow_id, revision = stored.id, stored.revision
        changed = _changed_fields(stored.workflow, workflow)
        if changed:
            await client.update_workflow(workflow_id, changed)
    else:
        name = workflow.name or path.name.partition(".")[0]
        workflow_id = await client.create_workflow(
            name, description=workflow.description, variables=workflow.variables, color=workflow.extra.get("color")
        )
        revision = None
    saved = await client.save_graph(workflow_id, blocks, edges, if_match=revision)
    for note in notes:
        say(note)
    answer = {"id": workflow_id, "blocks": saved.blocks, "edges": saved.edges, "revision": saved.revision}
    return answer, f"Saved to {client.connection.host} as {workflow_id}"


async def pull(client: PlatformClient, target: str, path: Path | None, *, force: bool) -> Answer:
    """Write a workflow of the server to a file."""
    stored = await find_workflow(client, target)
    chosen = path or Path(f"{_file_name(stored.workflow.name) or stored.id}.workflow.json")
    if chosen.exists() and not force:
        raise CommandError(f"{chosen} is there already. Give another name, or --force to replace it.")
    await asyncio.to_thread(files.save, chosen, stored.workflow)
    return {"id": stored.id, "file": str(chosen), "version": stored.version}, f"Wrote {chosen}"


async def list_workflows(client: PlatformClient, search: str, limit: int) -> Answer:
    """The server's workflows, newest first."""
    page = await client.workflows(search=search, limit=limit)
    rows = [
        (row.id, row.name or "", row.state, f"v{row.version}", str(row.execution_count), row.last_execution_at or "–")
        for row in page.items
    ]
    found = [_as_object(row) for row in page.items]
    more = f"{page.total - len(rows)} more; give --limit or --search" if page.total > len(rows) else ""
    table = Table(("Id", "Name", "State", "Version", "Runs", "Last run"), rows, "No workflows yet.", more)
    return {"workflows": found, "total": page.total}, table


async def deploy(client: PlatformClient, target: str) -> Answer:
    """Let a workflow's webhook take calls, and its schedule run."""
    stored = await find_workflow(client, target)
    await client.deploy(stored.id)
    now = await client.workflow(stored.id)
    next_run = f", next run {now.next_runs[0]}" if now.next_runs else ""
    answer = {"id": stored.id, "state": now.state, "version": now.version, "next_runs": list(now.next_runs)}
    return answer, f"{_named(now)} is {now.state} (v{now.version}{next_run})"


async def undeploy(client: PlatformClient, target: str) -> Answer:
    """Let its webhook refuse calls, and its schedule rest."""
    stored = await find_workflow(client, target)
    await client.undeploy(stored.id)
    now = await client.workflow(stored.id)
    return {"id": stored.id, "state": now.state}, f"{_named(now)} is {now.state}"


async def arm(client: PlatformClient, target: str) -> Answer:
    """Let its webhook take exactly one call within ten minutes."""
    stored = await find_workflow(client, target)
    _webhook_of(stored, "")
    until = await client.arm(stored.id)
    return {"id": stored.id, "armed_until": until}, f"{_named(stored)} takes one call until {until}"


async def trigger(client: PlatformClient, target: str, data: str) -> Answer:
    """Call a workflow's webhook; `target` is the workflow, or a webhook's id with its secret in the environment."""
    body = _body(data)
    secret = os.environ.get(WEBHOOK_VARIABLE, "")
    webhook_id = target
    if not (secret and _is_id(target)):
        webhook_id, secret = _webhook_of(await find_workflow(client, target), secret)
    reply = await client.trigger(webhook_id, secret, body)
    value = reply.value()
    answer = {"status_code": reply.status, "reply": value, "refused": not reply.is_success}
    output = value.get("output") if reply.is_success and isinstance(value, dict) else value
    return answer, output if isinstance(output, str) else json.dumps(output, ensure_ascii=False, indent=2)


async def executions(client: PlatformClient, target: str, limit: int) -> Answer:
    """A workflow's runs, newest first."""
    stored = await find_workflow(client, target)
    found = await client.executions(stored.id, limit=limit)
    rows = [(run.id, run.status, run.trigger or "–", run.created_at or "", run.error or "") for run in found]
    table = Table(("Id", "Status", "Started by", "Created", "Error"), rows, "It has not run yet.")
    return {"executions": [_as_object(run) for run in found]}, table


async def list_agents(client: PlatformClient, search: str) -> Answer:
    """The server's stored agents."""
    page = await client.agents(search=search)
    rows = [(agent.id, agent.name or "", agent.model or "") for agent in page.items]
    table = Table(("Id", "Name", "Model"), rows, "No agents yet.")
    return {"agents": [_as_object(agent) for agent in page.items], "total": page.total}, table


async def create_agent(client: PlatformClient, name: str, model: str, system_prompt: str) -> Answer:
    """A new stored agent."""
    given = {"name": name, "model": model, "system_prompt": system_prompt}
    fields = {key: value for key, value in given.items() if value}
    agent = await client.create_agent(fields)
    return _as_object(agent), f"Created {agent.name} as {agent.id}"


async def find_workflow(client: PlatformClient, target: str) -> StoredWorkflow:
    """The workflow with this id, or the only one with this name.

    Raises:
        CommandError: there is none, or several have the name.
    """
    if _is_id(target):
        return await client.workflow(target)
    page = await client.workflows(search=target, limit=MAX_FOUND)
    named = [row for row in page.items if row.name == target] or list(page.items)
    if len(named) == 1:
        return await client.workflow(named[0].id)
    if not named:
        raise CommandError(f"{client.connection.host} has no workflow called “{target}”.")
    ids = ", ".join(f"{row.id} ({row.name})" for row in named[:5])
    raise CommandError(f"Several workflows fit “{target}”: {ids}. Give the id.")


def _graph_for(workflow: Workflow, is_ours: bool) -> tuple[list[JsonObject], list[JsonObject], list[str]]:
    from engine.blocks import default_catalog
    from engine.platformgraph import to_own_server, to_platform

    graph = to_own_server(workflow) if is_ours else to_platform(workflow, default_catalog())
    if graph.refused:
        raise CommandError("\n".join(f"This server would refuse it: {note.text}" for note in graph.refused))
    return graph.blocks, graph.edges, [f"{note.severity}: {note.text}" for note in graph.notes]


def _changed_fields(before: Workflow, after: Workflow) -> JsonObject:
    pairs = {name: (getattr(before, name), getattr(after, name)) for name in ("name", "description", "variables")}
    return {name: new for name, (old, new) in pairs.items() if new != old and not (name == "name" and not new)}


def _webhook_of(stored: StoredWorkflow, secret: str) -> tuple[str, str]:
    hooks = [block.config for block in stored.workflow.blocks.values() if block.type == "webhook" and block.enabled]
    if not hooks:
        raise CommandError(f"{_named(stored)} has no webhook block, so nothing can call it.")
    if len(hooks) > 1:
        text = f"{_named(stored)} has several webhooks. Give the id of one, and its secret in {WEBHOOK_VARIABLE}."
        raise CommandError(text)
    return str(hooks[0].get("webhook_id") or ""), secret or str(hooks[0].get("webhook_secret") or "")


def _body(data: str) -> Json:
    """The JSON to send: as typed, or from a file with `@PATH`, or from standard input with `@-`."""
    text = data
    if data.startswith("@"):
        try:
            text = sys.stdin.read() if data == "@-" else Path(data[1:]).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"--data {data}: it cannot be read: {error}") from None
    try:
        return json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        text = f'--data: not JSON ({error}). Write something like --data \'{{"name": "Ada"}}\'.'
        raise CommandError(text) from None


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _named(stored: StoredWorkflow) -> str:
    return f"“{stored.workflow.name or stored.id}”"


def _file_name(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in " -_" else "_" for letter in name).strip()


def _as_object(record: Any) -> JsonObject:
    import msgspec

    found: JsonObject = msgspec.to_builtins(record)
    return found
