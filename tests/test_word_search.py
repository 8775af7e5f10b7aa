"""Words found in letters: noise, missing letters, strangers, and the dictionary's file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from visavis.models.config import NANO
from visavis.models.dictionary import Dictionary
from visavis.models.spelling import spell
from visavis.models.word_search import WordSearch

SENTENCES = (
    "what colour is the circle",
    "what colour is the star",
    "how many stars are there",
    "is there a heart",
    "describe the object on the left",
)


def found(dictionary: Dictionary, letters: str, sure: float = 0.7) -> str:
    """What a search makes of these letters, each heard as surely as told."""
    search = WordSearch(dictionary)
    for letter in spell(letters):
        chances = np.full(NANO.classes, (1 - sure) / (NANO.classes - 1), np.float32)
        chances[letter] = sure
        search.feed(chances)
    return search.text()


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.count(SENTENCES * 3)


def histories(dictionary: Dictionary, sentences: Sequence[str]) -> Iterator[tuple[int, ...]]:
    """What stands before each word, up to three words of it."""
    for sentence in sentences:
        said = [len(dictionary.words), *map(dictionary.words.index, sentence.split())]
        for at in range(1, len(said)):
            yield tuple(said[max(0, at - 3) : at])


@pytest.mark.parametrize(
    ("heard", "wanted"),
    [
        ("what colour is the circle", "what colour is the circle"),
        ("wat color is the cicle", "what colour is the circle"),
        ("how many ztars are ther", "how many stars are there"),
        ("escribe the obbject on the leff", "describe the object on the left"),
        ("howmany stars are there", "how many stars are there"),
        ("what colour is the st", "what colour is the star"),
        ("is there a zzvqqkk", "is there a zzvqqkk"),
    ],
)
def test_the_likeliest_words_are_found(dictionary: Dictionary, heard: str, wanted: str) -> None:
    assert found(dictionary, heard) == wanted


def test_nothing_heard_is_nothing_said(dictionary: Dictionary) -> None:
    search = WordSearch(dictionary)
    assert search.text() == ""
    search.feed(np.eye(NANO.classes, dtype=np.float32)[spell("a")[0]])
    search.reset()
    assert search.text() == ""


def test_what_is_said_first_settles_while_the_rest_comes_in(dictionary: Dictionary) -> None:
    search, seen = WordSearch(dictionary), list[str]()
    for letter in spell("how many stars are there"):
        search.feed(np.eye(NANO.classes, dtype=np.float32)[letter])
        seen.append(search.text())
    assert seen[8].startswith("how many")
    assert all(text.startswith("how many") for text in seen[8:])


def test_a_long_utterance_costs_the_same_per_letter(dictionary: Dictionary) -> None:
    search = WordSearch(dictionary)
    for letter in spell("zzvqkk " * 40):
        search.feed(np.eye(NANO.classes, dtype=np.float32)[letter])
    assert search.hypotheses <= 8
    assert search.text().split()[-1] == "zzvqkk"


def test_a_dictionary_comes_back_from_its_file(dictionary: Dictionary, tmp_path: Path) -> None:
    path = tmp_path / "words.json"
    dictionary.save(path)
    again = Dictionary.load(path)
    assert again.words == dictionary.words
    for history in histories(dictionary, SENTENCES):
        np.testing.assert_allclose(again.after(history), dictionary.after(history), atol=0.06)


def test_surprises_are_chances(dictionary: Dictionary) -> None:
    for history in (*histories(dictionary, SENTENCES), (0, 1, 2), (5, 5, 5)):
        assert np.exp(-dictionary.after(history)).sum() == pytest.approx(1.0, rel=1e-4)


def test_words_further_back_count() -> None:
    """After "the" alone both are as likely; three words tell them apart."""
    dictionary = Dictionary.count(["where is the cat now", "here comes the dog now"] * 3)
    place = dictionary.words.index

    def surprise(history: str, word: str) -> float:
        return float(dictionary.after(tuple(map(place, history.split())))[place(word)])

    assert surprise("the", "cat") == pytest.approx(surprise("the", "dog"))
    assert surprise("is the", "cat") < surprise("the", "cat") < surprise("comes the", "cat")
    assert surprise("where is the", "cat") < surprise("is the", "cat")


def test_what_was_met_only_once_says_nothing_of_what_follows() -> None:
    dictionary = Dictionary.count(["where is the cat", "here comes the dog"])
    the, comes = (dictionary.words.index(word) for word in ("the", "comes"))
    np.testing.assert_array_equal(dictionary.after((comes, the)), dictionary.after((the,)))


def test_a_broken_dictionary_is_named(tmp_path: Path) -> None:
    path = tmp_path / "words.json"
    path.write_text("[]")
    with pytest.raises(ValueError, match=r"words\.json.*export the model again"):
        Dictionary.load(path)
    with pytest.raises(ValueError, match="make the dictionary again"):
        Dictionary(["a", "b"], np.zeros((2, 2), np.float32))
