"""Looks at a finished run as it was at any of its moments. Whatever shows `workspace.run` shows that moment."""

from PySide6.QtCore import QObject, Signal

from editor.aio import Tasks, in_thread
from editor.workspace.runs import Runs
from editor.workspace.workspace import Workspace
from engine import AnyEvent, RunState

INLINE_EVENTS = 2_000
"""So many events are folded within a frame; more are folded on another thread."""


class Replay(QObject):
    """The moments of the run that is shown. A moment is a number of events; the last one is the finished run.

    Signals:
        changed(): `length` or `position` is another one.
    """

    changed = Signal()

    def __init__(self, workspace: Workspace, runs: Runs, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._runs = runs
        self._tasks = tasks
        self._whole: RunState | None = None
        self._position = 0
        workspace.run_replaced.connect(self._on_run_replaced)
        runs.active_changed.connect(self._on_active_changed)

    @property
    def length(self) -> int:
        """How many moments there are; 0 while there is no finished run to look at."""
        has_moments = self._whole is not None and not self._runs.is_active and len(self._runs.events) > 1
        return len(self._runs.events) if has_moments else 0

    @property
    def position(self) -> int:
        """The moment that is shown, 1 to `length`."""
        return self._position

    @property
    def elapsed_ms(self) -> float:
        """How long after its beginning the run was at the moment that is shown."""
        events = self._runs.events
        return (events[self._position - 1].at - events[0].at) * 1000 if 0 < self._position <= len(events) else 0.0

    def show(self, position: int) -> None:
        """Show the run as it was after this many events."""
        position = max(1, min(position, self.length))
        if not self.length or position == self._position:
            return
        self._position = position
        if position == self.length:
            self._tasks.cancel("replay")
            self._put(self._whole)
        elif position <= INLINE_EVENTS:
            self._tasks.cancel("replay")
            self._put(moment(self._runs.events[:position]))
        else:
            self._tasks.restart("replay", self._show_later, position)
        self.changed.emit()

    async def _show_later(self, position: int) -> None:
        self._put(await in_thread(moment, self._runs.events[:position]))

    def _put(self, state: RunState | None) -> None:
        self._workspace.set_run(state)

    def _on_run_replaced(self) -> None:
        run = self._workspace.run
        if run is not None and run.frozen_at is not None:
            return  # one of our own moments
        self._whole = run
        self._position = len(self._runs.events)
        self.changed.emit()

    def _on_active_changed(self) -> None:
        self._position = len(self._runs.events)
        self.changed.emit()


def moment(events: list[AnyEvent]) -> RunState:
    """The run after these events, standing still."""
    state = RunState()
    for event in events:
        state.fold(event)
    state.frozen_at = events[-1].at if events else 0.0
    return state
