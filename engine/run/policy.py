"""How patient a run is with one block: the keys `timeout` and `retry` that any block's config may have."""

import math
from typing import NamedTuple

from engine.blocks._spec import BlockType
from engine.document import Json, JsonObject
from engine.errors import BlockError

MAX_ATTEMPTS = 20
MAX_DELAY_S = 600


class Policy(NamedTuple):
    """`timeout_s` None never ends a block. A wait of `delay_s` between attempts grows by the factor `backoff`.

    `repeats_unsafe` allows another attempt also where that may do the work twice, as sending an order would.
    """

    timeout_s: float | None = None
    attempts: int = 1
    delay_s: float = 0.0
    backoff: float = 1.0
    repeats_unsafe: bool = False

    def delay_after(self, attempt: int) -> float:
        """Seconds to wait after this failed attempt, the first being 1."""
        return min(self.delay_s * self.backoff ** (attempt - 1), MAX_DELAY_S)


NO_POLICY = Policy()


def read_policy(config: JsonObject, block_type: BlockType | None) -> Policy:
    """The policy in a resolved config. A block type with a form field `timeout` keeps its own time.

    Shape: `timeout` is milliseconds, a number or its text; `retry` is `{"attempts", "delay_ms", "backoff",
    "repeat_unsafe"}`, every key optional.

    Raises:
        BlockError: a value makes no sense; the text says which and what would be right.
    """
    owns_timeout = block_type is not None and block_type.field("timeout") is not None
    timeout_ms = None if owns_timeout else _number(config, "timeout", None, 1, math.inf)
    retry = config.get("retry")
    if retry in (None, "", {}):
        return Policy(timeout_ms / 1000 if timeout_ms else None)
    if not isinstance(retry, dict):
        raise BlockError('"retry" must be an object such as {"attempts": 3, "delay_ms": 500}.', retryable=False)
    attempts = _number(retry, "attempts", 1, 1, MAX_ATTEMPTS)
    delay_ms = _number(retry, "delay_ms", 0, 0, MAX_DELAY_S * 1000)
    backoff = _number(retry, "backoff", 1, 1, 10)
    assert attempts is not None
    assert delay_ms is not None
    assert backoff is not None
    if attempts != int(attempts):
        raise BlockError(f'"attempts" must be a whole number, not {attempts}.', retryable=False)
    unsafe = retry.get("repeat_unsafe")
    if unsafe not in (None, True, False):
        raise BlockError('"repeat_unsafe" must be true or false.', retryable=False)
    return Policy(timeout_ms / 1000 if timeout_ms else None, int(attempts), delay_ms / 1000, backoff, bool(unsafe))


def _number(values: JsonObject, key: str, default: float | None, low: float, high: float) -> float | None:
    value = values.get(key)
    if value is None or value == "":
        return default
    number = _as_number(value)
    if number is None or not low <= number <= high:
        upper = "" if math.isinf(high) else f" to {high:g}"
        found = f"“{value}”" if isinstance(value, str) else f"{value!r}"
        raise BlockError(f'"{key}" must be a number from {low:g}{upper}, not {found}.', retryable=False)
    return number


def _as_number(value: Json) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
