"""Reading the frames of a run's stream with an eye on silence."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from engine.document import JsonObject
from engine.run.clock import Clock

STALL_S = 30.0
"""Silence after which somebody looks elsewhere. The stream stays open: closing it may end the run (W8)."""
MAX_WAITING = 100
"""Frames that are read ahead."""

_Queue = asyncio.Queue[JsonObject | Exception | None]


async def read_frames(
    frames: AsyncIterator[JsonObject],
    take: Callable[[JsonObject], bool],
    is_over: Callable[[], Awaitable[bool]],
    clock: Clock,
) -> None:
    """Hand frames to `take` until it has had enough and returns False, the stream ends, or after a silence `is_over`.

    What breaks the stream is raised as it is: whoever opened it knows what it means.
    """
    queue: _Queue = asyncio.Queue(MAX_WAITING)
    async with asyncio.TaskGroup() as tasks:
        pump = tasks.create_task(_pump(frames, queue))
        broken = await _take_all(queue, take, is_over, clock)
        pump.cancel()
    if broken is not None:
        raise broken


async def _take_all(
    queue: _Queue, take: Callable[[JsonObject], bool], is_over: Callable[[], Awaitable[bool]], clock: Clock
) -> Exception | None:
    """As `read_frames`; what broke the stream is returned, because a task group would wrap it."""
    while True:
        try:
            async with clock.timeout(STALL_S):
                item = await queue.get()
        except TimeoutError:
            if await is_over():
                return None
            continue
        if not isinstance(item, dict):
            return item
        if not take(item):
            return None


async def _pump(frames: AsyncIterator[JsonObject], queue: _Queue) -> None:
    """Put frames in the queue as they come, and what ended them: None, or the error."""
    try:
        async for frame in frames:
            await queue.put(frame)
    except Exception as error:  # noqa: BLE001 - the border: raised again where the frames were asked for
        await queue.put(error)
    else:
        await queue.put(None)
