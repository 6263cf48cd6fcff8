"""The JavaScript that a code block speaks: names and result as in Python, errors with the line, no modules.

Source: contract section 3.8 for the rules; the language is an extension of ours.
"""

import json
import random
import re
from collections.abc import Callable
from typing import Any

from engine.code.fetching import Reply
from engine.code.modules import FETCH_CURE
from engine.code.prelude import PRELUDE
from engine.code.quickjs import EngineStopped, Machine, NotRead

HOST_FUNCTIONS = ("$print", "$fetch")
"""What the prelude finds as global variables, and takes away before any code runs."""

_PLACE = re.compile(r"eval_script:(\d{1,7})\b")
_MISSING = re.compile(r"ReferenceError: (\S+) is not defined\Z")
_MODULE = re.compile(r"^[ \t]*(?:import|export)\b(?![ \t]*\()", re.MULTILINE)
# Whole numbers that a JavaScript number cannot hold; such digits in a text do no harm.
_LONG_NUMBER = re.compile(rb"\d{16}")
_MAX_ERROR = 4000

_NO_MODULES = "code blocks have no modules, programs or files; write what you need in the block"
_NO_PAGE = "there is no browser page here; put what shall be passed on into output"
_NO_LATER = "nothing goes on after the code has ended; write the steps one after the other"
_CURES = {
    "fetch": FETCH_CURE,
    **dict.fromkeys(("require", "module", "exports", "process", "Buffer", "Deno", "Bun"), _NO_MODULES),
    **dict.fromkeys(("window", "document", "localStorage", "navigator", "alert", "prompt", "XMLHttpRequest"), _NO_PAGE),
    **dict.fromkeys(("setTimeout", "setInterval", "setImmediate"), _NO_LATER),
    "structuredClone": "write JSON.parse(JSON.stringify(value))",
}
_UNDECLARED = "declare it with let, or look for a typing mistake"


class Thrown(Exception):
    """What the code came to instead of a result; the text is fit to be shown."""


def boot(code: bytes, memory_bytes: int) -> Machine:
    """An engine that is ready to be copied and to run one block."""
    return Machine(code, PRELUDE, HOST_FUNCTIONS, memory_bytes)


def run(
    machine: Machine,
    header: dict[str, Any],
    payload: bytes,
    write: Callable[[str], Any],
    fetch: Callable[..., Reply],
    print_bytes: int,
) -> bytes:
    """The result of a block as JSON. `write` takes what it prints, `fetch` calls a web address.

    Raises:
        Thrown: the code failed.
        MemoryError: it needs more memory than it may have.
    """
    source: str = header["source"]
    given = {
        "scope": names_in_scope(header["scope"]),
        "input_data": header["input_data"],
        "may_call": header["may_call"],
        "print_bytes": print_bytes,
        "seed": [random.getrandbits(32) for _ in range(4)],
        "has_long_numbers": bool(_LONG_NUMBER.search(payload)),
    }
    called = fetch if header["may_call"] else _refuse
    machine.answer_with(lambda text: str(write(text)), lambda question: _fetched(called, question))
    try:
        machine.call("begin", f"{json.dumps(given)}\n{payload.decode()}")
        machine.call("follow", machine.start(source))
        machine.go_on()
        told = machine.text(machine.call("outcome"))
    except NotRead as error:
        raise Thrown(describe(str(error), error.stack, source)) from None
    except EngineStopped as error:
        if error.is_memory:
            raise MemoryError from None
        raise Thrown(str(error)) from None
    if told.startswith("="):
        return told[1:].encode()
    text, stack = json.loads(told[1:])
    if machine.is_out_of_memory(text):
        raise MemoryError
    raise Thrown(describe(text, stack, source))


def names_in_scope(places: dict[str, int]) -> dict[str, int]:
    """Earlier results under the names that code can spell: `-` becomes `_`; what is no identifier then is left out."""
    spelled = {name.replace("-", "_"): place for name, place in places.items()}
    return {name: place for name, place in spelled.items() if name.isidentifier()}


def describe(text: str, stack: str, source: str) -> str:
    """The error in one line: its name, its text, what would help, and the line of the code where it happened."""
    place = _PLACE.search(stack)
    line = int(place[1]) if place else 0
    module = _MODULE.search(source)
    if module and text.startswith("SyntaxError"):
        text = f"SyntaxError: import and export cannot be used: {_NO_MODULES}"
        line = source.count("\n", 0, module.end()) + 1
    elif "Error loading module" in text:
        text = f"Error: import cannot be used: {_NO_MODULES}"
    elif missing := _MISSING.match(text):
        text = f"{text}: {_CURES.get(missing[1], _UNDECLARED)}"
    return text[:_MAX_ERROR].encode("utf-8", "replace").decode() + (f" (line {line})" if line else "")


def _refuse(**_: Any) -> Reply:
    raise ValueError(FETCH_CURE)


def _fetched(fetch: Callable[..., Reply], question: str) -> str:
    """The reply to what `fetch` of the prelude asked for, as JSON; an error is one of its values."""
    asked = {key: value for key, value in json.loads(question).items() if value is not None}
    try:
        reply = fetch(**asked)
    except (OSError, ValueError, TypeError) as error:
        return json.dumps({"error": str(error)})
    return json.dumps(reply.model_dump())
