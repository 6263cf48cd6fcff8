"""Which modules a code block may import.

The list is a convenience: it says early, in words, what will not work. The boundary is the operating system's, so a
module that slips through reaches nothing.

Source: contract section 3.8 (the registry), widened by more of the standard library that only computes.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass

ALLOW_VARIABLE = "BLOCKLOOM_CODE_MODULES"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


STANDARD = _words("""
    abc array ast asyncio base64 binascii bisect bz2 calendar cmath codecs collections colorsys concurrent configparser
    contextlib contextvars copy csv dataclasses datetime decimal difflib email enum fnmatch fractions functools graphlib
    gzip hashlib heapq hmac html io ipaddress itertools json keyword logging lzma math mimetypes numbers operator pprint
    queue quopri random re reprlib sched secrets shlex statistics string stringprep struct textwrap threading time
    timeit tomllib traceback types typing unicodedata urllib uuid warnings weakref xml zipfile zlib zoneinfo
    __future__ _strptime
    """)
INSTALLED = _words("""
    numpy pandas scipy seaborn sklearn matplotlib pydantic yaml bs4 PIL dateutil tiktoken polars pyarrow networkx sympy
    lxml markdown jinja2 rapidfuzz
    """)
"""Packages that work without network and files; they load where they are installed."""

ALIASES = {"numpy": "np", "pandas": "pd", "seaborn": "sns", "yaml": "yaml"}
"""Names under which the platform puts preloaded modules in scope."""

PRELOADED = _words("""
    _strptime base64 bisect collections contextlib copy csv dataclasses datetime decimal enum functools hashlib heapq io
    itertools json math operator random re statistics string textwrap time traceback typing uuid
""")
"""Loaded once by the template, so that a block finds them ready."""

FETCH_CURE = 'turn on "Let the code call web addresses" in this block\'s settings to have fetch(url)'

_NETWORK = _words("aiohttp ftplib http httpx imaplib poplib requests smtplib socket socketserver ssl telnetlib")
_HOST = _words("ctypes glob multiprocessing os pathlib platform pty resource shutil signal subprocess sys tempfile")


@dataclass(frozen=True)
class ModulePolicy:
    """The top-level modules that code blocks may import."""

    allowed: frozenset[str] = STANDARD | INSTALLED

    def also(self, names: Iterable[str]) -> "ModulePolicy":
        """This policy with more modules, as the person who runs the program added them. A workflow never can."""
        return ModulePolicy(self.allowed | frozenset(names))

    @classmethod
    def from_environment(cls) -> "ModulePolicy":
        """The usual modules and those that `BLOCKLOOM_CODE_MODULES` lists, with commas."""
        listed = os.environ.get(ALLOW_VARIABLE, "").split(",")
        return cls().also(name.strip() for name in listed if name.strip())

    def allows(self, module: str) -> bool:
        """Whether this module, or the package that it is in, may be imported."""
        return module.partition(".")[0] in self.allowed


def refusal(module: str) -> str:
    """Why this module may not be imported and what to do instead."""
    root = module.partition(".")[0]
    if root in _NETWORK:
        return (
            f"code blocks have no network, so {root!r} would not work; fetch with a General API block before this "
            f"one, or {FETCH_CURE}"
        )
    if root in _HOST:
        return f"{root!r} is not available in code blocks: they have no files, programs or environment"
    cure = f"allow it in the settings (Code), or set the environment variable {ALLOW_VARIABLE}={root}"
    return f"importing {root!r} is not allowed in code blocks; {cure}"
