"""Answers that call a function, and outputs that are said word by word."""

from __future__ import annotations

import json

import pytest

from visavis.models.lexicon import DATE, MAYBE, RECALL, REMEMBER, TIME, Lexicon
from visavis.models.tool_words import ToolWords
from visavis.runtime.tools import BUILTIN

WORDS = [
    "It",
    "is",
    "red",
    "orange",
    "circle",
    "key",
    "letter",
    "A",
    "number",
    "five",
    "I",
    "will",
    "your",
    ".",
    ",",
    "maybe",
]
LEXICON = Lexicon.of([*WORDS, TIME, DATE, REMEMBER, RECALL])


def said(text: str) -> list[int]:
    return LEXICON.encode(text.split())


@pytest.mark.parametrize(
    ("answer", "name", "arguments"),
    [
        (TIME, "get_time", {}),
        (DATE, "get_date", {}),
        (f"{TIME} red .", "get_time", {}),
        (f"{REMEMBER} key red circle", "remember", {"name": "key", "value": "a red circle"}),
        (f"{REMEMBER} key orange circle", "remember", {"name": "key", "value": "an orange circle"}),
        (f"{REMEMBER} key letter A .", "remember", {"name": "key", "value": "the letter A"}),
        (f"{REMEMBER} key {MAYBE} red", "remember", {"name": "key", "value": "a red"}),
        (f"{REMEMBER} key", "remember", {"name": "key", "value": ""}),
        (REMEMBER, "remember", {"name": "", "value": ""}),
        (f"{RECALL} key", "recall", {"name": "key"}),
        (RECALL, "recall", {"name": ""}),
    ],
)
def test_an_answer_that_begins_with_a_special_word_calls(
    answer: str, name: str, arguments: dict[str, str]
) -> None:
    called = ToolWords(LEXICON).call(said(answer))
    assert called is not None and called[0] == name
    assert json.loads(called[1]) == arguments


@pytest.mark.parametrize("answer", ["", "It is red .", f"It is {TIME}"])
def test_any_other_answer_calls_nothing(answer: str) -> None:
    subject = ToolWords(LEXICON)
    assert not subject.is_call(said(answer)) and subject.call(said(answer)) is None


def test_weights_that_never_learned_the_words_call_nothing() -> None:
    plain = ToolWords(Lexicon.of(WORDS))
    assert plain.calls == frozenset() and plain.words == ()
    assert plain.call([LEXICON.encode(["red"])[0]]) is None
    assert ToolWords(LEXICON).calls == frozenset(BUILTIN)


def test_an_output_is_said_word_by_word_and_known_words_are_kept() -> None:
    recital = ToolWords(LEXICON).recitation("I will remember your key: a red circle.", 60)
    words: list[str] = []
    while (piece := recital.next()) is not None:
        words.append(piece[0])
    assert "".join(words) == "I will remember your key: a red circle."
    everything = "I will your key red circle ."
    assert recital.heard("I will remember your key: a red circle.") == said(everything)
    assert recital.heard("I will remember your") == said("I will your")
    assert recital.heard(" I will remem") == said("I will")  # a word that was begun counts
    assert recital.heard("") == []


def test_only_so_many_words_are_kept() -> None:
    recital = ToolWords(LEXICON).recitation("red red red red", 2)
    while recital.next() is not None:
        pass
    assert recital.heard("red red red red") == said("red red")


def test_capitals_are_no_reason_to_forget_a_word() -> None:
    recital = ToolWords(LEXICON).recitation("Red it", 9)
    kept = [known for _ in range(2) if (piece := recital.next()) for known in piece[1]]
    assert kept == said("red")  # "it" the lexicon has only at the start of a sentence
