"""What a person at a terminal sees while a workflow runs: how far it is, and which blocks are at work."""

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

from engine.events import AnyEvent, RunFinished, RunStarted
from engine.runstate import RunState

if TYPE_CHECKING:
    from rich.status import Status

_MAX_NAMES = 3


class Progress:
    """A line on standard error that follows a run and is gone when it ends. Silent where no terminal is."""

    def __init__(self, state: RunState) -> None:
        self._state = state
        self._status: Status | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.status import Status

            self._status = Status("Starting…", console=Console(stderr=True))
            self._status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._status is not None:
            self._status.stop()

    def follow(self, event: AnyEvent) -> None:
        """Show the state after this event, which the state has already taken in."""
        if self._status is not None and not isinstance(event, RunStarted | RunFinished):
            from rich.text import Text

            self._status.update(Text(summary(self._state)))


def summary(state: RunState) -> str:
    """How far a run is, in a line such as `2 of 5 blocks · Fetch page, Summarize`."""
    blocks = state.blocks.values()
    ended = sum(run.status not in ("waiting", "running") for run in blocks)
    at_work = [run.block_name or run.block_id for run in blocks if run.status == "running"]
    more = f" and {len(at_work) - _MAX_NAMES} more" if len(at_work) > _MAX_NAMES else ""
    names = ", ".join(at_work[:_MAX_NAMES]) + more
    return f"{ended} of {len(state.blocks)} blocks" + (f" · {names}" if names else "")
