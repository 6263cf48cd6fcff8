"""Contract section 4: references, run variables in text, and conditions, against a second reading of it."""

import asyncio
import json
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.blocks import default_catalog
from engine.document import Block, Edge, Json, JsonObject, Workflow
from engine.errors import ExpressionError
from engine.events import AnyEvent
from engine.expressions import Expression, coerced
from engine.references import Template, find
from engine.run.runner import run
from engine.runstate import RunState, replay
from tests.engine import oracle
from tests.engine.strategies import objects, values

RESULTS: dict[str, JsonObject] = {
    "Fetch it": {"output": {"n": 5, "s": "text", "l": [1, {"k": 2}], "o": {"k": "v"}, "none": None}, "error": ""},
    "id-1": {"output": True, "status_code": 200},
    "Größe_2": {"output": 1.5},
}
NO_REFERENCES = [
    *("<Fetch it>", "<Fetch it. >", "<Fetch it.output >", "<>", "<.a>", "<a.>", "<a.b-c>", "<a'b.c>", "<a.b[0]>"),
    *("<a:b.c>", "<a\tb.c>", "<a\nb.c>", "<b>bold</b>", "a < b.c > d", "<a.b", "a.b>", "<"),
]
NOWHERE = [
    *("<fetch it.output>", "< Fetch it.output>", "<Fetch it.output.l.0>", "<Fetch it.output.l.1.k>", "<Fetch it.gone>"),
    *("<id-1.output.x>", "<Fetch it.output.gone>", "<Nobody.output>", "<Fetch it..output>", "<Fetch it.output.s.x>"),
    "<Fetch it..>",
]
NO_VARIABLES = [
    *("{{variables.gone}}", "{{variables.x.y}}", "{{variables.deep.a.b.0}}", "{{variables}}", "{{x}}"),
    *("{{ variables. x }}", "{{variables.x-y}}", "{variables.x}", "{{Variables.x}}", "{{variables..x}}"),
    *("{{variables.x.}}", "{{\tvariables.x}}"),
]
VARIABLES: JsonObject = {"x": 1, "deep": {"a": {"b": [1]}}, "s": "var", "none": None}


def resolved(value: Json) -> Json:
    return Template({"k": value}).resolve(RESULTS.get, VARIABLES)["k"]


def ran(
    *blocks: Block, links: str = "", variables: JsonObject | None = None, workflow_variables: JsonObject | None = None
) -> RunState:
    edges = {link: Edge(link, *link.split(">")) for link in links.split()}
    events: list[AnyEvent] = []
    made = {block.id: block for block in blocks}
    workflow = Workflow(blocks=made, edges=edges, variables=workflow_variables or {})
    asyncio.run(run(workflow, events.append, catalog=default_catalog(), variables=variables))
    return replay(events)


class TestAngles:
    """4.1"""

    @pytest.mark.parametrize("text", NO_REFERENCES)
    def test_what_is_no_reference_is_text(self, text: str) -> None:
        """No dot, other signs, a half: HTML is normally untouched."""
        assert find(text) == []
        assert resolved(text) == text

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("<Fetch it.output>", RESULTS["Fetch it"]["output"]),
            ("<Fetch it.output.n>", 5),
            ("<Fetch it.output.none>", None),
            ("<Fetch it.output.l>", [1, {"k": 2}]),
            ("<Fetch it.error>", ""),
            ("<id-1.output>", True),
            ("<id-1.status_code>", 200),
            ("<Größe_2.output>", 1.5),
            ("[<Fetch it.output.n>]", "[5]"),
            ("<Fetch it.output.n><id-1.status_code>", "5200"),
            ("<<id-1.status_code>>", "<200>"),
            ("a<Fetch it.output.none>b<id-1.output>", "anullbtrue"),
            ("<Fetch it.output.o>!", '{"k":"v"}!'),
        ],
    )
    def test_what_a_reference_gives(self, text: str, value: Json) -> None:
        """The value itself for a whole string, its text inside a longer one."""
        assert resolved(text) == value

    @pytest.mark.parametrize("text", NOWHERE)
    def test_what_leads_nowhere_stays(self, text: str) -> None:
        """Case, spaces, lists, missing keys, ways through what is no object; whole and inside text."""
        assert resolved(text) == text
        assert resolved(f"[{text}] <id-1.status_code>") == f"[{text}] 200"

    @given(objects, values)
    def test_values_are_replaced_and_keys_are_not(self, config: JsonObject, value: Json) -> None:
        """In every string of the tree, at any depth."""
        config = {**config, "<id-1.output>": ["<id-1.output>", {"<id-1.output>": {"deep": "<A.output>"}}]}

        found = Template(config).resolve({**RESULTS, "A": {"output": value}}.get, {})

        assert found["<id-1.output>"] == [True, {"<id-1.output>": {"deep": value}}]
        assert found.keys() == config.keys()

    @given(values)
    def test_a_value_inside_text_reads_as_json(self, value: Json) -> None:
        """So that a JSON body with a value in it stays JSON; text is put in as it is."""
        template = Template({"k": "<A.output>;"})

        text = template.resolve({"A": {"output": value}}.get, {})["k"].removesuffix(";")

        assert text == value if isinstance(value, str) else json.loads(text) == value

    def test_any_earlier_block_can_be_referred_to(self) -> None:
        """Connected or not, by id or by name; of equal names the first that ran."""
        blocks = [
            Block("far", "split", "Far away", config={"input": 1}),
            Block("off", "split", "Same", enabled=False),
            Block("one", "split", "Same", config={"input": "one"}),
            Block("two", "split", "Same", config={"input": "two"}),
            Block(
                "r",
                "response",
                config={"output": ["<Far away.output>", "<far.output>", "<Same.output>", "<two.output>"]},
            ),
        ]

        assert ran(*blocks).output == [1, 1, "one", "two"]


class TestVariables:
    """4.3"""

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("{{variables.x}}", 1),
            ("{{ variables.x }}", 1),
            ("{{   variables.deep.a.b   }}", [1]),
            ("{{variables.none}}", None),
            ("n={{variables.x}}", "n=1"),
            ("{{variables.deep}}!", '{"a":{"b":[1]}}!'),
            ("{{variables.s}}<id-1.output>", "vartrue"),
            ("{{{variables.x}}}", "{1}"),
        ],
    )
    def test_what_a_variable_gives(self, text: str, value: Json) -> None:
        """The value for a whole string, its text inside a longer one; spaces inside the braces do not matter."""
        assert resolved(text) == value

    @pytest.mark.parametrize("text", NO_VARIABLES)
    def test_what_is_none_stays(self, text: str) -> None:
        """Unknown names, ways through lists, other spellings."""
        assert resolved(text) == text

    def test_starter_defaults_workflow_and_run(self) -> None:
        """The right one wins; every string of a config but code and conditions."""
        state = ran(
            Block("s", "starter", config={"input": {"a": "block", "b": "block", "c": "block"}}),
            Block("r", "response", config={"output": ["{{variables.a}}", "{{variables.b}}", {"k": "{{variables.c}}"}]}),
            Block("c", "condition", config={"branches": [{"expression": "'{{variables.c}}' == 'run'"}]}),
            links="s>r s>c",
            variables={"c": "run"},
            workflow_variables={"b": "workflow", "c": "workflow"},
        )

        assert state.output == ["block", "workflow", {"k": "run"}]
        assert (state.blocks["c"].result or {})["route"] == "else"


class TestConditions:
    """4.4"""

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("true", True),
            (" FALSE ", False),
            ("007", 7),
            ("-3", -3),
            ("+3", 3),
            ("1.50", 1.5),
            (".5", 0.5),
            ("1e3", 1000.0),
            (" 5 ", 5),
            ("1_000", 1000),
            ("٥", 5),
            ("yes", "yes"),
            (" yes ", " yes "),
            ("", ""),
            ("0x10", "0x10"),
            ("1,5", "1,5"),
            ("none", "none"),
            ("nan", "nan"),
            ("-Infinity", "-Infinity"),
            ("1e999", "1e999"),
            ("9" * 5001, "9" * 5001),
            (5, 5),
            (None, None),
            (["5"], ["5"]),
        ],
    )
    def test_coercion(self, text: Json, value: Json) -> None:
        """Rule 4: trimmed, truth values, whole numbers, other numbers, else unchanged."""
        found = coerced(text)

        assert found == value
        assert type(found) is type(value)

    @given(values | st.text("0123456789.e+-_ trufalsnTRUFALSN", max_size=8))
    def test_coercion_is_that_of_the_contract(self, value: Json) -> None:
        """But for words that read as no finite number, which stay equal to themselves."""
        expected = oracle.coerced(value)
        assume(not isinstance(expected, float) or expected == expected)
        assume(expected not in (float("inf"), float("-inf")))

        assert coerced(value) == expected
        assert coerced(coerced(value)) == coerced(value)

    def test_run_variables_shadow_blocks(self) -> None:
        """By name; starter defaults are no run variables, but can be referred to."""
        config = {
            "branches": [
                {"expression": text} for text in ("Block.output == 1", "Block == 'run'", "d == 1", "<S.output.d> == 1")
            ]
        }
        state = ran(
            Block("s", "starter", "S", config={"input": {"d": 1}}),
            Block("b", "split", "Block", config={"input": 1}),
            Block("c", "condition", config=config),
            links="s>c b>c",
            variables={"Block": "other"},
        )

        result = state.blocks["c"].result or {}
        assert result["route"] == "elif_3"
        assert "“d” is neither" in result["_debug"][2]["error"]


names = st.sampled_from(["x", "s", "none", "deep.a", "t", "gone", "<A.output>", "<A.n>", "<A.gone>", "B.output.k"])
constants = st.sampled_from(["0", "1", "2.5", '"text"', "'5'", "' TRUE '", "True", "None", "''", '"1e1"'])
operands = st.deferred(lambda: names | constants | computed | st.builds("({})".format, expressions))
computed = st.builds(
    "{} {} {}".format, names | constants, st.sampled_from("+-*/%"), st.sampled_from(["1", "2.5", "x", "0"])
)
compared = st.builds("{} {} {}".format, operands, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), operands)
chained = st.builds("{} < {} <= {}".format, operands, operands, operands)
expressions: st.SearchStrategy[str] = st.deferred(
    lambda: st.one_of(
        compared,
        chained,
        st.builds("{} and {}".format, operands, operands),
        st.builds("{} or {}".format, operands, operands),
        st.builds("not {}".format, operands),
        st.builds("-{}".format, names | constants),
        st.builds('{}["k"]'.format, names),
    )
)
SCOPE: JsonObject = {"x": 1, "s": "text", "none": None, "t": " true ", "deep": {"a": "7"}}
BLOCKS: dict[str, JsonObject] = {"A": {"output": "5", "n": 2.5}, "B": {"output": {"k": "5"}}}


@given(expressions)
def test_any_condition_comes_to_what_the_contracts_rules_come_to(text: str) -> None:
    """Against Python's own evaluator with the contract's coercion, where both have an answer.

    Ours refuses more: arithmetic is for numbers (and `+` for two texts), so that no condition can fill memory.
    """
    expected = oracle.Oracle(Workflow(), SCOPE, results=BLOCKS).holds(text)
    try:
        found = Expression(text).evaluate(BLOCKS.get, SCOPE, BLOCKS).is_true
    except ExpressionError as error:
        assume(not re.search(r"no number to calculate with|nested too deeply", str(error)))
        found = False

    assert found is expected
