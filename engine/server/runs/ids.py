"""Ids of executions: UUIDs that grow with time, so that a new row goes to the end of every index.

With random ones each run touches pages of its own in each index, and most of what a busy server writes is those pages.
Nothing else relies on their order: clocks go back now and then.

Source: RFC 9562, version 7.
"""

import random
import time

_VERSION, _VARIANT = 0x7 << 76, 0x2 << 62
_RANDOM_BITS = ((1 << 80) - 1) & ~(0xF << 76) & ~(0x3 << 62)


def new_execution_id() -> str:
    """A new id, from the time in milliseconds and 74 random bits."""
    # Not a secret, so the quick generator will do: asking the system lets go of the interpreter's lock each time, and
    # getting that back takes longer than all the rest.
    random_bits = random.getrandbits(80) & _RANDOM_BITS
    digits = f"{(time.time_ns() // 1_000_000) << 80 | _VERSION | _VARIANT | random_bits:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
