"""The letters a transcript is written in, and where its words lie. Plain data: no framework here."""

from __future__ import annotations

from collections.abc import Sequence

LETTERS = " abcdefghijklmnopqrstuvwxyz'"
"""What the transcript is written in; CTC's blank is index 0, letter i of this string is i + 1."""

BLANK = 0

LONGEST = 16
"""Letters after which a word is read in pieces."""

SPACE = 1
"""Class index of the space between words."""


def word_spans(classes: Sequence[int]) -> list[tuple[int, int]]:
    """Where words lie in a row of letter classes: (start, end) without their spaces, none longer
    than LONGEST."""
    spans: list[tuple[int, int]] = []
    start = 0
    for at, letter in enumerate([*classes, SPACE]):
        if letter == SPACE or at - start == LONGEST:
            if at > start:
                spans.append((start, at))
            start = at + 1 if letter == SPACE else at
    return spans


def spell(text: str) -> list[int]:
    """Class indices of a normalised text; raises ValueError naming a letter that can't be written."""
    try:
        return [LETTERS.index(letter) + 1 for letter in text]
    except ValueError:
        bad = sorted({letter for letter in text if letter not in LETTERS})
        raise ValueError(
            f"text {text!r} holds {bad}: only a-z, apostrophe and space can be spelled; "
            "normalise it first"
        ) from None


def unspell(classes: list[int]) -> str:
    """The text of class indices without blanks."""
    return "".join(LETTERS[index - 1] for index in classes if index != BLANK)
