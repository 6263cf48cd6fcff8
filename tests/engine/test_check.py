"""Problems: each rule finds what it should, and each quick fix cures what it names."""

import time
from typing import Any

import pytest
from hypothesis import given

from engine import edits
from engine.blocks import Catalog, default_catalog
from engine.blocks._spec import BlockType, FieldProblem
from engine.check import Checker, Problem, field_problems, problems, suggestions
from engine.document import Block, Workflow, workflow_from_api
from tests.engine.strategies import api_workflows, graph, small_catalog

CATALOG = small_catalog()
GOOD = {"webhook_id": "0c9a4a3e-8f0e-4c7e-9a51-2f1d3c4b5a69", "webhook_secret": "s3cret"}


def found(workflow: Workflow, code: str) -> list[Problem]:
    return [problem for problem in problems(workflow, CATALOG) if problem.code == code]


def alone(kind: str, **config: Any) -> Workflow:
    """One block `abc` of this type."""
    return configured(graph({"abc": kind}), "abc", **config)


def configured(workflow: Workflow, block_id: str, **config: Any) -> Workflow:
    return edits.set_config(workflow, block_id, config)


def test_the_seed_workflow_has_no_errors() -> None:
    """With the real blocks: none has a name, edges have no ids, the prompt stands in `message` (X3)."""
    workflow = workflow_from_api(
        {
            "blocks": [
                {"id": "start", "type": "starter", "config": {}},
                {"id": "summarize", "type": "agent", "config": {"message": "Summarize: {{variables.text}}"}},
                {"id": "out", "type": "response", "config": {}},
            ],
            "edges": [{"source": "start", "target": "summarize"}, {"source": "summarize", "target": "out"}],
        }
    )

    assert not [problem for problem in problems(workflow, default_catalog()) if problem.severity == "error"]


def test_an_agent_without_any_prompt_is_told() -> None:
    """The older keys excuse an empty `input` only when they hold something."""
    workflow = Workflow(blocks={"a": Block("a", "agent", "A", config={"message": ""})})

    assert [item.field for item in problems(workflow, default_catalog()) if item.severity == "error"] == ["input"]


def test_a_complete_workflow_has_no_problems_at_all() -> None:
    """Silence is the normal state."""
    workflow = graph({"s": "starter", "a": "plain", "r": "response"}, "s>a", "a>r")
    workflow = configured(workflow, "a", text="<S.output>")

    assert problems(workflow, CATALOG) == ()
    assert problems(Workflow(), CATALOG) == ()


BACKWARD = configured(graph({"a": "plain", "b": "plain"}, "a>b"), "a", t="<B.output>")
BROKEN: list[tuple[str, str, Workflow, str | None, str | None, str]] = [
    ("cycle", "error", graph({"s": "starter", "a": "plain", "b": "plain"}, "s>a", "a>b", "b>a"), None, None, "→"),
    ("self-loop", "error", graph({"s": "starter", "a": "plain"}, "s>a", "a>a"), "a", None, "itself"),
    ("dangling-edge", "error", graph({"s": "starter"}, "s>gone"), "s", None, "'gone'"),
    (
        "duplicate-id",
        "error",
        workflow_from_api({"blocks": [{"id": "a", "type": "plain", "name": n} for n in "xy"]}),
        None,
        None,
        "'a'",
    ),
    (
        "duplicate-edge-id",
        "warning",
        workflow_from_api(
            {
                "blocks": [{"id": "a", "type": "plain"}, {"id": "b", "type": "plain"}, {"id": "c", "type": "plain"}],
                "edges": [{"id": "e", "source": "a", "target": t} for t in "bc"],
            }
        ),
        "a",
        None,
        "'e'",
    ),
    (
        "duplicate-name",
        "error",
        Workflow(blocks={i: Block(i, "plain", "Same") for i in "ab"}),
        "b",
        None,
        "“Same”",
    ),
    ("unreferable-name", "warning", Workflow(blocks={"a": Block("a", "plain", "It's")}), "a", None, "letters"),
    ("no-name", "info", Workflow(blocks={"a": Block("a", "plain")}), "a", None, "no name"),
    ("unknown-type", "error", Workflow(blocks={"a": Block("a", "alien", "A")}), "a", None, "“alien”"),
    ("missing-required", "error", graph({"a": "step"}), "a", "url", "“Address”"),
    ("invalid-value", "error", configured(graph({"a": "step"}), "a", url="ftp"), "a", "url", "begins with http"),
    ("no-entry", "warning", graph({"a": "plain"}), None, None, "Starter"),
    ("several-of-one", "warning", graph({"s": "starter", "t": "starter"}), "t", None, "one Starter only"),
    ("several-entries", "info", graph({"s": "starter", "w": "webhook"}), "w", None, "several entries"),
    ("unreachable", "warning", graph({"s": "starter", "a": "plain"}), "a", None, "runs anyway"),
    ("edge-after-end", "warning", graph({"r": "response", "a": "plain"}, "r>a"), "r", None, "ends the workflow"),
    ("edge-before-entry", "warning", graph({"a": "plain", "s": "starter"}, "a>s"), "s", None, "begins the workflow"),
    ("unknown-port", "warning", graph({"a": "split", "b": "plain"}, "a.9>b").with_edges([]), "a", None, "“9”"),
    ("condition-never-met", "warning", graph({"a": "split", "b": "plain"}, "a.1>b"), "a", None, "never runs"),
    ("unknown-route", "warning", graph({"q": "condition", "b": "plain"}, "q.elif_7>b"), "q", None, "“elif_7”"),
    ("open-branch", "warning", graph({"q": "condition", "b": "plain"}, "q.else>b"), "q", None, "“if”"),
    (
        "invalid-expression",
        "error",
        configured(graph({"q": "condition"}), "q", branches=[{"expression": "a === 1"}]),
        "q",
        "branches",
        "Branch 1",
    ),
    ("invalid-webhook-id", "error", alone("webhook", **GOOD | {"webhook_id": "ABC"}), "abc", "webhook_id", "UUID"),
    ("missing-webhook-secret", "error", alone("webhook", **GOOD | {"webhook_secret": ""}), "abc", "webhook_secret", ""),
    ("unknown-reference", "warning", alone("plain", t="<Zebra.output>"), "abc", "t", "stay as it is"),
    ("own-reference", "warning", alone("plain", t="<Abc.output>"), "abc", "t", "own block"),
    ("not-upstream", "warning", BACKWARD, "a", "t", "comes after"),
    ("unknown-variable", "warning", configured(graph({"a": "plain"}), "a", t="{{variables.x}}"), "a", "t", "“x”"),
    (
        "disabled-upstream",
        "info",
        edits.set_enabled(graph({"s": "starter", "a": "plain", "b": "plain"}, "s>a", "a>b"), ["a"], False),
        "b",
        None,
        "switched off",
    ),
]  # fmt: skip


def unconditional(workflow: Workflow) -> Workflow:
    return workflow.with_edges([edge.changed(condition=None) for edge in workflow.edges.values()])


@pytest.mark.parametrize(
    ("code", "severity", "workflow", "block_id", "field", "words"),
    BROKEN,
    ids=lambda item: item if isinstance(item, str) and " " not in item else "",
)
def test_each_rule_finds_its_problem(
    code: str, severity: str, workflow: Workflow, block_id: str | None, field: str | None, words: str
) -> None:
    """The right code, severity and place, and a sentence that says what would be right."""
    workflow = unconditional(workflow) if code == "unknown-port" else workflow

    matching = found(workflow, code)

    assert matching, [problem.code for problem in problems(workflow, CATALOG)]
    first = matching[0]
    assert first.severity == severity
    assert first.field == field
    assert block_id is None or first.block_id == block_id
    assert words in first.message
    assert "  " not in first.message


@pytest.mark.parametrize("workflow", [item[2] for item in BROKEN], ids=[item[0] for item in BROKEN])
def test_each_fix_cures_what_it_names(workflow: Workflow) -> None:
    """Applying a fix leaves one problem of that kind fewer, and the workflow it was given as it was."""
    picture = repr(workflow)
    for problem in problems(workflow, CATALOG):
        if problem.fix:
            cured = problem.fix.apply(workflow)

            assert problem.fix.label
            assert cured is not workflow
            assert len(found(cured, problem.code)) < len(found(workflow, problem.code))
            assert repr(workflow) == picture


def test_a_circle_is_told_with_its_path() -> None:
    """The names along it, once around; blocks behind it are not blamed."""
    workflow = graph(dict.fromkeys("abcd", "plain"), "a>b", "b>c", "c>a", "c>d")

    (problem,) = found(workflow, "cycle")

    for name in ("“A”", "“B”", "“C”"):
        assert name in problem.message
    assert "“D”" not in problem.message
    assert problem.edge_id in workflow.edges


def test_two_circles_are_two_problems() -> None:
    """Each group of blocks is told once."""
    assert len(found(graph(dict.fromkeys("abcd", "plain"), "a>b", "b>a", "c>d", "d>c"), "cycle")) == 2


def test_a_slip_in_a_reference_is_an_error_with_a_cure() -> None:
    """A name nearly that of a block is taken for a slip, in templates, code and conditions alike."""
    workflow = graph({"fetch page": "plain", "a": "plain", "c": "code"}, "fetch page>a", "a>c")
    workflow = configured(workflow, "a", t="<Fetch page.output> <fetch Page.output>")
    workflow = configured(workflow, "c", code='output = input_data["Fetch pge"]')
    workflow = workflow.with_blocks([workflow.block("fetch page").changed(name="Fetch page")])

    slips = found(workflow, "unknown-reference")

    assert [(item.severity, item.block_id) for item in slips] == [("error", "a"), ("error", "c")]
    for slip in slips:
        assert slip.fix is not None
        workflow = slip.fix.apply(workflow)
    assert workflow.block("a").config == {"t": "<Fetch page.output> <Fetch page.output>"}
    assert workflow.block("c").config == {"code": 'output = input_data["Fetch page"]'}


def test_what_is_given_later_is_not_missed() -> None:
    """A required field filled by a mapping or a reference, variables of a webhook, a disabled block's gaps."""
    mapped = configured(graph({"a": "step"}), "a", _inputMappings=[{"sourceId": "x", "targetField": "url"}])
    referring = configured(graph({"b": "plain", "a": "step"}, "b>a"), "a", url="<B.output>")
    hooked = configured(graph({"w": "webhook", "a": "plain"}, "w>a"), "a", t="{{variables.any}}")
    off = edits.set_enabled(graph({"a": "step"}), ["a"], False)

    assert not found(mapped, "missing-required")
    assert not found(referring, "missing-required")
    assert not found(referring, "invalid-value")
    assert not found(hooked, "unknown-variable")
    assert [item.severity for item in found(off, "missing-required")] == ["warning"]


def test_variables_may_be_declared_in_the_starter() -> None:
    """Or in the workflow itself."""
    workflow = configured(graph({"s": "starter", "a": "plain"}, "s>a"), "a", t="{{variables.x}} {{variables.y}}")
    workflow = configured(workflow, "s", input='{"x": 1}').changed(variables={"y": 2})

    assert not found(workflow, "unknown-variable")


def test_conditions_decide_where_handles_are_missing() -> None:
    """A graph drawn by the API without handles is good when its conditions name routes (X21)."""
    workflow = graph({"q": "condition", "a": "plain", "b": "plain"}, "q.if>a", "q.else>b")
    bare = workflow.with_edges([edge.changed(source_handle=None) for edge in workflow.edges.values()])

    codes = {problem.code for problem in problems(bare, CATALOG)}

    assert not codes & {"unknown-port", "unknown-route", "open-branch", "route-mismatch"}


def test_a_route_that_contradicts_its_port_is_told() -> None:
    """Drawn from one branch, followed on the other."""
    workflow = graph({"q": "condition", "a": "plain"}, "q.if>a")
    (problem,) = found(workflow.with_edges([workflow.edge("q.if>a").changed(condition="else")]), "route-mismatch")

    assert "“if”" in problem.message
    assert "“else”" in problem.message


def test_a_types_own_check_speaks_first() -> None:
    """Its word on a field replaces the general one; a check that breaks is a warning, not a crash."""

    def picky(_config: dict[str, Any]) -> list[FieldProblem]:
        return [FieldProblem("webhook_id", "mine", "warning", "own")]

    def broken(_config: dict[str, Any]) -> list[FieldProblem]:
        raise KeyError("oops")

    base = CATALOG.find("webhook")
    assert base is not None
    for check, expected in ((picky, {"own"}), (broken, {"check-failed", "invalid-webhook-id"})):
        catalog = Catalog([BlockType(**{**vars(base), "check": check})])
        workflow = configured(graph({"w": "webhook"}), "w", webhook_secret="s")

        assert {problem.code for problem in problems(workflow, catalog)} == expected


def test_errors_come_first_and_fields_get_their_worst() -> None:
    """The panel reads from the top, a form shows one problem a field."""
    workflow = configured(graph({"s": "starter", "a": "step"}), "a", text="<Zebra.x>")

    order = [problem.severity for problem in problems(workflow, CATALOG)]

    assert order == sorted(order, key=["error", "warning", "info"].index)
    assert {key: item.code for key, item in field_problems(workflow, CATALOG, "a").items()} == {
        "url": "missing-required",
        "text": "unknown-reference",
    }


@given(api_workflows)
def test_any_document_can_be_checked(data: dict[str, Any]) -> None:
    """No document makes a check fail, its fixes either, and a checker that remembers says the same."""
    workflow = workflow_from_api(data)
    checker = Checker(CATALOG)

    first = checker.problems(workflow)

    assert checker.problems(workflow) == first == problems(workflow, CATALOG)
    for problem in first:
        if problem.fix:
            problem.fix.apply(workflow)


def test_suggestions_are_what_comes_before() -> None:
    """Results of upstream blocks, nearest first, then variables; ids where a name cannot be written."""
    workflow = graph({"s": "starter", "a": "step", "b": "step", "c": "step"}, "s>a", "a>b", "b>c")
    workflow = workflow.changed(variables={"x": 1}).with_blocks([workflow.block("a").changed(name="It's")])
    workflow = configured(workflow, "c", text="{{variables.y}}")

    offered = [item.insert for item in suggestions(workflow, CATALOG, "c")]

    assert offered[:3] == ["<B.output>", "<a.output>", "<S.output>"]
    assert "{{variables.y}}" in offered
    assert all("<C." not in item for item in offered)


def test_ten_thousand_blocks_are_checked_quickly() -> None:
    """Far references included; the limit is generous for slow machines."""
    count = 10_000
    blocks = [
        Block(
            f"b{at}", "plain", f"Block {at}", config={"t": f"<Block {at // 2}.output> <Block {max(at - 1, 0)}.output>"}
        )
        for at in range(count)
    ]
    workflow = Workflow(blocks={block.id: block for block in blocks})
    wires = graph({}, *(f"b{at}>b{at + 1}" for at in range(count - 1))).edges
    workflow = workflow.changed(edges=wires)

    start = time.perf_counter()
    told = problems(workflow, CATALOG)

    assert time.perf_counter() - start < 2
    assert {problem.code for problem in told} == {"no-entry", "own-reference"}


def test_comments_of_javascript_mention_nothing() -> None:
    """The example that a new block begins with is one; what stands in quotes is no comment."""
    source = '// input_data["Nobody"]\n/* input_data["Nobody"] */ output = input_data["No // one"]'
    block = Block("c", "code", "Code", config={"language": "javascript", "code": source})

    found = problems(Workflow(blocks={"c": block}), default_catalog())

    assert [item.message for item in found if "Nobody" in item.message] == []
    assert any("No // one" in item.message for item in found)
