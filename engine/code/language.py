"""The Python that a code block speaks: what is refused before it runs, which names it finds, how its errors read.

Source: contract section 3.8, with the full language in place of the platform's subset.
"""

import builtins
import keyword
import re
import sys
import traceback
import types
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.code.modules import ALIASES, FETCH_CURE, ModulePolicy, refusal

FILENAME = "<code>"
_MAX_ERROR = 4000

_DUNDER = re.compile(r"__\w+?__(?!\w)")
_QUOTED = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"")
# What classes define, without the underscores.
_METHODS = """
    init new repr str bytes format hash bool call len length_hint contains iter next reversed getitem setitem
    delitem missing eq ne lt le gt ge add radd iadd sub rsub isub mul rmul imul matmul truediv rtruediv itruediv
    floordiv rfloordiv mod rmod divmod pow rpow neg pos abs invert and rand or ror xor rxor lshift rshift int float
    complex index round floor ceil trunc enter exit aenter aexit aiter anext await post_init init_subclass set_name
    get set delete getattr copy deepcopy
    """
_READABLE = frozenset({"__name__", "__slots__", "__doc__", "__future__"})

_MISSING = {
    "open": "code blocks have no files; take the data from an earlier block",
    "input": "nobody is there to answer; take the data from an earlier block",
    "breakpoint": "there is no debugger; print what you want to see",
    "exit": "set output and let the code end",
    "quit": "set output and let the code end",
    "eval": "write the expression itself, or read data with json.loads or ast.literal_eval",
    "exec": "write the statements themselves",
    "compile": "write the code itself",
    "help": "nobody is there to read it",
}


class Refused(Exception):
    """Code that is not run at all; the text says why and in which line."""


def compiled(source: str) -> types.CodeType:
    """The code of a block, ready to run.

    Raises:
        Refused: it is no Python, or uses a double underscore name outside the usual ones.
    """
    refuse_dunders(source)
    try:
        return compile(source, FILENAME, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise Refused(f"{type(error).__name__}: {error.msg} (line {error.lineno or 1})") from None
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        raise Refused(f"SyntaxError: the code cannot be read: {error or 'it is nested too deeply'} (line 1)") from None


def refuse_dunders(source: str) -> None:
    """Raise `Refused` for a `__word__` outside same-line quotes, comments included.

    Free are the names that ordinary classes need: methods where they are defined or called on `super()`, `__name__`,
    `__slots__` and `__doc__`.
    """
    for number, line in enumerate(source.splitlines(), 1):
        if "__" not in line:
            continue
        bare = _QUOTED.sub("''", line)
        for found in _DUNDER.finditer(bare):
            if not _is_free(found.group(), bare[: found.start()]):
                raise Refused(f"Dunder attribute access is not allowed (line {number})")


def _is_free(word: str, before: str) -> bool:
    if word in _READABLE:
        return True
    return word[2:-2] in _METHODS.split() and before.rstrip(" \t").endswith(("def", "super()."))


def names_in_scope(results: Mapping[str, Any]) -> dict[str, Any]:
    """Earlier results under the names that code can spell: `-` becomes `_`; what is no identifier then is left out."""
    spelled = {unicodedata.normalize("NFKC", name.replace("-", "_")): result for name, result in results.items()}
    return {name: value for name, value in spelled.items() if name.isidentifier() and not keyword.iskeyword(name)}


def namespace(scope: Mapping[str, Any], input_data: Any, modules: ModulePolicy) -> dict[str, Any]:
    """The globals of a block, which are those of a fresh `__main__`, so that classes and type hints find their home."""
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    main.__dict__.update(scope)
    main.__dict__["input_data"] = input_data
    main.__dict__["__builtins__"] = _builtins(modules)
    return main.__dict__


def preload(names: Sequence[str], globals_: dict[str, Any], modules: ModulePolicy) -> None:
    """Bind the modules of the old `imports` setting, `np` and `pd` too; those that are not there stay unbound."""
    for name in names:
        if not modules.allows(name) or not name.isidentifier():
            continue
        try:
            loaded = __import__(name)
        except ImportError:
            continue
        globals_.setdefault(name, loaded)
        globals_.setdefault(ALIASES.get(name, name), loaded)


def result_of(globals_: Mapping[str, Any], scope: Mapping[str, Any]) -> Any:
    """Variable `output`, else `result`, else None; an earlier block of that name is no result of this one."""
    for name in ("output", "result"):
        if name in globals_ and not (name in scope and globals_[name] is scope[name]):
            return globals_[name]
    return None


def describe(error: BaseException) -> str:
    """The error in one line as the person needs it: kind, text, and the line of their code where it happened."""
    kind = type(error).__name__
    if isinstance(error, MemoryError):
        text = "more memory than the block may use"
    elif isinstance(error, SystemExit):
        text = "code blocks do not exit; set output and let the code end"
    elif isinstance(error, NameError) and error.name == "fetch":
        text = f"{_text_of(error)}: {FETCH_CURE}"
    else:
        text = _text_of(error)
    told = f"{kind}: {text}" if text else kind
    line = _line_of(error)
    return told[:_MAX_ERROR].encode("utf-8", "replace").decode() + (f" (line {line})" if line else "")


def _builtins(modules: ModulePolicy) -> dict[str, Any]:
    provided = dict(vars(builtins))
    provided.update({name: _missing(name, cure) for name, cure in _MISSING.items()})
    provided["__import__"] = _importer(modules)
    return provided


def _missing(name: str, cure: str) -> Callable[..., Any]:
    def refuse(*_: object, **__: object) -> Any:
        raise NameError(f"{name} is not available in code blocks: {cure}")

    refuse.__name__ = name
    return refuse


def _importer(modules: ModulePolicy) -> Callable[..., Any]:
    real_import = builtins.__import__

    def import_(
        name: str,
        globals_: Mapping[str, Any] | None = None,
        locals_: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> types.ModuleType:
        if level:
            raise ImportError("a code block is no package; import modules by their full name")
        if not modules.allows(name):
            raise ImportError(refusal(name))
        return real_import(name, globals_, locals_, fromlist, level)

    return import_


def _line_of(error: BaseException) -> int:
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == FILENAME]
    return lines[-1] if lines else 0


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException:  # noqa: BLE001  the class is the user's, and so is its __str__
        return "an error whose text cannot be shown"
