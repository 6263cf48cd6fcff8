"""Weaknesses of the platform's code blocks that ours do not have, by their numbers in contract section 7.

Each is played in a run of several blocks, through real workers, in both languages.
"""

import asyncio
import time
from typing import Any

import pytest

from engine.code import CodeLimits, CodeRunner
from engine.document import Block, Edge, Workflow
from engine.events import BlockFinished
from engine.run.context import Services
from engine.run.runner import run

LANGUAGES = ("python", "javascript")


def played(*blocks: Block, links: str = "", wall_s: float = 20) -> dict[str, BlockFinished]:
    """How each block of a run ended, in the order in which they did; links are written `a>b b>c`."""
    pairs = [link.split(">") for link in links.split()]
    edges = {f"e{number}": Edge(f"e{number}", *pair) for number, pair in enumerate(pairs)}
    workflow = Workflow(name="W", blocks={block.id: block for block in blocks}, edges=edges)
    events: list[Any] = []

    async def go() -> None:
        async with CodeRunner(CodeLimits(wall_s=wall_s)) as code:
            await run(workflow, events.append, services=Services(code=code))

    asyncio.run(go())
    return {event.block_id: event for event in events if isinstance(event, BlockFinished)}


def code(block_id: str, source: str, language: str = "python") -> Block:
    return Block(block_id, "code", block_id, config={"code": source, "language": language})


def test_w01_code_has_no_files_network_programs_or_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """W1: what a block may import is listed, and past the list there is still nothing to be had."""
    monkeypatch.setenv("SERVICE_KEY", "canary")
    past = "import json\nload = vars(json.codecs.sys.modules['builtins'])['__import__']\nos = load('os')\n"
    wanted = {
        "listed": "import os",
        "file": f"{past}os.open('/etc/passwd', 0)",
        "network": f"{past}load('socket').socket()",
        "program": f"{past}os.posix_spawn('/bin/true', ['true'], {{}})",
        "environment": f"{past}output = os.environ.get('SERVICE_KEY')",
    }

    ended = played(*(code(name, source) for name, source in wanted.items()), code("js", "require('fs')", "javascript"))

    assert "'os' is not available in code blocks" in str(ended["listed"].error)
    assert str(ended["file"].error).startswith(("PermissionError", "FileNotFoundError"))
    assert str(ended["network"].error).startswith("PermissionError")
    assert str(ended["program"].error).startswith("PermissionError")
    assert ended["environment"].result == {"output": None}
    assert "code blocks have no modules, programs or files" in str(ended["js"].error)


@pytest.mark.parametrize("language", LANGUAGES)
def test_w02_an_endless_loop_ends_and_holds_nobody(language: str) -> None:
    """W2: a block without end is ended by its deadline, and the others run meanwhile."""
    endless = "for (;;);" if language == "javascript" else "while True: pass"
    started = time.monotonic()

    ended = played(
        code("endless", endless, language),
        code("beside", "output = 1", language),
        code("after", "output = 2", language),
        links="beside>after",
        wall_s=2,
    )

    assert ended["endless"].error == "The code took longer than 2 s and was stopped."
    assert [ended[name].result for name in ("beside", "after")] == [{"output": 1}, {"output": 2}]
    assert time.monotonic() - started < 6
    assert list(ended)[-1] == "endless"


@pytest.mark.parametrize(
    ("language", "source", "error"),
    [
        ("python", "output = {'a': [object()]}", "ValueError: output.a[0] is an object, which is no JSON value"),
        ("python", "output = float('nan')", "ValueError: output is NaN, which JSON does not have"),
        ("python", "output = b'x'", "ValueError: output is bytes, which JSON does not have"),
        ("python", "output = 'a\\ud800'", "ValueError: output has U+D800 at position 1"),
        ("javascript", "output = { a: [() => 1] }", "ValueError: output.a[0] is a function, which is no JSON value"),
        ("javascript", "output = NaN", "ValueError: output is NaN, which JSON does not have"),
        ("javascript", "output = new Uint8Array(1)", "ValueError: output is bytes, which JSON does not have"),
    ],
)
def test_w12_a_value_that_is_no_json_fails_its_block_alone(language: str, source: str, error: str) -> None:
    """W12: the block says what is wrong and where; its followers and the run go on."""
    ended = played(code("odd", source, language), code("next", "output = odd['error']"), links="odd>next")

    assert str(ended["odd"].error).startswith(error)
    assert ended["next"].result == {"output": ended["odd"].error}


@pytest.mark.parametrize("language", LANGUAGES)
def test_w40_code_cannot_rewrite_the_results_of_others(language: str) -> None:
    """W40: each block works on a copy; who comes later sees what the earlier block gave."""
    change = "first['output'].append(3); input_data['first']['output'].append(4); output = len(first['output'])"
    if language == "javascript":
        change = "first.output.push(3); input_data.first.output.push(4); output = first.output.length"

    ended = played(
        code("first", "output = [1, 2]"),
        code("second", change, language),
        code("third", "output = [first['output'], input_data['first']['output']]"),
        links="first>second second>third",
    )

    assert ended["second"].result == {"output": 3}
    assert ended["third"].result == {"output": [[1, 2], [1, 2]]}
