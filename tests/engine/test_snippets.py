"""Lines that call a webhook: pasted as they are, they send what was asked for, whatever that is."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.document import JsonObject
from engine.snippets import SECRET_VARIABLE, SNIPPETS, WebhookCall, javascript, powershell, webhook_url

WEBHOOK_ID = "7d9f0a3e-0000-4000-8000-000000000001"
NASTY: JsonObject = {
    "plain": "x",
    "quotes": 'it\'s "here" `id` $(id) $HOME \\ !x %PATH%',
    "lines": "one\ntwo\ttab\u2028end",
    "unicode": "Grüße 🎉 ‘typographic’",
    "@file": [1, 2.5, True, None, {"deep": "</script>"}],
    "__proto__": {"x": 1},
}
SECRET = "s'e\"c $x`y\\ %20+&"


class Heard:
    """What a stub on loopback was sent last."""

    def __init__(self, server: HTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_port}"
        self.path = ""
        self.header: str | None = None
        self.body: Any = None


@pytest.fixture(scope="module")
def stub() -> Iterator[Heard]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.path, heard.header = self.path, self.headers["Authorization"]
            heard.body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "13")
            self.end_headers()
            self.wfile.write(b'{"ok": "yes"}')

        def log_message(self, *_args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    heard = Heard(server)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield heard
    server.shutdown()
    thread.join()
    server.server_close()


def command_for(name: str, snippet: str) -> list[str]:
    """How a person would run it; skipped where the language is not installed."""
    if name == "Python":
        return [sys.executable, "-c", snippet]
    program = {"JavaScript": "node", "PowerShell": "pwsh"}.get(name, "curl")
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed here; the text is tested elsewhere in this file")
    by_program = {
        "node": [path, "--input-type=module", "-e", snippet],
        "pwsh": [path, "-NoProfile", "-Command", snippet],
        "curl": ["/bin/sh", "-c", snippet],
    }
    return by_program[program]


@pytest.mark.parametrize("has_secret", [True, False], ids=["secret", "variable"])
@pytest.mark.parametrize("name", SNIPPETS)
def test_a_pasted_snippet_sends_what_was_asked(name: str, has_secret: bool, stub: Heard) -> None:
    """Body and secret arrive to the letter, and nothing in them is run; without a secret it is the variable's."""
    call = WebhookCall(stub.url + "/", WEBHOOK_ID, NASTY, SECRET if has_secret else "")
    environment = {**os.environ, "NO_PROXY": "*"} | ({} if has_secret else {SECRET_VARIABLE: "from-env"})

    done = subprocess.run(command_for(name, SNIPPETS[name](call)), env=environment, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert "yes" in done.stdout
    url, secret = urlsplit(stub.path), SECRET if has_secret else "from-env"
    assert url.path == f"/api/webhooks/{WEBHOOK_ID}"
    assert stub.body == NASTY
    if "address" in name:
        assert stub.header is None
        assert parse_qs(url.query) == {"token": [secret]}
    else:
        assert stub.header == f"Bearer {secret}"


@pytest.mark.parametrize("name", SNIPPETS)
def test_a_hidden_secret_is_in_no_snippet(name: str) -> None:
    """What is shown without it can be shown to anybody, and never sends an empty Bearer header (contract 2.9)."""
    call = WebhookCall("https://example.org", WEBHOOK_ID, {"x": 1})

    assert SECRET_VARIABLE in SNIPPETS[name](call)
    assert 'Bearer "' not in SNIPPETS[name](call)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_the_shell_reads_a_line_as_one_command(text: str) -> None:
    """Whatever stands in body and secret, the words of the command are those of the command."""
    call = WebhookCall("https://example.org", WEBHOOK_ID, {text: text}, text or "s")

    for name, count in (("curl", 11), ("curl, secret in the address", 9)):
        words = shlex.split(SNIPPETS[name](call).replace(" \\\n  ", " "))
        assert words[:4] == ["curl", "-sS", "-X", "POST"]
        assert json.loads(words[-1]) == {text: text}
        assert len(words) == count


def test_powershell_keeps_typographic_quotes_apart() -> None:
    """It takes them for quotes; doubled they are characters, and in the body they are escaped."""
    text = powershell(WebhookCall("https://example.org", WEBHOOK_ID, {"t": "’; calc"}, "a’b"))

    assert "$secret = 'a’’b'" in text
    assert '{"t": "\\u2019; calc"}' in text


def test_javascript_shows_the_body_as_an_object() -> None:
    """People edit it there; only a key that means something to the language makes it text."""
    call = WebhookCall("https://example.org", WEBHOOK_ID, {"text": "x"})

    assert 'JSON.stringify({\n    "text": "x"\n  })' in javascript(call)
    assert "JSON.stringify" not in javascript(replace(call, body=NASTY))


def test_an_address_takes_any_id() -> None:
    """What is no UUID stays within its part of the path."""
    assert webhook_url("http://h:1/", "a/../b?x") == "http://h:1/api/webhooks/a%2F..%2Fb%3Fx"
