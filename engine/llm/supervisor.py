"""A model that leads a team: it hands tasks to stored agents, reads their answers, and writes the last word itself."""

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from engine.document import JsonObject
from engine.errors import BlockError, ModelError
from engine.llm.models import Models
from engine.llm.providers import opened_model, usage_of

if TYPE_CHECKING:
    from engine.llm.orchestration import Member, Team

MAX_TURNS = 25
"""How often the supervisor is asked, its last word included."""
_INSTRUCTIONS = (
    "You lead a team. Give each member the part of the task that suits it, in words that stand on their own, because "
    "members see nothing but the task you give them. Use their answers to write the final answer yourself."
)
_NOT_A_NAME = re.compile(r"[^a-zA-Z0-9_]+")


async def supervise(
    team: "Team", prompt: str, name: str, system_prompt: str, models: Models
) -> tuple[str, JsonObject | None]:
    """The final answer of the model `name`, and what it used itself; members add their usage to the team.

    Raises:
        ModelError: it could not be asked, or did not come to an end.
    """
    from pydantic_ai import Agent, UsageLimits
    from pydantic_ai.exceptions import UsageLimitExceeded

    from engine.llm.failures import in_words

    async with opened_model(name, models.settings) as (model, key):
        agent = Agent(model, instructions=f"{_INSTRUCTIONS}\n\n{system_prompt}".strip(), tools=_tools(team))
        try:
            outcome = await agent.run(prompt, usage_limits=UsageLimits(request_limit=MAX_TURNS))
        except UsageLimitExceeded:
            text = f"The supervisor came to no end within {MAX_TURNS} turns. Give it a clearer task."
            raise ModelError(text, retryable=False) from None
        except BlockError:
            raise
        except Exception as error:  # noqa: BLE001 - the border to libraries that raise errors of their own
            raise in_words(error, name, key) from None
    return str(outcome.output), usage_of(outcome.usage)


def _tools(team: "Team") -> list[Any]:
    """One tool for each member; its description is what the supervisor knows of it."""
    from pydantic_ai import Tool

    tools, taken = [], set[str]()
    for member in team.members:
        name = _tool_name(member.name, taken)
        about = member.entity.role_description or (member.agent.system_prompt if member.agent else "")
        description = f"Gives a task to {member.name} and returns its answer. {about}".strip()[:1000]
        tools.append(Tool(_delegation(team, member), name=name, description=description, takes_ctx=False))
    return tools


def _delegation(team: "Team", member: "Member") -> Callable[[str], Awaitable[str]]:
    async def delegate(task: str) -> str:
        try:
            return await team.delegate(member, task)
        except BlockError as error:
            # The supervisor is told, and may give the task to somebody else.
            return f"{member.name} could not answer: {error}"

    return delegate


def _tool_name(name: str, taken: set[str]) -> str:
    """A name that every provider takes: letters, digits and underscores, no two alike."""
    stem = f"ask_{_NOT_A_NAME.sub('_', name).strip('_').lower() or 'agent'}"[:50]
    number = 1
    while (found := stem if number == 1 else f"{stem}_{number}") in taken:
        number += 1
    taken.add(found)
    return found
