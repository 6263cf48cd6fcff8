"""A text as paragraphs and sentences, by punctuation alone: no language is assumed and no data is needed."""

import re
from typing import NamedTuple


class Sentence(NamedTuple):
    """One sentence with its white space folded. `paragraph` counts from 0; a heading is a line without an end mark."""

    text: str
    paragraph: int
    is_heading: bool = False


def split_sentences(text: str, limit: int) -> list[Sentence]:
    """The first `limit` sentences in order. Nothing but white space is lost between them."""
    sentences: list[Sentence] = []
    for number, paragraph in enumerate(split_paragraphs(text)):
        is_heading = _is_heading(paragraph)
        pieces = [paragraph] if is_heading else split_paragraph(paragraph)
        sentences += [Sentence(piece, number, is_heading) for piece in pieces]
        if len(sentences) >= limit:
            break
    return sentences[:limit]


def split_paragraphs(text: str) -> list[str]:
    """Paragraphs with their lines joined. A blank line ends one; a heading mark or a list item begins one."""
    paragraphs: list[list[str]] = [[]]
    for line in text.splitlines():
        folded = " ".join(line.split())
        if not folded or _LINE_START.match(folded):
            paragraphs.append([])
        if folded:
            paragraphs[-1].append(folded)
        if folded.startswith("#"):
            paragraphs.append([])
    return [_join_lines(lines) for lines in paragraphs if lines]


def split_paragraph(paragraph: str) -> list[str]:
    """The sentences of one paragraph of folded text."""
    pieces: list[str] = []
    start = 0
    for match in _END.finditer(paragraph):
        if _ends_sentence(paragraph, match, start):
            pieces.append(paragraph[start : match.end()].strip())
            start = match.end()
    pieces.append(paragraph[start:].strip())
    return [piece for piece in pieces if piece]


def starts_without_space(sentence: str) -> bool:
    """Whether this sentence is of a script that puts no space between sentences."""
    return bool(_WIDE.match(sentence))


_CLOSING = "\"'”’»)\\]）」』】"
# Full stops of CJK text end a sentence with no space after them; all others need one.
_END = re.compile(rf"[。！？｡][{_CLOSING}]*|[.!?…।॥؟۔።։][.!?…]*[{_CLOSING}]*(?=\s)")
_LINE_START = re.compile(r"(?:#{1,6}|[-*•–·]|\(?\d{1,3}[.)])\s")
_WIDE = re.compile(r"[\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]")
_ENDED = re.compile(rf"[.!?…。！？｡।॥؟۔።։:;,][{_CLOSING}]*$")
_LAST_WORD = re.compile(r"[\w.&-]+$")
_LETTERS_WITH_DOTS = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]|[A-ZÀ-ÞА-Я]")
_MAX_HEADING_LENGTH = 120

_TITLES = (
    "dr mr mrs ms mx prof st sr jr gen col capt lt sgt rev hon pres gov sen rep messrs mme mlle sra srta dott sig ing"
)
_MIDDLE_WORDS = "vs cf al ca bzw usw z.b d.h u.a vgl evtl ggf bspw inkl resp approx viz p.ex p.e i.e e.g"
_ABBREVIATIONS = frozenset(f"{_TITLES} {_MIDDLE_WORDS}".split())
_NUMBERED = "no nos nr fig figs vol pp p art sec ch eq tab abb bd s núm jan feb aug sept oct nov dec"
_BEFORE_NUMBERS = frozenset(_NUMBERED.split())
_MAY_END = frozenset({"a.m", "p.m"})


def _join_lines(lines: list[str]) -> str:
    joined = lines[0]
    for line in lines[1:]:
        joined += line if _WIDE.match(joined[-1]) and _WIDE.match(line) else " " + line
    return joined


def _is_heading(paragraph: str) -> bool:
    if paragraph.startswith("#"):
        return True
    return len(paragraph) <= _MAX_HEADING_LENGTH and not _ENDED.search(paragraph)


def _ends_sentence(paragraph: str, match: re.Match[str], start: int) -> bool:
    mark, after = match.group(), paragraph[match.end() :]
    if mark[0] in "。！？｡":
        return True
    following = after.lstrip(" \"'“‘«([¿¡")[:1]
    if following.islower():
        return False
    return mark[0] != "." or mark.startswith("..") or not _is_abbreviation(paragraph[start : match.start()], following)


def _is_abbreviation(before: str, following: str) -> bool:
    """Whether the dot after `before` belongs to its last word."""
    found = _LAST_WORD.search(before)
    if found is None:
        return False
    word = found.group().lstrip(".-&")
    lower = word.casefold()
    if lower in _ABBREVIATIONS:
        return True
    if lower in _BEFORE_NUMBERS and following.isdigit():
        return True
    if not before[: found.start()].strip() and word.isdigit():
        return True  # the number of a list item
    return lower not in _MAY_END and lower != "i" and bool(_LETTERS_WITH_DOTS.fullmatch(word))
