"""What a code block returns, made into JSON: common Python values are converted, the rest is named with its place."""

import datetime
import decimal
import enum
import fractions
import json
import math
import uuid
from collections.abc import Iterator, Mapping, Sequence, Set, ValuesView
from typing import Any

MAX_DEPTH = 200
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class ValueProblem(ValueError):
    """A value that JSON cannot hold. The text begins with its path, such as `output.rows[3].price`."""


def to_json(value: Any, name: str = "output") -> bytes:
    """The value as JSON text in UTF-8.

    Dates become ISO text, sets and tuples lists, decimals numbers, arrays and tables lists, keys text.

    Raises:
        ValueProblem: something in it is no JSON: where it stands, what it is, what would be right.
    """
    try:
        # One pass in C for what is plain already; whatever it stumbles over is looked at slowly, with a path.
        encoded = _encode(value).encode()
        if not deeper_than(MAX_DEPTH, value):
            return encoded
    except (TypeError, ValueError, RecursionError):
        pass
    return _encode(plain(value, name)).encode()


def deeper_than(levels: int, value: Any) -> bool:
    """Whether lists and objects in this JSON value are nested deeper than that; goes level by level, never recurses."""
    level = [value]
    for _ in range(levels):
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list | tuple)
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list | tuple)
        ]
        if not level:
            return False
    return True


def plain(value: Any, path: str, depth: int = 0) -> Any:
    """The value built of dict, list, str, int, float, bool and None only."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, enum.Enum):
        return plain(value.value, path, depth + 1)
    if isinstance(value, str):
        return _text(value, path)
    if isinstance(value, int):
        return _integer(value, path)
    if isinstance(value, float):
        return _number(float(value), path)
    if depth >= MAX_DEPTH:
        raise ValueProblem(
            f"{_shortened(path)} is nested deeper than {MAX_DEPTH} levels (or contains itself); return less of it"
        )
    if isinstance(value, Mapping):
        return {_key(key, path): plain(item, _below(path, key), depth + 1) for key, item in value.items()}
    if isinstance(value, bytes | bytearray | memoryview):
        cure = "decode it (value.decode()) or write it as text with base64.b64encode(value).decode()"
        raise ValueProblem(f"{path} is bytes, which JSON does not have; {cure}")
    if isinstance(value, Sequence | Set | ValuesView):
        return [plain(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(value)]
    return _converted(value, path, depth)


def _converted(value: Any, path: str, depth: int) -> Any:
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, decimal.Decimal | fractions.Fraction):
        return _exact_number(value, path)
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, Iterator):
        raise ValueProblem(f"{path} is {_article(value)}, which is used up by reading; make a list of it: list(value)")
    known, simpler = _simpler(value)
    if not known:
        raise ValueProblem(
            f"{path} is {_article(value)}, which is no JSON value; return text, a number, a list or a dict"
        )
    return plain(simpler, path, depth + 1)


def _simpler(value: Any) -> tuple[bool, Any]:
    """What arrays, tables, models and data classes say they are made of; nothing of theirs is imported for it."""
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return True, value.to_dict("records")
    for method in ("tolist", "to_list", "model_dump"):
        if callable(getattr(value, method, None)):
            return True, getattr(value, method)()
    if hasattr(value, "isoformat"):
        return True, value.isoformat()
    # What stands for an object of the restricted interpreter's.
    if getattr(value, "is_dataclass", None) is True and isinstance(getattr(value, "attributes", None), dict):
        return True, value.attributes
    fields = getattr(value, "__dataclass_fields__", None)
    if isinstance(fields, dict) and not isinstance(value, type):
        return True, {field: getattr(value, field) for field in fields}
    return False, None


def _text(value: str, path: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        cure = (
            "a half character from cut or wrongly decoded text; replace it: value.encode('utf-8', 'replace').decode()"
        )
        raise ValueProblem(f"{path} has U+{ord(value[error.start]):04X} at position {error.start}, {cure}") from None
    return str(value)


def _integer(value: int, path: str) -> int:
    # Text of more digits than this Python refuses to make and every JSON reader refuses to take.
    if abs(value) >> 14000:
        raise ValueProblem(f"{path} is a whole number of more than 4200 digits; return it as text or round it")
    return int(value)


def _number(value: float, path: str) -> float:
    if math.isfinite(value):
        return value
    name = "NaN" if math.isnan(value) else "infinite"
    raise ValueProblem(f"{path} is {name}, which JSON does not have; replace it by None or a number")


def _exact_number(value: decimal.Decimal | fractions.Fraction, path: str) -> Any:
    """A number where a float holds it exactly enough to be read back as the same text, else text."""
    if isinstance(value, fractions.Fraction):
        return value.numerator / value.denominator if abs(value) < 1 << 53 else str(value)
    if not value.is_finite():
        return _number(math.nan if value.is_nan() else math.inf, path)
    if abs(value) < 1 << 53 and value == value.to_integral_value():
        return int(value)
    return float(value) if decimal.Decimal(repr(float(value))) == value else str(value)


def _key(key: Any, path: str) -> str:
    if isinstance(key, str):
        return _text(key, f"a key of {path}")
    if key is None or isinstance(key, bool):
        return _encode(key)
    if isinstance(key, bytes | bytearray):
        raise ValueProblem(f"a key of {path} is bytes; decode it first")
    if isinstance(key, datetime.date | datetime.time):
        return key.isoformat()
    return _text(str(key.value if isinstance(key, enum.Enum) else key), f"a key of {path}")


def _below(path: str, key: Any) -> str:
    return f"{path}.{key}" if isinstance(key, str) and key.isidentifier() else f"{path}[{_shortened(repr(key))}]"


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:45]} ... {text[-10:]}"


def _article(value: Any) -> str:
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
