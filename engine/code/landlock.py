"""Landlock: the kernel lets this process and its forks read a few folders and nothing else.

Source: `Documentation/userspace-api/landlock.rst` of the kernel. What a kernel cannot restrict yet (TCP ports before
version 4, signals and abstract sockets before 6) is left to the seccomp filter.
"""

import ctypes
import os
import stat
import struct
import sys
from collections.abc import Iterable

from engine.code.libc import libc

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION, _RULE_PATH_BENEATH = 1, 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_NET_BIND_TCP, _NET_CONNECT_TCP = 1 << 0, 1 << 1
_SCOPE_ABSTRACT_SOCKETS, _SCOPE_SIGNALS = 1 << 0, 1 << 1
_PR_SET_NO_NEW_PRIVS = 38
# How many file rights each version of the interface knows; a kernel refuses rights that it does not know.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
_NEWEST_FILE_RIGHTS = 16


def version() -> int:
    """The version of the kernel's Landlock interface; 0 when there is none."""
    if sys.platform != "linux":
        return 0
    return max(0, int(_syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)))


def restrict(readable: Iterable[str]) -> int:
    """Forbid all use of files but reading below these paths, and network, foreign signals and sockets as far as known.

    Paths that do not exist are passed over. There is no way back. Returns the version in force, 0 for nothing.
    """
    known = version()
    if not known:
        return 0
    rights = (1 << _FILE_RIGHTS.get(known, _NEWEST_FILE_RIGHTS)) - 1
    attributes = struct.pack("=Q", rights)
    if known >= 4:
        attributes += struct.pack("=Q", _NET_BIND_TCP | _NET_CONNECT_TCP)
    if known >= 6:
        attributes += struct.pack("=Q", _SCOPE_ABSTRACT_SOCKETS | _SCOPE_SIGNALS)
    rules = _syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    if rules < 0:
        return 0
    try:
        for path in readable:
            _allow_reading(rules, path)
        libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        return known if _syscall(_RESTRICT_SELF, rules, 0) == 0 else 0
    finally:
        os.close(rules)


def _allow_reading(rules: int, path: str) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        rule = struct.pack("=Qi", _READ_FILE | _READ_DIR if is_folder else _READ_FILE, descriptor)
        _syscall(_ADD_RULE, rules, _RULE_PATH_BENEATH, rule, 0)
    finally:
        os.close(descriptor)


def _syscall(number: int, *arguments: int | bytes | None) -> int:
    """The result of a system call, -1 on error."""
    syscall = libc().syscall
    syscall.restype = ctypes.c_long
    passed = [ctypes.c_long(value) if isinstance(value, int) else ctypes.c_char_p(value) for value in arguments]
    return int(syscall(ctypes.c_long(number), *passed))
