"""The agent block with a stored agent, with knowledge bases, and with an answer that must fit a schema."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.blocks import default_catalog
from engine.client import Reply
from engine.directory import Library, StoredAgent
from engine.directory.joined import JoinedDirectory
from engine.document import Block, JsonObject, Workflow, new_id
from engine.errors import DirectoryError
from engine.events import AnyEvent
from engine.llm import Completion, ModelRequest
from engine.run.context import Services
from engine.run.runner import run
from engine.runstate import BlockRun, replay

AGENT_ID = new_id()
UNKNOWN_ID = new_id()


class ScriptedModels:
    """Gives one answer and keeps what it was asked."""

    def __init__(self, answer: str = "answer") -> None:
        self.asked: list[ModelRequest] = []
        self._answer = answer

    async def complete(self, request: ModelRequest, on_text: Callable[[str], None]) -> Completion:
        self.asked.append(request)
        return Completion(self._answer, request.model)


class ScriptedPlatform:
    """A server whose knowledge base knows one sentence; another one is broken."""

    async def call(self, method: str, path: str, *, params: JsonObject | None = None, body: Any = None) -> Reply:
        assert (method, path.rpartition("/")[2]) == ("POST", "search")
        if AGENT_ID in path:
            found = [{"text": f"About {body['query']}: 42."}]
            return Reply(200, {}, json.dumps({"results": found}).encode())
        return Reply(404, {}, b"{}")


def stored(path: Path, **fields: Any) -> Library:
    library = Library(path / "library.json")
    library.save_agent(StoredAgent(id=AGENT_ID, name="Ada", **fields))
    return library


def ran(config: JsonObject, models: ScriptedModels, **services: Any) -> BlockRun:
    events: list[AnyEvent] = []
    workflow = Workflow(blocks={"x": Block("x", "agent", "X", config={"input": "question", **config})})
    work = run(workflow, events.append, catalog=default_catalog(), services=Services(models=models, **services))
    asyncio.run(work)
    return replay(events).blocks["x"]


def test_a_stored_agent_brings_its_own(tmp_path: Path) -> None:
    """Model, system prompt and settings are the agent's, not what stands in the block from before (W25)."""
    models = ScriptedModels()
    library = stored(tmp_path, model="big", system_prompt="Be exact.", settings={"temperature": 0.1, "max_tokens": 9})
    stale = {"agent_id": AGENT_ID, "model": "old", "system_prompt": "old", "temperature": 2}

    ran(stale, models, directory=library)

    assert models.asked == [ModelRequest("big", "question", "Be exact.", 0.1, 9)]


def test_what_the_agent_leaves_open_is_the_blocks(tmp_path: Path) -> None:
    """An empty system prompt does not replace one; its model does, also when it is the one of the settings (3.6)."""
    models = ScriptedModels()

    ran(
        {"agent_id": AGENT_ID, "model": "old", "system_prompt": "mine", "temperature": 1},
        models,
        directory=stored(tmp_path),
    )

    assert models.asked == [ModelRequest("", "question", "mine", 1.0, None)]


def test_an_agent_nobody_knows_is_told_and_the_block_goes_on(tmp_path: Path) -> None:
    """As on the platform, which says nothing about it."""
    models = ScriptedModels()

    block = ran({"agent_id": UNKNOWN_ID, "model": "mine"}, models, directory=stored(tmp_path))

    assert models.asked[0].model == "mine"
    assert block.result is not None
    assert block.result["warnings"] == [
        f"There is no stored agent with the id {UNKNOWN_ID}; the block's own settings were used."
    ]


def test_an_id_that_is_none_fails_the_block(tmp_path: Path) -> None:
    """Where the platform fails the whole request."""
    block = ran({"agent_id": "ada"}, ScriptedModels(), directory=stored(tmp_path))

    assert block.status == "failed"
    assert "choose an agent" in str(block.error)


def test_a_directory_that_cannot_be_asked_fails_the_block() -> None:
    """Guessing another model could cost money or give away the prompt."""

    class Away(Library):
        async def agent(self, agent_id: str) -> StoredAgent | None:
            raise DirectoryError("The server is away.")

    block = ran({"agent_id": AGENT_ID}, ScriptedModels(), directory=JoinedDirectory([Away()]))

    assert (block.status, block.error) == ("failed", "The server is away.")


def test_knowledge_is_put_before_the_model() -> None:
    """What a knowledge base finds stands under `Context:`; one that cannot be asked is told, no more."""
    models = ScriptedModels()
    config = {"system_prompt": "Be brief.", "knowledge_bases": [{"id": AGENT_ID}, {"id": UNKNOWN_ID}, {"id": "x"}, 3]}

    block = ran(config, models, platform=ScriptedPlatform())

    assert models.asked[0].system_prompt == "Be brief.\n\nContext:\nAbout question: 42."
    assert block.result is not None
    assert [text.partition(" could")[0] for text in block.result["warnings"]] == [
        f"The knowledge base {UNKNOWN_ID}",
        "The knowledge base x",
    ]


@pytest.mark.parametrize("schema", [{"type": "object"}, '{"type": "object"}'])
def test_an_answer_with_a_schema_is_data(schema: Any) -> None:
    """Later blocks refer to its parts."""
    models = ScriptedModels('{"city": "Oslo"}')

    block = ran({"output_schema": schema}, models)

    assert models.asked[0].schema == {"type": "object"}
    assert block.result is not None
    assert block.result["output"] == {"city": "Oslo"}


@pytest.mark.parametrize("schema", ["{", "[]", 5])
def test_a_schema_that_is_none_is_told_before_the_run_and_in_it(schema: Any) -> None:
    """The check and the run ask the same function."""
    kind = default_catalog().find("agent")
    assert kind is not None

    found = kind.check({"output_schema": schema})
    block = ran({"output_schema": schema}, ScriptedModels())

    assert [problem.field for problem in found] == ["output_schema"]
    assert block.error == found[0].message


def test_a_missing_service_fails_the_block_in_words() -> None:
    """A run without a directory says so."""
    block = ran({"agent_id": AGENT_ID}, ScriptedModels())

    assert (block.status, block.error) == ("failed", "This run has no access to stored agents.")
