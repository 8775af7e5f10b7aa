"""Random words that a voice can say: what a model without training has to tell."""

from __future__ import annotations

ONSETS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z")
VOWELS = ("a", "e", "i", "o", "u")
SHORTEST, LENGTHS = 6, 8
"""Words of the shortest answer, and how many lengths there are."""


def word(token: int) -> str:
    """A word of two syllables or more; different tokens have different words."""
    syllables: list[str] = []
    rest = token
    while rest or len(syllables) < 2:
        rest, syllable = divmod(rest, len(ONSETS) * len(VOWELS))
        onset, vowel = divmod(syllable, len(VOWELS))
        syllables.append(ONSETS[onset] + VOWELS[vowel])
    return "".join(syllables)


def answer_words(first: int) -> int:
    """How many words an answer has that begins with this token: 6 to 13, evenly."""
    return SHORTEST + (first * 2_654_435_761 >> 7) % LENGTHS


def typed_tokens(text: str, words: int, marks: int, limit: int) -> list[int]:
    """A token for each word of a text, the same in every process."""
    tokens: list[int] = []
    for each in text.split()[:limit]:
        number = 0
        for letter in each.lower():
            number = (number * 131 + ord(letter)) % 1_000_003
        tokens.append(marks + number % (words - marks))
    return tokens
