"""Starts runs in the embedded engine and folds their events into the workspace, once a frame.

Events arrive on the engine's thread and wait in a queue; a timer on the UI thread takes them out for a few milliseconds
a frame. So the engine never waits for the window, and the window never for the engine.
"""

from collections import deque
from collections.abc import Callable
from time import perf_counter

from PySide6.QtCore import QObject, QTimer, Signal

from editor.workspace.workspace import Workspace
from engine import AnyEvent, JsonObject, LocalRunner, RunHandle, RunState

FRAME_MS = 16
FOLD_BUDGET_S = 0.005


class Runs(QObject):
    """The run that is going on, if any.

    Signals:
        started(): a run began.
        finished(RunState): the run ended; its last event has been folded in.
        active_changed(): `is_active` changed.
    """

    started = Signal()
    finished = Signal(object)
    active_changed = Signal()

    def __init__(self, workspace: Workspace, runner: LocalRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._runner = runner
        self._handle: RunHandle | None = None
        self._state: RunState | None = None
        self._queue: deque[AnyEvent] = deque()
        self.events: list[AnyEvent] = []
        """Events of the run that is shown, as they would be recorded."""
        self.origin = ""
        """Where the run that is shown ran, in words; "" for here."""
        self._timer = QTimer(self)
        self._timer.setInterval(FRAME_MS)
        self._timer.timeout.connect(self._fold)

    @property
    def is_active(self) -> bool:
        """Whether a run is going on."""
        return self._handle is not None

    def start(self, variables: JsonObject, until: str | None = None) -> bool:
        """Run the document as it is on screen, up to the block `until` if given; False when a run is going on."""
        workflow = self._workspace.workflow
        return self.begin(lambda on_event: self._runner.start(workflow, variables, on_event, until=until))

    def begin(self, start: Callable[[Callable[[AnyEvent], None]], RunHandle], origin: str = "") -> bool:
        """Follow the run that `start` begins, wherever it runs: it is told who gets the events. False as in `start`.

        `origin` says where it runs, "" for here.
        """
        if self._handle is not None:
            return False
        self.origin = origin
        self._queue = deque()
        self.events = []
        self._state = RunState()
        self._workspace.set_run(self._state)
        self._handle = start(self._queue.append)
        self._timer.start()
        self.started.emit()
        self.active_changed.emit()
        return True

    def show(self, state: RunState, events: list[AnyEvent], origin: str = "") -> None:
        """Show a run that was recorded; nothing happens while one is going on. `origin` as in `begin`."""
        if self._handle is None:
            self.origin = origin
            self._state, self.events = state, events
            self._workspace.set_run(state)

    def stop(self) -> None:
        """Cancel the run; its last events still arrive."""
        if self._handle is not None:
            self._handle.cancel()

    def leave(self) -> None:
        """Look on no longer: a run here ends, one on a server goes on there."""
        if self._handle is not None:
            self._handle.leave()

    def close(self) -> None:
        """Cancel what runs and end the engine's thread."""
        self._timer.stop()
        self._runner.close()

    def _fold(self) -> None:
        state = self._state
        if state is None or self._handle is None:
            return
        ended = self._handle.done.done()  # asked before the queue is emptied: whatever it told is in there
        changed = self._take(state)
        if self._workspace.run is state and changed:
            self._workspace.tell_run_changed(frozenset(changed))
        if ended and not self._queue:
            self._end(state)

    def _take(self, state: RunState) -> set[str]:
        changed: set[str] = set()
        until = perf_counter() + FOLD_BUDGET_S
        while self._queue:
            event = self._queue.popleft()
            self.events.append(event)
            changed |= state.fold(event)
            if perf_counter() > until:
                break
        return changed

    def _end(self, state: RunState) -> None:
        self._timer.stop()
        handle, self._handle = self._handle, None
        error = handle.done.exception() if handle and not handle.done.cancelled() else None
        if error is not None and not state.is_finished:
            state.status, state.error = "failed", str(error)
        self.active_changed.emit()
        self._workspace.tell_run_changed(frozenset(state.blocks))
        self.finished.emit(state)
