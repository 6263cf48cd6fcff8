"""Web addresses from code: what `fetch` takes and gives, and what is refused before a request is made.

The client is a scripted one. What hostile code tries with it is in `tests/faults`.
"""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from engine.code import CodeLimits, CodeResult, CodeRunner, Isolation
from engine.code.broker import MAX_CALLS, Broker, refusal
from engine.code.fetching import Reply
from engine.code.messages import Call, WorkerMisbehaved
from engine.errors import BlockError, DeadlineExceeded
from engine.run.http import HttpReply
from tests.processes import open_descriptors, orphans_come_home, processes_below, until

OK = HttpReply(200, {"content-type": "application/json", "x-a": "1"}, b'{"n": [1, 2]}')
LANGUAGES = ("python", "javascript", "restricted")


@dataclass
class ScriptedHttp:
    """Answers every request with the same reply or error; keeps what was asked. `hold` is waited for before."""

    answer: HttpReply | BlockError = OK
    hold: asyncio.Event | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    given_up: int = 0

    async def request(self, method: str, url: str, **options: Any) -> HttpReply:
        self.asked.append({"method": method, "url": url, **options})
        try:
            if self.hold is not None:
                await self.hold.wait()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        if isinstance(self.answer, BlockError):
            raise self.answer
        return self.answer


@contextlib.contextmanager
def runs() -> Iterator[Callable[..., CodeResult]]:
    """Runs a source in a language, with an HTTP client; the restricted interpreter is one of the languages here."""
    with asyncio.Runner() as loop:
        code = CodeRunner()
        restricted = CodeRunner(measured=Isolation("none", "asked for"), fallback="monty")

        def run(source: str, language: str = "python", http: Any = None, **options: Any) -> CodeResult:
            runner = restricted if language == "restricted" else code
            runner._http = http
            spoken = "python" if language == "restricted" else language
            return loop.run(runner.run(source, {}, {}, **{"language": spoken, "allow_http": True, **options}))

        yield run
        loop.run(code.__aexit__(None, None, None))
        loop.run(restricted.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def run() -> Iterator[Callable[..., CodeResult]]:
    with runs() as found:
        yield found


def call(**changes: Any) -> Call:
    usual = {"url": "https://a.example/", "method": "GET", "params": [], "headers": [], "body": None, "timeout_s": 30}
    return Call(**{**usual, **changes})


@pytest.mark.parametrize("language", LANGUAGES)
def test_fetch_asks_the_client_of_the_run(run: Callable[..., CodeResult], language: str) -> None:
    """Method, parameters, headers, body and time reach the client; what is no text becomes text or JSON."""
    http = ScriptedHttp()
    python = (
        "fetch('https://a.example/x', 'post', params={'q': 1, 'b': True, 'none': None}, headers={'A': 2}, "
        "body={'ä': [1]}, timeout=5)"
    )
    javascript = (
        "fetch('https://a.example/x', {method: 'post', params: {q: 1, b: true, none: null}, headers: {A: 2}, "
        "body: {'ä': [1]}, timeout: 5})"
    )

    result = run(javascript if language == "javascript" else python, language, http)

    assert result.error is None
    assert http.asked == [
        {
            "method": "POST",
            "url": "https://a.example/x",
            "params": [("q", "1"), ("b", "true")],
            "headers": [("A", "2"), ("Content-Type", "application/json")],
            "body": '{"ä": [1]}'.encode(),
            "timeout_s": 5,
        }
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_reply_has_status_headers_text_and_json(run: Callable[..., CodeResult], language: str) -> None:
    """The reply reads the same in every language; as an output it is an object."""
    python = "r = fetch('https://a.example')\noutput = [r.status, r.ok, r.headers['x-a'], r.text, r.json()['n']]"
    javascript = (
        "const r = await fetch('https://a.example')\n"
        "output = [r.status, r.ok, r.headers.get('X-A'), await r.text(), r.json().n]"
    )

    parts = run(javascript if language == "javascript" else python, language, ScriptedHttp())
    whole = run("output = fetch('https://a.example')", language, ScriptedHttp())

    assert parts.output == [200, True, "1", '{"n": [1, 2]}', [1, 2]]
    assert whole.output == {"status": 200, "ok": True, "headers": dict(OK.headers), "text": '{"n": [1, 2]}'}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_request_without_reply_is_an_error_to_catch(run: Callable[..., CodeResult], language: str) -> None:
    """What the client says is the error's text, with the line; code can catch it."""
    http = ScriptedHttp(BlockError("a.example does not accept connections."))
    catch = "try:\n    fetch('https://a.example')\nexcept OSError as error:\n    output = str(error)"
    if language == "javascript":
        catch = "try { fetch('https://a.example') } catch (error) { output = error.message }"

    failed = run("\nfetch('https://a.example')", language, http)
    caught = run(catch, language, http)

    assert str(failed.error).endswith("Error: a.example does not accept connections. (line 2)")
    assert caught.output == "a.example does not accept connections."


@pytest.mark.parametrize("language", ["python", "restricted"])
def test_a_request_that_takes_too_long_is_a_timeout(run: Callable[..., CodeResult], language: str) -> None:
    """Python tells a deadline from other failures."""
    result = run("fetch('https://a.example')", language, ScriptedHttp(DeadlineExceeded("too slow")))

    assert result.error == "TimeoutError: too slow (line 1)"


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_leave_there_is_no_fetch(run: Callable[..., CodeResult], language: str) -> None:
    """The name is absent where the block does not ask for it, and the error says where to turn it on."""
    http = ScriptedHttp()

    result = run("fetch('https://a.example')", language, http, allow_http=False)

    assert 'turn on "Let the code call web addresses" in this block\'s settings' in str(result.error)
    assert http.asked == []


def test_a_run_without_network_says_so(run: Callable[..., CodeResult]) -> None:
    """A block that asks for addresses in a run that has no client fails with words."""
    assert "no access to the network" in str(run("output = 1", "python", None).error)


def test_a_name_of_the_code_wins_over_fetch(run: Callable[..., CodeResult]) -> None:
    """Code that defines its own `fetch` uses that."""
    assert run("def fetch(url): return url\noutput = fetch('x')", http=ScriptedHttp()).output == "x"
    assert run("const fetch = (url) => url; output = fetch('x')", "javascript", ScriptedHttp()).output == "x"


@pytest.mark.parametrize("language", LANGUAGES)
def test_calls_are_counted(run: Callable[..., CodeResult], language: str) -> None:
    """A block that calls without end is stopped at the limit, which is named."""
    http = ScriptedHttp()
    loop = "for (;;) fetch('https://a.example')"

    result = run(loop if language == "javascript" else "while True: fetch('https://a.example')", language, http)

    assert result.limit == "calls"
    assert result.error == f"The code was stopped: it called more than {MAX_CALLS} web addresses."
    assert len(http.asked) == MAX_CALLS


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ("'https://a', timeout=0", "ValueError: timeout is 0; give seconds, more than 0 and at most 3600"),
        ("'https://a', timeout='5'", "TypeError: timeout is '5'; give a number of seconds"),
        ("'https://a', 'POST', body=b'x' * (6 << 20)", "ValueError: body is 6,291,456 bytes; a request from code may"),
        ("'https://a', 'POST', body=object()", "TypeError: Object of type object is not JSON serializable"),
        ("'https://a', params=5", "TypeError: "),
    ],
)
def test_wrong_arguments_are_errors_of_the_code(run: Callable[..., CodeResult], arguments: str, error: str) -> None:
    """What cannot be asked is not asked, and says why."""
    http = ScriptedHttp()

    assert str(run(f"fetch({arguments})", http=http).error).startswith(error)
    assert http.asked == []


def test_half_characters_are_replaced_on_the_way(run: Callable[..., CodeResult]) -> None:
    """Text that no request can carry does not end the block."""
    http = ScriptedHttp()

    run("fetch('https://a/' + chr(0xd800), 'POST', body=chr(0xdfff))", http=http)
    run("fetch('https://a/\\ud800', {method: 'POST', body: '\\udfff'})", "javascript", http)

    assert [(asked["url"], asked["body"]) for asked in http.asked] == [("https://a/?", b"?")] * 2


def test_large_bodies_go_both_ways(run: Callable[..., CodeResult]) -> None:
    """A request of 5 MB and a reply of 10 MB pass whole."""
    http = ScriptedHttp(HttpReply(200, {}, b"y" * (10 << 20)))

    result = run("output = len(fetch('https://a', 'POST', body=b'x' * (5 << 20)).content)", http=http)

    assert result.output == 10 << 20
    assert len(http.asked[0]["body"]) == 5 << 20


@pytest.mark.parametrize(
    ("content", "headers", "text"),
    [
        ("ä".encode(), {}, "ä"),
        ("ä".encode("latin-1"), {"content-type": "text/plain; charset=ISO-8859-1"}, "ä"),
        ("ä".encode(), {"content-type": 'text/plain; charset="nonsense"'}, "ä"),
        (b"\xff", {}, "\ufffd"),
    ],
)
def test_text_is_read_in_the_character_set_of_the_reply(content: bytes, headers: dict[str, str], text: str) -> None:
    """What the reply names, else UTF-8; what cannot be read is replaced."""
    assert Reply(200, headers, content).text == text


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"method": "TRACE"}, "The method 'TRACE' cannot be used"),
        ({"method": "get"}, "The method 'get' cannot be used"),
        ({"headers": [("a b", "x")]}, "'a b' is no name of a header"),
        ({"headers": [("", "x")]}, "'' is no name of a header"),
        ({"headers": [("A\n", "x")]}, "is no name of a header"),
        ({"headers": [("Host", "x")]}, "The header Host is set by the program itself"),
        ({"headers": [("TRANSFER-ENCODING", "chunked")]}, "The header TRANSFER-ENCODING is set by"),
        ({"headers": [("A", "x\r\nB: y")]}, "The value of the header A has a line break"),
        ({"headers": [("A", "x\x7f")]}, "another control character"),
        ({"params": [("a", "x" * 70_000)]}, "have more than 65,536 characters"),
        ({"body": b"x" * (6 << 20)}, "The body has more than 5,242,880 bytes"),
    ],
)
def test_what_could_be_taken_for_something_else_is_refused(changes: dict[str, Any], part: str) -> None:
    """Methods, headers and sizes are looked at by the parent, whatever the worker did."""
    assert part in refusal(call(**changes))
    assert refusal(call(headers=[("Accept", "a/b\tc"), ("X-Ä"[:2] + "Y", "ü")])) == ""


def test_a_worker_that_may_not_ask_misbehaves() -> None:
    """Without leave there is nobody who would make the request."""
    with pytest.raises(WorkerMisbehaved, match="which its block may not"):
        asyncio.run(Broker(None).answer(call()))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("ending", ["cancelled", "deadline"])
def test_nothing_is_left_of_a_block_that_ends_during_a_call(
    language: str, ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelled or out of time while a request is on its way: request, process, sockets and files are gone."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with orphans_come_home():
        before = processes_below(os.getpid())
        left = asyncio.run(_left_by(language, ending))

    assert left == {"processes": set(), "descriptors": 0, "requests given up": 1, "tasks": 1}
    assert asyncio.run(until(lambda: processes_below(os.getpid()) <= before))
    assert list(temporary.iterdir()) == []


async def _left_by(language: str, ending: str) -> dict[str, Any]:
    restricted = Isolation("none", "asked for") if language == "restricted" else None
    http = ScriptedHttp(hold=asyncio.Event())
    spoken = "javascript" if language == "javascript" else "python"
    async with CodeRunner(CodeLimits(), measured=restricted, fallback="monty", http=http) as code:

        def work(source: str, timeout_s: float | None = None) -> Awaitable[CodeResult]:
            return code.run(source, {}, {}, language=spoken, allow_http=True, timeout_s=timeout_s)

        await work("output = 1")
        session = code._session
        assert await until(lambda: session is None or not session._forks)
        kept, descriptors = processes_below(os.getpid()), open_descriptors()
        task = asyncio.ensure_future(work("fetch('https://a.example')", 0.3 if ending == "deadline" else None))
        assert await until(lambda: bool(http.asked))
        if ending == "cancelled":
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        else:
            assert (await task).limit == "wall"

        def left() -> set[int]:
            now = processes_below(os.getpid())
            # A restricted interpreter that was ended is replaced by a fresh one.
            return now - kept if len(now) > len(kept) else set()

        await until(lambda: not left() and open_descriptors() <= descriptors)
        return {
            "processes": left(),
            "descriptors": max(0, open_descriptors() - descriptors),
            "requests given up": http.given_up,
            "tasks": len(asyncio.all_tasks()),
        }
