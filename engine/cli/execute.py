"""`blockloom run`: runs a workflow file here, with no editor and no server, and prints what comes out."""

import asyncio
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engine import files
from engine.blocks import Catalog, default_catalog
from engine.cli.inspection import FAILED, OK, UNUSABLE, errors_of, line_for
from engine.cli.output import print_result, say
from engine.cli.progress import Progress
from engine.cli.reply import execution_reply
from engine.cli.variables import read_variables
from engine.document import JsonObject, Workflow
from engine.errors import BlockloomError, RunError
from engine.events import AnyEvent, encode_event
from engine.run.executionlog import FollowedRun
from engine.runstate import RunState

INTERRUPTED = 130
"""What shells expect of a program ended by Ctrl+C: 128 and the number of SIGINT."""
_RESPONSE = "response"


def run_file(path: Path, assignments: Iterable[str], *, as_json: bool, events_path: Path | None) -> int:
    """Run the workflow in this file and print its output.

    Returns 0 when every block that ran succeeded, 1 when one or the run as a whole failed, 2 when it could not begin,
    130 when it was interrupted.
    """
    catalog = default_catalog()
    followed = FollowedRun()
    try:
        workflow = files.read(path).workflow
        variables = read_variables(assignments)
        _require_no_errors(workflow, catalog)
        with _recording(events_path) as record:
            _run(workflow, catalog, variables, followed, record)
    except KeyboardInterrupt:
        say("Interrupted; the run was cancelled.")
        return INTERRUPTED
    except BlockloomError as error:
        say(str(error))
        return UNUSABLE
    if as_json:
        print_result(execution_reply(workflow, catalog, followed))
    else:
        _print_output(workflow, catalog, followed.state)
    return _tell_failures(followed.state)


def _require_no_errors(workflow: Workflow, catalog: Catalog) -> None:
    from engine.check import problems

    errors = errors_of(problems(workflow, catalog))
    if errors:
        lines = "\n".join(line_for(workflow, catalog, problem) for problem in errors)
        raise RunError(f"{lines}\nThe workflow has errors and was not run.")


def _run(
    workflow: Workflow,
    catalog: Catalog,
    variables: JsonObject,
    followed: FollowedRun,
    record: Callable[[AnyEvent], None],
) -> None:
    with Progress(followed.state) as progress:

        def emit(event: AnyEvent) -> None:
            followed.take(event)
            record(event)
            progress.follow(event)

        try:
            asyncio.run(_until_done(workflow, catalog, variables, emit))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None  # by SIGTERM, which is told as Ctrl+C is


async def _until_done(
    workflow: Workflow, catalog: Catalog, variables: JsonObject, emit: Callable[[AnyEvent], None]
) -> None:
    from engine.run.context import open_services
    from engine.run.runner import run

    _treat_end_like_interrupt()
    async with open_services() as services:
        await run(workflow, emit, catalog=catalog, services=services, variables=variables)


def _treat_end_like_interrupt() -> None:
    """SIGTERM, as `kill` and `timeout` send it, cancels the run as Ctrl+C does: code processes must not stay behind.

    Not by raising SIGINT, which a process that was started in the background ignores.
    """
    task = asyncio.current_task()
    assert task is not None
    with suppress(NotImplementedError, ValueError, RuntimeError):  # Windows, or not in the main thread
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


@contextmanager
def _recording(path: Path | None) -> Iterator[Callable[[AnyEvent], None]]:
    """A function that adds an event to the file, so that others can follow the run there while it goes on."""
    if path is None:
        yield lambda _event: None
        return
    try:
        file = path.open("wb", buffering=0)
    except OSError as error:
        raise _not_recordable(path, error) from None

    def write(event: AnyEvent) -> None:
        try:
            file.write(encode_event(event) + b"\n")
        except OSError as error:
            raise _not_recordable(path, error) from None

    with file:
        yield write


def _not_recordable(path: Path, error: OSError) -> RunError:
    return RunError(f"The run cannot be recorded to {path}: {error.strerror or error}.")


def _print_output(workflow: Workflow, catalog: Catalog, state: RunState) -> None:
    responses = [
        block.id
        for block in workflow.blocks.values()
        if (block_type := catalog.find(block.type)) is not None and block_type.type == _RESPONSE
    ]
    if any((run := state.blocks.get(block_id)) is not None and run.status == "done" for block_id in responses):
        print_result(state.output)
    elif responses:
        say("No response block was reached, so there is no output.")
    else:
        say("The workflow has no response block, so there is no output; --json prints what every block gave.")


def _tell_failures(state: RunState) -> int:
    for run in state.log:
        for warning in run.warnings:
            say(f'Block "{run.block_name or run.block_id}" went on, but: {warning}')
    for run in state.failed_blocks:
        say(f'Block "{run.block_name or run.block_id}" failed: {run.error}')
    if state.error:
        say(f"The run failed: {state.error}")
    return FAILED if state.failed_blocks or state.status != "completed" else OK
