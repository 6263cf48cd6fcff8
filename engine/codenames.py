"""Block names in source text: where code and conditions mention a block, and the same text with the name changed.

The text is split into tokens by one regular expression instead of a parser: half-typed code must keep its other
mentions, and everything between the mentions must stay to the letter.
"""

import ast
import builtins
import keyword
import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*)
      |(?P<string>[bBrRuUfF]{0,2}(?:\"{3}(?s:\\.|.)*?(?:\"{3}|\Z)|'{3}(?s:\\.|.)*?(?:'{3}|\Z)
          |"(?:\\(?s:.)|[^"\\\n])*(?:"|(?=\n)|\Z)|'(?:\\(?s:.)|[^'\\\n])*(?:'|(?=\n)|\Z)))
      |(?P<space>\s+)
      |(?P<name>[^\W\d]\w*)
      |(?P<number>\d\w*)
      |(?P<sign>==|.)""",
    re.VERBOSE | re.DOTALL,
)
_BINDING = re.compile(
    r"^[ \t]*(?:(?:def|class|import|for)\s+)?([^\W\d]\w*)\s*(?:[+\-*/|&^%]?=(?!=)|:\s*\w+\s*=|\bin\b)", re.M
)
_JAVASCRIPT_COMMENT = re.compile(
    r"""(?P<kept>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|//[^\n]*|/\*.*?(?:\*/|\Z)""", re.DOTALL
)
_ANGLE = re.compile(r"<([\w \-]+)\.([\w.]+)>")
_WORD = re.compile(r"[^\W\d]\w*")
_BEFORE_A_TEST = frozenset({"if", "elif", "while", "and", "or", "return", "=", "(", "[", "{", ",", ":"})
_RESERVED = frozenset(dir(builtins)) | frozenset(keyword.kwlist) | {"input_data", "output", "result"}


class Token(NamedTuple):
    """A piece of source text. `kind` is comment, string, space, name, number or sign; `start` counts characters."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


class _Change(NamedTuple):
    start: int
    end: int
    text: str


def identifier_of(name: str) -> str | None:
    """The variable under which code sees a block of this name, None when no such variable can be written.

    Source: contract section 3.8, "Names in scope".
    """
    candidate = name.replace("-", "_")
    return candidate if candidate.isidentifier() and not keyword.iskeyword(candidate) else None


def rename_in_code(source: str, old: str, new: str) -> tuple[str, int]:
    """Python source with mentions of block `old` made mentions of `new`, and how many there were.

    Mentions are `input_data["old"]`, `input_data.get("old")` and the variable that stands for the block, unless the
    code binds that name itself. Where the new name is no variable, `input_data["new"]` takes its place.
    """
    variable = identifier_of(old)
    if old not in source and (variable is None or variable not in source):
        return source, 0
    bound = _bound_names(source)
    own = variable if variable not in bound and variable not in _RESERVED else None
    new_variable = identifier_of(new)
    if new_variable in bound or new_variable in _RESERVED:
        new_variable = None
    changes = list(_code_changes(source, 0, '"', _Names(old, new, own, new_variable)))
    return _apply(source, changes), len(changes)


def without_javascript_comments(source: str) -> str:
    """JavaScript with its comments gone; what stands in quotes stays as it is."""
    return _JAVASCRIPT_COMMENT.sub(lambda found: found["kept"] or " ", source)


def code_mentions(source: str) -> frozenset[str]:
    """The texts by which code asks `input_data` for a block."""
    tokens = [token for token in tokens_of(source) if token.kind not in ("space", "comment")]
    found = (_asked_literal(tokens, index) for index in range(len(tokens)))
    return frozenset(value for item in found if item and (value := _literal(item.text)) is not None)


def looks_at_all(source: str) -> bool:
    """Whether code may look at `input_data` as a whole, or at a part of it that only the run will tell."""
    if "input_data" not in source:
        return False
    tokens = [token for token in tokens_of(source) if token.kind not in ("space", "comment")]
    return any(
        any(looks_at_all(token.text[start:end]) for start, end in _brace_parts(token.text))
        if token.kind == "string" and _is_format_string(token)
        else token.text == "input_data" and not _names_one_block(tokens, index)
        for index, token in enumerate(tokens)
    )


def words_in(source: str) -> set[str]:
    """Every word of a source text that could be the name or id of a block."""
    return {*_WORD.findall(source), *code_mentions(source), *(name for name, _ in _ANGLE.findall(source))}


def rename_in_expression(text: str, old: str, new: str) -> tuple[str, int]:
    """A condition with `<old.path>` and the name `old` changed to `new`, and how many there were. Quoted text stays.

    Where the new name cannot be written as a name, `old.path` becomes the reference `<new.path>`.
    """
    if old not in text:
        return text, 0
    changes: list[_Change] = []
    position = 0
    for angle in [*angles_outside_quotes(text), None]:
        end = angle.start() if angle else len(text)
        changes += _expression_changes(text, position, end, old, new)
        if angle:
            position = angle.end()
            if angle[1] == old:
                changes.append(_Change(angle.start(), angle.end(), f"<{new}.{angle[2]}>"))
    return _apply(text, changes), len(changes)


class _Names(NamedTuple):
    old: str
    new: str
    variable: str | None
    new_variable: str | None


def tokens_of(source: str) -> Iterator[Token]:
    """The source cut into tokens; together they are the source again, whatever it is."""
    for match in _TOKEN.finditer(source):
        yield Token(match.lastgroup or "sign", match[0], match.start())


def _bound_names(source: str) -> frozenset[str]:
    """Names that the code itself gives a meaning: assigned, imported, defined, taken as parameters."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return frozenset(_BINDING.findall(source))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            found.add(node.name)
    return frozenset(found)


def _code_changes(source: str, offset: int, quote: str, names: _Names) -> Iterator[_Change]:
    tokens = [token for token in tokens_of(source) if token.kind not in ("space", "comment")]
    depth = 0
    for index, token in enumerate(tokens):
        depth += (token.text in "([{") - (token.text in ")]}") if token.kind == "sign" else 0
        if token.kind == "string":
            yield from _format_string_changes(token, offset, names)
        literal = _asked_literal(tokens, index)
        if literal and _literal(literal.text) == names.old:
            yield _Change(offset + literal.start, offset + literal.end, _quoted(names.new, literal.text[-1]))
        elif token.text == names.variable and _is_plain_name(tokens, index, depth):
            text = names.new_variable or f"input_data[{_quoted(names.new, quote)}]"
            yield _Change(offset + token.start, offset + token.end, text)


def _asked_literal(tokens: list[Token], index: int) -> Token | None:
    """The string of `input_data["..."]` or `input_data.get("..."`, when the token at `index` begins one."""
    at = _asked_place(tokens, index)
    return None if at is None else tokens[at]


def _asked_place(tokens: list[Token], index: int) -> int | None:
    if tokens[index].text != "input_data" or (index and tokens[index - 1].text == "."):
        return None
    following = [token.text for token in tokens[index + 1 : index + 4]]
    after = 2 if following[:1] == ["["] else 4 if following == [".", "get", "("] else 0
    at = index + after
    return at if after and at < len(tokens) and tokens[at].kind == "string" else None


def _names_one_block(tokens: list[Token], index: int) -> bool:
    """Whether the `input_data` at `index` is asked for one block by a literal and for nothing else."""
    at = _asked_place(tokens, index)
    if at is not None:
        return at + 1 < len(tokens) and tokens[at + 1].text in ("]", ",", ")")
    before = [token for token in tokens[max(index - 5, 0) : index] if token.text != "not"][-3:]
    is_looked_for = len(before) > 1 and before[-2].kind == "string" and before[-1].text == "in"
    is_whole = len(before) < 3 or before[0].text in _BEFORE_A_TEST
    return is_looked_for and is_whole and (index + 1 == len(tokens) or tokens[index + 1].text not in (".", "[", "("))


def _is_plain_name(tokens: list[Token], index: int, depth: int) -> bool:
    """Whether the name is a value of its own: no attribute, no keyword of a call."""
    before = tokens[index - 1].text if index else ""
    after = tokens[index + 1].text if index + 1 < len(tokens) else ""
    return tokens[index].kind == "name" and before != "." and not (depth > 0 and after == "=")


def _format_string_changes(token: Token, offset: int, names: _Names) -> Iterator[_Change]:
    """Mentions inside the braces of an f-string."""
    if not _is_format_string(token):
        return
    quote = "'" if token.text[-1] == '"' else '"'
    for start, end in _brace_parts(token.text):
        yield from _code_changes(token.text[start:end], offset + token.start + start, quote, names)


def _is_format_string(token: Token) -> bool:
    prefix = re.match(r"[a-zA-Z]*", token.text)
    return prefix is not None and "f" in prefix[0].lower()


def _brace_parts(text: str) -> Iterator[tuple[int, int]]:
    start, depth, index = 0, 0, 0
    while index < len(text):
        char = text[index]
        if depth == 0 and text[index : index + 2] == "{{":
            index += 1
        elif char == "{":
            start = start if depth else index + 1
            depth += 1
        elif char == "}" and depth:
            depth -= 1
            if depth == 0:
                yield start, index
        index += 1


def _literal(text: str) -> str | None:
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    return value if isinstance(value, str) else None


def _quoted(text: str, quote: str) -> str:
    escaped = text.replace("\\", "\\\\").replace(quote, f"\\{quote}").replace("\n", "\\n")
    return f"{quote}{escaped}{quote}"


def angles_outside_quotes(text: str) -> list[re.Match[str]]:
    """References in a condition that stand for values: those that no quotes surround."""
    found = []
    position = 0
    while position < len(text):
        angle = _ANGLE.match(text, position)
        if angle:
            found.append(angle)
            position = angle.end()
            continue
        token = _TOKEN.match(text, position)
        position = token.end() if token and token.lastgroup == "string" else position + 1
    return found


def _expression_changes(text: str, start: int, end: int, old: str, new: str) -> Iterator[_Change]:
    tokens = [token for token in tokens_of(text[start:end]) if token.kind != "space"]
    for index, token in enumerate(tokens):
        if token.text != old or not _is_plain_name(tokens, index, 0):
            continue
        if new.isidentifier() and not keyword.iskeyword(new):
            yield _Change(start + token.start, start + token.end, new)
            continue
        path = re.compile(r"(?:\.[^\W\d]\w*)+").match(text, start + token.end, end)
        if path:
            yield _Change(start + token.start, path.end(), f"<{new}{path[0]}>")


def _apply(text: str, changes: list[_Change]) -> str:
    for change in sorted(changes, reverse=True):
        text = text[: change.start] + change.text + text[change.end :]
    return text
