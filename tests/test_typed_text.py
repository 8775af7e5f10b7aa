"""Typed text becomes what a person would say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visavis.models.spelling import spell
from visavis.models.typed_text import normalize


@pytest.mark.parametrize(
    ("typed", "spoken"),
    [
        ("What COLOR is this?", "what colour is this"),
        ("  how many\n\tare there ", "how many are there"),
        ("What\u2019s that", "what's that"),
        ("it's 'red'", "it's red"),
        ("Caf\u00e9 na\u00efve", "cafe naive"),
        ("3 squares", "three squares"),
        ("13 or 14", "thirteen or fourteen"),
        ("20 21 99", "twenty twenty one ninety nine"),
        ("07", "zero seven"),
        ("123", "one two three"),
        ("B4", "b four"),
        ("gray or grey", "gray or gray"),
        ("yes-no...maybe", "yes no maybe"),
        ("", ""),
        ("?!", ""),
        ("''", ""),
        ("\u65e5\u672c", ""),
    ],
)
def test_examples(typed: str, spoken: str) -> None:
    assert normalize(typed) == spoken


@given(st.text(max_size=60))
def test_whatever_is_typed_can_be_spelled(text: str) -> None:
    found = normalize(text)
    spell(found)
    assert found == " ".join(found.split())


@given(st.text(max_size=60))
def test_what_is_normal_stays(text: str) -> None:
    once = normalize(text)
    assert normalize(once) == once


@given(st.integers(0, 99))
def test_numbers_become_words(number: int) -> None:
    words = normalize(str(number))
    assert words.isascii() and words.replace(" ", "").isalpha()
