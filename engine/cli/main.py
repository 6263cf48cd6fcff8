"""The command `blockloom`: which words it takes. What they do stands in the modules beside this one.

Each is imported when its command is given, so that `blockloom run` starts without the editor and `--help` without both.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from engine.cli import server_commands

app = typer.Typer(
    add_completion=False,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    epilog="Without a command, blockloom opens the editor: blockloom [FILE]",
)
COMMANDS = ("run", "check", "serve", *server_commands.NAMES)
_OPEN = "open"
LogLevel = Literal["debug", "info", "warning", "error"]

WorkflowFile = Annotated[Path, typer.Argument(metavar="FILE", help="A workflow file (.workflow.json).")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what is asked and exit: 0 done, 1 it ran and failed, 2 it could not begin, 130 it was interrupted."""
    app(args=with_command(list(sys.argv[1:] if arguments is None else arguments)), prog_name="blockloom")


def with_command(arguments: list[str]) -> list[str]:
    """The arguments with the command that goes without saying: a file, or nothing at all, opens the editor."""
    if not arguments:
        return [_OPEN]
    first = arguments[0]
    if first in (*COMMANDS, _OPEN) or first.startswith("-"):
        return arguments
    # A word that is neither a command nor a file is left to Typer, which names the command that was meant.
    looks_like_file = first.endswith(".json") or "/" in first or Path(first).exists()
    return [_OPEN, *arguments] if looks_like_file else arguments


def _print_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"blockloom {version('blockloom')}")
        except PackageNotFoundError:
            print("blockloom, from a checkout that is not installed")
        raise typer.Exit


@app.callback()
def _blockloom(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Visual workflows: an editor on the desktop, with the engine that runs them inside."""


@app.command("run")
def _run(
    file: WorkflowFile,
    variables: Annotated[
        list[str] | None,
        typer.Option(
            "--var",
            metavar="NAME=TEXT",
            help="A run variable. NAME=@PATH reads a text file (@- standard input), NAME:=JSON gives any JSON value.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print status, output and the log of every block as one JSON object.")
    ] = False,
    events: Annotated[
        Path | None, typer.Option("--events", metavar="PATH", help="Record the run to this file, one event a line.")
    ] = None,
) -> None:
    """Run a workflow and print its final output."""
    from engine.cli import execute

    raise typer.Exit(execute.run_file(file, variables or (), as_json=as_json, events_path=events))


@app.command("check")
def _check(
    file: WorkflowFile,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as one JSON object.")] = False,
) -> None:
    """Say what is wrong with a workflow, without running it."""
    from engine.cli import inspection

    raise typer.Exit(inspection.check_file(file, as_json=as_json))


@app.command("serve")
def _serve(
    host: Annotated[str, typer.Option(help="The address to listen on. Any but this machine's own needs --api-key.")] = (
        "127.0.0.1"
    ),
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port to listen on; 0 takes any that is free.")
    ] = 8400,
    data: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where workflows and runs are kept, unless in a database.")
    ] = None,
    database: Annotated[
        str,
        typer.Option(
            metavar="URL",
            envvar="BLOCKLOOM_DATABASE",
            help="Keep them in PostgreSQL: postgresql+psycopg://USER@HOST/NAME. Several servers may share one.",
        ),
    ] = "",
    api_key: Annotated[
        str,
        typer.Option(
            metavar="KEY",
            envvar="BLOCKLOOM_API_KEY",
            help="The key that callers must send. Without one, a key is made at the first start and shown once.",
        ),
    ] = "",
    rate_limit: Annotated[
        str, typer.Option(metavar="off|N", help="How many runs a caller may start through the API in any minute.")
    ] = "20",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A further name that callers may use for this server, as behind a proxy."),
    ] = None,
    keep_days: Annotated[
        float | None, typer.Option(min=0, help="Forget runs this many days after they ended; without, keep them all.")
    ] = None,
    log_level: Annotated[LogLevel, typer.Option(help="What to log on standard error.")] = "info",
) -> None:
    """Offer the platform's API: store, run, deploy and trigger workflows."""
    from engine.cli import serve

    code = serve.serve(
        host=host,
        port=port,
        data=data,
        database=database,
        api_key=api_key,
        rate_limit=rate_limit,
        allowed_hosts=allow_host or (),
        keep_days=keep_days,
        log_level=log_level,
    )
    raise typer.Exit(code)


server_commands.add_to(app)


@app.command(_OPEN, hidden=True)
def _open(files: Annotated[list[Path] | None, typer.Argument(metavar="[FILE]...")] = None) -> None:
    """Open the editor."""
    from engine.cli import desktop

    raise typer.Exit(desktop.open_editor(files or ()))
