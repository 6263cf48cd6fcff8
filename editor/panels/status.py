"""How the status of a block or a run looks: always a shape and a word, never a colour alone."""

from dataclasses import dataclass

from engine import BlockRun, Delegation, RunState


@dataclass(frozen=True)
class StatusLook:
    """An icon, the name of its colour in `Colors`, and the word for it."""

    icon: str
    color: str
    word: str


WAITING = StatusLook("circle-dashed", "text_faint", "Waiting")
RUNNING = StatusLook("loader-circle", "running", "Running")
DONE = StatusLook("circle-check", "success", "Done")
REPORTED = StatusLook("triangle-alert", "warning", "Done with an error")
FAILED = StatusLook("circle-x", "error", "Failed")
SKIPPED = StatusLook("ban", "skipped", "Skipped")
CANCELLED = StatusLook("square", "skipped", "Stopped")
NOT_RUN = StatusLook("minus", "skipped", "Did not run")

_BLOCK = {"waiting": WAITING, "running": RUNNING, "done": DONE, "failed": FAILED, "skipped": SKIPPED}
_RUN = {"running": RUNNING, "completed": DONE, "failed": FAILED, "cancelled": CANCELLED}


def block_look(run: BlockRun, *, finished: bool = False) -> StatusLook:
    """How a block's status looks. `finished` says that the run has ended, so that nothing waits any more."""
    if run.status == "done" and run.error:
        return REPORTED
    if run.status == "waiting" and finished:
        return NOT_RUN
    return _BLOCK[run.status]


def delegation_look(delegation: Delegation, *, finished: bool = False) -> StatusLook:
    """How a task looks that an orchestration gave to an agent. `finished` says that the run has ended."""
    if delegation.error is not None:
        return FAILED
    if delegation.duration_ms is not None:
        return DONE
    return CANCELLED if finished else RUNNING


def run_look(run: RunState) -> StatusLook:
    """How the status of a whole run looks."""
    return REPORTED if run.status == "completed" and run.failed_blocks else _RUN[run.status]
