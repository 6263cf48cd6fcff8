"""Python in the restricted interpreter: the same rules as in a worker, and words where it is not all of Python."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engine.code import CodeLimits, CodeResult, CodeRunner, CodeUnavailable, Isolation
from engine.code.runner import RESTRICTED_VARIABLE, UNISOLATED_VARIABLE

NONE = Isolation("none", "the kernel offers nothing")
LIMITS = CodeLimits(cpu_s=1, wall_s=20, memory_mb=64, print_bytes=1000, output_bytes=100_000)
Run = Callable[..., CodeResult]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Runs a source text with the given scope, input data and options."""
    with asyncio.Runner() as loop:
        code = CodeRunner(LIMITS, measured=NONE, fallback="monty")

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
        ("# nothing", None),
    ],
)
def test_the_result_is_output_else_result_else_null(run: Run, source: str, expected: Any) -> None:
    """`output` wins over `result`; code that sets neither, or is blank, gives null."""
    assert output_of(run(source)) == expected


def test_earlier_results_are_variables_with_underscores(run: Run) -> None:
    """Each id and name is a variable, `-` written as `_`; other names are only in input_data."""
    first = {"output": {"n": 4}}
    names = {"block-1": first, "My Block": first}

    result = run("output = [block_1['output']['n'], input_data['My Block']['output']['n']]", names, names)

    assert output_of(result) == [4, 4]


def test_a_block_named_output_is_no_result(run: Run) -> None:
    """An earlier block that happens to be called `output` is there, and not returned by code that sets nothing."""
    scope = {"output": {"n": 1}, "result": {"n": 2}}

    assert output_of(run("x = output['n']", scope)) is None
    assert output_of(run("output = output['n'] + result['n']", scope)) == 3
    assert output_of(run("result = 4", scope)) == 4


def test_changing_an_input_changes_nothing_outside(run: Run) -> None:
    """Code works on copies: neither later blocks nor `input_data` see what it does to a name."""
    given = {"output": {"rows": [1, 2]}}

    result = run(
        "Start['output']['rows'].append(3)\noutput = [input_data['Start']['output']['rows'], Start['output']['rows']]",
        {"Start": given},
        {"Start": given},
    )

    assert output_of(result) == [[1, 2], [1, 2, 3]]
    assert given == {"output": {"rows": [1, 2]}}


def test_one_block_knows_nothing_of_another(run: Run) -> None:
    """Each block begins anew."""
    run("kept = 1")

    assert str(run("output = kept").error).startswith("NameError: name 'kept' is not defined")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import datetime\noutput = datetime.date(2026, 11, 24)", "2026-11-24"),
        ("output = {3}", [3]),
        ("import decimal\noutput = decimal.Decimal('1.50')", 1.5),
        ("from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\noutput = [P(1)]", [{"x": 1}]),
        ("import json, re, math\noutput = json.loads(json.dumps([math.floor(1.5)]))", [1]),
        ("output = [n * 2 for n in range(3) if n]", [2, 4]),
        ("output = 10 ** 30", 10**30),
    ],
)
def test_usual_code_gives_natural_json(run: Run, source: str, expected: Any) -> None:
    """What the interpreter has of Python works, and values are converted as in a worker."""
    assert output_of(run(source)) == expected


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("a = 1\n\noutput = x", "NameError: name 'x' is not defined (line 3)"),
        ("def f():\n    return 1 / 0\n\nf()", "ZeroDivisionError: division by zero (line 2)"),
        ("raise ValueError('no good')", "ValueError: no good (line 1)"),
        ("x = (1", "SyntaxError: "),
        ("output = ().__class__", "Dunder attribute access is not allowed (line 1)"),
        ("output = {'a': float('nan')}", "ValueError: output.a is NaN, which JSON does not have"),
        ("output = b'x'", "ValueError: output is bytes, which JSON does not have"),
        ("class P:\n    pass\noutput = P()", "ValueError: output is an object of its own kind, which is no JSON value"),
    ],
)
def test_errors_name_what_happened_and_the_line(run: Run, source: str, error: str) -> None:
    """An error says kind, text and the line of the person's code; the output is null."""
    result = run(source)

    assert result.output is None
    assert str(result.error).startswith(error)


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("class A(dict): pass", "does not have class inheritance and metaclasses; write it another way (line 1)"),
        ("def g():\n    yield 1", "does not have yield expressions; write it another way (line 2)"),
        ("import statistics", "does not have the module 'statistics' (line 1)"),
        ("import requests", "code blocks have no network, so 'requests' would not work"),
        ("import os.path\nimport subprocess", "'subprocess' is not available in code blocks: they have no files"),
        ("output = globals()", "does not have globals (line 1)"),
        ("open('x')", "code blocks have no files; take the data from an earlier block"),
    ],
)
def test_what_is_missing_says_what_to_do(run: Run, source: str, part: str) -> None:
    """Where this interpreter is not all of Python it says so, and that the machine is the reason."""
    error = str(run(source).error)

    assert part in error
    assert "does not have" not in error or "because it cannot isolate the full one" in error


@pytest.mark.parametrize(
    ("source", "limit", "part"),
    [
        ("while True: pass", "cpu", "more than 1 s of processor time"),
        ("x = [0]\nwhile True: x += x", "memory", "64 MB that a block may use"),
        ("output = 'x' * 200_000", "output", "a block may return 100,000"),
    ],
)
def test_each_limit_says_its_name(run: Run, source: str, limit: str, part: str) -> None:
    """A block that runs into a limit ends with an error that names it and its size."""
    result = run(source)

    assert result.limit == limit
    assert part in str(result.error)


@pytest.mark.parametrize("source", ["while True: pass", "import time\ntime.sleep(100)"])
def test_a_block_ends_at_its_wall_clock(run: Run, source: str) -> None:
    """A block that works or waits is stopped when its time is over, and the next one runs."""
    result = run(f"print('in')\n{source}", timeout_s=0.2)

    assert (result.limit, result.printed) == ("wall", "in\n")
    assert output_of(run("output = 1")) == 1


def test_prints_are_heard_and_cut_with_a_note(run: Run) -> None:
    """What is printed is heard in order; a flood is cut at the limit and does not hold the code up."""
    heard: list[str] = []

    result = run("for n in range(100_000): print('zwei ä', n)\noutput = 'done'", on_print=heard.append)

    assert output_of(result) == "done"
    assert result.printed.startswith("zwei ä 0\nzwei ä 1\n")
    assert result.printed.endswith("[cut here: a block may print 1,000 bytes]\n")
    assert "".join(heard) == result.printed


def test_blocks_run_at_the_same_time(run: Run) -> None:
    """Several blocks of a run overlap, each with its own names and prints."""

    async def go() -> list[CodeResult]:
        async with CodeRunner(measured=NONE, fallback="monty") as code:
            source = "import time\nprint(a['n'])\ntime.sleep(0.2)\noutput = a['n']"
            return await asyncio.gather(*[code.run(source, {"a": {"n": n}}, {}) for n in range(6)])

    results = asyncio.run(go())

    assert [result.output for result in results] == list(range(6))
    assert [result.printed for result in results] == [f"{n}\n" for n in range(6)]


def refused(**options: Any) -> str:
    """Why a block does not run."""

    async def go() -> None:
        async with CodeRunner(measured=NONE, **options) as code:
            await code.run("output = 1", {}, {}, language="javascript" if options else "python")

    with pytest.raises(CodeUnavailable) as caught:
        asyncio.run(go())
    return str(caught.value)


def test_the_refusal_names_both_ways_out() -> None:
    """Without isolation nothing runs until the person chooses, and the text says between what."""
    text = refused()

    assert text.startswith("Code blocks are off: this machine cannot isolate them (the kernel offers nothing).")
    assert f"Choose the restricted Python interpreter (in the settings, or {RESTRICTED_VARIABLE}=1)" in text
    assert f"allow it for this workflow (or set {UNISOLATED_VARIABLE}=1)" in text


def test_other_languages_are_refused_with_words() -> None:
    """JavaScript has no restricted interpreter, and says so."""
    assert "The restricted interpreter runs Python only, so translate the code to Python." in refused(fallback="monty")


def test_the_choice_is_the_persons(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment can choose the interpreter; who allows everything gets the full language."""
    full = "class A(dict): pass\noutput = 1"

    async def go(**options: Any) -> CodeResult:
        async with CodeRunner(measured=NONE, **options) as code:
            return await code.run(full, {}, {})

    assert output_of(asyncio.run(go(fallback="monty", allow_unisolated=True))) == 1
    monkeypatch.setenv(RESTRICTED_VARIABLE, "1")
    assert "class inheritance" in str(asyncio.run(go()).error)
