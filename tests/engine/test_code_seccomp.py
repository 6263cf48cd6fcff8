"""The seccomp programs, run on a small model of the kernel's machine for both kinds of processors."""

import errno
import struct

import pytest

from engine.code.seccomp import SeccompError, base_filter, block_filter
from engine.code.syscalls import AARCH64, X86_64

MACHINES = {"x86_64": (0xC000003E, X86_64), "aarch64": (0xC00000B7, AARCH64)}
ALLOW, KILL = 0x7FFF0000, 0x80000000
PID = 4321
FORBIDDEN = {
    "x86_64": {
        "vfork": 58, "fork": 57, "execve": 59, "execveat": 322, "socket": 41, "connect": 42, "bind": 49, "ptrace": 101,
        "io_uring_setup": 425, "keyctl": 250, "bpf": 321, "userfaultfd": 323, "unshare": 272, "setns": 308,
        "rt_sigqueueinfo": 129, "rt_tgsigqueueinfo": 297, "pidfd_send_signal": 424, "setpriority": 141,
        "ioprio_set": 251, "sched_setaffinity": 203, "sched_setscheduler": 144, "sched_setattr": 314,
        "sched_setparam": 142, "process_madvise": 440, "shmget": 29, "shmat": 30, "semget": 64, "msgget": 68,
        "mq_open": 240, "memfd_create": 319, "openat2": 437, "tkill": 200, "unlink": 87, "process_vm_readv": 310,
        "perf_event_open": 298, "personality": 135, "mount": 165, "init_module": 175, "kexec_load": 246,
    },
    "aarch64": {
        "execve": 221, "execveat": 281, "socket": 198, "connect": 203, "bind": 200, "ptrace": 117,
        "io_uring_setup": 425, "keyctl": 219, "bpf": 280, "userfaultfd": 282, "unshare": 97, "setns": 268,
        "rt_sigqueueinfo": 138, "rt_tgsigqueueinfo": 240, "pidfd_send_signal": 424, "setpriority": 140,
        "ioprio_set": 30, "sched_setaffinity": 122, "sched_setscheduler": 119, "sched_setattr": 274,
        "sched_setparam": 118, "process_madvise": 440, "shmget": 194, "shmat": 196, "semget": 190, "msgget": 186,
        "mq_open": 180, "memfd_create": 279, "openat2": 437, "tkill": 130, "unlinkat": 35, "process_vm_readv": 270,
        "perf_event_open": 241, "personality": 92, "mount": 40, "init_module": 105, "kexec_load": 104,
    },
}  # fmt: skip
NAMESPACES = (0x80, 0x20000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
THREAD = 0x003D0F00


def decide(program: bytes, number: int, arguments: tuple[int, ...] = (), architecture: int = 0xC000003E) -> int:
    """What the program answers to a system call, as the kernel would run it."""
    data = struct.pack("<IIQ6Q", number, architecture, 0, *(arguments + (0,) * 6)[:6])
    instructions = list(struct.iter_unpack("=HBBI", program))
    position = accumulator = 0
    while True:
        operation, when_true, when_false, operand = instructions[position]
        position += 1
        if operation == 0x06:
            return int(operand)
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, operand)
        elif operation == 0x54:
            accumulator &= operand
        else:
            tests = {0x15: accumulator == operand, 0x35: accumulator >= operand, 0x45: bool(accumulator & operand)}
            position += when_true if tests[operation] else when_false


def refused(code: int) -> int:
    return 0x00050000 | code


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def base(machine: str, name: str, *arguments: int) -> int:
    architecture, calls = MACHINES[machine]
    return decide(base_filter(machine), calls[name], arguments, architecture)


def block(machine: str, name: str, *arguments: int) -> int:
    architecture, calls = MACHINES[machine]
    return decide(block_filter(PID, machine), calls[name], arguments, architecture)


def test_everyday_calls_pass_both_filters(machine: str) -> None:
    """Reading, memory, time and threads are allowed."""
    for name in ("read", "write", "mmap", "futex", "clock_gettime", "getrandom", "exit_group", "newfstatat"):
        assert base(machine, name) == ALLOW
        assert block(machine, name) == ALLOW


@pytest.mark.parametrize(("machine", "name", "number"), [(m, n, c) for m, t in FORBIDDEN.items() for n, c in t.items()])
def test_calls_that_reach_out_are_refused(machine: str, name: str, number: int) -> None:
    """Every call of the list that was measured as dangerous is answered "not permitted"."""
    assert decide(base_filter(machine), number, (), MACHINES[machine][0]) == refused(errno.EPERM)


def test_clone3_is_unknown_rather_than_forbidden(machine: str) -> None:
    """The C library falls back to `clone` only for an unknown call."""
    assert decide(base_filter(machine), 435, (), MACHINES[machine][0]) == refused(errno.ENOSYS)


def test_only_threads_are_cloned(machine: str) -> None:
    """The template may fork, a block may start threads only, and nobody makes namespaces."""
    assert base(machine, "clone", 17) == ALLOW
    assert block(machine, "clone", 17) == refused(errno.EPERM)
    assert block(machine, "clone", THREAD) == ALLOW
    for namespace in NAMESPACES:
        assert base(machine, "clone", THREAD | namespace) == refused(errno.EPERM)


def test_a_block_signals_only_itself(machine: str) -> None:
    """Signals reach the own process id and no other, no group and not everybody."""
    for name in ("kill", "tgkill"):
        assert block(machine, name, PID) == ALLOW
        for other in (1, 0, PID + 1, 2**64 - 1, 2**32 - 1):
            assert block(machine, name, other) == refused(errno.EPERM)


def test_files_open_for_reading_only(machine: str) -> None:
    """Any flag that writes, creates or only points is refused."""
    assert base(machine, "openat", 0, 0, 0o2000000) == ALLOW
    for flags in (1, 2, 0o100, 0o1000, 0o2000, 0o20000000, 0o10000000):
        assert base(machine, "openat", 0, 0, flags) == refused(errno.EACCES)
    if machine == "x86_64":
        assert base(machine, "open", 0, 2) == refused(errno.EACCES)


def test_socket_pairs_are_local_streams(machine: str) -> None:
    """A pair works for asyncio; a datagram pair, which could send to any path, does not."""
    nonblocking_stream = 1 | 0o4000 | 0o2000000

    assert base(machine, "socketpair", 1, nonblocking_stream) == ALLOW
    assert base(machine, "socketpair", 1, 2) == refused(errno.EPERM)
    assert base(machine, "socketpair", 1, 5) == refused(errno.EPERM)
    assert base(machine, "socketpair", 2, 1) == refused(errno.EPERM)


def test_settings_of_others_and_owners_of_descriptors_are_out_of_reach(machine: str) -> None:
    """Limits only of oneself, no signal by descriptor, no typing into terminals, no undoing of the setup."""
    assert base(machine, "prlimit64", 0) == ALLOW
    assert base(machine, "prlimit64", 1) == refused(errno.EPERM)
    assert base(machine, "fcntl", 3, 8) == refused(errno.EPERM)
    assert base(machine, "ioctl", 0, 0x5412) == refused(errno.ENOTTY)
    assert base(machine, "prctl", 4) == refused(errno.EPERM)
    assert block(machine, "prctl", 1) == refused(errno.EPERM)
    assert block(machine, "pidfd_open", 1) == refused(errno.EPERM)


def test_other_kinds_of_calls_do_not_slip_through() -> None:
    """Calls as another machine end the process, x32 numbers are unknown."""
    for program in (base_filter("x86_64"), block_filter(PID, "x86_64")):
        assert decide(program, 0, (), 0x40000003) == KILL
        assert decide(program, 0x40000000) == refused(errno.ENOSYS)


def test_an_unknown_machine_has_no_filter() -> None:
    """Where the numbers are not known nothing is pretended."""
    with pytest.raises(SeccompError, match="riscv64"):
        base_filter("riscv64")
