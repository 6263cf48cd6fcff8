"""The offline model: it selects sentences word for word, and never repeats the instruction."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ModelError
from engine.llm import DEFAULT_MODEL, Completion, ModelRequest, Models, ModelSettings
from engine.llm.extractive import MAX_SENTENCES
from engine.llm.instruction import read_task, separate
from engine.llm.sentences import split_sentences

ARTICLE = (Path(__file__).parents[2] / "resources/examples/harbour-article.txt").read_text(encoding="utf-8")


def ask(prompt: str, **fields: object) -> Completion:
    request = ModelRequest(DEFAULT_MODEL, prompt, **fields)  # type: ignore[arg-type]
    return asyncio.run(Models(ModelSettings(use_keyring=False)).complete(request))


def sentences_of(text: str) -> list[str]:
    return [sentence.text for sentence in split_sentences(text, limit=5000)]


def test_summary_is_made_of_the_texts_own_sentences_in_their_order() -> None:
    """About one sentence in six is chosen, word for word, and the order of the text is kept."""
    original = sentences_of(ARTICLE)

    chosen = sentences_of(ask(ARTICLE).text)

    positions = [original.index(sentence) for sentence in chosen]
    assert positions == sorted(positions)
    assert 0.1 * len(original) <= len(chosen) <= 7


def test_summary_is_the_same_every_time() -> None:
    """The same text gives the same summary."""
    assert ask(ARTICLE) == ask(ARTICLE)


@pytest.mark.parametrize(
    ("instruction", "count"),
    [
        ("Summarize in 3 sentences: {text}", 3),
        ("Summarise the following article in five sentences.\n\n{text}", 5),
        ("Please give me the two most important points of this text:\n\n{text}", 2),
        ('You are an editor. Condense this in one sentence: """{text}"""', 1),
        ("{text}\n\nSummarize the text above in four sentences.", 4),
        ("<article>\n{text}\n</article>\nExtract 6 key points.", 6),
        ("Fasse den folgenden Text in drei Sätzen zusammen:\n\n{text}", 3),
        ("Résume ce texte en 2 phrases :\n\n{text}", 2),
    ],
)
def test_number_of_sentences_is_honoured(instruction: str, count: int) -> None:
    """A number in the instruction decides how many sentences come back, and the instruction is none of them."""
    answer = ask(instruction.format(text=ARTICLE)).text

    lines = answer.splitlines() if answer.startswith("- ") else sentences_of(answer)
    assert len(lines) == count
    assert all(line.removeprefix("- ") in sentences_of(ARTICLE) for line in lines)


def test_number_in_the_system_prompt_counts_too() -> None:
    """A system prompt may say how many, where the prompt says nothing."""
    assert len(sentences_of(ask(ARTICLE, system_prompt="You summarise texts in two sentences.").text)) == 2


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("Summarize: The sea rises.", "The sea rises."),
        ("Summarize this text.\nThe sea rises.", "The sea rises."),
        ("Note: the sea rises. It falls.", "Note: the sea rises. It falls."),
        ("Listening to the sea, he slept. It rose.", "Listening to the sea, he slept. It rose."),
        ("The list: apples and pears.", "The list: apples and pears."),
        ("用三句话总结以下内容：海水上升。", "海水上升。"),
        ("Summarize the following text:", ""),
    ],
)
def test_instruction_is_told_from_the_text(prompt: str, text: str) -> None:
    """Only a wish about the text is taken off; a text that happens to hold a colon or a verb stays whole."""
    assert separate(prompt)[1] == text


def test_points_come_as_a_list() -> None:
    """Who asks for points gets one a line."""
    assert read_task("List the 3 key points: The sea rises.").as_list
    assert ask(f"List the 3 key points of this text:\n\n{ARTICLE}").text.count("\n- ") == 2


@pytest.mark.parametrize("text", ["The sea rises.", "The sea rises. It falls again.", "潮が満ちる。"])
def test_short_text_comes_back_as_it_is(text: str) -> None:
    """There is nothing to leave out of one or two sentences."""
    assert ask(f"Summarize: {text}").text == text


def test_text_of_a_script_without_spaces_is_summarized() -> None:
    """Chinese sentences are found, compared and joined without spaces."""
    text = (
        "潮汐由月球引起。月球的引力拉动海水。太阳的引力也拉动海水。港口每天记录潮汐的高度。船长阅读潮汐表。猫在睡觉。"
    )

    answer = ask(f"用两句话总结：{text}").text

    assert len(sentences_of(answer)) == 2
    assert "潮汐" in answer
    assert " " not in answer


def test_pieces_told_on_the_way_are_the_answer() -> None:
    """Each sentence is told as it is given out; together they are the text."""
    pieces: list[str] = []
    request = ModelRequest(DEFAULT_MODEL, ARTICLE)

    answer = asyncio.run(Models(ModelSettings(use_keyring=False)).complete(request, pieces.append))

    assert len(pieces) > 1
    assert "".join(pieces) == answer.text


def test_usage_counts_words() -> None:
    """The offline model has no tokens; it counts words under the platform's names."""
    usage = ask("Summarize: The sea rises.").usage

    assert usage == {"prompt_tokens": 4, "completion_tokens": 3, "total_tokens": 7}


def test_usage_says_when_a_long_text_was_cut() -> None:
    """A text beyond the limits is summarized from its beginning, and the usage says so."""
    usage = ask("The sea rises slowly today. " * (MAX_SENTENCES + 10)).usage

    assert usage is not None
    assert "2,000 sentences" in usage["note"]


def test_answer_is_cut_at_whole_sentences() -> None:
    """`max_tokens` limits the words, but a sentence is never cut in two."""
    assert len(sentences_of(ask(ARTICLE, max_tokens=10).text)) == 1


@pytest.mark.parametrize("prompt", ["", "  \n", "Summarize the following text:"])
def test_prompt_without_text_is_an_error_that_helps(prompt: str) -> None:
    """Nothing to summarize is said in words, and trying again is not suggested."""
    with pytest.raises(ModelError, match=r"text to summarize|add the text") as caught:
        ask(prompt)

    assert not caught.value.retryable


def test_answer_in_a_structure_is_refused() -> None:
    """It cannot fill a schema, and says which model could."""
    with pytest.raises(ModelError, match="another model"):
        ask(ARTICLE, schema={"type": "object"})


def test_cancel_ends_the_wait() -> None:
    """A cancelled caller gets no more pieces."""

    async def cancel_at_first_piece() -> list[str]:
        pieces: list[str] = []

        def on_text(piece: str) -> None:
            pieces.append(piece)
            task.cancel()

        models = Models(ModelSettings(use_keyring=False))
        task = asyncio.ensure_future(models.complete(ModelRequest("", ARTICLE), on_text))
        with pytest.raises(asyncio.CancelledError):
            await task
        return pieces

    assert len(asyncio.run(cancel_at_first_piece())) == 1


@given(st.text(max_size=400), st.text(max_size=40))
def test_any_text_is_answered_from_itself(text: str, system_prompt: str) -> None:
    """Whatever the prompt is, the answer is made of it, or the error is one that can be shown."""
    try:
        answer = ask(text, system_prompt=system_prompt).text
    except ModelError:
        return

    left = "".join(text.split())
    for sentence in answer.removeprefix("- ").split("\n- "):
        assert "".join(sentence.split()) in left or all(
            "".join(part.text.split()) in left for part in split_sentences(sentence, 100)
        )
