"""One grammar for references: what is one, what it resolves to, and how it is renamed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.references import (
    Template,
    can_be_referenced,
    contains,
    find,
    input_mappings,
    rename_in,
    rename_in_code,
)
from tests.engine.strategies import names, objects, values

RESULTS = {
    "Fetch": {"output": {"title": "Hi", "tags": ["a", 1]}, "ok": True, "nothing": None, "n": 7},
    "Fetch page-2": {"output": "x"},
}


def resolve(value: object, variables: dict[str, object] | None = None) -> object:
    return Template({"key": value}).resolve(RESULTS.get, variables or {})["key"]


@pytest.mark.parametrize(
    "text", ["<b>", "<a href='x.y'>", "< a.b", "<a,b.c>", "{{x}}", "{{variables}}", "<a.b-c>", "<.b>"]
)
def test_other_text_is_no_reference(text: str) -> None:
    """HTML and half-typed text stay text."""
    assert find(text) == []


def test_names_may_hold_spaces_hyphens_and_letters_of_any_script() -> None:
    """Unicode letters and digits count, and a space after `<` belongs to the name."""
    found = find("<Größe 2-b.output.x> and < A.b>")

    assert [(item.name, item.path) for item in found] == [("Größe 2-b", "output.x"), (" A", "b")]


def test_variables_are_found_with_their_path() -> None:
    """Spaces inside the braces are allowed, the name is the first step of the path."""
    (found,) = find("a {{ variables.user.name }} b")

    assert (found.kind, found.name, found.path, found.text) == ("variable", "user", "name", "{{ variables.user.name }}")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("<Fetch.output>", {"title": "Hi", "tags": ["a", 1]}),
        ("<Fetch.ok>", True),
        ("<Fetch.nothing>", None),
        ("<Fetch.n>", 7),
        ("<Fetch.output.title>", "Hi"),
        ("{{variables.user.name}}", "Ada"),
        (["<Fetch.n>", {"deep": "<Fetch.n>"}], [7, {"deep": 7}]),
    ],
)
def test_a_whole_string_keeps_the_type(value: object, expected: object) -> None:
    """A string that is one reference becomes the value itself."""
    assert resolve(value, {"user": {"name": "Ada"}}) == expected


def test_inside_text_values_become_json() -> None:
    """Text stays as it is; true, null and containers are compact JSON."""
    text = "<Fetch page-2.output> <Fetch.ok> <Fetch.nothing> <Fetch.output> <Fetch.n>"

    assert resolve(text) == 'x true null {"title":"Hi","tags":["a",1]} 7'


@pytest.mark.parametrize(
    "text", ["<Nobody.output>", "<Fetch.output.tags.0>", "<Fetch.n.x>", "{{variables.x}}", "<fetch.n>"]
)
def test_what_leads_nowhere_stays(text: str) -> None:
    """An unknown block, a missing key, a step into a list: the reference stays, whole or inside text."""
    assert resolve(text) == text
    assert resolve(f"say {text}!") == f"say {text}!"


def test_raw_fields_and_keys_stay() -> None:
    """Source text is not resolved, nor are the keys of objects."""
    config = {"code": "<Fetch.n>", "map": {"<Fetch.n>": 1}}

    template = Template(config, frozenset({"code"}))

    assert template.is_constant
    assert template.resolve(RESULTS.get, {}) is config


def test_a_template_knows_what_it_refers_to() -> None:
    """Names of blocks and of variables, wherever in the config they stand."""
    template = Template({"a": ["<Fetch.n>"], "b": "{{variables.user.name}} <Other.x>"})

    assert template.names == {"Fetch", "Other"}
    assert template.variables == {"user"}


@given(objects, st.text("<>{}. ABvariables", max_size=30))
def test_resolving_is_a_single_pass(config: dict[str, object], data: str) -> None:
    """Data that looks like a reference is never resolved again, whatever it looks like."""
    config = {**config, "whole": "<A.output>", "text": "[<A.output>]"}
    asked: list[str] = []

    def lookup(name: str) -> dict[str, object] | None:
        asked.append(name)
        return {"output": f"{data}<B.output>{{{{variables.v}}}}"} if name == "A" else None

    resolved = Template(config).resolve(lookup, {"v": "NEVER"})

    assert resolved["whole"] == f"{data}<B.output>{{{{variables.v}}}}"
    assert resolved["text"] == f"[{resolved['whole']}]"
    assert set(asked) == Template(config).names


@given(objects)
def test_resolving_leaves_the_config_alone(config: dict[str, object]) -> None:
    """The document is frozen: a resolved config is another object."""
    config = {**config, "list": ["<A.output>", {"deep": "<A.output>"}]}
    before = repr(config)

    Template(config).resolve({"A": {"output": 1}}.get, {})

    assert repr(config) == before


@given(values, names, names)
def test_renaming_there_and_back_is_nothing(value: object, old: str, new: str) -> None:
    """When nobody has the new name yet, a rename can be undone by a rename."""
    value = [value, f"<{old}.output> and <{old}.x.y>"]
    if old == new or rename_in(value, new, new)[1]:
        return

    renamed, count = rename_in(value, old, new)
    back, again = rename_in(renamed, new, old)

    assert count == again >= 2
    assert back == value


def test_renaming_shares_what_it_does_not_touch() -> None:
    """A value without the name is returned itself."""
    value = {"a": ["<Other.x>"]}

    assert rename_in(value, "Fetch", "Get") == (value, 0)
    assert rename_in(value, "Fetch", "Get")[0] is value


@pytest.mark.parametrize(
    ("source", "expected", "count"),
    [
        ('x = input_data["Get-it"]', 'x = input_data["New one"]', 1),
        ("x = input_data[ 'Get-it' ]  # Get_it", "x = input_data[ 'New one' ]  # Get_it", 1),
        ('x = input_data.get("Get-it", {})', 'x = input_data.get("New one", {})', 1),
        ("output = Get_it['output']", "output = input_data[\"New one\"]['output']", 1),
        ("Get_it = 1\noutput = Get_it", "Get_it = 1\noutput = Get_it", 0),
        ("for Get_it in x: print(Get_it)", "for Get_it in x: print(Get_it)", 0),
        ("a.Get_it + f(Get_it=1)", "a.Get_it + f(Get_it=1)", 0),
        ("'Get-it' + \"Get_it\" + '''Get_it'''", "'Get-it' + \"Get_it\" + '''Get_it'''", 0),
        ("f\"{Get_it['a']} {{Get_it}}\"", "f\"{input_data['New one']['a']} {{Get_it}}\"", 1),
        ("if Get_it[", 'if input_data["New one"][', 1),
    ],
)
def test_code_is_renamed_token_by_token(source: str, expected: str, count: int) -> None:
    """Only real mentions change; comments, other texts, own variables and half-typed code stay to the letter."""
    assert rename_in_code(source, "Get-it", "New one") == (expected, count)


def test_code_keeps_a_variable_where_the_new_name_is_one() -> None:
    """A name that makes a variable gives a variable, unless the code uses that one itself."""
    assert rename_in_code("output = A['x']", "A", "my-b") == ("output = my_b['x']", 1)
    assert rename_in_code("B = 1\noutput = A['x']", "A", "B") == ("B = 1\noutput = input_data[\"B\"]['x']", 1)
    assert rename_in_code("output = A['x']", "A", "class") == ("output = input_data[\"class\"]['x']", 1)


@given(st.text(max_size=60), names, names)
def test_renaming_in_any_text_never_fails(source: str, old: str, new: str) -> None:
    """Code may be anything while it is typed."""
    renamed, count = rename_in_code(source, old, new)

    assert (renamed == source) or count


def test_what_can_be_referenced() -> None:
    """Letters, digits, underscore, hyphen and space; nothing else and not nothing."""
    assert all(map(can_be_referenced, ["A", "Fetch page-2", "é_1"]))
    assert not any(map(can_be_referenced, ["", "a.b", "it's", "a\tb", "a>b"]))


def test_contains_looks_everywhere() -> None:
    """Nested values count, keys do not."""
    assert contains({"a": [{"b": "x {{variables.y}}"}]})
    assert not contains({"<A.b>": 1, "c": "a.b"})


def test_input_mappings_pass_over_what_is_no_row() -> None:
    """Only rows with texts for source and target count; the output field defaults to `output`."""
    rows = [{"sourceId": "a", "targetField": "t"}, 5, {"sourceId": 1, "targetField": "t"}, {"sourceId": "a"}]

    assert input_mappings({"_inputMappings": rows}) == [("a", "output", "t")]
    assert input_mappings({"_inputMappings": "no list"}) == []
