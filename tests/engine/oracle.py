"""What a workflow comes to, one block after another, word for word from the contract. Slow, simple, and for tests only.

Nothing here is shared with the engine but the document: the order, the live edges, references, mappings, conditions and
blocks are written again from sections 3 to 5. The blocks `work`, `look`, `report` and `fail` are those of
`catalog_for`, which tests add to the usual ones.
"""

import ast
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from engine.blocks import Catalog, default_catalog
from engine.blocks._spec import BlockContext, BlockType, Outcome
from engine.document import Block, Edge, Json, JsonObject, Workflow
from engine.errors import BlockError
from engine.run.clock import FakeClock

REFERENCE = re.compile(r"<([\w \-]+)\.([\w.]+)>")
VARIABLE = re.compile(r"\{\{ *variables\.(\w+(?:\.\w+)*) *\}\}")
EITHER = re.compile(f"{REFERENCE.pattern}|{VARIABLE.pattern}")
ROUTED = "condition"
NOWHERE = object()


class Raised(Exception):
    """A block failed in shape (a)."""


@dataclass
class Oracle:
    """One run; `log` holds the ids of the blocks that ended, in the order in which they did."""

    workflow: Workflow
    run_variables: JsonObject = field(default_factory=dict)
    results: dict[str, JsonObject] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    output: Json = None
    _names: dict[str, JsonObject] = field(default_factory=dict)

    def run(self) -> "Oracle":
        """5.1: strictly one after another."""
        for block_id in self.order():
            block = self.workflow.blocks[block_id]
            if not self.runs(block):
                self.skipped[block_id] = self.why_not(block)
                continue
            self.log.append(block_id)
            try:
                result = self.execute(block)
            except Raised as error:
                self.failed[block_id] = str(error)
                continue
            self.results[block_id] = result
            self._names.setdefault(block.name, result)
            if block.type == "response":
                self.output = result["output"]
        return self

    def order(self) -> list[str]:
        """Kahn: roots in list order, then successors in edge order when their last predecessor is processed."""
        edges = list(self.workflow.edges.values())
        missing = {block_id: sum(edge.target == block_id for edge in edges) for block_id in self.workflow.blocks}
        queue = [block_id for block_id, count in missing.items() if count == 0]
        for block_id in queue:
            for edge in edges:
                if edge.source == block_id:
                    missing[edge.target] -= 1
                    if missing[edge.target] == 0:
                        queue.append(edge.target)
        return queue

    def runs(self, block: Block) -> bool:
        """5.2."""
        incoming = self.workflow.edges_to(block.id)
        return block.enabled and (not incoming or any(self.is_live(edge) for edge in incoming))

    def why_not(self, block: Block) -> tuple[str, str | None]:
        """Our own addition: why a block was skipped, and the block that decided it."""
        if not block.enabled:
            return "disabled", block.id
        sources = [edge.source for edge in self.workflow.edges_to(block.id)]
        for reason, ended in (("upstream-failed", self.failed), ("not-taken", self.results)):
            found = next((source for source in sources if source in ended), None)
            if found:
                return reason, found
        return "upstream-skipped", self.skipped[sources[0]][1]

    def is_live(self, edge: Edge) -> bool:
        """5.2 with X21, W27 and W28."""
        result = self.results.get(edge.source)
        if result is None:
            return False
        handle, condition = edge.source_handle, edge.condition
        source = self.workflow.blocks[edge.source]
        if source.type != ROUTED:
            return condition is None or (condition != "" and condition in (handle, "output", "input"))
        if condition is None and handle not in (None, "output"):
            condition = self.older_handles(source.config).get(str(handle), handle)
        return condition is None or condition == str(result.get("route"))

    def older_handles(self, config: JsonObject) -> dict[str, str]:
        """Section 6, "loading": handles of older conditions, converted to branches."""
        handles = {"true": "if", "false": "else", "default": "else"}
        if not config.get("branches") and config.get("mode") == "switch":
            labels = [row["cells"]["Case Label"] for row in config["cases"]]
            routes = ["if", *(f"elif_{number}" for number in range(1, len(labels)))]
            handles |= dict(zip(reversed(labels), reversed(routes), strict=False))
        return handles

    # Data

    def find(self, name: str) -> JsonObject | None:
        """4.1: one table of ids and names; a raised result is not in it (5.3)."""
        return self.results.get(name) or self._names.get(name)

    @property
    def data(self) -> JsonObject:
        """5.5."""
        return {**self.workflow.variables, **self.run_variables}

    @property
    def effective(self) -> JsonObject:
        """4.3: starter defaults, workflow variables, run variables."""
        declared: JsonObject = {}
        for block_id in self.order():
            block = self.workflow.blocks[block_id]
            if block.type == "starter" and block.enabled and isinstance(block.config.get("input"), dict):
                declared |= block.config["input"]
        return {**declared, **self.data}

    def value_of(self, match: re.Match[str]) -> Json:
        name, path, variable = match.groups()
        value: Any = self.find(name) if name else self.effective
        for key in (path or variable).split("."):
            if not isinstance(value, dict) or key not in value:
                return NOWHERE
            value = value[key]
        return value

    def resolved(self, value: Json) -> Json:
        """4.1: every string of the tree, once."""
        if isinstance(value, list):
            return [self.resolved(item) for item in value]
        if isinstance(value, dict):
            return {key: self.resolved(item) for key, item in value.items()}
        if not isinstance(value, str):
            return value
        whole = EITHER.fullmatch(value)
        if whole:
            found = self.value_of(whole)
            return value if found is NOWHERE else found
        return EITHER.sub(self.in_text, value)

    def in_text(self, match: re.Match[str]) -> str:
        found = self.value_of(match)
        if found is NOWHERE:
            return match[0]
        return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False, separators=(",", ":"))

    def prepared(self, block: Block) -> JsonObject:
        """3.0: resolve all, fill from mappings, restore source text."""
        raw = {"condition": ("expression", "branches"), "look": ("code",)}.get(block.type, ())
        config = self.resolved({key: value for key, value in block.config.items() if key != "_inputMappings"})
        assert isinstance(config, dict)
        mapped: set[str] = set()
        rows = block.config.get("_inputMappings")
        for row in rows if isinstance(rows, list) else []:
            if not isinstance(row, dict):
                raise Raised("mapping")
            target, value = row.get("targetField"), self.mapped(row)
            if not target or value is None:
                continue
            before = config.get(target)
            if target in mapped:
                both_text = isinstance(before, str) and isinstance(value, str)
                config[target] = f"{before}\n{value}" if both_text else value
            elif before is None or before == "":
                config[target] = value
                mapped.add(target)
        for key in raw:
            config.pop(key, None)
            if key in block.config:
                config[key] = block.config[key]
        return config

    def mapped(self, row: JsonObject) -> Json:
        result, path = self.find(str(row.get("sourceId"))), row.get("outputField") or "output"
        if result is None:
            return None
        value = walked(result, path)
        return walked(result, f"output.{path}") if value is None and not path.startswith("output") else value

    # Blocks

    def execute(self, block: Block) -> JsonObject:
        config = self.prepared(block)
        return dict(getattr(self, f"run_{block.type}")(block, config))

    def run_starter(self, _block: Block, config: JsonObject) -> JsonObject:
        declared = config.get("input")
        return {"output": {**(declared if isinstance(declared, dict) else {}), **self.data}}

    def run_webhook(self, _block: Block, _config: JsonObject) -> JsonObject:
        return {"output": self.data}

    def run_split(self, block: Block, config: JsonObject) -> JsonObject:
        """3.5 as embedded: an absent input, or an empty one that nothing maps to, is the predecessor's output."""
        value = config.get("input")
        if value is None or (value == "" and self.is_unset(block, "input")):
            before = self.predecessor(block)
            value = before.get("output") if before is not None else value
        return {"output": value}

    def run_response(self, block: Block, config: JsonObject) -> JsonObject:
        """3.3 with X5 and X23."""
        output = config.get("output", "")
        if self.is_unset(block, "output"):
            before = self.predecessor(block)
            output = "" if before is None else before.get("output", before)
        status = config.get("status")
        status = config.get("status_code") if status in (None, "") else status
        try:
            code = int(status)
        except (TypeError, ValueError):
            code = 200
        return {"output": output, "status": code, "headers": config.get("headers") or {}}

    def run_condition(self, _block: Block, config: JsonObject) -> JsonObject:
        """3.4."""
        branches = config.get("branches") or self.older_branches(config)
        route = "else"
        for index, branch in enumerate(branches):
            if self.holds(branch.get("expression", True)):
                route = "if" if index == 0 else f"elif_{index}"
                break
        return {"output": route != "else", "result": route, "route": route}

    def older_branches(self, config: JsonObject) -> list[JsonObject]:
        if "mode" not in config and "expression" not in config:
            return []
        expression = config.get("expression", "True")
        labels = (
            [row["cells"]["Case Label"] for row in config.get("cases", [])] if config.get("mode") == "switch" else []
        )
        return [{"expression": f"({expression}) == {label!r}"} for label in labels] or [{"expression": expression}]

    def holds(self, expression: Json) -> bool:
        """4.4, with Python's own evaluator."""
        if not isinstance(expression, str):
            return bool(expression)
        scope: JsonObject = {**self._names, **self.results, **self.data}
        for number, match in enumerate(REFERENCE.finditer(expression)):
            value = self.value_of_angle(match)
            if value is NOWHERE:
                return False
            scope[f"reference_{number}"] = coerced(value)
            expression = expression.replace(match[0], f" reference_{number} ", 1)
        try:
            tree = ast.fix_missing_locations(_Coercing().visit(ast.parse(expression.strip(), mode="eval")))
            tools = {"__builtins__": {}, "coerced": coerced, "key_of": key_of}
            return bool(eval(compile(tree, "condition", "eval"), tools, scope))
        except Exception:
            return False

    def value_of_angle(self, match: re.Match[str]) -> Json:
        result = self.find(match[1])
        return NOWHERE if result is None else walked(result, match[2], NOWHERE)

    def run_work(self, block: Block, config: JsonObject) -> JsonObject:
        return {"output": [block.id, config.get("input")]}

    def run_report(self, _block: Block, _config: JsonObject) -> JsonObject:
        return {"output": None, "error": "reported"}

    def run_fail(self, _block: Block, _config: JsonObject) -> JsonObject:
        raise Raised("failed")

    def run_look(self, _block: Block, config: JsonObject) -> JsonObject:
        """3.8: all results so far, by id and by name."""
        wanted = config["code"]
        if "[" in wanted:
            found = self.find(wanted.split('"')[1])
            return {"output": found and found.get("output")}
        table = {name: result for name, result in self._names.items() if name} | self.results
        return {"output": {name: table[name].get("output") for name in sorted(table)}}

    def is_unset(self, block: Block, key: str) -> bool:
        rows = block.config.get("_inputMappings") or []
        return block.config.get(key) in (None, "") and not any(row.get("targetField") == key for row in rows)

    def predecessor(self, block: Block) -> JsonObject | None:
        """The direct predecessor that ran last; several edges from it count once."""
        live = {edge.source for edge in self.workflow.edges_to(block.id) if self.is_live(edge)}
        last = [block_id for block_id in self.log if block_id in live]
        return self.results[last[-1]] if last else None


class _Coercing(ast.NodeTransformer):
    """Comparison operands are coerced, and a dot is a key of an object (4.4, rules 3 and 4)."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        return ast.Call(ast.Name("key_of", ast.Load()), [node.value, ast.Constant(node.attr)], [])

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        node.left = self._call(node.left)
        node.comparators = [self._call(item) for item in node.comparators]
        return node

    @staticmethod
    def _call(node: ast.expr) -> ast.expr:
        return ast.Call(ast.Name("coerced", ast.Load()), [node], [])


def key_of(owner: Json, key: str) -> Json:
    """A dot in a condition. Where the platform goes on to Python's attributes, nothing is found."""
    return owner.get(key) if isinstance(owner, dict) else None


def coerced(value: Json) -> Json:
    """4.4, rule 4."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return value


def walked(value: Any, path: str, missing: Any = None) -> Json:
    """What a dotted path leads to, through objects only."""
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            return missing
        value = value[key]
    return value


def catalog_for(clock: FakeClock, delay: Callable[[str], float]) -> Catalog:
    """The usual blocks, and four that wait for a while of their own before they do what the oracle's do."""

    async def work(ctx: BlockContext, config: JsonObject) -> Outcome:
        await clock.sleep(delay(ctx.block_id))
        return Outcome({"output": [ctx.block_id, config.get("input")]})

    async def report(ctx: BlockContext, _config: JsonObject) -> Outcome:
        await clock.sleep(delay(ctx.block_id))
        return Outcome({"output": None, "error": "reported"}, "reported")

    async def fail(ctx: BlockContext, _config: JsonObject) -> Outcome:
        await clock.sleep(delay(ctx.block_id))
        raise BlockError("failed")

    async def look(ctx: BlockContext, config: JsonObject) -> Outcome:
        await clock.sleep(delay(ctx.block_id))
        results, wanted = ctx.results(), config["code"]
        if "[" in wanted:
            found = results.get(wanted.split('"')[1])
            return Outcome({"output": found and found.get("output")})
        return Outcome({"output": {name: results[name].get("output") for name in sorted(results)}})

    def made(name: str, run: Callable[..., Any], *raw: str) -> BlockType:
        return BlockType(name, name, "", "Logic", "code", "grey", run=run, raw_fields=frozenset(raw))

    added = [made("work", work), made("report", report), made("fail", fail), made("look", look, "code")]
    return Catalog([*default_catalog(), *added])
