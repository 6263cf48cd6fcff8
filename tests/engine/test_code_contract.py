"""What every language of code blocks keeps to: names, result, copies, prints and limits.

Source: contract section 3.8.
"""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.engine.coderuns import Run, output_of, runs


class Words(NamedTuple):
    """The same small programs in one language."""

    push: str
    flood: str
    wait: str
    loop: str
    fill: str
    large: str
    nothing: str


PYTHON = Words(
    push="Start['output']['rows'].append(3)\noutput = [input_data['Start']['output']['rows'], Start['output']['rows']]",
    flood="for n in range(1000): print('zwei ä', n)\noutput = 'done'",
    wait="print('in')\nimport time\ntime.sleep(100)",
    loop="while True: pass",
    fill="x = [0]\nwhile True: x += x",
    large="output = 'x' * 200_000",
    nothing="# nothing",
)
JAVASCRIPT = Words(
    push="Start.output.rows.push(3); output = [input_data.Start.output.rows, Start.output.rows]",
    flood="for (let n = 0; n < 1000; n++) console.log('zwei ä', n); output = 'done'",
    wait="console.log('in'); /^(a+)+$/.test('a'.repeat(40) + 'b')",
    loop="for (;;);",
    fill="const kept = []; for (;;) kept.push(new Uint8Array(1 << 20))",
    large="output = 'x'.repeat(200_000)",
    nothing="// nothing",
)
WORDS = {"python": PYTHON, "javascript": JAVASCRIPT, "restricted": PYTHON}


@pytest.fixture(scope="module", params=WORDS)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def run(language: str) -> Iterator[Run]:
    with runs(language) as found:
        yield found


@pytest.fixture
def words(language: str) -> Words:
    return WORDS[language]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("output = 1", 1),
        ("result = 2", 2),
        ("output = 1\nresult = 2", 1),
        ("result = 2\noutput = 1", 1),
        ("output = {none}\nresult = 2", None),
        ("{nothing}", None),
        ("", None),
        (" \n\t", None),
    ],
)
def test_the_result_is_output_else_result_else_null(
    run: Run, language: str, words: Words, source: str, expected: int | None
) -> None:
    """`output` wins over `result`; code that sets neither, or is blank, gives null."""
    none = "null" if language == "javascript" else "None"
    spelled = source.replace("{none}", none).replace("{nothing}", words.nothing)

    assert output_of(run(spelled)) == expected


def test_earlier_results_are_variables_with_underscores(run: Run) -> None:
    """Each id and name is a variable, `-` written as `_`; other names are only in input_data."""
    first = {"output": {"n": 4}}
    names = {"block-1": first, "My Block": first, "9lives": first, "Größe": first}
    source = (
        "output = [block_1['output']['n'], input_data['My Block']['output']['n'], Größe['output']['n'], "
        "input_data['9lives']['output']['n']]"
    )

    assert output_of(run(source, names, names)) == [4, 4, 4, 4]


def test_a_block_named_output_is_no_result(run: Run) -> None:
    """An earlier block that happens to be called `output` or `result` is there, and is no result of this one."""
    scope = {"output": {"n": 1}, "result": {"n": 2}}

    assert output_of(run("output['n']", scope)) is None
    assert output_of(run("output = output['n'] + result['n']", scope)) == 3
    assert output_of(run("result = 4", scope)) == 4


def test_changing_an_input_changes_nothing_outside(run: Run, words: Words) -> None:
    """Code works on copies: neither later blocks nor `input_data` see what it does to a name."""
    given = {"output": {"rows": [1, 2]}}

    result = run(words.push, {"Start": given}, {"Start": given})

    assert output_of(result) == [[1, 2], [1, 2, 3]]
    assert given == {"output": {"rows": [1, 2]}}


def test_numbers_of_any_length_go_through(run: Run) -> None:
    """A whole number is not cut, and a number with a fraction stays what it is."""
    numbers = [12345678901234567890, -(10**30), 0.1, 1e300, 6.222034649056906e16, 2**53]

    assert output_of(run("output = Start['output']", {"Start": {"output": numbers}})) == numbers


def test_prints_are_heard_and_cut_with_a_note(run: Run, words: Words) -> None:
    """What is printed is heard in order; a flood is cut at the limit, says so, and does not hold the code up."""
    heard: list[str] = []

    result = run(words.flood, on_print=heard.append)

    assert output_of(result) == "done"
    assert result.printed.startswith("zwei ä 0\nzwei ä 1\n")
    assert result.printed.endswith("[cut here: a block may print 1,000 bytes]\n")
    assert len(result.printed) < 1100
    assert "".join(heard) == result.printed


@pytest.mark.parametrize(
    ("kind", "limit", "part"),
    [
        ("loop", "cpu", "more than 1 s of processor time"),
        ("fill", "memory", "MemoryError: more memory than the 128 MB that a block may use"),
        ("large", "output", "a block may return 100,000"),
    ],
)
def test_each_limit_says_its_name(run: Run, words: Words, kind: str, limit: str, part: str) -> None:
    """A block that runs into a limit ends with an error that names it and its size."""
    result = run(getattr(words, kind))

    assert result.output is None
    assert result.limit == limit
    assert part in str(result.error)


def test_a_block_ends_at_its_wall_clock(run: Run, words: Words) -> None:
    """A block that waits, or works in a place that nothing interrupts, is stopped, and the next one runs."""
    run("output = 1")

    result = run(words.wait, timeout_s=0.3)

    assert (result.limit, result.printed) == ("wall", "in\n")
    assert result.error == "The code took longer than 0.3 s and was stopped."
    assert output_of(run("output = 1")) == 1
