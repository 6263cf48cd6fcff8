"""Places for runs: so many at a time, and a fair queue in front of them.

Runs of one workflow wait in line behind each other; between workflows places go round, so that one that is called a
thousand times does not keep out another that is called once.
"""

import asyncio
from collections import OrderedDict, deque

from engine.server.runs.port import TooManyRuns

_Line = deque["asyncio.Future[None]"]


class Slots:
    """`places` runs at once; `max_waiting` more may wait."""

    def __init__(self, places: int, max_waiting: int) -> None:
        self._free = places
        self._max_waiting = max_waiting
        self._lines: OrderedDict[str, _Line] = OrderedDict()
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return self._waiting

    async def take(self, line: str) -> None:
        """Wait in this line for a place; `give_back` ends holding it.

        Raises:
            TooManyRuns: as many wait as may wait.
        """
        if self._free and not self._waiting:
            self._free -= 1
        else:
            await self._wait(line)

    def give_back(self) -> None:
        """Give the place to the first in the line whose turn it is; that line then goes behind the others."""
        while self._lines:
            line, turns = self._lines.popitem(last=False)
            turn = turns.popleft()
            if turns:
                self._lines[line] = turns
            self._waiting -= 1
            if not turn.cancelled():
                turn.set_result(None)
                return
        self._free += 1

    async def _wait(self, line: str) -> None:
        if self._waiting >= self._max_waiting:
            raise TooManyRuns(f"{self._waiting} runs are waiting already. Try again in a moment.")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(line, deque()).append(turn)
        self._waiting += 1
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back()  # the place came at the same moment: the next one gets it
            elif turn in self._lines.get(line, ()):
                self._leave(line, turn)
            raise

    def _leave(self, line: str, turn: "asyncio.Future[None]") -> None:
        self._waiting -= 1
        self._lines[line].remove(turn)
        if not self._lines[line]:
            del self._lines[line]
