"""What a code block sees, returns and says, through a real worker."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from engine.code import CodeResult, CodeRunner, ModulePolicy
from tests.engine.coderuns import LIMITS, Run, output_of, runs


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Runs a source text with the given scope, input data and options."""
    with runs("python") as found:
        yield found


def test_names_found_by_looking_around_are_there(run: Run) -> None:
    """Code that looks names up at run time finds all of them."""
    assert output_of(run("output = globals()['a' + 'b']['n']", {"ab": {"n": 5}})) == 5


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f(x):\n    return x + 1\noutput = f(1)", 2),
        ("def fact(n):\n    return 1 if n < 2 else n * fact(n - 1)\noutput = fact(20)", 2432902008176640000),
        (
            "class A:\n    def __init__(self, n): self.n = n\n    def __eq__(self, o): return self.n == o.n\n"
            "output = A(1) == A(1)",
            True,
        ),
        (
            "class A:\n    def __init__(self): self.n = 1\nclass B(A):\n    def __init__(self):\n"
            "        super().__init__()\noutput = B().n",
            1,
        ),
        ("try:\n    int('x')\nexcept ValueError as error:\n    output = type(error).__name__", "ValueError"),
        ("class Mine(Exception): pass\ntry:\n    raise Mine('why')\nexcept Mine as e:\n    output = str(e)", "why"),
        ("output = {k: [v for v in range(k)] for k in range(3) if k}", {"1": [0], "2": [0, 1]}),
        ("def g():\n    yield 1\n    yield from (2, 3)\noutput = list(g())", [1, 2, 3]),
        ("import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return 7\noutput = asyncio.run(f())", 7),
        ("from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int = 1\noutput = P(x=2)", {"x": 2}),
        ("from enum import Enum\nclass C(Enum):\n    RED = 'r'\noutput = C.RED", "r"),
        ("import re\noutput = re.sub('a+', lambda m: str(len(m.group())), 'xaay')", "x2y"),
        ("match {'a': 1}:\n    case {'a': n}:\n        output = n", 1),
        ("n = 1\ndef f():\n    global n\n    n += 1\nf()\noutput = n", 2),
        (
            "import threading\nr = []\nt = threading.Thread(target=r.append, args=(1,))\nt.start(); t.join()\n"
            "output = r",
            [1],
        ),
        (
            "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(4) as p:\n"
            "    output = list(p.map(abs, [-1, 2]))",
            [1, 2],
        ),
        ("if __name__ == '__main__':\n    output = 1", 1),
        ("import datetime\noutput = datetime.datetime.strptime('2026-11-24', '%Y-%m-%d')", "2026-11-24T00:00:00"),
        (
            "from zoneinfo import ZoneInfo\nimport datetime\n"
            "output = datetime.datetime(2026, 7, 1, tzinfo=ZoneInfo('Europe/Berlin'))",
            "2026-07-01T00:00:00+02:00",
        ),
        ("import json, math, hashlib, base64, csv, uuid, statistics, decimal\noutput = statistics.mean([1, 3])", 2),
        ("import urllib.parse\noutput = urllib.parse.quote('a b')", "a%20b"),
    ],
)  # fmt: skip
def test_the_language_is_whole(run: Run, source: str, expected: Any) -> None:
    """Functions, classes, exceptions, generators, async, threads and the usual modules work."""
    assert output_of(run(source)) == expected


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("a = 1\n\noutput = x", "NameError: name 'x' is not defined (line 3)"),
        ("def f():\n    return 1 / 0\n\n\nf()", "ZeroDivisionError: division by zero (line 2)"),
        ("raise ValueError('no good')", "ValueError: no good (line 1)"),
        ("{}['key']", "KeyError: 'key' (line 1)"),
        ("x = 1\nreturn x", "SyntaxError: 'return' outside function (line 2)"),
        ("x = (1", "SyntaxError: '(' was never closed (line 1)"),
        ("if x:\npass", "IndentationError: expected an indented block after 'if' statement on line 1 (line 2)"),
        ("output = ().__class__", "Dunder attribute access is not allowed (line 1)"),
        ("import json\njson.loads('{')", "JSONDecodeError: Expecting property name enclosed in double quotes"),
        ("assert False", "AssertionError (line 1)"),
        ("def f(): f()\nf()", "RecursionError: maximum recursion depth exceeded (line 1)"),
        ("raise SystemExit", "SystemExit: code blocks do not exit; set output and let the code end (line 1)"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt (line 1)"),
        ("x = 1\0", "SyntaxError: "),
        ("-" * 20000 + "1", ""),
    ],
)
def test_errors_name_what_happened_and_the_line(run: Run, source: str, error: str) -> None:
    """An error says kind, text and the line of the person's code; the output is null."""
    result = run(source)

    assert result.output is None
    assert result.error is not None
    assert result.error.startswith(error)


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("import os", "'os' is not available in code blocks"),
        ("import requests", "code blocks have no network"),
        ("import nonexistent_pkg_zz", "BLOCKLOOM_CODE_MODULES=nonexistent_pkg_zz (line 1)"),
        ("from subprocess import run", "'subprocess' is not available"),
        ("from . import x", "a code block is no package"),
        ("import polars", "No module named 'polars' (line 1)"),
        ("open('x')", "open is not available in code blocks: code blocks have no files"),
        ("output = eval('1')", "eval is not available"),
        ("input()", "input is not available"),
        ("exit()", "exit is not available"),
    ],
)
def test_what_is_missing_says_what_to_do(run: Run, source: str, part: str) -> None:
    """A module or function that is not there says why and where to turn."""
    assert part in str(run(source).error)


def test_a_module_can_be_allowed() -> None:
    """What a person adds in the settings is importable."""

    async def go() -> CodeResult:
        async with CodeRunner(LIMITS, ModulePolicy().also(["textwrap3", "platform"])) as code:
            return await code.run("import platform\noutput = platform.python_version()", {}, {})

    assert output_of(asyncio.run(go())).startswith("3.")


def test_numpy_works_and_its_values_become_json(run: Run) -> None:
    """Arrays and numpy numbers are returned as lists and numbers."""
    pytest.importorskip("numpy")

    result = run("import numpy as np\noutput = {'a': np.arange(3), 'b': np.float32(0.5), 'm': np.eye(2).dot([1, 2])}")

    assert output_of(result) == {"a": [0, 1, 2], "b": 0.5, "m": [1, 2]}


def test_random_numbers_differ_between_blocks(run: Run) -> None:
    """Forks of one template do not draw the same numbers."""
    draws = {output_of(run("import random, secrets, uuid\noutput = random.random()")) for _ in range(5)}

    assert len(draws) == 5


def test_the_old_imports_setting_puts_modules_in_scope(run: Run) -> None:
    """Preload keys bind the module and its usual short name; unknown ones are passed over until they are used."""
    result = run(
        "output = [json.dumps(1), int(np.sum([1, 2])), numpy is np]", imports=["json", "numpy", "os", "no_such_thing"]
    )

    assert output_of(result) == ["1", 3, True]


def test_prints_arrive_while_the_code_runs(run: Run) -> None:
    """Each printed line is heard before the block ends, standard error included; the result has all of it."""
    heard: list[str] = []
    source = "import logging\nprint('one')\nprint('zwei ä', end='')\nlogging.warning('three')"

    result = run(source, on_print=heard.append)

    assert result.printed == "one\nzwei äWARNING:root:three\n"
    assert "".join(heard) == result.printed


def test_prints_before_an_error_are_kept(run: Run) -> None:
    """What was printed before a failure is there to find the failure with."""
    result = run("print('before')\nraise ValueError")

    assert result.printed == "before\n"
    assert result.error == "ValueError (line 2)"


def test_other_languages_are_named_as_missing(run: Run) -> None:
    """A language that is not there gives an error that says what runs here."""
    error = "Code blocks run Python and JavaScript; 'ruby' is not available. Translate the code."

    assert run("puts 1", language="ruby").error == error
    assert output_of(run("output = 1", language=" Python ")) == 1


def test_inputs_that_are_no_json_are_an_error_of_the_block(run: Run) -> None:
    """A half character in an earlier result fails the block that reads it, not the run."""
    assert "cannot be handed to the code" in str(run("output = a", {"a": {"output": "\ud800"}}).error)


def test_large_data_goes_in_and_out() -> None:
    """Megabytes pass both ways unchanged."""
    rows = [{"id": number, "text": "ä" * 20} for number in range(20_000)]

    async def go() -> CodeResult:
        async with CodeRunner() as code:
            return await code.run("output = list(reversed(Rows['output']))", {"Rows": {"output": rows}}, {})

    assert output_of(asyncio.run(go())) == rows[::-1]


def test_blocks_run_at_the_same_time() -> None:
    """Several blocks of a run overlap, each with its own names and prints."""

    async def go() -> list[CodeResult]:
        async with CodeRunner() as code:
            source = "import time\nprint(a['n'])\ntime.sleep(0.2)\noutput = a['n']"
            return await asyncio.gather(*[code.run(source, {"a": {"n": n}}, {}) for n in range(8)])

    results = asyncio.run(go())

    assert [result.output for result in results] == list(range(8))
    assert [result.printed for result in results] == [f"{n}\n" for n in range(8)]
    assert all(result.duration_ms < 1500 for result in results)
