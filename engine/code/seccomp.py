"""Seccomp filters: which system calls, with which arguments, the kernel takes from a code block.

Two programs, both lists of instructions for the kernel's packet filter machine. `base_filter` is for the template: it
allows what is listed in `syscalls.py`, narrows the calls that could reach outside, and answers "not permitted" to all
others. `block_filter` is put on top in each fork and takes away what only the template needs: new processes, and
signals to anybody but itself.
"""

import ctypes
import errno
import platform
import struct
import sys

from engine.code.libc import libc
from engine.code.syscalls import AARCH64, CLONE3, X86_64

Instruction = tuple[int, int, int, int]
"""Operation, how far to jump when true, how far when false, operand."""

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16

_MACHINES = {"x86_64": (0xC000003E, X86_64), "aarch64": (0xC00000B7, AARCH64)}
# Numbers with this bit are the x32 calls: the same calls once more under other numbers.
_X32_BIT = 0x40000000

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_PR_SET_PDEATHSIG, _PR_SET_NAME, _PR_GET_NAME, _PR_SET_VMA = 1, 15, 16, 0x53564D41

_BLOCK_PRCTLS = (_PR_SET_NAME, _PR_GET_NAME, _PR_SET_VMA)
_TEMPLATE_PRCTLS = (*_BLOCK_PRCTLS, _PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP)

_CLONE_THREAD = 0x00010000
# NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET, and PTRACE, which would hand a tracer on.
_CLONE_FORBIDDEN = (
    0x80 | 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000 | 0x00002000
)
# WRONLY, RDWR, CREAT, TRUNC, APPEND, the bit of TMPFILE, and PATH, which opens without asking for any right.
_OPEN_FORBIDDEN = 0o1 | 0o2 | 0o100 | 0o1000 | 0o2000 | 0o20000000 | 0o10000000
# TCGETS (isatty), FIONREAD, FIONBIO, FIONCLEX, FIOCLEX: never TIOCSTI, never the owner of a descriptor.
_IOCTLS = (0x5401, 0x541B, 0x5421, 0x5450, 0x5451)
# DUPFD, GETFD, SETFD, GETFL, SETFL, DUPFD_CLOEXEC: not SETOWN and SETSIG, which send signals to other processes.
_FCNTLS = (0, 1, 2, 3, 4, 1030)
_AF_UNIX, _SOCK_STREAM, _SOCK_TYPE_MASK = 1, 1, 0xF


class SeccompError(OSError):
    """The kernel or this machine has no such filter."""


def base_filter(machine: str = "") -> bytes:
    """The template's filter for this machine (`platform.machine()` when not given).

    Raises:
        SeccompError: no table for this kind of machine.
    """
    architecture, calls = _machine(machine)
    narrowed = {
        "clone": _refuse_bits(0, _CLONE_FORBIDDEN, errno.EPERM),
        "open": _refuse_bits(1, _OPEN_FORBIDDEN, errno.EACCES),
        "openat": _refuse_bits(2, _OPEN_FORBIDDEN, errno.EACCES),
        "ioctl": _only(1, _IOCTLS, errno.ENOTTY),
        "fcntl": _only(1, _FCNTLS, errno.EPERM),
        "prctl": _only(0, _TEMPLATE_PRCTLS, errno.EPERM),
        "prlimit64": _only(0, (0,), errno.EPERM),
        # Datagram pairs can send to any socket that has a path, so only streams.
        "socketpair": [
            *_load(0), (_EQUAL, 1, 0, _AF_UNIX), _error(errno.EPERM),
            *_load(1), (_AND, 0, 0, _SOCK_TYPE_MASK), (_EQUAL, 1, 0, _SOCK_STREAM), _error(errno.EPERM),
            (_RETURN, 0, 0, _ALLOW),
        ],
    }  # fmt: skip
    program = [*_start(architecture), *_call(CLONE3, [_error(errno.ENOSYS)])]
    for name, number in calls.items():
        program += _call(number, narrowed.get(name, [(_RETURN, 0, 0, _ALLOW)]))
    return _assemble([*program, _error(errno.EPERM)])


def block_filter(own_pid: int, machine: str = "") -> bytes:
    """The filter that a fork adds for itself: threads but no processes, signals to itself alone, no more settings."""
    architecture, calls = _machine(machine)
    thread_only = [*_load(0), (_ANY_BIT, 1, 0, _CLONE_THREAD), _error(errno.EPERM), (_RETURN, 0, 0, _ALLOW)]
    program = [
        *_start(architecture),
        *_call(calls["clone"], thread_only),
        *_call(calls["kill"], _only(0, (own_pid,), errno.EPERM)),
        *_call(calls["tgkill"], _only(0, (own_pid,), errno.EPERM)),
        *_call(calls["prctl"], _only(0, _BLOCK_PRCTLS, errno.EPERM)),
        *_call(calls["pidfd_open"], [_error(errno.EPERM)]),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return _assemble(program)


def install(program: bytes) -> None:
    """Put this filter on the calling process for good; several add up and the strictest answer counts.

    Raises:
        SeccompError: the kernel does not take it.
    """
    if sys.platform != "linux":
        raise SeccompError("seccomp exists on Linux only")
    instructions = ctypes.create_string_buffer(program, len(program))
    header = _Header(len(program) // 8, ctypes.cast(instructions, ctypes.c_void_p))
    if libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc().prctl(
        _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(header), 0, 0
    ):
        raise SeccompError(ctypes.get_errno(), "the kernel refused the seccomp filter")


class _Header(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def _machine(machine: str) -> tuple[int, dict[str, int]]:
    name = machine or platform.machine()
    if name not in _MACHINES:
        raise SeccompError(f"no seccomp filter for {name} machines; there is one for {' and '.join(_MACHINES)}")
    return _MACHINES[name]


def _start(architecture: int) -> list[Instruction]:
    """Refuse calls made as another kind of machine, then leave the number of the call in the accumulator."""
    return [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_AT_LEAST, 0, 1, _X32_BIT),
        _error(errno.ENOSYS),
    ]


def _call(number: int, answer: list[Instruction]) -> list[Instruction]:
    """The answer to one call; it must end in returns, since it may overwrite the accumulator."""
    return [(_EQUAL, 0, len(answer), number), *answer]


def _only(argument: int, values: tuple[int, ...], code: int) -> list[Instruction]:
    count = len(values)
    tests = [(_EQUAL, count - index, 0, value) for index, value in enumerate(values)]
    return [*_load(argument), *tests, _error(code), (_RETURN, 0, 0, _ALLOW)]


def _refuse_bits(argument: int, bits: int, code: int) -> list[Instruction]:
    return [*_load(argument), (_ANY_BIT, 0, 1, bits), _error(code), (_RETURN, 0, 0, _ALLOW)]


def _load(argument: int) -> list[Instruction]:
    # Little-endian machines only: the lower half, which is all the kernel reads of these int-sized arguments.
    return [(_LOAD, 0, 0, _ARGUMENTS_AT + 8 * argument)]


def _error(code: int) -> Instruction:
    return (_RETURN, 0, 0, _ERRNO | code)


def _assemble(program: list[Instruction]) -> bytes:
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
