"""Undo and redo as a person meets them."""

from editor.workspace.history import BYTES_KEPT, MERGE_WINDOW_S, History, Step
from editor.workspace.selection import Selection
from engine import Workflow

NONE = Selection()


def step(before: Workflow, after: Workflow, key: str | None = None, at_s: float = 0.0) -> Step:
    return Step("Edit", before, after, NONE, NONE, key, at_s)


def test_steps_of_one_intent_are_undone_together() -> None:
    """Keystrokes in one field are one step as long as they follow each other quickly."""
    history = History()
    first, second, third = Workflow(name="a"), Workflow(name="ab"), Workflow(name="abc")

    history.push(step(first, second, "name", 1.0))
    history.push(step(second, third, "name", 1.0 + MERGE_WINDOW_S / 2))

    undone = history.undo()
    assert undone is not None
    assert undone.before is first
    assert undone.after is third
    assert history.undo() is None


def test_a_pause_begins_a_new_step() -> None:
    """Typing that goes on after a pause can be undone apart from what came before."""
    history = History()
    first, second, third = Workflow(name="a"), Workflow(name="ab"), Workflow(name="abc")

    history.push(step(first, second, "name", 1.0))
    history.push(step(second, third, "name", 1.1 + MERGE_WINDOW_S))

    undone = history.undo()
    assert undone is not None
    assert undone.before is second


def test_sealing_ends_the_intent() -> None:
    """Leaving a field ends its step, however quickly the next edit of the same field comes."""
    history = History()
    first, second, third = Workflow(name="a"), Workflow(name="ab"), Workflow(name="abc")

    history.push(step(first, second, "name", 1.0))
    history.seal()
    history.push(step(second, third, "name", 1.0))

    undone = history.undo()
    assert undone is not None
    assert undone.before is second


def test_a_new_step_forgets_what_was_undone() -> None:
    """Redo is gone once something else was done."""
    history = History()
    first, second = Workflow(name="a"), Workflow(name="b")
    history.push(step(first, second))
    history.undo()

    history.push(step(first, Workflow(name="c")))

    assert history.redo_label is None


def test_the_oldest_steps_go_when_memory_is_used_up() -> None:
    """Undo is as deep as memory allows, and the newest step is always kept."""
    history = History()
    before = Workflow()
    steps = BYTES_KEPT // step(before, before).cost_bytes

    for _ in range(steps + 10):
        history.push(step(before, before))

    undone = 0
    while history.undo():
        undone += 1
    assert steps - 1 <= undone <= steps
