"""Keeps the workspace's problems up to date, away from the UI thread when the document is large."""

from PySide6.QtCore import QObject, QTimer

from editor.aio import Tasks, in_thread
from editor.workspace.workspace import Workspace
from engine import Change, Checker, Problem, Workflow

INLINE_BLOCKS = 150
"""Up to this many blocks a check takes less than a frame and is done at once."""
QUIET_MS = 120


class ProblemWatcher(QObject):
    """Looks for problems after each change, once typing pauses."""

    def __init__(self, workspace: Workspace, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._tasks = tasks
        self._checker = Checker(workspace.catalog)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._check)
        workspace.workflow_changed.connect(self._on_workflow_changed)
        self._timer.start(0)

    def check_now(self) -> tuple[Problem, ...]:
        """Problems of the document as it is this moment."""
        self._timer.stop()
        self._workspace.set_problems(self._checker.problems(self._workspace.workflow))
        return self._workspace.problems

    def _on_workflow_changed(self, _change: Change) -> None:
        self._timer.start(QUIET_MS)

    def _check(self) -> None:
        if len(self._workspace.workflow.blocks) <= INLINE_BLOCKS:
            self.check_now()
        else:
            self._tasks.restart("problems", self._check_in_thread, self._workspace.workflow)

    async def _check_in_thread(self, workflow: Workflow) -> None:
        found = await in_thread(self._checker.problems, workflow)
        if workflow is self._workspace.workflow:
            self._workspace.set_problems(found)
