"""Words to indices, back, and into sentences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visavis.models.lexicon import ASK, CAMERA_OFF, END, MARKS, SILENT, WAIT, Lexicon

LEXICON = Lexicon.of(["two", "red", "squares", ".", ","])


def test_marks_come_first() -> None:
    assert [LEXICON.words[i] for i in (END, ASK, WAIT, SILENT, CAMERA_OFF)] == list(MARKS)
    assert len(LEXICON) == len(MARKS) + 5
    with pytest.raises(ValueError, match="begins with"):
        Lexicon(["two", "red"])


@given(st.lists(st.sampled_from(LEXICON.words), max_size=9))
def test_there_and_back(words: list[str]) -> None:
    assert [LEXICON.words[i] for i in LEXICON.encode(words)] == words


def test_a_word_that_is_not_there_is_named() -> None:
    with pytest.raises(KeyError, match="mauve"):
        LEXICON.encode(["two", "mauve"])


def test_words_make_a_sentence() -> None:
    said = LEXICON.encode(["two", "red", ",", "squares", "."])
    assert "".join(LEXICON.text(w, not i) for i, w in enumerate(said)) == "two red, squares."
