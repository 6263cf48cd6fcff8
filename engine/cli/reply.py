"""A finished run as the platform's API tells it (contract 2.7)."""

from collections.abc import Iterable

from engine.blocks import Catalog
from engine.document import JsonObject, Workflow
from engine.runstate import BlockRun, RunState

HIDDEN = "••••••"


def execution_reply(workflow: Workflow, catalog: Catalog, state: RunState, ended: Iterable[str]) -> JsonObject:
    """The object of `run --json`. `ended` are block ids in the order in which they ended; skipped ones leave no log.

    Differs from the API in two ways: `status` can be `failed` or `cancelled` (with `error`), and secrets in `config`
    are hidden.
    """
    runs = [state.blocks[block_id] for block_id in ended]
    reply: JsonObject = {
        "execution_id": state.run_id,
        "status": state.status,
        "output": state.output,
        "block_outputs": {run.block_id: _output(run) for run in runs},
        "block_logs": [_log(workflow, catalog, state, run) for run in runs],
    }
    return {**reply, "error": state.error} if state.error else reply


def _log(workflow: Workflow, catalog: Catalog, state: RunState, run: BlockRun) -> JsonObject:
    return {
        "block_id": run.block_id,
        "block_type": run.block_type,
        "block_name": run.block_name,
        "status": "error" if run.error else "success",
        "duration_ms": round(run.duration_ms or 0.0, 2),
        "config": _saved_config(workflow, catalog, run.block_id),
        "output": _output(run),
        "input": state.inputs_of(run.block_id) or None,
        "agent_run_id": None,
    }


def _output(run: BlockRun) -> JsonObject:
    """A block's result; one that raised has an error text and no `output` (contract 3.0, shape a)."""
    return run.result if run.result is not None else {"error": run.error}


def _saved_config(workflow: Workflow, catalog: Catalog, block_id: str) -> JsonObject:
    """The config as it is in the file: a log often ends up where more people read it than the file."""
    block = workflow.block(block_id)
    block_type = catalog.find(block.type)
    secrets = {field.key for field in block_type.fields if field.kind == "secret"} if block_type else set()
    return {key: HIDDEN if key in secrets and value else value for key, value in block.config.items()}
