"""List parameters: how many, from where, which, in which order. What cannot be read falls back, as the contract has it.

Source: contract 2.3.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query
from sqlalchemy import ColumnElement, Connection, Select, func, select

from engine.server.errors import ApiError

DEFAULT_LIMIT, MAX_LIMIT = 50, 100
MAX_OFFSET = 2**31
MAX_SEARCH = 200
ORDERS = ("asc", "desc")


@dataclass(frozen=True)
class Page:
    """Which rows of a list are asked for. `search` is a part of the name, "" for all."""

    limit: int = DEFAULT_LIMIT
    offset: int = 0
    search: str = ""
    sort: str = "created_at"
    order: str = "desc"

    def check(self, sorts: Mapping[str, ColumnElement[Any]]) -> None:
        """Refuse a sort or order that this list does not have.

        Raises:
            ApiError: 400, with the ones that there are.
        """
        if self.sort not in sorts:
            raise ApiError(400, f"Invalid sort '{self.sort}'. Allowed: {', '.join(sorted(sorts))}")
        if self.order.lower() not in ORDERS:
            raise ApiError(400, f"Invalid order '{self.order}'. Allowed: {', '.join(ORDERS)}")

    def envelope(self, name: str, rows: list[Any], total: int) -> dict[str, Any]:
        """The reply of a list route."""
        return {name: rows, "total": total, "limit": self.limit, "offset": self.offset}


async def _page(
    limit: Annotated[str, Query(description="How many, 1 to 100. Anything else counts as 50.")] = "",
    offset: Annotated[str, Query(description="How many to leave out at the beginning.")] = "",
    q: Annotated[str, Query(description="Only those whose name contains this text, in any case.")] = "",
    sort: Annotated[str, Query(description="What to sort by.")] = "created_at",
    order: Annotated[str, Query(description="`asc` or `desc`.")] = "desc",
) -> Page:
    search = q.strip()[:MAX_SEARCH]
    return Page(whole_number(limit, DEFAULT_LIMIT, 1, MAX_LIMIT), offset_of(offset), search, sort, order)


PageOf = Annotated[Page, Depends(_page)]
"""Parameter type of a list route."""


def whole_number(text: str, default: int, least: int, most: int) -> int:
    """The number in this text, moved into its bounds; the default where there is none."""
    try:
        return min(max(int(text), least), most)
    except ValueError:
        return default


def offset_of(text: str) -> int:
    """The offset in this text; 0 where there is none."""
    return whole_number(text, 0, 0, MAX_OFFSET)


def read_page(
    connection: Connection,
    query: Select[Any],
    page: Page,
    *,
    sorts: Mapping[str, ColumnElement[Any]],
    name: ColumnElement[str],
    row_id: ColumnElement[str],
    whole: bool = False,
) -> tuple[list[Any], int]:
    """Rows of the query as the page asks for them, and how many there are in all. `page.check(sorts)` comes first.

    `whole` gives every row, whatever the page's limit.
    """
    if page.search:
        # No database can hold this character, so no name has it.
        query = query.where(name.icontains(page.search.replace("\0", "\ufffd"), autoescape=True))
    total = connection.execute(select(func.count()).select_from(query.order_by(None).subquery())).scalar_one()
    column = sorts[page.sort]
    ordered = column.asc() if page.order.lower() == "asc" else column.desc()
    query = query.order_by(ordered.nulls_last(), row_id)
    rows = connection.execute(query if whole else query.limit(page.limit).offset(page.offset))
    return list(rows), total
