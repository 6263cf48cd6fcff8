"""General API: one HTTP request to any server."""

import json
import math
import re
from urllib.parse import urlsplit

from engine.blocks._fields import Choice, Field, pairs_of
from engine.blocks._spec import BlockContext, BlockType, Effect, Outcome, OutputField
from engine.document import Json, JsonObject
from engine.errors import BlockError
from engine.references import text_of

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
DEFAULT_TIMEOUT_MS = 30_000
MAX_SHOWN = 60
_PLAIN_HOST = re.compile(r"[\w.\-]+(:\d+)?|\[[0-9a-fA-F:.]+\](:\d+)?")


async def run(ctx: BlockContext, config: JsonObject) -> Outcome:
    """Any reply is a success, whatever its status; no reply is a reported failure (contract 3.9)."""
    method = config.get("method", "GET")
    if method is None:
        raise BlockError('The method is null; choose one such as "GET".', retryable=False)
    headers = [(key, text_of(value)) for key, value in pairs_of(config.get("headers"))]
    body, body_type = encoded_body(config.get("body"))
    if body_type and not any(key.lower() == "content-type" for key, _ in headers):
        headers.append(("Content-Type", body_type))
    try:
        reply = await ctx.http.request(
            text_of(method).strip().upper(),
            text_of(config.get("url") or "").strip(),
            params=_query(config.get("params")),
            headers=headers,
            body=body,
            timeout_s=timeout_ms(config.get("timeout")) / 1000,
        )
    except BlockError as error:
        text = str(error) or "The request failed."
        return Outcome({"output": None, "error": text}, text)
    output = decoded_body(reply.body, reply.headers.get("content-type", ""))
    return Outcome({"output": output, "status_code": reply.status, "headers": reply.headers})


def timeout_ms(value: Json) -> float:
    """The time a request may take; 30 seconds for what is no number above zero."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return DEFAULT_TIMEOUT_MS
    return number if math.isfinite(number) and number > 0 else DEFAULT_TIMEOUT_MS


def encoded_body(value: Json) -> tuple[bytes | None, str]:
    """The bytes to send and their type: JSON for what is JSON, any other text as it stands and without a type.

    The platform drops JSON scalars (W35); they are sent here.
    """
    if value is None or value == "":
        return None, ""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return value.encode("utf-8", "replace"), ""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"), "application/json"


def decoded_body(body: bytes, content_type: str) -> Json:
    """The JSON in a reply, else its text; "" for nothing. Numbers that JSON does not have make it text."""
    if not body:
        return ""
    charset = content_type.partition("charset=")[2].partition(";")[0].strip("\"' ") or "utf-8"
    try:
        text = body.decode(charset, "replace")
    except LookupError:
        text = body.decode("utf-8", "replace")
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        return text


def summary(config: JsonObject) -> str:
    """The method and where the request goes."""
    url = text_of(config.get("url") or "")
    if not url:
        return "no address yet"
    shown = url.partition("://")[2].partition("?")[0] or url
    method = text_of(config.get("method") or "GET").upper()
    return f"{method} {shown[:MAX_SHOWN]}{'…' if len(shown) > MAX_SHOWN else ''}"


def _effects(config: JsonObject) -> tuple[Effect, ...]:
    return (Effect("http", _host(text_of(config.get("url") or ""))),)


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
        pairs.extend((key, "" if part is None else text_of(part)) for part in items)
    return pairs


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def _refuse(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")


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
