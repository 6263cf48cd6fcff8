"""A graph as a platform server has to be given it, so that it does there what it does here.

The two servers agree on the format and not on all of its meaning. What can be written so that both do the same is
written so, with a note about each change; what cannot is a warning, and what a platform server would not take at all
is told before it is sent. Our own server gets every graph word for word.

Source: contract 2.5 and 2.15, rulings X2 to X5 and X21.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from engine.blocks import Catalog
from engine.blocks._prompt import PROMPT_KEYS
from engine.document import Block, Edge, Json, JsonObject, Workflow, block_to_api, edge_to_api
from engine.facts import Facts
from engine.jsontext import repaired
from engine.platformids import rewrite_ids as rewrite_ids
from engine.platformids import unfit_ids, words_for
from engine.references import Reference, find, find_all, input_mappings
from engine.run.plan import effective_condition, routes_of
from engine.samegraph import content_hash as content_hash
from engine.samegraph import from_platform as from_platform
from engine.samegraph import same_graph as same_graph

Severity = Literal["changed", "warning", "refused"]
PLATFORM_TYPES = {"starter", "webhook", "agent", "orchestration", "condition", "split", "platform_api", "response"} | {
    *("code", "function"),
    *("general_api", "api_call"),
}
MAX_LENGTHS = {"name": 255, "sourceHandle": 50, "targetHandle": 50, "condition": 255}
_PROMPT_TYPES = ("agent", "orchestration")


@dataclass(frozen=True)
class Note:
    """One thing about a graph on its way to a platform server. `block_id` is "" for the workflow as a whole.

    "changed" is written in another form, "warning" may do something else there, "refused" cannot be saved there.
    `code` is a short word for the kind, such as "id" or "variable".
    """

    severity: Severity
    code: str
    block_id: str
    text: str


@dataclass(frozen=True)
class PlatformGraph:
    """What is sent, and what has to be said about it.

    `workflow` is the document that says the same as what is sent: the base to compare the server's answers with.
    """

    workflow: Workflow
    blocks: list[JsonObject]
    edges: list[JsonObject]
    notes: tuple[Note, ...] = ()

    @property
    def refused(self) -> tuple[Note, ...]:
        """Why the server would not take it; empty when it would."""
        return tuple(note for note in self.notes if note.severity == "refused")

    @property
    def refused_ids(self) -> frozenset[str]:
        """Blocks with ids that the server would refuse or change; `rewrite_ids` helps."""
        return frozenset(note.block_id for note in self.notes if note.code == "id")


def to_own_server(workflow: Workflow) -> PlatformGraph:
    """The graph word for word, edge ids included."""
    blocks = [block_to_api(block) for block in workflow.blocks.values()]
    return PlatformGraph(workflow, blocks, [edge_to_api(edge) for edge in workflow.edges.values()])


def to_platform(workflow: Workflow, catalog: Catalog) -> PlatformGraph:
    """The graph in the form that does the same on a platform server. Edge ids are left out: they must be new ones."""
    writer = _Writer(workflow, catalog)
    written = workflow.changed(
        blocks={block.id: writer.write_block(block) for block in workflow.blocks.values()},
        edges={edge.id: writer.write_edge(edge) for edge in workflow.edges.values()},
    )
    notes = (*_refusals(written), *writer.notes)
    blocks = [block_to_api(block) for block in written.blocks.values()]
    edges = [{key: value for key, value in edge_to_api(edge).items() if key != "id"} for edge in written.edges.values()]
    return PlatformGraph(written, blocks, edges, notes)


class _Writer:
    """Writes the blocks and edges of one workflow, and notes what it changed or could not."""

    def __init__(self, workflow: Workflow, catalog: Catalog) -> None:
        self.notes: list[Note] = []
        self._workflow = workflow
        self._catalog = catalog
        self._facts = Facts(workflow, catalog)
        self._words = words_for(workflow)
        self._entry = self._find_entry()
        self._after_entry = self._facts.reach([self._entry]) - {self._entry} if self._entry else set()

    def write_block(self, block: Block) -> Block:
        """The block in the form for a platform server; the block itself when that is the same."""
        kind = self._kind(block)
        if "position" in block.extra and not isinstance(block.extra["position"], dict):
            block = block.changed(x=block.x, y=block.y)
        if kind in _PROMPT_TYPES:
            block = self._with_prompt(block)
        elif kind == "response":
            block = self._with_output(block)
        return self._with_angle_references(block)

    def write_edge(self, edge: Edge) -> Edge:
        """The edge with its route in both places, or in none where its source chooses no route (X21, W27, W28)."""
        source = self._workflow.blocks.get(edge.source)
        if source is None or self._catalog.find(source.type) is None:
            return edge
        routes = routes_of(self._catalog.outputs(source))
        condition = effective_condition(edge, routes)
        written = edge if condition == edge.condition else edge.changed(condition=condition)
        names_no_route = edge.source_port not in routes.values()
        if condition in routes.values() and names_no_route and routes.get(edge.source_port, condition) == condition:
            written = written.changed(source_handle=condition)
        if written is not edge:
            label = self._facts.label(edge.target)
            text = f"The connection from “{source.label}” to “{label}” says its route in the way that all servers read."
            self._note("changed", "route", source, text)
        return written

    def _kind(self, block: Block) -> str:
        block_type = self._catalog.find(block.type)
        return block_type.type if block_type else block.type

    def _note(self, severity: Severity, code: str, block: Block, text: str) -> None:
        self.notes.append(Note(severity, code, block.id, text))

    # --- X3: where the prompt stands ----------------------------------------------------------------------------

    def _with_prompt(self, block: Block) -> Block:
        """The prompt under `input`, which one kind of server reads, and under `message`, which the other reads."""
        config = block.config
        prompt = next((config[key] for key in PROMPT_KEYS if config.get(key) not in (None, "", [], {})), None)
        is_mapped = any(mapping.target_field == "input" for mapping in input_mappings(config))
        if prompt is None or (is_mapped and config.get("input") in (None, "", [], {})):
            # Where there is no config at all the platform's runs fail as a whole (contract 2.5).
            return block.changed(config=config) if "config" in block.extra else block
        if config.get("input") == prompt == config.get("message"):
            return block
        text = (
            f"The prompt of “{block.label}” is written as “input” and as “message”: servers differ in which they read."
        )
        self._note("changed", "prompt", block, text)
        return block.changed(config={**config, "input": prompt, "message": prompt})

    # --- X4: run variables --------------------------------------------------------------------------------------

    def _find_entry(self) -> str | None:
        """The block whose output is all run variables: the only starter, or the only webhook where there is none."""
        for kind in ("starter", "webhook"):
            found = [block for block in self._workflow.blocks.values() if self._kind(block) == kind and block.enabled]
            if found:
                is_certain = len(found) == 1 and not self._facts.incoming[found[0].id]
                return found[0].id if is_certain and self._words[found[0].id] else None
        return None

    def _with_angle_references(self, block: Block) -> Block:
        block_type = self._catalog.find(block.type)
        raw = block_type.raw_fields if block_type else frozenset()
        looked_at = {key: value for key, value in block.config.items() if key not in raw}
        variables = dict.fromkeys(item.text for item in find_all(looked_at) if item.kind == "variable")
        if not variables:
            return block
        shown = ", ".join(variables)
        if block.id not in self._after_entry or self._entry is None:
            text = f"“{block.label}” uses {shown}, which a platform server leaves as text. {self._advice()}"
            self._note("warning", "variable", block, text)
            return block
        word = self._words[self._entry]
        self._note("changed", "variable", block, f"“{block.label}” says {shown} as values of “{word}”.")
        written = {key: _with_angles(value, word) for key, value in looked_at.items()}
        return block.changed(config={key: written.get(key, value) for key, value in block.config.items()})

    def _advice(self) -> str:
        if self._entry is None:
            return "Give the workflow one Starter with a name of its own, and use its values."
        return f"Connect the block behind “{self._facts.label(self._entry)}”, or use a value of another block."

    # --- X5: a response without a value -------------------------------------------------------------------------

    def _with_output(self, block: Block) -> Block:
        config = block.config
        is_mapped = any(mapping.target_field == "output" for mapping in input_mappings(config))
        sources = list(dict.fromkeys(edge.source for edge in self._facts.incoming[block.id]))
        if config.get("output") not in (None, "") or is_mapped or not sources:
            return block
        word = self._words[sources[0]] if len(sources) == 1 else ""
        if not word:
            before = f"“{self._facts.label(sources[0])}”" if len(sources) == 1 else f"{len(sources)} blocks before it"
            text = f"“{block.label}” returns nothing on a platform server: say which value of {before} it shall return."
            self._note("warning", "response", block, text)
            return block
        self._note("changed", "response", block, f"“{block.label}” says that it returns the result of “{word}”.")
        return block.changed(config={**config, "output": f"<{word}.output>"})


def _with_angles(value: Json, word: str) -> Json:
    """The value with each run variable as a value of the block that `word` means."""
    if isinstance(value, dict):
        return {key: _with_angles(item, word) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_angles(item, word) for item in value]
    if not isinstance(value, str):
        return value
    for item in reversed(find(value)):
        if item.kind == "variable":
            value = f"{value[: item.start]}<{word}.output.{_path(item)}>{value[item.end :]}"
    return value


def _path(variable: Reference) -> str:
    return f"{variable.name}.{variable.path}" if variable.path else variable.name


def _refusals(workflow: Workflow) -> Iterator[Note]:
    """What a platform server would answer with an error, most of them without words (contract 2.1, 2.5)."""
    unfit = unfit_ids(workflow)
    if len(workflow.name) > MAX_LENGTHS["name"]:
        yield Note("refused", "length", "", _too_long("The name of the workflow", MAX_LENGTHS["name"]))
    for block in workflow.blocks.values():
        if block.id in unfit:
            text = (
                f"“{block.label}” has an id that a platform server does not take. Let ids be rewritten, or save a copy."
            )
            yield Note("refused", "id", block.id, text)
        if block.type not in PLATFORM_TYPES:
            text = f"“{block.label}” is of the type “{block.type[:50]}”, which no platform server knows. Replace it."
            yield Note("refused", "type", block.id, text)
        if len(block.name) > MAX_LENGTHS["name"]:
            text = _too_long(f"The name of “{block.name[:30]}…”", MAX_LENGTHS["name"])
            yield Note("refused", "length", block.id, text)
        if repaired(block.config) != block.config:
            text = f"“{block.label}” holds a character or number that no server can keep, such as NUL. Remove it."
            yield Note("refused", "character", block.id, text)
    for edge in workflow.edges.values():
        yield from _refused_edge(edge, workflow.blocks)


def _refused_edge(edge: Edge, blocks: Mapping[str, Block]) -> Iterator[Note]:
    lost = next((end for end in (edge.source, edge.target) if end not in blocks), None)
    if lost is not None:
        known = edge.target if lost == edge.source else edge.source
        label = blocks[known].label if known in blocks else known
        yield Note("refused", "end", known, f"A connection of “{label}” leads to a block that is not there. Remove it.")
        return
    fields = edge_to_api(edge)
    for key in ("sourceHandle", "targetHandle", "condition"):
        if isinstance(fields[key], str) and len(fields[key]) > MAX_LENGTHS[key]:
            name = f"“{key}” of the connection from “{blocks[edge.source].label}” to “{blocks[edge.target].label}”"
            yield Note("refused", "length", edge.source, _too_long(name, MAX_LENGTHS[key]))


def _too_long(name: str, limit: int) -> str:
    return f"{name} is longer than the {limit} characters that a platform server takes. Shorten it."
