"""A uvicorn server that ends in time: whoever is being answered gets a while, everybody else is let go at once.

uvicorn waits for every connection to close, and dies by the signal in the end. This one has a deadline, exits with
status 0 when asked to end, and at once when asked twice.
"""

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from structlog import get_logger

from engine.server.http.protocol import BoundedProtocol
from engine.server.logs import flush_logs

LAST_RESORT_S = 5.0
"""However stuck anything is, the process is gone this long after it was asked to end."""
_CANCEL_S = 0.5


class GracefulServer(uvicorn.Server):
    """Serves until SIGINT or SIGTERM, then gives requests `drain_s` to be answered.

    `tell_ready` is called when it listens. The signals are caught while `capture_signals` is entered, which may be long
    before serving and until after it.
    """

    def __init__(self, config: uvicorn.Config, drain_s: float, tell_ready: Callable[[], None] = lambda: None) -> None:
        super().__init__(config)
        self._drain_s = drain_s
        self._tell_ready = tell_ready

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let the signals end the serving and not the process, for as long as this lasts."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve on these sockets until asked to end."""
        await self._serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        self._tell_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, answer what is being answered, then cut off the rest."""
        state = self.server_state
        for server in self.servers:
            server.close()
        for listener in sockets or ():
            listener.close()
        for connection in list(state.connections):
            connection.shutdown()
        if state.tasks:
            get_logger().info("answering the last requests", requests=len(state.tasks), seconds=self._drain_s)
            await asyncio.wait(state.tasks, timeout=self._drain_s)
        if state.tasks:
            await self._cut_off(list(state.tasks))
        for connection in list(state.connections):
            if connection.transport is not None:
                connection.transport.abort()
        await self.lifespan.shutdown()

    def end(self) -> None:
        """Begin to end, as a first signal does."""
        self.should_exit = True

    async def _cut_off(self, tasks: list[asyncio.Task[None]]) -> None:
        get_logger().warning("requests cut off", requests=len(tasks))
        for connection in list(self.server_state.connections):
            if isinstance(connection, BoundedProtocol):
                connection.cut_off()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=_CANCEL_S)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self.should_exit:
            os._exit(128 + number)
        self.end()
        # Never cancelled: a thread that does not end would hold up the interpreter even after everything is closed.
        last_resort = threading.Timer(LAST_RESORT_S, _force)
        last_resort.daemon = True
        last_resort.start()


def _force() -> None:
    get_logger().error("stopped by force", seconds=LAST_RESORT_S)
    flush_logs()
    os._exit(1)
