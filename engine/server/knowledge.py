"""Knowledge bases, sources and context handlers, as far as Platform API blocks call them.

This server reads no documents: knowledge bases can be kept and assigned to agents, and a search in one finds nothing.

Source: contract sections 2.10, 2.13 and 3.10.
"""

from typing import Any

import msgspec
from fastapi import Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection, Row

from engine.document import JsonObject, new_id
from engine.server.errors import ApiError, invalid
from engine.server.paging import Page, PageOf, read_page
from engine.server.reply import json_reply
from engine.server.routing import ServicesOf, canonical_id, resource
from engine.server.services import Services
from engine.store import records
from engine.store.dbtime import to_iso
from engine.store.schema import NAME_LENGTH

router = resource("knowledge")
BASE, SOURCE, HANDLER = "knowledge_base", "source", "context_handler"
SORTS = ("created_at", "name", "updated_at")
FIELDS = ("name", "description", "indexing_config", "retrieval_config")


class KnowledgeBaseFields(BaseModel):
    """What a knowledge base is made of."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [{"name": "Handbook"}]})

    name: str | None = None
    description: str | None = None
    indexing_config: dict[str, Any] | None = None
    retrieval_config: dict[str, Any] | None = None


class Search(BaseModel):
    """What to look for."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"query": "How do I reset it?", "top_k": 5}]})

    query: str | None = None
    top_k: int = 5
    retrieval_method: str | None = None
    similarity_threshold: float = 0.0
    filter_metadata: dict[str, Any] | None = None
    source_ids: list[str] | None = None


class NewHandler(BaseModel):
    """A search whose results shall be kept."""

    query: str | None = None
    knowledge_bases: list[Any] | None = None
    max_context_tokens: int = 32_000


@router.get("/api/knowledge-bases")
async def list_knowledge_bases(services: ServicesOf, page: PageOf) -> Response:
    """Knowledge bases, newest first unless sorted otherwise."""
    return await _listing(services, page, BASE, "knowledge_bases")


@router.post("/api/knowledge-bases", status_code=201)
async def create_knowledge_base(services: ServicesOf, body: KnowledgeBaseFields) -> Response:
    """Keep a new knowledge base."""
    if not body.name:
        raise ApiError(400, "Name is required")
    given = _checked(body)
    base_id = new_id()
    data: JsonObject = {"description": None, "indexing_config": {}, "retrieval_config": {}, **given}

    def write(connection: Connection) -> JsonObject:
        encoded = msgspec.json.encode(data).decode()
        records.add(connection, BASE, base_id, encoded, name=given["name"])
        return _shown(records.find(connection, BASE, base_id))

    return json_reply(await services.db.write(write), 201)


@router.get("/api/knowledge-bases/{base_id}")
async def get_knowledge_base(services: ServicesOf, base_id: str) -> Response:
    """One knowledge base."""
    return await _one(services, BASE, base_id, "Knowledge base not found")


@router.patch("/api/knowledge-bases/{base_id}")
async def change_knowledge_base(services: ServicesOf, base_id: str, body: KnowledgeBaseFields) -> Response:
    """Change some of its fields."""
    given = _checked(body)
    if not given:
        raise ApiError(400, "No valid fields to update")
    if "name" in given and not given["name"]:
        raise invalid("name must be text that is not empty")
    known_id = canonical_id(base_id) or ""

    def write(connection: Connection) -> JsonObject:
        row = records.find(connection, BASE, known_id)
        if row is None:
            raise ApiError(404, "Knowledge base not found")
        data = {**msgspec.json.decode(row.data), **given}
        records.change(connection, BASE, known_id, msgspec.json.encode(data).decode(), given.get("name"))
        return _shown(records.find(connection, BASE, known_id))

    return json_reply(await services.db.write(write))


@router.delete("/api/knowledge-bases/{base_id}")
async def delete_knowledge_base(services: ServicesOf, base_id: str) -> Response:
    """Delete a knowledge base. One that does not exist is deleted already."""
    if known_id := canonical_id(base_id):
        await services.db.write(lambda connection: records.remove(connection, BASE, known_id))
    return json_reply({"message": "Knowledge base deleted"})


@router.post("/api/knowledge-bases/{base_id}/search")
async def search(services: ServicesOf, base_id: str, body: Search) -> Response:
    """Search in a knowledge base. No documents are read here, so nothing is found."""
    if not (body.query or "").strip():
        raise ApiError(400, "query is required")
    known_id = canonical_id(base_id) or ""
    if await services.db.read(lambda connection: records.find(connection, BASE, known_id)) is None:
        raise ApiError(404, "Knowledge base not found")
    method = body.retrieval_method or "none"
    return json_reply({"results": [], "query": body.query, "retrieval_method": method, "total_results": 0})


@router.get("/api/sources")
async def list_sources(services: ServicesOf, page: PageOf) -> Response:
    """Documents. This server reads none."""
    return await _listing(services, page, SOURCE, "sources")


@router.get("/api/sources/{source_id}")
async def get_source(services: ServicesOf, source_id: str) -> Response:
    """One document."""
    return await _one(services, SOURCE, source_id, "Source not found")


@router.delete("/api/sources/{source_id}")
async def delete_source(services: ServicesOf, source_id: str) -> Response:
    """Delete a document."""
    known_id = canonical_id(source_id) or ""
    if not await services.db.write(lambda connection: records.remove(connection, SOURCE, known_id)):
        raise ApiError(404, "Source not found")
    return json_reply({"message": "Source deleted"})


@router.get("/api/context-handlers")
async def list_handlers(services: ServicesOf, page: PageOf) -> Response:
    """Kept searches, newest first."""
    return await _listing(services, page, HANDLER, "context_handlers")


@router.post("/api/context-handlers", status_code=201)
async def create_handler(services: ServicesOf, body: NewHandler) -> Response:
    """Search and keep what was found, which is nothing here."""
    if not (body.query or "").strip() or not body.knowledge_bases:
        raise ApiError(400, "query and knowledge_bases are required")
    handler_id = new_id()
    data = {**body.model_dump(), "context_items": [], "total_tokens": 0}

    def write(connection: Connection) -> JsonObject:
        records.add(connection, HANDLER, handler_id, msgspec.json.encode(data).decode())
        return _shown(records.find(connection, HANDLER, handler_id))

    return json_reply(await services.db.write(write), 201)


@router.get("/api/context-handlers/{handler_id}")
async def get_handler(services: ServicesOf, handler_id: str) -> Response:
    """One kept search."""
    return await _one(services, HANDLER, handler_id, "Context handler not found")


async def _listing(services: Services, page: Page, kind: str, name: str) -> Response:
    query = records.listed(kind)
    columns = query.selected_columns
    sorts = {sort: columns[sort] for sort in SORTS}
    page.check(sorts)

    def read(connection: Connection) -> tuple[list[Any], int]:
        return read_page(connection, query, page, sorts=sorts, name=columns["name"], row_id=columns["id"])

    rows, total = await services.db.read(read)
    return json_reply(page.envelope(name, [_shown(row) for row in rows], total))


async def _one(services: Services, kind: str, record_id: str, missing: str) -> Response:
    known_id = canonical_id(record_id) or ""
    row = await services.db.read(lambda connection: records.find(connection, kind, known_id))
    if row is None:
        raise ApiError(404, missing)
    return json_reply(_shown(row))


def _checked(body: KnowledgeBaseFields) -> JsonObject:
    given = {key: value for key, value in body.model_dump(exclude_unset=True).items() if key in FIELDS}
    if len(given.get("name") or "") > NAME_LENGTH:
        raise invalid(f"name has {len(given['name'])} characters; at most {NAME_LENGTH} can be stored")
    return given


def _shown(row: Row[Any] | None) -> JsonObject:
    assert row is not None
    dates = {"created_at": to_iso(row.created_at), "updated_at": to_iso(row.updated_at)}
    return {"id": row.id, **msgspec.json.decode(row.data), **dates}
