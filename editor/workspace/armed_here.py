"""Which workflows were armed from here, and until when: for servers that never tell, and across a restart."""

import time
from collections.abc import Callable

from editor.workspace.livestate import ARMED_FOR_S
from editor.workspace.server_link import ServerPlace
from editor.workspace.settings import Settings

_SETTING = "armed_here"


class ArmedHere:
    """Remembers in the settings. Instants are seconds since the epoch, by our clock."""

    def __init__(self, settings: Settings, wall: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._wall = wall

    def seconds_left(self, place: ServerPlace) -> float:
        """How long the workflow at this place stays armed by what was done here; 0 when it is not."""
        left = self._lasting().get(_key(place), 0.0) - self._wall()
        # Longer than a window is: our own clock was put back meanwhile, so nothing is known.
        return left if 0 < left <= ARMED_FOR_S else 0.0

    def remember(self, place: ServerPlace, seconds: float) -> None:
        """The workflow at this place has just been armed for so long."""
        self._settings.set(_SETTING, {**self._lasting(), _key(place): self._wall() + seconds})

    def forget(self, place: ServerPlace) -> None:
        """The workflow at this place is not armed any more."""
        self._settings.set(_SETTING, {key: until for key, until in self._lasting().items() if key != _key(place)})

    def _lasting(self) -> dict[str, float]:
        now = self._wall()
        kept = self._settings.get(_SETTING, {}).items()
        return {key: until for key, until in kept if isinstance(until, int | float) and until > now}


def _key(place: ServerPlace) -> str:
    return f"{place.connection_id}/{place.workflow_id}"
