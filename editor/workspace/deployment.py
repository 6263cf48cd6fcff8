"""Whether the open workflow takes calls on its server: asked again and again, and changed by arming and deploying.

Asking happens on the network thread and slows down while nothing changes. What the server says counts, not what was
asked of it: after each call its state is read back.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import uniform
from typing import Literal

from PySide6.QtCore import QObject, QTimer, Signal

from editor.aio import Tasks
from editor.workspace import livestate
from editor.workspace.armed_here import ArmedHere
from editor.workspace.livestate import NO_SERVER, UNKNOWN, LiveState, Told
from editor.workspace.server_link import ServerLink, ServerPlace
from editor.workspace.settings import Settings
from engine import (
    AccessDenied,
    BlockloomError,
    Execution,
    NotOnServer,
    PlatformClient,
    ServerError,
    ServerFault,
    ServerUnreachable,
    TooManyRequests,
    WorkflowFacts,
)

RUNS_ASKED = 10
"""So many of the newest runs are looked at each time; more than come between two looks."""
SAME_INSTANT_S = 3.0
_TICK_MS = 1000
_LOOK = "look-at-server"
_SPREAD = 0.15
WindowEnd = Literal["used", "over", "ended"]


class Deployment(QObject):
    """The state of the open workflow on its server.

    Signals:
        state_changed(): `state` is another one.
        ticked(): a second of a countdown has passed.
        runs_told(list): the newest runs (`Execution`), as the server listed them; the first list after a place changed
            holds old ones only.
        call_came(Execution): a call of the webhook began this run while the workflow was armed.
        window_closed(str): it was armed and is not any more: "used" by a call, "over" after its time, or "ended".
    """

    state_changed = Signal()
    ticked = Signal()
    runs_told = Signal(object)
    call_came = Signal(object)
    window_closed = Signal(str)

    def __init__(
        self,
        link: ServerLink,
        settings: Settings,
        tasks: Tasks,
        parent: QObject | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(parent)
        self._link = link
        self._tasks = tasks
        self._clock, self._wall = clock, wall
        self._armed_here = ArmedHere(settings, wall)
        self._state = NO_SERVER
        self._armed_text = ""
        self._quiet = self._failures = 0
        self._pause_s: float | None = None
        self._took_s = 0.0
        self._is_watched = True
        self._follows_runs = False
        self._known_runs: set[str] | None = None
        self._was_called = False
        self._own_runs = 0
        self._epoch = 0
        """Counts what makes an answer that is on its way one of the past."""
        self._is_asked_again = False
        self._is_stopped = False
        self._looking = QTimer(self)
        self._looking.setSingleShot(True)
        self._looking.timeout.connect(self._on_due)
        self._ticking = QTimer(self)
        self._ticking.setInterval(_TICK_MS)
        self._ticking.timeout.connect(self._on_tick)
        link.place_changed.connect(self._on_place_changed)
        link.facts_changed.connect(self._on_facts_changed)
        link.connections.changed.connect(self.look_now)

    @property
    def state(self) -> LiveState:
        """What is known now."""
        return self._state

    @property
    def seconds_left(self) -> float:
        """How long the workflow stays armed; 0 when it is not."""
        return self._state.seconds_left(self._clock())

    @property
    def text(self) -> str:
        """The state in a few words."""
        return self._state.text(self._clock())

    def look_now(self) -> None:
        """Ask the server at once, also after it refused the key."""
        if self._link.is_placed and not self._is_stopped:
            self._failures, self._pause_s = 0, None
            self._looking.start(0)

    def stop(self) -> None:
        """Ask nothing more: the window goes."""
        self._is_stopped = True
        self._looking.stop()
        self._ticking.stop()
        self._tasks.cancel(_LOOK)

    def next_look_in_s(self) -> float | None:
        """Seconds until the server is asked the next time; None when it is not by itself."""
        return self._looking.remainingTime() / 1000 if self._looking.isActive() else None

    def set_watched(self, watched: bool) -> None:
        """Whether somebody is at the window; while nobody is, the server is asked less often."""
        if watched and not self._is_watched and self._looking.isActive():
            self.look_now()
        self._is_watched = watched

    def follow_runs(self, follow: bool) -> None:
        """Whether the newest runs are asked for also while the workflow takes no calls."""
        self._follows_runs = follow
        if follow:
            self.look_now()

    def expect_run(self, began: bool) -> None:
        """A run is begun from here, or has ended: meanwhile a run of which nobody tells what began it is ours."""
        self._own_runs += 1 if began else -1

    def know_run(self, execution_id: str) -> None:
        """This run was started from here, so it is no call that came from outside."""
        if self._known_runs is not None:
            self._known_runs.add(execution_id)

    # --- changing it --------------------------------------------------------------------------------------------

    async def arm(self) -> None:
        """Let the webhook take one call within ten minutes.

        Raises:
            ServerError: it may be armed or not; `state` says what the server tells.
        """
        place = self._place()
        try:
            until = await self._link.call(PlatformClient.arm, place.workflow_id)
        finally:
            self._epoch += 1
            self.look_now()
        if place == self._link.place:
            self._was_called = False
            self._armed_here.remember(place, livestate.remaining_s(until, self._server_now()))
            await self._read_back(place)

    async def deploy(self) -> str:
        """Let the webhook take calls and the schedule run; returns what is to be said about it, "" for nothing.

        Raises:
            ServerError: the server says that it is not live, or cannot be asked.
        """
        return await self._change(PlatformClient.deploy, live=True)

    async def undeploy(self) -> str:
        """Let the webhook refuse calls and the schedule rest; as `deploy`."""
        return await self._change(PlatformClient.undeploy, live=False)

    async def _change(self, call: Callable[..., object], *, live: bool) -> str:
        place, failure = self._place(), None
        try:
            await self._link.call(call, place.workflow_id)  # type: ignore[arg-type]
        except (ServerFault, ServerUnreachable) as error:
            failure = error
        finally:
            self._epoch += 1
            self.look_now()
        try:
            facts = await self._read_back(place)
        except ServerError as error:
            if place == self._link.place:
                self._take_failure(error)
            raise failure or error from None
        is_live = facts.state == "deployed"
        if is_live is live:
            word = "live" if live else "off"
            trouble = f"Something went wrong on the way, but the server says that the workflow is {word}. {failure}"
            return trouble if failure else ""
        word = "still off" if live else "still live"
        raise failure or ServerFault(f"The server took the call, but says that the workflow is {word}.")

    async def _read_back(self, place: ServerPlace) -> WorkflowFacts:
        base = self._link.base
        facts = await self._link.call(PlatformClient.facts, place.workflow_id)
        if place == self._link.place:
            self._take_facts(facts)
            self._link.take(facts, base)
        return facts

    # --- asking -------------------------------------------------------------------------------------------------

    def _on_due(self) -> None:
        self._is_asked_again = not self._tasks.start(_LOOK, self._look)

    async def _look(self) -> None:
        place, base, epoch = self._link.place, self._link.base, self._epoch
        if place is None:
            return
        began = self._clock()
        wants_runs = self._follows_runs or self._state.kind in ("armed", "live", "unknown")
        try:
            facts, runs = await self._link.call(_ask, place.workflow_id, RUNS_ASKED if wants_runs else 0)
        except BlockloomError as error:
            if epoch == self._epoch:
                self._take_failure(error)
        else:
            if epoch == self._epoch:
                self._took_s = self._clock() - began
                self._take(place, facts, runs)
                self._link.take(facts, base)
        self._look_later()

    def _take(self, place: ServerPlace, facts: WorkflowFacts, runs: Sequence[Execution] | None) -> None:
        before = self._state
        self._failures, self._pause_s = 0, None
        fresh = self._fresh(runs)
        calls = ("webhook",) if self._own_runs else ("webhook", None)
        called = [run for run in fresh if run.trigger in calls] if before.kind == "armed" else []
        if called and not facts.tells_arming:
            self._armed_here.forget(place)
        self._take_facts(facts)
        if called and not self._was_called:
            self._was_called = True
            self.call_came.emit(called[-1])
        if before.kind == "armed" and self._state.kind == "off":
            self._tell_window_closed(before)
        self._quiet = self._quiet + 1 if self._state == before and not fresh else 0
        if runs is not None:
            self.runs_told.emit(list(runs))

    def _take_facts(self, facts: WorkflowFacts) -> None:
        place, now = self._link.place, self._clock()
        left = self._armed_here.seconds_left(place) if place else 0.0
        self._set_state(livestate.state_of(self._told(facts), now + left if left else None, now))

    def _told(self, facts: WorkflowFacts) -> Told:
        return Told(
            is_deployed=facts.state == "deployed",
            version=facts.version,
            armed_until=self._steady(facts.armed_until),
            tells_arming=facts.tells_arming,
            deployed_version=facts.deployed_version,
            schedule=facts.schedule_config,
            next_runs=facts.next_runs,
        )

    def _steady(self, armed_until: str | None) -> float | None:
        """The instant on our steady clock. The same one told again stays where it is, or the countdown would waver."""
        if armed_until is None:
            self._armed_text = ""
            return None
        last = self._state.last.armed_until if self._state.last else None
        if armed_until == self._armed_text and last is not None:
            return last
        self._armed_text = armed_until
        return self._clock() + livestate.remaining_s(armed_until, self._server_now())

    def _server_now(self) -> float | None:
        connection = self._link.connection
        offset = self._link.connections.clock_offset_s(connection.connection_id) if connection else None
        return None if offset is None else self._wall() + offset

    def _fresh(self, runs: Sequence[Execution] | None) -> list[Execution]:
        """Runs that were not there at the last look and that did not begin here."""
        if runs is None:
            return []
        known, ids = self._known_runs, {run.id for run in runs}
        self._known_runs = ids | (known or set())
        return [] if known is None else [run for run in runs if run.id not in known]

    def _take_failure(self, error: BlockloomError) -> None:
        self._failures += 1
        self._pause_s = error.retry_after_s if isinstance(error, TooManyRequests) else None
        if isinstance(error, TooManyRequests):
            return  # it is there, and only wants to be left alone for a while
        kind: livestate.Kind = (
            "denied" if isinstance(error, AccessDenied) else "gone" if isinstance(error, NotOnServer) else "unreachable"
        )
        self._set_state(livestate.without_answer(self._state, kind, str(error)))

    def _look_later(self) -> None:
        if self._is_asked_again:
            self._is_asked_again = False
            self._looking.start(0)
            return
        wait = livestate.next_look_s(
            self._state, self._quiet, self._failures, pause_s=self._pause_s, is_watched=self._is_watched
        )
        if wait is None:
            self._looking.stop()
        elif not self._looking.isActive():
            # Not all editors at once after a server was away, and never most of the time for a slow answer.
            wait = max(wait, 3 * self._took_s) * uniform(1 - _SPREAD, 1 + _SPREAD)  # noqa: S311 - no secret
            self._looking.start(round(wait * 1000))

    # --- what changes by itself ---------------------------------------------------------------------------------

    def _on_place_changed(self) -> None:
        self._epoch += 1
        self._looking.stop()
        self._quiet = self._failures = 0
        self._pause_s, self._known_runs, self._armed_text = None, None, ""
        self._set_state(UNKNOWN if self._link.is_placed else NO_SERVER)
        self.look_now()

    def _on_facts_changed(self) -> None:
        stored, told = self._link.stored, self._state.last
        if stored is not None and told is not None and stored.version > told.version:
            self._set_state(replace(self._state, last=replace(told, version=stored.version)))

    def _on_tick(self) -> None:
        before = self._state
        self._set_state(livestate.at(before, self._clock()))
        if before.kind == "armed" and self._state.kind == "off":
            self.window_closed.emit("over")
            self.look_now()
        self.ticked.emit()

    def _tell_window_closed(self, before: LiveState) -> None:
        is_over = before.seconds_left(self._clock()) < SAME_INSTANT_S
        end: WindowEnd = "used" if self._was_called else "over" if is_over else "ended"
        self.window_closed.emit(end)

    def _set_state(self, state: LiveState) -> None:
        if state == self._state:
            return
        self._state = state
        if state.armed_until is not None and state.kind == "armed":
            self._ticking.start()
        else:
            self._ticking.stop()
        self.state_changed.emit()

    def _place(self) -> ServerPlace:
        place = self._link.place
        if place is None:
            raise ValueError("a workflow that is on no server can be neither armed nor deployed")
        return place


async def _ask(
    client: PlatformClient, workflow_id: str, run_count: int
) -> tuple[WorkflowFacts, Sequence[Execution] | None]:
    """What the server tells about the workflow, and its newest runs where they are wanted and can be had."""
    facts = await client.facts(workflow_id)
    wants_runs = run_count or facts.state == "deployed" or facts.armed_until is not None
    if not wants_runs:
        return facts, None
    try:
        return facts, await client.executions(workflow_id, limit=run_count or RUNS_ASKED)
    except ServerError:
        return facts, None
