"""A finished run as the platform's API tells it (contract 2.7)."""

from engine.blocks import Catalog
from engine.document import JsonObject, Workflow
from engine.run.executionlog import FollowedRun
from engine.runstate import BlockRun

HIDDEN = "••••••"


def execution_reply(workflow: Workflow, catalog: Catalog, run: FollowedRun) -> JsonObject:
    """The object of `run --json`. Blocks that were skipped leave no log.

    Differs from the API in two ways: `status` can be `failed` or `cancelled` (with `error`), and secrets in `config`
    are hidden.
    """
    state = run.state
    reply: JsonObject = {
        "execution_id": state.run_id,
        "status": state.status,
        "output": state.output,
        "block_outputs": run.block_outputs(),
        "block_logs": [_log(workflow, catalog, run, block_run) for block_run in run.ended_runs()],
    }
    return {**reply, "error": state.error} if state.error else reply


def _log(workflow: Workflow, catalog: Catalog, run: FollowedRun, block_run: BlockRun) -> JsonObject:
    config = _saved_config(workflow, catalog, block_run.block_id)
    return {**run.log_entry(block_run), "config": config, "agent_run_id": None}


def _saved_config(workflow: Workflow, catalog: Catalog, block_id: str) -> JsonObject:
    """The config as it is in the file: a log often ends up where more people read it than the file."""
    block = workflow.block(block_id)
    block_type = catalog.find(block.type)
    secrets = {field.key for field in block_type.fields if field.kind == "secret"} if block_type else set()
    return {key: HIDDEN if key in secrets and value else value for key, value in block.config.items()}
