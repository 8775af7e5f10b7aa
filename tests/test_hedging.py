""" "Maybe" comes before a fact that is not believed, once, and nowhere else."""

from __future__ import annotations

import pytest

from visavis.models.hedging import FACTS, Hedging
from visavis.models.lexicon import MARKS, MAYBE, Lexicon

LEXICON = Lexicon.of(["It", "is", "red", "A", "I", "Yes", "circles", ".", MAYBE])


def word(text: str) -> int:
    return LEXICON.encode([text])[0]


@pytest.mark.parametrize(
    ("text", "chance", "is_hedged", "is_due"),
    [
        ("red", 0.49, False, True),
        ("red", 0.5, False, False),
        ("red", 0.1, True, False),  # once
        ("is", 0.1, False, False),  # no fact
        ("A", 0.1, False, True),
        ("I", 0.1, False, False),  # the speaker
        ("Yes", 0.1, False, True),
        ("circles", 0.1, False, False),  # training hedges what there is one of
        (".", 0.1, False, False),
        (MAYBE, 0.1, False, False),
    ],
)
def test_what_is_hedged(text: str, chance: float, is_hedged: bool, is_due: bool) -> None:
    assert Hedging(LEXICON, 0.5).is_due(word(text), chance, is_hedged) == is_due


def test_never_without_the_word_or_with_a_threshold_of_nothing() -> None:
    without = Lexicon.of(["red"])
    assert Hedging(without, 0.5).word is None
    assert not Hedging(without, 0.5).is_due(len(MARKS), 0.0, False)
    assert Hedging(LEXICON, 0.0).word is None
    assert not Hedging(LEXICON, 0.0).is_due(word("red"), 0.0, False)


def test_facts_are_plain_lower_case_words() -> None:
    assert all(fact.isalpha() and fact.islower() for fact in FACTS)
    assert {"red", "square", "three", "left", "no"} <= FACTS
