"""`fetch` as a code block finds it, where its person allows web addresses: a question on the socket to the parent.

The worker itself has no network. The parent makes the request and answers with two frames (see `broker.py`).
"""

import base64
import json
import socket
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from engine.code import frames

MAX_TIMEOUT_S = 3600.0
"""Longest time that one request may be given."""

MAX_BODY = 5 << 20
"""Bytes that one request may carry."""

_MAX_REPLY = 1 << 30


class Reply:
    """What a web address answered: `status`, `headers` (names in lower case), `content`, `text` and `json()`."""

    def __init__(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.status = status
        self.headers = headers
        self.content = content

    def __repr__(self) -> str:
        return f"<Reply {self.status}, {len(self.content):,} bytes>"

    @property
    def ok(self) -> bool:
        """Whether the status says that all went well (200 to 299)."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The content as text, in the character set that the reply names."""
        named = self.headers.get("content-type", "").partition("charset=")[2].partition(";")[0].strip("\"' ")
        try:
            return self.content.decode(named or "utf-8", "replace")
        except LookupError:
            return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The value in the JSON text that was answered; an error when there is none."""
        return json.loads(self.text)

    def model_dump(self) -> dict[str, Any]:
        """What stands for the reply where it becomes a block's output."""
        return {"status": self.status, "ok": self.ok, "headers": self.headers, "text": self.text}


class Line:
    """The socket to the parent, on which one thread speaks at a time."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._lock = threading.Lock()

    def fetch(
        self,
        url: str,
        method: str = "GET",
        params: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
        headers: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
        body: Any = None,
        timeout: float = 30,
    ) -> Reply:
        """Call a web address. `body` is text, bytes, or a value to be sent as JSON; `timeout` is in seconds.

        Any status is a reply; no reply is a ConnectionError or TimeoutError.
        """
        question = question_of(url, method, params, headers, body, timeout)
        if question["body"] is not None:
            question["body"] = base64.b64encode(question["body"]).decode()
        text = json.dumps({"kind": "call", **question}, ensure_ascii=False)
        head, answered = self._ask(text.encode("utf-8", "replace"))
        if "error" in head:
            raise (TimeoutError if head["timeout"] else ConnectionError)(head["error"])
        return Reply(head["status"], head["headers"], answered)

    def say(self, frame: bytes) -> None:
        """Send the last word of the block, after a reply that a thread may still be waiting for."""
        with self._lock:
            frames.send(self._sock, frame)

    def _ask(self, question: bytes) -> tuple[dict[str, Any], bytes]:
        with self._lock:
            frames.send(self._sock, question)
            head: dict[str, Any] = json.loads(frames.receive(self._sock, _MAX_REPLY))
            return head, frames.receive(self._sock, _MAX_REPLY)


def question_of(url: Any, method: Any, params: Any, headers: Any, body: Any, timeout: Any) -> dict[str, Any]:
    """What is asked of the parent, from the arguments of `fetch`; the body as bytes.

    Raises:
        TypeError, ValueError: one of them is not what it should be.
    """
    if not isinstance(timeout, int | float):
        raise TypeError(f"timeout is {timeout!r}; give a number of seconds")
    if not 0 < timeout <= MAX_TIMEOUT_S:
        raise ValueError(f"timeout is {timeout!r}; give seconds, more than 0 and at most {MAX_TIMEOUT_S:g}")
    given = _pairs(headers)
    content, kind = _encoded(body)
    if content is not None and len(content) > MAX_BODY:
        raise ValueError(f"body is {len(content):,} bytes; a request from code may carry {MAX_BODY:,}")
    if kind and not any(name.lower() == "content-type" for name, _ in given):
        given.append(("Content-Type", kind))
    return {
        "url": str(url),
        "method": str(method).upper(),
        "params": _pairs(params),
        "headers": given,
        "body": content,
        "timeout_s": float(timeout),
    }


def _pairs(given: Mapping[str, Any] | Iterable[tuple[str, Any]] | None) -> list[tuple[str, str]]:
    """Names and values as text; a value of None is left out."""
    items = given.items() if isinstance(given, Mapping) else given or ()
    return [(str(name), _text(value)) for name, value in items if value is not None]


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _encoded(body: Any) -> tuple[bytes | None, str]:
    """The bytes of a body and the type that goes with them, "" for one that its sender has to name."""
    if body is None or isinstance(body, bytes | bytearray):
        return None if body is None else bytes(body), ""
    if isinstance(body, str):
        return body.encode("utf-8", "replace"), ""
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"), "application/json"
