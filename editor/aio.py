"""Owned asyncio tasks, awaitable dialogs and the one place where errors of tasks are heard.

The editor's event loop is qasync's. Every task has a key and an owner: one task a key, so a second click does not start
a second run. A dialog is awaited, never `exec()`ed: that would freeze every other task.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QDialog

P = ParamSpec("P")
T = TypeVar("T")


class Tasks(QObject):
    """The tasks of one owner, at most one for each key.

    Signals:
        failed(str, Exception): a task ended with an error that nobody awaits; the key and the error.
        busy_changed(str, bool): a task of this key began or ended.
    """

    failed = Signal(str, object)
    busy_changed = Signal(str, bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks: dict[str, asyncio.Task[Any]] = {}

    def start(self, key: str, function: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> bool:
        """Run the coroutine function as the task of this key; False when one is running already."""
        if self.is_busy(key):
            return False
        task = asyncio.get_event_loop().create_task(function(*args, **kwargs), name=key)
        self._tasks[key] = task
        task.add_done_callback(self._on_done)
        self.busy_changed.emit(key, True)
        return True

    def restart(self, key: str, function: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kw: P.kwargs) -> None:
        """Cancel the running task of this key, if there is one, and start this one in its place."""
        self.cancel(key)
        self._tasks.pop(key, None)
        self.start(key, function, *args, **kw)

    def is_busy(self, key: str) -> bool:
        """Whether a task of this key is running."""
        task = self._tasks.get(key)
        return task is not None and not task.done()

    def cancel(self, key: str) -> None:
        """Cancel the task of this key; nothing happens when there is none."""
        task = self._tasks.get(key)
        if task is not None:
            task.cancel()

    async def close(self) -> None:
        """Cancel every task and wait until all have ended."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()

    def _on_done(self, task: asyncio.Task[Any]) -> None:
        key = task.get_name()
        if self._tasks.get(key) is task:
            del self._tasks[key]
            self.busy_changed.emit(key, False)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.failed.emit(key, error)


async def ask(dialog: QDialog) -> int:
    """Open the dialog without blocking the event loop; returns its result code once it is closed."""
    answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def on_finished(code: int) -> None:
        if not answer.done():
            answer.set_result(code)

    dialog.finished.connect(on_finished)
    dialog.open()
    try:
        return await answer
    finally:
        dialog.close()


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do blocking work off the UI thread; the result comes back on it."""
    work: Awaitable[T] = asyncio.to_thread(function, *args, **kwargs)
    return await work
