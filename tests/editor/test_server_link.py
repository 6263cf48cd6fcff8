"""The tie of a document to a server: what it tells, and when."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from editor.workspace.workspace import FILE, SERVER
from engine import PlatformClient, ServerError, Workflow, edits
from tests.editor.fake_server import FakeServer
from tests.editor.server_fixtures import Bench


@pytest.fixture
def bench(qtbot: Any, loop: Any, tmp_path: Path) -> Iterator[Bench]:
    """A document that was opened from a server."""
    server = FakeServer()
    made = Bench(qtbot, loop, tmp_path, server, Workflow("Untitled"))
    made.open(server.add("Orders", [{"id": "a", "type": "starter", "name": "A", "config": {}}]))
    yield made
    made.close()


def heard(signal: Any) -> list[None]:
    """A list that grows with each emission."""
    told: list[None] = []
    signal.connect(lambda *_: told.append(None))
    return told


def test_an_opened_document_lives_there_alone(bench: Bench) -> None:
    """It is saved, in no file, and known by ids that last."""
    assert bench.link.is_placed
    assert bench.workspace.is_saved_in(SERVER)
    assert not bench.workspace.lives_in(FILE)
    assert bench.link.place is not None
    assert bench.link.place.workflow_id == bench.link.workflow_id
    assert bench.link.connection is not None
    assert bench.link.connection.key == ""


def test_another_document_lets_go_of_the_server(bench: Bench) -> None:
    """Whatever opens next lives where it came from."""
    told = heard(bench.link.place_changed)

    bench.workspace.replace(Workflow("Other"))

    assert not bench.link.is_placed
    assert len(told) == 1
    assert bench.workspace.lives_in(FILE)


def test_asking_anew_tells_what_others_did_once(bench: Bench) -> None:
    """A version that somebody else saved is told one time, however often the server is asked."""
    told = heard(bench.link.moved_on_server)
    bench.run(bench.link.refresh())
    assert told == []
    bench.server.edit(bench.link.workflow_id, "a", theirs=1)

    bench.run(bench.link.refresh())
    bench.run(bench.link.refresh())

    assert len(told) == 1
    assert bench.link.stored is not None
    assert bench.link.base is not None
    assert bench.link.stored.version == bench.link.base.version + 1


def test_our_own_save_is_nobody_elses(bench: Bench) -> None:
    """After a save the server's answer is what was expected, with revisions and without."""
    for own in (True, False):
        bench.server.own = own
        bench.server.workflows[bench.link.workflow_id]["blocks"][0]["id"] = "00000000-0000-0000-0000-000000000001"
        bench.open(bench.link.workflow_id)
        told = heard(bench.link.moved_on_server)
        block_id = next(iter(bench.workspace.workflow.blocks))
        bench.workspace.edit("Change", edits.configure, block_id, "k", own)
        bench.save()
        assert not bench.workspace.is_dirty

        bench.run(bench.link.refresh())

        assert told == []


def test_an_answer_from_before_our_save_is_nobodys_save(bench: Bench) -> None:
    """The server was asked, then the document was saved, then the answer came: it tells of an older version."""
    told = heard(bench.link.moved_on_server)
    bench.server.fail("late", "GET")
    bench.tasks.start("look", bench.link.refresh)
    bench.wait(bench.server.is_holding.is_set)
    bench.workspace.edit("Change", edits.configure, "a", "k", "mine")
    bench.save()

    bench.server.release()
    bench.wait(lambda: not bench.tasks.is_busy("look"))

    assert told == []
    assert bench.link.stored is bench.link.base


def test_what_a_lifecycle_call_did_is_told_at_once(bench: Bench) -> None:
    """Whoever deploys tells it, without reading everything anew."""
    told = heard(bench.link.facts_changed)

    bench.link.tell(state="deployed")

    assert bench.link.stored is not None
    assert bench.link.stored.state == "deployed"
    assert len(told) == 1


def test_reach_is_known_after_each_call(bench: Bench) -> None:
    """A refusal was an answer; only silence is not."""
    told = heard(bench.link.reach_changed)
    bench.run(bench.link.refresh())
    assert bench.link.is_reachable is True
    bench.server.fail(403)
    with pytest.raises(ServerError):
        bench.run(bench.link.refresh())
    assert bench.link.is_reachable is True
    bench.server.fail("refused", times=10)
    with pytest.raises(ServerError):
        bench.run(bench.link.call(PlatformClient.arm, bench.link.workflow_id))

    assert bench.link.is_reachable is False
    assert len(told) == 2


def test_extensions_are_learned_once_a_connection(bench: Bench) -> None:
    """They say which routes there are beside the contract."""
    bench.run(bench.link.learn_extensions())
    assert "revision" in bench.link.extensions
    bench.server.requests.clear()

    bench.run(bench.link.learn_extensions())

    assert bench.server.requests == []


def test_an_answer_about_another_document_is_passed_over(bench: Bench) -> None:
    """What comes late means nothing."""
    base = bench.link.base
    assert base is not None
    told = heard(bench.link.facts_changed)

    bench.link.take(msgspec.structs.replace(base, id="another"), base)

    assert told == []
