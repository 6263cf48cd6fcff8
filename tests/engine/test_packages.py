"""A package with a block: `pip install` puts it into the catalog, into checks and into runs, and nothing else does."""

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "tests" / "data" / "example-block-package"
COMMAND = [sys.executable, "-c", "from engine.cli.main import main; main()"]


def wheel_of(package: Path, folder: Path) -> Path:
    """The wheel that the package's own description asks for, made without a build tool and without a network."""
    project = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name, version = project["name"].replace("-", "_"), project["version"]
    groups = project["entry-points"].items()
    points = "".join(
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in points.items()) for group, points in groups
    )
    info = f"{name}-{version}.dist-info"
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path in sorted((package / name).glob("*.py")):
            archive.write(path, f"{name}/{path.name}")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/entry_points.txt", points)
        archive.writestr(f"{info}/RECORD", "")
    return wheel


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages with the example in it, put there by pip."""
    folder = tmp_path_factory.mktemp("packages")
    wheel = wheel_of(PACKAGE, folder)
    target = folder / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    subprocess.run([*pip, "--no-index", "--no-deps", "--target", str(target), str(wheel)], check=True, timeout=60)
    return target


def said(packages: Path | None, *words: str) -> subprocess.CompletedProcess[str]:
    """What a command says, with these packages beside ours."""
    path = os.pathsep.join([str(ROOT), *([str(packages)] if packages else [])])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(words, capture_output=True, text=True, env=environment, timeout=60, check=False)


@pytest.fixture
def workflow(tmp_path: Path) -> Path:
    """A starter, a shout under its alias, a response."""
    blocks = [
        {"id": "s", "type": "starter", "name": "Start", "config": {"input": {"text": "hello"}}},
        {
            "id": "x",
            "type": "example_yell",
            "name": "Shout",
            "config": {"text": "<Start.output.text>", "volume": "very loud"},
        },
        {"id": "r", "type": "response", "name": "Out", "config": {}},
    ]
    edges = [{"id": "e1", "source": "s", "target": "x"}, {"id": "e2", "source": "x", "target": "r"}]
    path = tmp_path / "shout.workflow.json"
    path.write_text(json.dumps({"name": "Shout", "blocks": blocks, "edges": edges}), encoding="utf-8")
    return path


def test_the_catalog_has_it(installed: Path) -> None:
    """With its alias, after our own types, and without a complaint."""
    code = (
        "from engine.blocks import default_catalog as made; found = made(); "
        "print([item.type for item in found][-1], 'example_yell' in found, dict(found.load_errors))"
    )

    assert said(installed, sys.executable, "-c", code).stdout.strip() == "example_shout True {}"


def test_the_command_line_checks_and_runs_it(installed: Path, workflow: Path) -> None:
    """As any other block, its alias included."""
    checked = said(installed, *COMMAND, "check", str(workflow))
    ran = said(installed, *COMMAND, "run", str(workflow))

    assert (checked.returncode, checked.stdout.strip()) == (0, "Shout: no problems found.")
    assert (ran.returncode, ran.stdout.strip()) == (0, "HELLO!!!")


def test_its_own_check_is_asked(installed: Path, workflow: Path) -> None:
    """What the package says about a value stands in the report."""
    data = json.loads(workflow.read_text(encoding="utf-8"))
    data["blocks"][1]["config"]["text"] = "x" * 2000
    workflow.write_text(json.dumps(data), encoding="utf-8")

    checked = said(installed, *COMMAND, "check", "--json", str(workflow))

    [problem] = json.loads(checked.stdout)["problems"]
    assert (problem["field"], problem["block_name"]) == ("text", "Shout")
    assert "Nobody listens" in problem["message"]


def test_without_the_package_the_block_is_kept_and_named(workflow: Path) -> None:
    """Checks say that nobody knows the type; the file stays word for word."""
    before = workflow.read_bytes()

    checked = said(None, *COMMAND, "check", str(workflow))

    assert checked.returncode == 1
    assert "example_yell" in checked.stdout
    assert workflow.read_bytes() == before
