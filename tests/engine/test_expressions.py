"""The condition language of the contract: what it takes, what it gives, what it refuses and why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ExpressionError
from engine.expressions import MAX_LENGTH, Expression, coerced

RESULTS = {
    "A": {"output": "5", "n": {"x": [1, 2]}, "flag": "TRUE", "text": "hello"},
    "Two words": {"output": 3},
}


def value(text: str, **variables: object) -> object:
    return Expression(text).evaluate(RESULTS.get, variables, RESULTS).value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('5 == "5"', True),
        ('"1.50" == 1.5', True),
        ('"007" == 7', True),
        ('" yes " == "yes"', False),
        ("<A.output> + 1", 6),
        ("<A.flag> and <Two words.output> > 2", True),
        ("1 < 2 < 3", True),
        ("1 < 2 > 5", False),
        ("not 0 and -3 % 2 == 1", True),
        ("A.n.x[1]", 2),
        ('A["n"]["x"]', [1, 2]),
        ("A.nothing.deeper == None", True),
        ("A.__class__ == None", True),
        ("0 or 'b'", "b"),
        ('"a" + "b"', "ab"),
        ("size > 3", True),
        ("True != False", True),
        ("<A.text>\n  == 'hello'", True),
    ],
)
def test_values(text: str, expected: object) -> None:
    """Comparison coerces text, chaining works, a dot is a key of an object and nothing more."""
    assert value(text, size=4) == expected


def test_run_variables_shadow_blocks() -> None:
    """A bare name is the run variable first."""
    assert value("A", A="mine") == "mine"


def test_a_reference_in_quotes_is_text() -> None:
    """Inside quotes nothing is replaced."""
    expression = Expression('"<A.output>" == <A.output>')

    assert [item.start for item in expression.references] == [16]
    assert expression.evaluate(RESULTS.get, {}, RESULTS).value is False


@pytest.mark.parametrize(
    ("text", "words", "offset"),
    [
        ("a === b", "write == instead", 2),
        ("a && b", "write and instead", 2),
        ("a || b", "write or instead", 2),
        ("!a", "write not instead", 0),
        ("a = 1", "write == instead", 2),
        ("a == true", "write True instead", 5),
        ("null", "write None instead", 0),
        ("<A.output> == undefined", "write None instead", 14),
        ("{{variables.x}} == 1", "variable's name alone", 0),
        ("a # why", "remove what follows #", 2),
        ("f(1)", "calls are not possible", 0),
        ("1 in x", "“in” is not possible", 0),
        ("x is None", "use “==”", 0),
        ("2 ** 3", "multiply", 0),
        ("7 // 2", "divide", 0),
        ("+1", "plus sign", 0),
        ("1 if a else 2", "one branch for each case", 0),
        ("f'{a}'", "f-texts", 0),
        ("(1, 2)", "one by one", 0),
        ("[x for x in y]", "not possible", 0),
        ("b'x'", "not possible", 0),
        ("1j", "not possible", 0),
        ("...", "not possible", 0),
        ("<A.output> <A.n>", "no condition", 11),
        ("a ==", "no condition", 0),
        ("1) + (1", "no condition", 1),
        ("  ", "empty", 0),
        ("\0", "no condition", 0),
        ("9" * 5000, "too long", 0),
        ("1e999", "too large", 0),
        ("x" * (MAX_LENGTH + 1), "characters", 0),
        ("not " * 2000 + "a", "too deeply", 0),
        ("(" * 150 + "1" + ")" * 150 + "[0]" * 200, "too deeply", 0),
        ("1" + " + 1" * 2000, "too deeply", 0),
    ],
)
def test_what_is_refused_says_what_to_write(text: str, words: str, offset: int) -> None:
    """Habits from JavaScript, everything outside the language, and sheer size."""
    with pytest.raises(ExpressionError) as caught:
        Expression(text)

    assert words in str(caught.value)
    if offset:
        assert caught.value.offset == offset


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<Nobody.output> == 1", "<Nobody.output> has no value"),
        ("nobody == 1", "“nobody” is neither"),
        ('"a" < 1', "different kinds"),
        ("1 / 0", "division by zero"),
        ('"a" * 99999999', "no number"),
        ('"%999999999d" % 1', "no number"),
        ("A.n.x[7]", "no item 7"),
        ('A["gone"]', "no item 'gone'"),
        ("5[0]", "no item"),
        (" * ".join(["99999999999999999999"] * 80), "too large"),
        ("1e308 * 10", "too large"),
        ("-A", "no number"),
    ],
)
def test_what_cannot_be_computed_says_why(text: str, words: str) -> None:
    """Missing values and values that do not go together; no text or number grows without limit."""
    with pytest.raises(ExpressionError) as caught:
        value(text)

    assert words in str(caught.value)


def test_texts_that_are_added_have_a_limit() -> None:
    """Adding a long text to itself again and again ends before memory does."""
    with pytest.raises(ExpressionError, match="more than"):
        value("x + x + x", x="a" * 400_000)


def test_evaluation_shows_what_was_used() -> None:
    """The debug view gets the text with values and each value by the way it was written."""
    found = Expression("<A.output> == limit and <A.flag>").evaluate(RESULTS.get, {"limit": 5}, RESULTS)

    assert found.is_true
    assert found.resolved == "5 == limit and True"
    assert found.variables == {"<A.output>": 5, "<A.flag>": True, "limit": 5}


def test_names_and_references_are_known_beforehand() -> None:
    """Plans and checks ask what a condition needs without a run."""
    expression = Expression("<A.output> == limit")

    assert expression.names == {"limit"}
    assert [item.text for item in expression.references] == ["<A.output>"]


@pytest.mark.parametrize("text", ["nan", "Infinity", "-inf", "1e999"])
def test_words_for_no_number_stay_words(text: str) -> None:
    """A text is equal to itself, also when it spells a float that is not finite."""
    assert coerced(text) == text


def test_long_digits_are_still_comparable() -> None:
    """An integer too large for a float is coerced all the same."""
    assert coerced("1" + "0" * 400) == 10**400


@given(st.text("<>.A output\"'()[]+-*/%=!&|andornti5é{}\n", max_size=40) | st.text(max_size=40))
def test_any_text_is_a_condition_or_a_reason(text: str) -> None:
    """Nothing but ExpressionError comes out, whatever goes in; its offset lies in the text."""
    refused = None
    try:
        Expression(text).evaluate(RESULTS.get, {"a": 1}, RESULTS)
    except ExpressionError as error:
        refused = error

    assert refused is None or (str(refused) and 0 <= refused.offset <= len(text))
