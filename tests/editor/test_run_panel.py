"""The run panel: a run as it goes, and everything that each block got and gave."""

import time

import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from editor.panels.decision import decision_text
from editor.panels.json_tree import JsonTreeModel
from editor.panels.preview import LIMIT, preview
from editor.panels.run_timeline import RunTimelineModel, ordered_blocks
from editor.panels.runs import RunPanel
from editor.text import duration_text
from editor.theme import Theme
from editor.workspace.workspace import Workspace
from engine import Block, RunState, Workflow, default_catalog
from engine.events import (
    BlockChunk,
    BlockFailed,
    BlockFinished,
    BlockSkipped,
    BlockStarted,
    DelegationFinished,
    DelegationStarted,
    RunFinished,
    RunStarted,
)


class Tape:
    """Writes events into a run, numbered."""

    def __init__(self, *blocks: str) -> None:
        self.run = RunState()
        self.add(RunStarted, run_id="r", blocks=blocks, variables={"city": "Kiel"})

    def add(self, kind, at: float = 100.0, **fields) -> frozenset[str]:
        return self.run.fold(kind(self.run.last_seq + 1, at, **fields))


@pytest.fixture
def workspace(qapp):
    blocks = {name: Block(name, "code", name.title()) for name in ("one", "two", "three", "four")}
    return Workspace(default_catalog(), Workflow(blocks=blocks))


@pytest.fixture
def panel(qtbot, workspace):
    theme = Theme("light")
    panel = RunPanel(workspace, theme)
    qtbot.addWidget(panel)
    panel.resize(900, 320)
    panel.show()
    panel.keep = theme
    return panel


@pytest.fixture
def finished() -> RunState:
    tape = Tape("one", "two", "three", "four")
    tape.add(BlockStarted, block_id="one", block_name="One", config={"code": "x"})
    tape.add(BlockChunk, block_id="one", text="hello\n", stream="print")
    tape.add(BlockFinished, at=100.5, block_id="one", result={"output": "first", "model": "m"}, duration_ms=500)
    tape.add(BlockStarted, at=100.5, block_id="three", block_name="Three", inputs=("one",))
    tape.add(BlockFailed, at=100.7, block_id="three", error="division by zero", duration_ms=200)
    tape.add(BlockSkipped, block_id="two", reason="upstream-failed", text="“Three” failed.", because_of="three")
    tape.add(RunFinished, at=101, status="completed", output="the end", duration_ms=1000)
    return tape.run


def tabs(panel) -> list[str]:
    return [panel.tabs.tabText(number) for number in range(panel.tabs.count())]


def choose(panel, tab: str) -> None:
    panel.tabs.setCurrentIndex(tabs(panel).index(tab))


def click_row(panel, block_id: str) -> None:
    index = panel.timeline.index(panel.timeline.row_of(block_id))
    spot = panel.view.visualRect(index).center()
    QTest.mouseClick(panel.view.viewport(), Qt.MouseButton.LeftButton, pos=spot)


def test_without_a_run_the_panel_says_how_to_get_one(panel):
    """The empty panel names the key."""
    assert panel.empty.isVisible()
    assert "F5" in panel.empty.text.text()


def test_blocks_stand_in_the_order_they_began(finished):
    """Started and skipped blocks come in their order, those that never began come last."""
    assert ordered_blocks(finished) == ["one", "three", "two", "four"]


def test_the_result_is_shown_first(panel, workspace, finished):
    """A finished run shows its status in words and its output."""
    workspace.set_run(finished)

    assert panel.status.text() == "Done with an error"
    assert panel.value.value == "the end"
    assert tabs(panel) == ["Result", "Variables"]


def test_a_click_shows_the_block_and_selects_it_on_the_canvas(panel, workspace, finished):
    """Choosing a row selects its block in the workspace and shows what it gave."""
    workspace.set_run(finished)

    click_row(panel, "one")

    assert workspace.selection.only_block == "one"
    assert panel.value.value == "first"
    assert "Printed" in tabs(panel)


def test_the_row_follows_the_canvas(panel, workspace, finished):
    """Selecting a block on the canvas shows its row; an empty selection shows the result."""
    workspace.set_run(finished)

    workspace.select(["three"])
    shown = panel.value.value
    workspace.select([])

    assert shown == "division by zero"
    assert panel.value.value == "the end"


def test_a_failed_block_opens_on_its_error(panel, workspace, finished):
    """The Error tab of a failed block is what is seen first."""
    workspace.set_run(finished)

    workspace.select(["three"])

    assert panel.tabs.tabText(panel.tabs.currentIndex()) == "Error"


def test_input_is_named_by_the_blocks_it_came_from(panel, workspace, finished):
    """The Input tab shows the results that reached the block, by block name."""
    workspace.set_run(finished)
    workspace.select(["three"])

    choose(panel, "Input")

    assert panel.value.value == {"One": {"output": "first", "model": "m"}}


def test_a_skipped_block_says_why(panel, workspace, finished):
    """A block that did not run shows the reason instead of empty tabs."""
    workspace.set_run(finished)

    workspace.select(["two"])

    assert panel.nothing.isVisible()
    assert panel.nothing.text.text() == "“Three” failed."
    assert not panel.tabs.isVisible()


def test_a_block_that_never_ran_in_a_finished_run_is_not_waiting(panel, workspace, finished):
    """After the end nothing waits any more."""
    workspace.set_run(finished)

    workspace.select(["four"])

    assert panel.nothing.title.text() == "Did not run"


def test_streamed_text_appears_while_it_arrives(panel, workspace, qtbot):
    """Pieces of an answer are seen before the block has finished, and the scroll place stays."""
    tape = Tape("one")
    tape.add(BlockStarted, block_id="one", block_name="One")
    workspace.set_run(tape.run)
    workspace.select(["one"])

    workspace.tell_run_changed(tape.add(BlockChunk, block_id="one", text="Once upon "))
    workspace.tell_run_changed(tape.add(BlockChunk, block_id="one", text="a time"))

    qtbot.waitUntil(lambda: panel.value.text.toPlainText() == "Once upon a time")


def test_many_changes_are_shown_together(panel, workspace, qtbot, monkeypatch):
    """A thousand changes in one frame refresh the panel once."""
    tape = Tape("one")
    workspace.set_run(tape.run)
    refreshed = []
    monkeypatch.setattr(RunTimelineModel, "refresh", lambda _self, ids: refreshed.append(ids))

    for _ in range(1000):
        workspace.tell_run_changed(frozenset({"one"}))

    qtbot.waitUntil(lambda: bool(refreshed))
    assert refreshed == [frozenset({"one"})]


def test_a_hidden_panel_does_no_work_and_catches_up(panel, workspace, qtbot):
    """While hidden nothing is refreshed; shown again it is up to date."""
    tape = Tape("one")
    workspace.set_run(tape.run)
    panel.hide()
    workspace.tell_run_changed(tape.add(BlockStarted, block_id="one", block_name="First"))
    qtbot.waitUntil(lambda: not panel._due.isActive())

    panel.show()

    assert panel.timeline.look(panel.timeline.index(1)).word == "Running"


def test_fifty_megabytes_are_shown_in_part_at_once(panel, workspace):
    """A huge text shows its beginning, says so, and leaves copying all of it to the window."""
    tape = Tape("one")
    tape.add(BlockStarted, block_id="one")
    tape.add(BlockFinished, block_id="one", result={"output": "x" * 50_000_000})
    began = time.monotonic()

    workspace.set_run(tape.run)
    workspace.select(["one"])

    assert time.monotonic() - began < 1.0
    assert len(panel.value.text.toPlainText()) == LIMIT
    assert panel.value.cut_note.isVisible()


def test_copy_all_of_a_huge_value_is_asked_for(panel, workspace, qtbot):
    """What is too big to be copied here is handed to the window."""
    tape = Tape("one")
    tape.add(BlockStarted, block_id="one")
    tape.add(BlockFinished, block_id="one", result={"output": ["y" * 1000] * 5000})
    workspace.set_run(tape.run)
    workspace.select(["one"])

    with qtbot.waitSignal(panel.copy_all_requested) as asked:
        panel.value.copy.click()

    assert len(asked.args[0]) == 5000


def test_copy_takes_the_whole_small_value(panel, workspace, finished):
    """The copy button puts the shown value on the clipboard."""
    workspace.set_run(finished)

    panel.value.copy.click()

    assert QGuiApplication.clipboard().text() == "the end"


def test_the_tree_shows_the_whole_result(panel, workspace, finished):
    """The tree has every key of a block's result, not only its output."""
    workspace.set_run(finished)
    workspace.select(["one"])

    panel.value.as_tree.click()

    model = panel.value.model
    assert [model.index(row, 0).data() for row in range(model.rowCount())] == ["output", "model"]
    assert model.index(1, 1).data() == '"m"'


def test_a_tree_makes_children_as_they_are_asked_for(qapp):
    """A list of a hundred thousand opens with some hundred rows, and more come on demand."""
    model = JsonTreeModel(Theme("light"))
    model.show({"items": list(range(100_000)), "name": "x"})
    items = model.index(0, 0)

    assert model.rowCount(items) == 0
    assert model.hasChildren(items)
    model.fetchMore(items)
    first = model.rowCount(items)
    model.fetchMore(items)

    assert first == 200
    assert model.rowCount(items) == 400
    assert model.path(model.index(3, 0, items)) == "items.3"
    assert model.parent(model.index(3, 0, items)) == items
    assert model.parent(items) == QModelIndex()


def test_a_tree_model_keeps_qts_rules(qapp, qtmodeltester):
    """Qt's own checker finds nothing wrong with the tree."""
    model = JsonTreeModel(Theme("light"))
    model.show({"a": [1, {"b": None}], "c": {"d": "text"}, "e": []})

    qtmodeltester.check(model)


@pytest.mark.parametrize(
    ("value", "text", "complete"),
    [
        ("plain <b>text</b>", "plain <b>text</b>", True),
        ({"a": [1, True, None]}, '{\n  "a": [\n    1,\n    true,\n    null\n  ]\n}', True),
        ("", "", True),
    ],
)
def test_preview_of_small_values_is_all_of_them(value, text, complete):
    """Text is shown as it is, anything else as indented JSON."""
    assert preview(value) == (text, complete)


def test_preview_stops_early_in_depth_and_width():
    """Deep nesting and long lists are cut, quickly and without an error."""
    deep: list = []
    for _ in range(10_000):
        deep = [deep]
    began = time.monotonic()

    texts = [preview(deep), preview(list(range(5_000_000))), preview({"k" * 300_000: 1})]

    assert all(not complete for _, complete in texts[:2])
    assert all(len(text) <= LIMIT for text, _ in texts)
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize(
    ("duration_ms", "text"),
    [
        (None, "—"),
        (0.0, "0.00 ms"),
        (0.4231, "0.42 ms"),
        (12.4, "12 ms"),
        (999.4, "999 ms"),
        (999.9, "1.00 s"),
        (3050, "3.05 s"),
    ],
)
def test_durations_read_as_the_contract_says(duration_ms, text):
    """Contract section 6: a dash for none, two decimals below 1 ms and from 1 s, whole milliseconds between."""
    assert duration_text(duration_ms) == text


def test_running_bars_grow_with_the_clock(qapp):
    """A block that runs has a duration up to now."""
    tape = Tape("one")
    tape.add(BlockStarted, at=101.0, block_id="one")
    model = RunTimelineModel(clock=lambda: 103.5)

    model.show_run(tape.run, lambda item: item.block_id)

    assert model.span_ms(model.index(1)) == (1000.0, 2500.0)
    assert model.total_ms() == 3500.0


def test_ten_thousand_blocks_stay_quick(panel, workspace):
    """Showing a run of ten thousand blocks and one more change takes far less than a second."""
    names = [f"b{number}" for number in range(10_000)]
    tape = Tape(*names)
    for name in names:
        tape.add(BlockStarted, block_id=name)
    began = time.monotonic()

    workspace.set_run(tape.run)
    panel._refresh()

    assert time.monotonic() - began < 1.0
    assert panel.timeline.rowCount() == 10_001


def test_both_themes_paint_a_live_run(panel, workspace):
    """A run in progress is painted in light and in dark, wide and narrow."""
    tape = Tape("one", "two")
    tape.add(BlockStarted, block_id="one", block_name="One")
    workspace.set_run(tape.run)

    for choice, width in (("dark", 900), ("light", 280)):
        panel.keep.choose(choice)
        panel.resize(width, 400)
        assert not panel.grab().isNull()


# Delegations, decisions and warnings


@pytest.fixture
def team() -> Tape:
    """An orchestration that has asked two agents: one answered, one is still at work."""
    tape = Tape("one", "two")
    tape.add(BlockStarted, block_id="one", block_name="Team")
    tape.add(DelegationStarted, block_id="one", number=1, agent="Fact finder", task="Find <b>facts</b>")
    usage = {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}
    tape.add(DelegationFinished, block_id="one", number=1, answer="Three facts", usage=usage, duration_ms=300)
    tape.add(DelegationStarted, block_id="one", number=2, agent="Writer", task="Three facts")
    return tape


def click_delegation(panel, block_id: str, number: int) -> None:
    index = panel.timeline.index(panel.timeline.row_of(block_id, number))
    spot = panel.view.visualRect(index).center()
    QTest.mouseClick(panel.view.viewport(), Qt.MouseButton.LeftButton, pos=spot)


def row_words(panel) -> list[tuple[str, str, str]]:
    model = panel.timeline
    indexes = [model.index(row) for row in range(model.rowCount())]
    return [(model.name(index), model.look(index).word, model.time_text(index)) for index in indexes[1:]]


def test_delegations_stand_below_their_block(panel, workspace, team):
    """Who was asked is seen in order, with status and time, while the block still runs."""
    workspace.set_run(team.run)

    assert [row[:2] for row in row_words(panel)] == [
        ("Team", "Running"),
        ("Fact finder", "Done"),
        ("Writer", "Running"),
        ("Two", "Waiting"),
    ]
    assert row_words(panel)[1][2] == "300 ms"


def test_a_delegation_shows_task_answer_and_usage(panel, workspace, team):
    """A click on a delegation shows what was asked and answered as plain text, and selects the block."""
    workspace.set_run(team.run)

    click_delegation(panel, "one", 1)

    assert workspace.selection.only_block == "one"
    assert tabs(panel) == ["Answer", "Task"]
    assert panel.value.value == "Three facts"
    assert panel.value.note._text == "12 tokens read, 5 written"
    choose(panel, "Task")
    assert panel.value.text.toPlainText() == "Find <b>facts</b>"


def test_a_delegation_that_fails_says_why(panel, workspace, team, qtbot):
    """The failure of one agent is seen at its row, live, and stays when the run is replayed."""
    workspace.set_run(team.run)
    click_delegation(panel, "one", 2)
    assert panel.value.note._text == "Still working…"

    team.add(DelegationFinished, block_id="one", number=2, error="No key", duration_ms=5)
    workspace.tell_run_changed(frozenset({"one"}))

    qtbot.waitUntil(lambda: tabs(panel) == ["Answer", "Task", "Error"])
    choose(panel, "Error")
    assert panel.value.value == "No key"
    assert row_words(panel)[2][:2] == ("Writer", "Failed")


def test_a_delegation_that_was_cut_off_is_not_running_for_ever(panel, workspace, team):
    """After the end of the run nobody works any more."""
    team.add(RunFinished, status="cancelled", duration_ms=1)

    workspace.set_run(team.run)

    assert row_words(panel)[2][:2] == ("Writer", "Stopped")


def test_a_condition_shows_every_question_with_its_values(panel, workspace):
    """What was asked, with which values and answers, what was not asked any more, and which path was taken."""
    tape = Tape("one")
    branches = [{"expression": "<A.n> > 5"}, {"expression": '<A.t> == "x"'}, {"expression": "<B.y>"}]
    tried = [
        {"branch": "if", "raw": "<A.n> > 5", "resolved": "2 > 5", "variables": {"<A.n>": 2}, "result": False},
        {
            "branch": "elif_1",
            "raw": '<A.t> == "x"',
            "resolved": "'x' == \"x\"",
            "variables": {"<A.t>": "x"},
            "result": True,
        },
    ]
    result = {"output": True, "result": "elif_1", "route": "elif_1", "_debug": tried}
    tape.add(BlockStarted, block_id="one", block_name="Ask", config={"branches": branches})
    tape.add(BlockFinished, block_id="one", result=result)

    workspace.set_run(tape.run)
    workspace.select(["one"])

    assert panel.tabs.tabText(panel.tabs.currentIndex()) == "Decision"
    assert panel.value.value == (
        "if  <A.n> > 5\n    <A.n> = 2\n    → false\n\n"
        'else if  <A.t> == "x"\n    <A.t> = "x"\n    → true: this path was taken\n\n'
        "else if  <B.y>\n    not asked: the path was decided before\n\n"
        "else\n    not taken"
    )


def test_a_question_without_an_answer_says_so():
    """A reference that leads nowhere counts as false, and the panel tells why."""
    tried = [{"branch": "if", "raw": "<A.n> > 5", "resolved": "", "variables": {}, "error": "<A.n> has no value."}]
    result = {"output": False, "route": "else", "_debug": tried}

    text = decision_text(result, {"branches": [{"expression": "<A.n> > 5"}]})

    assert "→ no answer: <A.n> has no value. It counts as false." in text
    assert text.endswith("→ taken: none of them was true")


def test_what_did_not_go_as_set_is_told(panel, workspace):
    """Warnings of a block, its own and those in its result, are seen with its output; usage is told in words."""
    tape = Tape("one")
    usage = {"prompt_tokens": 1200, "completion_tokens": 30, "total_tokens": 1230}
    result = {"output": "Hi", "model": "m", "usage": usage, "warnings": ["No such agent; the block's own was asked."]}
    tape.add(BlockStarted, block_id="one", block_name="One", warnings=("<X.y> leads nowhere.",))
    tape.add(BlockFinished, block_id="one", result=result)

    workspace.set_run(tape.run)
    workspace.select(["one"])

    assert panel.reason.text() == "<X.y> leads nowhere.\nNo such agent; the block's own was asked."
    assert panel.value.note._text == "model: m · 1,200 tokens read, 30 written"
