"""What a code block sees, returns and says, through a real worker."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engine.code import CodeLimits, CodeResult, CodeRunner, ModulePolicy

LIMITS = CodeLimits(cpu_s=1, wall_s=20, memory_mb=256, print_bytes=1000, output_bytes=100_000)
Run = Callable[..., CodeResult]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Runs a source text with the given scope, input data and options."""
    with asyncio.Runner() as loop:
        code = CodeRunner(LIMITS)

        def run_one(source: str, scope: Any = None, input_data: Any = None, **options: Any) -> CodeResult:
            return loop.run(code.run(source, scope or {}, input_data or {}, **options))

        yield run_one
        loop.run(code.__aexit__(None, None, None))


def output_of(result: CodeResult) -> Any:
    assert result.error is None
    return result.output


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("output = 1", 1),
        ("result = 2", 2),
        ("output = 1\nresult = 2", 1),
        ("output = None\nresult = 2", None),
        ("x = 3", None),
        ("", None),
        (" \n\t", None),
        ("# nothing", None),
    ],
)
def test_the_result_is_output_else_result_else_null(run: Run, source: str, expected: Any) -> None:
    """`output` wins over `result`; code that sets neither, or is blank, gives null."""
    assert output_of(run(source)) == expected


def test_earlier_results_are_variables_with_underscores(run: Run) -> None:
    """Each id and name is a variable, `-` written as `_`; other names are only in input_data."""
    first = {"output": {"n": 4}}
    names = {"block-1": first, "My Block": first, "9lives": first, "class": first}

    result = run(
        "output = [block_1['output']['n'], input_data['My Block']['output']['n'], len(input_data)]", names, names
    )

    assert output_of(result) == [4, 4, 4]


def test_a_block_named_output_is_no_result(run: Run) -> None:
    """An earlier block that happens to be called `output` or `result` is not returned by code that sets neither."""
    assert output_of(run("x = output['n']", {"output": {"n": 1}, "result": {"n": 2}})) is None


def test_names_found_by_looking_around_are_there(run: Run) -> None:
    """Code that looks names up at run time finds all of them."""
    assert output_of(run("output = globals()['a' + 'b']['n']", {"ab": {"n": 5}})) == 5


def test_changing_an_input_changes_nothing_outside(run: Run) -> None:
    """Code works on copies: neither later blocks nor `input_data` see what it does to a name."""
    given = {"output": {"rows": [1, 2]}}

    result = run(
        "Start['output']['rows'].append(3)\noutput = input_data['Start']['output']['rows']",
        {"Start": given},
        {"Start": given},
    )

    assert output_of(result) == [1, 2]
    assert given == {"output": {"rows": [1, 2]}}


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


def test_print_is_cut_with_a_note(run: Run) -> None:
    """A flood is cut at the limit, says so, and does not hold the code up."""
    result = run("for _ in range(100_000): print('x' * 50)\noutput = 'done'")

    assert output_of(result) == "done"
    assert result.printed.startswith("x" * 50)
    assert result.printed.endswith("[cut here: a block may print 1,000 bytes]\n")
    assert len(result.printed) < 1100


def test_prints_before_an_error_are_kept(run: Run) -> None:
    """What was printed before a failure is there to find the failure with."""
    result = run("print('before')\nraise ValueError")

    assert result.printed == "before\n"
    assert result.error == "ValueError (line 2)"


@pytest.mark.parametrize(
    ("source", "limit", "part"),
    [
        ("while True: pass", "cpu", "more than 1 s of processor time"),
        ("x = [0]\nwhile True: x += x", "memory", "256 MB that a block may use"),
        ("output = 'x' * 200_000", "output", "a block may return 100,000"),
    ],
)
def test_each_limit_says_its_name(run: Run, source: str, limit: str, part: str) -> None:
    """A block that runs into a limit ends with an error that names it and its size."""
    result = run(source)

    assert result.limit == limit
    assert part in str(result.error)


def test_a_block_ends_at_its_wall_clock(run: Run) -> None:
    """Waiting code is stopped when its time is over."""
    result = run("import time\nprint('in')\ntime.sleep(100)", timeout_s=0.2)

    assert (result.limit, result.printed) == ("wall", "in\n")
    assert result.error == "The code took longer than 0.2 s and was stopped."
    assert result.duration_ms < 1000


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
