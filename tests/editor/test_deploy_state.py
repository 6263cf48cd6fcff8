"""What the editor knows of a workflow's state on its server: armed, live, off, or why it cannot be known."""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editor.workspace import livestate
from editor.workspace.deployment import Deployment
from editor.workspace.livestate import LiveState, Told, at, next_look_s, remaining_s, state_of, without_answer
from editor.workspace.settings import Settings
from engine import ServerError, ServerFault, Workflow
from tests.editor.running_server import RunningServer
from tests.editor.server_fixtures import Bench

HOOK, ANSWER = (str(uuid.UUID(int=number)) for number in (1, 2))
WEBHOOK_ID, SECRET = str(uuid.UUID(int=9)), "s3cret"


def blocks() -> list[dict[str, Any]]:
    """A webhook, and a response."""
    hook = {"id": HOOK, "type": "webhook", "name": "Hook", "position": {"x": 0, "y": 0}}
    hook |= {"config": {"webhook_id": WEBHOOK_ID, "webhook_secret": SECRET}, "enabled": True}
    answer = {"id": ANSWER, "type": "response", "name": "Answer", "position": {"x": 300, "y": 0}}
    return [hook, answer | {"config": {"output": "<Hook.output>"}, "enabled": True}]


class DeployBench(Bench):
    """A bench whose document is on the server, and a `Deployment` that looks at it."""

    def __init__(self, qtbot: Any, loop: Any, folder: Path, server: RunningServer, wall: Callable[[], float]) -> None:
        super().__init__(qtbot, loop, folder, server, Workflow())
        self.running = server
        self.workflow_id = server.add("Orders", blocks())
        self._folder, self._wall = folder, wall
        self.ends: list[str] = []
        self.runs: list[str] = []
        self.deployment = self.deployment_again()
        self.open(self.workflow_id)
        self.wait(lambda: self.deployment.state.kind != "unknown")

    def deployment_again(self) -> Deployment:
        """A second one on the same document, as after a restart."""
        settings = Settings(self._folder / "settings.json")
        made = Deployment(self.link, settings, self.tasks, wall=self._wall)
        made.window_closed.connect(self.ends.append)
        made.runs_told.connect(lambda runs: self.runs.extend(run.id for run in runs))
        return made

    def restart(self) -> None:
        """The program ends and begins anew with the same document."""
        self.link.detach()
        self.deployment.stop()
        self.wait(lambda: not self.tasks.is_busy("look-at-server"))
        self.deployment.deleteLater()
        self.deployment = self.deployment_again()
        self.open(self.workflow_id)
        self.wait(lambda: self.deployment.state.kind != "unknown")

    def look(self) -> str:
        """The state after the next look."""
        seen = len(self.server.requests)
        self.deployment.look_now()
        self.wait(lambda: len(self.server.requests) > seen and not self.tasks.is_busy("look-at-server"))
        return self.deployment.state.kind

    def call(self, body: Any = None) -> int:
        """Somebody calls the webhook; the status they get."""
        return self.running.call_webhook(WEBHOOK_ID, SECRET, body or {})[0]


OpenBench = Callable[..., DeployBench]


@pytest.fixture
def open_bench(qtbot: Any, loop: Any, tmp_path: Path) -> Iterator[OpenBench]:
    """Makes benches; all are closed when the test ends."""
    benches: list[DeployBench] = []

    def make(wall: Callable[[], float] | None = None, **server: Any) -> DeployBench:
        now = wall or (lambda: datetime.now(UTC).timestamp())
        bench = DeployBench(qtbot, loop, tmp_path, RunningServer(**server), now)
        benches.append(bench)
        return bench

    yield make
    for bench in benches:
        bench.link.detach()
        bench.close()


def sent(bench: DeployBench, ending: str) -> int:
    return len(bench.server.sent("POST", ending))


# --- what is shown --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead_s", [0, 3600, -3600])
def test_a_countdown_is_right_whatever_the_clock_of_the_server_says(open_bench: OpenBench, ahead_s: int) -> None:
    """Ten minutes are ten minutes, also where the server's clock is an hour off."""
    bench = open_bench(clock_ahead_s=ahead_s)
    assert bench.deployment.text == "Off"

    bench.run(bench.deployment.arm())

    assert bench.deployment.state.kind == "armed"
    assert 597 < bench.deployment.seconds_left <= 600
    assert bench.deployment.text.startswith("Armed for one call, 9:5") or bench.deployment.text.endswith("10:00 left")
    left = bench.deployment.seconds_left
    assert bench.look() == "armed"
    assert left - 2 < bench.deployment.seconds_left <= left  # told again, it does not waver


def test_the_state_is_known_right_after_a_restart(open_bench: OpenBench) -> None:
    """Nothing need be clicked for it, whoever armed or deployed the workflow."""
    bench = open_bench()
    bench.run(bench.deployment.arm())

    bench.restart()
    assert bench.deployment.state.kind == "armed"

    bench.server.workflows[bench.workflow_id] |= {"state": "deployed", "armed_until": None, "version": 7}
    bench.restart()
    assert bench.deployment.text == "Live v7"


def test_the_one_call_ends_the_window_and_is_told(open_bench: OpenBench) -> None:
    """The chip falls back to Off, and the run that the call began is among those told."""
    bench = open_bench()
    bench.run(bench.deployment.arm())
    bench.look()

    assert (bench.call(), bench.call()) == (200, 403)

    assert bench.look() == "off"
    assert bench.ends == ["used"]
    assert bench.running.runs[bench.workflow_id][0]["id"] in bench.runs


def test_what_others_do_is_seen(open_bench: OpenBench) -> None:
    """Somebody deploys, saves and undeploys on another machine."""
    bench = open_bench()
    row = bench.server.workflows[bench.workflow_id]

    row["state"] = "deployed"
    assert (bench.look(), bench.deployment.text) == ("live", "Live v1")
    bench.server.edit(bench.workflow_id, ANSWER, output="other")
    assert (bench.look(), bench.deployment.text) == ("live", "Live v2")
    row["state"] = "internal"
    assert bench.look() == "off"
    row["armed_until"] = (datetime.now(UTC) + timedelta(seconds=90)).isoformat()
    assert bench.look() == "armed"
    assert 85 < bench.deployment.seconds_left <= 91


def test_a_server_that_never_tells_of_arming_is_not_believed_to_be_off(open_bench: OpenBench) -> None:
    """What we armed ourselves counts, also after a restart, until a call came; else only "not deployed" is claimed."""
    bench = open_bench(own=False)
    assert bench.deployment.text == "Not deployed"

    bench.run(bench.deployment.arm())
    bench.look()
    assert bench.deployment.state.kind == "armed"
    bench.restart()
    assert bench.deployment.state.kind == "armed"

    bench.call()
    assert bench.look() == "off"
    assert bench.ends == ["used"]
    bench.restart()
    assert bench.deployment.text == "Not deployed"


def test_our_own_arming_is_forgotten_with_its_time(open_bench: OpenBench) -> None:
    """Neither ten minutes later nor with a clock that was put back is anything claimed."""
    now = [datetime.now(UTC).timestamp()]
    bench = open_bench(lambda: now[0], own=False)
    bench.run(bench.deployment.arm())

    now[0] += 601
    bench.restart()
    assert bench.deployment.text == "Not deployed"

    bench.run(bench.deployment.arm())
    now[0] -= 7200
    bench.restart()
    assert bench.deployment.text == "Not deployed"


# --- what goes wrong ------------------------------------------------------------------------------------------------


def test_a_deploy_that_failed_is_reported_as_the_server_says(open_bench: OpenBench) -> None:
    """500 with an HTML page: its words are shown plain, and the state is what was read back."""
    bench = open_bench()
    bench.server.fail("html", "POST", "/deploy")

    with pytest.raises(ServerFault, match="Internal Server Error"):
        bench.run(bench.deployment.deploy())

    assert bench.deployment.text == "Off"
    assert sent(bench, "/deploy") == 1


def test_a_deploy_whose_reply_was_lost_is_live(open_bench: OpenBench) -> None:
    """It was done, so it is not done again; that there was trouble is said."""
    bench = open_bench()
    bench.server.fail("lost", "POST", "/deploy")

    remark = bench.run(bench.deployment.deploy())

    assert "says that the workflow is live" in remark
    assert bench.deployment.text == "Live v1"
    assert sent(bench, "/deploy") == 1
    assert bench.run(bench.deployment.undeploy()) == ""
    assert bench.deployment.text == "Off"


@pytest.mark.parametrize("status", [401, 403, 404, 429])
def test_a_refused_deploy_says_why_and_changes_nothing(open_bench: OpenBench, status: int) -> None:
    """The server's own words, once."""
    bench = open_bench()
    bench.server.fail(status, "POST", "/deploy", body={"error": "these words"})

    with pytest.raises(ServerError) as refused:
        bench.run(bench.deployment.deploy())

    assert "these words" in str(refused.value) or status == 401
    assert bench.deployment.text == "Off"
    assert sent(bench, "/deploy") == 1


def test_a_server_that_is_down_while_armed_is_said_to_be_unreachable(open_bench: OpenBench) -> None:
    """The chip claims nothing then, and knows the rest of the window when the server is back."""
    bench = open_bench()
    bench.run(bench.deployment.arm())
    fault = bench.server.fail("refused", times=100)

    assert bench.look() == "unreachable"
    assert "Nothing answers" in bench.deployment.state.trouble
    assert bench.deployment.text == "Unreachable"

    fault.times = 0
    assert bench.look() == "armed"
    assert bench.deployment.seconds_left > 590


def test_a_revoked_key_is_not_tried_again_and_again(open_bench: OpenBench) -> None:
    """One refusal, and then nothing until another key is entered."""
    bench = open_bench()
    bench.server.key = "another-key"

    assert bench.look() == "denied"
    assert "does not accept the key" in bench.deployment.state.trouble
    assert next_look_s(bench.deployment.state, 0, 1, pause_s=None, is_watched=True) is None

    bench.run(bench.connections.save(bench.connection.with_key("another-key")))
    bench.wait(lambda: bench.deployment.state.kind == "off")


def test_a_workflow_that_was_deleted_elsewhere_is_said_to_be_gone(open_bench: OpenBench) -> None:
    """404 is not the same as no answer."""
    bench = open_bench()
    kept = bench.server.workflows.pop(bench.workflow_id)

    assert (bench.look(), bench.deployment.text) == ("gone", "Deleted on the server")

    bench.server.workflows[bench.workflow_id] = kept


def test_a_server_that_wants_a_pause_gets_it(open_bench: OpenBench) -> None:
    """429: the state stays as it was known, and the next question waits as long as was asked."""
    bench = open_bench()
    bench.server.fail(429, "GET", headers={"Retry-After": "37"})

    assert bench.look() == "off"
    waits = bench.deployment.next_look_in_s()
    assert waits is not None
    assert 30 < waits < 44


def test_an_answer_of_the_past_does_not_undo_what_was_done_since(open_bench: OpenBench) -> None:
    """A slow look that began before a deploy says "off"; it is not believed."""
    bench = open_bench()
    bench.server.fail("slow", "GET", times=1)
    bench.deployment.look_now()
    bench.wait(bench.server.is_holding.is_set)
    states: list[str] = []
    bench.deployment.state_changed.connect(lambda: states.append(bench.deployment.state.kind))

    bench.run(bench.deployment.deploy())
    stale = {**bench.server.workflows[bench.workflow_id], "state": "internal"}
    answers = [stale]
    bench.server.routes["GET", ""] = lambda seen, _: (200, answers.pop() if answers else {**stale, "state": "deployed"})
    bench.server.release()
    bench.wait(lambda: not answers and not bench.tasks.is_busy("look-at-server"))

    assert states == ["live"]


# --- rules ----------------------------------------------------------------------------------------------------------

tolds = st.builds(
    Told, st.booleans(), st.integers(1, 99), st.none() | st.floats(-1e6, 1e6), st.booleans(), st.none(), st.none()
)


@given(tolds, st.none() | st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(0, 1e4))
def test_a_state_never_claims_more_than_is_known(told: Told, own: float | None, now: float, later: float) -> None:
    """Armed only within a window that somebody told of; and an armed state turns off when its time is over."""
    state = state_of(told, own, now)

    if state.kind == "armed":
        assert not told.is_deployed
        assert state.armed_until == (told.armed_until if told.tells_arming else own)
        assert state.seconds_left(now) > 0
    assert state.takes_calls == (state.kind in ("armed", "live"))
    assert at(state, now + later).kind == (
        "off" if state.kind == "armed" and state.armed_until <= now + later else state.kind
    )
    assert state.text(now)
    assert without_answer(state, "unreachable", "why").last == told


@given(st.text(max_size=30) | st.datetimes().map(str) | st.datetimes(timezones=st.just(UTC)).map(str), st.floats())
def test_a_window_is_never_longer_than_ten_minutes(armed_until: str, server_now: float) -> None:
    """Whatever a server writes, and whatever its clock is."""
    assert 0 <= remaining_s(armed_until, server_now) <= livestate.ARMED_FOR_S
    assert 0 <= remaining_s(armed_until, None) <= livestate.ARMED_FOR_S


kinds = st.sampled_from(["none", "off", "armed", "live", "unreachable", "denied", "gone", "unknown"])


@given(kinds, st.integers(0, 10**6), st.integers(0, 10**6), st.none() | st.floats(0, 1e9), st.booleans())
def test_the_server_is_asked_less_often_while_nothing_comes_of_it(
    kind: livestate.Kind, quiet: int, failures: int, pause_s: float | None, is_watched: bool
) -> None:
    """Never in a loop, never forgotten; each answer without news and each failure makes the wait no shorter."""
    state = LiveState(kind)
    wait = next_look_s(state, quiet, failures, pause_s=pause_s, is_watched=is_watched)

    if kind in ("none", "denied", "gone"):
        assert wait is None
        return
    assert wait is not None
    assert 1 <= wait <= 200
    more = next_look_s(state, quiet + 1, failures, pause_s=pause_s, is_watched=is_watched)
    assert more is not None
    assert more >= wait
    if kind == "armed" and not failures and pause_s is None:
        assert wait == 2
