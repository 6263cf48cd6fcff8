"""What a block may touch while it runs: earlier results, its run's services, and the way to tell followers."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from engine.document import Json, JsonObject
from engine.errors import BlockError, ServerError
from engine.events import AnyEvent, Stream
from engine.references import MAPPINGS_KEY, InputMapping, input_mappings, walk
from engine.run.plan import Plan, Step
from engine.run.progress import Progress

if TYPE_CHECKING:
    from engine.client import Reply
    from engine.directory import StoredAgent
    from engine.llm.orchestration import OrchestrationResult
    from engine.llm.port import Completion


@dataclass(frozen=True)
class RunSettings:
    """What the person decided about runs. None takes the default of the part it is for.

    `allow_private_hosts` are host names or networks, on this machine or near it, that HTTP requests may
    reach, `("*",)` for all; `code_limits` is an `engine.code.CodeLimits`, `code_modules` an `engine.code.ModulePolicy`,
    `allow_unisolated` runs code on a machine that cannot isolate it, `code_fallback` "monty" runs its Python there in a
    restricted interpreter instead, `models` is an `engine.llm.ModelSettings`,
    `directory` an `engine.directory.Directory` (by default the connected server's and the local library), and
    `platform` an `engine.client.Connection`, the server that platform calls go to; `platform_transport` reaches it
    without a network. `stand_ins` are hosts that are not called: made-up answers take their place.
    """

    allow_private_hosts: tuple[str, ...] = ()
    code_limits: Any = None
    code_modules: Any = None
    allow_unisolated: bool = False
    code_fallback: Any = None
    models: Any = None
    directory: Any = None
    platform: Any = None
    platform_transport: Any = None
    stand_ins: tuple[str, ...] = ()


@dataclass(slots=True)
class Services:
    """What a run works with. Made by `open_services`; a test passes fakes for what its blocks use.

    `directory` is an `engine.directory.Directory`, `platform` an `engine.client.PlatformClient`.
    """

    http: Any = None
    code: Any = None
    models: Any = None
    directory: Any = None
    platform: Any = None


@asynccontextmanager
async def open_services(settings: RunSettings | None = None) -> AsyncIterator[Services]:
    """The services of one run, closed with everything they started. Each one costs nothing before its first use."""
    from engine.code import CodeRunner
    from engine.llm import Models
    from engine.run.http import AddressPolicy, HttpClient

    settings = settings or RunSettings()
    async with AsyncExitStack() as stack:
        policy = AddressPolicy.from_environment(settings.allow_private_hosts)
        http: Any = await stack.enter_async_context(HttpClient(policy))
        if settings.stand_ins:
            from engine.standins import StandInClient

            http = StandInClient(http, settings.stand_ins)
        runner = CodeRunner(
            settings.code_limits,
            settings.code_modules,
            allow_unisolated=settings.allow_unisolated,
            fallback=settings.code_fallback,
            http=http,
        )
        code = await stack.enter_async_context(runner)
        platform = await _opened_platform(settings, stack)
        directory = settings.directory or _usual_directory(platform)
        yield Services(http, code, Models(settings.models), directory, platform)


async def _opened_platform(settings: RunSettings, stack: AsyncExitStack) -> Any:
    """A client of the connected server; that of the environment when the settings name none, None without either."""
    from engine.client.connection import from_environment

    connection = settings.platform or from_environment()
    if connection is None:
        return None
    from engine.client import PlatformClient

    return await stack.enter_async_context(PlatformClient(connection, settings.platform_transport))


def _usual_directory(platform: Any) -> Any:
    """The connected server's agents, where there is one, and those kept on this machine."""
    from engine.directory import Library

    library = Library()
    if platform is None:
        return library
    from engine.directory.joined import JoinedDirectory
    from engine.directory.remote import RemoteDirectory

    return JoinedDirectory([RemoteDirectory(platform), library])


class RunScope(Protocol):
    """What all blocks of a run share. `variables` are the workflow's and the run's, `effective` adds declared ones."""

    plan: Plan
    progress: Progress
    services: Services
    variables: JsonObject
    effective: JsonObject

    def say(self, block_id: str, text: str, stream: Stream) -> None:
        """Emit a piece of text of the block with this id."""

    def tell(self, kind: Callable[..., AnyEvent], **fields: Any) -> None:
        """Emit an event of this class with these fields."""


class StepContext(msgspec.Struct, gc=False):
    """The `BlockContext` of one step in one run. One is made for every block that runs, so it has to be cheap."""

    scope: RunScope
    step: Step
    timeout_s: float | None = None
    is_open: bool = True
    table: dict[str, JsonObject] | None = None
    unmet: tuple[str, ...] = ()
    """References of the config that lead nowhere in this run, known once it is prepared."""

    @property
    def block_id(self) -> str:
        return self.step.block.id

    @property
    def block_name(self) -> str:
        return self.step.block.label

    @property
    def raw_config(self) -> JsonObject:
        return self.step.block.config

    @property
    def variables(self) -> JsonObject:
        return self.scope.variables

    @property
    def inputs(self) -> Sequence[tuple[str, JsonObject]]:
        steps, progress = self.scope.plan.steps, self.scope.progress
        live = progress.inputs(self.step)
        return [(steps[index].block.id, result) for index in live if (result := progress.results[index]) is not None]

    @property
    def http(self) -> Any:
        return self._service("http", "the network")

    @property
    def code(self) -> Any:
        return self._service("code", "a place to run code")

    @property
    def models(self) -> Any:
        return self._service("models", "language models")

    def lookup(self, name: str) -> JsonObject | None:
        """The result that this name means in a reference of this block's config."""
        results = self.scope.progress.results
        for index in self.step.meanings.get(name, ()):
            result = results[index]
            if result is not None:
                return result
        return None

    def result(self, name: str) -> JsonObject | None:
        """The result of an earlier block by id or name."""
        return self.lookup(name) or self.results().get(name)

    def results(self) -> Mapping[str, JsonObject]:
        """Results of ancestors and of blocks that this one mentions, by id and by name; of all earlier ones if it asks.

        An id wins over a name, and the first block in the order keeps its name.
        """
        if self.table is None:
            self.table = self._by_id_and_name()
        return self.table

    def emit(self, text: str, stream: Stream = "output") -> None:
        """Tell followers of the run about a piece of text; what comes after the block ended is dropped."""
        if self.is_open and text:
            self.scope.say(self.step.block.id, text, stream)

    async def ask_model(
        self,
        prompt: str,
        *,
        model: str = "",
        system_prompt: str = "",
        temperature: float | None = None,
        max_tokens: int | None = None,
        schema: JsonObject | None = None,
    ) -> "Completion":
        from engine.llm.port import ModelRequest

        request = ModelRequest(model, prompt, system_prompt, temperature, max_tokens, schema)
        answer: Completion = await self.models.complete(request, self.emit)
        return answer

    async def stored_agent(self, agent_id: str) -> "StoredAgent | None":
        agent: StoredAgent | None = await self._service("directory", "stored agents").agent(agent_id)
        return agent

    async def orchestrate(self, orchestration_id: str, prompt: str) -> "OrchestrationResult":
        from engine.llm.orchestration import orchestrate

        directory = self._service("directory", "stored orchestrations")
        return await orchestrate(directory, self.models, orchestration_id, prompt, self.tell)

    async def call_platform(
        self, method: str, path: str, *, params: JsonObject | None = None, body: Json = None
    ) -> "Reply":
        platform = self.scope.services.platform
        if platform is None:
            text = (
                "No server is connected, so there is nobody to call. Connect one, or set BLOCKLOOM_URL, and run again."
            )
            raise BlockError(text, retryable=False)
        try:
            reply: Reply = await platform.call(method, path, params=params, body=body)
        except ServerError as error:
            raise BlockError(str(error)) from None
        return reply

    def tell(self, kind: Callable[..., AnyEvent], **fields: Any) -> None:
        """Tell followers of the run what happened inside this block, as an event of this kind."""
        if self.is_open:
            self.scope.tell(kind, block_id=self.step.block.id, **fields)

    def close(self) -> None:
        """The block has ended: it can no longer say anything."""
        self.is_open = False

    def prepare(self) -> JsonObject:
        """The step's config with references resolved and mapped inputs filled in.

        Raises:
            BlockError: an input mapping has the wrong shape, or a text grew too long.
        """
        step = self.step
        config = step.config
        if step.fills or step.unmet:
            config = self._filled(config)
        elif step.template is not None:
            unmet: list[str] = []
            config = step.template.resolve(self.lookup, self.scope.effective, unmet)
            self.unmet = tuple(unmet)
        return self._with_mapped_inputs(config) if step.has_mappings else config

    def _filled(self, config: JsonObject) -> JsonObject:
        """The config with its whole-value references replaced; what leads nowhere stays as it is."""
        results, filled = self.scope.progress.results, config.copy()
        self.unmet = self.step.unmet
        for config_key, steps, keys in self.step.fills:
            value: Json = None
            for index in steps:
                value = results[index]
                if value is not None:
                    break
            for key in keys:
                if not isinstance(value, dict) or key not in value:
                    self.unmet += (config[config_key],)
                    break
                value = value[key]
            else:
                filled[config_key] = value
        return filled

    def _by_id_and_name(self) -> dict[str, JsonObject]:
        plan, results = self.scope.plan, self.scope.progress.results
        by_name: dict[str, JsonObject] = {}
        by_id: dict[str, JsonObject] = {}
        for index in plan.visible(self.step.index):
            result, block = results[index], plan.steps[index].block
            if result is not None:
                by_id[block.id] = result
                if block.name:
                    by_name.setdefault(block.name, result)
        return {**by_name, **by_id}

    def _service(self, name: str, words: str) -> Any:
        service = getattr(self.scope.services, name)
        if service is None:
            raise BlockError(f"This run has no access to {words}.", retryable=False)
        return service

    def _with_mapped_inputs(self, config: JsonObject) -> JsonObject:
        """Fill fields from `_inputMappings`, as contract 3.0 has it: what the person typed wins, texts are joined."""
        rows = self.step.block.config[MAPPINGS_KEY]
        if isinstance(rows, list) and not all(isinstance(row, dict) for row in rows):
            raise BlockError("One of the input mappings is not an object.", retryable=False)
        assert self.step.block_type is not None
        filled, mapped = dict(config), set[str]()
        for mapping in input_mappings(self.step.block.config):
            target, value = mapping.target_field, self._mapped_value(mapping)
            if value is None or target in self.step.block_type.raw_fields:
                continue
            before = filled.get(target)
            if target in mapped:
                filled[target] = f"{before}\n{value}" if isinstance(before, str) and isinstance(value, str) else value
            elif before is None or before == "":
                filled[target] = value
                mapped.add(target)
        return filled

    def _mapped_value(self, mapping: InputMapping) -> Json:
        result, path = self.lookup(mapping.source), mapping.output_field
        if result is None:
            return None
        value = _value_at(result, path)
        if value is None and not path.startswith("output"):
            value = _value_at(result, f"output.{path}")
        return value


def _value_at(value: Json, path: str) -> Json:
    """What a dotted path leads to; None when it leads nowhere."""
    try:
        return walk(value, path.split("."))
    except KeyError:
        return None
