"""Python in the restricted interpreter: the same rules as in a worker, and words where it is not all of Python."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from engine.code import CodeResult, CodeRunner, CodeUnavailable
from engine.code.runner import RESTRICTED_VARIABLE, UNISOLATED_VARIABLE
from tests.engine.coderuns import NONE, Run, output_of, runs


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Runs a source text with the given scope, input data and options."""
    with runs("restricted") as found:
        yield found


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
