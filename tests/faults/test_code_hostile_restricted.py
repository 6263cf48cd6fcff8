"""Hostile Python in the restricted interpreter, which is all there is where nothing isolates the real one.

A snippet that gets what it wants says "REACHED". Blocks may call public web addresses here, so that the way to the
host that this opens is tried as well.
"""

from collections.abc import Iterator

import pytest

from engine.code import CodeUnavailable
from tests.faults.arena import Arena, arena_at

_PRELUDE = """
world = input_data["world"]
VICTIM, FOLDER, SECRET_FILE, PORT = world["victim"], world["folder"], world["secret_file"], world["port"]
"""
_REACHED = "\noutput = 'REACHED'\n"

FILES = {
    "open": "print(open(SECRET_FILE).read())",
    "open to write": "open(FOLDER + '/written', 'w').write('x')",
    "open in the working folder": "open('hostile', 'w').write('x')",
    "own source": "print(open(__file__).read()); raise OSError",
    "pathlib": "from pathlib import Path\nprint(Path(SECRET_FILE).read_text())",
    "pathlib to write": "from pathlib import Path\nPath(FOLDER + '/written').write_text('x')",
    "walk with dots": "from pathlib import Path\nprint(Path('/../../..' + SECRET_FILE).resolve().read_text())",
    "list": "import os\nprint(os.listdir(FOLDER))",
    "scan": "import os\nprint([e.name for e in os.scandir('/')])",
    "home": "from pathlib import Path\nprint(list(Path.home().iterdir()))",
    "stat": "import os\nprint(os.stat(SECRET_FILE))",
    "does it exist": "from pathlib import Path\nassert Path(SECRET_FILE).exists()",
    "remove": "import os\nos.remove(SECRET_FILE)",
    "environment of a process": "print(open(f'/proc/{VICTIM}/environ').read())",
    "descriptors": "import os\nprint(os.read(0, 1))",
    "through csv": "import csv\nprint(list(csv.reader(open(SECRET_FILE))))",
}
HOST = {
    "environment": "import os\nprint(os.environ['BLOCKLOOM_CANARY'])",
    "getenv": "import os\nassert os.getenv('BLOCKLOOM_CANARY')",
    "system": "import os\nassert os.system('true') == 0",
    "popen": "import os\nprint(os.popen('id').read())",
    "fork": "import os\nos.fork()",
    "kill": "import os\nos.kill(VICTIM, 9)",
    "subprocess": "import subprocess\nsubprocess.run(['true'])",
    "socket": "import socket\nsocket.create_connection(('127.0.0.1', PORT))",
    "urllib": "import urllib.request\nurllib.request.urlopen(f'http://127.0.0.1:{PORT}')",
    "asyncio": "import asyncio\nawait asyncio.open_connection('127.0.0.1', PORT)",
    "ctypes": "import ctypes\nctypes.string_at(0)",
    "import by name": "globals()['__builtins__']",
    "modules of sys": "import sys\nprint(sys.modules['os'].environ)",
    "dunder walk": "().__class__.__base__.__subclasses__()",
    "walk by getattr": "getattr(getattr((), '__cl' + 'ass__'), '__ba' + 'se__').x",
    "walk by format": "print('{0.__class__.__base__.__subclasses__}'.format(()))",
    "walk by attrgetter": "import operator\noperator.attrgetter('__class__.__subclasses__')(())()",
    "frames": (
        "try:\n    1 / 0\nexcept Exception as e:\n"
        "    print(getattr(e, '__trace' + 'back__').tb_frame.f_globals)\n    raise"
    ),
    "eval": "eval('__imp' + 'ort__(\"os\").system(\"id\")')",
    "exec": "exec('import socket\\nsocket.socket()')",
    "unpickle": "import pickle\npickle.loads(b'cos\\nsystem\\n(S\"id\"\\ntR.')",
    "hidden function": "call_web_address(f'http://127.0.0.1:{PORT}', 'GET', None, None, None, 1)['status']",
    "fetch loopback": "fetch(f'http://127.0.0.1:{PORT}')",
    "fetch a file": "fetch('file://' + SECRET_FILE)",
    "fetch with a header of two": "fetch(f'http://127.0.0.1:{PORT}', headers={'A': 'x\\r\\nB: y'})",
    "fetch something else": "fetch(fetch, method=print, params=len, headers=[[[]]], body=fetch, timeout=fetch)",
    "call with too little": "call_web_address()['status']",
    "call with a deep body": "x = []\nfor _ in range(100000):\n    x = [x]\nfetch(f'http://127.0.0.1:{PORT}', body=x)",
    "calls without end": (
        "while True:\n    try:\n        fetch(f'http://127.0.0.1:{PORT}')\n    except OSError:\n        pass"
    ),
}
RESOURCES = {
    "endless loop": "while True:\n    pass",
    "swallow everything": (
        "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass"
    ),
    "sleep": "import time\ntime.sleep(100)",
    "sleep for no number of seconds": "import time\nfor s in (float('nan'), -1, float('inf')):\n    time.sleep(s)",
    "many sleeps": "import time\nwhile True:\n    time.sleep(0.001)",
    "regex backtracking": "import re\nre.match('(a+)+$', 'a' * 40 + 'b')\nraise OSError",
    "huge power": "9 ** 9 ** 9",
    "growing number": "n = 3\nwhile True:\n    n *= n",
    "huge text": "'a' * (1 << 33)",
    "growing text": "s = 'a'\nwhile True:\n    s += s",
    "growing list": "x = [0]\nwhile True:\n    x += x",
    "swallow memory errors": (
        "x = []\nwhile True:\n    try:\n        x.append('a' * (1 << 20) + str(len(x)))\n"
        "    except MemoryError:\n        pass"
    ),
    "huge range": "list(range(1 << 40))",
    "huge format": "f'{1:>{1 << 33}}'",
    "digits": "str(7 ** 3000000)",
    "sort without end": "def key(x):\n    while True:\n        pass\nsorted([1, 2], key=key)",
    "recursion": "def f():\n    return f()\nf()",
    "recursion in a list": "x = []\nfor _ in range(100000):\n    x = [x]\nprint(x)\nraise OSError",
    "deep source": "x = " + "(" * 5000 + ")" * 5000,
    "deep signs": "x = " + "-" * 20000 + "1",
    "print flood": "while True:\n    print('x' * 1000)",
    "replace bomb": "'x' * (1 << 16)\n('x' * (1 << 16)).replace('x', 'y' * (1 << 16))",
}
ANSWERS = {
    "huge": "output = 'x' * (3 << 20)",
    "deep": "output = []\nfor _ in range(5000):\n    output = [output]",
    "cycle": "output = []\noutput.append(output)",
    "function": "output = fetch",
    "builtin": "output = print",
    "module": "import json\noutput = json",
    "class": "class P:\n    pass\noutput = P",
    "object": "class P:\n    def __init__(self):\n        self.tolist = self.model_dump = print\noutput = P()",
    "text that cannot be shown": (
        "class E:\n    def __str__(self):\n        while True:\n            pass\nraise ValueError(E())"
    ),
    "giant error": "raise ValueError('x' * (5 << 20))",
    "half a character": "output = chr(0xd800)",
    "not a number": "output = [float('nan')]",
    "bytes": "output = b'x'",
    "late output": "def f():\n    global output\n    output = 1\nraise ValueError(f())",
    "exit": "raise SystemExit",
    "interrupt": "raise KeyboardInterrupt",
    "coroutine": "async def f():\n    pass\noutput = f()",
}
GROUPS = {"files": FILES, "host": HOST, "resources": RESOURCES, "answers": ANSWERS}
ATTACKS = [(f"{group}: {name}", source) for group, table in GROUPS.items() for name, source in table.items()]
TIMEOUT_S = 0.25


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    """The attacks' surroundings, on a machine without isolation."""
    try:
        with arena_at("none", tmp_path_factory.mktemp("world"), fallback="monty") as found:
            yield found
    except CodeUnavailable as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(("name", "source"), ATTACKS, ids=[name for name, _ in ATTACKS])
def test_the_restricted_interpreter_holds(arena: Arena, name: str, source: str) -> None:
    """A hostile block ends in time, changes and learns nothing outside, leaves nothing behind and costs only itself."""
    outcome = arena.attack(armed(name, source), timeout_s=TIMEOUT_S, allow_http=True)

    assert outcome.reached == ()
    assert outcome.is_in_time


def armed(name: str, source: str) -> str:
    """The attack with what it needs before, and what tells of its success after it."""
    return _PRELUDE + source + ("" if name.startswith("answers") else _REACHED)
