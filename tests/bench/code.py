"""Code blocks per second in each language, next to a bare fork that echoes over pipes in the same run.

Usage: python tests/bench/code.py [--json] [--blocks N]
"""

import argparse
import asyncio
import gc
import json
import os
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from engine.code import CodeRunner, Isolation, isolation
from engine.code.modules import PRELOADED

PYTHON = "output = Start['output']['n'] + 1"
JAVASCRIPT = "output = Start.output.n + 1"
ROUNDS = 5
ROWS = (
    "fork_ms",
    "python_ms",
    "python_4_at_once_ms",
    "javascript_ms",
    "javascript_4_at_once_ms",
    "restricted_ms",
)


def bare_forks(count: int) -> float:
    """Milliseconds per fork that reads one message from a pipe, answers it on another, and ends."""
    for name in PRELOADED:
        __import__(name)
    gc.collect()
    started = time.perf_counter()
    for _ in range(count):
        to_child, job = os.pipe()
        answer, from_child = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(from_child, os.read(to_child, 65536))
            os._exit(0)
        os.write(job, b'{"n": 1}')
        os.read(answer, 65536)
        os.waitpid(pid, 0)
        for descriptor in (to_child, job, answer, from_child):
            os.close(descriptor)
    return (time.perf_counter() - started) * 1000 / count


async def blocks(code: CodeRunner, source: str, count: int, at_once: int = 1, language: str = "python") -> float:
    """Milliseconds per code block, with so many running at the same time."""
    scope = {"Start": {"output": {"n": 1}}}
    started = time.perf_counter()
    for _ in range(count // at_once):
        runs = [code.run(source, scope, scope, language=language) for _ in range(at_once)]
        results = await asyncio.gather(*runs)
        assert all(result.output == 2 for result in results), results
    return (time.perf_counter() - started) * 1000 / (count // at_once * at_once)


async def first_ms(code: CodeRunner, language: str = "python") -> float:
    """Milliseconds until the first block of a run has its result."""
    started = time.perf_counter()
    await code.run("output = 1", {}, {}, language=language)
    return (time.perf_counter() - started) * 1000


async def measure(count: int) -> dict[str, object]:
    """All figures, each the median of some rounds that alternate."""
    started = time.perf_counter()
    found = await isolation.probe()
    probe_ms = (time.perf_counter() - started) * 1000
    none = Isolation("none", "asked for")
    each = count // ROUNDS
    rounds: dict[str, list[float]] = {name: [] for name in ROWS}
    async with CodeRunner() as python, CodeRunner() as javascript, CodeRunner(measured=none, fallback="monty") as monty:
        firsts = {
            "first_python_ms": await first_ms(python),
            "first_javascript_ms": await first_ms(javascript, "javascript"),
            "first_restricted_ms": await first_ms(monty),
        }
        async with CodeRunner() as another:
            firsts["first_javascript_of_next_run_ms"] = await first_ms(another, "javascript")
        for _ in range(ROUNDS):
            rounds["fork_ms"].append(bare_forks(each))
            rounds["python_ms"].append(await blocks(python, PYTHON, each))
            rounds["python_4_at_once_ms"].append(await blocks(python, PYTHON, each, 4))
            rounds["javascript_ms"].append(await blocks(javascript, JAVASCRIPT, each, 1, "javascript"))
            rounds["javascript_4_at_once_ms"].append(await blocks(javascript, JAVASCRIPT, each, 4, "javascript"))
            rounds["restricted_ms"].append(await blocks(monty, PYTHON, each))
    figures: dict[str, object] = {"level": found.level, "probe_ms": round(probe_ms, 1)}
    figures |= {name: round(value, 1) for name, value in firsts.items()}
    for name, values in rounds.items():
        figures[name] = round(statistics.median(values), 3)
        if name != "fork_ms":
            ratios = [value / fork for value, fork in zip(values, rounds["fork_ms"], strict=True)]
            row = name.removesuffix("_ms")
            figures[f"{row}_per_s"] = round(1000 / statistics.median(values))
            figures[f"{row}_ratio_to_fork"] = round(statistics.median(ratios), 2)
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.add_argument("--blocks", type=int, default=500)
    options = parser.parse_args()
    figures = asyncio.run(measure(options.blocks))
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:34} {value}")


if __name__ == "__main__":
    main()
