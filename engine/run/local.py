"""LocalRunner: runs workflows on a thread of its own, so that whoever shows them is never in their way."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any

from engine.blocks import Catalog
from engine.document import JsonObject, Workflow
from engine.errors import RunError
from engine.events import AnyEvent, RunFinished
from engine.run.context import RunSettings, Services, open_services
from engine.run.runner import run

OpenServices = Callable[[], contextlib.AbstractAsyncContextManager[Services]]


class RunHandle:
    """One run that was started. `done` holds its last event, or the error for which it could not begin."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.done: Future[RunFinished] = Future()
        self._loop = loop
        self._task: asyncio.Task[RunFinished] | None = None

    def cancel(self) -> None:
        """End the run, from any thread. Its last events still arrive, and `done` follows them."""
        with contextlib.suppress(RuntimeError):  # the runner has been closed, and its runs with it
            self._loop.call_soon_threadsafe(self._cancel)

    def follow(self, work: Callable[[], Coroutine[Any, Any, RunFinished]]) -> None:
        """Begin the work; on the loop's own thread."""
        self._task = self._loop.create_task(work())
        self._task.add_done_callback(self._on_ended)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _on_ended(self, task: "asyncio.Task[RunFinished]") -> None:
        # A callback and no `try` in the work: a task that is cancelled before its first step never enters its body.
        if task.cancelled():
            self.done.cancel()
            self.done.set_running_or_notify_cancel()
        elif error := task.exception():
            self.done.set_exception(error)
        else:
            self.done.set_result(task.result())


class LocalRunner:
    """Workflows run here one after another or at the same time; the thread starts with the first of them.

    `services` opens what each run works with. `on_event` is called on the engine's thread and must not wait.
    """

    def __init__(
        self,
        settings: RunSettings | None = None,
        *,
        catalog: Catalog | None = None,
        services: OpenServices | None = None,
    ) -> None:
        self._catalog = catalog
        self._open = services or (lambda: open_services(settings))
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def start(
        self,
        workflow: Workflow,
        variables: JsonObject,
        on_event: Callable[[AnyEvent], None],
        until: str | None = None,
    ) -> RunHandle:
        """Run this workflow and return at once.

        Raises:
            RunError: the runner has been closed.
        """

        async def work() -> RunFinished:
            async with self._open() as services:
                return await run(
                    workflow, on_event, catalog=self._catalog, services=services, variables=variables, until=until
                )

        with self._lock:
            loop = self._running_loop()
            handle = RunHandle(loop)
            loop.call_soon_threadsafe(handle.follow, work)
        return handle

    def close(self) -> None:
        """Cancel all runs and wait until the thread and everything it started are gone. Closing twice is fine."""
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
            self._thread = threading.Thread(target=_serve, args=(self._loop,), name="engine", daemon=True)
            self._thread.start()
        return self._loop


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
