"""Form fields of a block: what the inspector shows for one key of `config`, and what may be wrong with its value."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from engine.document import Json, JsonObject

FieldKind = Literal[
    "text",  # one line; takes references unless the field is raw
    "long_text",  # several lines; takes references unless the field is raw
    "number",  # int or float, may be empty (key absent)
    "choice",  # one of `choices`
    "switch",  # true or false
    "pairs",  # table of key and value: rows {"cells": {"Key": k, "Value": v}}, an object is read as well
    "code",  # source text in `language`, never resolved
    "json",  # any JSON value, edited as text
    "schema",  # a JSON schema, or nothing
    "secret",  # hidden until asked for; taken out of events, logs and exports
    "branches",  # condition branches: [{"expression": text}]
    "model",  # name of a language model
    "agent",  # id of a stored agent, "" for none
    "orchestration",  # id of a stored orchestration
    "variables",  # object: declared run variables and their defaults
]


@dataclass(frozen=True)
class Choice:
    """One value of a choice field and the words for it."""

    value: Json
    label: str
    help: str = ""


@dataclass(frozen=True)
class Visible:
    """A field is shown only while another one has one of these values (strict equality)."""

    field: str
    values: tuple[Json, ...]
    negate: bool = False

    def holds(self, config: JsonObject, default: Json = None) -> bool:
        """Whether the rule holds for this config."""
        return (config.get(self.field, default) in self.values) is not self.negate


@dataclass(frozen=True)
class Field:
    """One key of a block's config as a form shows it.

    `check` gets the value and returns a sentence that says what is wrong and what would be right, or None; it is not
    asked about values that hold a reference. `older_keys` held the value in older documents and are read
    where the field itself is empty. `default` is what a new block starts with; `placeholder` is shown while
    the field is empty. The `language` of source text is that of the config key `language_key`, where there is one;
    `templates` is what a block starts with in each language.
    """

    key: str
    label: str
    kind: FieldKind
    help: str = ""
    default: Json = None
    placeholder: str = ""
    required: bool = False
    choices: tuple[Choice, ...] = ()
    visible: tuple[Visible, ...] = ()
    advanced: bool = False
    minimum: float | None = None
    maximum: float | None = None
    step: float = 1
    unit: str = ""
    language: str = "python"
    language_key: str = ""
    templates: Mapping[str, str] = field(default_factory=dict)
    read_only: bool = False
    older_keys: tuple[str, ...] = ()
    check: Callable[[Json], str | None] | None = field(default=None, compare=False)

    def value_in(self, config: JsonObject) -> Json:
        """The field's value, or that of the first older key that has one; None when none has."""
        keys = (self.key, *self.older_keys)
        given = (config[key] for key in keys if config.get(key) not in (None, ""))
        return next(given, config.get(self.key))

    def first_value(self) -> Json:
        """What a new block has under this key, as the studio begins it (contract 3.0); None for no key at all.

        The studio shows some fields only beside others that are there and empty, so leaving those away is not the same.
        """
        if self.default is not None or self.kind in ("number", "choice"):
            return self.default
        if self.kind == "pairs":
            return rows_of([("", "")])
        return {"switch": False, "branches": [], "variables": {}}.get(self.kind, "")

    def is_visible(self, config: JsonObject) -> bool:
        """Whether the form shows this field for this config."""
        return all(rule.holds(config) for rule in self.visible)


def pairs_of(value: Json) -> list[tuple[str, Json]]:
    """Keys and values of a table: rows of cells, a plain object, or the JSON text of an object. Rows without a key go.

    Source: contract 3.0 "Table value format".
    """
    import json

    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return []
    if isinstance(value, dict):
        return [(str(key), item) for key, item in value.items() if str(key)]
    if not isinstance(value, list):
        return []
    cells = (row.get("cells") for row in value if isinstance(row, dict))
    rows = ((cell.get("Key"), cell.get("Value", "")) for cell in cells if isinstance(cell, dict))
    return [(str(key), item) for key, item in rows if key not in (None, "")]


def declared_variables(value: Json) -> JsonObject:
    """Run variables and their defaults in a "variables" field: an object or the JSON text of one, else none at all.

    Source: contract 3.1.
    """
    import json

    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}


def rows_of(pairs: Iterable[tuple[str, Json]]) -> list[JsonObject]:
    """A table's value from keys and values, in the shape that the studio writes."""
    return [{"cells": {"Key": key, "Value": value}} for key, value in pairs]
