"""General API: one HTTP request to any server."""

import json
import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from engine.blocks._fields import Choice, Field, pairs_of
from engine.blocks._spec import BlockContext, BlockType, Effect, Outcome, OutputField, Repeat
from engine.document import Json, JsonObject
from engine.errors import BlockError
from engine.references import text_of

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
SAFE_TO_REPEAT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})
"""Methods that may be sent twice and do the same as once (RFC 9110, 9.2.2)."""
PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers of a server that may say something else a little later."""
DEFAULT_TIMEOUT_MS = 30_000
MAX_SHOWN = 60
_PLAIN_HOST = re.compile(r"[\w.\-]+(:\d+)?|\[[0-9a-fA-F:.]+\](:\d+)?")


async def run(ctx: BlockContext, config: JsonObject) -> Outcome:
    """Any reply is a success, whatever its status; no reply is a reported failure (contract 3.9)."""
    method = config.get("method", "GET")
    if method is None:
        raise BlockError('The method is null; choose one such as "GET".', retryable=False)
    method = text_of(method).strip().upper()
    headers = [(key, _plain(value)) for key, value in pairs_of(config.get("headers"))]
    body, body_type = encoded_body(config.get("body"))
    if body_type and not any(key.lower() == "content-type" for key, _ in headers):
        headers.append(("Content-Type", body_type))
    try:
        reply = await ctx.http.request(
            method,
            text_of(config.get("url") or "").strip(),
            params=_query(config.get("params")),
            headers=headers,
            body=body,
            timeout_s=timeout_ms(config.get("timeout")) / 1000,
            follow_redirects=is_on(config.get("follow_redirects")),
        )
    except BlockError as error:
        text = str(error) or "The request failed."
        repeat = Repeat(text, is_useful=error.retryable, is_safe=method in SAFE_TO_REPEAT)
        return Outcome({"output": None, "error": text}, text, repeat=repeat)
    result = {"output": await reply.value(), "status_code": reply.status, "headers": reply.headers}
    return Outcome(result, repeat=_repeat(reply, method))


def timeout_ms(value: Json) -> float:
    """The time a request may take; 30 seconds for what is no number above zero."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return DEFAULT_TIMEOUT_MS
    return number if math.isfinite(number) and number > 0 else DEFAULT_TIMEOUT_MS


def is_on(value: Json) -> bool:
    """Whether a switch is on; its value may be text."""
    return value.strip().lower() in ("true", "yes", "on", "1") if isinstance(value, str) else bool(value)


def encoded_body(value: Json) -> tuple[bytes | None, str]:
    """The bytes to send and their type: JSON for what is JSON, any other text as it stands and without a type.

    The platform drops JSON scalars (W35); they are sent here.
    """
    if value is None or value == "":
        return None, ""
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return value.encode("utf-8", "replace"), ""
    return _json_bytes(value), "application/json"


def retry_after_s(headers: JsonObject) -> float:
    """Seconds that a reply asks to wait for before the next request; 0 when it does not say (RFC 9110, 10.2.3)."""
    told = str(headers.get("retry-after", "")).strip()
    if told.isdecimal():
        return float(told[:12])
    try:
        until = parsedate_to_datetime(told)
        # The server's own clock, where it tells the time: ours may be wrong.
        now = parsedate_to_datetime(str(headers["date"])) if "date" in headers else datetime.now(UTC)
        return max((until - now).total_seconds(), 0.0)
    except (TypeError, ValueError, OverflowError):
        return 0.0


def summary(config: JsonObject) -> str:
    """The method and where the request goes."""
    url = text_of(config.get("url") or "")
    if not url:
        return "no address yet"
    shown = url.partition("://")[2].partition("?")[0] or url
    method = text_of(config.get("method") or "GET").upper()
    return f"{method} {shown[:MAX_SHOWN]}{'…' if len(shown) > MAX_SHOWN else ''}"


def _effects(config: JsonObject) -> tuple[Effect, ...]:
    effect = Effect("http", _host(text_of(config.get("url") or "")))
    # Where redirects lead, only the servers on the way know.
    return (effect, Effect("http")) if effect.target and is_on(config.get("follow_redirects")) else (effect,)


def _host(url: str) -> str:
    """Host, and port where one is given; "" where it cannot be read, or where a reference decides which one it is."""
    try:
        place = urlsplit(url.strip()).netloc
    except ValueError:
        return ""
    # Programs differ in how they read an odd address, so nothing is claimed about one.
    return place.lower() if _PLAIN_HOST.fullmatch(place) else ""


def _query(value: Json) -> list[tuple[str, str]]:
    """Parameters as text; a list gives its name once for each item."""
    pairs: list[tuple[str, str]] = []
    for key, item in pairs_of(value):
        items = item if isinstance(item, list) else [item]
        pairs.extend((key, _plain(part)) for part in items)
    return pairs


def _plain(value: Json) -> str:
    """A header or parameter as text; nothing for null."""
    return "" if value is None else text_of(value)


def _repeat(reply: Any, method: str) -> Repeat | None:
    if reply.status not in PASSING_STATUS:
        return None
    reason = f"The server answered {reply.status}."
    return Repeat(reason, is_safe=method in SAFE_TO_REPEAT, not_before_s=retry_after_s(reply.headers))


def _json_bytes(value: Json) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, TypeError, ValueError, OverflowError, RecursionError):
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
        return text.encode("utf-8", "replace")


def _check_url(value: Json) -> str | None:
    text = text_of(value).strip()
    try:
        parts = urlsplit(text)
    except ValueError as error:
        return f"The address cannot be read: {error}."
    if parts.scheme.lower() not in ("http", "https") or not parts.netloc:
        return "The address must begin with https:// or http:// and name a server."
    return None


BLOCK = BlockType(
    type="general_api",
    label="General API",
    description="Calls a web address",
    category="Connect",
    icon="api",
    hue="blue",
    aliases=("api_call",),
    keywords=("http", "rest", "request", "fetch", "get", "post", "web", "url", "download", "call", "service"),
    run=run,
    fields=(
        Field(
            "method",
            "Action",
            "choice",
            help="GET reads, POST sends something new, PUT and PATCH change, DELETE removes.",
            default="GET",
            choices=tuple(Choice(method, method) for method in METHODS),
        ),
        Field(
            "url",
            "Address",
            "text",
            help="The web address, beginning with https://. Values of other blocks can be put into it.",
            placeholder="https://api.example.com/items",
            required=True,
            check=_check_url,
        ),
        Field(
            "params",
            "Query",
            "pairs",
            help="Names and values that are added to the address after a question mark.",
        ),
        Field(
            "headers",
            "Headers",
            "pairs",
            help="Extra lines for the server, such as Authorization.",
        ),
        Field(
            "body",
            "Data to send",
            "long_text",
            help="Sent along with the request. Text that reads as JSON is sent as JSON.",
            placeholder='{"name": "value"}',
        ),
        Field(
            "timeout",
            "Wait at most",
            "number",
            help="After this time without an answer the request counts as failed.",
            default=DEFAULT_TIMEOUT_MS,
            minimum=1,
            maximum=300_000,
            step=1000,
            unit="ms",
            advanced=True,
        ),
        Field(
            "follow_redirects",
            "Follow redirects",
            "switch",
            help="When the server points to another address, go there. Another server gets no headers of yours.",
            advanced=True,
        ),
    ),
    output_fields=lambda _config: (
        OutputField("output", "any", "What the server answered."),
        OutputField("status_code", "number", "200 means that all went well, 404 that there is nothing."),
        OutputField("headers", "object", "The lines that came with the answer, names in lower case."),
        OutputField("error", "text", "Why there was no answer, only when there was none."),
    ),
    summary=summary,
    effects=_effects,
    help="Addresses on this computer and in the local network are refused until they are allowed.",
)
