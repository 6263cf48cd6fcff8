"""Hostile use of web addresses: every snippet may call them, at each level of isolation, and gets no further.

One server, at 127.0.0.2, is allowed; it plays all sorts of bad servers. The world's own port at 127.0.0.1 is not, and
sees every connection that should not have been made.
"""

import contextlib
import gzip
import re
import socketserver
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from engine.code import CodeUnavailable
from tests.faults.arena import LEVELS, PAST_THE_LIST, SECRET, Arena, arena_at

HOST = "127.0.0.2"
_RAW = (
    PAST_THE_LIST
    + """
wire = socket.socket(fileno=3)
def call_frame(**changes):
    asked = {"kind": "call", "url": SERVER + "/ok", "method": "GET", "params": [], "headers": [], "body": None,
             "timeout_s": 5, **changes}
    return frame(json.dumps(asked).encode())
ANSWER = frame(b'{"kind":"answer","output":"REACHED","error":null,"limit":null}')
"""
)
_JAVASCRIPT = "const must = (found) => { if (!found) throw new Error('held'); return found; };\n"

ADDRESSES = {
    "loopback": "http://127.0.0.1:{port}/",
    "by name": "http://localhost:{port}/",
    "in IPv6": "http://[::1]:{port}/",
    "as a number": "http://2130706433:{port}/",
    "in hexadecimal": "http://0x7f.0.0.1:{port}/",
    "in octal": "http://0177.0.0.1:{port}/",
    "shortened": "http://127.1:{port}/",
    "mapped": "http://[::ffff:127.0.0.1]:{port}/",
    "everywhere": "http://0.0.0.0:{port}/",
    "behind a user": "http://127.0.0.2@127.0.0.1:{port}/",
    "behind a fragment": "http://127.0.0.1:{port}#@127.0.0.2/",
    "behind a backslash": "http://127.0.0.1:{port}\\\\@127.0.0.2/",
    "in full-width digits": "http://１２７.０.０.１:{port}/",
    "metadata": "http://169.254.169.254/latest/meta-data/",
    "private network": "http://10.0.0.1:{port}/",
    "a file": "file://{file}",
    "a local socket": "http+unix://%2Ftmp%2Fsocket/",
    "ftp": "ftp://127.0.0.1:{port}/",
    "gopher": "gopher://127.0.0.1:{port}/_x",
    "data": "data:text/plain,x",
    "javascript": "javascript:1",
    "no scheme": "127.0.0.1:{port}",
    "line break": "http://127.0.0.2:1/\\r\\nHost: 127.0.0.1:{port}\\r\\n\\r\\n",
    "zero byte": "http://127.0.0.1:{port}\\0.example.com/",
    "giant": "http://127.0.0.1:{port}/{giant}",
}
REQUESTS = {
    "header with a line break": "fetch(SERVER + '/ok', headers={'A': 'x\\r\\nHost: evil'})",
    "header name with a line break": "fetch(SERVER + '/ok', headers={'A: x\\r\\nB': 'x'})",
    "header with a zero": "fetch(SERVER + '/ok', headers={'A': 'x\\0y'})",
    "other host": "fetch(SERVER + '/ok', headers={'Host': 'evil'})",
    "other length": "fetch(SERVER + '/ok', 'POST', headers={'content-length': '0'}, body='GET / HTTP/1.1\\r\\n\\r\\n')",
    "chunks": "fetch(SERVER + '/ok', 'POST', headers={'Transfer-Encoding': 'chunked'}, body='0\\r\\n\\r\\nGET /')",
    "upgrade": "fetch(SERVER + '/ok', headers={'Connection': 'Upgrade', 'Upgrade': 'websocket'})",
    "proxy": "fetch(SERVER + '/ok', headers={'Proxy-Authorization': 'x'})",
    "method with a line break": "fetch(SERVER + '/ok', 'GET / HTTP/1.1\\r\\nX: y\\r\\n\\r\\nGET')",
    "connect": "fetch(SERVER + '/ok', 'CONNECT')",
    "trace": "fetch(SERVER + '/ok', 'TRACE')",
    "many headers": "fetch(SERVER + '/ok', headers={f'A{n}': 'x' * 100 for n in range(1000)})",
    "giant body": "fetch(SERVER + '/ok', 'POST', body=b'x' * (8 << 20))",
    "endless time": "fetch(SERVER + '/slow', timeout=float('inf'))",
    "no time": "fetch(SERVER + '/slow', timeout=float('nan'))",
    "address with a text of its own": (
        "class Two(str):\n    def __str__(self): return f'http://127.0.0.1:{PORT}'\nfetch(Two(SERVER))"
    ),
}
REPLIES = {
    "redirect": "r = fetch(SERVER + '/redirect')\nassert r.status == 302\nfetch(r.headers['location'])",
    "redirect to a file": "r = fetch(SERVER + '/redirect-to-file')\nfetch(r.headers['location'])",
    "packed": "fetch(SERVER + '/packed')",
    "without end": "fetch(SERVER + '/endless')",
    "headers without end": "fetch(SERVER + '/headers')",
    "drop by drop": "fetch(SERVER + '/drip')",
    "never": "fetch(SERVER + '/slow')",
    "no HTTP": "fetch(SERVER + '/nonsense')",
    "kept": "kept = [fetch(SERVER + '/big').content + bytes([n]) for n in range(100)]",
}
FLOODS = {
    "calls without end": "while True:\n    fetch(SERVER + '/ok')",
    "failing calls without end": "while True:\n    try: fetch('http://127.0.0.1:1/')\n    except OSError: pass",
    "calls from threads": (
        "def go():\n    while True: fetch(SERVER + '/ok')\n"
        "for _ in range(10): threading.Thread(target=go).start()\ngo()"
    ),
    "a thread that goes on": (
        "threading.Thread(target=lambda: fetch(SERVER + '/slow'), daemon=True).start(); raise OSError"
    ),
}
FRAMES = {
    "giant frame": "wire.send(struct.pack('>I', 1 << 30)); time.sleep(100)",
    "half a call": "wire.send(call_frame()[:20]); time.sleep(100)",
    "unknown kind": 'wire.send(frame(b\'{"kind":"run"}\')); time.sleep(100)',
    "unknown field": "wire.send(call_frame(follow=True)); time.sleep(100)",
    "address that is no text": "wire.send(call_frame(url=7)); time.sleep(100)",
    "body that is no base64": "wire.send(call_frame(body='!')); time.sleep(100)",
    "giant time": "wire.send(call_frame(timeout_s=1e300)); time.sleep(100)",
    "negative time": "wire.send(call_frame(timeout_s=-1)); time.sleep(100)",
    "pairs that are none": "wire.send(call_frame(headers=[['a']])); time.sleep(100)",
    "method in small letters": "wire.send(call_frame(method='get')); print(wire.recv(999)); raise OSError",
    "past the checks of fetch": (
        "wire.send(call_frame(headers=[['A', 'x\\r\\nHost: evil'], ['Host', 'x']]))\n"
        "assert b'\"error\"' in wire.recv(999)\nraise OSError"
    ),
    "two calls at once": "wire.send(call_frame() * 2); time.sleep(100)",
    "call and answer at once": "wire.send(call_frame() + ANSWER); time.sleep(100)",
    # On a slow machine it may come after the reply, and then it counts like any other answer.
    "answer while waiting": (
        "wire.send(call_frame(url=SERVER + '/later')); time.sleep(0.02)\n"
        "wire.send(ANSWER.replace(b'REACHED', b'nothing')); time.sleep(9)"
    ),
    "reply that nobody reads": "wire.send(call_frame(url=SERVER + '/big')); time.sleep(100)",
    "gone while waiting": "wire.send(call_frame(url=SERVER + '/slow')); os._exit(0)",
    "crash while waiting": "wire.send(call_frame(url=SERVER + '/slow')); ctypes.string_at(0)",
    "shut while waiting": "wire.send(call_frame(url=SERVER + '/slow')); wire.shutdown(2); time.sleep(100)",
    "calls without end": "while True: wire.send(call_frame()); wire.recv(9999)",
    "calls that nobody hears": "while True: wire.send(call_frame())",
}
JAVASCRIPT = {
    "loopback": "fetch('http://127.0.0.1:' + PORT)",
    "a file": "fetch('file:///etc/passwd')",
    "address that changes": (
        "let n = 0;\nfetch({ toString: () => (n++ ? 'http://127.0.0.1:' + PORT : SERVER + '/ok') }); throw 1"
    ),
    "header with a line break": "fetch(SERVER + '/ok', { headers: { A: 'x\\r\\nHost: evil' } })",
    "other host": "fetch(SERVER + '/ok', { headers: { host: 'evil' } })",
    "options of Python": "fetch(SERVER + '/ok', { method: 'GET', params: 7, headers: 'x', timeout: {} })",
    "polluted options": (
        "Object.prototype.headers = { Host: 'evil' }; Object.prototype.method = 'TRACE'; fetch(SERVER + '/ok')"
    ),
    "calls without end": "for (;;) fetch(SERVER + '/ok')",
    "redirect": "const r = fetch(SERVER + '/redirect'); fetch(must(r.headers.location))",
    "without end": "fetch(SERVER + '/endless')",
    "half characters": "fetch(SERVER + '/\\ud800', { body: '\\udfff', method: 'POST' }); throw 1",
    "body without end": "fetch(SERVER + '/ok', { method: 'POST', body: { toJSON() { for (;;); } } })",
}
WITHOUT_LEAVE = {
    "call": "wire.send(call_frame()); print('REACHED', wire.recv(999))",
    "name from the worker": (
        "line = [o for o in real_import('gc').get_objects() if type(o).__name__ == 'Line'][0]\n"
        "line.fetch(SERVER + '/ok')"
    ),
    "loopback": "wire.send(call_frame(url=f'http://127.0.0.1:{PORT}')); print('REACHED', wire.recv(999))",
}
_SOURCES = {
    "requests": {name: f"{source}\noutput = 'REACHED'" for name, source in REQUESTS.items()},
    "replies": {name: f"{source}\noutput = 'REACHED'" for name, source in REPLIES.items()},
    "floods": FLOODS,
    "frames": {name: _RAW + source for name, source in FRAMES.items()},
    "without leave": {name: f"{_RAW}{source}\noutput = 'REACHED'" for name, source in WITHOUT_LEAVE.items()},
}
ATTACKS = [
    *((f"addresses: {name}", f"fetch('{url}')\noutput = 'REACHED'") for name, url in ADDRESSES.items()),
    *((f"{group}: {name}", source) for group, table in _SOURCES.items() for name, source in table.items()),
    *((f"javascript: {name}", source) for name, source in JAVASCRIPT.items()),
]
_MISTAKES = ("NameError", "AttributeError", "SyntaxError", "ImportError", "Dunder", "ReferenceError")
TIMEOUT_S = 0.2
"""Wall clock of an attack; the client itself would wait for longer."""


class BadServer(socketserver.ThreadingTCPServer):
    """Answers by path, badly. `requests` are the heads that it got."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port_of_world: int) -> None:
        super().__init__((HOST, 0), _Handler)
        self.port_of_world = port_of_world
        self.requests: list[bytes] = []
        self.ends = threading.Event()

    def start(self, arena: Arena) -> None:
        """Serve, and have client and JavaScript engine do their first work, for which they have to load a lot."""
        threading.Thread(target=self.serve_forever, args=(0.01,)).start()
        first = f"output = fetch('http://{HOST}:{self.server_address[1]}/ok').status"
        assert arena.run(first, allow_http=True).output == 200
        assert arena.run("output = 2", language="javascript").output == 2

    def stop(self) -> None:
        """End, with all replies that have no end."""
        self.ends.set()
        self.shutdown()


class _Handler(socketserver.StreamRequestHandler):
    server: BadServer

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while head := self._head():
                self.server.requests.append(head)
                told = re.search(rb"(?i)content-length: *(\d+)", head)
                self.rfile.read(int(told[1]) if told else 0)
                path = head.split()[1].decode("latin-1").partition("?")[0].strip("/").replace("-", "_")
                getattr(self, f"answer_{path}", self.answer_ok)()

    def _head(self) -> bytes:
        lines = []
        while (line := self.rfile.readline(1 << 16)).strip():
            lines.append(line)
        return b"".join(lines)

    def _reply(self, body: bytes, *headers: str, status: str = "200 OK") -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
        self.wfile.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def answer_ok(self) -> None:
        self._reply(b"{}")

    def answer_redirect(self) -> None:
        self._reply(b"", f"Location: http://127.0.0.1:{self.server.port_of_world}/", status="302 Found")

    def answer_redirect_to_file(self) -> None:
        self._reply(b"", "Location: file:///etc/passwd", status="302 Found")

    def answer_packed(self) -> None:
        self._reply(gzip.compress(bytes(1 << 24)), "Content-Encoding: gzip")

    def answer_big(self) -> None:
        self._reply(bytes(9 << 20))

    def answer_later(self) -> None:
        self.server.ends.wait(0.05)
        self._reply(b"{}")

    def answer_slow(self) -> None:
        self.server.ends.wait(5)

    def answer_nonsense(self) -> None:
        self.wfile.write(b"\x00\xff nonsense\r\n\r\n")

    def answer_endless(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not self.server.ends.is_set():
            self.wfile.write(bytes(1 << 16))

    def answer_headers(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not self.server.ends.is_set():
            self.wfile.write(b"X: " + b"y" * 1000 + b"\r\n")

    def answer_drip(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not self.server.ends.wait(0.01):
            self.wfile.write(b"x")
            self.wfile.flush()


@pytest.fixture(scope="module", params=LEVELS)
def arena(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Arena, BadServer]]:
    """The attacks' surroundings and the bad server, once per level."""
    try:
        with (
            arena_at(request.param, tmp_path_factory.mktemp("world"), callable_hosts=[HOST]) as found,
            BadServer(found.world.port) as server,
        ):
            server.start(found)
            yield found, server
            server.stop()
    except CodeUnavailable as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(("name", "source"), ATTACKS, ids=[name for name, _ in ATTACKS])
def test_hostile_calls_reach_nothing(arena: tuple[Arena, BadServer], name: str, source: str) -> None:
    """No address but an allowed one is connected to, and the requests that are made are what they should be."""
    found, server = arena
    server.requests.clear()

    outcome = found.attack(armed(name, source, server), timeout_s=TIMEOUT_S, **options_of(name))

    assert outcome.reached == ()
    assert [request for request in server.requests if not is_decent(request, server)] == []
    assert not (outcome.result.error or "").startswith(_MISTAKES), "the attack itself is wrong"
    assert outcome.is_in_time


def options_of(name: str) -> dict[str, Any]:
    """Which language an attack speaks, and whether its block may call web addresses."""
    group = name.partition(":")[0]
    return {"language": "javascript" if group == "javascript" else "python", "allow_http": group != "without leave"}


def armed(name: str, source: str, server: BadServer) -> str:
    """The attack with its names."""
    places = f"SERVER = 'http://{HOST}:{server.server_address[1]}'; PORT = {server.port_of_world};"
    if name.startswith("javascript"):
        return f"const {places.replace(';', ', ', 1).rstrip(';')};\n{_JAVASCRIPT}{source};\noutput = 'REACHED'"
    filled = source.replace("{port}", str(server.port_of_world)).replace("{file}", "/etc/passwd")
    return f"{places} import threading\n" + filled.replace("{giant}", "x" * 100_000)


def is_decent(request: bytes, server: BadServer) -> bool:
    """Whether a request is one, for this server, and tells no secret."""
    first, *headers = request.decode("latin-1").lower().splitlines()
    hosts = [line for line in headers if line.startswith("host:")]
    is_whole = len(first.split()) == 3 and first.split()[0] in ("get", "post")
    named = f"host: {HOST}:{server.server_address[1]}"
    return is_whole and hosts == [named] and "evil" not in request.decode("latin-1") and SECRET.encode() not in request
