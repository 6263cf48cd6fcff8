"""Tells when the event loop stood still, and what it was doing: everybody waits while one request computes.

A thread looks whether the loop still beats. One that has not for a quarter of a second is caught in the act: its stack
is logged, once per stall, and its length when it is over.
"""

import asyncio
import sys
import threading
import traceback
from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import Self

from structlog import get_logger

STALL_S = 0.25
BEAT_S = 0.05


class StallWatchdog:
    """Watches the running loop from entering to leaving. `on_stall` hears the length of each stall, in seconds."""

    def __init__(self, on_stall: Callable[[float], None] = lambda _seconds: None, stall_s: float = STALL_S) -> None:
        self._on_stall = on_stall
        self._stall_s = stall_s
        self._is_over = threading.Event()
        self._last_beat = monotonic()
        self._told_at = 0.0
        self._beat: asyncio.TimerHandle | None = None
        self._thread = threading.Thread(target=self._watch, name="stall-watchdog", daemon=True)

    async def __aenter__(self) -> Self:
        self._loop_thread = threading.get_ident()
        self._loop = asyncio.get_running_loop()
        self._keep_beating()
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._is_over.set()
        if self._beat is not None:
            self._beat.cancel()
        self._thread.join()

    def _keep_beating(self) -> None:
        now = monotonic()
        if self._told_at:
            stalled_s = now - self._last_beat
            self._told_at = 0.0
            get_logger().warning("event loop goes on", stalled_ms=round(stalled_s * 1000))
            self._on_stall(stalled_s)
        self._last_beat = now
        self._beat = self._loop.call_later(BEAT_S, self._keep_beating)

    def _watch(self) -> None:
        while not self._is_over.wait(BEAT_S):
            last_beat = self._last_beat
            if not self._told_at and monotonic() - last_beat > self._stall_s + BEAT_S:
                self._told_at = last_beat
                frame = sys._current_frames().get(self._loop_thread)
                stack = "".join(traceback.format_stack(frame)) if frame is not None else ""
                get_logger().warning("event loop stands still", stack=stack)
