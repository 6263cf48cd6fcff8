"""Ready lines of code that call a webhook: for a terminal, for Python, for JavaScript, for PowerShell.

Whatever address, secret and body are, they stay data: each language gets them quoted in its own way. Without a secret
the line reads it from the environment variable `WEBHOOK_SECRET`, so that it can be shown and pasted anywhere.
"""

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pprint import pformat
from typing import Final
from urllib.parse import quote

from engine.document import Json
from engine.jsontext import repaired

SECRET_VARIABLE = "WEBHOOK_SECRET"  # noqa: S105 - the name of a variable, not a secret
TIMEOUT_S = 310
"""Seconds to wait for the reply: more than the 300 that a server allows a run."""
_SHELL_SECRET = f'"${SECRET_VARIABLE}"'


@dataclass(frozen=True)
class WebhookCall:
    """One call to a webhook. `base_url` is the server's address, `secret` is "" where the line shall not hold it.

    Source: contract 2.9; `body` is the run's variables, without a wrapper.
    """

    base_url: str
    webhook_id: str
    body: Json
    secret: str = ""

    @property
    def url(self) -> str:
        """The address that is called."""
        return webhook_url(self.base_url, self.webhook_id)

    @property
    def header(self) -> str:
        """The header that proves that the caller may call, as a line."""
        return f"Authorization: Bearer {self.secret or f'${SECRET_VARIABLE}'}"

    @property
    def query_url(self) -> str:
        """The address with the secret in it, for callers that cannot send headers."""
        return f"{self.url}?token={quote(self.secret, safe='') or f'${SECRET_VARIABLE}'}"


def webhook_url(base_url: str, webhook_id: str) -> str:
    """Where a webhook is called: the id as it is spelled, because servers compare it as text."""
    return f"{base_url.rstrip('/')}/api/webhooks/{quote(webhook_id, safe='')}"


def curl(call: WebhookCall) -> str:
    """For a terminal, with the secret in a header."""
    bearer = shlex.quote(call.header) if call.secret else f'"{call.header}"'
    return _curl(call, shlex.quote(call.url), f"  -H {bearer} \\\n")


def curl_query(call: WebhookCall) -> str:
    """For a terminal, with the secret in the address: it may end up in logs on the way."""
    return _curl(
        call, shlex.quote(call.query_url) if call.secret else f"{shlex.quote(f'{call.url}?token=')}{_SHELL_SECRET}"
    )


def python(call: WebhookCall) -> str:
    """For Python 3 with httpx."""
    secret = repr(call.secret) if call.secret else f'os.environ["{SECRET_VARIABLE}"]'
    lines = [
        *([] if call.secret else ["import os", ""]),
        "import httpx",
        "",
        f"secret = {secret}",
        f"body = {pformat(repaired(call.body), width=100, sort_dicts=False)}",
        "reply = httpx.post(",
        f"    {call.url!r},",
        '    headers={"Authorization": f"Bearer {secret}"},',
        "    json=body,",
        f"    timeout={TIMEOUT_S},",
        ")",
        "reply.raise_for_status()",
        "print(reply.json())",
    ]
    return "\n".join(lines)


def javascript(call: WebhookCall) -> str:
    """For Node.js 18 and later, or a browser's module; JSON is JavaScript."""
    secret = _json(call.secret) if call.secret else f"process.env.{SECRET_VARIABLE}"
    lines = [
        f"const secret = {secret};",
        f"const reply = await fetch({_json(call.url)}, {{",
        '  method: "POST",',
        '  headers: { Authorization: `Bearer ${secret}`, "Content-Type": "application/json" },',
        f"  body: {_script_body(call.body)},",
        "});",
        "if (!reply.ok) throw new Error(`${reply.status}: ${await reply.text()}`);",
        "console.log(await reply.json());",
    ]
    return "\n".join(lines)


def powershell(call: WebhookCall) -> str:
    """For PowerShell 5 and later. Not by curl.exe, which loses quotes in arguments there."""
    secret = _powershell_text(call.secret) if call.secret else f"$env:{SECRET_VARIABLE}"
    # Sent as Latin-1 by version 5, so that everything beyond ASCII is escaped.
    body = json.dumps(repaired(call.body), ensure_ascii=True)
    lines = [
        f"$secret = {secret}",
        f"Invoke-RestMethod -Method Post -Uri {_powershell_text(call.url)} `",
        '  -Headers @{ Authorization = "Bearer $secret" } `',
        f"  -ContentType 'application/json' -TimeoutSec {TIMEOUT_S} `",
        f"  -Body {_powershell_text(body)}",
    ]
    return "\n".join(lines)


SNIPPETS: Final[dict[str, Callable[[WebhookCall], str]]] = {
    "curl": curl,
    "curl, secret in the address": curl_query,
    "Python": python,
    "JavaScript": javascript,
    "PowerShell": powershell,
}
"""What can be offered, by the name to show."""


def _curl(call: WebhookCall, url: str, header: str = "") -> str:
    return (
        f"curl -sS -X POST {url} \\\n"
        f"{header}"
        "  -H 'Content-Type: application/json' \\\n"
        f"  --data-raw {shlex.quote(_json(repaired(call.body)))}"
    )


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)


def _script_body(body: Json) -> str:
    """The body as an object that is easy to edit; as text where a key has a meaning of its own in JavaScript."""
    text = json.dumps(repaired(body), ensure_ascii=False, indent=2).replace("\n", "\n  ")
    return _json(text) if "__proto__" in text else f"JSON.stringify({text})"


def _powershell_text(text: str) -> str:
    """Text in single quotes, in which nothing is special but quotes, and PowerShell takes five characters for one."""
    return "'" + "".join(char * 2 if char in "'\u2018\u2019\u201a\u201b" else char for char in text) + "'"
