"""LocalRunner: runs workflows on a thread of its own, so that whoever shows them is never in their way."""

import contextlib
from collections.abc import Callable
from concurrent.futures import Future

from engine.blocks import Catalog
from engine.document import JsonObject, Workflow
from engine.events import AnyEvent, RunFinished
from engine.loopthread import LoopThread, Work
from engine.run.context import RunSettings, Services, open_services
from engine.run.runner import run

OpenServices = Callable[[], contextlib.AbstractAsyncContextManager[Services]]


class RunHandle:
    """One run that was started. `done` holds its last event, or the error for which it could not begin."""

    def __init__(self, work: Work[RunFinished]) -> None:
        self._work = work

    @property
    def done(self) -> Future[RunFinished]:
        """Its last event, once there is one."""
        return self._work

    def cancel(self) -> None:
        """End the run, from any thread. Its last events still arrive, and `done` follows them."""
        self._work.stop()

    def leave(self) -> None:
        """Nobody looks on any more: a run that needs this program ends, as by `cancel`."""
        self.cancel()


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
        self.settings = settings or RunSettings()
        """What the next run works with; may be replaced between runs."""
        self._catalog = catalog
        self._open = services or (lambda: open_services(self.settings))
        self._thread = LoopThread("engine")

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

        return RunHandle(self._thread.start(work))

    def close(self) -> None:
        """Cancel all runs and wait until the thread and everything it started are gone. Closing twice is fine."""
        self._thread.close()
