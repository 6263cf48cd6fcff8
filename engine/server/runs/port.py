"""What routes know of runs: start one, follow it, cancel it. Nothing here says in which process it happens."""

from collections.abc import AsyncIterator, Sequence
from typing import Literal, Protocol

import msgspec

from engine.document import Json
from engine.errors import BlockloomError
from engine.events import AnyEvent
from engine.server.runs.loaded import LoadedWorkflow

Trigger = Literal["manual", "webhook", "schedule"]
FinalStatus = Literal["completed", "failed"]
FOLLOW_WAIT_S = 30.0


class Idempotency(msgspec.Struct, frozen=True, gc=False):
    """A caller's promise that this is the same call as an earlier one. `scope` is the route and what it is about."""

    scope: str
    key: str
    fingerprint: str


class RunOrder(msgspec.Struct, frozen=True, gc=False):
    """A run to be started. `variables` are as they were sent; if they are no object, the run fails with words.

    `claims_webhook` lets it start only if the workflow is deployed or armed at that very moment, and disarms it.
    """

    workflow: LoadedWorkflow
    variables: Json
    trigger: Trigger
    deadline_s: float
    claims_webhook: bool = False
    idempotency: Idempotency | None = None


class FinishedRun(msgspec.Struct, frozen=True, gc=False):
    """How a run ended, as recorded. `error_code` is None for a run that completed, `revision` that of its graph."""

    execution_id: str
    status: FinalStatus
    output: Json
    error: str | None
    error_code: str | None
    revision: str
    events: tuple[AnyEvent, ...]


class Batch(msgspec.Struct, frozen=True, gc=False):
    """Some events of a run, in order. `is_last` says that nothing comes after them, because its end is recorded."""

    events: Sequence[AnyEvent]
    is_last: bool


class Run(Protocol):
    """A run that has been recorded. Whoever follows it may leave at any time; the run goes on."""

    execution_id: str

    async def more(self, after: int, wait_s: float) -> Batch:
        """Its events numbered above `after`; waits up to `wait_s` seconds for one, and may come back with none."""

    async def finished(self) -> FinishedRun:
        """How it ended, once that is recorded."""


async def follow(run: Run, after: int = 0) -> AsyncIterator[AnyEvent]:
    """The events of a run numbered above `after`, as they happen, to the last one."""
    is_last = False
    while not is_last:
        batch = await run.more(after, FOLLOW_WAIT_S)
        for event in batch.events:
            after = event.seq
            yield event
        is_last = batch.is_last


class RunService(Protocol):
    """Starts, finds and cancels runs."""

    async def start(self, order: RunOrder) -> Run:
        """Record the run and begin it. An earlier run of the same idempotency key is returned instead.

        Raises:
            RunRefused: it may not start now; the subclass says why.
        """

    async def find(self, execution_id: str) -> Run | None:
        """The run with this id, of whichever process; None when there is none."""

    async def cancel(self, execution_id: str) -> None:
        """Ask the run to end. It then closes as failed, with the words that it was cancelled."""


class RunRefused(BlockloomError):
    """A run that did not start. Nothing of it was recorded, and no armed call was used up."""


class TooManyRuns(RunRefused):
    """As many runs wait as may wait."""


class WebhookNotActive(RunRefused):
    """The workflow is neither deployed nor armed."""


class WorkflowChanged(RunRefused):
    """The workflow is not what was loaded any more: load it again and decide anew."""


class KeyUsedOtherwise(RunRefused):
    """The idempotency key came with another request before."""
