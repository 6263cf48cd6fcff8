"""The server's log: what it says, how it reads, and what it never says."""

import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from engine.server.logs import HIDDEN, configure_logs, flush_logs

SECRET = "sk-1234567890"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Logging is set up for the whole process, so it is put back."""
    root = logging.getLogger()
    before = root.handlers, root.level, structlog.get_config()
    yield
    root.handlers, root.level = before[:2]
    structlog.configure(**before[2])


class Log:
    """What has been written to standard error."""

    def __init__(self, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
        self._captured = capfdbinary
        stderr = open(2, "w", closefd=False)  # noqa: SIM115 - the descriptor itself, which pytest's object is not
        monkeypatch.setattr(sys, "stderr", stderr)

    def text(self) -> str:
        flush_logs()
        return self._captured.readouterr().err.decode()

    def entries(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text().splitlines()]


@pytest.fixture
def log(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Log:
    return Log(capfdbinary, monkeypatch)


def test_programs_get_one_json_object_a_line(log: Log) -> None:
    """With what was bound before, such as the run it is about; libraries speak the same way."""
    configure_logs()

    structlog.get_logger().bind(execution_id="e1").warning("run failed", error="two\nlines")
    logging.getLogger("some.library").warning("busy %s", "now")

    ours, theirs = log.entries()
    assert (ours["event"], ours["level"], ours["execution_id"], ours["error"]) == (
        "run failed",
        "warning",
        "e1",
        "two\nlines",
    )
    assert (theirs["event"], theirs["level"]) == ("busy now", "warning")
    assert ours["timestamp"].endswith("Z")


@pytest.mark.parametrize("is_for_people", [True, False])
def test_secrets_never_appear(log: Log, is_for_people: bool) -> None:
    """In fields named so, in texts that look so, in tracebacks, in what libraries say; known ones anywhere."""
    configure_logs(is_for_people=is_for_people, secrets=[SECRET, ""])
    logger = structlog.get_logger()

    logger.info("a", api_key="hunter2", webhook_secret="hunter2", Authorization="hunter2", text=f"key is {SECRET}")
    logger.info("b", url="http://x/hook?a=1&token=hunter2&b=2", header="Authorization: Bearer hunter2")
    logger.info("c", database="postgresql+psycopg://me:hunter2@host/name")
    try:
        raise ValueError(f"refused {SECRET} with ?access_token=hunter2")
    except ValueError:
        logger.exception("d")
        logging.getLogger("some.library").exception("Bearer hunter2")

    text = log.text()
    assert "hunter2" not in text
    assert SECRET not in text
    assert text.count(HIDDEN) >= 9
    assert "a=1" in text
    assert "b=2" in text


def test_people_get_lines_that_cannot_move_the_cursor(log: Log) -> None:
    """What comes from outside is written with escapes."""
    configure_logs(is_for_people=True)

    structlog.get_logger().info("request", path="/\x1b[2J\n2026 [error] forged")

    assert "\x1b[2J" not in log.text().replace("\x1b[2m", "")


def test_a_request_is_logged_without_its_query(log: Log) -> None:
    """The query of a webhook holds its secret (the platform's own server logs it)."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/webhooks/a b",
        "raw_path": b"/api/webhooks/a%20b",
        "query_string": b"token=hunter2",
        "client": ("127.0.0.1", 4711),
        "state": {"execution_id": "e1", "other": "x"},
        "path_params": {"workflow_id": "w1", "other": "x"},
    }
    for is_for_people in (False, True):
        log_request = configure_logs(is_for_people=is_for_people)
        log_request(scope, 200, 0.0123)
        log_request({**scope, "path": "/api/health"}, 200, 0.001)

    plain, pretty = log.text().splitlines()
    assert (
        json.loads(plain).items()
        >= {
            "event": "request",
            "method": "POST",
            "path": "/api/webhooks/a%20b",
            "status": 200,
            "duration_ms": 12.3,
            "client": "127.0.0.1",
            "execution_id": "e1",
            "workflow_id": "w1",
        }.items()
    )
    assert "/api/webhooks/a%20b" in pretty
    assert "hunter2" not in plain + pretty


def test_a_request_about_a_run_names_it(log: Log) -> None:
    """The run that its reply tells of, and without one that of its route."""
    scope = {"type": "http", "method": "GET", "path": "/a", "raw_path": b"/a", "path_params": {"execution_id": "asked"}}
    for is_for_people in (False, True):
        log_request = configure_logs(is_for_people=is_for_people)
        log_request(scope, 200, 0.1)
        log_request({**scope, "state": {"execution_id": "told"}}, 200, 0.1)

    assert re.findall("asked|told", log.text()) == ["asked", "told"] * 2


def test_only_what_matters_is_logged_when_wished(log: Log) -> None:
    """A server that is called often may keep quiet about what went well."""
    log_request = configure_logs("warning")
    scope = {"type": "http", "method": "GET", "path": "/a", "raw_path": b"/a"}

    log_request(scope, 404, 0.1)
    log_request(scope, 503, 0.1)
    structlog.get_logger().info("serving")

    assert [entry["status"] for entry in log.entries()] == [503]


def test_a_log_that_nobody_takes_breaks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The terminal may be gone, the disk full."""

    class Gone:
        buffer = None

        def isatty(self) -> bool:
            return False

        def write(self, _text: str) -> int:
            raise BrokenPipeError

        flush = write

    gone = Gone()
    gone.buffer = gone  # type: ignore[assignment]
    monkeypatch.setattr(sys, "stderr", gone)

    log_request = configure_logs()
    structlog.get_logger().error("nobody hears this")
    log_request({"type": "http", "method": "GET", "path": "/a"}, 200, 0.1)


def test_nobody_who_reads_slowly_holds_the_server_up() -> None:
    """More is logged than a pipe holds, and nobody takes it: the program goes on, and ends."""
    program = (
        "import structlog; from engine.server.logs import configure_logs; configure_logs(is_for_people=False)\n"
        "for number in range(3_000): structlog.get_logger().info('line', text='x' * 100)\n"
        "print('done', flush=True)"
    )

    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        code = process.wait(30)

    assert (said, code) == (b"done\n", 0)
