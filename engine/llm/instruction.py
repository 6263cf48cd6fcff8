"""A prompt taken apart: what is asked for, and the text it is asked about.

The offline model follows two wishes only, how many sentences and whether as a list; it must never mistake the wish
for a part of the text.
"""

import re
from typing import NamedTuple


class Task(NamedTuple):
    """`wanted` is the number of sentences asked for, None when none is named; `as_list` asks for one point a line."""

    text: str
    instruction: str = ""
    wanted: int | None = None
    as_list: bool = False


def read_task(prompt: str, system_prompt: str = "") -> Task:
    """What a prompt asks for. The system prompt only counts where the prompt itself says nothing about it."""
    instruction, text = separate(prompt)
    wanted = asked_count(instruction)
    if wanted is None:
        wanted = asked_count(system_prompt)
    as_list = bool(_LIST.search(instruction) or _LIST.search(system_prompt))
    return Task(text, instruction, wanted, as_list)


def separate(prompt: str) -> tuple[str, str]:
    """The instruction in a prompt and the text it is about; either may be empty.

    An instruction stands before the text (ended by a colon, a blank line or a full stop), after it in a paragraph of
    its own, or around a text in quotes, fences or tags.
    """
    prompt = prompt.strip()
    for rule in (_fenced, _first_line, _first_sentence, _last_paragraph):
        found = rule(prompt)
        if found is not None:
            return found
    if (
        len(prompt) <= _MAX_INSTRUCTION
        and not _SENTENCE_END.search(prompt)
        and _is_wish(prompt)
        and _names_text(prompt)
    ):
        return prompt, ""
    return "", prompt


def asked_count(instruction: str) -> int | None:
    """How many sentences, points or lines an instruction names; at least 1, None when it names no number."""
    match = _COUNT.search(instruction)
    if match is not None:
        word = match.group("number").casefold()
        return max(1, min(_MAX_COUNT, int(word) if word.isdecimal() else _NUMBERS[word]))
    match = _CJK_COUNT.search(instruction)
    if match is None:
        return None
    digits = match.group(1)
    if digits in _TWO:
        return 2
    return max(1, min(_MAX_COUNT, int(digits) if digits.isdecimal() else _CJK_DIGITS.index(digits) + 1))


_MAX_INSTRUCTION = 600
_MAX_COUNT = 100
_SENTENCE_END = re.compile(r"[.!?]\s+|[。！？](?=.)")
_COLON = re.compile(r":\s+(?=\S)|：\s*(?=\S)")
_FENCE_START = re.compile(r'"""|```[^\n]*\n|<(?P<tag>[A-Za-z_]{2,20})>')
_WISH_WORDS = (
    r"summ?ari[sz]\w*|summary|shorten|condense|abridge|"
    r"(?:sum up|boil down|outline|extract|list|give|write|tell|pick|select|find|highlight|tl;?dr|"
    r"key (?:points?|sentences?|takeaways?)|in (?:a|one|two|three|four|five|\d+) \w+|"
    r"fais|faites|donne|donnez|fasse?|gib|nenne|kürze)\b|"
    r"résum\w*|resum\w*|riassum\w*|sintetizza|zusammenfass\w*|podsumuj|streść|"
    r"vat samen|сократи\w*|кратк\w*|резюм\w*|перескажи|обобщи|özetle"
)
# In scripts without spaces a verb may stand anywhere in its sentence.
_UNSPACED_WISH = r"要約|要点|まとめ|总结|總結|概括|摘要|요약|सारांश"
_POLITE = r"(?:(?:please|kindly|now|can you|could you|would you|bitte|por favor|s'il (?:te|vous) plaît)[\s,]+)*"
_ROLE = r"(?:you are [^.\n]{1,200}\.\s+)?"
_WISH = re.compile(rf"\W*{_ROLE}{_POLITE}(?:{_WISH_WORDS})|[^.:：。\n]{{0,40}}(?:{_UNSPACED_WISH})", re.IGNORECASE)
_WISH_ANYWHERE = re.compile(rf"\b(?:{_WISH_WORDS})|{_UNSPACED_WISH}", re.IGNORECASE)
_POINTS_AT_TEXT = re.compile(
    r"\b(?:following|below|above|this|these|article|text|document|passage|story|report|folgende\w*|diesen?|suivant|siguiente|"
    r"seguente)\b|以下|次の|下面|本文",
    re.IGNORECASE,
)
_NUMBERS = {
    word: value
    for value, words in enumerate(
        (
            "a an one single un une ein eine einem einen uno una один одном",
            "two dos deux zwei due два двух",
            "three tres trois drei tre три трех трёх",
            "four cuatro quatre vier quattro четыре",
            "five cinco cinq fünf cinque пять пяти",
            "six seis sechs sei",
            "seven siete sept sieben sette",
            "eight ocho huit acht otto",
            "nine nueve neuf neun nove",
            "ten diez dix zehn dieci",
        ),
        start=1,
    )
    for word in words.split()
}
_UNITS = (
    r"sentences?|points?|bullets?|bullet-points?|lines?|takeaways?|phrases?|frases?|oraciones|oración|sätzen?|satz|punkten?|"
    r"stichpunkten?|puntos?|frasi|punti|предложени\w+|пункт\w*|zinnen|zdani\w+"
)
_COUNT = re.compile(
    rf"\b(?P<number>\d{{1,4}}|{'|'.join(sorted(_NUMBERS, key=len, reverse=True))})"
    rf"(?:[\s-]+(?!to\b|or\b)[\w-]+){{0,2}}?[\s-]+(?:{_UNITS})\b",
    re.IGNORECASE,
)
_CJK_DIGITS = "一二三四五六七八九十"
_TWO = "两兩"
_CJK_COUNT = re.compile(rf"(\d{{1,3}}|[{_CJK_DIGITS}{_TWO}])\s*(?:つの|個の|个|條|条)?\s*(?:句|文|点|點|ポイント|문장)")
_LIST = re.compile(
    r"\b(?:bullets?|bullet-points?|points|list|stichpunkten?|puntos|punti)\b|箇条書き|要点|列表", re.IGNORECASE
)


def _is_wish(text: str) -> bool:
    return bool(_WISH.match(text))


def _fenced(prompt: str) -> tuple[str, str] | None:
    """A text in quotes, fences or tags that stands alone or has a wish around it."""
    start = _FENCE_START.search(prompt, 0, _MAX_INSTRUCTION)
    if start is None:
        return None
    closing = f"</{start['tag']}>" if start["tag"] else start.group()[:3]
    end = prompt.rfind(closing, start.end())
    if end < 0:
        return None
    around = f"{prompt[: start.start()]} {prompt[end + len(closing) :]}".strip()
    if len(around) > _MAX_INSTRUCTION or (around and not _WISH_ANYWHERE.search(around)):
        return None
    return around, prompt[start.end() : end].strip()


def _first_line(prompt: str) -> tuple[str, str] | None:
    """`Summarize in 3 sentences: text`, or a first line that is a wish or ends with a colon."""
    colon = _COLON.search(prompt, 0, _MAX_INSTRUCTION)
    if colon is not None and _is_wish(head := prompt[: colon.start()]) and "\n\n" not in head:
        return head.strip(), prompt[colon.end() :].strip()
    head, mark, rest = prompt.partition("\n")
    head = head.strip()
    if not mark or len(head) > _MAX_INSTRUCTION:
        return None
    is_whole_paragraph = rest.startswith(("\n", " \n", "\r\n"))
    if head.endswith((":", "：")) and (is_whole_paragraph or _WISH_ANYWHERE.search(head)):
        return head, rest.strip()
    return (head, rest.strip()) if _is_wish(head) and _names_text(head) else None


def _first_sentence(prompt: str) -> tuple[str, str] | None:
    """`Please summarize this article. Text`: a first sentence that asks, and points at what follows."""
    match = _SENTENCE_END.search(prompt[:_MAX_INSTRUCTION])
    if match is None:
        return None
    head, rest = prompt[: match.end()].strip(), prompt[match.end() :].strip()
    return (head, rest) if rest and _is_wish(head) and _names_text(head) else None


def _last_paragraph(prompt: str) -> tuple[str, str] | None:
    """A text with the wish after it, in a paragraph of its own."""
    text, mark, tail = prompt.rpartition("\n")
    tail = tail.strip()
    if mark and text.strip() and len(tail) <= _MAX_INSTRUCTION and _is_wish(tail) and _names_text(tail):
        return tail, text.strip()
    return None


def _names_text(head: str) -> bool:
    return bool(_POINTS_AT_TEXT.search(head)) or asked_count(head) is not None or len(head.split()) <= 2
