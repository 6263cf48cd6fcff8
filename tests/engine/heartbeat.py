"""How long an event loop, and the interpreter as a whole, had no time for anything else."""

import asyncio
import threading
import time
from collections.abc import Awaitable
from typing import Any


class Heartbeat:
    """Beats on the event loop and on a thread, and knows the longest time between two beats of either."""

    def __init__(self) -> None:
        self.loop_gap_s = 0.0
        self.thread_gap_s = 0.0
        self._is_over = threading.Event()

    async def during(self, work: Awaitable[Any]) -> Any:
        thread = threading.Thread(target=self._beat_on_thread)
        thread.start()
        beat = asyncio.create_task(self._beat_on_loop())
        try:
            return await work
        finally:
            self._is_over.set()
            await beat
            thread.join()

    async def _beat_on_loop(self) -> None:
        last = time.perf_counter()
        while not self._is_over.is_set():
            await asyncio.sleep(0)
            now = time.perf_counter()
            self.loop_gap_s, last = max(self.loop_gap_s, now - last), now

    def _beat_on_thread(self) -> None:
        last = time.perf_counter()
        while not self._is_over.wait(0.001):
            now = time.perf_counter()
            self.thread_gap_s, last = max(self.thread_gap_s, now - last), now
