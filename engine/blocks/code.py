"""Code: a few lines of Python between two blocks, run in a process of its own."""

import ast

from engine.blocks._fields import Choice, Field
from engine.blocks._spec import BlockContext, BlockType, Effect, FieldProblem, Outcome, OutputField
from engine.document import Json, JsonObject

MAX_CHECKED = 100_000
NEW_CODE = """\
# input_data holds what the blocks before gave, by their names:
#   input_data["Start"]["output"]
# What you put into output is passed on.
results = list(input_data.values())
output = results[-1].get("output") if results else None
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
        language=str(config.get("language") or "python"),
        imports=preloaded(config),
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
    """Whether Python can read the code. It is only read here, never run."""
    source = config.get("code")
    if not isinstance(source, str) or config.get("language") not in (None, "", "python") or len(source) > MAX_CHECKED:
        return []
    try:
        ast.parse(source)
    except SyntaxError as error:
        message = f"Line {error.lineno or 1} cannot be read: {error.msg}. The block would report this error."
        return [FieldProblem("code", message, "warning", "bad-code")]
    except (ValueError, RecursionError, MemoryError) as error:
        return [FieldProblem("code", f"The code cannot be read: {error}.", "warning", "bad-code")]
    return []


def summary(config: JsonObject) -> str:
    """How much code there is."""
    lines = code_lines(config.get("code"))
    return f"{lines} {'line' if lines == 1 else 'lines'} of Python" if lines else "no code yet"


def _effects(config: JsonObject) -> tuple[Effect, ...]:
    source = config.get("code")
    return (Effect("code"),) if isinstance(source, str) and source.strip() else ()


def code_lines(source: Json) -> int:
    """Lines that hold more than a comment."""
    lines = source.splitlines() if isinstance(source, str) else []
    return sum(1 for line in lines if line.strip() and not line.lstrip().startswith("#"))


BLOCK = BlockType(
    type="code",
    label="Code",
    description="A few lines of Python",
    category="Data",
    icon="code",
    hue="amber",
    aliases=("function",),
    keywords=("python", "script", "function", "transform", "calculate", "convert", "program", "data"),
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
        ),
        Field(
            "language",
            "Language",
            "choice",
            default="python",
            choices=(Choice("python", "Python"),),
            advanced=True,
        ),
    ),
    output_fields=lambda _config: (
        OutputField("output", "any", "What the code put into output."),
        OutputField("error", "text", "What went wrong, only when something did."),
    ),
    summary=summary,
    effects=_effects,
    help="The code runs apart from this program: without files, without network, and with limits on time and memory.",
)
