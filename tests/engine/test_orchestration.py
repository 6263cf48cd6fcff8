"""Orchestrations: who gets which task, what is told about it, and what comes out."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.blocks import default_catalog
from engine.directory import Entity, Library, StoredAgent, StoredOrchestration, Strategy
from engine.document import Block, JsonObject, Workflow
from engine.errors import BlockError, ModelError
from engine.events import AnyEvent
from engine.llm import Completion, ModelRequest
from engine.llm.orchestration import MAX_DELEGATIONS, Member, Team
from engine.run.context import Services
from engine.run.runner import run
from engine.runstate import BlockRun, replay


class ScriptedModels:
    """Each agent answers `<system prompt> of <prompt>`; one whose model is "broken" cannot."""

    def __init__(self) -> None:
        self.asked: list[ModelRequest] = []

    def name_of(self, name: str) -> str:
        return name or "local/extractive"

    async def complete(self, request: ModelRequest, on_text: Callable[[str], None] | None = None) -> Completion:
        self.asked.append(request)
        if request.model == "broken":
            raise ModelError("The model is away.")
        usage = {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3}
        return Completion(f"{request.system_prompt} of ({request.prompt})", request.model, usage)


def library(path: Path, strategy: Strategy, models: dict[str, str]) -> Library:
    """A library with an orchestration "o" of these agents, in reverse order of their positions."""
    found = Library(path / "library.json")
    for name, model in models.items():
        found.save_agent(StoredAgent(id=name, name=name.title(), model=model, system_prompt=f"{name}'s work"))
    entities = [Entity(id=f"e-{name}", entity_ref_id=name, position=index) for index, name in enumerate(models)]
    found.save_orchestration(
        StoredOrchestration(id="o", name="Team", strategy=strategy, entities=tuple(reversed(entities)))
    )
    return found


def ran(directory: Library, config: JsonObject | None = None) -> tuple[BlockRun, list[AnyEvent]]:
    config = {"orchestration_id": "o", "input": "task"} if config is None else config
    events: list[AnyEvent] = []
    workflow = Workflow(blocks={"x": Block("x", "orchestration", "X", config=config)})
    services = Services(models=ScriptedModels(), directory=directory)
    asyncio.run(run(workflow, events.append, catalog=default_catalog(), services=services))
    return replay(events).blocks["x"], events


def test_one_after_another_hands_the_answer_on(tmp_path: Path) -> None:
    """In the order of their positions; the last answer is the result, and all usage is added up."""
    block, _ = ran(library(tmp_path, "sequential", {"ada": "m", "ben": "m"}))

    assert block.result == {
        "output": "ben's work of (ada's work of (task))",
        "status": "completed",
        "usage": {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6},
    }


def test_all_at_once_stands_under_their_names(tmp_path: Path) -> None:
    """Each gets the same task; the answers keep the order of the agents, not of their arrival."""
    block, _ = ran(library(tmp_path, "parallel", {"ada": "m", "ben": "m"}))

    assert block.result is not None
    assert block.result["output"] == "Ada:\nada's work of (task)\n\nBen:\nben's work of (task)"


def test_a_supervisor_without_a_model_that_leads_lets_all_work(tmp_path: Path) -> None:
    """The offline model cannot hand out tasks, so that the first orchestration works on a fresh machine."""
    block, _ = ran(library(tmp_path, "supervisor", {"ada": "m"}))

    assert block.result is not None
    assert block.result["output"] == "ada's work of (task)"


def test_every_delegation_is_told(tmp_path: Path) -> None:
    """Who did what, how it ended and how long it took: the run panel shows nothing else."""
    block, events = ran(library(tmp_path, "parallel", {"ada": "m", "ben": "broken"}))

    told = {item.agent: item for item in block.delegations}
    assert told["Ada"].answer == "ada's work of (task)"
    assert told["Ada"].usage == {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3}
    assert told["Ben"].error == "The model is away."
    assert all(item.duration_ms is not None for item in block.delegations)
    assert [item.task for item in block.delegations] == ["task", "task"]
    assert block.result is not None
    assert block.result["status"] == "completed", "one answer is an answer"
    kinds = [type(event).__name__ for event in events]
    assert kinds.index("DelegationStarted") > kinds.index("BlockStarted")
    assert kinds.index("BlockFinished") > max(i for i, kind in enumerate(kinds) if kind == "DelegationFinished")


@pytest.mark.parametrize("strategy", ["sequential", "parallel", "supervisor"])
def test_a_failed_one_is_a_result_that_says_so(tmp_path: Path, strategy: Strategy) -> None:
    """A failed orchestration is a block that succeeded (3.7): `status` tells, and `reason` says why."""
    block, _ = ran(library(tmp_path, strategy, {"ben": "broken"}))

    assert (block.status, block.error) == ("done", None)
    assert block.result is not None
    assert (block.result["status"], block.result["reason"]) == ("failed", "Ben: The model is away.")


def test_an_agent_that_is_gone_is_named(tmp_path: Path) -> None:
    """The others go on."""
    found = library(tmp_path, "parallel", {"ada": "m", "ben": "m"})
    found.remove("ben")

    block, _ = ran(found)

    assert [item.error for item in block.delegations] == [None, "There is no agent with the id 'ben' any more."]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, "orchestration_id is required"),
        ({"orchestration_id": "none", "input": "task"}, "There is no orchestration with the id 'none'"),
        ({"orchestration_id": "o", "input": " "}, "The task is empty"),
    ],
)
def test_what_cannot_begin_fails_the_block(tmp_path: Path, config: JsonObject, words: str) -> None:
    """Never the whole run, as on the platform."""
    block, _ = ran(library(tmp_path, "parallel", {"ada": "m"}), config)

    assert block.status == "failed"
    assert words in str(block.error)


@pytest.mark.parametrize("key", ["input", "message", "messages", "prompt"])
def test_the_prompt_may_stand_under_any_known_key(tmp_path: Path, key: str) -> None:
    """Servers disagree about its name (X3)."""
    block, _ = ran(library(tmp_path, "parallel", {"ada": "m"}), {"orchestration_id": "o", "input": "", key: "hello"})

    assert block.delegations[0].task == "hello"


def test_tasks_have_an_end() -> None:
    """A supervisor that goes on handing out tasks is stopped."""
    member = Member(Entity(id="e", entity_ref_id="ada"), StoredAgent(id="ada", name="Ada"))
    team = Team([member], ScriptedModels(), lambda *_, **__: None)  # type: ignore[arg-type]

    async def delegate_for_ever() -> None:
        for _ in range(MAX_DELEGATIONS + 1):
            await team.delegate(member, "again")

    with pytest.raises(BlockError, match=f"may give out {MAX_DELEGATIONS} tasks"):
        asyncio.run(delegate_for_ever())


def test_a_supervisor_hands_out_tasks_and_writes_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows its members by name and role, gets their answers, and is told when one could not answer."""
    from contextlib import asynccontextmanager

    from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
    from pydantic_ai.models.function import AgentInfo, FunctionModel

    from engine.llm import supervisor

    seen: list[Any] = []

    def lead(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        seen.append({tool.name: tool.description for tool in info.function_tools})
        returned = [part for message in messages for part in message.parts if isinstance(part, ToolReturnPart)]
        if not returned:
            calls = [ToolCallPart("ask_ada", {"task": "count"}), ToolCallPart("ask_ben", {"task": "sum"})]
            return ModelResponse(parts=calls)
        return ModelResponse(parts=[TextPart(" | ".join(str(part.content) for part in returned))])

    @asynccontextmanager
    async def scripted(_name: str, _settings: object) -> Any:
        yield FunctionModel(lead), ""

    monkeypatch.setattr(supervisor, "opened_model", scripted)
    members = [
        Member(Entity(id="1", entity_ref_id="a", role_description="counts"), StoredAgent(id="a", name="Ada")),
        Member(Entity(id="2", entity_ref_id="b"), StoredAgent(id="b", name="Ben", model="broken")),
    ]
    models: Any = ScriptedModels()
    models.settings = None
    team = Team(members, models, lambda *_, **__: None)

    text, _usage = asyncio.run(supervisor.supervise(team, "do it", "lead", "", models))

    assert text == "Your part: counts of (count) | Ben could not answer: The model is away."
    assert seen[0]["ask_ada"] == "Gives a task to Ada and returns its answer. counts"
