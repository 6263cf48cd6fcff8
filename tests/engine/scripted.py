"""Services of a run that answer as a test tells them, without a network, a model or a process."""

from collections.abc import Callable
from typing import Any

from engine.client import Reply
from engine.code import CodeResult
from engine.directory import Entity, StoredAgent, StoredOrchestration
from engine.document import JsonObject
from engine.errors import BlockError, ModelError, ServerUnreachable
from engine.llm import Completion, ModelRequest
from engine.run.context import Services
from engine.run.http import HttpReply

SERVICES = ("http", "code", "models", "directory", "platform")


class Scripted(Services):
    """`used` are the names of the services that something was asked of."""

    used: set[str]


class _Answers:
    """One service: every question has a plain answer, or fails in the service's own way."""

    def __init__(self, name: str, used: set[str], fails: bool) -> None:
        self._name, self._used, self._fails = name, used, fails

    def _ask(self, error: Exception) -> None:
        self._used.add(self._name)
        if self._fails:
            raise error


class _Http(_Answers):
    async def request(self, _method: str, _url: str, **_options: Any) -> HttpReply:
        self._ask(BlockError("The host is down."))
        return HttpReply(200, {"content-type": "application/json"}, b'{"a": 1}')


class _Code(_Answers):
    async def run(self, *_args: Any, **_options: Any) -> CodeResult:
        self._used.add(self._name)
        return CodeResult(error="NameError: x") if self._fails else CodeResult(output=1)


class _Models(_Answers):
    async def complete(self, request: ModelRequest, on_text: Callable[[str], None] | None = None) -> Completion:
        self._ask(ModelError("There is no key."))
        if on_text:
            on_text("answer")
        return Completion("answer", request.model or "m", {"total_tokens": 3})


class _Directory(_Answers):
    async def agent(self, agent_id: str) -> StoredAgent | None:
        self._ask(BlockError("The directory is gone."))
        return StoredAgent(id=agent_id, name="Agent") if agent_id == "known" else None

    async def orchestration(self, orchestration_id: str) -> StoredOrchestration | None:
        self._ask(BlockError("The directory is gone."))
        if orchestration_id != "known":
            return None
        entities = (Entity(id="e", entity_ref_id="known", role_description="answers"),)
        return StoredOrchestration(id="known", name="Team", strategy="sequential", entities=entities)


class _Platform(_Answers):
    async def call(self, *_args: Any, **_options: Any) -> Reply:
        self._ask(ServerUnreachable("The server is down."))
        return Reply(200, {}, b'{"agents": []}')


def services_that(*, fails: bool = False, nothing: bool = False) -> Scripted:
    """Services that all answer, that all fail, or that are not there at all."""
    used: set[str] = set()
    made: JsonObject = {
        "http": _Http("http", used, fails),
        "code": _Code("code", used, fails),
        "models": _Models("models", used, fails),
        "directory": _Directory("directory", used, fails),
        "platform": _Platform("platform", used, fails),
    }
    services = Scripted(**({} if nothing else made))
    services.used = used
    return services
