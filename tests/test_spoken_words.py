"""Letters of an utterance become words and a transcript, however often that is asked for."""

from __future__ import annotations

import numpy as np
import pytest
from embedded_fakes import weights

from visavis.models.dictionary import Dictionary
from visavis.models.networks import Floats
from visavis.models.spelling import BLANK, LONGEST, spell
from visavis.models.spoken_words import SpokenWords, letter_of
from visavis.models.word_search import WordSearch

CONFIG = weights().config
LATENT = np.zeros(CONFIG.audio_width, np.float32)


def letters(text: str, sure: float = 0.9) -> list[Floats]:
    """A posterior [1, C] for each letter of a text, with a blank before each."""
    found: list[Floats] = []
    for letter in spell(text):
        for one in (BLANK, letter):
            chances = np.full((1, CONFIG.classes), (1 - sure) / (CONFIG.classes - 1), np.float32)
            chances[0, one] = sure
            found.append(chances)
    return found


def silence() -> Floats:
    return letters("a")[0]


def hear(words: SpokenWords, text: str) -> list[str]:
    """What a person says; the words that are complete."""
    return [
        "".join(letter_of(chance) for chance, _ in word)
        for chances in letters(text)
        for word in words.feed(chances, LATENT)
    ]


def test_a_word_is_complete_with_the_space_behind_it() -> None:
    words = SpokenWords()
    assert hear(words, "what is it") == ["what", "is"]
    assert "".join(letter_of(chance) for chance, _ in words.open_word()) == "it"
    assert words.spelled == words.transcript() == "what is it"
    words.reset()
    assert (words.spelled, words.open_word()) == ("", [])


def test_a_word_without_end_is_cut() -> None:
    assert hear(SpokenWords(), "a" * LONGEST + "b") == ["a" * LONGEST]


class Counting(WordSearch):
    """Counts what it is asked."""

    asked = 0

    def text(self, then: Floats | None = None) -> str:
        Counting.asked += 1
        return super().text(then)


def test_the_search_is_asked_only_when_something_was_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("visavis.models.spoken_words.WordSearch", Counting)
    Counting.asked = 0
    words = SpokenWords(Dictionary.count(["what is it", "what colour is it"]))
    fresh = SpokenWords(Dictionary.count(["what is it", "what colour is it"]))
    for text in ("wat is", " it"):
        hear(words, text)
        hear(fresh, text)
        first = words.transcript()
        assert words.transcript() == first
        for _ in range(5):
            list(words.feed(silence(), LATENT))
            words.transcript()
    assert words.transcript() == fresh.transcript() == "what is it"
    assert Counting.asked <= 2 * 2 + 1, "twice for each text: with its last letter open, and closed"
    words.reset()
    assert words.transcript() == ""
