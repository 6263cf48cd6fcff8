"""What stands around hostile code and must not notice it: used by all tests of attacks.

`World` is a process, files, sockets and an environment with a secret. `Arena` runs one attack after the other in a
CodeRunner within it, and says what came of each.
"""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.code import CodeLimits, CodeResult, CodeRunner, Isolation
from engine.run.addresses import AddressPolicy
from engine.run.http import HttpClient
from tests.processes import open_descriptors, orphans_come_home, processes_below

SECRET = "canary-7c1f0b52"
LEVELS = ("strong", "basic")
# The time is for what comes between attacks; an attack gets `WALL_S` or less.
LIMITS = CodeLimits(cpu_s=1, wall_s=10, memory_mb=96, print_bytes=100_000, output_bytes=1 << 20, threads=16)
WALL_S = 0.4
GRACE_S = 1.0

PAST_THE_LIST = """
import json
sys = json.codecs.sys
real_import = vars(sys.modules["builtins"])["__import__"]
real_open = vars(sys.modules["builtins"])["open"]
os, ctypes, socket, struct, signal, threading, time, mmap, fcntl, resource = (
    real_import(name) for name in "os ctypes socket struct signal threading time mmap fcntl resource".split())
libc = ctypes.CDLL(None, use_errno=True)
x86 = os.uname().machine == "x86_64"
world = input_data["world"]
VICTIM, FOLDER, SECRET_FILE, PORT = world["victim"], world["folder"], world["secret_file"], world["port"]
PATH_SOCKET, NAMED_SOCKET = world["path_socket"], chr(0) + world["abstract_socket"]

def call(number, *arguments):
    passed = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    return must(libc.syscall(ctypes.c_long(number), *passed))

def must(answer):
    if answer < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return answer

def frame(body):
    return struct.pack(">I", len(body)) + body
"""
"""Python that has what a code block may not import, for snippets to begin with."""


@dataclass(frozen=True)
class Outcome:
    """What an attack came to: the answer, what it reached (should be nothing), and how long it took."""

    result: CodeResult
    reached: tuple[str, ...]
    took_s: float

    @property
    def is_in_time(self) -> bool:
        """Whether it ended soon after its wall clock."""
        return self.took_s < WALL_S + GRACE_S


class World:
    """What stands around the sandbox and must not notice: a process, files, sockets, an environment with a secret."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "private"
        self._folder.mkdir()
        self._secret_file = self._folder / "secret.txt"
        self._secret_file.write_text(SECRET)
        (self._folder / "hostile_module.py").write_text("x = 1")
        self._link = folder / "link"
        self._link.symlink_to(self._secret_file)
        environment = {**os.environ, "VICTIM_SECRET": SECRET}
        self._victim = subprocess.Popen(["sleep", "600"], env=environment, start_new_session=True)
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self._tcp.getsockname()[1]))
        self._by_path = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._by_path.bind(str(folder / "socket"))
        self._by_name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._abstract = f"blockloom-hostile-{os.getpid()}-{id(self)}"
        self._by_name.bind(f"\0{self._abstract}")
        self._sockets = {"tcp": self._tcp, "udp": self._udp, "unix": self._by_path, "abstract": self._by_name}
        for watched in self._sockets.values():
            watched.setblocking(False)
        self._before = self._look()

    @property
    def port(self) -> int:
        """The port that nobody may connect to."""
        return int(self._tcp.getsockname()[1])

    def as_input(self) -> dict[str, object]:
        """What the snippets are told, as an attacker might know it."""
        return {
            "victim": self._victim.pid,
            "folder": str(self._folder),
            "secret_file": str(self._secret_file),
            "link": str(self._link),
            "port": self.port,
            "path_socket": self._by_path.getsockname(),
            "abstract_socket": self._abstract,
            "home": str(Path.home()),
            "python": str(Path(sys.executable).resolve()),
        }

    def effects(self) -> list[str]:
        """What is different outside."""
        seen = [name for name, watched in self._sockets.items() if _has_something(watched)]
        now = self._look()
        return seen + [f"{key}: {value} became {now[key]}" for key, value in self._before.items() if now[key] != value]

    def close(self) -> None:
        """End the victim and close the sockets."""
        self._victim.kill()
        self._victim.wait()
        for watched in self._sockets.values():
            watched.close()

    def _look(self) -> dict[str, object]:
        victim = self._victim.pid
        alive = self._victim.poll() is None
        details = Path(self._secret_file).stat() if self._secret_file.exists() else None
        return {
            "victim alive": alive,
            "victim stopped": alive and Path(f"/proc/{victim}/stat").read_text().rsplit(")", 1)[1].split()[0] in "Tt",
            "victim priority": os.getpriority(os.PRIO_PROCESS, victim) if alive else None,
            "victim processors": os.sched_getaffinity(victim) if alive else None,
            "victim scheduling": os.sched_getscheduler(victim) if alive else None,
            "victim limits": Path(f"/proc/{victim}/limits").read_text() if alive else "",
            "files": sorted(str(path) for path in self._folder.rglob("*")),
            "secret": details and (details.st_size, details.st_mode, details.st_mtime_ns, details.st_nlink),
            "temporary file": Path("/tmp/blockloom-hostile").exists(),
            "host name": socket.gethostname(),
        }


class Arena:
    """A CodeRunner at one level inside a world. `following` is a block that must give 2 after each attack."""

    def __init__(
        self,
        world: World,
        loop: asyncio.Runner,
        code: CodeRunner,
        following: str,
        language: str,
        *,
        has_connections: bool,
    ) -> None:
        self.world = world
        self._loop, self._code, self._language, self._following = loop, code, language, following
        # Raises where this machine does not have the level.
        assert self.run(following).output == 2
        self._processes = processes_below(os.getpid())
        # Connections that are kept for the next request would count as well.
        self._descriptors = open_descriptors() if not has_connections else sys.maxsize

    def attack(self, source: str, *, timeout_s: float = WALL_S, **options: Any) -> Outcome:
        """Run this source and see what it did."""
        started = time.monotonic()
        result = self.run(source, timeout_s=timeout_s, **options)
        took_s = time.monotonic() - started
        reached = self.world.effects()
        said = f"{result.output} {result.printed} {result.error}"
        reached += ["it says so"] if "REACHED" in said else []
        reached += ["it knows the secret"] if SECRET in said else []
        reached += self._leftovers()
        reached += [] if self.run(self._following).output == 2 else ["the next block does not run"]
        return Outcome(result, tuple(reached), took_s)

    def run(self, source: str, **options: Any) -> CodeResult:
        """The answer to one block, which is told about the world as an attacker might know it."""
        inputs: Mapping[str, Any] = {"world": self.world.as_input()}
        return self._loop.run(self._code.run(source, inputs, inputs, **{"language": self._language, **options}))

    def _leftovers(self) -> list[str]:
        """Processes and descriptors that are still there a second after the end and were not there before."""
        deadline = time.monotonic() + GRACE_S
        while True:
            self._loop.run(asyncio.sleep(0))
            now, descriptors = processes_below(os.getpid()), open_descriptors()
            # An interpreter that is kept ready may be replaced by another one.
            more = len(now - self._processes) if len(now) > len(self._processes) else 0
            if not more and descriptors <= self._descriptors:
                return []
            if time.monotonic() > deadline:
                return [f"{more} processes and {descriptors - self._descriptors} descriptors are left"]


@contextlib.contextmanager
def arena_at(
    level: str,
    folder: Path,
    *,
    following: str = "output = 2",
    language: str = "python",
    callable_hosts: Sequence[str] = (),
    **options: Any,
) -> Iterator[Arena]:
    """An arena whose runner gets these options. Public addresses may be called, and these.

    Raises:
        CodeUnavailable: this machine does not have the level.
    """
    os.environ["BLOCKLOOM_CANARY"] = SECRET
    world = World(folder)
    http = HttpClient(AddressPolicy(tuple(callable_hosts)))
    code = CodeRunner(LIMITS, measured=Isolation(level, "given"), http=http, **options)  # type: ignore[arg-type]
    with orphans_come_home(), asyncio.Runner() as loop:
        try:
            yield Arena(world, loop, code, following, language, has_connections=bool(callable_hosts))
        finally:
            loop.run(code.__aexit__(None, None, None))
            loop.run(http.__aexit__(None, None, None))
            world.close()
            del os.environ["BLOCKLOOM_CANARY"]


def _has_something(watched: socket.socket) -> bool:
    try:
        if watched.type == socket.SOCK_STREAM:
            watched.accept()[0].close()
        else:
            watched.recv(1)
    except BlockingIOError:
        return False
    return True
