"""The C library of this process, loaded once."""

import ctypes
import functools


@functools.cache
def libc() -> ctypes.CDLL:
    """The C library; `ctypes.get_errno()` tells why one of its calls failed."""
    return ctypes.CDLL(None, use_errno=True)
