"""What a block type is: the one description that palette, inspector, checks, engine, server and docs all read.

A block is one file in this folder (or a module of an installed package, entry point group `blockloom.blocks`) with a
constant `BLOCK`, a `BlockType`. Port and summary functions get half-typed configs and must not raise.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import msgspec

from engine.blocks._fields import Field
from engine.document import Json, JsonObject

Trigger = Literal["manual", "webhook"]
Category = Literal["Start", "AI", "Logic", "Data", "Connect", "Finish"]
Hue = Literal["emerald", "sky", "rose", "orange", "teal", "violet", "amber", "indigo", "blue", "fuchsia", "grey"]


@dataclass(frozen=True)
class Port:
    """A place where edges attach. `name` "" is the unnamed port; `route` is the `condition` an edge from it carries.

    `older_names` are handles that edges in older documents have for it.
    """

    name: str = ""
    label: str = ""
    route: str | None = None
    older_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class OutputField:
    """One key of a block's result, for completion and help. `kind` is a word such as "text", "number", "object"."""

    name: str
    kind: str
    help: str = ""


@dataclass(frozen=True)
class Effect:
    """What a block does outside of the run: which code, host, model or stored agent. Trust questions are asked with it.

    `target` is the host, model, id or operation; "" when only the run will tell, because a reference stands there.
    """

    kind: Literal["code", "http", "model", "agent", "orchestration", "platform"]
    target: str = ""


@dataclass(frozen=True)
class FieldProblem:
    """Something wrong in a config, found by a block type's own check. `field` is a config key such as "code"."""

    field: str
    message: str
    severity: Literal["error", "warning"] = "error"
    code: str = "invalid-value"


class Repeat(msgspec.Struct, frozen=True, gc=False):
    """What a block's retry policy has to know about this ending. `reason` is why one would want to try again.

    `is_useful` false says that another attempt comes to the same, `is_safe` false that it may do the work twice;
    `not_before_s` are seconds to wait at least.
    """

    reason: str
    is_useful: bool = True
    is_safe: bool = True
    not_before_s: float = 0.0


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """How a block ended: its result object, and an error text when the result reports a failure (shape b, 3.0).

    `warnings` are sentences about what went on all the same. Without `repeat` an error is tried again, where the
    block's config asks for that, and a success is not.
    """

    result: JsonObject
    error: str | None = None
    warnings: tuple[str, ...] = ()
    repeat: Repeat | None = None


class BlockContext(Protocol):
    """What a block may touch while it runs. Everything outside its config comes through here."""

    @property
    def block_id(self) -> str: ...
    @property
    def block_name(self) -> str: ...

    @property
    def raw_config(self) -> JsonObject:
        """The config as it is stored: nothing resolved."""

    @property
    def variables(self) -> JsonObject:
        """Workflow variables overlaid by run variables (contract 5.5), starter defaults not included."""

    @property
    def inputs(self) -> Sequence[tuple[str, JsonObject]]:
        """Id and result of each direct predecessor with a live edge, in the order of the plan."""

    def result(self, name: str) -> JsonObject | None:
        """The result of an earlier block by id or name; None when it has none."""

    def results(self) -> Mapping[str, JsonObject]:
        """Results of earlier blocks by id and by name, as code blocks see them."""

    def emit(self, text: str, stream: Literal["output", "print"] = "output") -> None:
        """Tell followers of the run about a piece of text."""

    @property
    def http(self) -> Any:
        """The run's HTTP client (`engine.run.http.HttpClient`)."""

    @property
    def code(self) -> Any:
        """Isolated execution of user code (`engine.code.CodeRunner`)."""

    @property
    def models(self) -> Any:
        """Language models (`engine.llm.Models`)."""

    async def ask_model(
        self,
        prompt: str,
        *,
        model: str = "",
        system_prompt: str = "",
        temperature: float | None = None,
        max_tokens: int | None = None,
        schema: JsonObject | None = None,
    ) -> Any:
        """The answer of a language model (`engine.llm.port.Completion`); its text is emitted as it arrives.

        With a JSON `schema` the answer's text is JSON that fits it.

        Raises:
            ModelError: it could not answer.
        """

    async def stored_agent(self, agent_id: str) -> Any:
        """The stored agent with this id (`engine.directory.StoredAgent`), None when nobody knows it.

        Raises:
            BlockError: the directory could not be asked; the text says why.
        """

    async def orchestrate(self, orchestration_id: str, prompt: str) -> Any:
        """What a stored orchestration made of the prompt (`engine.llm.orchestration.OrchestrationResult`).

        Each delegation to an agent is told to followers of the run.

        Raises:
            BlockError: there is no such orchestration, or the directory could not be asked.
        """

    async def call_platform(
        self, method: str, path: str, *, params: JsonObject | None = None, body: Json = None
    ) -> Any:
        """The reply of the connected server to one API call (`engine.client.Reply`), whatever its status.

        Raises:
            BlockError: no server is connected, or no reply came; the text says what to do.
        """

    @property
    def timeout_s(self) -> float | None:
        """Seconds the block's own `timeout` allows, None when it has none."""


RunFunction = Callable[[BlockContext, JsonObject], "Outcome | Awaitable[Outcome]"]
SINGLE_PORT = (Port(),)
NO_PORTS: tuple[Port, ...] = ()


@dataclass(frozen=True)
class BlockType:
    """A kind of block. `type` is the name in documents, `label` the one on screen.

    `run(ctx, config)` gets the resolved config and returns an `Outcome`; a plain function is run inline and must not
    wait, a coroutine function may. `trigger` marks an entry block. `raw_fields` are config keys that hold source text:
    references in them are not resolved. `mint()` returns config values made anew for every new block, such as ids.
    `singleton` says that a workflow should hold one at most. `effects(config)` is what a block with this config does
    outside of the run, before any reference is resolved.
    """

    type: str
    label: str
    description: str
    category: Category
    icon: str
    hue: Hue
    run: RunFunction
    fields: tuple[Field, ...] = ()
    aliases: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    trigger: Trigger | None = None
    singleton: bool = False
    raw_fields: frozenset[str] = frozenset()
    inputs: tuple[Port, ...] = SINGLE_PORT
    outputs: Callable[[JsonObject], tuple[Port, ...]] = lambda _config: SINGLE_PORT
    output_fields: Callable[[JsonObject], tuple[OutputField, ...]] = lambda _config: (OutputField("output", "any"),)
    summary: Callable[[JsonObject], str] = lambda _config: ""
    check: Callable[[JsonObject], Sequence[FieldProblem]] = lambda _config: ()
    mint: Callable[[], JsonObject] = dict
    upgrade: Callable[[JsonObject], JsonObject] = lambda config: config
    effects: Callable[[JsonObject], tuple[Effect, ...]] = lambda _config: ()
    help: str = ""
    default_extra: JsonObject = field(default_factory=dict)

    def field(self, key: str) -> Field | None:
        """The form field of a config key, None when the form does not show it."""
        return next((item for item in self.fields if item.key == key), None)

    def new_config(self) -> JsonObject:
        """The config of a new block: what each field begins with that its form shows, then what is minted for it."""
        begun = {item.key: value for item in self.fields if (value := item.first_value()) is not None}
        shown = {item.key: begun[item.key] for item in self.fields if item.key in begun and item.is_visible(begun)}
        return {**shown, **self.default_extra, **self.mint()}
