"""The command `blockloom`: which words it takes. What they do stands in the modules beside this one.

Each is imported when its command is given, so that `blockloom run` starts without the editor and `--help` without both.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from engine.cli import server_commands

app = typer.Typer(
    add_completion=False,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    epilog="Without a command, blockloom opens the editor: blockloom [FILE]",
)
COMMANDS = ("run", "check", *server_commands.NAMES)
_OPEN = "open"

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


server_commands.add_to(app)


@app.command(_OPEN, hidden=True)
def _open(files: Annotated[list[Path] | None, typer.Argument(metavar="[FILE]...")] = None) -> None:
    """Open the editor."""
    from engine.cli import desktop

    raise typer.Exit(desktop.open_editor(files or ()))
