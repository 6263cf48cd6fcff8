"""An asyncio event loop on a thread of its own, for work that must not be in anybody's way."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from engine.errors import RunError

T = TypeVar("T")


class LoopThread:
    """The thread starts with the first call and ends with `close`, which cancels what is still running.

    Every method may be called from any thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def start(self, work: Callable[[], Coroutine[Any, Any, T]]) -> "Work[T]":
        """Begin this work on the thread and return at once.

        Raises:
            RunError: the thread has been closed.
        """
        with self._lock:
            loop = self._running_loop()
            started: Work[T] = Work(loop)
            loop.call_soon_threadsafe(started.begin, work)
        return started

    def close(self) -> None:
        """Cancel everything and wait until the thread and all it started are gone. Closing twice is fine."""
        with self._lock:
            self._is_closed = True
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._is_closed:
            raise RunError("The engine has been closed; nothing can be run any more.")
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=_serve, args=(self._loop,), name=self._name, daemon=True)
            self._thread.start()
        return self._loop


class Work(Future[T]):
    """What was started on a `LoopThread`, as a future that any thread may wait for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._own_loop = loop
        self._task: asyncio.Task[T] | None = None

    def stop(self) -> None:
        """Cancel the work; what it still has to say comes before the future is cancelled."""
        with contextlib.suppress(RuntimeError):  # the thread has been closed, and all its work with it
            self._own_loop.call_soon_threadsafe(self._cancel_task)

    def begin(self, work: Callable[[], Coroutine[Any, Any, T]]) -> None:
        """Begin; on the loop's own thread."""
        self._task = self._own_loop.create_task(work())
        self._task.add_done_callback(self._on_ended)

    def _cancel_task(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _on_ended(self, task: "asyncio.Task[T]") -> None:
        # A callback and no `try` in the work: a task that is cancelled before its first step never enters its body.
        if self.cancelled():
            return  # whoever waited has given up already
        if task.cancelled():
            self.cancel()
            self.set_running_or_notify_cancel()
        elif error := task.exception():
            self.set_exception(error)
        else:
            self.set_result(task.result())


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        loop.run_until_complete(_end_all())
    finally:
        asyncio.set_event_loop(None)
        loop.close()


async def _end_all() -> None:
    """Cancel what still runs and wait for it; asyncio's own helper threads end with it."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    loop = asyncio.get_running_loop()
    await loop.shutdown_asyncgens()
    await loop.shutdown_default_executor()
