"""The commands that speak to a server: which words they take. What they do stands in `remote.py`."""

from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

NAMES = ("push", "pull", "list", "deploy", "undeploy", "arm", "trigger", "executions", "agents")
_Server = Annotated[str, typer.Option("--server", metavar="NAME", help="A connection saved in the editor, by name.")]
_Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]
_Workflow = Annotated[str, typer.Argument(metavar="WORKFLOW", help="A workflow on the server, by id or name.")]
_Limit = Annotated[int, typer.Option("--limit", min=1, max=100, help="How many to show.")]
_Search = Annotated[str, typer.Option("--search", metavar="TEXT", help="Only those whose name contains this.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (_push, _pull, _list, _deploy, _undeploy, _arm, _trigger, _executions):
        app.command(command.__name__.removeprefix("_"))(command)
    agents = typer.Typer(help="Stored agents on the server.", no_args_is_help=True)
    agents.command("list")(_agents_list)
    agents.command("create")(_agents_create)
    app.add_typer(agents, name="agents")


def _do(work: str, *arguments: Any, server: str, as_json: bool, failed: str = "", **options: Any) -> NoReturn:
    """Do the work of this name in `remote` and exit."""
    from engine.cli import remote

    function = getattr(remote, work)
    code = remote.run_command(
        lambda client: function(client, *arguments, **options), server=server, as_json=as_json, failed=failed
    )
    raise typer.Exit(code)


def _push(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A workflow file (.workflow.json).")],
    to: Annotated[
        str, typer.Option("--to", metavar="WORKFLOW", help="Replace the graph of this workflow; a new one without.")
    ] = "",
    server: _Server = "",
    as_json: _Json = False,
) -> None:
    """Save a workflow file to a server."""
    _do("push", file, to, server=server, as_json=as_json)


def _pull(
    workflow: _Workflow,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Where to write it.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
    server: _Server = "",
    as_json: _Json = False,
) -> None:
    """Write a workflow of a server to a file."""
    _do("pull", workflow, file, force=force, server=server, as_json=as_json)


def _list(search: _Search = "", limit: _Limit = 50, server: _Server = "", as_json: _Json = False) -> None:
    """List the workflows of a server."""
    _do("list_workflows", search, limit, server=server, as_json=as_json)


def _deploy(workflow: _Workflow, server: _Server = "", as_json: _Json = False) -> None:
    """Let a workflow's webhook take calls, and its schedule run."""
    _do("deploy", workflow, server=server, as_json=as_json)


def _undeploy(workflow: _Workflow, server: _Server = "", as_json: _Json = False) -> None:
    """Let a workflow's webhook refuse calls, and its schedule rest."""
    _do("undeploy", workflow, server=server, as_json=as_json)


def _arm(workflow: _Workflow, server: _Server = "", as_json: _Json = False) -> None:
    """Let a workflow's webhook take exactly one call within ten minutes."""
    _do("arm", workflow, server=server, as_json=as_json)


def _trigger(
    workflow: Annotated[str, typer.Argument(metavar="WORKFLOW", help="A workflow, or a webhook's id.")],
    data: Annotated[
        str, typer.Option("--data", metavar="JSON", help="What to send; @PATH reads a file, @- standard input.")
    ] = "",
    server: _Server = "",
    as_json: _Json = False,
) -> None:
    """Call a workflow's webhook. The secret is the workflow's own, or BLOCKLOOM_WEBHOOK_SECRET."""
    _do("trigger", workflow, data, server=server, as_json=as_json, failed="refused")


def _executions(workflow: _Workflow, limit: _Limit = 20, server: _Server = "", as_json: _Json = False) -> None:
    """List the runs of a workflow."""
    _do("executions", workflow, limit, server=server, as_json=as_json)


def _agents_list(search: _Search = "", server: _Server = "", as_json: _Json = False) -> None:
    """List the stored agents of a server."""
    _do("list_agents", search, server=server, as_json=as_json)


def _agents_create(
    name: Annotated[str, typer.Argument(help="What it is called.")],
    model: Annotated[str, typer.Option("--model", help="Its model; the server's usual one without.")] = "",
    system_prompt: Annotated[str, typer.Option("--system-prompt", help="How it shall behave.")] = "",
    server: _Server = "",
    as_json: _Json = False,
) -> None:
    """Keep a new agent on a server."""
    _do("create_agent", name, model, system_prompt, server=server, as_json=as_json)
