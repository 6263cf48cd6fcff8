"""Splitting a text into sentences by punctuation alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.llm.sentences import split_paragraph, split_paragraphs, split_sentences


@pytest.mark.parametrize(
    ("paragraph", "expected"),
    [
        ("The sea rises. It falls again!  Does it?", ["The sea rises.", "It falls again!", "Does it?"]),
        ("Dr. Smith met Mrs. Jones. They spoke.", ["Dr. Smith met Mrs. Jones.", "They spoke."]),
        ("Use boats, e.g. canoes. Others sink.", ["Use boats, e.g. canoes.", "Others sink."]),
        ("J. R. Tolkien wrote it. We read it.", ["J. R. Tolkien wrote it.", "We read it."]),
        ("It rose 3.5 metres. Then it fell.", ["It rose 3.5 metres.", "Then it fell."]),
        ("See Fig. 3 for more. It is clear.", ["See Fig. 3 for more.", "It is clear."]),
        ("The answer is no. Nobody came.", ["The answer is no.", "Nobody came."]),
        ("We met at 5 p.m. Everyone came.", ["We met at 5 p.m.", "Everyone came."]),
        ('"Stop!" he cried. "Why?" She left.', ['"Stop!" he cried.', '"Why?"', "She left."]),
        ("He waited ... and waited. Then left.", ["He waited ... and waited.", "Then left."]),
        ("Es kam z.B. Regen. Danach Sonne.", ["Es kam z.B. Regen.", "Danach Sonne."]),
        ("今天天气很好。我们去公园。「真的吗？」他说。", ["今天天气很好。", "我们去公园。", "「真的吗？」", "他说。"]),
        ("هل جاء؟ نعم جاء. ثم ذهب.", ["هل جاء؟", "نعم جاء.", "ثم ذهب."]),
        ("वह आया। वह गया।", ["वह आया।", "वह गया।"]),
    ],
)
def test_sentences_end_where_a_reader_ends_them(paragraph: str, expected: list[str]) -> None:
    """End marks of many scripts end a sentence; the dots of abbreviations, initials and numbers do not."""
    assert split_paragraph(paragraph) == expected


def test_wrapped_lines_are_one_paragraph() -> None:
    """Lines of a wrapped text are joined; blank lines, list items and headings stand alone."""
    text = "# Tides\nThe sea rises\nand falls.\n\nWhy:\n- the moon pulls\n- the sun pulls\n  as well"

    paragraphs = split_paragraphs(text)

    assert paragraphs == ["# Tides", "The sea rises and falls.", "Why:", "- the moon pulls", "- the sun pulls as well"]


def test_a_line_without_an_end_mark_is_a_heading() -> None:
    """A title is kept apart from the sentences under it."""
    sentences = split_sentences("How tides work\n\nThe moon pulls. The sun helps.", limit=10)

    assert [(sentence.text, sentence.is_heading) for sentence in sentences] == [
        ("How tides work", True),
        ("The moon pulls.", False),
        ("The sun helps.", False),
    ]


@given(st.text(alphabet=st.sampled_from("aB1 .!?\n。」\"')-#य।é"), max_size=200))
def test_nothing_but_white_space_is_lost(text: str) -> None:
    """All sentences together hold every character of the text that is no white space, in its order."""
    sentences = split_sentences(text, limit=10_000)

    assert "".join("".join(sentence.text.split()) for sentence in sentences) == "".join(text.split())
