"""What routes know of runs: start one, follow it, cancel it. Nothing here says in which process it happens."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal, Protocol

from engine.document import Json
from engine.errors import BlockloomError
from engine.events import AnyEvent
from engine.server.runs.loaded import LoadedWorkflow

Trigger = Literal["manual", "webhook", "schedule"]
FinalStatus = Literal["completed", "failed"]


@dataclass(frozen=True)
class Idempotency:
    """A caller's promise that this is the same call as an earlier one. `scope` is the route and what it is about."""

    scope: str
    key: str
    fingerprint: str


@dataclass(frozen=True)
class RunOrder:
    """A run to be started. `variables` are as they were sent; if they are no object, the run fails with words.

    `claims_webhook` lets it start only if the workflow is deployed or armed at that very moment, and disarms it.
    """

    workflow: LoadedWorkflow
    variables: Json
    trigger: Trigger
    deadline_s: float
    claims_webhook: bool = False
    idempotency: Idempotency | None = None


@dataclass(frozen=True)
class FinishedRun:
    """How a run ended, as recorded. `error_code` is one of the contract's, None for a run that completed."""

    execution_id: str
    status: FinalStatus
    output: Json
    error: str | None
    error_code: str | None
    events: tuple[AnyEvent, ...]


class Run(Protocol):
    """A run that has been recorded. Whoever follows it may leave at any time; the run goes on."""

    execution_id: str

    def events(self, after: int = 0) -> AsyncIterator[AnyEvent]:
        """Its events numbered above `after`, as they happen, to the last one."""

    async def finished(self) -> FinishedRun:
        """How it ended, once that is recorded."""


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
