"""How the template process is started: its command line, what it can see of the disk, its environment.

Plain, it is an isolated interpreter that hardens itself. Wrapped, the same runs inside bubblewrap, in namespaces of its
own with a read-only view of the interpreter and the system's libraries.
"""

import os
import shutil
import socket
import stat
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "HOME": "/",
    # Arenas per thread would each take address space, which is what the memory limit counts.
    "MALLOC_ARENA_MAX": "2",
    # A template that had threads could not be forked safely.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
_PROGRAM_S = 60
_SYSTEM_LIBRARIES = ("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib")
_SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo")
_START = (
    "import sys; sys.path.insert(0, {root!r}); from engine.code.template import main; "
    "sys.path.remove({root!r}); main({control}, {parent})"
)


@dataclass(frozen=True)
class Started:
    """A template process and our end of its control socket."""

    process: subprocess.Popen[bytes]
    control: socket.socket


def start(*, wrapped: bool) -> Started:
    """Start a template; it waits for its setup on the control socket.

    The kernel ends it when the calling thread ends, so call this from a thread that outlives it.

    Raises:
        OSError: the program cannot be started.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        process = subprocess.Popen(  # noqa: S603  a fixed command line of our own
            _command(theirs.fileno(), wrapped=wrapped),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=(theirs.fileno(),),
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    ours.setblocking(False)
    return Started(process, ours)


def output_of(code: str) -> bytes:
    """What a Python program of ours writes, run in an interpreter of its own that finds the engine and all packages.

    Raises:
        OSError: it failed; the text has its last words.
    """
    places = [str(Path(__file__).parents[2]), *packages()]
    command = [str(Path(sys.executable).resolve()), "-I", "-S", "-B", "-c", f"import sys; sys.path += {places}; {code}"]
    try:
        done = subprocess.run(  # noqa: S603  a fixed command line of our own
            command, capture_output=True, check=True, env=_ENVIRONMENT, cwd="/", timeout=_PROGRAM_S
        )
    except subprocess.CalledProcessError as error:
        raise OSError(last_line(error.stderr)) from None
    except subprocess.TimeoutExpired:
        raise OSError(f"it took longer than {_PROGRAM_S} s") from None
    return done.stdout


def last_line(written: bytes) -> str:
    """The last line of what a process wrote, which for an error is the error."""
    lines = [line for line in written.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1][:500] if lines else ""


def bubblewrap() -> str | None:
    """The path of a usable `bwrap`. One that is installed setuid is passed over: CVE-2026-41163."""
    found = shutil.which("bwrap")
    if found is None or Path(found).stat().st_mode & stat.S_ISUID:
        return None
    return found


def packages() -> list[str]:
    """Folders with installed packages of this interpreter."""
    return [path for path in sys.path if path.endswith(("site-packages", "dist-packages")) and Path(path).is_dir()]


def readable() -> list[str]:
    """All that a block may read: standard library, packages, system libraries, time zones."""
    candidates = [str(Path(os.__file__).parent), *_interpreter_library(), *packages()]
    return [path for path in (*candidates, *_SYSTEM_LIBRARIES, *_SYSTEM_FILES) if Path(path).exists()]


def _command(control: int, *, wrapped: bool) -> list[str]:
    root = str(Path(__file__).parents[2])
    # Inside the namespaces there is no such parent, and bubblewrap sees to it that both die together.
    start_code = _START.format(root=root, control=control, parent=0 if wrapped else os.getpid())
    interpreter = str(Path(sys.executable).resolve())
    python = [interpreter, "-I", "-S", "-B", "-X", "utf8", "-c", start_code]
    return [*_wrapper(interpreter), *python] if wrapped else python


def _wrapper(interpreter: str) -> list[str]:
    package = Path(__file__).parents[1]
    visible = [interpreter, *readable(), str(package / "__init__.py"), str(package / "code")]
    binds = [argument for path in visible for argument in ("--ro-bind", path, path)]
    program = bubblewrap() or "bwrap"
    return [
        program,
        *("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"),
        *("--unshare-user", "--uid", "65534", "--gid", "65534", "--hostname", "block"),
        *binds,
        *("--remount-ro", "/", "--chdir", "/", "--"),
    ]


def _interpreter_library() -> list[str]:
    folder, name = sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("INSTSONAME")
    return [str(Path(folder) / name)] if folder and name else []
