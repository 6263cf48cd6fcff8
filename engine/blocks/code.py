"""Code: a few lines of Python or JavaScript between two blocks, run in a process of its own."""

import ast
import re

from engine.blocks._fields import Choice, Field
from engine.blocks._spec import BlockContext, BlockType, Effect, FieldProblem, Outcome, OutputField
from engine.document import Json, JsonObject

MAX_CHECKED = 100_000
LANGUAGES = {"python": "Python", "javascript": "JavaScript"}
_COMMENTS = {"python": "#", "javascript": "//"}
_CALLS_OUT = re.compile(r"(?<![\w.])fetch\s*\(")
_HAS_ITS_OWN = re.compile(r"\b(?:def|function|import|const|let|var)\s+fetch\b|\bfetch\s*=")
_ALLOW_HTTP = "Let the code call web addresses"
NEW_CODE = """\
# input_data holds what the blocks before gave, by their names:
#   input_data["Start"]["output"]
# What you put into output is passed on.
results = list(input_data.values())
output = results[-1].get("output") if results else None
"""
NEW_JAVASCRIPT = """\
// input_data holds what the blocks before gave, by their names:
//   input_data["Start"]["output"]
// What you put into output is passed on.
const results = Object.values(input_data);
output = results.length ? results[results.length - 1].output : null;
"""


async def run(ctx: BlockContext, config: JsonObject) -> Outcome:
    """What the code leaves in `output`, else in `result`. Failing code is a reported failure (contract 3.8)."""
    source = config.get("code")
    if not isinstance(source, str) or not source.strip():
        return Outcome({"output": None})
    results = ctx.results()
    answer = await ctx.code.run(
        source,
        results,
        results,
        language=_language(config),
        imports=preloaded(config),
        allow_http=_may_call_out(ctx.raw_config),
        on_print=lambda text: ctx.emit(text, "print"),
        timeout_s=ctx.timeout_s,
    )
    if answer.error is not None:
        return Outcome({"output": None, "error": answer.error}, answer.error)
    return Outcome({"output": answer.output})


def preloaded(config: JsonObject) -> list[str] | None:
    """The modules an older block limits itself to; None when it names none, so any permitted one may be imported."""
    imports = config.get("imports")
    if not isinstance(imports, list) or not imports:
        return None
    packages = config.get("custom_packages")
    names = packages.split(",") if isinstance(packages, str) else []
    # A requirement such as `pandas>=2` names the module before its version.
    stripped = (name.strip().partition("=")[0].rstrip("<>!~ ") for name in names)
    return [*(str(item) for item in imports), *(name for name in stripped if name)]


def check(config: JsonObject) -> list[FieldProblem]:
    """Whether Python can read the code, which is only read here and never run, and whether it may call what it calls.

    JavaScript is not read: what could read it belongs into the process where it runs.
    """
    source = config.get("code")
    if not isinstance(source, str) or len(source) > MAX_CHECKED:
        return []
    if not _may_call_out(config) and _CALLS_OUT.search(source) and not _HAS_ITS_OWN.search(source):
        message = f"The code calls fetch, which is there only when “{_ALLOW_HTTP}” is on."
        return [FieldProblem("code", message, "warning", "no-http")]
    return _unreadable(source) if _language(config) == "python" else []


def summary(config: JsonObject) -> str:
    """How much code there is, and in which language."""
    language = _language(config)
    lines = code_lines(config.get("code"), _COMMENTS.get(language, "#"))
    return (
        f"{lines} {'line' if lines == 1 else 'lines'} of {LANGUAGES.get(language, language)}"
        if lines
        else "no code yet"
    )


def code_lines(source: Json, comment: str = "#") -> int:
    """Lines that hold more than a comment."""
    lines = source.splitlines() if isinstance(source, str) else []
    return sum(1 for line in lines if line.strip() and not line.lstrip().startswith(comment))


def _effects(config: JsonObject) -> tuple[Effect, ...]:
    source = config.get("code")
    if not isinstance(source, str) or not source.strip():
        return ()
    return (Effect("code"), Effect("http")) if _may_call_out(config) else (Effect("code"),)


def _may_call_out(stored: JsonObject) -> bool:
    """Only the document decides, never a value that comes in while it runs."""
    return stored.get("allow_http") is True


def _language(config: JsonObject) -> str:
    return str(config.get("language") or "python").strip().lower()


def _unreadable(source: str) -> list[FieldProblem]:
    try:
        ast.parse(source)
    except SyntaxError as error:
        message = f"Line {error.lineno or 1} cannot be read: {error.msg}. The block would report this error."
        return [FieldProblem("code", message, "warning", "bad-code")]
    except (ValueError, RecursionError, MemoryError) as error:
        return [FieldProblem("code", f"The code cannot be read: {error}.", "warning", "bad-code")]
    return []


BLOCK = BlockType(
    type="code",
    label="Code",
    description="Python or JavaScript",
    category="Data",
    icon="code",
    hue="amber",
    aliases=("function",),
    keywords=("python", "javascript", "script", "function", "transform", "calculate", "convert", "program", "data"),
    raw_fields=frozenset({"code"}),
    check=check,
    run=run,
    fields=(
        Field(
            "code",
            "Code",
            "code",
            help='Earlier results are in input_data, such as input_data["Start"]["output"]. '
            "Put what shall be passed on into output.",
            default=NEW_CODE,
            placeholder="output = 1 + 1",
            language_key="language",
            templates={"python": NEW_CODE, "javascript": NEW_JAVASCRIPT},
        ),
        Field(
            "language",
            "Language",
            "choice",
            default="python",
            choices=tuple(Choice(value, label) for value, label in LANGUAGES.items()),
            advanced=True,
        ),
        Field(
            "allow_http",
            _ALLOW_HTTP,
            "switch",
            help="The code then finds fetch(url), and answer.text and answer.json() of what it returns. "
            "The addresses of this computer and its network stay closed, as for a General API block.",
            advanced=True,
        ),
    ),
    output_fields=lambda _config: (
        OutputField("output", "any", "What the code put into output."),
        OutputField("error", "text", "What went wrong, only when something did."),
    ),
    summary=summary,
    effects=_effects,
    help="The code runs apart from this program: without files, without network, and with limits on time and memory. "
    "JavaScript finds the same names as Python.",
)
