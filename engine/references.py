"""Data references, `<Block.path>` and `{{variables.x}}`: the one grammar that finds, renames and resolves them.

A reference that is a whole string is replaced by the value with its type kept; inside longer text by the value's text:
text as it is, everything else as compact JSON (or as a platform server writes it, by `TEXT_VARIABLE`). One that leads
nowhere stays as it was written. The result of a resolution is never looked at again, so data that happens to look like
a reference stays data.

Source: contract sections 4.1 to 4.3.
"""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from engine.codenames import rename_in_code as rename_in_code
from engine.document import Json, JsonObject
from engine.errors import BlockError

MAPPINGS_KEY = "_inputMappings"
"""The config key of the studio's input mappings (contract 4.2)."""

TEXT_VARIABLE = "BLOCKLOOM_PLATFORM_TEXT"
"""Environment variable: "1" writes values inside text as a platform server does, `True` and `{'k': 1}`."""
MAX_TEXT = 128 * 1024 * 1024
"""Characters of a text with references when it is resolved."""

Lookup = Callable[[str], JsonObject | None]
"""The result of an earlier block by its id or name, None when it has none."""
TextForm = Callable[[Json], str]
"""How a value reads inside longer text."""

_REFERENCE = re.compile(
    r"<(?P<name>[\w \-]+)\.(?P<path>[\w.]+)>|\{\{ *variables\.(?P<variable>\w+)(?:\.(?P<rest>\w+(?:\.\w+)*))? *\}\}"
)
_NAME = re.compile(r"[\w \-]+")
_MISSING = object()


class Reference(NamedTuple):
    """One reference in a text. `name` is a block's name or id, or a variable; `path` the dotted rest, "" for none."""

    start: int
    end: int
    kind: Literal["block", "variable"]
    name: str
    path: str
    text: str

    @property
    def keys(self) -> list[str]:
        """The object keys to walk, in order."""
        return self.path.split(".") if self.path else []


class InputMapping(NamedTuple):
    """One row of the studio's wiring: a field of an earlier result that fills a config field left empty."""

    source: str
    output_field: str
    target_field: str


def find(text: str) -> list[Reference]:
    """The references in a text, from left to right."""
    if "<" not in text and "{{" not in text:
        return []
    return [_reference(match) for match in _REFERENCE.finditer(text)]


def find_all(value: Json) -> Iterator[Reference]:
    """The references in every string of a JSON value, keys of objects not included."""
    for text in strings_in(value):
        yield from find(text)


def strings_in(value: Json) -> Iterator[str]:
    """Every text in a JSON value, keys of objects not included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings_in(item)


def contains(value: Json) -> bool:
    """Whether any string in a JSON value holds a reference."""
    return next(find_all(value), None) is not None


def can_be_referenced(name: str) -> bool:
    """Whether a block of this name can stand in a reference: letters, digits, `_`, `-` and spaces only."""
    return _NAME.fullmatch(name) is not None


def input_mappings(config: JsonObject) -> list[InputMapping]:
    """The usable rows of `_inputMappings`; what is no row of texts is passed over."""
    rows = config.get(MAPPINGS_KEY)
    if not isinstance(rows, list):
        return []
    found = []
    for row in rows:
        if isinstance(row, dict):
            source, target = row.get("sourceId"), row.get("targetField")
            field = row.get("outputField") or "output"
            if isinstance(source, str) and isinstance(target, str) and isinstance(field, str) and source and target:
                found.append(InputMapping(source, field, target))
    return found


def rename_in(value: Json, old: str, new: str) -> tuple[Json, int]:
    """The value with references to block `old` made references to `new`, and how many there were.

    A value without any is returned itself, so that sharing and `is` keep their meaning.
    """
    if isinstance(value, str):
        return _rename_in_text(value, old, new)
    if isinstance(value, dict):
        renamed = {key: rename_in(item, old, new) for key, item in value.items()}
        count = sum(times for _, times in renamed.values())
        return ({key: item for key, (item, _) in renamed.items()}, count) if count else (value, 0)
    if isinstance(value, list):
        items = [rename_in(item, old, new) for item in value]
        count = sum(times for _, times in items)
        return ([item for item, _ in items], count) if count else (value, 0)
    return value, 0


def text_of(value: Json) -> str:
    """How a value reads inside longer text: text as it is, everything else as compact JSON."""
    if isinstance(value, str):
        return value
    try:
        return msgspec.json.encode(value).decode()
    except (UnicodeEncodeError, TypeError, ValueError, OverflowError, RecursionError):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def platform_text_of(value: Json) -> str:
    """How a value reads inside longer text on a platform server: as Python writes it (contract 4.1)."""
    try:
        return str(value)
    except ValueError:
        return text_of(value)  # an integer with more digits than Python writes


def text_form() -> TextForm:
    """The form that the environment asks for."""
    return platform_text_of if os.environ.get(TEXT_VARIABLE) == "1" else text_of


def walk(value: Json, keys: list[str]) -> Json:
    """The value under these keys, objects only; raises KeyError where the way ends."""
    for key in keys:
        if not isinstance(value, dict):
            raise KeyError(key)
        value = value[key]
    return value


class Template:
    """A config with its references found once, ready to be resolved many times.

    `references` are all of them; `names` are the blocks and `variables` the run variables that they mean. Config keys
    in `raw_fields` hold source text and stay as they are. What has no reference in it is shared with the config, not
    copied.
    """

    __slots__ = ("_config", "_slots", "references")

    def __init__(
        self, config: JsonObject, raw_fields: frozenset[str] = frozenset(), form: TextForm | None = None
    ) -> None:
        self._config = config
        compiler = _Compiler(form or text_of)
        self._slots = [
            (key, resolver)
            for key, value in config.items()
            if key not in raw_fields and (resolver := compiler.compile(value))
        ]
        self.references = compiler.references

    @property
    def names(self) -> frozenset[str]:
        return frozenset([item.name for item in self.references if item.kind == "block"])

    @property
    def variables(self) -> frozenset[str]:
        return frozenset([item.name for item in self.references if item.kind == "variable"])

    @property
    def is_constant(self) -> bool:
        """Whether there is nothing to resolve."""
        return not self._slots

    def resolve(self, lookup: Lookup, variables: Mapping[str, Json], unmet: list[str] | None = None) -> JsonObject:
        """The config with all references replaced; the config itself when it has none.

        References that lead nowhere are added to `unmet`, each as it is written.

        Raises:
            BlockError: a text would grow beyond `MAX_TEXT`.
        """
        if not self._slots:
            return self._config
        values = _Values(lookup, variables, [] if unmet is None else unmet)
        resolved = self._config.copy()
        for key, resolver in self._slots:
            resolved[key] = resolver(values)
        return resolved


def whole_references(config: JsonObject, raw_fields: frozenset[str]) -> list[tuple[str, Reference]] | None:
    """Config keys whose value is a block reference and nothing else; None when there are references of another form.

    Most configs refer to blocks in this way only, and filling them in takes no more than a look at earlier results.
    """
    whole = []
    for key, value in config.items():
        if key in raw_fields:
            continue
        found = find(value) if isinstance(value, str) else list(find_all(value))
        if found:
            if found[0].kind != "block" or found[0].text != value:
                return None
            whole.append((key, found[0]))
    return whole


class _Values(NamedTuple):
    """What references are resolved with. `unmet` collects those that lead nowhere."""

    lookup: Lookup
    variables: Mapping[str, Json]
    unmet: list[str]


_Resolver = Callable[[_Values], Json]


def _reference(match: re.Match[str]) -> Reference:
    name, path, variable, rest = match.groups()
    if name is None:
        return Reference(match.start(), match.end(), "variable", variable, rest or "", match[0])
    return Reference(match.start(), match.end(), "block", name, path, match[0])


def _rename_in_text(text: str, old: str, new: str) -> tuple[str, int]:
    found = [item for item in find(text) if item.kind == "block" and item.name == old] if old in text else []
    for item in reversed(found):
        text = f"{text[: item.start]}<{new}.{item.path}>{text[item.end :]}"
    return text, len(found)


class _Compiler:
    """Makes functions that resolve values; `references` are all that were met on the way."""

    def __init__(self, form: TextForm) -> None:
        self.references: list[Reference] = []
        self._form = form

    def compile(self, value: Json) -> _Resolver | None:
        """A function that resolves this value, None when there is nothing in it."""
        if isinstance(value, str):
            return self._compile_text(value)
        if isinstance(value, dict):
            return self._compile_container(value, value.items())
        if isinstance(value, list):
            return self._compile_container(value, enumerate(value))
        return None

    def _compile_container(self, value: Json, items: Iterable[tuple[Any, Json]]) -> _Resolver | None:
        slots = [(key, resolver) for key, item in items if (resolver := self.compile(item))]
        if not slots:
            return None

        def resolve(values: _Values) -> Json:
            resolved = value.copy()
            for key, resolver in slots:
                resolved[key] = resolver(values)
            return resolved

        return resolve

    def _compile_text(self, text: str) -> _Resolver | None:
        found = find(text)
        if not found:
            return None
        self.references += found
        if len(found) == 1 and len(found[0].text) == len(text):
            return _compile_whole(found[0])
        parts: list[str | _Resolver] = []
        position = 0
        for item in found:
            parts += [text[position : item.start], _compile_whole(item)]
            position = item.end
        parts.append(text[position:])
        form = self._form

        def resolve(values: _Values) -> Json:
            return _joined([part if isinstance(part, str) else _text(part(values), form) for part in parts])

        return resolve


def _compile_whole(item: Reference) -> _Resolver:
    name, keys, text = item.name, item.keys, item.text
    is_block = item.kind == "block"

    def resolve(values: _Values) -> Json:
        value: Json = values.lookup(name) if is_block else values.variables.get(name, _MISSING)
        for key in keys:
            value = value.get(key, _MISSING) if isinstance(value, dict) else _MISSING
        if value is _MISSING:
            values.unmet.append(text)
            return text
        return value

    return resolve


def _text(value: Json, form: TextForm) -> str:
    return value if isinstance(value, str) else form(value)


def _joined(parts: list[str]) -> str:
    size = sum(map(len, parts))
    if size > MAX_TEXT:
        text = f"A text with references would have {size:,} characters; at most {MAX_TEXT:,} can be made."
        raise BlockError(text, retryable=False)
    return "".join(parts)
