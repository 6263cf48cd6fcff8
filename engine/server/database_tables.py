"""Tables of the platform's database, as far as Platform API blocks call them. This server has none of its own.

Source: contract section 2.13.
"""

import re
from typing import Annotated

from fastapi import Query, Response

from engine.server.errors import ApiError
from engine.server.reply import json_reply
from engine.server.routing import resource

router = resource("database")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_Schema = Annotated[str, Query(alias="schema", description="Only `public`.")]


@router.get("/api/database/tables")
async def list_tables(schema: _Schema = "public") -> Response:
    """The tables; there are none."""
    _check_schema(schema)
    return json_reply({"tables": []})


@router.get("/api/database/tables/{table}")
@router.post("/api/database/tables/{table}")
async def rows(table: str, schema: _Schema = "public") -> Response:
    """Rows of a table, or a new one."""
    raise _no_table(table, schema)


@router.get("/api/database/tables/{table}/{row_id}")
@router.patch("/api/database/tables/{table}/{row_id}")
@router.delete("/api/database/tables/{table}/{row_id}")
async def row(table: str, row_id: str, schema: _Schema = "public") -> Response:  # noqa: ARG001 - part of the path
    """One row of a table."""
    raise _no_table(table, schema)


def _check_schema(schema: str) -> None:
    if schema not in ("", "public"):
        raise ApiError(400, "Only the schema 'public' can be used")


def _no_table(table: str, schema: str) -> ApiError:
    _check_schema(schema)
    if not _NAME.fullmatch(table):
        return ApiError(400, f"Invalid table name: {table!r} (alphanumeric and underscores only)")
    return ApiError(404, f"There is no table {table!r}: this server has no tables of its own")
