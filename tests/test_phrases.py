"""Phrases come early, in order, and add up to the answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visavis.runtime.phrases import PhraseSplitter


def split(*tokens: str, first: int = 4, later: int = 6) -> list[tuple[str, bool]]:
    splitter = PhraseSplitter(first, later)
    found: list[tuple[str, bool]] = []
    for index, token in enumerate(tokens):
        found += splitter.push(token, index == len(tokens) - 1)
    return found


@pytest.mark.parametrize(
    ("answer", "phrases"),
    [
        (" It is red.", ["It is red."]),
        (" It is red. And blue!", ["It is red.", "And blue!"]),
        (" Yes, it is.", ["Yes, it is."]),
        (" On the left, a cat.", ["On the left,", "a cat."]),
        (" One two three four five six seven", ["One two three four", "five six seven"]),
        (" One two three four five.", ["One two three four five."]),
        (" Pi is 3.14 or so.", ["Pi is 3.14 or so."]),
        (" ", []),
        ("", []),
    ],
)
def test_an_answer_is_cut_where_one_breathes(answer: str, phrases: list[str]) -> None:
    found = split(answer)
    assert [phrase for phrase, _ in found] == phrases
    assert [is_last for _, is_last in found] == [i == len(phrases) - 1 for i in range(len(phrases))]


def test_the_first_phrase_is_out_before_the_answer_is_over() -> None:
    splitter = PhraseSplitter(4, 6)
    assert splitter.push(" It is red.", False) == []
    assert splitter.push(" And", False) == [("It is red.", False)]
    assert splitter.push(" blue.", True) == [("And blue.", True)]
    assert splitter.push(" late", True) == []


@given(st.lists(st.sampled_from([" a", " cat", ",", ".", " is", " it", "?", " ", " 3.5"])))
def test_phrases_add_up_and_only_the_last_is_the_last(tokens: list[str]) -> None:
    found = split(*tokens, "")
    assert " ".join(p for p, _ in found).split() == "".join(tokens).split()
    assert all(phrase.strip() for phrase, _ in found)
    if found:
        assert [is_last for _, is_last in found] == [False] * (len(found) - 1) + [True]
