"""What is known of a workflow on its server, as one value, and when to ask again. Pure.

Times in seconds are those of a steady clock of ours, so that neither the server's clock nor a change of ours moves a
countdown. An instant of the server is turned into one of ours once, when it is told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

Kind = Literal["none", "off", "armed", "live", "unreachable", "denied", "gone", "unknown"]
ARMED_FOR_S = 600.0
"""How long an armed workflow waits for its one call (contract 2.6)."""
_ASK_AGAIN_S: Mapping[Kind, tuple[float, float]] = {"armed": (2.0, 2.0), "live": (3.0, 15.0), "off": (6.0, 60.0)}
_SLOWER_BY = 1.4
_FIRST_RETRY_S, _LAST_RETRY_S = 2.0, 60.0
_UNWATCHED_FACTOR = 3.0
MAX_PAUSE_S = 120.0


@dataclass(frozen=True)
class Told:
    """What one answer of the server said. `armed_until` is on our steady clock, None when it is not armed.

    `tells_arming` is False for servers that never say whether a workflow is armed.
    """

    is_deployed: bool
    version: int
    armed_until: float | None = None
    tells_arming: bool = False
    deployed_version: int | None = None
    schedule: Mapping[str, Any] | None = None
    next_runs: tuple[str, ...] = ()


@dataclass(frozen=True)
class LiveState:
    """The state of a workflow on its server. `last` is what the server said last, also while it cannot be reached.

    `is_certain` is False where "off" only means "not deployed", because the server never tells of arming.
    """

    kind: Kind
    last: Told | None = None
    armed_until: float | None = None
    trouble: str = ""
    is_certain: bool = True

    @property
    def takes_calls(self) -> bool:
        """Whether a call of the webhook would start a run, as far as is known."""
        return self.kind in ("armed", "live")

    def seconds_left(self, now: float) -> float:
        """How long it stays armed; 0 when it is not."""
        return max(0.0, self.armed_until - now) if self.armed_until is not None else 0.0

    def text(self, now: float) -> str:
        """The state in a few words, as the chip has them."""
        if self.kind == "armed":
            left = int(self.seconds_left(now))
            return f"Armed for one call, {left // 60}:{left % 60:02} left"
        if self.kind == "live":
            return f"Live v{self.last.version}" if self.last else "Live"
        if self.kind == "off" and not self.is_certain:
            return "Not deployed"
        return _WORDS[self.kind]


NO_SERVER = LiveState("none")
UNKNOWN = LiveState("unknown")
_WORDS: Mapping[Kind, str] = {
    "none": "Not on a server",
    "off": "Off",
    "unreachable": "Unreachable",
    "denied": "Key not accepted",
    "gone": "Deleted on the server",
    "unknown": "Unknown",
}


def state_of(told: Told, own_arm: float | None, now: float) -> LiveState:
    """The state after this answer. `own_arm` is until when we armed it ourselves, for servers that do not tell."""
    if told.is_deployed:
        return LiveState("live", told)
    until = told.armed_until if told.tells_arming else own_arm
    if until is not None and until > now:
        return LiveState("armed", told, until, is_certain=told.tells_arming)
    return LiveState("off", told, is_certain=told.tells_arming)


def without_answer(before: LiveState, kind: Kind, trouble: str) -> LiveState:
    """The state after the server could not be asked; what it said last stays known."""
    return LiveState(kind, before.last, before.armed_until, trouble, before.is_certain)


def at(state: LiveState, now: float) -> LiveState:
    """The state at this moment: what was armed is off once its time is over."""
    if state.kind == "armed" and state.seconds_left(now) <= 0:
        return replace(state, kind="off", armed_until=None)
    return state


def remaining_s(armed_until: str, server_now: float | None) -> float:
    """Seconds until this instant of the server's clock (ISO 8601), at most the ten minutes that a window is long.

    `server_now` is the time there in seconds since the epoch, None where the server does not tell it: then the window
    counts as just opened. An instant that cannot be read counts the same.
    """
    try:
        until = datetime.fromisoformat(armed_until)
    except ValueError:
        return ARMED_FOR_S
    if server_now is None or until.tzinfo is None:
        return ARMED_FOR_S
    return min(ARMED_FOR_S, max(0.0, until.timestamp() - server_now))


def next_look_s(
    state: LiveState, quiet: int, failures: int, *, pause_s: float | None, is_watched: bool
) -> float | None:
    """Seconds until the server is asked again, None for not by itself.

    `quiet` counts the answers in a row that brought nothing new, `failures` those that did not come. `pause_s` is what
    the server itself asked for. Nobody asks in a loop with a key that is not accepted, or for what is gone.
    """
    if state.kind in ("none", "denied", "gone"):
        return None
    if pause_s is not None:
        return min(max(pause_s, _FIRST_RETRY_S), MAX_PAUSE_S)
    if failures:
        return float(min(_LAST_RETRY_S, _FIRST_RETRY_S * 2 ** min(failures - 1, 10)))
    first, last = _ASK_AGAIN_S.get(state.kind, (_FIRST_RETRY_S, _LAST_RETRY_S))
    wait = min(last, first * _SLOWER_BY ** min(quiet, 40))
    return wait if is_watched or state.kind == "armed" else wait * _UNWATCHED_FACTOR
