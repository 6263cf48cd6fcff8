"""What a JavaScript block sees, returns and says, through a real worker."""

import asyncio
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.code import CodeResult, CodeRunner, CodeUnavailable, Isolation, launch, machinecode
from tests.engine.coderuns import LIMITS, Run, output_of, runs
from tests.processes import processes_below, until

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Runs a source text with the given scope, input data and options."""
    with runs("javascript") as found:
        yield found


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("let output = 1; const result = 2", 1),
        ("var result = 2", 2),
        ("output = undefined; result = 2", 2),
        ("const x = 3", None),
    ],
)
def test_a_result_may_be_declared_in_any_way(run: Run, source: str, expected: Any) -> None:
    """`let`, `const`, `var` or nothing: what counts is that it has a value."""
    assert output_of(run(source)) == expected


def test_a_block_may_be_named_as_anything(run: Run) -> None:
    """Blocks named as results, words of the language or its inner names neither break it nor count as results."""
    names = ["output", "result", "Map", "JSON", "Object", "undefined", "console", "class", "globalThis", "__proto__"]
    scope = {name: {"n": place} for place, name in enumerate(names)}

    result = run("if (output.n !== 0) throw 1; let x = Map.n", scope, scope)
    dated = run("output = [new Date(0), Map.n, input_data.__proto__.n]", scope, scope)

    assert output_of(result) is None
    assert output_of(dated) == ["1970-01-01T00:00:00.000Z", 2, 9]


def test_names_found_by_looking_around_are_there(run: Run) -> None:
    """Code that looks names up at run time, or writes them with escapes, finds all of them."""
    assert output_of(run("output = globalThis['a' + 'b'].n", {"ab": {"n": 5}})) == 5
    assert output_of(run("output = \\u0061b.n", {"ab": {"n": 5}})) == 5


def test_any_json_goes_through_unchanged(run: Run) -> None:
    """What comes in as JSON goes out as the same JSON, numbers of any length included."""

    @given(JSON)
    def check(value: Any) -> None:
        assert output_of(run("output = Start.output", {"Start": {"output": value}})) == value

    check()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("const f = (n) => (n < 2 ? 1 : n * f(n - 1)); output = f(10)", 3628800),
        ("class A { #n = 1; get n() { return this.#n; } } output = new A().n", 1),
        ("const { a, ...rest } = { a: 1, b: 2 }; output = [a, rest?.b ?? 0]", [1, 2]),
        ("function* g() { yield 1; yield* [2, 3]; } output = [...g()]", [1, 2, 3]),
        ("output = 'a-b'.replaceAll('-', '+').match(/(?<x>a)/).groups.x", "a"),
        ("output = await Promise.all([1, Promise.resolve(2)])", [1, 2]),
        ("async function main() { await null; output = 7; }\nmain()", 7),
        ("let n = 0; for (let i = 0; i < 150_000; i++) { await 0; n++; } output = n", 150_000),
        ("Promise.resolve().then(() => { output = 8 })", 8),
        ("try { null.x } catch (error) { output = error.name }", "TypeError"),
        ("output = JSON.parse('{\"a\": [1]}').a", [1]),
        ("output = btoa('hi')", "aGk="),
        ("output = eval('1 + 1')", 2),
    ],
)
def test_the_language_is_whole(run: Run, source: str, expected: Any) -> None:
    """Functions, classes, generators, promises, await at the top, and the usual objects work."""
    assert output_of(run(source)) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("output = new Date(0)", "1970-01-01T00:00:00.000Z"),
        ("output = new Set([1, 2])", [1, 2]),
        ("output = new Map([['a', 1], [2, 'b'], [new Date(0), 3]])", {"a": 1, "2": "b", "1970-01-01T00:00:00.000Z": 3}),
        ("output = 123456789012345678901234567890n", 123456789012345678901234567890),
        ("output = { big: -5n, list: [1n] }", {"big": -5, "list": [1]}),
        ("output = [undefined, , null]", [None, None, None]),
        ("output = { gone: undefined, kept: 1, deep: new Map([['x', undefined]]) }", {"kept": 1, "deep": {}}),
        ("output = new Float64Array([1.5, 2])", [1.5, 2]),
        ("output = new (class P { constructor() { this.x = 1; } })()", {"x": 1}),
        ("output = { toJSON: () => ({ a: 1 }) }", {"a": 1}),
        ("output = [Object(5), Object('x'), Object(true)]", [5, "x", True]),
        ("output = new RangeError('no')", {"name": "RangeError", "message": "no"}),
        ("output = Object.assign(Object.create(null), { a: 1 })", {"a": 1}),
        ("output = [-0, 1e21, 0.1]", [0, 1e21, 0.1]),
        ("output = '\\\\ud800 is text'", "\\ud800 is text"),
    ],
)
def test_common_values_have_a_natural_json(run: Run, source: str, expected: Any) -> None:
    """Dates, maps, sets, whole numbers of any length and objects of classes are converted."""
    assert output_of(run(source)) == expected


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("output = { rows: [1, { price: NaN }] }", "output.rows[1].price is NaN, which JSON does not have"),
        ("output = [Infinity]", "output[0] is infinite, which JSON does not have; replace it by null or a number"),
        (
            "output = { f() {} }",
            "output.f is a function, which is no JSON value; return text, a number, a list or an obj",
        ),
        ("output = Symbol('x')", "output is a symbol, which is no JSON value"),
        ("output = { 'a b': /x/ }", 'output["a b"] is a RegExp, which is no JSON value'),
        (
            "output = new Uint8Array(2)",
            "output is bytes, which JSON does not have; make numbers of it: Array.from(value)",
        ),
        ("output = [Promise.resolve(1)]", "output[0] is a promise; write await before what makes it"),
        ("output = [1].values()", "output is an iterator, which is used up by reading; make a list of it: [...value]"),
        ("output = new Date(NaN)", "output is a date that does not exist"),
        ("output = ['ab\\ud83d\\ude00\\ud800']", "output[0] has U+D800 at position 4, a half character from cut text"),
        ("output = { '\\udfff': 1 }", "a key of output has U+DFFF at position 0"),
        ("output = 10n ** 5000n", "output is a whole number of more than 4200 digits; return it as text or round it"),
        (
            "output = []; output.push(output)",
            "is nested deeper than 200 levels (or contains itself); return less of it",
        ),
    ],
)
def test_what_is_no_json_is_named_with_its_place(run: Run, source: str, problem: str) -> None:
    """The error gives the path, what is there, and what would be right; the output is null."""
    result = run(source)

    assert result.output is None
    assert str(result.error).startswith("ValueError: output") or "a key of output" in str(result.error)
    assert problem in str(result.error)


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("let a = 1\n\noutput = x.y", "ReferenceError: x is not defined: declare it with let, or look for a typing"),
        ("function f(a) {\n  a.b.c = 1\n}\n\nf({})", "TypeError: cannot set property 'c' of undefined (line 2)"),
        ("throw new RangeError('no good')", "RangeError: no good (line 1)"),
        ("throw 'text'", "Error: text"),
        ("throw { a: [1] }", "Error: {a: [1]}"),
        ("throw null", "Error: null"),
        ("let x = 1\nreturn x", "SyntaxError: return not in a function (line 2)"),
        ("output = (1", "SyntaxError: "),
        ("async function main() {\n  await null; throw new Error('late') }\nmain()", "Error: late (line 2)"),
        ("\nawait Promise.reject(new Error('no'))", "Error: no (line 2)"),
        ("await new Promise(() => {})", "Error: the code waits for a promise that nothing will settle"),
        ("const f = () => f(); f()", "RangeError: functions call each other too deeply"),
    ],
)
def test_errors_name_what_happened_and_the_line(run: Run, source: str, error: str) -> None:
    """An error says name, text and the line of the person's code; the output is null."""
    result = run(source)

    assert result.output is None
    assert str(result.error).startswith(error)


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("require('fs')", "require is not defined: code blocks have no modules, programs or files"),
        ("let a = 1\nimport x from 'y'", "import and export cannot be used: code blocks have no modules, programs or"),
        ("const fs = await import('fs')", "import cannot be used: code blocks have no modules"),
        ("process.env", "process is not defined: code blocks have no modules, programs or files"),
        ("setTimeout(() => 1, 10)", "setTimeout is not defined: nothing goes on after the code has ended"),
        ("document.title", "document is not defined: there is no browser page here"),
        ("fetch('https://example.com')", 'fetch is not defined: turn on "Let the code call web addresses" in this'),
        ("total = 1", "total is not defined: declare it with let"),
    ],
)
def test_what_is_missing_says_what_to_do(run: Run, source: str, part: str) -> None:
    """A name or module that is not there says why and where to turn."""
    assert part in str(run(source).error)


def test_an_import_is_named_with_its_line(run: Run) -> None:
    """The error of an import statement points at it, wherever the reader stumbled."""
    assert str(run("let a = 1\nimport x from 'y'").error).endswith("(line 2)")


def test_console_is_what_is_printed(run: Run) -> None:
    """Each line is heard before the block ends; values are shown as they are written."""
    heard: list[str] = []
    source = (
        "console.log('one', 1, [1, 'x', null, undefined, NaN])\nconsole.warn({a: {b: new Map([[1, 2n]])}})\n"
        "console.error(new TypeError('no'), () => 1, 'half \\ud800')"
    )

    result = run(source, on_print=heard.append)

    assert result.printed.splitlines() == [
        'one 1 [1, "x", null, undefined, NaN]',
        "{a: {b: Map {1 => 2n}}}",
        "TypeError: no [function without a name] half \ufffd",
    ]
    assert "".join(heard) == result.printed


@pytest.mark.parametrize(
    "source",
    [
        "const kept = []; for (;;) kept.push({})",
        "'x'.repeat(2 ** 29)",
        "let text = []; for (;;) text.push('x'.repeat(1000) + text.length)",
    ],
)
def test_full_memory_is_named_however_it_was_filled(run: Run, source: str) -> None:
    """Lists, texts and objects run into the same limit, with the same words."""
    result = run(source)

    assert result.limit == "memory"
    assert result.error == "MemoryError: more memory than the 128 MB that a block may use"


def test_random_numbers_differ_between_blocks(run: Run) -> None:
    """Copies of one engine do not draw the same numbers, and those look random."""
    draws = [output_of(run("output = Array.from({length: 50}, Math.random)")) for _ in range(4)]
    together = [number for draw in draws for number in draw]

    assert len(set(together)) == 200
    assert all(0 <= number < 1 for number in together)
    assert 0.4 < sum(together) / 200 < 0.6


def test_the_clock_goes_on(run: Run) -> None:
    """A block sees the time of day, not that of the engine's start."""
    first = output_of(run("output = Date.now()"))

    assert output_of(run("output = Date.now()")) > first


def test_the_engine_loads_with_the_first_block_that_asks() -> None:
    """Python blocks pay nothing for JavaScript until one asks, and the template has no threads to lose by a fork."""
    loaded = "import json\noutput = 'quickjs_rs' in json.codecs.sys.modules"
    before = processes_below(os.getpid())

    async def go() -> list[Any]:
        async with CodeRunner(measured=Isolation("basic", "given")) as code:
            first = await code.run(loaded, {}, {})
            assert await until(lambda: len(processes_below(os.getpid()) - before) == 1)
            (template,) = processes_below(os.getpid()) - before
            await code.run("output = 1", {}, {}, language="javascript")
            second = await code.run(loaded, {}, {})
            return [first.output, second.output, len(os.listdir(f"/proc/{template}/task"))]  # noqa: PTH208

    try:
        assert asyncio.run(go()) == [False, True, 1]
    except CodeUnavailable as error:
        pytest.skip(str(error))


def test_python_gains_no_memory_by_the_engine() -> None:
    """The addresses that the engine sets aside are not there for the Python blocks of the same run."""
    grab = (
        "import json\nmodules = json.codecs.sys.modules\n"
        "mmap = vars(modules['builtins'])['__import__']('mmap')\nmmap.mmap(-1, 256 << 20)"
    )

    async def go() -> list[CodeResult]:
        async with CodeRunner(LIMITS) as code:
            await code.run("output = 1", {}, {}, language="javascript")
            return [await code.run(source, {}, {}) for source in (grab, "x = [0]\nwhile True: x += x")]

    shared, private = asyncio.run(go())

    assert "Cannot allocate memory" in str(shared.error)
    assert private.limit == "memory"


def test_an_engine_that_cannot_be_prepared_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the engine a JavaScript block fails with the reason, and Python goes on."""
    machinecode._made.cache_clear()
    monkeypatch.setattr(machinecode, "_PROGRAM", "raise SystemExit('no such luck')")

    async def go() -> CodeResult:
        async with CodeRunner() as code:
            with pytest.raises(CodeUnavailable, match=re.escape("its engine could not be prepared (no such luck)")):
                await code.run("output = 1", {}, {}, language="javascript")
            return await code.run("output = 2", {}, {})

    assert output_of(asyncio.run(go())) == 2


def test_machine_code_that_does_not_fit_costs_its_blocks_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A template that cannot start the engine tells each block that asks for it, and serves Python on."""

    async def nonsense() -> bytes:
        return b"nonsense"

    monkeypatch.setattr("engine.code.runner.machine_code", nonsense)

    async def go() -> list[CodeResult]:
        async with CodeRunner() as code:
            javascript = [await code.run("output = 1", {}, {}, language="javascript") for _ in range(2)]
            return [*javascript, await code.run("output = 2", {}, {})]

    first, second, python = asyncio.run(go())

    assert str(first.error).startswith("JavaScript cannot run here: ")
    assert first.error == second.error
    assert output_of(python) == 2


def test_a_helper_that_fails_has_the_last_word() -> None:
    """The last line of what a helper wrote is the error."""
    assert launch.output_of("print('fine')") == b"fine\n"
    with pytest.raises(OSError, match="ZeroDivisionError: division by zero"):
        launch.output_of("1 / 0")
