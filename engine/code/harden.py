"""What a worker process gives up before it runs anything from outside. None of it can be had back.

The template hardens itself once; each fork adds limits of its own. Works as any user; root loses its powers first.
"""

import errno
import mmap
import os
import resource
import signal
import struct
from dataclasses import dataclass

from engine.code import landlock, seccomp
from engine.code.libc import libc
from engine.code.limits import CodeLimits

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 1, 4, 38, 47
_CAP_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION_3 = 0x20080522
_OPEN_FILES = 64
_PAGE = 4096
_BLOCKS_AT_ONCE = 16
# What a fork needs before it can even say that its memory is full.
_HEADROOM = 32 << 20


def harden_template(readable: list[str]) -> tuple[int, str]:
    """Lock the calling process in: no secrets in core dumps, no privileges, no files but those below `readable`.

    Returns the Landlock version in force (0: none) and why there is no seccomp filter ("" when there is one).
    """
    libc().prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _drop_capabilities()
    for kind in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_MSGQUEUE, resource.RLIMIT_MEMLOCK):
        _limit(kind, 0)
    landlock_version = landlock.restrict(readable)
    try:
        seccomp.install(seccomp.base_filter())
    except seccomp.SeccompError as error:
        return landlock_version, str(error)
    return landlock_version, ""


def die_with(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent ends, however that happens."""
    libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # Checked after the fact: a parent that ended before the call would never be noticed.
    if os.getppid() != parent_pid:
        os._exit(1)


@dataclass(frozen=True)
class Space:
    """Bytes that a process occupies: of addresses, and of private memory that can be written."""

    addresses: int
    data: int


def harden_block(limits: CodeLimits, space: Space, *, own_namespace: bool, with_filter: bool) -> None:
    """Limit the calling fork. `space` is what it occupied before any user code."""
    _limit(resource.RLIMIT_CPU, limits.cpu_s, limits.cpu_s + 1)
    # The JavaScript engine sets 4 GB of addresses aside and makes memory of them when needed, which only the second
    # limit sees. Shared memory counts for the first alone.
    _limit(resource.RLIMIT_AS, space.addresses + limits.memory_bytes + _HEADROOM)
    _limit(resource.RLIMIT_DATA, space.data + limits.memory_bytes + _HEADROOM)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    if own_namespace:
        # Counted per user and namespace, all blocks of the run together; outside, the user's own programs would count.
        _limit(resource.RLIMIT_NPROC, limits.threads * _BLOCKS_AT_ONCE)
    if with_filter:
        seccomp.install(seccomp.block_filter(os.getpid()))


def space_in_use() -> Space:
    """What this process occupies, to 64 KB; without `/proc`, which is not there inside."""
    return Space(_in_use(resource.RLIMIT_AS), _in_use(resource.RLIMIT_DATA))


def _in_use(kind: int) -> int:
    """Bytes counted against this limit. Below it every new mapping fails, so halving finds the edge."""
    soft, hard = resource.getrlimit(kind)
    low, high = 0, 1 << 36
    try:
        while high - low > 1 << 16:
            middle = (low + high) // 2
            resource.setrlimit(kind, (middle, hard))
            low, high = (low, middle) if _can_map() else (middle, high)
    finally:
        resource.setrlimit(kind, (soft, hard))
    return high


def _can_map() -> bool:
    try:
        mmap.mmap(-1, _PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except (OSError, MemoryError) as error:
        if isinstance(error, OSError) and error.errno != errno.ENOMEM:
            raise
        return False
    return True


def _drop_capabilities() -> None:
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    libc().prctl(_PR_CAP_AMBIENT, _CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    libc().capset(header, bytes(24))


def _limit(kind: int, soft: int, hard: int | None = None) -> None:
    """Lower one limit; one that is lower already stays."""
    wanted_hard = soft if hard is None else hard
    current = resource.getrlimit(kind)[1]
    ceiling = wanted_hard if current == resource.RLIM_INFINITY else min(wanted_hard, current)
    resource.setrlimit(kind, (min(soft, ceiling), ceiling))
