"""What talks to servers does so on a thread of its own: a large reply is read and understood without the window."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from engine import LoopThread

P = ParamSpec("P")
T = TypeVar("T")


class Network:
    """Runs coroutine functions on the network thread and brings their results back to the UI's event loop."""

    def __init__(self) -> None:
        self.thread = LoopThread("network")

    async def run(self, function: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of the function, which runs on the network thread; cancelling the caller cancels it there."""
        work = self.thread.start(lambda: function(*args, **kwargs))
        result = asyncio.wrap_future(work)
        # Whoever asked may have gone by the time it fails; the failure is theirs alone, and nobody's to report.
        result.add_done_callback(_hear)
        try:
            return await result
        except asyncio.CancelledError:
            work.stop()
            raise

    def close(self) -> None:
        """End the thread and everything on it; waits, so not on the UI thread."""
        self.thread.close()


def _hear(result: "asyncio.Future[Any]") -> None:
    if not result.cancelled():
        result.exception()
