"""What a run asks for."""

from engine import edits
from engine.blocks import default_catalog
from engine.inputs import RunInput, run_inputs
from tests.engine.strategies import graph


def test_a_run_asks_for_what_is_declared_and_for_what_blocks_read_of_it() -> None:
    """Declared values first, then variables that are referred to, then what a webhook's caller would send."""
    flow = graph({"start": "starter", "hook": "webhook", "out": "response"}).changed(variables={"tone": "kind"})
    flow = edits.set_config(flow, "start", {"input": {"text": "hello"}})
    flow = edits.set_config(flow, "out", {"output": "{{variables.tone}} <Hook.output.name> <hook.output.deep.er>"})

    assert run_inputs(flow, default_catalog()) == (
        RunInput("text", "hello"),
        RunInput("tone", "kind", declared=False),
        RunInput("name", None, declared=False),
        RunInput("deep", None, declared=False),
    )


def test_what_the_workflow_gives_in_a_callers_place_is_not_asked_for() -> None:
    """A webhook workflow with values of its own runs by one click."""
    flow = graph({"hook": "webhook", "out": "response"}).changed(variables={"name": "Ada"})
    flow = edits.set_config(flow, "out", {"output": "<Hook.output.name> <Hook.output.age>"})

    assert run_inputs(flow, default_catalog()) == (RunInput("age", None, declared=False),)


def test_results_of_other_blocks_are_no_input() -> None:
    """Nor is the webhook's output as a whole."""
    flow = graph({"hook": "webhook", "code": "code", "out": "response"})
    flow = edits.set_config(flow, "out", {"output": "<Code.output.name> <Hook.output>"})

    assert run_inputs(flow, default_catalog()) == ()
