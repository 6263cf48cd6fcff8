"""How Python values become JSON, and how those that cannot are named."""

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import json
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.code.values import ValueProblem, deeper_than, to_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    when: datetime.date


@given(JSON)
def test_json_stays_what_it_is(value: Any) -> None:
    """A value that is JSON already is returned unchanged."""
    assert json.loads(to_json(value)) == value


@given(
    st.recursive(st.text() | st.floats() | st.binary() | st.dates() | st.decimals() | st.complex_numbers(), st.lists)
)
def test_anything_is_converted_or_named(value: Any) -> None:
    """Whatever comes, the answer is JSON text or an error that begins with where it stands."""
    problem = "output"
    try:
        json.loads(to_json(value))
    except ValueProblem as error:
        problem = str(error)

    assert problem.startswith("output")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, 2), [1, 2]),
        ({3}, [3]),
        (range(3), [0, 1, 2]),
        (datetime.date(2026, 11, 24), "2026-11-24"),
        (datetime.datetime(2026, 11, 24, 1, 2, tzinfo=datetime.UTC), "2026-11-24T01:02:00+00:00"),
        (datetime.timedelta(minutes=1), 60.0),
        (decimal.Decimal("1.50"), 1.5),
        (decimal.Decimal("12"), 12),
        (decimal.Decimal("0.12345678901234567890123"), "0.12345678901234567890123"),
        (fractions.Fraction(1, 2), 0.5),
        (fractions.Fraction(10**400, 3), f"{10**400}/3"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Colour.RED, "red"),
        (Point(1, datetime.date(2026, 1, 1)), {"x": 1, "when": "2026-01-01"}),
        (collections.Counter("aab"), {"a": 2, "b": 1}),
        (collections.deque([1]), [1]),
        ({1: "a", None: "b", False: "c"}, {"1": "a", "null": "b", "false": "c"}),
        ({datetime.date(2026, 1, 1): 1, (1, 2): 2}, {"2026-01-01": 1, "(1, 2)": 2}),
        (10**30, 10**30),
    ],
)  # fmt: skip
def test_common_values_have_a_natural_json(value: Any, expected: Any) -> None:
    """Dates, sets, decimals, enums, data classes and keys that are no text are converted."""
    assert json.loads(to_json(value)) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"rows": [1, 2, 3, {"price": float("nan")}]}, "output.rows[3].price is NaN, which JSON does not have; "),
        ([float("inf")], "output[0] is infinite, "),
        ({"data": b"x"}, "output.data is bytes, which JSON does not have; decode it"),
        ("a\ud800", "output has U+D800 at position 1, "),
        ({"\ud800": 1}, "a key of output has U+D800"),
        (iter([1]), "output is a list_iterator, which is used up by reading"),
        (object(), "output is an object, which is no JSON value"),
        (len, "output is a builtin_function_or_method, "),
        ({"a b": [print]}, "output['a b'][0] is a builtin"),
        pytest.param(10**5000, "output is a whole number of more than 4200 digits", id="digits"),
        (1j, "output is a complex, "),
    ],
)
def test_what_is_no_json_is_named_with_its_place(value: Any, text: str) -> None:
    """The error gives the path, what is there, and what would be right."""
    with pytest.raises(ValueProblem) as caught:
        to_json(value)

    assert str(caught.value).startswith(text)


def test_a_value_that_contains_itself_is_refused() -> None:
    """A cycle is an error with a short path, not an endless one."""
    value: list[Any] = []
    value.append(value)

    with pytest.raises(ValueProblem, match="deeper than 200 levels") as caught:
        to_json(value)
    assert len(str(caught.value)) < 200


def test_depth_is_counted_in_containers() -> None:
    """200 levels pass, 201 do not."""

    def nested(levels: int) -> Any:
        value: Any = 1
        for _ in range(levels):
            value = [value]
        return value

    assert not deeper_than(3, nested(3))
    assert deeper_than(3, nested(4))
    assert to_json(nested(200))
    with pytest.raises(ValueProblem):
        to_json(nested(201))
