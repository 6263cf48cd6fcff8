"""What the server tells its owner, on standard error: one JSON object a line, or coloured lines for a person to read.

Everything of a run carries its `execution_id` and `workflow_id`. Secrets never appear: not the query of a request, not
tokens, keys or passwords, whatever text they stand in.
"""

import atexit
import contextlib
import logging
import queue
import re
import sys
import threading
import time
from collections.abc import Collection, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog
from msgspec import UNSET, UnsetType
from msgspec.structs import asdict
from starlette.types import Scope

from engine.server.http.border import Observe

HIDDEN = "••••••"
LEVELS = ("debug", "info", "warning", "error")
_SECRET_NAMES = re.compile(r"authorization|api_?key|password|secret|token|cookie", re.IGNORECASE)
_IN_TEXT = (
    (re.compile(r"(\bbearer\s+)[^\s\"']+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"([?&][\w.-]*(?:token|key|secret|password|signature)=)[^&\s\"']+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"(\w://[^\s:/@]*:)[^\s/@]+(?=@)"), rf"\1{HIDDEN}"),
)
_QUIET = ("/api/health", "/health", "/metrics")
_SHORTEST_SECRET = 6
MAX_WAITING = 10_000
"""Log lines that may wait to be written."""
LAST_WORDS_S = 0.3
GATHER_S, MAX_AT_ONCE = 0.02, 500
"""Lines are written together that come within this time: a thread that wakes for each one holds everybody up."""
_Event = MutableMapping[str, Any]
_NOTHING: Mapping[str, Any] = {}
_ENCODER = msgspec.json.Encoder()


def configure_logs(level: str = "info", *, is_for_people: bool | None = None, secrets: Collection[str] = ()) -> Observe:
    """Set up the logs of this process; the result logs a request. For people when standard error is a terminal.

    `secrets` are texts that are hidden wherever they turn up, beside all that look like secrets.
    """
    if is_for_people is None:
        is_for_people = sys.stderr.isatty()
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if is_for_people else "iso", utc=not is_for_people),
        structlog.processors.format_exc_info,
        _Hide(secrets),
    ]
    render = _for_people() if is_for_people else structlog.processors.JSONRenderer(_as_json)
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_names: _STDERR,
        cache_logger_on_first_use=True,
    )
    _take_over_library_logs(shared, render, number)
    return log_request if is_for_people or number > logging.INFO else log_request_quickly


def flush_logs() -> None:
    """Write what waits, as far as somebody takes it within a moment."""
    _STDERR.close()


def log_request(scope: Scope, status: int, seconds: float) -> None:
    """One line about a request. Its path as it was sent, without the query; 0 means that the client left early."""
    if scope["path"] not in _QUIET:
        log, facts = structlog.get_logger(), asdict(_request_line(scope, status, seconds))
        tell = log.warning if facts["level"] == "warning" else log.info
        tell("request", **{name: value for name, value in facts.items() if value is not UNSET})


def log_request_quickly(scope: Scope, status: int, seconds: float) -> None:
    """As `log_request`, for JSON: requests are many, and these facts need no redaction."""
    if scope["path"] not in _QUIET:
        _STDERR.msg(_ENCODER.encode(_request_line(scope, status, seconds)))


class _RequestLine(msgspec.Struct, tag_field="event", tag="request", gc=False):
    """What is told of a request. The workflow is the one of its route, the run that of its reply, else of its route."""

    level: str
    timestamp: datetime
    method: str
    path: str
    status: int
    duration_ms: float
    client: str | None
    workflow_id: str | UnsetType
    execution_id: str | UnsetType


def _request_line(scope: Scope, status: int, seconds: float) -> _RequestLine:
    client, params, state = scope.get("client"), scope.get("path_params", _NOTHING), scope.get("state", _NOTHING)
    return _RequestLine(
        "warning" if status >= 500 else "info",
        datetime.now(UTC),
        scope["method"],
        scope.get("raw_path", b"").decode("latin-1"),
        status,
        round(seconds * 1000, 2),
        client[0] if client else None,
        params.get("workflow_id", UNSET),
        state.get("execution_id", params.get("execution_id", UNSET)),
    )


class _Stderr:
    """Writes lines to standard error, on a thread of its own: whoever reads them slowly, or not at all, must not stop
    the server. Lines that wait in too great a number are dropped, and how many is said. One that is gone for good must
    not break what is being logged about.
    """

    def __init__(self) -> None:
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._dropped = 0
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def msg(self, line: bytes | str) -> None:
        """Write one line, soon."""
        if self._thread is None:
            self._start()
        if self._lines.qsize() < MAX_WAITING:
            self._lines.put(line.encode("utf-8", "replace") if isinstance(line, str) else line)
        else:
            self._dropped += 1

    debug = info = warning = error = critical = exception = log = msg

    def close(self) -> None:
        """Write what waits, as far as somebody takes it within a moment."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._lines.put(None)
            thread.join(LAST_WORDS_S)

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="logs", daemon=True)
                self._thread.start()
                atexit.register(self.close)

    def _serve(self) -> None:
        line: bytes | None = b""
        while line is not None:
            lines: list[bytes] = []
            line = self._lines.get()
            if line is not None:
                time.sleep(GATHER_S)
            with contextlib.suppress(queue.Empty):
                while line is not None:
                    lines.append(line + b"\n")
                    if len(lines) == MAX_AT_ONCE:
                        break
                    line = self._lines.get_nowait()
            self._write(lines)

    def _write(self, lines: list[bytes]) -> None:
        dropped, self._dropped = self._dropped, 0
        if dropped:
            lines.append(_as_json({"event": "log lines were dropped", "level": "warning", "count": dropped}) + b"\n")
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.buffer.write(b"".join(lines))
            sys.stderr.buffer.flush()


_STDERR = _Stderr()


class _Hide:
    """Takes secrets out of an event."""

    def __init__(self, secrets: Collection[str]) -> None:
        found = sorted({secret for secret in secrets if len(secret) >= _SHORTEST_SECRET}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, found))) if found else None

    def __call__(self, _logger: Any, _method: str, event: _Event) -> _Event:
        for name, value in event.items():
            if isinstance(value, str):
                event[name] = HIDDEN if _SECRET_NAMES.search(name) and value else self._hide(value)
        return event

    def _hide(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        for pattern, hidden in _IN_TEXT:
            text = pattern.sub(hidden, text)
        return text


def _for_people() -> Any:
    # Values are written with escapes: what comes from outside must not move the cursor.
    plain = structlog.dev.plain_traceback
    return structlog.dev.ConsoleRenderer(exception_formatter=plain, repr_native_str=True, pad_event_to=0)


def _as_json(event: _Event, **_options: Any) -> bytes:
    return msgspec.json.encode(event, enc_hook=repr)


def _take_over_library_logs(shared: list[Any], render: Any, level: int) -> None:
    """Let what libraries log come out the same way. uvicorn's own notes are left out: we say those things ourselves."""

    def as_text(logger: Any, method: str, event: _Event) -> str:
        line = render(logger, method, event)
        return line.decode() if isinstance(line, bytes) else str(line)

    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    formatter = structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[remove_meta, as_text])
    handler = _ToStderr()
    handler.setFormatter(formatter)
    handler.addFilter(_is_no_cut_off)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(level, logging.WARNING))


class _ToStderr(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _STDERR.msg(self.format(record))


def _is_no_cut_off(record: logging.LogRecord) -> bool:
    """uvicorn reports a request that is cut off at the end as a fault of the application."""
    from asyncio import CancelledError

    return not (record.exc_info and isinstance(record.exc_info[1], CancelledError))
