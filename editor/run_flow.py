"""What happens around a run: check, ask for input, start, stop, tell how it ended, record and open recorded runs."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QWidget

from editor import aio
from editor.aio import Tasks, in_thread
from editor.dialogs import ask_open, ask_save
from editor.notices import NoticeBar
from editor.panels.run_form import RunForm
from editor.theme import Theme
from editor.workspace.problem_watcher import ProblemWatcher
from editor.workspace.runs import Runs
from editor.workspace.workspace import Workspace
from engine import BlockloomError, Json, JsonObject, RunState, recording, run_inputs

RUN_SUFFIX = ".run.jsonl"
RUN_FILTER = f"Recorded runs (*{RUN_SUFFIX});;All files (*)"


class RunFlow(QObject):
    """Leads through a run.

    Signals:
        problem_found(Problem): the workflow cannot run because of this error.
        shown(): there is a run to look at.
    """

    problem_found = Signal(object)
    shown = Signal()

    def __init__(
        self,
        window: QWidget,
        workspace: Workspace,
        runs: Runs,
        problem_watcher: ProblemWatcher,
        theme: Theme,
        notices: NoticeBar,
        tasks: Tasks,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._workspace = workspace
        self._runs = runs
        self._problem_watcher = problem_watcher
        self._theme = theme
        self._notices = notices
        self._tasks = tasks
        self._values: JsonObject = {}
        self._refusal = ""
        self.may_run: Callable[[], Awaitable[bool]] = _always
        """Asked before each run on this machine: whether the document may, and with what it works."""
        runs.finished.connect(self._on_finished)
        workspace.workflow_replaced.connect(self._on_workflow_replaced)
        workspace.problems_changed.connect(self._on_problems_changed)

    def run(self, until: str | None = None) -> None:
        """Run the workflow, or up to one block, after asking for its input."""
        self._tasks.start("run-form", self._ask_and_run, until)

    def run_again(self) -> None:
        """Run with the values of the last time; asks when there was none."""
        inputs = run_inputs(self._workspace.workflow, self._workspace.catalog)
        if all(item.name in self._values for item in inputs):
            self._tasks.start("run-form", self._start, self._values, None)
        else:
            self.run()

    def stop(self) -> None:
        """End the run now."""
        self._runs.stop()

    def clear(self) -> None:
        """Show no run."""
        if not self._runs.is_active:
            self._workspace.set_run(None)

    def open_recorded(self) -> None:
        """Show a run that was recorded in a file."""
        self._tasks.start("recorded-run", self._open_recorded)

    def save_recorded(self) -> None:
        """Record the run that is shown in a file."""
        self._tasks.start("recorded-run", self._save_recorded)

    def copy_value(self, value: Json) -> None:
        """Put a large value on the clipboard."""
        self._tasks.start("value", self._copy_value, value)

    def save_value(self, value: Json) -> None:
        """Write a value to a file that the person picks."""
        self._tasks.start("value", self._save_value, value)

    def _can_run(self) -> bool:
        errors = [problem for problem in self._problem_watcher.check_now() if problem.severity == "error"]
        if not errors:
            return True
        more = f" And {len(errors) - 1} more." if len(errors) > 1 else ""
        self._refusal = f"This workflow cannot run yet: {errors[0].message}{more}"
        self._notices.show_notice(self._refusal, "error")
        self.problem_found.emit(errors[0])
        return False

    async def ask_values(self) -> JsonObject | None:
        """The values for a run of the document; None when it has errors, a run is going on, or the person gave up."""
        if self._runs.is_active or not self._can_run():
            return None
        inputs = run_inputs(self._workspace.workflow, self._workspace.catalog)
        if inputs:
            form = RunForm(inputs, self._values, self._theme, self._window)
            accepted = await aio.ask(form) == QDialog.DialogCode.Accepted
            values = form.values()
            form.deleteLater()
            if not accepted:
                return None
            self._values = values
        return self._values

    async def run_with(self, values: JsonObject) -> RunState | None:
        """Run with these values and wait for the end; None when no run began."""
        ended: asyncio.Future[RunState] = asyncio.get_running_loop().create_future()

        def on_finished(state: RunState) -> None:
            if not ended.done():
                ended.set_result(state)

        connection = self._runs.finished.connect(on_finished)
        try:
            await self._start(values, None)
            return await ended if self._runs.is_active else None
        finally:
            self._runs.finished.disconnect(connection)

    async def _ask_and_run(self, until: str | None) -> None:
        # Who is asked about trust first need not fill in a form for nothing.
        if self._runs.is_active or not self._can_run() or not await self.may_run():
            return
        values = await self.ask_values()
        if values is not None:
            await self._start(values, until)

    async def _start(self, values: JsonObject, until: str | None) -> None:
        if self._can_run() and await self.may_run() and self._runs.start(values, until):
            self._notices.dismiss()
            self.shown.emit()

    def _on_finished(self, state: RunState) -> None:
        failed = state.failed_blocks
        if state.status == "failed":
            self._notices.show_notice(f"The run failed: {state.error}", "error")
        elif state.status == "cancelled":
            self._notices.show_notice("The run was stopped.", "info")
        elif failed:
            name = failed[0].block_name or failed[0].block_id
            self._notices.show_notice(f"{name} failed: {failed[0].error}", "error")

    def _on_problems_changed(self) -> None:
        """What was told to be in the way of a run goes when it is no longer so."""
        is_shown = bool(self._refusal) and self._notices.text == self._refusal
        if is_shown and not any(problem.severity == "error" for problem in self._workspace.problems):
            self._notices.dismiss()

    def _on_workflow_replaced(self) -> None:
        self._runs.leave()
        self._values = {}

    async def _open_recorded(self) -> None:
        path = await ask_open(self._window, "Open a recorded run", Path.home(), RUN_FILTER)
        if path is None or self._runs.is_active:
            return
        try:
            state, events = await in_thread(recording.read, path)
        except BlockloomError as error:
            self._notices.show_notice(f"This run could not be opened. {error}", "error")
            return
        self._runs.show(state, events)
        self.shown.emit()

    async def _save_recorded(self) -> None:
        events = list(self._runs.events)
        suggested = Path.home() / f"{self._workspace.workflow.name or 'run'}{RUN_SUFFIX}"
        path = await ask_save(self._window, "Save the run", suggested, RUN_FILTER, RUN_SUFFIX)
        if path is not None:
            try:
                await in_thread(recording.write, path, events)
            except BlockloomError as error:
                self._notices.show_notice(f"Not saved. {error}", "error")
            else:
                self._notices.show_notice(f"Saved {path.name}", "success")

    async def _copy_value(self, value: Json) -> None:
        QGuiApplication.clipboard().setText(await in_thread(_as_text, value))
        self._notices.show_notice("Copied", "success")

    async def _save_value(self, value: Json) -> None:
        text = await in_thread(_as_text, value)
        name = "value.txt" if isinstance(value, str) else "value.json"
        path = await ask_save(self._window, "Save the value", Path.home() / name, "All files (*)", "")
        if path is None:
            return
        try:
            await in_thread(path.write_text, text, "utf-8")
        except OSError as error:
            reason = error.strerror or str(error)
            self._notices.show_notice(f"Not saved. {path.name} cannot be written: {reason}.", "error")
        else:
            self._notices.show_notice(f"Saved {path.name}", "success")


async def _always() -> bool:
    return True


def _as_text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
