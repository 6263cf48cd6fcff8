"""The map of the code as a test: a file imports its own floor or lower, wherever in the file the import stands."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]

ENGINE_FLOORS = {
    "errors": 0,
    "document": 0,
    "files": 0,
    "jsontext": 0,
    "loopthread": 0,
    "safewrite": 0,
    "edits": 0,
    "fragment": 0,
    "renaming": 0,
    "change": 0,
    "threeway": 0,
    "edgeidentity": 0,
    "merge": 0,
    "mergewords": 0,
    "snippets": 0,
    "references": 0,
    "previews": 0,
    "codenames": 0,
    "headers": 0,
    "expressions": 0,
    "events": 0,
    "recording": 0,
    "runstate": 0,
    "blocks": 1,
    "check": 2,
    "checkblock": 2,
    "checkgraph": 2,
    "checkreferences": 2,
    "completion": 2,
    "facts": 2,
    "schedule": 0,
    "deployreview": 2,
    "platformgraph": 2,
    "platformids": 2,
    "samegraph": 2,
    "compare": 0,
    "problem": 2,
    "inputs": 2,
    "wiring": 2,
    "makeroom": 2,
    "run": 2,
    "code": 2,
    "llm": 2,
    "client": 2,
    "directory": 2,
    "trust": 2,
    "store": 3,
    "server": 4,
    "standins": 3,
    "run.context": 3,
    "run.http": 3,
    "run.local": 3,
    "run.following": 3,
    "run.remote": 3,
    "run.translation": 3,
    "run.runner": 3,
    "cli": 5,
}
EDITOR_FLOORS = {
    "aio": 4,
    "collector": 4,
    "reporter": 4,
    "text": 4,
    "theme": 4,
    "workspace": 5,
    "canvas": 6,
    "panels": 6,
    "dialogs": 6,
    "notices": 6,
    "welcome": 6,
    "docks": 6,
    "file_drops": 6,
    "file_flow": 7,
    "library_flow": 7,
    "local_server_flow": 7,
    "run_flow": 7,
    "deploy_flow": 7,
    "webhook_flow": 7,
    "server_run_flow": 7,
    "on_server": 8,
    "server_flow": 7,
    "server_notices": 7,
    "server_questions": 7,
    "run_setup": 7,
    "settings_flow": 7,
    "standin_flow": 7,
    "trust_flow": 7,
    "actions": 8,
    "command_palette": 8,
    "help": 8,
    "menus": 8,
    "view_flow": 8,
    "window": 8,
    "app": 9,
}
FLOORS = {f"engine.{name}": floor for name, floor in ENGINE_FLOORS.items()} | {
    f"editor.{name}": floor for name, floor in EDITOR_FLOORS.items()
}
# A heavy or dangerous library, and the only places that may import it.
KEPT_IN = {
    "PySide6": ("editor",),
    "qasync": ("editor",),
    "httpx": ("engine.run.http", "engine.client", "engine.server.selfcall"),
    "pydantic_ai": ("engine.llm",),
    "openai": ("engine.llm",),
    "anthropic": ("engine.llm",),
    "keyring": ("engine.llm.settings", "engine.client.keys"),
    "sqlalchemy": ("engine.store", "engine.server"),
    "alembic": ("engine.store",),
    "psycopg": ("engine.store",),
    "fastapi": ("engine.server",),
    "typer": ("engine.cli.main", "engine.cli.server_commands"),
    "rich": ("engine.cli",),
    "pickle": ("editor.app",),
    "quickjs_rs": ("engine.code.quickjs",),
    "wasmtime": ("engine.code.quickjs",),
    "pydantic_monty": ("engine.code.restricted",),
}
BLOCK_IMPORTS = (
    "engine.blocks",
    "engine.document",
    "engine.errors",
    "engine.expressions",
    "engine.references",
    "engine.schedule",
)


class Import(NamedTuple):
    """`target` is the module that is imported; `line` where that stands."""

    target: str
    line: int


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_name(path): path for package in ("engine", "editor") for path in (ROOT / package).rglob("*.py")}


def imports_of(path: Path) -> Iterator[Import]:
    """Every import in the file, those inside functions and `if TYPE_CHECKING` included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are written in full"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield Import(inner if inner in SOURCES else str(node.module), node.lineno)


def floor_of(module: str) -> int | None:
    """The floor in the table: of the module itself, else of the package it is in."""
    while module:
        if module in FLOORS:
            return FLOORS[module]
        module = module.rpartition(".")[0]
    return None


def is_within(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("module", sorted(SOURCES))
def test_a_module_imports_its_own_floor_or_lower(module: str) -> None:
    """Nothing reaches upward. The two package files at the top have no floor: they only name things."""
    floor = floor_of(module)
    if module in ("engine", "editor"):
        return
    assert floor is not None, f"{module} has no floor: give it one in the table above"

    too_high = [
        f"{module}:{line} imports {target}"
        for target, line in imports_of(SOURCES[module])
        if (other := floor_of(target)) is not None and other > floor
    ]

    assert not too_high


@pytest.mark.parametrize("module", sorted(name for name in SOURCES if name.startswith("engine")))
def test_engine_knows_nothing_of_the_editor(module: str) -> None:
    """The engine runs where no editor is installed. Only the command line starts it, by name."""
    assert not [found for found in imports_of(SOURCES[module]) if is_within(found.target, ("editor", "PySide6"))]


@pytest.mark.parametrize("library", sorted(KEPT_IN))
def test_a_library_is_imported_where_it_belongs(library: str) -> None:
    """What is slow to import, or dangerous, stays behind one door."""
    elsewhere = [
        f"{module}:{line}"
        for module, path in SOURCES.items()
        for target, line in imports_of(path)
        if is_within(target, (library,)) and not is_within(module, KEPT_IN[library])
    ]

    assert not elsewhere


@pytest.mark.parametrize("module", sorted(name for name in SOURCES if name.startswith("engine.blocks.")))
def test_a_block_imports_the_vocabulary_of_blocks_only(module: str) -> None:
    """A block gets everything else from its context, so it can be read, tested and dropped in alone."""
    foreign = [
        f"{module}:{line} imports {target}"
        for target, line in imports_of(SOURCES[module])
        if target.startswith("engine") and not is_within(target, BLOCK_IMPORTS)
    ]

    assert not foreign


def test_table_names_only_what_exists() -> None:
    """A module that went leaves the table too."""
    gone = [name for name in FLOORS if name not in SOURCES]

    assert not gone
