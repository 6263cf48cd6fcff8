"""The condition language: a small part of Python's expressions, evaluated by ourselves on plain data.

Python's own parser reads the text, and that is all of Python there is: names are looked up in what the run holds, a dot
is a key of an object, and there are no calls. Sizes are limited, so that no condition can take time or memory worth
speaking of.

Source: contract section 4.4.
"""

import ast
import math
import operator
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, NoReturn

from engine.codenames import angles_outside_quotes, tokens_of
from engine.document import Json, JsonObject
from engine.errors import ExpressionError
from engine.previews import preview_of
from engine.references import Lookup, Reference, text_of, walk

MAX_LENGTH = 10_000
MAX_DEPTH = 100
MAX_BITS = 4096
MAX_ITEMS = 1_000_000
MAX_NUMBER_LENGTH = 5_000
"""Characters of a text that is read as a number; a longer one is text."""
MAX_SHOWN = 2_000
"""Characters of one value where it is shown in the place of a reference."""

_JAVASCRIPT = re.compile(r"===|!==|&&|\|\||\?\?|=>|\{\{|!(?!=)|(?<![=!<>])=(?!=)")
_INSTEAD = {
    "===": "==",
    "!==": "!=",
    "&&": "and",
    "||": "or",
    "??": "or",
    "!": "not",
    "=": "==",
    "true": "True",
    "false": "False",
    "null": "None",
    "undefined": "None",
    "{{": "the variable's name alone",
}
_FOREIGN_NAMES = ("true", "false", "null", "undefined")
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_COMPUTE: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
}
_REFUSED: dict[type[ast.AST], str] = {
    ast.Call: "calls are not possible in a condition; compute the value in a code block before it",
    ast.IfExp: "“… if … else …” is not possible; use one branch for each case",
    ast.JoinedStr: "f-texts are not possible; compare with plain text",
    ast.Lambda: "functions are not possible in a condition",
    ast.Slice: "slices are not possible; take one item, as in a[0]",
    ast.Tuple: "a list of values is not possible; compare them one by one with “and” or “or”",
    ast.List: "a list of values is not possible; compare them one by one with “and” or “or”",
    ast.Set: "a set of values is not possible; compare them one by one with “and” or “or”",
    ast.Dict: "an object is not possible here; compare its keys one by one",
    ast.In: "“in” is not possible; compare the values one by one with “==” and “or”",
    ast.NotIn: "“not in” is not possible; compare the values one by one with “!=” and “and”",
    ast.Is: "“is” is not possible; use “==”",
    ast.IsNot: "“is not” is not possible; use “!=”",
    ast.Pow: "“**” is not possible; multiply with “*”",
    ast.FloorDiv: "“//” is not possible; divide with “/”",
    ast.UAdd: "a plus sign before a value is not possible; leave it out",
    ast.Invert: "“~” is not possible; use “not”",
    ast.NamedExpr: "“:=” is not possible; compare with “==”",
}


class Evaluation(NamedTuple):
    """What came out. `resolved` is the text with values in the place of references; `variables` is each value used."""

    value: Json
    resolved: str
    variables: JsonObject

    @property
    def is_true(self) -> bool:
        """Whether the branch is taken."""
        return bool(self.value)


class Expression:
    """A condition that has been understood. `names` are the bare names in it, `references` the `<Block.path>` ones.

    Raises:
        ExpressionError: the text is no condition; says what to write instead, `offset` says where.
    """

    __slots__ = ("_fresh", "_tree", "names", "references", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        _refuse_at_sight(text)
        self.references = tuple(
            Reference(match.start(), match.end(), "block", match[1], match[2], match[0])
            for match in angles_outside_quotes(text)
        )
        self._fresh = _fresh_prefix(text)
        parser = _Parser(text, self.references, self._fresh)
        self._tree = parser.tree
        self.names = frozenset(name for name in parser.names if not name.startswith(self._fresh))

    def evaluate(self, lookup: Lookup, variables: Mapping[str, Json], results: Mapping[str, JsonObject]) -> Evaluation:
        """The condition's value. Run variables shadow blocks of the same name.

        Raises:
            ExpressionError: a reference or name has no value, or the values do not go together.
        """
        shown: JsonObject = {}
        scope: dict[str, Json] = {}
        for number, item in enumerate(self.references):
            value = _resolve(item, lookup)
            shown[item.text] = scope[f"{self._fresh}{number}"] = coerced(value)
        for name in self.names:
            if name in variables:
                shown[name] = scope[name] = variables[name]
            elif name in results:
                shown[name] = scope[name] = results[name]
        try:
            value = _Evaluator(scope).value_of(self._tree)
        except (TypeError, ZeroDivisionError, OverflowError, RecursionError) as error:
            raise ExpressionError(_in_words(error)) from None
        return Evaluation(value, self._with_values(shown), shown)

    def _with_values(self, shown: Mapping[str, Json]) -> str:
        text = self.text
        for item in reversed(self.references):
            value = shown[item.text]
            text = text[: item.start] + _shown(value) + text[item.end :]
        return text


def coerced(value: Json) -> Json:
    """Text that reads as true, false or a number, as that; everything else as it is. Rule 4 of the contract."""
    if not isinstance(value, str) or len(value) > MAX_NUMBER_LENGTH:
        return value
    text = value.strip()
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for read in (int, float):
        try:
            number = read(text)
        except ValueError:
            continue
        # "nan" and "infinity" are words before they are numbers: a text must stay equal to itself.
        return number if isinstance(number, int) or math.isfinite(number) else value
    return value


def _shown(value: Json) -> str:
    value = preview_of(value, MAX_SHOWN)
    return repr(value) if isinstance(value, str | bool) else text_of(value)


def _refuse_at_sight(text: str) -> None:
    """What Python's parser would explain badly or not at all: other languages' habits, comments, sheer length."""
    if not text.strip():
        raise ExpressionError('the condition is empty; write one such as <Block.output> == "yes"')
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"the condition has {len(text):,} characters; at most {MAX_LENGTH:,} can be read")
    masked = _without_quoted(text)
    foreign = _JAVASCRIPT.search(masked)
    if foreign:
        instead = _INSTEAD.get(foreign[0])
        advice = f"write {instead} instead" if instead else "functions are not possible in a condition"
        raise ExpressionError(f"“{foreign[0]}” is not known here; {advice}", foreign.start())
    for token in tokens_of(masked):
        if token.kind == "comment":
            raise ExpressionError("comments are not possible in a condition; remove what follows #", token.start)


def _without_quoted(text: str) -> str:
    """The text with quoted parts and references blanked out, every character in its place."""
    masked = text
    for match in angles_outside_quotes(text):
        masked = masked[: match.start()] + " " * (match.end() - match.start()) + masked[match.end() :]
    return "".join(" " * len(token.text) if token.kind == "string" else token.text for token in tokens_of(masked))


def _fresh_prefix(text: str) -> str:
    prefix = "_value"
    while prefix in text:
        prefix += "_"
    return prefix


def _resolve(item: Reference, lookup: Lookup) -> Json:
    try:
        return walk(lookup(item.name), item.keys)
    except KeyError:
        raise ExpressionError(f"{item.text} has no value in this run", item.start) from None


class _Parser:
    """Reads a condition into a tree that holds nothing but what the language has."""

    def __init__(self, text: str, references: tuple[Reference, ...], fresh: str) -> None:
        # Where pieces begin: in the source, in the text, and whether the piece stands for a reference.
        self._pieces: list[tuple[int, int, bool]] = []
        self.names: set[str] = set()
        source = self._substituted(text, references, fresh)
        try:
            self.tree = ast.parse(source, mode="eval").body
        except SyntaxError as error:
            message = "a number in it is too long" if "digits" in error.msg else error.msg
            if message.startswith("invalid syntax"):
                message = "something is missing or out of place here"
            place = self._offset_in_text((error.offset or 1) - 1)
            raise ExpressionError(f"this is no condition: {message}", place) from None
        except ValueError:
            raise ExpressionError("this is no condition: it holds a NUL character; remove it") from None
        except (MemoryError, RecursionError):
            raise ExpressionError("the condition is nested too deeply; split it into branches") from None
        self._source = source
        self._check(self.tree, 0)

    def _substituted(self, text: str, references: tuple[Reference, ...], fresh: str) -> str:
        """The text with a name in the place of each reference; remembers how positions shift."""
        lead = len(text) - len(text.lstrip())
        parts, position, length = [], lead, 0
        self._pieces.append((0, lead, False))
        for number, item in enumerate(references):
            # Spaces, so that `x<A.b>` is a mistake and not one longer name.
            name = f"{fresh}{number} " if item.start == lead else f" {fresh}{number} "
            parts += [text[position : item.start], name]
            self._pieces.append((length + item.start - position, item.start, True))
            length += item.start - position + len(name)
            position = item.end
            self._pieces.append((length, position, False))
        parts.append(text[position:])
        return re.sub(r"[\r\n\f\v]", " ", "".join(parts)).rstrip()

    def _offset_in_text(self, offset: int) -> int:
        in_source, in_text, is_reference = self._pieces[bisect_right(self._pieces, (offset, math.inf)) - 1]
        return in_text if is_reference else in_text + offset - in_source

    def _check(self, node: ast.AST, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise ExpressionError("the condition is nested too deeply; split it into branches")
        if isinstance(node, ast.Name):
            self._check_name(node)
        elif isinstance(node, ast.Constant):
            if not (node.value is None or isinstance(node.value, bool | int | float | str)):
                self._refuse(node, "this kind of value is not possible in a condition")
            if isinstance(node.value, float) and not math.isfinite(node.value):
                self._refuse(node, "this number is too large")
        elif not isinstance(node, _ALLOWED):
            self._refuse(node, _REFUSED.get(type(node), "this is not possible in a condition"))
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr_context):
                continue
            if type(child) in _REFUSED and not isinstance(child, ast.expr):
                self._refuse(node, _REFUSED[type(child)])
            self._check(child, depth + 1)

    def _check_name(self, node: ast.Name) -> None:
        if node.id in _FOREIGN_NAMES:
            self._refuse(node, f"“{node.id}” is not known here; write {_INSTEAD[node.id]} instead")
        self.names.add(node.id)

    def _refuse(self, node: ast.AST, message: str) -> NoReturn:
        # The parser counts UTF-8 bytes, people count characters.
        column = len(self._source.encode()[: getattr(node, "col_offset", 0)].decode("utf-8", "ignore"))
        raise ExpressionError(message, self._offset_in_text(column))


_ALLOWED = (
    ast.Attribute,
    ast.Subscript,
    ast.BoolOp,
    ast.BinOp,
    ast.UnaryOp,
    ast.Compare,
    ast.And,
    ast.Or,
    ast.Not,
    ast.USub,
    *_COMPARE,
    *_COMPUTE,
)


class _Evaluator:
    """The value of a tree that `_Parser` let pass, for one set of named values."""

    def __init__(self, scope: Mapping[str, Json]) -> None:
        self._scope = scope

    def value_of(self, node: ast.expr) -> Json:
        match node:
            case ast.Constant():
                return node.value
            case ast.Name():
                return self._named(node)
            case ast.Attribute():
                owner = self.value_of(node.value)
                return owner.get(node.attr) if isinstance(owner, dict) else None
            case ast.Subscript():
                return _item(self.value_of(node.value), self.value_of(node.slice))
            case ast.UnaryOp():
                value = self.value_of(node.operand)
                return not value if isinstance(node.op, ast.Not) else _limited(-_number(value))
            case ast.BoolOp():
                return self._all_or_any(node)
            case ast.BinOp():
                return _computed(type(node.op), self.value_of(node.left), self.value_of(node.right))
            case ast.Compare():
                return self._compared(node)
        raise ExpressionError("this is not possible in a condition")

    def _named(self, node: ast.Name) -> Json:
        if node.id not in self._scope:
            raise ExpressionError(f"“{node.id}” is neither a run variable nor a block that has run; text needs quotes")
        return self._scope[node.id]

    def _all_or_any(self, node: ast.BoolOp) -> Json:
        wanted = isinstance(node.op, ast.Or)
        value: Json = None
        for operand in node.values:
            value = self.value_of(operand)
            if bool(value) is wanted:
                return value
        return value

    def _compared(self, node: ast.Compare) -> bool:
        left = coerced(self.value_of(node.left))
        for sign, operand in zip(node.ops, node.comparators, strict=True):
            right = coerced(self.value_of(operand))
            if not _COMPARE[type(sign)](left, right):
                return False
            left = right
        return True


def _item(owner: Json, key: Json) -> Json:
    try:
        if isinstance(owner, dict) and isinstance(key, str):
            return owner[key]
        if isinstance(owner, list | str) and isinstance(key, int) and not isinstance(key, bool):
            return owner[key]
    except (KeyError, IndexError):
        raise ExpressionError(f"there is no item {key!r}") from None
    raise ExpressionError(f"a {_kind(owner)} has no item {key!r}")


def _computed(sign: type[ast.operator], left: Json, right: Json) -> Json:
    """Arithmetic on numbers, and `+` on two texts or two lists. Nothing else: `"%s" % x` and `"a" * n` are bombs."""
    if sign is ast.Add:
        for kind in (str, list):
            if isinstance(left, kind) and isinstance(right, kind):
                if len(left) + len(right) > MAX_ITEMS:
                    raise ExpressionError(f"the result has more than {MAX_ITEMS:,} items")
                return operator.add(left, right)
    return _limited(_COMPUTE[sign](_number(left), _number(right)))


def _number(value: Json) -> float:
    if isinstance(value, int | float):
        return value
    raise ExpressionError(f"a {_kind(value)} is no number to calculate with")


def _limited(value: float) -> float:
    too_large = value.bit_length() > MAX_BITS if isinstance(value, int) else not math.isfinite(value)
    if too_large:
        raise ExpressionError("the number is too large")
    return value


def _kind(value: Json) -> str:
    names: dict[type, str] = {str: "text", bool: "truth value", list: "list", dict: "object", type(None): "null"}
    return names.get(type(value), "number")


def _in_words(error: Exception) -> str:
    if isinstance(error, ZeroDivisionError):
        return "a division by zero"
    if isinstance(error, TypeError):
        return "values of different kinds cannot be ordered; compare numbers with numbers and text with text"
    return "the numbers are too large, or the condition too deep"
