"""Runs of a server as rows of a list: how each ended, what began it, when, and what it was given. No Qt."""

from collections.abc import Mapping
from datetime import datetime

from editor.panels.preview import preview
from editor.panels.two_line_list import TwoLineRow
from editor.text import ago_text, count_text, duration_text
from engine import Execution

_LOOKS: Mapping[str, tuple[str, str, str]] = {
    "completed": ("circle-check", "success", "Done"),
    "failed": ("circle-x", "error", "Failed"),
    "running": ("loader-circle", "running", "Running"),
    "pending": ("circle-dashed", "text_faint", "Waiting"),
}
_TRIGGERS = {"manual": "By hand or program", "webhook": "Webhook call", "schedule": "Schedule"}
MAX_INPUT = 200


def history_row(run: Execution, server_now: float) -> TwoLineRow:
    """A run in the history: what began it, how it ended, and its input."""
    icon, color, word = look(run)
    trigger = _TRIGGERS.get(run.trigger or "", run.trigger or _guessed(run))
    version = f" · v{run.version}" if run.version is not None else ""
    details = [word, length_text(run), _short_error(run)] if run.error else [word, length_text(run), input_text(run)]
    when = began_at(run)
    return TwoLineRow(
        run.id,
        icon,
        color,
        f"{trigger}{version}",
        " · ".join(part for part in details if part),
        ago(run, server_now),
        word,
        f"{_moment(when)}\n{run.id}" if when is not None else run.id,
    )


def call_row(run: Execution, server_now: float) -> TwoLineRow:
    """A run in a list of calls: what was sent, and how it ended."""
    icon, color, word = look(run)
    return TwoLineRow(run.id, icon, color, input_text(run) or "Nothing was sent", word, ago(run, server_now), word)


def ago(run: Execution, server_now: float) -> str:
    """How long ago a run was recorded, in words; "" where the server does not tell."""
    when = began_at(run)
    return ago_text(server_now - when) if when is not None else ""


def look(run: Execution) -> tuple[str, str, str]:
    """Icon, colour and word for how a run stands."""
    if run.status == "completed" and run.error_count:
        return "triangle-alert", "warning", f"Done, {count_text(run.error_count, 'block')} with an error"
    return _LOOKS.get(run.status, ("circle-dashed", "text_faint", run.status))


def input_text(run: Execution) -> str:
    """What a run was given, on one line; "" for nothing."""
    if run.input in (None, {}, ""):
        return ""
    return " ".join(preview(run.input, MAX_INPUT)[0].split())


def length_text(run: Execution) -> str:
    """How long a run took; "" while nobody knows."""
    began, ended = seconds_of(run.started_at), seconds_of(run.completed_at)
    return duration_text((ended - began) * 1000) if began is not None and ended is not None and ended >= began else ""


def began_at(run: Execution) -> float | None:
    """When a run was recorded, in seconds since the epoch by the server's clock; None where it does not tell."""
    created = seconds_of(run.created_at)
    return created if created is not None else seconds_of(run.started_at)


def seconds_of(moment: str | None) -> float | None:
    """An ISO 8601 text as seconds since the epoch."""
    try:
        return datetime.fromisoformat(moment).timestamp() if moment else None
    except ValueError:
        return None


def _guessed(run: Execution) -> str:
    """What began a run of a server that does not say. Source: contract 1, "trigger"."""
    scheduled = isinstance(run.input, dict) and run.input.get("_trigger") == "schedule"
    return "Schedule" if scheduled else "Run"


def _short_error(run: Execution) -> str:
    return " ".join((run.error or "")[:MAX_INPUT].split())


def _moment(when: float) -> str:
    moment = datetime.fromtimestamp(when).astimezone()
    return f"{moment:%a} {moment.day} {moment:%b %Y, %H:%M:%S}"
