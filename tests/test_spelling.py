"""Letters, their classes, and where words lie."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visavis.models.spelling import BLANK, LETTERS, LONGEST, SPACE, spell, unspell, word_spans

texts = st.text(LETTERS, max_size=80)


@given(texts)
def test_spelling_and_back(text: str) -> None:
    assert unspell(spell(text)) == text


def test_blanks_are_not_written() -> None:
    assert unspell([BLANK, *spell("a"), BLANK, BLANK, *spell("b")]) == "ab"


@pytest.mark.parametrize("text", ["Hello", "two 2", "what?"])
def test_what_cannot_be_spelled_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="normalise it first") as error:
        spell(text)
    assert repr(text) in str(error.value)


@given(texts)
def test_spans_are_the_words(text: str) -> None:
    classes = spell(text)
    spans = word_spans(classes)
    assert all(0 < end - start <= LONGEST for start, end in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    # Everything that is not a space lies in one span, and no space does.
    inside = {at for start, end in spans for at in range(start, end)}
    assert inside == {at for at, letter in enumerate(classes) if letter != SPACE}
    if all(len(word) <= LONGEST for word in text.split()):
        assert [text[start:end] for start, end in spans] == text.split()


def test_a_long_word_is_read_in_pieces() -> None:
    assert word_spans(spell("a" * 16 + " b")) == [(0, 16), (17, 18)]
    assert word_spans(spell("a" * 40)) == [(0, 16), (16, 32), (32, 40)]
