"""The engine's public surface is what the editor uses of it, no more and no less."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import engine

ROOT = Path(__file__).parents[1]
EDITOR = sorted((ROOT / "editor").rglob("*.py"))


def engine_imports(path: Path) -> Iterator[tuple[str, str]]:
    """Module and name of each import from the engine, also inside functions; the name of a plain import is ""."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.partition(".")[0] == "engine")
        elif isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] == "engine":
            yield from ((str(node.module), alias.name) for alias in node.names)


def used_names() -> set[str]:
    return {name for path in EDITOR for module, name in engine_imports(path) if module == "engine"}


def typed_names() -> set[str]:
    """What type checkers see of the surface: the imports under TYPE_CHECKING."""
    tree = ast.parse((ROOT / "engine/__init__.py").read_text(encoding="utf-8"))
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    return {alias.asname for node in imports for alias in node.names if alias.asname}


@pytest.mark.parametrize("path", EDITOR, ids=lambda path: str(path.relative_to(ROOT)))
def test_editor_sees_the_surface_only(path: Path) -> None:
    """The editor imports from `engine`, never from a module within it."""
    deep = [module for module, name in engine_imports(path) if module != "engine" or not name]

    assert not deep


def test_surface_is_what_the_editor_uses() -> None:
    """Nothing is exported for nobody, and nothing used is missing."""
    assert set(engine.__all__) == used_names()


def test_type_checkers_see_the_same_surface() -> None:
    """The table that is read at run time and the imports that are read by type checkers name the same things."""
    assert set(engine.__all__) == typed_names()


@pytest.mark.parametrize("name", engine.__all__)
def test_every_exported_name_is_there(name: str) -> None:
    """A name of the surface can be imported."""
    assert getattr(importlib.import_module("engine"), name) is not None
