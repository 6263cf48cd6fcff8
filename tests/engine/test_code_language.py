"""The rules of the language of code blocks that can be told without running any."""

import asyncio
import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.code import language
from engine.code.job import Task, job, packages_of


@pytest.mark.parametrize(
    "source",
    [
        "output = '__x__'",
        'output = "a __class__ b"',
        "def __init__(self): pass",
        "async def __aenter__(self): pass",
        "super().__init__(1)",
        "if __name__ == '__main__': pass",
        "x = type(e).__name__",
        "__slots__ = ('a',)",
        "x = a__b__c",
        "x = __private",
        r"x = 'it\'s __class__'",
    ],
)
def test_ordinary_double_underscores_are_free(source: str) -> None:
    """Quoted text, the usual methods of classes and `__name__` are no dunder access."""
    language.refuse_dunders(source)


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("output = ().__class__", 1),
        ("x = 1\ny = x.__dict__", 2),
        ("# a comment with __class__", 1),
        ("x.__init__()", 1),
        ("__import__('os')", 1),
        ("x = '''\n__class__\n'''", 2),
        ("a = ''.__class__", 1),
        ("def __class_getitem__(cls): pass", 1),
        ("x = '__a__' + y.__globals__", 1),
        ("super().__getattribute__('x')", 1),
    ],
)
def test_other_double_underscores_are_refused(source: str, line: int) -> None:
    """Any other `__word__` outside same-line quotes is refused with its line, comments included."""
    with pytest.raises(language.Refused, match=re.escape(f"Dunder attribute access is not allowed (line {line})")):
        language.refuse_dunders(source)


@given(st.text())
def test_any_text_compiles_or_is_refused(source: str) -> None:
    """No source text brings down the reader of source texts."""
    with contextlib.suppress(language.Refused):
        language.compiled(source)


def test_names_are_spelled_as_identifiers() -> None:
    """`-` becomes `_`; what is no identifier after that has no variable."""
    assert language.names_in_scope({"a-b": 1, "c": 2, "with space": 3, "1st": 4, "if": 5}) == {"a_b": 1, "c": 2}


def test_only_what_the_code_can_name_is_sent() -> None:
    """Results that the source does not mention stay out of the job, and each is sent once."""
    big = {"output": "x" * 1000}
    small = {"output": 1}

    work = asyncio.run(job(Task("output = small_one['output']", {"big": big, "small-one": small}, {"big": big})))
    everything = asyncio.run(job(Task("output = input_data", {"big": big}, {"big": big, "id": big})))

    assert b"".join(work.payload) == b'[{"output":1}]'
    assert b"".join(everything.payload).count(b"xxx" * 333) == 1


def test_packages_are_seen_in_the_source() -> None:
    """Installed packages that code imports are known before it runs."""
    source = "import json\nimport numpy as np\nif x:\n    from pandas import DataFrame"

    assert packages_of(source, ["yaml"]) == ("numpy", "pandas", "yaml")
