"""Several real server processes on one database, and one that is killed: what only processes can show."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.server_process import started
from tests.server.races import Kill, arm_race, kills_under_load

ROUNDS, CALLERS, PROCESSES = 6, 90, 2


@pytest.mark.slow
def test_one_armed_call_across_processes(tmp_path: Path, postgres: Callable[[], str]) -> None:
    """Whichever process the callers ask, one of them runs, and there is one run."""
    url = postgres()
    with ExitStack() as stack:
        options = ("--database", url, "--rate-limit", "off")
        servers = [stack.enter_context(started(tmp_path / str(number), *options)) for number in range(PROCESSES)]

        outcomes = asyncio.run(arm_race(servers, ROUNDS, CALLERS))

    assert [statuses for statuses, _ in outcomes] == [{200: 1, 403: CALLERS - 1}] * ROUNDS
    assert [runs for _, runs in outcomes] == list(range(1, ROUNDS + 1))


@pytest.mark.slow
def test_a_kill_under_load_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    """Every call that got a 200 is stored as completed, nothing is running, no armed call is gone without its run."""
    for found in kills_under_load(tmp_path, 1, "--rate-limit", "off"):
        assert found == Kill(found.answered, lost=0, still_running=0, slots_burned=0)
        assert found.answered > 20
