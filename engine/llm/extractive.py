"""The offline model `local/extractive`: it selects the sentences that carry a text, and writes nothing itself.

It is the model of a fresh machine without key or network. Chosen sentences come word for word and in the order of the
text; about one in six, between 1 and 7, unless the prompt asks for a number of sentences, points or lines.
"""

import asyncio
import re
import threading
from collections.abc import Sequence
from typing import NamedTuple

from engine.document import JsonObject
from engine.errors import ModelError
from engine.llm.instruction import Task, read_task
from engine.llm.port import LOCAL_MODEL, Completion, ModelRequest, OnText
from engine.llm.sentences import Sentence, split_sentences, starts_without_space
from engine.llm.textrank import choose, rank, terms

MAX_CHARACTERS = 1_000_000
MAX_SENTENCES = 2_000
SHARE_KEPT = 0.17
MOST_KEPT = 7
_MIN_TERMS = 4
_BULLET = "- "
# A sentence that begins so speaks of the one before it, which may not be chosen. Other languages do without this hint.
_LEANS = re.compile(
    r"(?:he|she|it|they|his|her|its|their|this|that|these|those|such|however|therefore|thus|but|and|so|then|later|"
    r"elsewhere|also|er|sie|dies\w*|il|elle|ils|elles|ce|cette|ces|él|ella|ellos|este|esta|esto)\b",
    re.IGNORECASE,
)
_LEANING = 0.6


class Summary(NamedTuple):
    """`pieces` joined are the text: one for each sentence, with the space or line break before it."""

    pieces: list[str]
    usage: JsonObject


async def complete(request: ModelRequest, on_text: OnText) -> Completion:
    """The sentences that carry the text of the prompt, each told to `on_text` as it is given out.

    Raises:
        ModelError: there is no text in the prompt, or the answer is to fit a schema.
    """
    if request.schema is not None:
        raise ModelError(
            f"{LOCAL_MODEL} selects sentences and cannot answer in a given structure. Choose another model.",
            retryable=False,
        )
    summary = await _in_thread(request)
    for piece in summary.pieces:
        on_text(piece)
        await asyncio.sleep(0)  # lets a cancel in between two sentences
    return Completion("".join(summary.pieces), LOCAL_MODEL, summary.usage)


def summarize(request: ModelRequest, gone: threading.Event) -> Summary:
    """The summary that a prompt asks for; it is given up at the next step once `gone` is set."""
    task = read_task(request.prompt, request.system_prompt)
    if not task.text.strip():
        raise ModelError(_nothing_to_read(request.prompt), retryable=False)
    sentences = split_sentences(task.text[:MAX_CHARACTERS], MAX_SENTENCES + 1)
    told = [sentence for sentence in sentences[:MAX_SENTENCES] if not sentence.is_heading] or sentences
    chosen = told if len(told) <= 2 and task.wanted is None else _best(told, task, gone)
    pieces = _joined(_within(chosen, request.max_tokens), task.as_list)
    usage = _usage(_words(request.system_prompt) + _words(request.prompt), sum(map(_words, pieces)))
    note = _note(len(task.text), len(sentences))
    return Summary(pieces, {**usage, "note": note} if note else usage)


async def _in_thread(request: ModelRequest) -> Summary:
    """`summarize` off the event loop. A cancelled caller leaves at once, and the thread stops at its next step."""
    gone = threading.Event()
    try:
        return await asyncio.to_thread(summarize, request, gone)
    finally:
        gone.set()


def _best(sentences: list[Sentence], task: Task, gone: threading.Event) -> list[Sentence]:
    count = min(len(sentences), task.wanted or max(1, min(MOST_KEPT, round(len(sentences) * SHARE_KEPT))))
    if count == len(sentences):
        return sentences

    def stop() -> None:
        if gone.is_set():
            raise _Abandoned

    texts = [sentence.text for sentence in sentences]
    walk, likeness = rank(texts, _starts(sentences, task.instruction), stop)
    shares = [share * (_LEANING if _LEANS.match(text) else 1) for share, text in zip(walk, texts, strict=True)]
    candidates = [index for index, text in enumerate(texts) if _stands_alone(text)]
    if len(candidates) < count:
        candidates = list(range(len(sentences)))
    return [sentences[index] for index in choose(shares, likeness, candidates, count)]


class _Abandoned(Exception):
    """Nobody waits for this summary any more."""


def _starts(sentences: Sequence[Sentence], instruction: str) -> list[float]:
    """Where the walk begins: rather with an opening, of the text or a paragraph, and with words asked for."""
    wanted = set(terms(instruction))
    starts = []
    for index, sentence in enumerate(sentences):
        opens = index == 0 or sentences[index - 1].paragraph != sentence.paragraph
        asked = len(wanted.intersection(terms(sentence.text)))
        starts.append(1 + (2 if index == 0 else 0) + (0.5 if opens else 0) + 0.5 * asked)
    return starts


def _stands_alone(sentence: str) -> bool:
    """Whether a sentence can be read without its neighbours: long enough, neither a question nor a lead-in."""
    return len(terms(sentence)) >= _MIN_TERMS and not sentence.endswith(("?", "？", ":", "："))


def _within(sentences: list[Sentence], max_words: int | None) -> list[Sentence]:
    """The first sentences that fit into so many words; at least one."""
    if max_words is None:
        return sentences
    kept: list[Sentence] = []
    words = 0
    for sentence in sentences:
        words += _words(sentence.text)
        if kept and words > max_words:
            break
        kept.append(sentence)
    return kept


def _joined(sentences: Sequence[Sentence], as_list: bool) -> list[str]:
    texts = [sentence.text for sentence in sentences]
    if as_list:
        return [("\n" if index else "") + _BULLET + text.removeprefix(_BULLET) for index, text in enumerate(texts)]
    return [("" if index == 0 or starts_without_space(text) else " ") + text for index, text in enumerate(texts)]


def _usage(asked: int, answered: int) -> JsonObject:
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}


def _note(characters: int, sentences: int) -> str:
    if characters > MAX_CHARACTERS:
        return f"Only the first {MAX_CHARACTERS:,} of {characters:,} characters were read."
    return f"Only the first {MAX_SENTENCES:,} sentences were considered." if sentences > MAX_SENTENCES else ""


def _words(text: str) -> int:
    return len(text.split())


def _nothing_to_read(prompt: str) -> str:
    if not prompt.strip():
        return "The prompt is empty: give it the text to summarize, or a reference to it such as <Start.output.text>."
    return (
        f"{LOCAL_MODEL} only selects sentences from a text, and the prompt {_shortened(prompt)!r} holds none: add the "
        "text or a reference to it, or choose a model that writes."
    )


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"
