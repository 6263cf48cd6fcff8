"""Saving to a server: what is sent, what stays unsaved, and that nothing is written over or lost."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from editor.workspace.workspace import FILE, SERVER
from engine import Block, Edge, Workflow, edits
from tests.editor.fake_server import FakeServer
from tests.editor.server_fixtures import Bench

START, STEP, OUT = (str(uuid.UUID(int=number)) for number in (1, 2, 3))
OpenBench = Callable[..., Bench]


def workflow(**fields: Any) -> Workflow:
    """Start -> Step -> Out, with all that a save must keep: a field nobody knows, a block that is off, a route."""
    blocks = [
        Block(START, "starter", "Start"),
        Block(STEP, "code", "Step", 300, 0.1, {"code": "output = 1", "odd": [1.5, None]}, enabled=False),
        Block(OUT, "response", "Out", 600, 0, {"output": "<Step.output>"}, extra={"note": "kept"}),
    ]
    edges = [Edge("e1", START, STEP, "output", "input", "if"), Edge("e2", STEP, OUT, None, None)]
    return Workflow("Mine", blocks={b.id: b for b in blocks}, edges={e.id: e for e in edges}, **fields)


def configured(key: str, value: Any, block_id: str = STEP) -> Callable[[Workflow], Workflow]:
    return lambda now: edits.configure(now, block_id, key, value)


@pytest.fixture
def open_bench(qtbot: Any, loop: Any, tmp_path: Path) -> Iterator[OpenBench]:
    """Makes benches; all are closed when the test ends."""
    benches: list[Bench] = []

    def make(server: FakeServer | None = None, document: Workflow | None = None) -> Bench:
        bench = Bench(qtbot, loop, tmp_path, server or FakeServer(), document or workflow())
        benches.append(bench)
        return bench

    yield make
    for bench in benches:
        bench.close()


@pytest.fixture(params=[True, False], ids=["our server", "platform server"])
def server(request: pytest.FixtureRequest) -> FakeServer:
    """Each kind of server."""
    return FakeServer(own=request.param)


def saved_bench(open_bench: OpenBench, server: FakeServer) -> Bench:
    """A bench whose document has just been saved for the first time."""
    bench = open_bench(server)
    bench.saver.save_to(bench.connection, also_in_file=False)
    bench.settled()
    assert bench.workspace.is_saved_in(SERVER), bench.link.save_state
    return bench


def row_of(bench: Bench) -> dict[str, Any]:
    """What the server has."""
    return bench.server.workflows[bench.link.workflow_id]


def test_a_first_save_creates_the_workflow_and_lives_there(open_bench: OpenBench, server: FakeServer) -> None:
    """Name, variables and graph arrive; block ids, `enabled`, handles and conditions are those on the canvas."""
    bench = open_bench(server, workflow(description="D", variables={"n": 1}))

    bench.saver.save_to(bench.connection, also_in_file=False)
    bench.settled()

    row = row_of(bench)
    assert (row["name"], row["description"], row["variables"]) == ("Mine", "D", {"n": 1})
    assert [block["id"] for block in row["blocks"]] == [START, STEP, OUT]
    assert [block["enabled"] for block in row["blocks"]] == [True, False, True]
    wires = {(e["source"], e["sourceHandle"], e["targetHandle"], e["condition"]) for e in row["edges"]}
    assert (STEP, None, None, None) in wires
    assert not bench.workspace.is_dirty
    assert not bench.workspace.lives_in(FILE)
    assert bench.link.place is not None
    assert bench.link.place.name == "Fake"
    assert bench.states == ["saving", "idle"]
    assert len(bench.server.sent("POST")) == 1


def test_a_document_with_a_file_lives_in_both(open_bench: OpenBench) -> None:
    """Saving to a server takes nobody's file away: an edit then is unsaved in both."""
    bench = open_bench()

    bench.saver.save_to(bench.connection, also_in_file=True)
    bench.settled()
    assert bench.workspace.is_saved_in(FILE)
    bench.workspace.edit("Change", configured("code", "output = 2"))

    assert not bench.workspace.is_saved_in(FILE)
    assert not bench.workspace.is_saved_in(SERVER)


def test_a_second_save_sends_the_graph_alone(open_bench: OpenBench, server: FakeServer) -> None:
    """What did not change is not sent: no PATCH, and nothing new is created."""
    bench = saved_bench(open_bench, server)
    server.requests.clear()

    bench.workspace.edit("Change", configured("code", "output = 2"))
    bench.save()

    assert row_of(bench)["blocks"][1]["config"]["code"] == "output = 2"
    assert not bench.workspace.is_dirty
    assert [seen.method for seen in server.requests if seen.method != "GET"] == ["PUT"]
    assert "merge" not in bench.answers.asked


def test_a_new_name_is_patched_and_the_graph_left_alone(open_bench: OpenBench, server: FakeServer) -> None:
    """Renaming makes no new version."""
    bench = saved_bench(open_bench, server)
    version = row_of(bench)["version"]
    server.requests.clear()

    bench.workspace.edit("Rename", edits.set_name, "New name")
    bench.save()

    assert row_of(bench)["name"] == "New name"
    assert row_of(bench)["version"] == version
    assert [seen.body for seen in server.requests if seen.method != "GET"] == [{"name": "New name"}]
    assert not bench.workspace.is_dirty


def test_saving_what_is_saved_only_looks(open_bench: OpenBench, server: FakeServer) -> None:
    """Save without a change writes nothing, and finds out what others did."""
    bench = saved_bench(open_bench, server)
    server.requests.clear()

    bench.save()

    assert {seen.method for seen in server.requests} == {"GET"}


def test_unknown_fields_stay_on_the_canvas_and_reach_who_keeps_them(open_bench: OpenBench) -> None:
    """Our server keeps them, a platform server does not; the document has them either way."""
    for own in (True, False):
        bench = saved_bench(open_bench, FakeServer(own=own))
        assert ("note" in row_of(bench)["blocks"][2]) is own
        bench.workspace.edit("Change", configured("code", "output = 3"))
        bench.save()
        assert bench.workspace.workflow.block(OUT).extra == {"note": "kept"}
        assert not bench.answers.asked


def test_edits_made_while_saving_stay_unsaved(open_bench: OpenBench) -> None:
    """What was sent is what was on screen when it was sent; the rest waits for the next save."""
    bench = saved_bench(open_bench, FakeServer())
    bench.workspace.edit("Change", configured("code", "output = 2"))
    bench.server.fail("slow", "PUT")

    bench.saver.save()
    bench.wait(bench.server.is_holding.is_set)
    bench.workspace.edit("More", configured("code", "output = 3"))
    bench.server.release()
    bench.settled()

    assert row_of(bench)["blocks"][1]["config"]["code"] == "output = 2"
    assert bench.workspace.is_dirty
    bench.save()
    assert row_of(bench)["blocks"][1]["config"]["code"] == "output = 3"
    assert not bench.workspace.is_dirty


def test_save_pressed_while_saving_saves_once_more(open_bench: OpenBench) -> None:
    """The second press means what is on screen then."""
    bench = saved_bench(open_bench, FakeServer())
    bench.workspace.edit("Change", configured("code", "output = 2"))
    bench.server.fail("slow", "PUT")

    bench.saver.save()
    bench.wait(bench.server.is_holding.is_set)
    bench.workspace.edit("More", configured("code", "output = 3"))
    bench.saver.save()
    waiter = bench.saver.wait()
    bench.server.release()

    assert bench.run(waiter) is True
    assert row_of(bench)["blocks"][1]["config"]["code"] == "output = 3"
    assert not bench.workspace.is_dirty


# --- somebody else ------------------------------------------------------------------------------------------------


def test_independent_changes_of_two_people_are_both_saved(open_bench: OpenBench, server: FakeServer) -> None:
    """The second to save merges, sees what was taken over, and the save goes on; one undo takes the merge back."""
    bench = saved_bench(open_bench, server)
    server.edit(bench.link.workflow_id, OUT, output="theirs")
    bench.workspace.edit("Mine", configured("code", "output = 'mine'"))
    mine = bench.workspace.workflow

    bench.save()

    configs = {block["id"]: block["config"] for block in row_of(bench)["blocks"]}
    assert configs[OUT]["output"] == "theirs"
    assert configs[STEP]["code"] == "output = 'mine'"
    assert not bench.workspace.is_dirty
    assert bench.answers.asked == ["merge"]
    assert [item.place.item_id for item in bench.answers.merges[0].from_theirs] == [OUT]
    assert bench.workspace.undo_label == "Merge changes from server"
    bench.workspace.undo()
    assert bench.workspace.workflow is mine


def test_a_conflict_is_decided_and_saved(open_bench: OpenBench, server: FakeServer) -> None:
    """Both changed the same field: whoever saves second chooses, and both values were shown."""
    bench = saved_bench(open_bench, server)
    server.edit(bench.link.workflow_id, STEP, code="output = 'theirs'")
    bench.workspace.edit("Mine", configured("code", "output = 'mine'"))
    bench.answers.choose = lambda merged: bench_merge_theirs(merged)

    bench.save()

    conflict = bench.answers.merges[0].conflicts[0]
    assert (conflict.base, conflict.mine, conflict.theirs) == ("output = 1", "output = 'mine'", "output = 'theirs'")
    assert row_of(bench)["blocks"][1]["config"]["code"] == "output = 'theirs'"
    assert bench.workspace.workflow.block(STEP).config["code"] == "output = 'theirs'"


def bench_merge_theirs(merged: Any) -> Workflow:
    """Decide for theirs everywhere."""
    from engine import merge

    return merge.resolve(merged, {conflict.place: "theirs" for conflict in merged.conflicts})


def test_giving_up_a_merge_writes_nothing(open_bench: OpenBench, server: FakeServer) -> None:
    """The document stays as it is, unsaved, and the state says why; the next save asks again."""
    bench = saved_bench(open_bench, server)
    server.edit(bench.link.workflow_id, STEP, code="output = 'theirs'")
    bench.workspace.edit("Mine", configured("code", "output = 'mine'"))
    bench.answers.choose = lambda merged: None
    before = bench.workspace.workflow

    bench.save()

    assert bench.workspace.workflow is before
    assert bench.link.save_state.kind == "conflict"
    assert row_of(bench)["blocks"][1]["config"]["code"] == "output = 'theirs'"
    bench.save()
    assert bench.answers.asked == ["merge", "merge"]


def test_a_name_changed_elsewhere_is_seen(open_bench: OpenBench, server: FakeServer) -> None:
    """The revision is about the graph; names are compared too, before one is written over."""
    bench = saved_bench(open_bench, server)
    row_of(bench)["name"] = "Theirs"
    bench.workspace.edit("Rename", edits.set_name, "Mine again")

    bench.save()

    assert bench.answers.merges[0].conflicts[0].place.path == ("name",)


def test_what_somebody_saved_between_look_and_write_is_not_lost(open_bench: OpenBench) -> None:
    """Our server refuses a save over another revision, at the last moment too."""
    bench = saved_bench(open_bench, FakeServer())
    bench.workspace.edit("Mine", configured("code", "output = 'mine'"))
    bench.server.fail(412, "PUT", body={"error": "moved", "revision": "other"})
    bench.server.edit(bench.link.workflow_id, OUT, output="theirs")

    bench.save()

    assert {b["id"]: b["config"] for b in row_of(bench)["blocks"]}[OUT]["output"] == "theirs"
    assert not bench.workspace.is_dirty


def test_the_same_change_made_by_both_asks_nothing(open_bench: OpenBench, server: FakeServer) -> None:
    """There is nothing to decide and nothing to show."""
    bench = saved_bench(open_bench, server)
    server.edit(bench.link.workflow_id, STEP, code="output = 9")
    bench.workspace.edit("Mine", configured("code", "output = 9"))

    bench.save()

    assert bench.answers.asked == []
    assert not bench.workspace.is_dirty


# --- what a platform server takes ---------------------------------------------------------------------------------


def test_ids_that_a_platform_server_refuses_are_rewritten_when_allowed(open_bench: OpenBench) -> None:
    """The offer is one undoable edit; wires and references follow, and the save goes on."""
    blocks = [Block("start", "starter", "Start"), Block("out", "response", "Out", config={"output": "<start.output>"})]
    document = Workflow("Ids", blocks={b.id: b for b in blocks}, edges={"e": Edge("e", "start", "out")})
    bench = open_bench(FakeServer(own=False), document)

    bench.saver.save_to(bench.connection, also_in_file=False)
    bench.settled()

    assert bench.answers.asked == ["rewrite 2"]
    assert bench.workspace.is_saved_in(SERVER)
    assert all(uuid.UUID(block["id"]) for block in row_of(bench)["blocks"])
    bench.workspace.undo()
    assert list(bench.workspace.workflow.blocks) == ["start", "out"]


def test_ids_stay_where_the_person_says_no(open_bench: OpenBench) -> None:
    """Nothing is sent, and the state says what is in the way."""
    document = Workflow("Ids", blocks={"start": Block("start", "starter", "Start")})
    bench = open_bench(FakeServer(own=False), document)
    bench.answers.rewrite = False

    bench.saver.save_to(bench.connection, also_in_file=False)
    bench.settled()

    assert bench.link.save_state.kind == "failed"
    assert "“Start” has an id" in bench.link.save_state.reason
    assert bench.server.sent("PUT") == []
    assert list(bench.workspace.workflow.blocks) == ["start"]


def test_our_server_gets_every_id_word_for_word(open_bench: OpenBench) -> None:
    """`start` is as good an id as any other there."""
    document = Workflow("Ids", blocks={"start": Block("start", "starter", "Start")})
    bench = open_bench(FakeServer(), document)

    bench.saver.save_to(bench.connection, also_in_file=False)
    bench.settled()

    assert row_of(bench)["blocks"][0]["id"] == "start"
