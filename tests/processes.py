"""What is left behind: processes and descriptors, counted by the tests that must leave none."""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from engine.code.libc import libc

_PR_SET_CHILD_SUBREAPER = 36


def processes_below(top: int) -> set[int]:
    """Ids of all living processes that descend from this one."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:2]
            except OSError:
                continue
            if state != "Z":
                parents[int(entry.name)] = int(parent)
    below = {top}
    while grown := {pid for pid, parent in parents.items() if parent in below} - below:
        below |= grown
    return below - {top}


def open_descriptors() -> int:
    """How many files, pipes and sockets this process has open."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  a path object for each would take longer


async def until(condition: Callable[[], bool], most_s: float = 1.0) -> bool:
    """Whether the condition came true in time; the loop goes on meanwhile."""
    deadline = time.monotonic() + most_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0)
    return True


@contextlib.contextmanager
def orphans_come_home() -> Iterator[None]:
    """Processes whose parent ends become ours meanwhile, so that none is overlooked."""
    libc().prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc().prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
