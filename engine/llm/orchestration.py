"""Several stored agents work on one task: supervised, one after another, or all at once.

Every task given to an agent is told as an event, so that followers see who did what. An agent that cannot answer does
not end the orchestration: the others go on, and the result says `failed` only when nothing came of it.

Source: contract 2.11, 3.7.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.directory.port import Directory, Entity, StoredAgent, StoredOrchestration
from engine.document import JsonObject
from engine.errors import BlockError, ModelError
from engine.events import DelegationFinished, DelegationStarted
from engine.llm.models import Models
from engine.llm.port import LOCAL_MODEL, Completion, ModelRequest
from engine.llm.settings import number_setting

MAX_DELEGATIONS = 25
"""Tasks that one orchestration may give out; a supervisor that wants more is stopped."""
Tell = Callable[..., None]
"""Takes an event class and its fields, as `StepContext.tell` does."""


@dataclass(frozen=True)
class OrchestrationResult:
    """What came of it. `usage` adds up the tokens of all models that told them; `failure` says why it failed."""

    text: str
    usage: JsonObject | None = None
    failure: str | None = None


@dataclass(frozen=True)
class Member:
    """An agent in its place. A missing one is kept, so that its delegation can say so."""

    entity: Entity
    agent: StoredAgent | None

    @property
    def name(self) -> str:
        """What it is called."""
        return self.agent.name if self.agent and self.agent.name else self.entity.entity_ref_id


async def orchestrate(
    directory: Directory, models: Models, orchestration_id: str, prompt: str, tell: Tell
) -> OrchestrationResult:
    """Run a stored orchestration on this prompt.

    Raises:
        BlockError: there is none of this id, it has no agents, or the directory could not be asked.
    """
    stored = await directory.orchestration(orchestration_id)
    if stored is None:
        text = f"There is no orchestration with the id {orchestration_id!r}. Choose one in the block's settings."
        raise BlockError(text, retryable=False)
    members = [Member(entity, await _agent_of(directory, entity)) for entity in _in_order(stored)]
    if not members:
        raise BlockError(f"The orchestration “{stored.name}” has no agents. Add some to it.", retryable=False)
    team = Team(members, models, tell)
    if stored.strategy == "sequential":
        return await _one_after_another(team, prompt)
    if stored.strategy == "parallel":
        return await _all_at_once(team, prompt)
    return await _supervised(team, prompt, stored, models)


class Team:
    """The members of one orchestration while it runs, and what they have used so far."""

    def __init__(self, members: Sequence[Member], models: Models, tell: Tell) -> None:
        self.members = tuple(members)
        self.failures: list[str] = []
        self.usage: JsonObject | None = None
        self._models = models
        self._tell = tell
        self._given = 0

    async def delegate(self, member: Member, task: str) -> str:
        """The member's answer.

        Raises:
            ModelError: it could not answer, or too many tasks have been given out.
        """
        if self._given >= MAX_DELEGATIONS:
            raise ModelError(f"An orchestration may give out {MAX_DELEGATIONS} tasks.", retryable=False)
        self._given += 1
        number, began = self._given, time.monotonic()
        self._tell(DelegationStarted, number=number, agent=member.name, task=task)
        answer, error = None, "It was cancelled."
        try:
            answer = await self._ask(member, task)
        except BlockError as failure:
            error = str(failure)
            self.failures.append(f"{member.name}: {error}")
            raise
        finally:
            self._tell(
                DelegationFinished,
                number=number,
                answer=answer.text if answer else "",
                error=None if answer else error,
                usage=answer.usage if answer else None,
                duration_ms=(time.monotonic() - began) * 1000,
            )
        self.count(answer.usage)
        return answer.text

    def count(self, usage: JsonObject | None) -> None:
        """Add what a model used."""
        if usage is None:
            return
        known = self.usage or {}
        numbers = {key: value for key, value in usage.items() if isinstance(value, int)}
        self.usage = {**known, **{key: known.get(key, 0) + value for key, value in numbers.items()}}

    async def _ask(self, member: Member, task: str) -> Completion:
        agent = member.agent
        if agent is None:
            kind = "agent" if member.entity.entity_type == "agent" else member.entity.entity_type
            text = f"There is no {kind} with the id {member.entity.entity_ref_id!r} any more."
            raise ModelError(text, retryable=False)
        role = f"\n\nYour part: {member.entity.role_description}" if member.entity.role_description else ""
        max_tokens = number_setting(agent.settings, "max_tokens")
        request = ModelRequest(
            agent.model,
            task,
            f"{agent.system_prompt}{role}".strip(),
            number_setting(agent.settings, "temperature"),
            None if max_tokens is None else int(max_tokens),
        )
        return await self._models.complete(request)


async def _one_after_another(team: Team, prompt: str) -> OrchestrationResult:
    """Each member works on what the one before it wrote."""
    text = prompt
    for member in team.members:
        try:
            text = await team.delegate(member, text)
        except BlockError as error:
            return OrchestrationResult("", team.usage, f"{member.name}: {error}")
    return OrchestrationResult(text, team.usage)


async def _all_at_once(team: Team, prompt: str) -> OrchestrationResult:
    """Every member works on the prompt; what they wrote stands together under their names."""
    answers = await asyncio.gather(*(_answer_or_none(team, member, prompt) for member in team.members))
    written = [(member.name, text) for member, text in zip(team.members, answers, strict=True) if text is not None]
    if not written:
        return OrchestrationResult("", team.usage, "; ".join(team.failures))
    if len(written) == 1 and len(team.members) == 1:
        return OrchestrationResult(written[0][1], team.usage)
    return OrchestrationResult("\n\n".join(f"{name}:\n{text}" for name, text in written), team.usage)


async def _supervised(team: Team, prompt: str, stored: StoredOrchestration, models: Models) -> OrchestrationResult:
    """A model hands out tasks and writes the answer. The offline model cannot, so there everybody gets the task."""
    config = stored.orchestrator_config
    model = models.name_of(str(config.get("model") or ""))
    if model == LOCAL_MODEL:
        return await _all_at_once(team, prompt)
    from engine.llm.supervisor import supervise

    try:
        text, usage = await supervise(team, prompt, model, str(config.get("system_prompt") or ""), models)
    except ModelError as error:
        return OrchestrationResult("", team.usage, str(error))
    team.count(usage)
    return OrchestrationResult(text, team.usage)


async def _answer_or_none(team: Team, member: Member, task: str) -> str | None:
    try:
        return await team.delegate(member, task)
    except BlockError:
        return None  # told as an event, and kept in `failures`


async def _agent_of(directory: Directory, entity: Entity) -> StoredAgent | None:
    return await directory.agent(entity.entity_ref_id) if entity.entity_type == "agent" else None


def _in_order(stored: StoredOrchestration) -> list[Entity]:
    return sorted(stored.entities, key=lambda entity: entity.position)
