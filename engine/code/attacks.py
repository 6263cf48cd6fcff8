"""Attacks that must fail in a code block; a level of isolation is believed only after they did.

They do not go through the import list but past it, since that list is not what protects. Each one tries something
harmless that needs the same permission as the harmful thing.
"""

SOURCE = """
import json

sys = json.codecs.sys
real_import = vars(sys.modules["builtins"])["__import__"]
os, ctypes, socket = real_import("os"), real_import("ctypes"), real_import("socket")
libc = ctypes.CDLL(None, use_errno=True)


def read_file():
    os.open("/etc/passwd", os.O_RDONLY)


def list_folder():
    os.listdir("/etc")


def write_file():
    path = f"/tmp/.blockloom-probe-{os.getpid()}"
    os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    os.unlink(path)


def fork_process():
    if os.fork() == 0:
        os._exit(0)


def start_program():
    # Where programs may be started, a missing one is not found; where they may not, nobody looks.
    try:
        os.execv("/nonexistent/program", ["program"])
    except FileNotFoundError:
        return
    except PermissionError:
        raise


def connect_out():
    socket.socket(socket.AF_INET, socket.SOCK_STREAM)


def connect_local():
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)


def signal_parent():
    os.kill(os.getppid(), 0)


def trace_parent():
    # SEIZE, which unlike ATTACH does not stop its victim.
    call(lambda: libc.ptrace(0x4206, os.getppid(), 0, 0))


def new_namespace():
    call(lambda: libc.unshare(0x10000000))


def limit_parent():
    real_import("resource").prlimit(os.getppid(), 7)


def renice_parent():
    os.setpriority(os.PRIO_PROCESS, os.getppid(), os.getpriority(os.PRIO_PROCESS, 0))


def share_memory():
    libc.shmctl(call(lambda: libc.shmget(0, 4096, 0o1600)), 0, None)


def take_memory():
    bytearray(1 << 30)


def call(function):
    answer = function()
    if answer < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return answer


def outcome(attack):
    try:
        attack()
    except (OSError, MemoryError):
        return "held"
    except BaseException as error:
        return type(error).__name__
    return "reached"


tried = (read_file, list_folder, write_file, fork_process, start_program, connect_out, connect_local, signal_parent,
         trace_parent, new_namespace, limit_parent, renice_parent, share_memory, take_memory)
output = {attack.__name__.replace("_", " "): outcome(attack) for attack in tried}
"""

NAMES = (
    "read file",
    "list folder",
    "write file",
    "fork process",
    "start program",
    "connect out",
    "connect local",
    "signal parent",
    "trace parent",
    "new namespace",
    "limit parent",
    "renice parent",
    "share memory",
    "take memory",
)
"""The attacks in `SOURCE`, in order."""
