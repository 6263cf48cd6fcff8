"""How a workflow of a server reads in a list."""

from datetime import datetime

from editor.panels.two_line_list import TwoLineRow
from editor.text import ago_text, count_text
from engine import WorkflowRow


def list_row(row: WorkflowRow, now: datetime, *, is_open: bool = False) -> TwoLineRow:
    """The row for a workflow. `now` is the time at the server.

    Source: contract section 6, "list page".
    """
    is_live = row.is_deployed
    facts = [
        f"Version {row.version}" if row.version > 1 else "",
        count_text(row.execution_count, "run") if row.execution_count else "",
        _when("Last run", row.last_execution_at, now) or _when("Created", row.created_at, now),
    ]
    on_schedule = bool(row.schedule_config) and is_live
    badges = ["open here" if is_open else "", "on schedule" if on_schedule else "", "Live" if is_live else ""]
    return TwoLineRow(
        row.id,
        "circle-play" if is_live else "workflow",
        "success" if is_live else "text_muted",
        row.name or "Untitled",
        " · ".join(fact for fact in facts if fact) or "Empty",
        " · ".join(badge for badge in badges if badge),
        "Live" if is_live else "Off",
        "\n".join(part for part in (row.name, row.description) if part),
    )


def _when(word: str, stamp: str | None, now: datetime) -> str:
    try:
        then = datetime.fromisoformat(stamp) if stamp else None
    except ValueError:
        return ""
    if then is None or then.tzinfo is None:
        return ""
    return f"{word} {ago_text(max(0.0, (now - then).total_seconds()))}"
