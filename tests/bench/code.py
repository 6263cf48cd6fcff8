"""Code blocks per second, next to a bare fork that echoes over pipes in the same run.

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

from engine.code import CodeRunner, isolation
from engine.code.modules import PRELOADED

SOURCE = "output = Start['output']['n'] + 1"
ROUNDS = 5


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


async def blocks(code: CodeRunner, count: int, at_once: int) -> float:
    """Milliseconds per code block, with so many running at the same time."""
    scope = {"Start": {"output": {"n": 1}}}
    started = time.perf_counter()
    for _ in range(count // at_once):
        results = await asyncio.gather(*[code.run(SOURCE, scope, scope) for _ in range(at_once)])
        assert all(result.output == 2 for result in results), results
    return (time.perf_counter() - started) * 1000 / (count // at_once * at_once)


async def measure(count: int) -> dict[str, object]:
    """All figures, each the median of some rounds that alternate."""
    started = time.perf_counter()
    found = await isolation.probe()
    probe_ms = (time.perf_counter() - started) * 1000
    rounds: dict[str, list[float]] = {"fork_ms": [], "block_ms": [], "block_4_at_once_ms": []}
    async with CodeRunner() as code:
        started = time.perf_counter()
        await code.run("output = 1", {}, {})
        first_ms = (time.perf_counter() - started) * 1000
        for _ in range(ROUNDS):
            rounds["fork_ms"].append(bare_forks(count // ROUNDS))
            rounds["block_ms"].append(await blocks(code, count // ROUNDS, 1))
            rounds["block_4_at_once_ms"].append(await blocks(code, count // ROUNDS, 4))
    figures: dict[str, object] = {name: round(statistics.median(values), 3) for name, values in rounds.items()}
    ratios = [block / fork for block, fork in zip(rounds["block_ms"], rounds["fork_ms"], strict=True)]
    return {
        "level": found.level,
        "probe_ms": round(probe_ms, 1),
        "first_block_ms": round(first_ms, 1),
        **figures,
        "blocks_per_s": round(1000 / statistics.median(rounds["block_ms"])),
        "ratio_to_fork": round(statistics.median(ratios), 2),
    }


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
        print(f"{name:20} {value}")


if __name__ == "__main__":
    main()
