"""A table of all attacks on code blocks: what each one came to, at each level, and how many reached anything.

Usage: python tests/faults/hostile_table.py [--each]
"""

import argparse
import os
import platform
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from engine.code import CodeUnavailable
from tests.faults import test_code_hostile as python
from tests.faults import test_code_hostile_calls as calls
from tests.faults import test_code_hostile_javascript as javascript
from tests.faults import test_code_hostile_restricted as restricted
from tests.faults.arena import LEVELS, Outcome, arena_at

Attack = Callable[[str, str], Outcome]


def python_at(level: str, stack: ExitStack, folder: Path) -> Attack:
    arena = stack.enter_context(arena_at(level, folder))
    return lambda name, source: arena.attack(python.armed(name, source), timeout_s=python.timeout_of(name))


def javascript_at(level: str, stack: ExitStack, folder: Path) -> Attack:
    found = arena_at(level, folder, following=javascript.FOLLOWING, language="javascript")
    arena = stack.enter_context(found)
    return lambda name, source: arena.attack(javascript.armed(name, source), timeout_s=javascript.TIMEOUT_S)


def calls_at(level: str, stack: ExitStack, folder: Path) -> Attack:
    arena = stack.enter_context(arena_at(level, folder, callable_hosts=[calls.HOST]))
    server = stack.enter_context(calls.BadServer(arena.world.port))
    server.start(arena)
    stack.callback(server.stop)

    def attack(name: str, source: str) -> Outcome:
        options = calls.options_of(name)
        return arena.attack(calls.armed(name, source, server), timeout_s=calls.TIMEOUT_S, **options)

    return attack


def restricted_at(level: str, stack: ExitStack, folder: Path) -> Attack:
    arena = stack.enter_context(arena_at(level, folder, fallback="monty"))
    options = {"timeout_s": restricted.TIMEOUT_S, "allow_http": True}
    return lambda name, source: arena.attack(restricted.armed(name, source), **options)


SUITES: list[tuple[str, Any, Callable[[str, ExitStack, Path], Attack], tuple[str, ...]]] = [
    ("Python", python, python_at, LEVELS),
    ("JavaScript", javascript, javascript_at, LEVELS),
    ("web addresses", calls, calls_at, LEVELS),
    ("restricted Python", restricted, restricted_at, ("none",)),
]


def outcomes(each: bool) -> Iterator[tuple[str, str, str, Outcome]]:
    """Suite, level, group and outcome of every attack."""
    for suite, module, place, levels in SUITES:
        for level in levels:
            with ExitStack() as stack:
                try:
                    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                    attack = place(level, stack, folder)
                except CodeUnavailable as error:
                    print(f"{suite} at {level}: not available ({error})")
                    continue
                for name, source in module.ATTACKS:
                    outcome = attack(name, source)
                    if each:
                        told = " ".join((outcome.result.error or "no error").split())[:70]
                        reached = "; ".join(outcome.reached) or "nothing"
                        print(f"{level:7} {suite}, {name:45} {reached:10} {outcome.took_s * 1000:5.0f} ms  {told}")
                    yield suite, level, name.partition(":")[0], outcome


def main() -> None:
    """Run everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", action="store_true", help="a line for each attack as well")
    tried: Counter[tuple[str, str, str]] = Counter()
    reached: Counter[tuple[str, str, str]] = Counter()
    late: Counter[tuple[str, str, str]] = Counter()
    for *row, outcome in outcomes(parser.parse_args().each):
        key = (row[0], row[2], row[1])
        tried[key] += 1
        reached[key] += bool(outcome.reached)
        late[key] += not outcome.is_in_time
    print(f"\n{platform.platform()}, user {os.getuid()}\n")
    print("| Attacks on | Group | Level | Tried | Reached something | Late |\n|---|---|---|---|---|---|")
    for key, count in tried.items():
        print(f"| {' | '.join(key)} | {count} | {reached[key]} | {late[key]} |")
    print(f"| all | | | {tried.total()} | {reached.total()} | {late.total()} |")


if __name__ == "__main__":
    main()
