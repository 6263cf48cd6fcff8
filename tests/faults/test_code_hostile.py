"""Hostile Python: every snippet is run at each level of isolation, and nothing may come of it.

The snippets go past the import list (`PAST_THE_LIST`), because that list is a convenience and not the boundary. A
snippet that gets what it wants says "REACHED"; what it could do outside is watched by the arena.
"""

from collections.abc import Iterator

import pytest

from engine.code import CodeUnavailable
from tests.faults.arena import LEVELS, PAST_THE_LIST, WALL_S, Arena, arena_at

_REACHED = "\noutput = 'REACHED'\n"

FILES = {
    "read /etc/passwd": "print(real_open('/etc/passwd').read())",
    "read the secret file": "output = real_open(SECRET_FILE).read(); os.fstat",
    "read with os.open": "print(os.read(os.open(SECRET_FILE, 0), 100))",
    "read with io": "print(json.codecs.open(SECRET_FILE).read())",
    "read with pathlib": "print(real_import('pathlib').Path(SECRET_FILE).read_text())",
    "open by O_PATH": "os.open(SECRET_FILE, os.O_PATH)",
    "list the folder": "print(os.listdir(FOLDER))",
    "list the home folder": "print(os.listdir(world['home']))",
    "walk up from a readable folder": "print(real_open(sys.path[0] + '/..' * 12 + '/etc/shadow').read())",
    "own environment file": "print(real_open('/proc/self/environ').read())",
    "environment of the victim": "print(real_open(f'/proc/{VICTIM}/environ', 'rb').read())",
    "environment of the parent": "print(real_open(f'/proc/{os.getppid()}/environ', 'rb').read())",
    "memory of the victim": "real_open(f'/proc/{VICTIM}/mem', 'rb')",
    "own maps": "print(real_open('/proc/self/maps').read())",
    "descriptors of others": "print(os.listdir(f'/proc/{VICTIM}/fd'))",
    "write in the folder": "real_open(FOLDER + '/written', 'w').write('x')",
    "write in /tmp": "real_open('/tmp/blockloom-hostile', 'w').write('x')",
    "write in the working folder": "real_open('hostile', 'w').write('x')",
    "append to the standard library": "real_open(sys.path[-2] + '/json/__init__.py', 'a')",
    "truncate the secret": "os.truncate(SECRET_FILE, 0)",
    "delete the secret": "os.unlink(SECRET_FILE)",
    "rename the secret": "os.rename(SECRET_FILE, FOLDER + '/moved')",
    "chmod the secret": "os.chmod(SECRET_FILE, 0o777)",
    "touch the secret": "os.utime(SECRET_FILE)",
    "symlink": "os.symlink(SECRET_FILE, FOLDER + '/link')",
    "hard link": "os.link(SECRET_FILE, FOLDER + '/hard')",
    "read through a symlink": "print(real_open(world['link']).read())",
    "make a folder": "os.mkdir(FOLDER + '/made')",
    "make a fifo": "os.mkfifo(FOLDER + '/fifo')",
    "extended attribute": "os.setxattr(SECRET_FILE, 'user.x', b'x')",
    "anonymous file": "os.memfd_create('x')",
    "temporary file": "real_import('tempfile').TemporaryFile()",
    "sqlite file": "real_import('sqlite3').connect(FOLDER + '/x.db').execute('create table t(a)')",
    "chroot": "os.chroot('/')",
    "mount": "must(libc.mount(b'none', b'/', b'tmpfs', 0, None))",
    "watch files": "must(libc.inotify_init())",
    "import a file": "sys.path.insert(0, FOLDER); real_import('hostile_module')",
}
SECRETS = {
    "os.environ": "print(dict(os.environ)); raise OSError",
    "getenv": "libc.getenv.restype = ctypes.c_char_p; print(libc.getenv(b'BLOCKLOOM_CANARY')); raise OSError",
    "arguments": "print(sys.argv, sys.orig_argv); raise OSError",
    "objects of the template": (
        "print([o for o in real_import('gc').get_objects() if isinstance(o, dict)][:2000])\nraise OSError"
    ),
    "open descriptors": (
        "for d in range(4, 4096):\n    try: os.fstat(d)\n    except OSError: continue\n"
        "    print('REACHED', d)\nraise OSError"
    ),
}
PROCESSES = {
    "fork": "os.fork() or os._exit(0)",
    "fork bomb": "while True: os.fork()",
    "vfork": "must(libc.vfork())",
    "raw fork call": "call(57 if x86 else 1079)",
    "clone without thread": "call(56 if x86 else 220, 17, 0, 0, 0, 0)",
    "clone with namespaces": "call(56 if x86 else 220, 0x10000000 | 0x10000 | 0x800 | 0x100, 0, 0, 0, 0)",
    "clone3": "call(435, bytes(88), 88)",
    "os.system": "assert os.system('true') == 0",
    "subprocess": "real_import('subprocess').run(['/bin/true'], check=True)",
    "posix_spawn": "os.posix_spawn('/bin/true', ['true'], {})",
    "exec sh": "os.execv('/bin/sh', ['sh', '-c', 'echo REACHED'])",
    "exec the interpreter": "os.execv(world['python'], ['python', '-c', 'print(\"REACHED\")'])",
    "exec by descriptor": "os.execve(os.open(world['python'], 0), ['python', '-c', 'print(\"REACHED\")'], {})",
    "multiprocessing": "p = real_import('multiprocessing').Process(target=print); p.start(); p.join()",
    "pty": "real_import('pty').spawn('/bin/sh')",
    "daemon": "os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0); time.sleep(100)",
    "subclass walk to os.system": (
        "for kind in getattr(getattr(getattr((), '__class__'), '__base__'), '__subclasses__')():\n"
        "    if kind.__name__ == '_wrap_close':\n"
        "        made = vars(sys.modules['os'])['popen']('id').read()\n"
        "        assert made"
    ),
}
SIGNALS = {
    "kill the victim": "os.kill(VICTIM, 9)",
    "kill the parent": "os.kill(os.getppid(), 9)",
    "kill everybody": "os.kill(-1, 9)",
    "kill the group": "os.kill(0, 9)",
    "kill process one": "os.kill(1, 9)",
    "killpg": "os.killpg(os.getpgid(os.getppid()), 9)",
    "tkill": "call(200 if x86 else 130, VICTIM, 9)",
    "tgkill": "call(234 if x86 else 131, VICTIM, VICTIM, 9)",
    "queue a signal": "call(129 if x86 else 138, VICTIM, 9, bytes(128))",
    "pidfd": "signal.pidfd_send_signal(os.pidfd_open(VICTIM), 9)",
    "signal by F_SETOWN": (
        "a, b = socket.socketpair()\nfcntl.fcntl(a, 10, 9)\nfcntl.fcntl(a, fcntl.F_SETOWN, VICTIM)\n"
        "fcntl.fcntl(a, fcntl.F_SETFL, os.O_ASYNC)\nb.send(b'x')"
    ),
    "signal by FIOSETOWN": "a, b = socket.socketpair(); fcntl.ioctl(a, 0x8901, struct.pack('i', VICTIM))",
    "outlive the parent": "must(libc.prctl(1, 0, 0, 0, 0))",
    "become dumpable": "must(libc.prctl(4, 1, 0, 0, 0))",
    "trace the victim": "must(libc.ptrace(16, VICTIM, 0, 0))",
    "be traced": "must(libc.ptrace(0, 0, 0, 0))",
    "read the victim's memory": "call(310 if x86 else 270, VICTIM, bytes(16), 1, bytes(16), 1, 0)",
    "advise the victim's memory": "call(440, VICTIM, bytes(16), 1, 4, 0)",
    "limit the victim": "resource.prlimit(VICTIM, resource.RLIMIT_CPU, (0, 0))",
    "renice the victim": "os.setpriority(os.PRIO_PROCESS, VICTIM, 19)",
    "io priority of the victim": "call(251 if x86 else 30, 1, VICTIM, 3 << 13)",
    "pin the victim": "os.sched_setaffinity(VICTIM, {0})",
    "schedule the victim": "os.sched_setscheduler(VICTIM, os.SCHED_IDLE, os.sched_param(0))",
    "raise own limits": "resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))",
    "raise the processor limit": "resource.setrlimit(resource.RLIMIT_CPU, (100, 100))",
}
NETWORK = {
    "tcp": "socket.create_connection(('127.0.0.1', PORT), 1)",
    "tcp by urllib": "real_import('urllib.request').request.urlopen(f'http://127.0.0.1:{PORT}', timeout=1)",
    "tcp by asyncio": "asyncio = real_import('asyncio'); asyncio.run(asyncio.open_connection('127.0.0.1', PORT))",
    "udp": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', PORT))",
    "listen": "socket.create_server(('127.0.0.1', 0))",
    "name look-up": "socket.getaddrinfo('example.com', 80)",
    "raw socket": "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
    "packet socket": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "netlink": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)",
    "vsock": "socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)",
    "unix socket by path": "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'x', PATH_SOCKET)",
    "abstract unix socket": "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'x', NAMED_SOCKET)",
    "datagram pair to a path": "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b'x', PATH_SOCKET)",
    "datagram pair to a name": "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b'x', NAMED_SOCKET)",
    "stream pair to a path": "socket.socketpair()[0].sendto(b'x', PATH_SOCKET)",
    "own socket to a path": "socket.socket(fileno=3).connect(PATH_SOCKET)",
    "bind own pair": "socket.socketpair()[0].bind(FOLDER + '/bound')",
}
KERNEL = {
    "user namespace": "must(libc.unshare(0x10000000))",
    "enter a namespace": "must(libc.setns(0, 0))",
    "io_uring": "call(425, 8, bytes(120))",
    "bpf": "call(321 if x86 else 280, 0, bytes(72), 72)",
    "perf": "call(298 if x86 else 241, bytes(112), 0, -1, -1, 0)",
    "userfaultfd": "call(323 if x86 else 282, 1)",
    "keyring": "call(250 if x86 else 219, 0, -3, 1)",
    "add a key": "call(248 if x86 else 217, b'user', b'x', b'y', 1, -4)",
    "personality": "must(libc.personality(0x0040000))",
    "shared memory": "must(libc.shmget(0x1234, 4096, 0o1666))",
    "semaphores": "must(libc.semget(0x1234, 1, 0o1666))",
    "message queue": "must(libc.msgget(0x1234, 0o1666))",
    "posix message queue": "call(240 if x86 else 180, b'x', 0o102, 0o600, 0)",
    "set the clock": "time.clock_settime(time.CLOCK_REALTIME, 0)",
    "set the host name": "socket.sethostname('hostile')",
    "reboot": "must(libc.reboot(0))",
    "become root": "must(libc.setresuid(0, 0, 0))",
    "change the group": "must(libc.setresgid(1, 1, 1))",
    "regain capabilities": "must(libc.capset(struct.pack('=Ii', 0x20080522, 0), struct.pack('=6I', *[2**32 - 1] * 6)))",
    "own seccomp listener": "call(317 if x86 else 277, 1, 8, bytes(16))",
    "file handle": "call(303 if x86 else 264, -100, b'/', bytes(136), bytes(8), 0)",
    "new mount calls": "call(428, -100, b'/', 1)",
    "type into a terminal": "fcntl.ioctl(0, 0x5412, b'x')",
    "x32 calls": "call(0x40000000 + 57)",
    "calls of another machine": (
        "assert x86\npage = mmap.mmap(-1, 4096, prot=7)\n"
        "page.write(b'\\xb8\\x02\\x00\\x00\\x00\\xcd\\x80\\xc3')\n"
        "ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()"
    ),
    "lock memory": "must(libc.mlockall(3))",
    "splice": "r, w = os.pipe(); os.splice(r, w, 1)",
}
RESOURCES = {
    "endless loop": "while True: pass",
    "swallow everything": "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "sleep": "time.sleep(100)",
    "catastrophic regex": "real_import('re').match('(a+)+$', 'a' * 40 + 'b')",
    "huge power": "x = 9 ** 9 ** 9",
    "ignore the processor limit": "signal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass",
    "stop itself": "os.kill(os.getpid(), signal.SIGSTOP)",
    "block all signals": "signal.pthread_sigmask(0, range(1, 65))\nwhile True: pass",
    "wait for a lock": "lock = threading.Lock(); lock.acquire(); lock.acquire()",
    "text bomb": "x = 'a' * (1 << 31)",
    "list bomb": "x = [0]\nwhile True: x += x",
    "many small objects": "x = []\nwhile True: x.append(object())",
    "swallow memory errors": "x = []\nwhile True:\n    try: x.append(bytearray(1 << 20))\n    except MemoryError: pass",
    "shared mapping": "mmap.mmap(-1, 1 << 30)",
    "zip bomb": "z = real_import('zlib'); z.decompress(z.compress(bytes(1 << 26)) and z.compress(bytes(1 << 28)))",
    "thread bomb": "for _ in range(10_000): threading.Thread(target=time.sleep, args=(100,)).start()",
    "low thread bomb": "t = real_import('_thread')\nfor _ in range(100_000): t.start_new_thread(time.sleep, (100,))",
    "descriptor bomb": "x = [os.pipe() for _ in range(100_000)]",
    "output bomb": "raise SystemExit if False else MemoryError('x' * (10 << 20))",
}
CRASHES = {
    "segfault": "ctypes.string_at(0)",
    "abort": "os.abort()",
    "exit": "os._exit(0)",
    "sys.exit": "sys.exit(0)",
    "keyboard interrupt": "raise KeyboardInterrupt",
    "deep recursion": "sys.setrecursionlimit(10**9)\ndef f(x): return [f(x) for _ in [1]]\nf(1)",
    "deep recursion in C": "sys.setrecursionlimit(10**9)\nx = []\nfor _ in range(10**6): x = [x]\nrepr(x)",
    "crashing thread": "threading.Thread(target=ctypes.string_at, args=(0,)).start(); time.sleep(100)",
    "close everything": "os.closerange(0, 4096); raise OSError",
    "endless finaliser": "real_import('atexit').register(lambda: time.sleep(100)); raise OSError",
    "thread that stays": "threading.Thread(target=time.sleep, args=(100,)).start(); raise OSError",
}
ANSWERS = {
    "huge output": "output = 'x' * (3 << 20); raised = 1",
    "deep output": "output = []\nfor _ in range(5000): output = [output]",
    "output that contains itself": "output = []; output.append(output)",
    "endless iterator": "import itertools\noutput = itertools.count()",
    "endless mapping": (
        "from collections.abc import Mapping\nclass M(Mapping):\n    def __len__(self): return 1\n"
        "    def __getitem__(self, key): return 1\n    def __iter__(self):\n        while True: yield 'x'\noutput = M()"
    ),
    "error without text": ("class E(Exception):\n    def __str__(self): raise SystemExit\nraise E()"),
    "error with an endless text": "class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E()",
    "giant error": "raise ValueError('x' * (5 << 20))",
    "print flood": "while True: print('x' * 1000)",
    "raw flood": "while True: os.write(1, b'x' * 65536)",
    "error stream flood": "while True: os.write(2, b'x' * 65536)",
    "print surrogates": "print(chr(0xd800) * 1000); raise OSError",
    "promise a giant frame": "os.write(3, struct.pack('>I', 0xffffffff)); time.sleep(100)",
    "half a frame": "os.write(3, struct.pack('>I', 1000) + b'{'); time.sleep(100)",
    "no JSON": "os.write(3, frame(b'hello')); time.sleep(100)",
    "NaN frame": 'os.write(3, frame(b\'{"kind":"answer","output":NaN,"error":null,"limit":null}\')); time.sleep(100)',
    "unknown field": (
        'os.write(3, frame(b\'{"kind":"answer","output":1,"error":null,"limit":null,"x":1}\')); time.sleep(100)'
    ),
    "wrong types": 'os.write(3, frame(b\'{"kind":"answer","output":1,"error":7,"limit":null}\')); time.sleep(100)',
    "deep frame": 'os.write(3, frame(b\'{"kind":"answer","output":\' + b\'[\' * 50000)); time.sleep(100)',
    "deep but valid frame": (
        "os.write(3, frame(b'{\"kind\":\"answer\",\"output\":' + b'[' * 900 + b']' * 900 + "
        'b\',"error":null,"limit":null}\'))\ntime.sleep(100)'
    ),
    "send descriptors": "socket.send_fds(socket.socket(fileno=3), [b'x'], [0] * 50); time.sleep(100)",
    "flood the answer": "s = socket.socket(fileno=3)\nwhile True: s.send(bytes(65536))",
    "shut the socket": "socket.socket(fileno=3).shutdown(2); time.sleep(100)",
    "break the worker": (
        "w = sys.modules['engine.code.worker']\nw.answer = w.frames.send = w.values.to_json = lambda *a, **k: 1 / 0"
    ),
    "break the interpreter": "sys.modules.clear(); vars(real_import('builtins')).clear()",
}
GROUPS = {
    "files": FILES, "secrets": SECRETS, "processes": PROCESSES, "signals": SIGNALS, "network": NETWORK,
    "kernel": KERNEL, "resources": RESOURCES, "crashes": CRASHES, "answers": ANSWERS,
}  # fmt: skip
ATTACKS = [(f"{group}: {name}", source) for group, table in GROUPS.items() for name, source in table.items()]
# Of these, ending without an effect is all that is asked: an answer of their own is no reach.
_OWN_ANSWER = ("answers", "crashes", "secrets")
_WAITING = ("answers", "crashes", "resources")
# An attack that ends like this was stopped by a slip of its own and proves nothing.
_MISTAKES = ("NameError", "AttributeError", "TypeError", "SyntaxError", "ImportError", "Dunder", "UnboundLocalError")


@pytest.fixture(scope="module", params=LEVELS)
def arena(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    """The attacks' surroundings, once per level."""
    try:
        with arena_at(request.param, tmp_path_factory.mktemp("world")) as found:
            yield found
    except CodeUnavailable as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(("name", "source"), ATTACKS, ids=[name for name, _ in ATTACKS])
def test_hostile_code_reaches_nothing(arena: Arena, name: str, source: str) -> None:
    """A hostile block ends in time, changes and learns nothing outside, leaves nothing behind and costs only itself."""
    outcome = arena.attack(armed(name, source), timeout_s=timeout_of(name))

    assert outcome.reached == ()
    assert not (outcome.result.error or "").startswith(_MISTAKES), "the attack itself is wrong"
    assert outcome.is_in_time


def timeout_of(name: str) -> float:
    """Less where nothing but waiting for the end is left."""
    return 0.2 if name.partition(":")[0] in _WAITING else WALL_S


def armed(name: str, source: str) -> str:
    """The attack with what it needs before, and what tells of its success after it."""
    return PAST_THE_LIST + source + ("" if name.partition(":")[0] in _OWN_ANSWER else _REACHED)
