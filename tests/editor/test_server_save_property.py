"""Two people, a bad network, and any order of events: nothing that anybody typed or saved is lost."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from editor.workspace.workspace import SERVER
from engine import Workflow, edits, merge
from tests.editor.fake_server import FakeServer
from tests.editor.server_fixtures import Bench

BLOCK = "00000000-0000-0000-0000-000000000001"
KEYS = ("a", "b", "c")
mine = st.tuples(st.just("mine"), st.sampled_from(KEYS))
theirs = st.tuples(st.just("theirs"), st.sampled_from(KEYS))
shared = st.tuples(st.sampled_from(["both", "they both"]), st.just("shared"))
saves = st.tuples(st.just("save"), st.just(""))
faults = st.tuples(
    st.just("fault"), st.sampled_from(["refused", "lost", "cut", "html", "foreign", "PATCH lost", "412"])
)
scripts = st.lists(mine | theirs | shared | saves | faults, min_size=1, max_size=14)


@pytest.fixture
def bench(qtbot: Any, loop: Any, tmp_path: Path) -> Any:
    made = Bench(qtbot, loop, tmp_path, FakeServer(), Workflow("Untitled"))
    yield made
    made.close()


class Story:
    """A script that is played, with what each side has typed last. `shared` is a key that both write."""

    def __init__(self, bench: Bench, own: bool) -> None:
        self.bench, self.server = bench, bench.server
        self.server.own = own
        self.server.faults.clear()
        block = {"id": BLOCK, "type": "code", "name": "Step", "position": {"x": 0, "y": 0}, "config": {"shared": 0}}
        self.workflow_id = self.server.add("Story", [block])
        bench.answers.choose = self.keep_both
        bench.open(self.workflow_id)
        self.typed: dict[str, int] = {}
        self.stored: dict[str, int] = {}
        self.shown: set[int] = set()
        """Values of the shared key that the person has seen: on the canvas, or in a merge."""
        self.arrived: set[int] = set()
        """Values of the shared key that the server had at some time."""
        self.count = 0

    def keep_both(self, merged: merge.Merge) -> Workflow:
        """What the person saw; mine is kept where both wrote."""
        self.shown |= {value for item in merged.conflicts for value in (item.mine, item.theirs) if type(value) is int}
        return merge.resolve(merged, dict.fromkeys((item.place for item in merged.conflicts), "mine"))

    def play(self, what: str, which: str) -> None:
        self.count += 1
        if what in ("mine", "both"):
            key = which if what == "both" else f"my {which}"
            self.bench.workspace.edit("Type", edits.configure, BLOCK, key, self.count)
            self.typed[key] = self.count
        elif what in ("theirs", "they both"):
            key = which if what == "they both" else f"their {which}"
            self.server.edit(self.workflow_id, BLOCK, **{key: self.count})
            self.stored[key] = self.count
        elif what == "save":
            self.bench.save()
        elif which == "PATCH lost":
            self.bench.workspace.edit("Rename", edits.set_name, f"Story {self.count}")
            self.server.fail("lost", "PATCH")
        elif which == "412":
            self.server.fail(412, "PUT", body={"error": "moved"})
        else:
            self.server.fail(which, "PUT")
        self.look()

    def look(self) -> None:
        self.shown.add(self.bench.workspace.workflow.block(BLOCK).config["shared"])
        self.arrived.add(self.config()["shared"])

    def config(self) -> dict[str, Any]:
        return dict(self.server.workflows[self.workflow_id]["blocks"][0]["config"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(script=scripts, own=st.booleans())
def test_nothing_is_lost(bench: Bench, script: list[tuple[str, str]], own: bool) -> None:
    """In the end the server has all that was typed here and there; where both wrote, whose value went has been seen."""
    story = Story(bench, own)

    for what, which in script:
        story.play(what, which)
    story.server.faults.clear()
    while not bench.workspace.is_saved_in(SERVER):
        bench.save()

    config, document = story.config(), bench.workspace.workflow.block(BLOCK).config
    assert bench.workspace.workflow.name == story.server.workflows[story.workflow_id]["name"]
    for key, value in story.typed.items():
        if key != "shared":
            assert config[key] == document[key] == value
    for key, value in story.stored.items():
        if key != "shared":
            assert config[key] == value
    story.look()
    if "shared" in story.stored and config["shared"] != story.stored["shared"]:
        assert story.stored["shared"] in story.shown
    if "shared" in story.typed and config["shared"] != story.typed["shared"]:
        assert story.typed["shared"] in story.arrived  # and they wrote over it knowingly
