"""A run as the routes tell it: outputs, logs, and the reply of a run that was waited for.

Source: contract 2.7 and 2.8; W22.
"""

from engine.blocks import Catalog
from engine.document import JsonObject, Workflow
from engine.run.executionlog import FollowedRun
from engine.runstate import BlockRun
from engine.server.runs.port import FinishedRun
from engine.server.runs.record import AGENT_TYPE, agent_run_id


class ExecutionLog:
    """What one run did, block by block. `workflow` is what it ran, with the configs as they were saved then."""

    def __init__(self, execution_id: str, run: FollowedRun, workflow: Workflow, catalog: Catalog) -> None:
        self._execution_id = execution_id
        self._run = run
        self._workflow = workflow
        self._catalog = catalog

    def sync_reply(self, finished: FinishedRun) -> JsonObject:
        """The reply of a run that was waited for."""
        return {
            "execution_id": self._execution_id,
            "status": finished.status,
            "output": finished.output,
            "block_outputs": self._run.block_outputs(),
            "block_logs": [self._entry(run, "config") for run in self._run.ended_runs()],
        }

    def block_logs(self) -> list[JsonObject]:
        """The logs as they are read later. `error` is always null there; the message is inside `output.error`."""
        return [
            {**self._entry(run, "config_snapshot"), "error": None, "execution_order": order}
            for order, run in enumerate(self._run.ended_runs())
        ]

    def _entry(self, run: BlockRun, config_key: str) -> JsonObject:
        is_agent = run.block_type == AGENT_TYPE
        return {
            **self._run.log_entry(run),
            config_key: self._saved_config(run.block_id),
            "agent_run_id": agent_run_id(self._execution_id, run.block_id) if is_agent else None,
        }

    def _saved_config(self, block_id: str) -> JsonObject:
        """The config as it was saved, without what only the owner of the graph may read."""
        block = self._workflow.blocks.get(block_id)
        if block is None:
            return {}
        block_type = self._catalog.find(block.type)
        secrets = {field.key for field in block_type.fields if field.kind == "secret"} if block_type else set()
        return {key: value for key, value in block.config.items() if key not in secrets}
