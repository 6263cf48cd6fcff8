"""How the command line speaks: results on standard output, everything about them on standard error."""

import json
import os
import re
import sys

from engine.document import Json

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def print_result(value: Json) -> None:
    """A text as it is, anything else as JSON. A reader that has gone away, such as `head`, is nobody's error."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    if sys.stdout.isatty():
        text = printable(text)
    try:
        # A lone surrogate is allowed in JSON and in no encoding.
        data = f"{text}\n".encode("utf-8", errors="backslashreplace")
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # The interpreter flushes once more when it exits, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(text: str) -> None:
    """One line for the person at the terminal."""
    try:
        print(printable(text) if sys.stderr.isatty() else text, file=sys.stderr)
    except (BrokenPipeError, UnicodeEncodeError):
        return


def printable(text: str) -> str:
    """The text without what a terminal would obey: foreign text must not move the cursor or rename the window."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))
