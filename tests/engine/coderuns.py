"""Running code blocks one by one in a loop of their own, for the tests of each language."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from engine.code import CodeLimits, CodeResult, CodeRunner, Isolation

LIMITS = CodeLimits(cpu_s=1, wall_s=20, memory_mb=128, print_bytes=1000, output_bytes=100_000)
NONE = Isolation("none", "the kernel offers nothing")
Run = Callable[..., CodeResult]


@contextlib.contextmanager
def runs(language: str) -> Iterator[Run]:
    """Runs a source text in this language with the given scope, input data and options.

    "restricted" is Python in the interpreter that takes the place of workers where nothing isolates.
    """
    is_restricted = language == "restricted"
    with asyncio.Runner() as loop:
        code = CodeRunner(LIMITS, **({"measured": NONE, "fallback": "monty"} if is_restricted else {}))

        def run(source: str, scope: Any = None, input_data: Any = None, **options: Any) -> CodeResult:
            options = {"language": "python" if is_restricted else language, **options}
            return loop.run(code.run(source, scope or {}, input_data or {}, **options))

        yield run
        loop.run(code.__aexit__(None, None, None))


def output_of(result: CodeResult) -> Any:
    """The output of a block that must not fail."""
    assert result.error is None
    return result.output
