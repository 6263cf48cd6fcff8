"""The engine and the command line work on a machine without Qt."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "resources/examples/document-summarizer.workflow.json"
ARTICLE = ROOT / "resources/examples/harbour-article.txt"

IMPORT_ALL = """
import importlib, pkgutil, sys
sys.modules["PySide6"] = None
import engine
for module in pkgutil.walk_packages(engine.__path__, "engine."):
    if not module.name.endswith(".migrations.env"):  # a script, which Alembic runs itself
        importlib.import_module(module.name)
assert not [name for name in sys.modules if name.partition(".")[0] in ("editor", "shiboken6")]
print("imported")
"""
RUN = """
import sys
sys.modules["PySide6"] = None
from engine.cli.main import main
main(["run", sys.argv[1], "--json", "--var", "text=@" + sys.argv[2]])
"""


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )


def test_every_module_of_the_engine_imports_without_qt() -> None:
    """No module of the engine, the command line included, needs Qt or the editor."""
    done = python(IMPORT_ALL)

    assert done.stdout == "imported\n", done.stderr


def test_summarizer_runs_without_qt() -> None:
    """The first example runs from the command line on a machine that could not show a window."""
    done = python(RUN, str(EXAMPLE), str(ARTICLE))

    reply = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert reply["status"] == "completed"
    assert reply["output"]
    assert reply["output"].split(". ")[0] in ARTICLE.read_text(encoding="utf-8")
