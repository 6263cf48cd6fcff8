"""The machine code of the JavaScript engine: made once per process, by a helper that ends, and given to templates.

It is made from a file that comes with `quickjs_rs`, nothing else. A template could make it as well, but every run has
a template of its own and would wait half a second for it.
"""

import asyncio
import functools

from engine.code import launch
from engine.code.session import CodeUnavailable

_PROGRAM = "from engine.code.quickjs import compiled; sys.stdout.buffer.write(compiled())"


async def machine_code() -> bytes:
    """The code, made at the first call.

    Raises:
        CodeUnavailable: it cannot be made; the text says why.
    """
    return _made() if _made.cache_info().currsize else await asyncio.to_thread(_made)


@functools.cache
def _made() -> bytes:
    try:
        return launch.output_of(_PROGRAM)
    except OSError as error:
        raise CodeUnavailable(f"JavaScript cannot run here: its engine could not be prepared ({error}).") from None
