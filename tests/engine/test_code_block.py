"""The code block itself: its form, its summary, what it says it does, and what it asks the runner for."""

import asyncio
from typing import Any

import pytest

from engine.blocks import default_catalog
from engine.blocks._spec import BlockType, Effect
from engine.code import CodeResult
from engine.document import Block, Edge, Workflow
from engine.run.context import Services
from engine.run.runner import run


@pytest.fixture
def code() -> BlockType:
    found = default_catalog().find("code")
    assert found is not None
    return found


class AskedCode:
    """Keeps the options that blocks ask with."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    async def run(self, source: str, _scope: Any, _input_data: Any, **options: Any) -> CodeResult:
        self.asked.append({"source": source, **options})
        return CodeResult(output=True)


def asked_by(*blocks: Block, links: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """The options that these blocks ask the runner with."""
    runner = AskedCode()
    edges = {source: Edge(source, source, target) for source, target in (links or {}).items()}
    workflow = Workflow(name="W", blocks={block.id: block for block in blocks}, edges=edges)
    asyncio.run(run(workflow, lambda _event: None, services=Services(code=runner)))
    return runner.asked


@pytest.mark.parametrize(
    ("config", "summary"),
    [
        ({}, "no code yet"),
        ({"code": "# nothing\n\n"}, "no code yet"),
        ({"code": "a = 1\n\n# why\noutput = a"}, "2 lines of Python"),
        ({"code": "// why\noutput = 1", "language": "javascript"}, "1 line of JavaScript"),
        ({"code": "output = 1", "language": "JavaScript "}, "1 line of JavaScript"),
        ({"code": "puts 1", "language": "ruby"}, "1 line of ruby"),
        ({"code": "output = 1", "language": None}, "1 line of Python"),
    ],
)
def test_the_summary_says_how_much_of_which_language(code: BlockType, config: dict[str, Any], summary: str) -> None:
    """Lines that are more than a comment of their language, and its name."""
    assert code.summary(config) == summary


@pytest.mark.parametrize(
    ("config", "effects"),
    [
        ({}, ()),
        ({"code": "  ", "allow_http": True}, ()),
        ({"code": "output = 1"}, (Effect("code"),)),
        ({"code": "output = 1", "allow_http": False}, (Effect("code"),)),
        ({"code": "output = 1", "allow_http": "true"}, (Effect("code"),)),
        ({"code": "output = 1", "allow_http": True}, (Effect("code"), Effect("http"))),
    ],
)
def test_the_effects_are_code_and_web_addresses(
    code: BlockType, config: dict[str, Any], effects: tuple[Effect, ...]
) -> None:
    """What the person is asked before the first run: which addresses is only known when the code runs."""
    assert code.effects(config) == effects


def test_both_languages_are_offered(code: BlockType) -> None:
    """The form offers Python and JavaScript, and web addresses as a switch that is off."""
    language, switch = code.field("language"), code.field("allow_http")

    assert language is not None
    assert switch is not None
    assert [choice.label for choice in language.choices] == ["Python", "JavaScript"]
    assert (switch.kind, switch.label) == ("switch", "Let the code call web addresses")
    assert not code.new_config().get("allow_http")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"code": "output = ="}, "Line 1 cannot be read"),
        ({"code": "output = =", "language": "javascript"}, None),
        ({"code": "output = fetch('https://a').text"}, "The code calls fetch, which is there only when “Let the code"),
        ({"code": "output = await fetch(url)", "language": "javascript"}, "The code calls fetch"),
        ({"code": "output = fetch(url)", "allow_http": True}, None),
        ({"code": "def fetch(url): return url\noutput = fetch(1)"}, None),
        ({"code": "output = prefetch(1) + page.fetch(2)\nprefetch = 1"}, None),
        ({"code": None}, None),
    ],
)
def test_the_check_reads_and_never_runs(code: BlockType, config: dict[str, Any], message: str | None) -> None:
    """Python that cannot be read, and calls that are not allowed, are told before a run."""
    found = [problem.message for problem in code.check(config)]

    assert found == [] if message is None else found[0].startswith(message)


def test_the_runner_is_asked_with_what_the_document_says() -> None:
    """Language and leave come from the block's config."""
    block = Block("a", "code", "A", config={"code": "x", "language": "JavaScript", "allow_http": True})

    (asked,) = asked_by(block)

    assert (asked["language"], asked["allow_http"]) == ("javascript", True)


@pytest.mark.parametrize(
    "given",
    [
        {"allow_http": "<first.output>"},
        {"_inputMappings": [{"sourceId": "first", "outputField": "output", "targetField": "allow_http"}]},
        {"allow_http": "true"},
        {"allow_http": 1},
    ],
)
def test_no_value_turns_web_addresses_on(given: dict[str, Any]) -> None:
    """Only `true` in the document does, which the person was asked about; never what another block gave."""
    first = Block("first", "code", "first", config={"code": "x"})
    second = Block("second", "code", "second", config={"code": "y", **given})

    asked = asked_by(first, second, links={"first": "second"})

    assert [options["allow_http"] for options in asked] == [False, False]
