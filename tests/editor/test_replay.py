"""Going back and forth through the moments of a run that is over."""

from typing import Any

import pytest

from editor.aio import Tasks
from editor.panels.runs import RunPanel
from editor.panels.scrubber import Scrubber
from editor.theme import Theme
from editor.workspace.replay import Replay, moment
from editor.workspace.runs import Runs
from editor.workspace.workspace import Workspace
from engine import AnyEvent, Block, Edge, LocalRunner, RunState, Workflow, default_catalog


@pytest.fixture
def replayed(qtbot: Any, loop: object, theme: Theme) -> tuple[Workspace, Runs, Replay, RunPanel, Scrubber]:
    """A finished run of a starter and a response, with the panel that shows it."""
    blocks = {"s": Block("s", "starter", "Start"), "r": Block("r", "response", "Answer", config={"output": "hi"})}
    workspace = Workspace(default_catalog(), Workflow(blocks=blocks, edges={"e": Edge("e", "s", "r")}))
    runs = Runs(workspace, LocalRunner())
    replay = Replay(workspace, runs, Tasks())
    panel = RunPanel(workspace, theme)
    scrubber = Scrubber(replay, theme)
    panel.add_scrubber(scrubber)
    panel.resize(800, 400)
    qtbot.addWidget(panel)
    panel.show()
    with qtbot.waitSignal(runs.finished):
        runs.start({})
    yield workspace, runs, replay, panel, scrubber
    runs.close()


def shown(workspace: Workspace) -> dict[str, str]:
    assert workspace.run is not None
    return {block_id: run.status for block_id, run in workspace.run.blocks.items()}


def test_every_moment_of_a_run_can_be_seen(replayed: Any) -> None:
    """Each event forward changes what canvas and panel show; at the end it is the run itself again."""
    workspace, runs, replay, _panel, scrubber = replayed
    whole = workspace.run

    scrubber.slider.setValue(2)
    assert shown(workspace) == {"s": "running", "r": "waiting"}
    scrubber.forward.click()
    assert shown(workspace) == {"s": "done", "r": "waiting"}
    scrubber.back.click()
    assert shown(workspace) == {"s": "running", "r": "waiting"}
    scrubber.slider.setValue(replay.length)

    assert workspace.run is whole
    assert scrubber.label.text() == "Whole run"
    assert replay.length == len(runs.events)


def test_a_moment_stands_still(replayed: Any) -> None:
    """A block that was running then has run as long as it had then, however late one looks."""
    workspace, runs, replay, panel, _scrubber = replayed

    replay.show(2)

    assert workspace.run.frozen_at == runs.events[1].at
    assert panel.timeline.total_ms() == pytest.approx((runs.events[1].at - runs.events[0].at) * 1000)
    assert not panel._ticking.isActive()


def test_the_bar_is_there_when_there_is_something_to_go_through(replayed: Any, qtbot: Any) -> None:
    """Not while a run goes on, and not without one."""
    workspace, runs, replay, _panel, scrubber = replayed
    assert scrubber.isVisible()

    replay.show(3)
    with qtbot.waitSignal(runs.finished):
        runs.start({})
        assert not scrubber.isVisible()
    assert scrubber.isVisible()
    assert replay.position == replay.length, "a new run is shown whole"
    workspace.set_run(None)

    assert not scrubber.isVisible()


def test_moments_are_prefixes_of_the_whole(replayed: Any) -> None:
    """The moment after all events says what the run says."""
    workspace, runs, _replay, _panel, _scrubber = replayed
    events: list[AnyEvent] = runs.events

    last: RunState = moment(events)

    assert last.blocks == workspace.run.blocks
    assert (last.status, last.output) == (workspace.run.status, workspace.run.output)
